"""community.windows.win_pagefile, on the registry value from which Windows makes its page files at boot.

An entry is ``C:\\pagefile.sys <initial> <maximum>`` in megabytes; ``0 0`` leaves the size to Windows, and a drive ``?``
leaves the drive to it too, which is what AutomaticManagedPagefile stands for here.
"""

from __future__ import annotations

from typing import Any

from lab.errors import NotModelled
from lab.host.interface import Host, RegistryValue
from lab.modules.emulation import Emulation, ModuleFailure

KEY = r"HKLM:\SYSTEM\CurrentControlSet\Control\Session Manager\Memory Management"
AUTOMATIC = r"?:\pagefile.sys"


def _run(host: Host, parameters: dict[str, Any], check_mode: bool, _diff: bool) -> dict[str, Any]:
    if parameters["remove_all"]:
        raise NotModelled("win_pagefile with remove_all")
    before = _entries(host)
    entries = list(before)
    if parameters["automatic"] is not None:
        entries = _automatic(entries, parameters["automatic"])
    if parameters["state"] == "query":
        changed = entries != before
        _keep(host, entries, before, check_mode)
        return {"changed": changed, **_queried(entries, parameters["drive"])}
    path = rf"{parameters['drive']}:\pagefile.sys"
    mine = [entry for entry in entries if entry.lower().startswith(path.lower() + " ")]
    others = [entry for entry in entries if entry not in mine]
    if parameters["state"] == "absent":
        _keep(host, others, before, check_mode)
        return {"changed": others != before}
    if parameters["test_path"] and host.status(f"{parameters['drive']}:\\") is None:
        raise ModuleFailure(f"Unable to access '{parameters['drive']}:' drive")
    if mine and not parameters["override"]:
        raise NotModelled("win_pagefile with override=false over a page file that is there")
    sizes = "0 0" if parameters["system_managed"] else f"{parameters['initial_size']} {parameters['maximum_size']}"
    # A page file of one's own ends the automatic management.
    _keep(host, [entry for entry in others if not entry.startswith("?")] + [f"{path} {sizes}"], before, check_mode)
    return {"changed": True}


def _entries(host: Host) -> list[str]:
    kept = host.registry_values(KEY) if host.registry_key_exists(KEY) else {}
    return list(kept["PagingFiles"].data) if "PagingFiles" in kept else [AUTOMATIC]


def _automatic(entries: list[str], automatic: bool) -> list[str]:
    if automatic:
        return [AUTOMATIC]
    return [entry for entry in entries if not entry.startswith("?")]


def _keep(host: Host, entries: list[str], before: list[str], check_mode: bool) -> None:
    if entries != before and not check_mode:
        host.registry_set(KEY, "PagingFiles", RegistryValue("multistring", entries))


def _queried(entries: list[str], drive: str | None) -> dict[str, Any]:
    if drive is not None:
        raise NotModelled("win_pagefile that queries one drive")
    files = [entry.rsplit(" ", 2) for entry in entries if not entry.startswith("?")]
    return {
        "automatic_managed_pagefiles": any(entry.startswith("?") for entry in entries),
        "pagefiles": [
            {"name": name, "initial_size": int(initial), "maximum_size": int(maximum)}
            for name, initial, maximum in files
        ],
    }


EMULATION = Emulation(_run)
