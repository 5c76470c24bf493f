# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Which of the registry values for fixes of Windows updates differ from what is wanted, decided from one probe."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ansible_collections.kubewin.hostprocess.plugins.module_utils.node.errors import PlanError
from ansible_collections.kubewin.hostprocess.plugins.module_utils.node.probed import registry_value
from ansible_collections.kubewin.hostprocess.plugins.module_utils.support.windows_fixes import (
    FIXES,
    MONTHS,
    Fix,
    for_windows,
    named,
)

OFF, ALL, ABSENT = "off", "all", "absent"


def probe(choice: Any) -> list[str]:
    """Return the registry keys that node_info has to be asked for: all of the catalogue, or none.

    Raises:
        PlanError: the choice is not as documented.
    """
    return sorted({fix.path for fix in FIXES}) if _chosen(choice) else []


def differing(node: Mapping, choice: Any, spoken_for: Iterable[Mapping] = (), undo: bool = False) -> list[dict]:
    """Return the registry values to write or to remove.

    Values that the catalogue has for another build are left alone: security baselines and other fixes set some of
    them, and nobody knows whose they are.

    Args:
        choice: off, all, absent, or a list of names and months.
        spoken_for: registry values of the user's own, which win over the catalogue.
        undo: take back what this very choice has for this build and is still as it was set.

    Raises:
        PlanError: the choice is not as documented.
    """
    chosen = _chosen(choice)
    if not chosen:
        return []
    # A Windows that does not tell its revision gets only what needs none.
    build, revision = int(node["os"]["build"]), int(node["os"]["revision"] or 0)
    foreign = {_place(entry["path"], entry["name"]) for entry in spoken_for}
    ours = [fix for fix in chosen if fix.build == build and _place(fix.path, fix.value_name) not in foreign]
    if undo or choice == ABSENT:
        return [_action(fix, "absent") for fix in ours if _is_set(node, fix)]
    return [_action(fix, "present") for fix in ours if for_windows(fix, build, revision) and not _is_set(node, fix)]


def _chosen(choice: Any) -> list[Fix]:
    """YAML reads an unquoted off as false."""
    if isinstance(choice, (list, tuple)):
        return list(dict.fromkeys(fix for word in choice for fix in _of_word(str(word))))
    if choice in (OFF, False):
        return []
    if choice not in (ALL, ABSENT):
        raise PlanError(
            f"windows_node_fixes is off, all, absent, or a list of names and months, not {choice!r}. The names are in"
            " docs/windows-fixes.md."
        )
    return list(FIXES)


def _of_word(word: str) -> tuple[Fix, ...]:
    fixes = named(word)
    if not fixes:
        raise PlanError(
            f"windows_node_fixes: there is no fix and no month {word!r}. The months are {', '.join(MONTHS)}; the names"
            " are in docs/windows-fixes.md."
        )
    return fixes


def _place(path: str, name: str) -> tuple[str, str]:
    return path.lower(), name.lower()


def _is_set(node: Mapping, fix: Fix) -> bool:
    found = registry_value(node, fix.path, fix.value_name)
    return found is not None and (found["type"], found["data"]) == ("dword", fix.value)


def _action(fix: Fix, state: str) -> dict:
    """All count from a start of Windows on: the vendor sets them on images, before the first one."""
    return {
        "path": fix.path,
        "name": fix.value_name,
        "type": "dword",
        "data": fix.value,
        "state": state,
        "entry": fix.name,
        "restart": True,
    }
