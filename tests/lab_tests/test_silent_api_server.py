"""An API server that takes connections and never says anything: playbooks that ask it end, and leave the node alone."""

# ruff: noqa: F811 - the fixtures of test_roles are taken by their names

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from lab_tests.test_roles import Node, Releases, bare, node, node_of, releases  # noqa: F401

from lab.cluster import kubeconfig

TIMED_OUT = "Timed out after 3 second(s)"


@pytest.fixture
def silent(tmp_path: Path) -> Iterator[dict[str, str | int]]:
    """The variables that lead to such a server."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        endpoint = kubeconfig.Endpoint(f"http://127.0.0.1:{server.getsockname()[1]}", ca_pem="")
        file = kubeconfig.write(tmp_path / "kubeconfig", endpoint, "operator", "token")
        timeouts = dict.fromkeys(("kubewin_request_timeout", "remove_request_timeout"), 3)
        yield {"kubewin_kubeconfig": str(file), **timeouts}


@pytest.mark.parametrize(
    ("playbook", "task"),
    [
        ("upgrade.yml", "Read the node as the cluster knows it"),
        ("remove.yml", "Ask the cluster for the node"),
    ],
)
def test_a_playbook_ends_and_changes_nothing(
    node: Node, releases: Releases, silent: dict[str, str | int], playbook: str, task: str
) -> None:
    node.prepare(releases.variables()).succeeded()
    before = node.tree()
    ended = node.prepare({**releases.variables(), **silent}, playbook=playbook).refused(TIMED_OUT)
    assert ended.text.rpartition("TASK [")[2].partition("]")[0].endswith(task)
    assert ended.modules == ["node_info"]
    assert node.tree() == before
    assert node.host.service("kubelet").state == "running"
