"""The raw PowerShell that ansible-core's shell plugin and ``ansible.windows.win_reboot`` send without a manifest.

PowerShell is not interpreted: each pattern is one command of a known source, and anything else is not modelled.
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable

from lab.errors import HostError, NotModelled
from lab.host.interface import Completed, Host

# Seconds from 1601-01-01 (FILETIME's epoch) to 1970-01-01.
_FILETIME_EPOCH = 11_644_473_600
_SCHEDULED_MESSAGE = "A system shutdown has already been scheduled.(1190)\r\n"
# A path as the shell plugin quotes it: always in 2.19, only where needed in 2.21.
_PATH = r"(?:'(?P<quoted>(?:[^']|'')*)'|(?P<bare>[^\s;')]+))"


def run_raw(host: Host, text: str) -> Completed:
    """Run raw PowerShell text.

    Raises:
        NotModelled: the text is none of the known commands.
    """
    for pattern, command in _COMMANDS:
        if match := pattern.search(text):
            try:
                return command(host, match)
            except HostError as exc:
                return Completed(1, stderr=str(exc).encode())
    raise NotModelled(f"the PowerShell text {text[:300]!r}")


def _path(match: re.Match[str]) -> str:
    quoted = match["quoted"]
    return quoted.replace("''", "'") if quoted is not None else match["bare"]


def _boot_time(host: Host, _match: re.Match[str]) -> Completed:
    ticks = int((host.boot_time() + _FILETIME_EPOCH) * 10_000_000)
    return Completed(0, f"{ticks}\r\n".encode())


_scheduled: dict[int, threading.Timer] = {}
_scheduled_lock = threading.Lock()


def _shutdown(host: Host, match: re.Match[str]) -> Completed:
    """``shutdown.exe /r /t N``: the node goes down N seconds later, as Windows does after the command answered."""

    def go_down() -> None:
        with _scheduled_lock:
            _scheduled.pop(id(host), None)
        host.reboot()

    timer = threading.Timer(float(match["delay"]), go_down)
    timer.daemon = True
    with _scheduled_lock:
        if id(host) in _scheduled:
            report = {"stdout": "", "stderr": _SCHEDULED_MESSAGE, "rc": 1190}
            return Completed(0, json.dumps(report).encode())
        _scheduled[id(host)] = timer
    timer.start()
    return Completed(0, json.dumps({"stdout": "", "stderr": "", "rc": 0}).encode())


def _abort_shutdown(host: Host, _match: re.Match[str]) -> Completed:
    with _scheduled_lock:
        timer = _scheduled.pop(id(host), None)
    if timer is None:
        return Completed(1116, stderr=b"Unable to abort the system shutdown because no shutdown was in progress.(1116)")
    timer.cancel()
    return Completed(0)


def _remove(host: Host, match: re.Match[str]) -> Completed:
    path = _path(match)
    if host.status(path) is None:
        return Completed(1, stderr=f"Cannot find path '{path}' because it does not exist.".encode())
    host.remove(path)
    return Completed(0)


def _exists(host: Host, match: re.Match[str]) -> Completed:
    return Completed(0 if host.status(_path(match)) else 1)


def _logged_on(host: Host, match: re.Match[str]) -> Completed:
    """win_reboot's test command: it looks for a key that Windows makes at boot, then prints a token."""
    return Completed(0, (match["token"] + "\r\n").encode())


_COMMANDS: tuple[tuple[re.Pattern[str], Callable[[Host, re.Match[str]], Completed]], ...] = (
    (re.compile(r"^\s*\(Get-CimInstance -ClassName Win32_OperatingSystem -Property LastBootUpTime\)"), _boot_time),
    (re.compile(r"\\shutdown\.exe /r /t (?P<delay>\d+) /c "), _shutdown),
    (re.compile(r"^\s*C:\\Windows\\System32\\shutdown\.exe /a\b"), _abort_shutdown),
    (
        re.compile(rf"^\s*(?:Set-StrictMode -Version Latest\s+)?Remove-Item {_PATH} -Force(?: -Recurse)?;?(?:\s|$)"),
        _remove,
    ),
    (re.compile(rf"^\s*exit -not \(Test-Path -LiteralPath {_PATH}\)"), _exists),
    (re.compile(rf"^\s*(?:Set-StrictMode -Version Latest\s+)?If \(Test-Path {_PATH}\)", re.I), _exists),
    (
        re.compile(r"^\s*Get-Item -LiteralPath '[^']*AutoLogonChecked' -ErrorAction Stop; '(?P<token>[^']+)'"),
        _logged_on,
    ),
)
