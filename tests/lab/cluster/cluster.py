"""Cluster: etcd, kube-apiserver, controller manager and scheduler, started and stopped as one."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import tempfile
import time
from abc import abstractmethod
from collections.abc import Callable, Iterator
from http import HTTPStatus
from pathlib import Path

import urllib3
from kubernetes import client, config
from kubernetes.client.exceptions import ApiException

from lab import build, processes
from lab.cluster import bootstrap, components, kubeconfig
from lab.cluster.certificates import KeyPair
from lab.cluster.relay import Relay
from lab.errors import LabError
from lab.lifecycle import Startable
from lab.network import LOOPBACK

READY_TIMEOUT = 120.0
ATTEMPTS = 3
# What each component says when another process took its port between our choice and its start.
PORT_TAKEN = ("address already in use", "failed to create listener")
LONGEST_SOCKET_PATH = 107  # unix(7)


class ClusterError(LabError):
    """The control plane did not come up, or does not answer."""


class PortTaken(ClusterError):
    """A port was lost to another process; another one will do."""


class ClusterInterface(Startable):
    """What the laboratory knows of a cluster, its own or an existing one.

    Attributes:
        kubeconfig: a file with an administrator's credentials.
        version: for example ``1.36.3``.
        serving: the API server's certificate and key; None where they are not ours to read.
    """

    kubeconfig: Path
    api_url: str
    ca_pem: str
    version: str
    serving: KeyPair | None = None

    @abstractmethod
    def route_kubelet(self, port: int, address: str) -> None:
        """Tell at which loopback address the kubelet with this port listens."""

    def api(self) -> client.ApiClient:
        """A client with an administrator's credentials; the caller closes it (it is a context manager)."""
        configuration = client.Configuration()
        configuration.retries = False  # who waits, retries; urllib3 would, and warn each time
        config.load_kube_config(str(self.kubeconfig), client_configuration=configuration)
        return client.ApiClient(configuration)

    def bootstrap_token(self) -> str:
        """A new bootstrap token with which kubelets may join, and the bindings that it needs."""
        with self.api() as api:
            bootstrap.bind(api, bootstrap.JOINING)
            return bootstrap.create_token(api)

    def _read_version(self) -> str:
        with self.api() as api:
            return client.VersionApi(api).get_code().git_version.removeprefix("v")


