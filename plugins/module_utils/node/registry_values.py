# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Registry values that a user wants, in the words of ansible.windows.win_regedit, compared with what a probe found."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ansible_collections.kubewin.hostprocess.plugins.module_utils.node.errors import PlanError
from ansible_collections.kubewin.hostprocess.plugins.module_utils.node.probed import registry_value

_KEYS = {"path", "name", "data", "type", "state", "reason", "restart"}
_TYPES = ("string", "expandstring", "dword", "qword", "multistring", "binary")


def wanted_by_user(entries: Iterable[Mapping]) -> list[dict]:
    """Return the entries of windows_node_registry with their defaults.

    Raises:
        PlanError: one is incomplete or has a word that isn't known.
    """
    return [_checked(number, dict(entry)) for number, entry in enumerate(entries or (), 1)]


def _checked(number: int, entry: dict) -> dict:
    what = f"windows_node_registry, entry {number}"
    unknown = sorted(set(entry) - _KEYS)
    missing = [key for key in ("path", "name", "reason") if not entry.get(key)]
    if unknown or missing:
        problem = f"has unknown keys {', '.join(unknown)}" if unknown else f"has no {', '.join(missing)}"
        raise PlanError(f"{what} {problem}. An entry has {', '.join(sorted(_KEYS))}; path, name and reason are needed.")
    full = {"type": "string", "state": "present", "data": "", "restart": False, **entry}
    if not str(full["path"]).upper().startswith("HKLM:\\"):
        raise PlanError(f"{what}: {full['path']} is not below HKLM:\\, and nothing else is taken care of.")
    if full["type"] not in _TYPES or full["state"] not in ("present", "absent"):
        raise PlanError(f"{what}: type is one of {', '.join(_TYPES)}, and state is present or absent.")
    try:
        full["data"] = comparable(full["type"], full["data"])
    except (TypeError, ValueError) as exc:
        raise PlanError(f"{what}: {full['data']!r} is no {full['type']}.") from exc
    return full


def comparable(kind: str, data: Any) -> Any:
    """Return data as node_info returns it: numbers without sign, bytes as hexadecimal digits.

    Raises:
        ValueError, TypeError: it is not of this type.
    """
    if kind in ("dword", "qword"):
        number = int(data, 0) if isinstance(data, str) else int(data)
        return number % 2 ** (32 if kind == "dword" else 64)
    if kind == "multistring":
        return [str(item) for item in (data if isinstance(data, (list, tuple)) else [data])]
    if kind == "binary":
        octets = bytes(data) if isinstance(data, (list, tuple)) else bytes.fromhex(_digits(str(data)))
        return octets.hex()
    return str(data)


def _digits(text: str) -> str:
    return text.lower().removeprefix("hex:").replace(",", " ")


def differing(node: Mapping, entries: Iterable[Mapping], undo: bool = False) -> list[dict]:
    """Return what has to be written; with undo, what these entries wrote and is still so, as absent."""
    actions = []
    for entry in entries:
        found = registry_value(node, entry["path"], entry["name"])
        is_so = found is not None and (found["type"], found["data"]) == (entry["type"], entry["data"])
        state = entry["state"]
        if undo:
            differs, state = state == "present" and is_so, "absent"
        else:
            differs = found is not None if state == "absent" else not is_so
        if differs:
            kept = {key: entry[key] for key in ("path", "name", "type", "restart")}
            actions.append(
                {**kept, "data": written(entry["type"], entry["data"]), "state": state, "entry": entry["name"]}
            )
    return actions


def written(kind: str, data: Any) -> Any:
    """Return data as win_regedit takes it."""
    return f"hex:{','.join(data[i : i + 2] for i in range(0, len(data), 2))}" if kind == "binary" else data
