"""ansible-core's own scripts, by file name, against Host.

They are few and named exactly: ``ansible/executor/powershell/*.ps1`` of 2.19 to 2.21, whose behaviour these functions
follow (their parameters are the JSON parameters of the payload).
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import ntpath
from collections.abc import Callable
from typing import Any

from lab.errors import HostError, NotModelled
from lab.host import paths
from lab.host.interface import Completed, Host

_FETCH_LINE = "\r\n"


def run_helper(host: Host, name: str, parameters: dict[str, Any], data: bytes) -> Completed:
    """Run a helper script.

    Raises:
        NotModelled: ansible-core has learned a script that this laboratory doesn't know.
    """
    helper = _HELPERS.get(name)
    if helper is None:
        raise NotModelled(f"ansible-core's script {name}")
    try:
        return helper(host, parameters, data)
    except HostError as exc:
        return Completed(1, stderr=str(exc).encode())


def _line(text: str) -> Completed:
    return Completed(0, (text + "\r\n").encode())


def _make_temporary_directory(host: Host, parameters: dict[str, Any], _data: bytes) -> Completed:
    path = ntpath.join(paths.expand(host, parameters["Directory"]), parameters["Name"])
    host.make_directory(path)
    return _line(path)


def _expand_user(host: Host, parameters: dict[str, Any], _data: bytes) -> Completed:
    path, home = parameters["Path"], paths.expand(host, "%USERPROFILE%")
    if path == "~":
        return _line(home)
    return _line(ntpath.join(home, path[2:]) if path.startswith("~\\") else path)


def _put_file(host: Host, parameters: dict[str, Any], data: bytes) -> Completed:
    try:
        content = b"".join(base64.b64decode(line, validate=True) for line in data.split())
    except binascii.Error as exc:
        return Completed(1, stderr=f"The input is not a valid Base-64 string: {exc}".encode())
    host.write(parameters["Path"], content)
    return _line(json.dumps({"sha1": hashlib.sha1(content).hexdigest()}))


def _fetch_file(host: Host, parameters: dict[str, Any], _data: bytes) -> Completed:
    """winrm: one buffer from an offset."""
    path = parameters["Path"]
    status = host.status(path)
    if status is None:
        return Completed(1, stderr=f"{path} does not exist".encode())
    if status.is_directory:
        return _line("[DIR]")
    content = host.read(path, parameters["Offset"], parameters["BufferSize"])
    return _line(base64.b64encode(content).decode()) if content else Completed(0)


def _fetch_whole_file(host: Host, parameters: dict[str, Any], _data: bytes) -> Completed:
    """psrp: every buffer, one a line, after a line that says what the path is."""
    path, size = parameters["Path"], parameters["BufferSize"]
    status = host.status(path)
    if status is None:
        return Completed(1, stderr=f"{path} does not exist".encode())
    if status.is_directory:
        return _line("[DIR]")
    content = host.read(path)
    buffers = [content[start : start + size] for start in range(0, len(content), size)]
    return _line(_FETCH_LINE.join(["[FILE]", *(base64.b64encode(buffer).decode() for buffer in buffers)]))


_HELPERS: dict[str, Callable[[Host, dict[str, Any], bytes], Completed]] = {
    "powershell_mkdtemp.ps1": _make_temporary_directory,
    "powershell_expand_user.ps1": _expand_user,
    "winrm_put_file.ps1": _put_file,
    "winrm_fetch_file.ps1": _fetch_file,
    "psrp_put_file.ps1": _put_file,
    "psrp_fetch_file.ps1": _fetch_whole_file,
}
