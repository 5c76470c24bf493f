"""The laboratory as one thing: control plane, artifact server and nodes, started together and stopped together.

with Laboratory(directory, nodes=[NodeSpec("win2019", 17763), NodeSpec("win2022", 20348)]) as lab:
    lab.kubeconfig, lab.inventory            # files for kubectl and ansible-playbook
    lab.nodes["win2019"].host                # the node itself
"""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from types import FrameType

from lab import build, products
from lab.artifacts.server import ArtifactServer
from lab.cluster import ClusterInterface, open_cluster
from lab.cluster.certificates import Authority
from lab.cluster.fault_proxy import FaultProxy
from lab.control import LOG_FILE, STATE_FILE
from lab.errors import LabError
from lab.faults import Faults
from lab.host.toolchain import Toolchain
from lab.inventory import DEFAULT_TRANSPORT, TRANSPORTS, Access, write_inventory
from lab.lifecycle import Startable
from lab.network import node_addresses
from lab.nodes import HOST_KINDS, Node, NodeSpec

__all__ = ["Laboratory", "NodeSpec"]

MARKER = ".kubewin-lab"  # proves that a folder is ours to empty
AT_ONCE = 4  # nodes that start at the same time


class Laboratory(Startable):
    """A laboratory below one folder.

    Args:
        directory: where everything of it lies; made when missing, refused when it holds something else, removed at
            stop.
        nodes: which nodes.
        kind: ``binary`` (the vendors' Windows binaries in Wine) or ``model`` (a Python model).
        control_plane: whether there is a cluster; ``LAB_KUBECONFIG`` puts an existing one in its place.
        transport: how the inventory tells Ansible to reach the nodes (`lab.inventory.TRANSPORTS`).
        keep: leave the folder (logs, certificates) at stop.
        clock: how many seconds pass on the laboratory's clock in one real second, for faults that take long.
        say: where progress goes, a line at a time.

    Attributes:
        inventory, kubeconfig: files, there once started.
        nodes: by name. artifacts, cluster: the servers.
        api_faults: what goes wrong for those who go through `fault_proxy`.
    """

    def __init__(
        self,
        directory: Path,
        nodes: Sequence[NodeSpec],
        kind: str = "binary",
        control_plane: bool = True,
        *,
        transport: str = DEFAULT_TRANSPORT,
        keep: bool = False,
        clock: float = 1.0,
        containerd: str = products.CONTAINERD,
        kubernetes: str = products.KUBERNETES,
        say: Callable[[str], None] = build.say,
    ) -> None:
        _require_choice("kind of node", kind, HOST_KINDS)
        _require_choice("transport", transport, TRANSPORTS)
        if len({spec.name.lower() for spec in nodes}) != len(nodes):
            raise LabError(f"Node names must differ: {', '.join(spec.name for spec in nodes)}.")
        self.directory = Path(directory).absolute()
        self.kind = kind
        self.control_plane = control_plane
        self.keep = keep
        self.clock = clock
        self.versions = {"containerd": containerd, "kubernetes": kubernetes}
        self.artifacts = ArtifactServer(for_models=kind == "model")
        self.cluster: ClusterInterface | None = None
        self.inventory = self.directory / "inventory.yml"
        self.nodes: dict[str, Node] = {}
        self._specs = list(nodes)
        self._access = Access(secrets.token_urlsafe(18), self.directory / "tls" / "winrm-ca.crt", transport)
        self._say = say
        self._started = contextlib.ExitStack()
        self.api_faults = Faults()
        self._fault_proxy: FaultProxy | None = None

    @property
    def kubeconfig(self) -> Path:
        """
        Raises:
            LabError: this laboratory has no control plane.
        """
        if self.cluster is None:
            raise LabError("This laboratory was started without a control plane, so there is no kubeconfig.")
        return self.cluster.kubeconfig

    def fault_proxy(self) -> FaultProxy:
        """The proxy before the API server, for those who use its kubeconfig; started when it is first asked for.

        Raises:
            LabError: there is no control plane, or it is not the laboratory's own.
        """
        if self.cluster is None:
            raise LabError("This laboratory was started without a control plane, so there is no API server.")
        if self._fault_proxy is None:
            self._fault_proxy = self._started.enter_context(FaultProxy(self.cluster, self.directory, self.api_faults))
        return self._fault_proxy

    def ended_by_themselves(self) -> list[str]:
        """Nodes that should be up and are not, though nobody rebooted them: whoever sees one has to fail."""
        hosts = {name: node.host for name, node in self.nodes.items() if node.kind == "binary" and node.host}
        return [name for name, host in hosts.items() if host.ended_by_itself()]

    def start(self) -> None:
        """Start everything; when something fails or a signal comes, what was started is stopped again.

        Raises:
            LabError: what failed, and what to do.
        """
        try:
            with terminated_by_sigterm():
                self._start()
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Stop everything and remove the folder; a second signal does not interrupt it."""
        with signals_held():
            self._started.close()

    def _start(self) -> None:
        claim(self.directory)
        self._started.callback(self._leave_directory)
        self._build()
        self._started.enter_context(self.artifacts)
        authority = self._make_authority()
        if self.control_plane:
            self._say(f"starting the control plane, Kubernetes {self.versions['kubernetes']}")
            self.cluster = open_cluster(self.directory / "cluster", self.versions["kubernetes"])
            self._started.enter_context(self.cluster)
        self._start_nodes(authority)
        self._write_inventory()
        self._say(f"ready: {self.inventory}")

    def _build(self) -> None:
        """What this laboratory needs, so that nothing waits for a compiler later."""
        if self.control_plane and not os.environ.get("LAB_KUBECONFIG"):
            build.ensure("controlplane", self.versions["kubernetes"])
        if self.kind == "binary":
            build.ensure("kubelet-release", self.versions["kubernetes"])
            build.ensure("containerd-release", self.versions["containerd"])
            Toolchain.built()

    def _make_authority(self) -> Authority:
        directory = self.directory / "tls"
        directory.mkdir(mode=0o700)
        return Authority(directory, "winrm-ca")

    def _start_nodes(self, authority: Authority) -> None:
        from lab.modules.table import ModuleTable

        addresses = unused_addresses()
        modules = ModuleTable()
        for spec in self._specs:
            node = Node(spec, self.kind, next(addresses), self.directory / "nodes" / spec.name)
            self.nodes[spec.name] = node
            self._started.callback(node.stop)
        (self.directory / "nodes").mkdir(exist_ok=True)

        def start(node: Node) -> Node:
            node.start(authority, self._access.password, self.artifacts.url(), modules)
            return node

        with ThreadPoolExecutor(AT_ONCE, thread_name_prefix="node-start") as pool:
            try:
                for future in as_completed([pool.submit(start, node) for node in self.nodes.values()]):
                    node = future.result()
                    self._say(f"{node.name}: {node.kind} node, Windows build {node.spec.build}, up at {node.address}")
            except BaseException:
                pool.shutdown(cancel_futures=True)  # waits for those that are being started: they are stopped next
                raise
        if self.cluster:
            for node in self.nodes.values():
                self.cluster.route_kubelet(node.kubelet_port, node.address)

    def _write_inventory(self) -> None:
        write_inventory(
            self.inventory,
            self.nodes.values(),
            self._access,
            artifacts=self.artifacts,
            cluster=self.cluster,
            clock=self.clock,
            **self.versions,
        )

    def _leave_directory(self) -> None:
        if self.keep:
            self.inventory.unlink(missing_ok=True)  # its nodes are gone, and it holds secrets
            (self.directory / STATE_FILE).unlink(missing_ok=True)
        else:
            shutil.rmtree(self.directory, ignore_errors=True)


def _require_choice(what: str, chosen: str, choices: object) -> None:
    if chosen not in choices:
        raise LabError(f"There is no {what} {chosen!r}; choose one of {', '.join(choices)}.")


def claim(directory: Path) -> None:
    """Make a folder ours, or empty it when a laboratory that is gone left it.

    Raises:
        LabError: it holds something that no laboratory put there.
    """
    if directory.is_dir() and any(directory.iterdir()):
        if not (directory / MARKER).exists():
            raise LabError(f"{directory} holds files that are not a laboratory's. Choose another folder with --state.")
        for path in directory.iterdir():
            if path.name in (MARKER, STATE_FILE, LOG_FILE):
                continue
            shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
    directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    (directory / MARKER).touch()


def unused_addresses() -> Iterator[str]:
    """Node addresses at which nothing listens, so that two laboratories can run side by side."""
    listening = _listening_addresses()
    return (address for address in node_addresses() if address not in listening)


def _listening_addresses() -> set[str]:
    """Local IPv4 addresses with a listening TCP socket (proc(5), /proc/net/tcp: little-endian hex, state 0A)."""
    rows = (line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:])
    hexadecimal = (row[1].split(":")[0] for row in rows if row[3] == "0A")
    return {".".join(str(byte) for byte in reversed(bytes.fromhex(text))) for text in hexadecimal}


@contextlib.contextmanager
def terminated_by_sigterm() -> Iterator[None]:
    """Let SIGTERM raise SystemExit, as Ctrl-C raises KeyboardInterrupt, so that everything unwinds."""

    def leave(number: int, frame: FrameType | None) -> None:
        raise SystemExit(128 + number)

    with _handlers({signal.SIGTERM: leave}):
        yield


@contextlib.contextmanager
def signals_held() -> Iterator[None]:
    """Ignore Ctrl-C and SIGTERM while things are being stopped."""
    with _handlers({signal.SIGINT: signal.SIG_IGN, signal.SIGTERM: signal.SIG_IGN}):
        yield


@contextlib.contextmanager
def _handlers(handlers: dict[signal.Signals, object]) -> Iterator[None]:
    if threading.current_thread() is not threading.main_thread():
        yield  # only the main thread may set handlers
        return
    before = {number: signal.signal(number, handler) for number, handler in handlers.items()}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
