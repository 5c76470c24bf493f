"""ansible.windows.win_stat."""

from __future__ import annotations

import ntpath
from typing import Any

from lab.host.interface import FileStatus, Host
from lab.modules import files
from lab.modules.emulation import Emulation


def _run(host: Host, parameters: dict[str, Any], _check_mode: bool, _diff: bool) -> dict[str, Any]:
    path = parameters["path"]
    status = host.status(path)
    if status is None:
        return {"stat": {"exists": False}}
    stat = _common(status)
    if status.is_directory:
        stat["isdir"] = True
        if parameters["get_size"]:
            stat["size"] = files.tree_size(host, path)
    else:
        stat |= {"isreg": status.link_target is None, "extension": ntpath.splitext(status.path)[1]}
        if parameters["get_checksum"]:
            stat["checksum"] = files.checksum(host, path, parameters["checksum_algorithm"].lower())
        if parameters["get_size"]:
            stat["size"] = status.size
    return {"stat": stat}


def _common(status: FileStatus) -> dict[str, Any]:
    attributes = {
        "ReadOnly": status.read_only,
        "Hidden": status.hidden,
        "Directory": status.is_directory,
        "Archive": not status.is_directory,
        "ReparsePoint": status.link_target is not None,
    }
    stat = {
        "exists": True,
        "attributes": ", ".join(name for name, present in attributes.items() if present),
        "isarchive": attributes["Archive"],
        "isdir": False,
        "ishidden": status.hidden,
        "isjunction": False,
        "islnk": status.link_target is not None,
        "isreadonly": status.read_only,
        "isreg": False,
        "isshared": False,
        "nlink": 1,
        "hlnk_targets": [],
        "creationtime": status.created,
        "lastaccesstime": status.modified,
        "lastwritetime": status.modified,
        "path": status.path,
        "filename": ntpath.basename(status.path),
        "owner": "BUILTIN\\Administrators",
    }
    if status.link_target is not None:
        stat |= {"lnk_target": status.link_target, "lnk_source": status.link_target}
    return stat


EMULATION = Emulation(_run)
