"""One node of the laboratory: a host of either kind and its WinRM service."""

from __future__ import annotations

import contextlib
import functools
import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from lab.cluster.certificates import Authority
from lab.errors import LabError
from lab.faults import Faults
from lab.host.interface import Host, Identity
from lab.network import free_port

if TYPE_CHECKING:
    from lab.modules.table import ModuleTable
    from lab.wire.server import WinRMServer

ADMINISTRATOR = "Administrator"


@dataclass(frozen=True)
class Release:
    """A Windows Server release: how its registry names it, a revision (UBR) that such a node may have, and a short name
    for nodes."""

    product_name: str
    revision: int
    short_name: str


RELEASES = {
    14393: Release("Windows Server 2016 Datacenter", 6709, "win2016"),
    17763: Release("Windows Server 2019 Datacenter", 5329, "win2019"),
    20348: Release("Windows Server 2022 Datacenter", 2227, "win2022"),
    26100: Release("Windows Server 2025 Datacenter", 1742, "win2025"),
}


@dataclass(frozen=True)
class NodeSpec:
    """Which node is wanted: its name (inventory and Kubernetes) and the Windows build that it presents."""

    name: str
    build: int = 20348

    def __post_init__(self) -> None:
        if self.build not in RELEASES:
            known = ", ".join(f"{build} ({release.product_name})" for build, release in RELEASES.items())
            raise LabError(f"node {self.name}: build {self.build} is not known. Known builds: {known}.")

    @property
    def identity(self) -> Identity:
        """A computer name has at most 15 characters (NetBIOS)."""
        release = RELEASES[self.build]
        return Identity(self.name.upper()[:15], release.product_name, self.build, release.revision)


def _make_model(spec: NodeSpec, directory: Path, registry_url: str) -> Host:
    """A model with the same files of a user's own that a bare binary node has."""
    from lab.host import wine_furniture
    from lab.host.model import ModelHost

    host = ModelHost(spec.identity)
    files = {
        r"C:\Program Files\containerd\config.toml": wine_furniture.CONTAINERD_CONFIGURATION,
        r"C:\Program Files\containerd\cni\conf\10-nat.conf": json.dumps(wine_furniture.CNI_NETWORK, indent=2),
        wine_furniture.MIRRORS + r"\_default\hosts.toml": wine_furniture.hosts_file(registry_url),
    }
    for path, content in files.items():
        host.make_directory(path.rpartition("\\")[0])
        host.write(path, content.encode())
    return host


def _make_binary(spec: NodeSpec, directory: Path, registry_url: str) -> Host:
    from lab.host.toolchain import Toolchain
    from lab.host.wine import WineHost

    return WineHost.create(directory, spec.identity, Toolchain.built(), registry_url)


HOST_KINDS: dict[str, Callable[[NodeSpec, Path, str], Host]] = {"binary": _make_binary, "model": _make_model}


@dataclass
class Node:
    """A node, from nothing to listening.

    Attributes:
        address: its own loopback address; WinRM and the kubelet listen there.
        kubelet_port, health_port: free ports on that address, for the kubelet's configuration.
        faults: what goes wrong with its WinRM.
    """

    spec: NodeSpec
    kind: str
    address: str
    directory: Path
    faults: Faults = field(default_factory=Faults)
    host: Host | None = None
    winrm: WinRMServer | None = None
    _make_host: Callable[[], Host] | None = field(default=None, init=False, repr=False)
    _serve: Callable[..., WinRMServer] | None = field(default=None, init=False, repr=False)

    def __post_init__(self) -> None:
        self.kubelet_port = free_port(self.address)
        self.health_port = free_port(self.address)

    @property
    def name(self) -> str:
        return self.spec.name

    def start(self, authority: Authority, password: str, registry_url: str, modules: ModuleTable) -> None:
        """Make the host, boot it, and let WinRM listen.

        Args:
            registry_url: where its images come from.
        """
        from lab.wire.server import WinRMServer

        pair = authority.issue(
            self.name, self.spec.identity.computer_name, server_names=[self.address, self.name.lower()]
        )
        self._make_host = functools.partial(HOST_KINDS[self.kind], self.spec, self.directory, registry_url)
        self._serve = functools.partial(
            WinRMServer,
            address=self.address,
            certificate=pair.certificate,
            key=pair.key,
            accounts={ADMINISTRATOR: password},
            modules=modules,
            faults=self.faults,
        )
        self._begin(http_port=0, https_port=0)

    def _begin(self, **ports: int) -> None:
        self.host = self._make_host()
        if not self.host.is_up():  # a model is up once it is made
            self.host.boot()
        self.winrm = self._serve(self.host, **ports)
        self.winrm.start()

    def reset(self) -> None:
        """Make it bare again, at the same ports; no fault waits for it any more, and none has struck it."""
        ports = {"http_port": self.winrm.http_port, "https_port": self.winrm.https_port}
        self.stop()
        self.faults.forget()
        self._begin(**ports)

    def stop(self) -> None:
        """End everything of the node; whatever of it never started is left out."""
        with contextlib.ExitStack() as steps:
            steps.callback(shutil.rmtree, self.directory, ignore_errors=True)
            if destroy := getattr(self.host, "destroy", None):
                steps.callback(destroy)
            if self.winrm:
                steps.callback(self.winrm.stop)
        self.host = self.winrm = None
