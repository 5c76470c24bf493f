"""The dynamic port ranges of a node and what is excluded from them, kept in the laboratory's own keys.

Where Windows keeps them is not documented.
"""

from __future__ import annotations

from lab.host.interface import Host, RegistryValue

KEY = r"HKLM:\SOFTWARE\kubewin-lab\DynamicPorts"
EXCLUDED_KEY = rf"{KEY}\Excluded"
# Microsoft's knowledge base, article 929851.
_WINDOWS_DEFAULT = {"start": 49152, "count": 16384}


def ranges(host: Host) -> dict[str, dict[str, int]]:
    """``{"tcp": {"start", "count"}, "udp": ...}``."""
    kept = host.registry_values(KEY) if host.registry_key_exists(KEY) else {}
    return {
        protocol: {
            name: int(kept[f"{protocol}_{name}"].data) if f"{protocol}_{name}" in kept else default
            for name, default in _WINDOWS_DEFAULT.items()
        }
        for protocol in ("tcp", "udp")
    }


def keep(host: Host, protocol: str, start: int, count: int) -> None:
    for name, number in (("start", start), ("count", count)):
        host.registry_set(KEY, f"{protocol}_{name}", RegistryValue("dword", number))


def excluded(host: Host) -> dict[str, list[tuple[int, int]]]:
    """Start and count of what somebody has excluded for good, by protocol."""
    kept = host.registry_values(EXCLUDED_KEY) if host.registry_key_exists(EXCLUDED_KEY) else {}
    found: dict[str, list[tuple[int, int]]] = {"tcp": [], "udp": []}
    for name, count in kept.items():
        protocol, _, start = name.partition(" ")
        found[protocol].append((int(start), int(count.data)))
    return {protocol: sorted(ranges) for protocol, ranges in found.items()}


def exclude(host: Host, protocol: str, start: int, count: int) -> None:
    host.registry_set(EXCLUDED_KEY, f"{protocol} {start}", RegistryValue("dword", count))


def include(host: Host, protocol: str, start: int) -> None:
    host.registry_delete(EXCLUDED_KEY, f"{protocol} {start}")
