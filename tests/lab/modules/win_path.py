"""ansible.windows.win_path."""

from __future__ import annotations

import re
from typing import Any

from lab.errors import NotModelled
from lab.host.interface import Host, RegistryValue
from lab.modules.emulation import Emulation
from lab.modules.environment import MACHINE, machine_value

_ELEMENT = re.compile(r'((\s*"[^"]+"\s*)|([^;]+))(;$|$|;)')


def _run(host: Host, parameters: dict[str, Any], check_mode: bool, _diff: bool) -> dict[str, Any]:
    if parameters["scope"] == "user":
        raise NotModelled("win_path with scope=user")
    name = parameters["name"]
    elements = [match[1] for match in _ELEMENT.finditer(machine_value(host, name) or "")]
    change = _remove if parameters["state"] == "absent" else _add
    result = change(elements, parameters["elements"])
    if result["changed"] and not check_mode:
        host.registry_set(MACHINE, name, RegistryValue("expandstring", ";".join(elements)))
    return result | {"path_value": ";".join(elements)}


def _index(elements: list[str], wanted: str) -> int:
    plain = [element.strip('"').strip("\\").lower() for element in elements]
    sought = wanted.strip('"').strip("\\").lower()
    return plain.index(sought) if sought in plain else -1


def _add(elements: list[str], wanted: list[str]) -> dict[str, Any]:
    """Missing ones at the end; those that are there move behind their predecessor of the list."""
    last, changed = -1, False
    for element in wanted:
        index = _index(elements, element)
        if index == -1:
            elements.append(element)
            last, changed = len(elements) - 1, True
        elif index < last:
            del elements[index]
            elements.append(element)
            last, changed = len(elements) - 1, True
        else:
            last = index
    return {"changed": changed}


def _remove(elements: list[str], unwanted: list[str]) -> dict[str, Any]:
    count, index = len(elements), -1
    for element in unwanted:
        index = _index(elements, element)
        if index > -1:
            del elements[index]
    return {"changed": len(elements) != count, "removed_idx": index}


EMULATION = Emulation(_run)
