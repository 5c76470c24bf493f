# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What of a ``node_info`` node the comparison needs: versions, and whether its containers are silos."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

# hcsshim 0.10 brought bind mode, containerd 1.7 was the first release with it (facts sections 4.5 and 5.2).
SILO_SINCE_CONTAINERD = (1, 7)

_VERSION = re.compile(r"v?(\d+)\.(\d+)")


@dataclass(frozen=True)
class Node:
    """A node as far as job objects depend on it; None is not known."""

    name: str
    logical_processors: int | None = None
    kubelet: tuple[int, int] | None = None
    containerd: tuple[int, int] | None = None
    bind_filter: bool | None = None
    probed: bool = False

    def makes_silos(self) -> tuple[bool | None, str]:
        """Return whether a new job container is a silo here (None: unknown), and why.

        The shim promotes the job when bindfltapi.dll is a file, from hcsshim 0.10 on (internal/jobcontainers/
        jobcontainer.go, facts sections 4.1 and 4.5); the Windows build alone doesn't decide it on Server 2019.
        """
        if not self.probed:
            return None, "no result of node_info was handed over"
        if self.bind_filter is None:
            return None, "node_info does not say whether bindfltapi.dll is there"
        if not self.bind_filter:
            return False, "bindfltapi.dll is absent"
        if self.containerd is None:
            return None, "the containerd version is not known, and it decides the shim"
        version = "containerd " + ".".join(map(str, self.containerd))
        if self.containerd < SILO_SINCE_CONTAINERD:
            return False, f"{version} has a shim without bind mode"
        return True, f"bindfltapi.dll is there and {version} has a shim with bind mode"


def parse_node(name: str, node: Mapping[str, Any] | None) -> Node:
    """Read the ``node`` of a node_info result; without one, everything about it is unknown."""
    if not node:
        return Node(name)
    return Node(
        name=name,
        logical_processors=node.get("logical_processors") or None,
        kubelet=_minor_version((node.get("kubelet") or {}).get("version")),
        containerd=_minor_version((node.get("containerd") or {}).get("version")),
        bind_filter=node.get("bindfltapi"),
        probed=True,
    )


def _minor_version(text: str | None) -> tuple[int, int] | None:
    match = _VERSION.match(text or "")
    return (int(match[1]), int(match[2])) if match else None
