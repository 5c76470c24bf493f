# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Ports that Windows is to give to no program that asks for any, compared with those that are excluded."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ansible_collections.kubewin.hostprocess.plugins.module_utils.node.errors import PlanError


def differing(node: Mapping, name: str, protocol: str, ranges: Any, back: bool) -> list[dict]:
    """Return what to exclude; with back, which of these exclusions to take away.

    Only what somebody excluded for good counts: other reservations go with the program that made them.

    Raises:
        PlanError: the ranges are none, or the node did not tell what is excluded.
    """
    found = (node.get("excluded_port_ranges") or {}).get(protocol)
    if found is None:
        raise PlanError(
            f"{node['computer_name']}: what is excluded of {protocol} ports is not known, so {name} can't be compared."
            " See the warnings of node_info; leave the entry out to go on without it."
        )
    now = [(one["start"], one["count"]) for one in found if one["administered"]]
    return [
        {"entry": name, "protocol": protocol, "start": start, "count": count, "state": "absent" if back else "present"}
        for start, count in _checked(name, ranges)
        if ((start, count) in now if back else not _covered(start, count, now))
    ]


def _checked(name: str, ranges: Any) -> list[tuple[int, int]]:
    form = f"windows_node_tuning: {name} takes ranges as a list of {{start, count}}"
    if not isinstance(ranges, (list, tuple)):
        raise PlanError(f"{form}, not {ranges!r}.")
    checked = []
    for one in ranges:
        if not isinstance(one, Mapping) or set(one) != {"start", "count"}:
            raise PlanError(f"{form}, not {one!r}.")
        start, count = int(one["start"]), int(one["count"])
        if start < 1 or count < 1 or start + count - 1 > 65535:
            raise PlanError(f"{form} between 1 and 65535; start {start}, count {count} is none.")
        checked.append((start, count))
    return checked


def _covered(start: int, count: int, ranges: Iterable[tuple[int, int]]) -> bool:
    return any(first <= start and start + count <= first + number for first, number in ranges)