class Cluster(ClusterInterface):
    """A control plane of our own, all of it below one folder.

    Args:
        directory: where certificates, logs and data go; made when missing.
        version: of Kubernetes; by default the laboratory's.
    """

    def __init__(self, directory: Path, version: str | None = None) -> None:
        self._order = build.order("controlplane", version)
        self._directory = Path(directory)
        self._children: dict[str, subprocess.Popen[bytes]] = {}
        self._relay: Relay | None = None
        self._socket_directory: Path | None = None
        self.version = self._order.version

    def start(self) -> None:
        """Returns when the API answers and a pod could be made (the default service account exists).

        Raises:
            MissingTool, BuildError: the control plane can't be built.
            ClusterError: it did not come up; the message names the component and the end of its log.
        """
        program = self._order.build()
        for attempt in range(1, ATTEMPTS + 1):
            try:
                return self._start_once(program)
            except PortTaken:
                self.stop()
                if attempt == ATTEMPTS:
                    raise
            except BaseException:
                self.stop()
                raise
        return None

    def stop(self) -> None:
        """End every process at once. The API server would drain for a minute and keep its port meanwhile."""
        for name in reversed(list(self._children)):
            processes.stop(self._children.pop(name))
        if self._relay:
            self._relay.stop()
            self._relay = None
        if self._socket_directory:
            shutil.rmtree(self._socket_directory, ignore_errors=True)
            self._socket_directory = None

    def route_kubelet(self, port: int, address: str) -> None:
        if self._relay:
            self._relay.routes[port] = address

    def process_ids(self) -> dict[str, int]:
        """The components that run now."""
        return {name: child.pid for name, child in self._children.items() if child.poll() is None}

    def _start_once(self, program: Path) -> None:
        self._make_directories()
        ports = components.Ports.choose()
        credentials = components.Credentials(self._directory / "pki")
        self.ca_pem, self.serving = credentials.authority.pem, credentials.api_server
        self.api_url = f"https://{LOOPBACK}:{ports.api}"
        endpoint = kubeconfig.Endpoint(self.api_url, self.ca_pem)

        def configuration(user: str, pair: components.KeyPair) -> Path:
            return kubeconfig.write(self._directory / f"{user}.kubeconfig", endpoint, user, pair)

        self.kubeconfig = configuration("admin", credentials.admin)
        egress = self._start_relay()
        self._spawn(program, components.etcd(ports, credentials, self._directory / "etcd"))
        self._spawn(program, components.api_server(ports, credentials, egress))
        self._wait("the API server to be ready", self._api_is_ready)
        for command in (
            components.controller_manager(
                credentials, configuration("controller-manager", credentials.controller_manager)
            ),
            components.scheduler(configuration("scheduler", credentials.scheduler)),
        ):
            self._spawn(program, command)
        with self.api() as api:
            bootstrap.bind(api, bootstrap.REACHING_KUBELETS)
        self._wait("the default service account", self._default_service_account_exists)

    def _make_directories(self) -> None:
        self._directory.mkdir(parents=True, exist_ok=True)
        self._directory.chmod(0o700)
        for name in ("pki", "etcd"):
            shutil.rmtree(self._directory / name, ignore_errors=True)
        (self._directory / "etcd").mkdir(mode=0o700)
        (self._directory / "log").mkdir(exist_ok=True)

    def _start_relay(self) -> Path:
        socket = self._directory / "kubelets.sock"
        if len(str(socket.absolute())) > LONGEST_SOCKET_PATH:
            self._socket_directory = Path(tempfile.mkdtemp(prefix="kubewin-lab-"))
            socket = self._socket_directory / "kubelets.sock"
        self._relay = Relay(socket.absolute())
        self._relay.start()
        return self._relay.write_configuration(self._directory / "egress.yaml")

    def _log(self, name: str) -> Path:
        return self._directory / "log" / f"{name}.log"

    def _spawn(self, program: Path, command: list[str]) -> None:
        log = self._log(command[0])
        log.unlink(missing_ok=True)
        self._children[command[0]] = processes.spawn([program, *command], log=log, directory=self._directory)

    def _wait(self, what: str, reached: Callable[[], bool]) -> None:
        deadline = time.monotonic() + READY_TIMEOUT
        while not reached():
            self._check_alive()
            if time.monotonic() > deadline:
                raise ClusterError(
                    f"Kubernetes {self.version}: waited {READY_TIMEOUT:.0f} s for {what}. The logs are in "
                    f"{self._directory / 'log'}."
                )
            time.sleep(0.1)

    def _check_alive(self) -> None:
        for name, child in self._children.items():
            if child.poll() is not None:
                log = processes.last_lines(self._log(name))
                error = PortTaken if any(text in log for text in PORT_TAKEN) else ClusterError
                raise error(
                    f"{name} {self.version} ended with {child.returncode}. The end of {self._log(name)}:\n{log}"
                )

    def _api_is_ready(self) -> bool:
        with self.api() as api, _not_answering():
            return api.call_api("GET", f"{self.api_url}/readyz", _request_timeout=5).status == HTTPStatus.OK
        return False

    def _default_service_account_exists(self) -> bool:
        with self.api() as api, _not_answering():
            client.CoreV1Api(api).read_namespaced_service_account("default", "default", _request_timeout=5)
            return True
        return False


@contextlib.contextmanager
def _not_answering() -> Iterator[None]:
    """Swallow what a control plane answers, or does not, while it comes up."""
    with contextlib.suppress(ApiException, urllib3.exceptions.HTTPError):
        yield


class ExistingCluster(ClusterInterface):
    """A cluster that somebody else runs, given as a kubeconfig. Only bootstrap tokens are made in it, and removed."""

    def __init__(self, path: Path) -> None:
        self.kubeconfig = Path(path).absolute()
        self._tokens: list[str] = []

    def start(self) -> None:
        """
        Raises:
            LabError: the kubeconfig can't be used.
            ClusterError: the API does not answer.
        """
        endpoint = kubeconfig.read(self.kubeconfig)
        self.api_url, self.ca_pem = endpoint.url, endpoint.ca_pem
        try:
            self.version = self._read_version()
        except (ApiException, urllib3.exceptions.HTTPError) as error:
            raise ClusterError(
                f"The cluster of LAB_KUBECONFIG={self.kubeconfig} ({self.api_url}) does not answer: {error}"
            ) from error

    def stop(self) -> None:
        while self._tokens:
            with self.api() as api, _not_answering():
                bootstrap.delete_token(api, self._tokens.pop())

    def bootstrap_token(self) -> str:
        self._tokens.append(super().bootstrap_token())
        return self._tokens[-1]

    def route_kubelet(self, port: int, address: str) -> None:
        """An existing cluster's API server dials nodes itself: logs and exec of lab nodes do not work there."""


def open_cluster(directory: Path, version: str | None = None) -> ClusterInterface:
    """The cluster of ``LAB_KUBECONFIG`` when that is set, else one of our own below ``directory``; not started."""
    existing = os.environ.get("LAB_KUBECONFIG")
    return ExistingCluster(Path(existing)) if existing else Cluster(directory, version)
