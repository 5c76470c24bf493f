# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Microsoft Defender's exclusions through its policy in the registry: none, the minimal or the full set, or absent."""

from __future__ import annotations

from collections.abc import Mapping

from ansible_collections.kubewin.hostprocess.plugins.module_utils.node.errors import PlanError
from ansible_collections.kubewin.hostprocess.plugins.module_utils.node.probed import (
    below,
    registry_values_of,
    service_of,
)
from ansible_collections.kubewin.hostprocess.plugins.module_utils.support.host_tuning import (
    DEFENDER_EXCLUSIONS,
    DEFENDER_POLICY,
    DEFENDER_SERVICE,
)

OFF, MINIMAL, FULL, ABSENT = "off", "minimal", "full", "absent"
_KINDS = ("Processes", "Paths")


def _word(choice: str | bool) -> str:
    """YAML reads an unquoted off as false."""
    word = OFF if choice is False else str(choice).lower()
    if word not in (OFF, MINIMAL, FULL, ABSENT):
        raise PlanError(f"windows_node_defender_exclusions is off, minimal, full or absent, not {choice!r}.")
    return word


def probe(choice: str | bool) -> dict:
    """Return the registry keys and services that node_info has to be asked for."""
    if _word(choice) == OFF:
        return {"registry": [], "services": []}
    keys = [DEFENDER_POLICY, *(f"{DEFENDER_POLICY}\\{kind}" for kind in _KINDS)]
    return {"registry": keys, "services": [DEFENDER_SERVICE]}


def differing(node: Mapping, choice: str | bool, folders: Mapping[str, str], undo: bool = False) -> list[dict]:
    """Return the registry values to write or remove; none where Defender isn't installed.

    Exclusions of programs below containerd's and the kubelet's folders that are no longer wanted, such as those of an
    earlier version, are removed; others stay.
    """
    word = _word(choice)
    if word == OFF or service_of(node, DEFENDER_SERVICE) is None:
        return []
    keep = not undo and word != ABSENT
    return [
        action
        for kind in _KINDS
        for action in _of_kind(node, kind, _paths(kind, word, folders) if keep else [], folders)
    ]


def _paths(kind: str, word: str, folders: Mapping[str, str]) -> list[str]:
    rows = (row for row in DEFENDER_EXCLUSIONS if row.kind == kind and (row.minimal or word == FULL))
    return [row.path.format(**folders) for row in rows]


def _of_kind(node: Mapping, kind: str, wanted: list[str], folders: Mapping[str, str]) -> list[dict]:
    key = f"{DEFENDER_POLICY}\\{kind}"
    found = registry_values_of(node, key)
    names = {path.lower() for path in wanted}
    stale = [path for path in found if path.lower() not in names and _is_ours(path, folders)]
    missing = [path for path in wanted if (found_of(found, path) or {}).get("data") != "0"]
    foreign = [path for path in found if path.lower() not in names and path not in stale]
    switch = _switch(node, f"Exclusions_{kind}", bool(wanted), bool(foreign), bool(stale))
    return [
        *switch,
        *(_value(key, path, "string", "0", "present") for path in missing),
        *(_value(key, path, "string", "0", "absent") for path in stale),
    ]


def _switch(node: Mapping, name: str, wanted: bool, foreign: bool, cleared: bool) -> list[dict]:
    """The policy's own value: 1 where there are exclusions, gone with the last of ours where there is no other."""
    found = found_of(registry_values_of(node, DEFENDER_POLICY), name)
    if wanted and (found is None or found["data"] != 1):
        return [_value(DEFENDER_POLICY, name, "dword", 1, "present")]
    if not wanted and not foreign and cleared and found is not None:
        return [_value(DEFENDER_POLICY, name, "dword", 1, "absent")]
    return []


def _is_ours(path: str, folders: Mapping[str, str]) -> bool:
    roots = {folders.get("containerd_root", ""), *folders.values()} - {""}
    return any(path.lower() == root.lower() or below(path, root) for root in roots)


def found_of(values: Mapping, name: str) -> Mapping | None:
    return next((value for known, value in values.items() if known.lower() == name.lower()), None)


def _value(key: str, name: str, kind: str, data: object, state: str) -> dict:
    return {
        "path": key,
        "name": name,
        "type": kind,
        "data": data,
        "state": state,
        "entry": "defender",
        "restart": False,
    }
