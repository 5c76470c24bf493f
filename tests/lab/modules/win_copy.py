"""ansible.windows.win_copy: the node's half, in the four modes that its action plugin (and win_template's) uses."""

from __future__ import annotations

import base64
import binascii
import io
import zipfile
from typing import Any

from lab.errors import NotModelled
from lab.host.interface import Host
from lab.modules import files
from lab.modules.emulation import Emulation, ModuleFailure


def _run(host: Host, parameters: dict[str, Any], check_mode: bool, _diff: bool) -> dict[str, Any]:
    mode = parameters["_copy_mode"]
    if mode in ("explode", "single") and parameters["src"] is None:
        raise ModuleFailure("Get-AnsibleParam: Missing required argument: src")
    return _MODES[mode](host, parameters, check_mode)


def _query(host: Host, parameters: dict[str, Any], _check_mode: bool) -> dict[str, Any]:
    """Which of the controller's files and folders the node lacks."""
    destination, force = parameters["dest"], parameters["force"]
    changed_files = []
    for file in parameters["files"] or []:
        path = files.join(destination, file["dest"])
        if files.is_directory(host, path):
            path = files.join(path, files.leaf(file["src"]))
        if files.is_directory(host, path):
            raise ModuleFailure(f"cannot copy file to dest '{path}': object at path is already a directory")
        if not files.is_file(host, path) or (force and files.checksum(host, path) != file["checksum"]):
            changed_files.append(file)
    return {"files": changed_files, "directories": _missing_directories(host, parameters), "symlinks": []}


def _missing_directories(host: Host, parameters: dict[str, Any]) -> list[dict[str, Any]]:
    missing = []
    for directory in parameters["directories"] or []:
        path = files.join(parameters["dest"], directory["dest"])
        where = f"cannot copy folder to dest '{path}': object at"
        if files.is_file(host, files.parent(path)):
            raise ModuleFailure(f"{where} parent directory path is already a file")
        if files.is_file(host, path):
            raise ModuleFailure(f"{where} path is already a file")
        if not files.is_directory(host, path):
            missing.append(directory)
    return missing


def _single(host: Host, parameters: dict[str, Any], check_mode: bool) -> dict[str, Any]:
    """One file that the action plugin has put into a temporary folder goes to its place; always a change."""
    source, destination = parameters["src"], parameters["dest"]
    if not files.is_file(host, source):
        raise ModuleFailure(f"Cannot copy src file: '{source}' as it does not exist")
    target = destination
    if destination.endswith(("/", "\\")) or files.is_directory(host, destination):
        target = files.join(destination, parameters["_original_basename"])
    _check_parent(host, destination, target)
    if parameters["backup"]:
        raise NotModelled("win_copy with backup")
    if not check_mode:
        host.write(target, host.read(source))
    return {"changed": True}


def _check_parent(host: Host, destination: str, target: str) -> None:
    parent = files.parent(target)
    if not parent:
        raise NotModelled(f"win_copy to the relative path {target}")
    if files.is_file(host, parent):
        raise ModuleFailure(f"object at destination parent dir '{parent}' is currently a file")
    if not files.is_directory(host, parent):
        if destination == target:
            raise ModuleFailure(f"Destination directory '{parent}' does not exist")
        host.make_directory(parent)


def _explode(host: Host, parameters: dict[str, Any], check_mode: bool) -> dict[str, Any]:
    """A zip whose names the action plugin has written in base64 is expanded; always a change."""
    source, destination = parameters["src"], parameters["dest"]
    if not files.is_file(host, source):
        raise ModuleFailure(f"Cannot expand src zip file: '{source}' as it does not exist")
    with zipfile.ZipFile(io.BytesIO(host.read(source))) as archive:
        for entry in archive.infolist():
            _expand(host, archive, entry, destination, check_mode)
    return {"changed": True}


