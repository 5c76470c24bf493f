"""ansible.windows.win_file."""

from __future__ import annotations

from typing import Any

from lab.errors import HostError, NotModelled
from lab.host.interface import Host
from lab.modules import files
from lab.modules.emulation import Emulation, ModuleFailure


def _run(host: Host, parameters: dict[str, Any], check_mode: bool, _diff: bool) -> dict[str, Any]:
    path, state = parameters["path"], parameters["state"]
    if parameters["_original_basename"] is not None and files.is_directory(host, path):
        path = files.join(path, parameters["_original_basename"])
    if parameters["_diff_peek"] is not None:
        return _peek(host, path)
    if any(parameters.get(f"{what}_time") not in (None, "preserve") for what in ("access", "modification")):
        raise NotModelled("win_file with access_time or modification_time")
    if state == "touch":
        return _touch(host, path, check_mode)
    if files.exists(host, path):
        return _existing(host, path, state, check_mode)
    return _missing(host, path, state, check_mode)


def _peek(host: Host, path: str) -> dict[str, Any]:
    """What win_copy and win_template ask before they make a diff."""
    binary = files.is_file(host, path) and b"\0" in host.read(path, 0, 8192)
    state = "file" if files.exists(host, path) else "absent"
    return {"path": path, "change": False, "appears_binary": binary, "state": state}


def _touch(host: Host, path: str, check_mode: bool) -> dict[str, Any]:
    if not check_mode:
        host.write(path, host.read(path) if files.is_file(host, path) else b"")
    return {"changed": True}


def _existing(host: Host, path: str, state: str | None, check_mode: bool) -> dict[str, Any]:
    if state == "absent":
        if not check_mode:
            try:
                host.remove(path)
            except HostError as exc:
                raise ModuleFailure(f"Failed to delete {path}: {exc}") from exc
        return {"changed": True}
    if state == "directory" and not files.is_directory(host, path):
        raise ModuleFailure(f"path {path} is not a directory")
    if state == "file" and files.is_directory(host, path):
        raise ModuleFailure(f"path {path} is not a file")
    return {"changed": False}


def _missing(host: Host, path: str, state: str | None, check_mode: bool) -> dict[str, Any]:
    if state == "absent":
        return {"changed": False}
    if state in ("file", None):
        raise ModuleFailure(f"path {path} will not be created")
    if not check_mode:
        try:
            host.make_directory(path)
        except HostError as exc:
            raise ModuleFailure(str(exc)) from exc
    return {"changed": True}


EMULATION = Emulation(_run, undocumented={"_original_basename": {}, "_diff_peek": {"type": "bool"}})
