# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Which of the host's tuning differs from what is wanted, decided from one probe.

``tuning`` says of an entry of the catalogue: true (its value), false (leave it as it is), absent (back to what Windows
has without it), or a value of one's own for entries that are figures.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ansible_collections.kubewin.hostprocess.plugins.module_utils.node import (
    defender_plan,
    fixes_plan,
    registry_values,
)
from ansible_collections.kubewin.hostprocess.plugins.module_utils.node.errors import PlanError
from ansible_collections.kubewin.hostprocess.plugins.module_utils.node.probed import service_of
from ansible_collections.kubewin.hostprocess.plugins.module_utils.node.tuning_kinds import (
    ABSENT,
    PAGING_KEY,
    differences,
)
from ansible_collections.kubewin.hostprocess.plugins.module_utils.support import host_tuning
from ansible_collections.kubewin.hostprocess.plugins.module_utils.support.host_tuning import (
    PAGE_FILE,
    PORT_EXCLUSIONS,
    PORT_RANGE,
    REGISTRY_VALUES,
    SERVICE,
    TIME_SERVERS,
    Tuning,
)

_WORDS = {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False, ABSENT: ABSENT}
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
    actions = [action for entry, value in chosen for action in differences(node, entry, value, undo)]
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
    if word == ABSENT and entry.kind == PORT_EXCLUSIONS and not entry.value["ranges"]:
        raise PlanError(
            f"windows_node_tuning: {name} can't be absent: the catalogue has no ranges for it, and which are yours is"
            " not known. Take them away with the role remove and the same ranges in remove_tuning, or with netsh int"
            " ipv4 delete excludedportrange."
        )
    return word


def never_taken_back(node: Mapping, tuning: Mapping | None = None) -> list[str]:
    """Return what tuning set and undo leaves, with the reason: nobody knows what was there without it."""
    return [
        f"{entry.name} of the service {entry.target['service']}: {reason}"
        for entry, value in _choices(tuning)
        if value not in (False, ABSENT)
        and (reason := _reason_to_stay(entry, value))
        and service_of(node, entry.target["service"])
        and not any(differences(node, entry, value))
    ]


def _reason_to_stay(entry: Tuning, value: Any) -> str:
    if entry.kind == SERVICE and entry.otherwise is None:
        return "what Windows has without it is not known"
    takes_it_from_domain = isinstance(value, Mapping) and not value.get("servers")
    if entry.kind == TIME_SERVERS and not takes_it_from_domain:
        return (
            "whether a domain gave the time before is not known. The role windows_node brings it back: with no servers"
            " (servers: []) on a member of a domain, with absent on any other machine"
        )
    return ""
