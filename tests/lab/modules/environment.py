"""The machine's environment in the registry, where Windows keeps it."""

from __future__ import annotations

from lab.host.interface import Host

MACHINE = r"HKLM:\SYSTEM\CurrentControlSet\Control\Session Manager\Environment"


def machine_value(host: Host, name: str) -> str | None:
    """A variable as it is stored, references unexpanded."""
    if not host.registry_key_exists(MACHINE):
        return None
    found = {key.lower(): value for key, value in host.registry_values(MACHINE).items()}
    value = found.get(name.lower())
    return None if value is None else str(value.data)
