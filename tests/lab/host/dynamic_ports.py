"""The dynamic port ranges of a node, kept in the laboratory's own key: where Windows keeps them is not documented."""

from __future__ import annotations

from lab.host.interface import Host, RegistryValue

KEY = r"HKLM:\SOFTWARE\kubewin-lab\DynamicPorts"
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
