# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Ports that Windows is to give to no program that asks for any, compared with those that are excluded."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import pairwise, product
from typing import Any

from ansible_collections.kubewin.hostprocess.plugins.module_utils.node.errors import PlanError
from ansible_collections.kubewin.hostprocess.plugins.module_utils.node.figures import whole_number

Ports = tuple[int, int]


def differing(node: Mapping, name: str, protocol: str, ranges: Any, back: bool) -> list[dict]:
    """Return what to exclude; with back, which of these exclusions to take away.

    Only what somebody excluded for good counts: other reservations go with the program that made them.

    Raises:
        PlanError: the ranges are none, one overlaps what is excluded, or the node did not tell what is excluded.
    """
    wanted = _checked(name, ranges)
    found = (node.get("excluded_port_ranges") or {}).get(protocol)
    if found is None:
        raise PlanError(
            f"{node['computer_name']}: what is excluded of {protocol} ports is not known, so {name} can't be compared."
            " See the warnings of node_info; leave the entry out to go on without it."
        )
    now = [(one["start"], one["count"]) for one in found if one["administered"]]
    if back:
        differ = [ports for ports in wanted if ports in now]
    else:
        differ = [ports for ports in wanted if not _covered(ports, now)]
        _refuse_overlaps(node, name, protocol, differ, now)
    state = "absent" if back else "present"
    return [
        {"entry": name, "protocol": protocol, "start": start, "count": count, "state": state} for start, count in differ
    ]


def _checked(name: str, ranges: Any) -> list[Ports]:
    form = f"windows_node_tuning: {name} takes ranges as a list of {{start, count}}"
    if not isinstance(ranges, (list, tuple)):
        raise PlanError(f"{form}, not {ranges!r}.")
    checked = []
    for one in ranges:
        if not isinstance(one, Mapping) or set(one) != {"start", "count"}:
            raise PlanError(f"{form}, not {one!r}.")
        start, count = (whole_number(name, figure, one[figure]) for figure in ("start", "count"))
        if start < 1 or count < 1 or start + count - 1 > 65535:
            raise PlanError(f"{form} between 1 and 65535; start {start}, count {count} is none.")
        checked.append((start, count))
    for lower, upper in pairwise(sorted(checked)):
        if _overlap(lower, upper):
            raise PlanError(f"{form} without overlaps; {_told(lower)} and {_told(upper)} overlap. Name each port once.")
    return checked


def _refuse_overlaps(node: Mapping, name: str, protocol: str, wanted: Iterable[Ports], now: Iterable[Ports]) -> None:
    """As far as known netsh excludes no port twice; Microsoft does not say so (unverified)."""
    for ports, (start, count) in product(wanted, now):
        if _overlap(ports, (start, count)):
            raise PlanError(
                f"{node['computer_name']}: {name} can't exclude {_told(ports)}: {_told((start, count))} is excluded"
                " already, and netsh refuses ranges that overlap. Name only the ports that are missing, or take that"
                f" one away first: netsh int ipv4 delete excludedportrange protocol={protocol} startport={start}"
                f" numberofports={count} store=persistent"
            )


def _overlap(one: Ports, other: Ports) -> bool:
    return one[0] < sum(other) and other[0] < sum(one)


def _covered(ports: Ports, ranges: Iterable[Ports]) -> bool:
    """Tell whether each of the ports is in one of the ranges."""
    reached, end = ports[0], sum(ports)
    for start, count in sorted(ranges):
        if start <= reached:
            reached = max(reached, start + count)
    return reached >= end


def _told(ports: Ports) -> str:
    return f"start {ports[0]}, count {ports[1]}"
