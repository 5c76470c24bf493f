# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The look-up over the table of feature gates (gate_table.py).

* ``covers(version) -> bool``                  whether the table speaks of this line: 1.29 and later
* ``asked_patch(version) -> Version | None``   the patch that the table was made from; None for a line after its last
* ``gate_at(gate, version) -> Row | None``     what a gate is there; None for one that the table doesn't name
* ``gates_at(version) -> dict``                every gate that the line knows
* ``names() -> list``                          every gate that some line knows or knew
"""

from __future__ import annotations

import functools
from typing import NamedTuple

from ansible_collections.kubewin.hostprocess.plugins.module_utils.support import gate_table, versions

_FIRST = next(iter(gate_table.READ))


class Row(NamedTuple):
    """A gate from a line on. ``stage`` is alpha, beta, ga, deprecated, removed, or absent before its first line."""

    since: str
    stage: str
    default: bool | None
    locked: bool
    needs: tuple[str, ...]


def covers(version: versions.Version) -> bool:
    return versions.at_least(version, _FIRST)


def asked_patch(version: versions.Version) -> versions.Version | None:
    patch = gate_table.READ.get(version.line)
    return versions.kubernetes(patch) if patch else None


def gate_at(gate: str, version: versions.Version) -> Row | None:
    rows = _histories().get(gate)
    if rows is None:
        return None
    reached = [row for row in rows if versions.at_least(version, row.since)]
    return reached[-1] if reached else Row(rows[0].since, "absent", None, False, ())


def gates_at(version: versions.Version) -> dict[str, Row]:
    found = {gate: gate_at(gate, version) for gate in _histories()}
    return {gate: row for gate, row in found.items() if row and row.stage not in ("removed", "absent")}


def names() -> list[str]:
    """Return every gate that some line knows or knew."""
    return list(_histories())


@functools.cache
def _histories() -> dict[str, tuple[Row, ...]]:
    lines = gate_table.GATES.replace("\n  ", " ").splitlines()
    histories = {}
    for line in lines:
        gate, changes = line.split(" ", 1)
        histories[gate] = tuple(_row(change.split()) for change in changes.split("; "))
    return histories


def _row(words: list[str]) -> Row:
    since, stage, *rest = words
    if stage == "removed":
        return Row(since, stage, None, False, ())
    state, needs = rest, ()
    if "needs" in rest:
        at = rest.index("needs")
        state, needs = rest[:at], tuple(rest[at + 1 :])
    return Row(since, stage, state[0] == "on", "locked" in state, needs)
