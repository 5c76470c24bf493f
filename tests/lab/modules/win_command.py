"""ansible.windows.win_command: a table of programs, nothing else."""

from __future__ import annotations

import ntpath
from datetime import UTC, datetime
from typing import Any

from lab.errors import HostError, NotModelled
from lab.host import command_line
from lab.host.interface import Completed, Host
from lab.modules import files
from lab.modules.archive import tar
from lab.modules.emulation import Emulation, ModuleFailure, ModuleSkipped
from lab.modules.netsh import netsh

# Programs that are really run on the node, where it can run them.
_NODE_PROGRAMS = frozenset({"containerd.exe", "ctr.exe", "kubeadm.exe", "kubelet.exe"})
_PATIENCE = 600.0  # seconds; the real module waits for ever
_SYSTEM_TAR = r"C:\Windows\System32\tar.exe"


def _run(host: Host, parameters: dict[str, Any], _check_mode: bool, _diff: bool) -> dict[str, Any]:
    line = parameters["cmd"] or (parameters["_raw_params"] or "").strip() or command_line.join(parameters["argv"] or [])
    arguments = parameters["argv"] or command_line.split(line)
    _skip_when_done(host, parameters, line)
    started = datetime.now(UTC)
    try:
        completed = _program(host, arguments, parameters)
    except HostError as exc:
        message = f"Failed to run: '{line}': {exc}"
        raise ModuleFailure(message, cmd=line, rc=exc.code) from exc
    ended = datetime.now(UTC)
    result = {
        "changed": True,
        "cmd": line,
        "rc": completed.exit_code,
        "stdout": completed.stdout.decode("utf-8", "replace"),
        "stderr": completed.stderr.decode("utf-8", "replace"),
        "start": f"{started:%Y-%m-%d %H:%M:%S.%f}",
        "end": f"{ended:%Y-%m-%d %H:%M:%S.%f}",
        "delta": str(ended - started),
    }
    if completed.exit_code:
        raise ModuleFailure("non-zero return code", **result)
    return result


def _skip_when_done(host: Host, parameters: dict[str, Any], line: str) -> None:
    creates, removes = parameters["creates"], parameters["removes"]
    if creates and files.exists(host, creates):
        raise ModuleSkipped(skipped=True, cmd=line, rc=0, msg=f"skipped, since {creates} exists")
    if removes and not files.exists(host, removes):
        raise ModuleSkipped(skipped=True, cmd=line, rc=0, msg=f"skipped, since {removes} does not exist")


def _program(host: Host, arguments: list[str], parameters: dict[str, Any]) -> Completed:
    directory, program = parameters["chdir"] or "", arguments[0]
    name = ntpath.basename(program).lower()
    if name in ("tar", "tar.exe") and program.lower() in ("tar", "tar.exe", _SYSTEM_TAR.lower()):
        return tar(host, arguments[1:], directory)
    if name == "netsh.exe":
        return netsh(host, arguments[1:])
    if [name, *(word.lower() for word in arguments[1:4])] == ["cmd.exe", "/c", "move", "/y"] and len(arguments) == 6:
        return _move(host, *arguments[4:])
    if name in _NODE_PROGRAMS:
        stdin = (parameters["stdin"] or "").encode()
        return host.run(arguments, stdin=stdin, directory=directory, timeout=_PATIENCE)
    raise NotModelled(f"win_command with the program {program}")


def _move(host: Host, source: str, destination: str) -> Completed:
    """cmd.exe's move: one file, over another one where there is one."""
    try:
        host.move(source, destination)
    except HostError as exc:
        return Completed(1, stderr=f"{exc.text}\r\n".encode())
    return Completed(0, b"        1 file(s) moved.\r\n")


EMULATION = Emulation(
    _run,
    undocumented={"_raw_params": {"type": "str"}},
    not_options=frozenset({"free_form"}),
    required_one_of=(("_raw_params", "argv", "cmd"),),
    mutually_exclusive=(("_raw_params", "argv", "cmd"),),
    supports_check_mode=False,
)
