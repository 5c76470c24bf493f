"""Rules of the Windows firewall where Windows keeps the machine's own, in its notation (MS-GPFAS 2.2.2.19)."""

from __future__ import annotations

import uuid
from dataclasses import dataclass

from lab.host.interface import Host, RegistryValue

KEY = r"HKLM:\SYSTEM\CurrentControlSet\Services\SharedAccess\Parameters\FirewallPolicy\FirewallRules"
# What a rule begins with; the version of the notation differs by Windows release and nothing here depends on it.
_VERSION = "v2.30"


@dataclass(frozen=True)
class Rule:
    """One rule: the pairs of its text, in order."""

    pairs: tuple[tuple[str, str], ...]

    @property
    def name(self) -> str:
        return dict(self.pairs).get("Name", "")

    @property
    def text(self) -> str:
        return "|".join([_VERSION, *(f"{token}={value}" for token, value in self.pairs), ""])

    @classmethod
    def read(cls, text: str) -> Rule:
        return cls(tuple(tuple(part.split("=", 1)) for part in text.split("|")[1:] if "=" in part))  # type: ignore[misc]


def rules(host: Host) -> dict[str, Rule]:
    """Every rule by the name of its registry value."""
    kept = host.registry_values(KEY) if host.registry_key_exists(KEY) else {}
    return {identifier: Rule.read(str(value.data)) for identifier, value in kept.items()}


def keep(host: Host, rule: Rule, identifier: str = "") -> None:
    """Write a rule; without an identifier, a new one as Windows makes them."""
    host.registry_set(KEY, identifier or f"{{{uuid.uuid4()}}}".upper(), RegistryValue("string", rule.text))


def remove(host: Host, identifier: str) -> None:
    host.registry_delete(KEY, identifier)