def _expand(host: Host, archive: zipfile.ZipFile, entry: zipfile.ZipInfo, destination: str, check_mode: bool) -> None:
    try:
        name = base64.b64decode(entry.filename.rstrip("/\\"), validate=True).decode()
    except (binascii.Error, UnicodeDecodeError) as exc:
        raise ModuleFailure(
            f"Unhandled exception while executing module: invalid base64 archive name '{entry.filename}'"
        ) from exc
    target = files.join(destination, name)
    if check_mode:
        return
    if entry.is_dir():
        host.make_directory(target)
        return
    host.make_directory(files.parent(target))
    host.write(target, archive.read(entry))


def _remote(host: Host, parameters: dict[str, Any], check_mode: bool) -> dict[str, Any]:
    """remote_src: from one place of the node to another."""
    source, destination = parameters["src"], parameters["dest"]
    if not files.exists(host, source):
        raise ModuleFailure(f"Cannot copy src file: '{source}' as it does not exist")
    result: dict[str, Any] = {"changed": False, "src": source, "dest": destination}
    if parameters["backup"]:
        raise NotModelled("win_copy with backup")
    if files.is_directory(host, source):
        _remote_folder(host, parameters, check_mode, result)
    else:
        _remote_file(host, parameters, check_mode, result)
    result["size"] = files.tree_size(host, result["dest"]) if files.exists(host, result["dest"]) else None
    result["diff"] = {"prepared": result.pop("prepared", "")}
    return result


def _remote_folder(host: Host, parameters: dict[str, Any], check_mode: bool, result: dict[str, Any]) -> None:
    source, destination = parameters["src"], parameters["dest"]
    result["operation"] = "folder_copy"
    if not source.endswith(("/", "\\")):
        destination = result["dest"] = files.join(destination, files.leaf(source))
    _copy_folder(host, source, destination, parameters["force"], check_mode, result)


def _copy_folder(
    host: Host, source: str, destination: str, force: bool, check_mode: bool, result: dict[str, Any]
) -> None:
    if files.is_file(host, destination):
        raise ModuleFailure(f"cannot copy folder from '{source}' to '{destination}': dest is already a file")
    if not files.is_directory(host, destination):
        if not check_mode:
            host.make_directory(destination)
        result["prepared"] = result.get("prepared", "") + f"+{destination}\\\n"
        result["changed"] = True
    for name in host.list_directory(source):
        child, target = files.join(source, name), files.join(destination, name)
        copy = _copy_folder if files.is_directory(host, child) else _copy_file
        copy(host, child, target, force, check_mode, result)


def _remote_file(host: Host, parameters: dict[str, Any], check_mode: bool, result: dict[str, Any]) -> None:
    source, destination = parameters["src"], parameters["dest"]
    result |= {"operation": "file_copy", "original_basename": files.leaf(source)}
    target = destination
    if destination.endswith(("/", "\\")) or files.is_directory(host, destination):
        target = files.join(destination, files.leaf(source))
    result["dest"] = target
    _check_parent(host, destination, target)
    _copy_file(host, source, target, parameters["force"], check_mode, result)
    result["checksum"] = files.checksum(host, source) if parameters["force"] else None


def _copy_file(host: Host, source: str, target: str, force: bool, check_mode: bool, result: dict[str, Any]) -> None:
    if files.is_directory(host, target):
        raise ModuleFailure(f"cannot copy file from '{source}' to '{target}': dest is already a folder")
    present = files.is_file(host, target)
    if present and (not force or files.checksum(host, source) == files.checksum(host, target)):
        return
    if not check_mode:
        host.make_directory(files.parent(target))
        host.write(target, host.local_path(source) or host.read(source))
    result["prepared"] = result.get("prepared", "") + (f"-{target}\n" if present else "") + f"+{target}\n"
    result["changed"] = True


_MODES = {"query": _query, "single": _single, "explode": _explode, "remote": _remote}

# The documentation speaks of the action plugin; the module on the node reads these.
EMULATION = Emulation(
    _run,
    undocumented={
        "_copy_mode": {"default": "single", "choices": ["explode", "query", "remote", "single"]},
        "src": {"type": "path"},
        "_original_basename": {},
        "files": {"type": "list"},
        "directories": {"type": "list"},
    },
    not_options=frozenset({"content", "decrypt", "local_follow", "remote_src"}),
)
