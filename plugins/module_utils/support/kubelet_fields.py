# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""KubeletConfiguration fields that a kubelet on Windows refuses or ignores.

* ``required_fields(kubernetes_version) -> dict``                   what a Windows node must write: empty from 1.31 on
* ``check_fields(configuration, kubernetes_version) -> list``       ``FieldVerdict`` for each refused or ignored field
"""

from __future__ import annotations

import copy
from typing import Any, NamedTuple

from ansible_collections.kubewin.hostprocess.plugins.module_utils.support import matrix, versions


class FieldVerdict(NamedTuple):
    """One field that does harm (``state`` refused: the kubelet does not start) or nothing (``state`` ignored)."""

    field: str
    state: str
    message: str
    fix: str


def required_fields(kubernetes_version: str | float) -> dict[str, Any]:
    """Return the fields whose default is refused, with the value that isn't: both existing ones up to 1.30."""
    version = versions.kubernetes(kubernetes_version)
    return {
        field: copy.deepcopy(row["unset_value"])
        for field, row in matrix.KUBELET_FIELDS.items()
        if "unset_value" in row and _refused(row, version)
    }


def check_fields(configuration: dict[str, Any], kubernetes_version: str | float) -> list[FieldVerdict]:
    """Judge a KubeletConfiguration. A field that is left out counts with its default, as it does for the kubelet."""
    version = versions.kubernetes(kubernetes_version)
    verdicts = []
    for field, row in matrix.KUBELET_FIELDS.items():
        value = configuration.get(field)
        refused = _refused(row, version)
        if value is None and refused:
            value = row.get("default")
        if not _is_set(row, value):
            continue
        fix = (
            f"Set {field} to {_text(row['unset_value'])}."
            if "unset_value" in row and refused
            else f"Leave {field} out."
        )
        if refused:
            message = f"kubelet {version.line} on Windows does not start with {field}: {_text(value)}"
            verdicts.append(FieldVerdict(field, "refused", message, fix))
        elif (
            "ignored_since" in row
            and versions.at_least(version, row["ignored_since"])
            and value != row.get("silent_value")
        ):
            message = f"kubelet {version.line} on Windows ignores {field}: {_text(value)}"
            verdicts.append(FieldVerdict(field, "ignored", message, fix))
    return verdicts


def _refused(row: dict, version: versions.Version) -> bool:
    if "refused_up_to" in row:
        return not versions.at_least(version, row["ignored_since"])
    return versions.at_least(version, row["refused_since"])


def _is_set(row: dict, value: Any) -> bool:
    """Whether the kubelet sees the field as set: a pointer when it is there at all, another one when not empty."""
    return value is not None if row.get("pointer") else bool(value)


def _text(value: Any) -> str:
    return {True: "true", False: "false"}.get(value) if isinstance(value, bool) else str(value)
