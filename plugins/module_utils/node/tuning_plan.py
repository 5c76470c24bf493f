# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Which of the host's tuning differs from what is wanted, decided from one probe.

``tuning`` says of an entry of the catalogue: true (its value), false (leave it as it is), absent (back to what Windows
has without it), or a value of one's own for entries that are figures.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from ansible_collections.kubewin.hostprocess.plugins.module_utils.node import (
    defender_plan,
    fixes_plan,
    port_exclusions,
    registry_values,
    time_servers,
)
from ansible_collections.kubewin.hostprocess.plugins.module_utils.node.errors import PlanError
from ansible_collections.kubewin.hostprocess.plugins.module_utils.node.probed import registry_value, service_of
from ansible_collections.kubewin.hostprocess.plugins.module_utils.support import host_tuning
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
_WORDS = {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False, ABSENT: ABSENT}
# Windows chooses drive and size itself.
_AUTOMATIC_PAGE_FILE = "?:\\pagefile.sys"
_FIGURES = {
    PORT_RANGE: {"start", "count"},
    PAGE_FILE: {"drive", "initial_megabytes", "maximum_megabytes"},
    TIME_SERVERS: {"servers"},
    PORT_EXCLUSIONS: {"ranges"},
}


def tuning_probe(
    tuning: Mapping | None = None,
    registry: Iterable[Mapping] = (),
    defender_exclusions: str | bool = "off",
    fixes: Any = "off",
) -> dict:
    """Return what node_info has to be asked for: ``registry``, ``services``, ``dynamic_ports``."""
    chosen = [entry for entry, value in _choices(tuning) if value is not False]
    keys = [key for entry in chosen for key in _keys(entry)]
    keys += [wanted["path"] for wanted in registry_values.wanted_by_user(registry)]
    services = [entry.target["service"] for entry in chosen if "service" in entry.target]
    defended = defender_plan.probe(defender_exclusions)
    return {
        "registry": sorted({*keys, *defended["registry"], *fixes_plan.probe(fixes)}),
        "services": sorted({*services, *defended["services"]}),
        "dynamic_ports": any(entry.kind in (PORT_RANGE, PORT_EXCLUSIONS) for entry in chosen),
    }


def _keys(entry: Tuning) -> list[str]:
    """Return the registry keys that have to be known."""
    if entry.kind == PAGE_FILE:
        return [PAGING_KEY]
    if entry.kind == REGISTRY_VALUES:
        return [value.path for value in entry.value]
    return [entry.target["path"]] if "path" in entry.target else []


def tuning_plan(
    node: Mapping,
    tuning: Mapping | None = None,
    registry: Iterable[Mapping] = (),
    defender_exclusions: str | bool = "off",
    folders: Mapping[str, str] | None = None,
    undo: bool = False,
    fixes: Any = "off",
) -> dict:
    """Return what differs: ``registry``, ``service_restarts``, ``services``, ``port_ranges``,
    ``port_exclusions``, ``page_file``, ``power_plan``.

    ``tune`` says whether there is any, and ``restart`` whether Windows has to start anew for it.

    Args:
        folders: what the catalogue's ``{containerd}`` and such stand for; only Defender's exclusions need them.
        undo: take back what these very options set and is still as they set it.

    Raises:
        PlanError: an option is not as documented, or the node did not tell what has to be compared.
    """
    build = int(node["os"]["build"])
    chosen = [
        (entry, value)
        for entry, value in _choices(tuning)
        if value is not False and host_tuning.for_build(entry, build) and not (undo and value == ABSENT)
    ]
    actions = [action for entry, value in chosen for action in _PLANS[entry.kind](node, entry, value, undo)]
    wanted_by_user = registry_values.wanted_by_user(registry)
    mine = registry_values.differing(node, wanted_by_user, undo)
    fixed = fixes_plan.differing(node, fixes, wanted_by_user, undo)
    excluded = defender_plan.differing(node, defender_exclusions, folders or {}, undo)
    plan: dict[str, Any] = {kind: [action for where, action in actions if where == kind] for kind in _RESULTS}
    plan["registry"] += [*mine, *excluded, *fixed]
    for kind in _SINGLE:
        plan[kind] = plan[kind][0] if plan[kind] else {}
    plan["tune"] = any(bool(plan[kind]) for kind in _RESULTS)
    plan["restart"] = bool(plan["page_file"]) or any(action.get("restart") for action in plan["registry"])
    return plan


_SINGLE = ("page_file", "power_plan")
_RESULTS = ("registry", "service_restarts", "services", "port_ranges", "port_exclusions", *_SINGLE)


def _choices(tuning: Mapping | None) -> list[tuple[Tuning, Any]]:
    """Return each entry of the catalogue with what is wanted of it."""
    given = {name: _choice(name, value) for name, value in (tuning or {}).items()}
    return [(entry, given.get(entry.name, entry.default)) for entry in host_tuning.CATALOGUE]


def _choice(name: str, value: Any) -> Any:
    entry = host_tuning.entry(name)
    if entry is None:
        known = ", ".join(row.name for row in host_tuning.CATALOGUE)
        raise PlanError(f"windows_node_tuning: there is no entry {name!r}. The entries are {known}.")
    if isinstance(value, Mapping):
        wanted = _FIGURES.get(entry.kind)
        if wanted is None or set(value) != wanted:
            form = f"a dictionary of {', '.join(sorted(wanted))}, or " if wanted else ""
            raise PlanError(f"windows_node_tuning: {name} takes {form}true, false or absent, not {dict(value)}.")
        return dict(value)
    word = _WORDS.get(str(value).strip().lower())
    if word is None:
        raise PlanError(f"windows_node_tuning: {name} takes true, false or absent, not {value!r}.")
    if word == ABSENT and entry.kind == SERVICE and entry.otherwise is None:
        raise PlanError(
            f"windows_node_tuning: {name} can't be absent: what Windows has without it is not known. Set it to false"
            f" and bring the service {entry.target['service']} to what you had."
        )
    return word


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
    service = service_of(node, entry.target["service"])
    if service is None:
        return  # an edition without it
    ours = time_servers.wanted((value if isinstance(value, Mapping) else entry.value)["servers"], entry.name)
    found = {name: registry_value(node, entry.target["path"], name) for name in ours}
    now = {name: None if kept is None else kept["data"] for name, kept in found.items()}
    back = undo or value == ABSENT
    # A machine that takes its time from its domain has nothing of ours.
    if (undo and (now != ours or ours[time_servers.NTP_SERVER] is None)) or (back and time_servers.is_default(now)):
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
    ours = {name: int(number) for name, number in (value if isinstance(value, Mapping) else entry.value).items()}
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
    smallest, largest = int(sizes["initial_megabytes"]), int(sizes["maximum_megabytes"])
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


_PLANS = {
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


def never_taken_back(node: Mapping, tuning: Mapping | None = None) -> list[str]:
    """Return what tuning set and undo leaves, with the reason: nobody knows what Windows has there without it."""
    return [
        f"{entry.name} of the service {entry.target['service']}: what Windows has without it is not known"
        for entry, value in _choices(tuning)
        if value is True
        and entry.kind == SERVICE
        and entry.otherwise is None
        and service_of(node, entry.target["service"])
        and not any(_service(node, entry, True, False))
    ]
