"""netsh.exe, as far as roles and the probe use it: the dynamic port ranges of IPv4 and what is excluded from them."""

from __future__ import annotations

import re

from lab.errors import NotModelled
from lab.host import dynamic_ports
from lab.host.interface import Completed, Host

_SET = re.compile(r"int(?:erface)? ipv4 set dynamicport(?:range)? (tcp|udp) start=(\d+) num=(\d+)")
_EXCLUSION = re.compile(
    r"int(?:erface)? ipv4 (add|delete) excludedportrange protocol=(tcp|udp) startport=(\d+) numberofports=(\d+)"
    r" store=persistent"
)
# Microsoft's knowledge base, article 929851: at least 255 ports, from 1025 to 65535.
_FEWEST, _LOWEST, _HIGHEST = 255, 1025, 65535


def netsh(host: Host, arguments: list[str]) -> Completed:
    """Set a range, or refuse one that Windows refuses; its wording is from memory."""
    line = " ".join(arguments)
    exclusion = _EXCLUSION.fullmatch(line)
    if exclusion is not None:
        return _exclusion(host, exclusion[1], exclusion[2], int(exclusion[3]), int(exclusion[4]))
    found = _SET.fullmatch(line)
    if found is None:
        raise NotModelled(f"netsh.exe {line}")
    protocol, start, count = found[1], int(found[2]), int(found[3])
    if count < _FEWEST or start < _LOWEST or start + count - 1 > _HIGHEST:
        return Completed(1, b"The parameter is incorrect.\r\n\r\n")
    dynamic_ports.keep(host, protocol, start, count)
    return Completed(0, b"Ok.\r\n\r\n")


def _exclusion(host: Host, verb: str, protocol: str, start: int, count: int) -> Completed:
    now = dynamic_ports.excluded(host)[protocol]
    if verb == "delete":
        if (start, count) not in now:
            return Completed(1, b"The system cannot find the file specified.\r\n\r\n")
        dynamic_ports.include(host, protocol, start)
    else:
        if count < 1 or start < 1 or start + count - 1 > _HIGHEST:
            return Completed(1, b"The parameter is incorrect.\r\n\r\n")
        if any(start < first + number and first < start + count for first, number in now):
            return Completed(
                1, b"The process cannot access the file because it is being used by another process.\r\n\r\n"
            )
        dynamic_ports.exclude(host, protocol, start, count)
    return Completed(0, b"Ok.\r\n\r\n")


def excluded_table(host: Host, protocol: str) -> list[str]:
    """The lines of ``show excludedportrange``; every row has been excluded for good, which its star says."""
    rows = [f"{start:10}  {start + count - 1:10}     *" for start, count in dynamic_ports.excluded(host)[protocol]]
    head = ["", f"Protocol {protocol} Port Exclusion Ranges", "", "Start Port    End Port", "----------    --------"]
    return [*head, *rows, "", "* - Administered port exclusions.", ""]
