"""roles/node_tools on a modelled node: nothing by default, what is asked for once, and only what differs again."""

from __future__ import annotations

import io
import tarfile
from typing import Any

import pytest
from lab_tests.test_roles import Node, Releases, node_of, releases  # noqa: F401

CNI = r"C:\Program Files\containerd\cni"


def archive(*names: str) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz") as tar:
        for name in names:
            content = f"MZ model {name} version=1.0.0".encode()
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
    return stream.getvalue()


@pytest.fixture
def variables(releases: Releases) -> dict[str, Any]:  # noqa: F811
    releases.files["/crictl.tar.gz"] = archive("crictl.exe")
    releases.files["/cni.tgz"] = archive("win-bridge.exe", "host-local.exe")
    return {
        "node_tools_crictl_url": f"{releases.url}/crictl.tar.gz",
        "node_tools_crictl_sha256": releases.sha256("/crictl.tar.gz"),
        "node_tools_cni_url": f"{releases.url}/cni.tgz",
        "node_tools_cni_sha256": releases.sha256("/cni.tgz").upper(),
        "node_tools_cni_configuration": {"cniVersion": "0.3.0", "name": "l2bridge", "type": "win-bridge"},
    }


def run(node: Node, variables: dict[str, Any], *extra: str) -> Any:
    playbook = node.directory / "tools.yml"
    playbook.write_text("- hosts: windows\n  gather_facts: false\n  roles: [kubewin.hostprocess.node_tools]\n")
    return node.prepare(variables, *extra, playbook=str(playbook))


@pytest.fixture
def node(node_of: Any) -> Node:  # noqa: F811
    return node_of()


def test_by_default_the_node_is_not_even_looked_at(node: Node) -> None:
    assert run(node, {}).succeeded().executions == []


def test_what_is_asked_for_is_installed_once(node: Node, variables: dict[str, Any]) -> None:
    before = node.tree()
    run(node, variables, "--check", "--diff").succeeded()
    assert node.tree() == before
    run(node, variables).succeeded()
    assert node.text(r"C:\k\crictl.exe").startswith("MZ model crictl.exe")
    assert "npipe:////./pipe/containerd-containerd" in node.text(r"C:\k\crictl.yaml")
    assert node.host.status(rf"{CNI}\bin\host-local.exe") is not None
    assert '"name": "l2bridge"' in node.text(rf"{CNI}\conf\10-cni.conf")
    assert not [path for path in node.tree() if path.endswith(".download")]
    second = run(node, variables).succeeded()
    assert second.changed() == 0
    assert second.modules == ["node_info"]


def test_only_what_differs_is_done_again(node: Node, variables: dict[str, Any]) -> None:
    run(node, variables).succeeded()
    changed = {**variables, "node_tools_crictl_configuration": {"timeout": 30}}
    # win_copy first asks what is there, and then copies.
    assert run(node, changed).succeeded().modules == ["node_info", "win_copy", "win_copy"]
    assert node.text(r"C:\k\crictl.yaml") == "timeout: 30\n"


def test_programs_that_were_removed_are_unpacked_again(node: Node, variables: dict[str, Any]) -> None:
    named = {**variables, "node_tools_cni_programs": ["win-bridge.exe", "host-local.exe"]}
    run(node, named).succeeded()
    gone = [r"C:\k\crictl.exe", rf"{CNI}\bin\host-local.exe"]
    for path in gone:
        node.host.remove(path)
    run(node, named).succeeded()
    assert all(node.host.status(path) for path in gone)
    second = run(node, named).succeeded()
    assert (second.changed(), second.modules) == (0, ["node_info"])


def test_an_archive_without_its_programs_is_refused_and_leaves_no_mark(node: Node, variables: dict[str, Any]) -> None:
    missing = {**variables, "node_tools_cni_programs": ["win-bridge.exe", "sdnbridge.exe"]}
    run(node, missing).refused(rf"holds no {CNI}\bin\sdnbridge.exe.", "node_tools_cni_programs")
    assert node.host.status(rf"{CNI}\bin\.cni.sha256") is None
    run(node, variables).succeeded()


def test_without_crictl_its_folder_stays_off_the_path(node: Node, variables: dict[str, Any]) -> None:
    without = {name: value for name, value in variables.items() if "crictl" not in name}
    run(node, without).succeeded()
    assert r"C:\k" not in node.machine_path()
    run(node, variables).succeeded()
    assert r"C:\k" in node.machine_path()


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"node_tools_crictl_sha256": "abc"}, "node_tools_crictl_sha256 is not a SHA-256"),
        ({"node_tools_cni_sha256": ""}, "go together"),
        ({"node_tools_cni_configuration": {"name": "x"}}, "no cniVersion"),
        ({"node_tools_cni_configuration": {"name": "x", "cniVersion": "1.0.0", "plugins": []}}, "ends in .conflist"),
    ],
)
def test_what_can_not_work_is_refused_before_the_node_is_touched(node: Node, variables, changes, words) -> None:
    assert run(node, {**variables, **changes}).refused(words).executions == []


def test_a_wrong_archive_leaves_no_mark_and_is_fetched_again(node: Node, variables: dict[str, Any]) -> None:
    run(node, {**variables, "node_tools_cni_sha256": "0" * 64}).refused("did not match")
    assert node.host.status(r"C:\k\.crictl.sha256") is None
    run(node, variables).succeeded()
    assert run(node, variables).succeeded().changed() == 0
