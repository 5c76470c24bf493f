# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""How each kind of entry of the tuning catalogue is compared with what a node has.

Each comparison yields what to do as (list of the plan, action); nothing where the node is as wanted.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ansible_collections.kubewin.hostprocess.plugins.module_utils.node import port_exclusions, time_servers
from ansible_collections.kubewin.hostprocess.plugins.module_utils.node.errors import PlanError
from ansible_collections.kubewin.hostprocess.plugins.module_utils.node.figures import whole_number
from ansible_collections.kubewin.hostprocess.plugins.module_utils.node.probed import registry_value, service_of
from ansible_collections.kubewin.hostprocess.plugins.module_utils.support.host_tuning import (
    PAGE_FILE,
    PORT_EXCLUSIONS,
    PORT_RANGE,
    POWER_PLAN,
    REGISTRY,
    REGISTRY_BITS,
    REGISTRY_VALUES,
    SERVICE,
    TIME_SERVERS,
    Tuning,
)

ABSENT = "absent"
PAGING_KEY = r"HKLM:\SYSTEM\CurrentControlSet\Control\Session Manager\Memory Management"
# Windows chooses drive and size itself.
_AUTOMATIC_PAGE_FILE = "?:\\pagefile.sys"


def differences(node: Mapping, entry: Tuning, value: Any, undo: bool = False) -> Iterator[tuple[str, dict]]:
    """Yield what to do for one entry.

    Args:
        value: true, ABSENT, or figures of one's own.
        undo: take back what this very value set and is still as it set it.

    Raises:
        PlanError: the value can't be, or the node did not tell what has to be compared.
    """
    return _COMPARISONS[entry.kind](node, entry, value, undo)


def _registry(node: Mapping, entry: Tuning, value: Any, undo: bool) -> Iterator[tuple[str, dict]]:
    """The value itself, or bits of it."""
    found = registry_value(node, entry.target["path"], entry.target["name"])
    now = None if found is None else found["data"]
    ours = entry.value
    if entry.kind == REGISTRY_BITS:
        ours, plain = (now or 0) | entry.value, (now or 0) & ~entry.value
        otherwise = plain or entry.otherwise
        is_ours = (now or 0) & entry.value == entry.value
    else:
        otherwise, is_ours = entry.otherwise, now == ours
    if undo and not is_ours:
        return
    yield from _written(entry, entry.target, found, otherwise if undo or value == ABSENT else ours)


def _registry_values(node: Mapping, entry: Tuning, value: Any, undo: bool) -> Iterator[tuple[str, dict]]:
    """Several values, each of which goes again by itself."""
    for part in entry.value:
        found = registry_value(node, part.path, part.name)
        if undo and (found is None or found["data"] != part.data):
            continue
        target = {"path": part.path, "name": part.name, "type": part.type}
        yield from _written(entry, target, found, None if undo or value == ABSENT else part.data)


def _written(entry: Tuning, target: Mapping, found: Mapping | None, wanted: Any) -> Iterator[tuple[str, dict]]:
    """The action that makes a value what is wanted, None for one that must not be there; none where it is so."""
    now = None if found is None else found["data"]
    if wanted == now and (found is None or found["type"] == target["type"]):
        return
    yield (
        "registry",
        {
            **target,
            "entry": entry.name,
            "data": 0 if wanted is None else wanted,
            "state": "absent" if wanted is None else "present",
            "restart": entry.restart,
        },
    )


def _service(node: Mapping, entry: Tuning, value: Any, undo: bool) -> Iterator[tuple[str, dict]]:
    name = entry.target["service"]
    found = service_of(node, name)
    if found is None:
        return  # an edition without it
    ours = {
        "start_mode": found["start_mode"],
        "state": "started" if found["state"] == "running" else "stopped",
        **_recovery(found.get("failure_actions") or {}),
    }
    if undo and (entry.otherwise is None or any(ours[key] != entry.value[key] for key in entry.otherwise)):
        return
    wanted = entry.otherwise if undo or value == ABSENT else entry.value
    if any(ours[key] != word for key, word in wanted.items()):
        yield "services", {"entry": entry.name, "name": name, **wanted}


def _recovery(found: Mapping) -> dict[str, Any]:
    """What node_info says of a service's recovery, in the words of ansible.windows.win_service."""
    steps = found.get("actions") or ()
    return {
        "failure_actions": [{"type": step["type"], "delay_ms": step["delay_milliseconds"]} for step in steps],
        "failure_reset_period_sec": found.get("reset_seconds"),
    }


