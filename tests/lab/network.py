"""Addresses and ports of the machine that runs the laboratory. Every server of ours listens on loopback only."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterator

from lab.errors import LabError

LOOPBACK = "127.0.0.1"


def free_port(address: str = LOOPBACK) -> int:
    """A TCP port nobody listens on now. Another process may take it first: callers retry."""
    with socket.socket() as probe:
        probe.bind((address, 0))
        return probe.getsockname()[1]


def node_addresses() -> Iterator[str]:
    """Loopback addresses for nodes: 127.0.64.1, 127.0.64.2, … (all of 127.0.0.0/8 is loopback on Linux)."""
    return (f"127.0.{block}.{number}" for block in range(64, 128) for number in range(1, 255))


def machine_address() -> str:
    """An IPv4 address of this machine that is not loopback: the kubelet refuses a loopback ``--node-ip``.

    It only names the nodes in the API; nothing of the laboratory listens on it.

    Raises:
        LabError: the machine has none.
    """
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe, contextlib.suppress(OSError):
        probe.connect(("192.0.2.1", 9))  # documentation address (RFC 5737): nothing is sent, only a route looked up
        return probe.getsockname()[0]
    raise LabError(
        "This machine has no IPv4 route, so no address that a kubelet may report (loopback is refused). "
        "Give it one, for example: ip link add lab0 type dummy; ip addr add 198.51.100.1/24 dev lab0; "
        "ip link set lab0 up; ip route add default dev lab0"
    )
