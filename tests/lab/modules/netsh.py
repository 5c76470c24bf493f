"""netsh.exe, as far as roles use it: the dynamic port ranges of IPv4."""

from __future__ import annotations

import re

from lab.errors import NotModelled
from lab.host import dynamic_ports
from lab.host.interface import Completed, Host

_SET = re.compile(r"int(?:erface)? ipv4 set dynamicport(?:range)? (tcp|udp) start=(\d+) num=(\d+)")
# Microsoft's knowledge base, article 929851: at least 255 ports, from 1025 to 65535.
_FEWEST, _LOWEST, _HIGHEST = 255, 1025, 65535


def netsh(host: Host, arguments: list[str]) -> Completed:
    """Set a range, or refuse one that Windows refuses; its wording is from memory."""
    line = " ".join(arguments)
    found = _SET.fullmatch(line)
    if found is None:
        raise NotModelled(f"netsh.exe {line}")
    protocol, start, count = found[1], int(found[2]), int(found[3])
    if count < _FEWEST or start < _LOWEST or start + count - 1 > _HIGHEST:
        return Completed(1, b"The parameter is incorrect.\r\n\r\n")
    dynamic_ports.keep(host, protocol, start, count)
    return Completed(0, b"Ok.\r\n\r\n")
