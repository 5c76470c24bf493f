"""A node joins by the real kubeadm.exe, beside the real control plane, and its kubelet goes on as a native service."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml
from demo.playbook import PlaybookRun, run_playbook
from e2e.waiting import wait_until
from kubernetes import client, config

from lab import build, products
from lab.cluster import kubeadm
from lab.laboratory import Laboratory, NodeSpec

pytestmark = [pytest.mark.nodes, pytest.mark.controlplane]

NODE = "win1"
# What the cluster gives its kubelets, written on Linux: kubeadm mends the paths, the role adds what is the node's own.
CLUSTER = {
    "clusterDNS": ["10.96.0.10"],
    "clusterDomain": "cluster.local",
    "resolvConf": "/run/systemd/resolve/resolv.conf",
    "staticPodPath": "/etc/kubernetes/manifests",
    "rotateCertificates": True,
    "authentication": {"x509": {"clientCAFile": "/etc/kubernetes/pki/ca.crt"}},
}
PLAYBOOK = [
    {
        "hosts": "windows",
        "gather_facts": False,
        "roles": ["kubewin.hostprocess.containerd", "kubewin.hostprocess.kubelet"],
    }
]


@dataclass
class Joined:
    lab: Laboratory
    work: Path
    token: str
    runs: list[PlaybookRun]

    @property
    def host(self) -> Any:
        return self.lab.nodes[NODE].host

    def text(self, path: str) -> str:
        return self.host.read(path).decode()

    def run(self, *extra: str) -> PlaybookRun:
        folder = self.work / f"run-{len(self.runs)}"
        folder.mkdir(parents=True)
        playbook = folder / "play.yml"
        playbook.write_text(yaml.safe_dump(PLAYBOOK))
        run = run_playbook(
            str(playbook),
            self.lab.inventory,
            work=folder,
            kubeconfig=self.lab.kubeconfig,
            extra=("-vvv", "-e", f"@{self.work / 'variables.yml'}", *extra),
            echo=None,
        )
        self.runs.append(run)
        return run


@pytest.fixture(scope="module")
def joined(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Joined]:
    work = tmp_path_factory.mktemp("kubeadm")
    version = products.KUBERNETES
    build.ensure("kubeadm-release", version)
    with Laboratory(work / "lab", [NodeSpec(NODE, 20348)]) as lab:
        api = config.new_client_from_config(str(lab.kubeconfig))
        kubeadm.initialize(api, version, lab.cluster.api_url.removeprefix("https://"), CLUSTER)
        variables = {
            "kubelet_join": "kubeadm",
            "kubelet_kubeadm_url": lab.artifacts.program_url("kubeadm.exe", version),
            "kubelet_kubeadm_sha256": lab.artifacts.program_sha256("kubeadm.exe", version),
        }
        (work / "variables.yml").write_text(yaml.safe_dump(variables))
        inventory = yaml.safe_load(lab.inventory.read_text())
        token = inventory["all"]["children"]["windows"]["vars"]["kubelet_bootstrap_token"]
        node = Joined(lab, work, token, [])
        first = node.run()
        assert first.exit_code == 0, first.explanation
        yield node


def test_the_node_is_ready(joined: Joined):
    core = client.CoreV1Api(config.new_client_from_config(str(joined.lab.kubeconfig)))

    def ready() -> bool:
        conditions = core.read_node(NODE).status.conditions or []
        return any(row.type == "Ready" and row.status == "True" for row in conditions)

    wait_until(ready)


def test_the_kubelet_is_a_native_service_with_kubeadms_files(joined: Joined):
    service = joined.host.service("kubelet")
    assert service.state == "running"
    words = shlex.split(service.configuration.command_line, posix=False)
    assert words[0] == r"C:\k\kubelet.exe"
    assert r"--kubeconfig=C:\etc\kubernetes\kubelet.conf" in words
    assert joined.host.status(r"C:\etc\kubernetes\kubelet.conf") is not None
    assert "KUBELET_KUBEADM_ARGS" in joined.text(r"C:\var\lib\kubelet\kubeadm-flags.env")


def test_the_configuration_is_the_clusters_with_the_roles_over_it(joined: Joined):
    found = yaml.safe_load(joined.text(r"C:\var\lib\kubelet\config.yaml"))
    assert found["clusterDNS"] == CLUSTER["clusterDNS"]
    assert found["maxPods"] == 250
    assert found["resolvConf"] == ""
    assert found["address"] == joined.lab.nodes[NODE].address


def test_nothing_with_the_token_is_left_and_no_output_has_it(joined: Joined):
    private = r"C:\Windows\System32\config\systemprofile\kubewin\kubeadm"
    assert joined.host.status(private) is None
    assert joined.host.status(r"C:\etc\kubernetes\bootstrap-kubelet.conf") is None
    assert "kubeadm" in joined.runs[0].output
    for run in joined.runs:
        assert joined.token not in run.output
        assert joined.token.split(".")[1] not in run.output


def test_a_second_run_changes_nothing_and_needs_no_token(joined: Joined):
    before = joined.text(r"C:\var\lib\kubelet\config.yaml")
    run = joined.run("-e", "kubelet_bootstrap_token=")
    assert run.exit_code == 0, run.explanation
    assert joined.text(r"C:\var\lib\kubelet\config.yaml") == before
    assert run.changed == 0, [task for task in run.tasks if task.changed]