def _time_servers(node: Mapping, entry: Tuning, value: Any, undo: bool) -> Iterator[tuple[str, dict]]:
    """Whether a domain gave the time before is not known, so undo leaves it: see tuning_plan.never_taken_back."""
    service = service_of(node, entry.target["service"])
    if undo or service is None:  # None on an edition without it
        return
    ours = time_servers.wanted((value if isinstance(value, Mapping) else entry.value)["servers"], entry.name)
    found = {name: registry_value(node, entry.target["path"], name) for name in ours}
    now = {name: None if kept is None else kept["data"] for name, kept in found.items()}
    back = value == ABSENT
    if back and (time_servers.is_from_domain(now) or time_servers.is_default(now)):
        return
    actions: list[tuple[str, dict]] = []
    for name, wanted in (time_servers.DEFAULT if back else ours).items():
        target = {"path": entry.target["path"], "name": name, "type": "string"}
        actions += _written(entry, target, found[name], wanted)
    yield from actions
    if actions and service["state"] == "running":
        yield "service_restarts", {"entry": entry.name, "name": entry.target["service"]}


def _power_plan(node: Mapping, entry: Tuning, value: Any, undo: bool) -> Iterator[tuple[str, dict]]:
    found = registry_value(node, entry.target["path"], entry.target["name"])
    now = entry.otherwise["guid"] if found is None else str(found["data"]).lower()
    if undo and now != entry.value["guid"]:
        return
    wanted = entry.otherwise if undo or value == ABSENT else entry.value
    if now != wanted["guid"]:
        yield "power_plan", {"entry": entry.name, **wanted}


def _port_range(node: Mapping, entry: Tuning, value: Any, undo: bool) -> Iterator[tuple[str, dict]]:
    protocol = entry.target["protocol"]
    now = (node.get("dynamic_port_ranges") or {}).get(protocol)
    if now is None:
        raise PlanError(
            f"{node['computer_name']}: the dynamic port range of {protocol} is not known, so {entry.name} can't be"
            " compared. See the warnings of node_info; leave the entry out to go on without it."
        )
    figures = value if isinstance(value, Mapping) else entry.value
    ours = {name: whole_number(entry.name, name, number) for name, number in figures.items()}
    _refuse_range(entry.name, **ours)
    if undo and now != ours:
        return
    wanted = entry.otherwise if undo or value == ABSENT else ours
    if wanted != now:
        yield "port_ranges", {"entry": entry.name, "protocol": protocol, **wanted}


def _port_exclusions(node: Mapping, entry: Tuning, value: Any, undo: bool) -> Iterator[tuple[str, dict]]:
    ranges = (value if isinstance(value, Mapping) else entry.value)["ranges"]
    back = undo or value == ABSENT
    for action in port_exclusions.differing(node, entry.name, entry.target["protocol"], ranges, back):
        yield "port_exclusions", action


def _refuse_range(name: str, start: int, count: int) -> None:
    """Microsoft's limits: at least 255 ports, from 1025 to 65535 (knowledge base 929851)."""
    if start < 1025 or count < 255 or start + count - 1 > 65535:
        raise PlanError(
            f"windows_node_tuning: {name} from {start} with {count} ports is refused by Windows: at least 255 ports"
            " between 1025 and 65535."
        )


def _page_file(node: Mapping, entry: Tuning, value: Any, undo: bool) -> Iterator[tuple[str, dict]]:
    found = registry_value(node, PAGING_KEY, "PagingFiles")
    now = [str(line).lower().strip() for line in (found["data"] if found else [_AUTOMATIC_PAGE_FILE])]
    sizes = value if isinstance(value, Mapping) else entry.value
    drive = str(sizes["drive"])[:1].upper()
    smallest, largest = (
        whole_number(entry.name, name, sizes[name]) for name in ("initial_megabytes", "maximum_megabytes")
    )
    line = f"{drive}:\\pagefile.sys {smallest} {largest}".lower()
    if smallest > largest:
        raise PlanError(
            f"windows_node_tuning: {entry.name} begins with {smallest} MB and may not grow to {largest} MB."
        )
    if undo and line not in now:
        return
    if undo or value == ABSENT:
        if now != [_AUTOMATIC_PAGE_FILE]:
            yield "page_file", {"entry": entry.name, "automatic": True}
    elif line not in now:
        file = {"drive": drive, "initial_megabytes": smallest, "maximum_megabytes": largest}
        yield "page_file", {"entry": entry.name, "automatic": False, **file}


_COMPARISONS = {
    REGISTRY: _registry,
    REGISTRY_BITS: _registry,
    REGISTRY_VALUES: _registry_values,
    TIME_SERVERS: _time_servers,
    POWER_PLAN: _power_plan,
    SERVICE: _service,
    PORT_RANGE: _port_range,
    PORT_EXCLUSIONS: _port_exclusions,
    PAGE_FILE: _page_file,
}
