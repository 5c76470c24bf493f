# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The report's rows as a table for a terminal."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

COLUMNS = ("NODE", "POD", "CONTAINER", "JOB OBJECT", "PROCESSES", "CPU", "MEMORY", "VERDICT")
NOTHING = "-"
# "JobContainer_" and twelve digits of the id: what people compare with crictl's short ids.
JOB_NAME_WIDTH = len("JobContainer_") + 12
TEXT_WIDTH = 48


def table(rows: Iterable[Mapping[str, Any]]) -> str:
    """Return the rows as text, a line each, under a heading; limits are shown as declared -> actual."""
    lines = [COLUMNS, *(_line(row) for row in rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(COLUMNS))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines
    )


def _line(row: Mapping[str, Any]) -> tuple[str, ...]:
    pod = f"{row['namespace']}/{row['pod']}" if row["pod"] else NOTHING
    return (
        _text(row["node"]),
        _text(pod),
        _text(row["container"] or NOTHING),
        _text(row["job_object"] or NOTHING, JOB_NAME_WIDTH),
        str(row["processes"]),
        f"{_text(row['cpu']['declared'] or NOTHING)} -> {percent(row['cpu']['actual_rate'])}",
        f"{_text(row['memory']['declared'] or NOTHING)} -> {size(row['memory']['actual_bytes'])}",
        row["verdict"],
    )


def percent(rate: int | None) -> str:
    """Return a CPU rate (hundredths of a percent of the machine) for a reader."""
    return NOTHING if rate is None else f"{rate / 100:.2f} %"


def size(count: int | None) -> str:
    """Return bytes for a reader; job limits are whole mebibytes."""
    return NOTHING if count is None else f"{count / 2**20:g} MiB"


def _text(text: Any, width: int = TEXT_WIDTH) -> str:
    """Return text that can't move the cursor or break the table: names come from a node, which may be hostile."""
    clean = "".join(character if character.isprintable() else "?" for character in str(text))
    return clean if len(clean) <= width else clean[: width - 1] + "…"
