# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Modules and roles run by stock ansible-playbook against a real control plane."""

from __future__ import annotations

import os
import uuid
from collections.abc import Callable, Iterator
from socketserver import BaseRequestHandler, ThreadingTCPServer
from threading import Thread

import pytest
from integration.workload.support import call_module, run_playbook
from kubernetes import client

from lab.cluster.fault_proxy import FaultProxy

Run = Callable[..., list[dict]]


@pytest.fixture
def play(cluster, tmp_path) -> Run:
    """Run tasks against the control plane; every task runs, also after one that failed."""

    def run(*tasks: dict, core: str | None = None, arguments: tuple[str, ...] = ()) -> list[dict]:
        one = {
            "hosts": "localhost",
            "gather_facts": False,
            "ignore_errors": True,
            "module_defaults": {"group/kubewin.hostprocess.cluster": {"kubeconfig": str(cluster.kubeconfig)}},
            "tasks": list(tasks),
        }
        return run_playbook(core, tmp_path, [one], *arguments)

    return run


@pytest.fixture
def call(cluster, monkeypatch) -> Run:
    """Run the modules of tasks in this process; every one runs, also after one that failed."""
    for name in [name for name in os.environ if name.startswith("K8S_AUTH_")]:
        monkeypatch.delenv(name)

    def run(*tasks: dict) -> list[dict]:
        return [call_module(task, {"kubeconfig": str(cluster.kubeconfig)}) for task in tasks]

    return run


@pytest.fixture
def proxy(cluster, tmp_path) -> Iterator[FaultProxy]:
    """Before the API server, to let calls go wrong."""
    with FaultProxy(cluster, tmp_path) as started:
        yield started


@pytest.fixture
def api(cluster) -> Iterator[client.ApiClient]:
    with cluster.api() as opened:
        yield opened


@pytest.fixture
def core_api(api) -> client.CoreV1Api:
    return client.CoreV1Api(api)


@pytest.fixture
def apps_api(api) -> client.AppsV1Api:
    return client.AppsV1Api(api)


@pytest.fixture
def namespace(core_api) -> Iterator[str]:
    """A namespace of the test's own that admits HostProcess pods."""
    name = f"test-{uuid.uuid4().hex[:8]}"
    core_api.create_namespace({"metadata": {"name": name}})
    yield name
    core_api.delete_namespace(name)


class _Counting(ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True

    def __init__(self) -> None:
        self.connections = 0
        super().__init__(("127.0.0.1", 0), BaseRequestHandler)

    def verify_request(self, request, client_address) -> bool:
        self.connections += 1
        return False


@pytest.fixture
def listener() -> Iterator[_Counting]:
    """A port that counts who connects to it, and hangs up."""
    with _Counting() as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()
