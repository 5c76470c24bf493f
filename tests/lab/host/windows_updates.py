"""The updates that a node is offered, in the laboratory's own key: where Windows keeps them is not documented.

A node has none unless a test offers some. What it then waits for is Windows' own marker.
"""

from __future__ import annotations

import json
import uuid
from dataclasses import asdict, dataclass

from lab.host.interface import Host, RegistryValue

KEY = r"HKLM:\SOFTWARE\kubewin-lab\WindowsUpdates"
REBOOT_REQUIRED_KEY = r"HKLM:\SOFTWARE\Microsoft\Windows\CurrentVersion\WindowsUpdate\Auto Update\RebootRequired"


@dataclass(frozen=True)
class Update:
    """One update that is not installed.

    Attributes:
        kb: number of its article, without KB.
        categories: their full names, such as ``Security Updates``.
        restarts: whether Windows has to restart after it.
        is_hidden, is_optional: as Windows Update marks it.
        is_downloaded: whether it lies on the node already.
        seconds: how long its installation takes.
        failure: the HRESULT with which its installation fails; 0 for none.
    """

    title: str
    kb: str
    categories: tuple[str, ...] = ("Security Updates",)
    restarts: bool = True
    is_hidden: bool = False
    is_optional: bool = False
    is_downloaded: bool = False
    seconds: float = 0.0
    failure: int = 0

    @property
    def id(self) -> str:
        return str(uuid.uuid5(uuid.NAMESPACE_OID, f"{self.title} {self.kb}"))


def offer(host: Host, *updates: Update) -> None:
    for update in updates:
        host.registry_set(KEY, update.id, RegistryValue("string", json.dumps(asdict(update))))


def offered(host: Host) -> list[Update]:
    """What is not installed yet, by title."""
    kept = host.registry_values(KEY).values() if host.registry_key_exists(KEY) else ()
    found = [json.loads(value.data) for value in kept]
    return sorted(
        (Update(**{**fields, "categories": tuple(fields["categories"])}) for fields in found),
        key=lambda update: update.title,
    )


def install(host: Host, update: Update) -> None:
    """It is offered no more, at once."""
    host.registry_delete(KEY, update.id)
    if update.restarts:
        host.registry_create_key(REBOOT_REQUIRED_KEY)


def restart_required(host: Host) -> bool:
    return host.registry_key_exists(REBOOT_REQUIRED_KEY)


def restarted(host: Host) -> None:
    """What a restart finishes."""
    if restart_required(host):
        host.registry_delete(REBOOT_REQUIRED_KEY)
