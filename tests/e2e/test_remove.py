"""A binary node is prepared, runs HostProcess pods, and is given back as it was before.

One node. What is compared is what the node itself says, past all of Ansible: services, registry, PATH, files.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from demo.playbook import PlaybookRun, run_playbook
from kubernetes import client

from lab.host import firewall
from lab.inventory import IMAGE
from lab.laboratory import Laboratory, NodeSpec

pytestmark = [pytest.mark.nodes, pytest.mark.controlplane]

NODE = "win1"
NAMESPACE = "default"
# What is named is taken back; the time service is on without that, too, and would stay.
TUNING = '{"windows_node_tuning": {"time_service": true}}'
CONFIGURATION = r"C:\Program Files\containerd\config.toml"
FILE_SYSTEM = r"HKLM:\SYSTEM\CurrentControlSet\Control\FileSystem"
# The laboratory's own, and what every program writes to.
NOT_COMPARED = {"windows", "users", "programdata/kubewin-lab", "programdata/plainfolder"}


def daemon_set(name: str) -> dict[str, Any]:
    """Pods that nothing but the end of their node ends: they tolerate everything."""
    labels = {"app": name}
    return {
        "apiVersion": "apps/v1",
        "kind": "DaemonSet",
        "metadata": {"name": name},
        "spec": {
            "selector": {"matchLabels": labels},
            "template": {
                "metadata": {"labels": labels},
                "spec": {
                    "hostNetwork": True,
                    "os": {"name": "windows"},
                    "nodeSelector": {"kubernetes.io/os": "windows"},
                    "tolerations": [{"operator": "Exists"}],
                    "automountServiceAccountToken": False,
                    "enableServiceLinks": False,
                    "terminationGracePeriodSeconds": 1,
                    "securityContext": {
                        "windowsOptions": {"hostProcess": True, "runAsUserName": "NT AUTHORITY\\SYSTEM"}
                    },
                    "containers": [
                        {
                            "name": "sleep",
                            "image": IMAGE,
                            "command": ["cmd.exe", "/c", "ping -n 86400 127.0.0.1"],
                            "resources": {"limits": {"memory": "64Mi"}},
                        }
                    ],
                },
            },
        },
    }


class Removal:
    """The node, its cluster, and the playbooks that prepare it and give it back."""

    def __init__(self, lab: Laboratory, work: Path, api: client.ApiClient) -> None:
        self.lab, self.work = lab, work
        self.core, self.apps = client.CoreV1Api(api), client.AppsV1Api(api)
        self.runs = 0
        self.before = self.state()

    @property
    def host(self) -> Any:
        return self.lab.nodes[NODE].host

    def play(self, playbook: str, *extra: str) -> PlaybookRun:
        self.runs += 1
        folder = self.work / f"run-{self.runs}"
        folder.mkdir(parents=True)
        return run_playbook(
            playbook,
            self.lab.inventory,
            work=folder,
            kubeconfig=self.lab.kubeconfig,
            extra=["-e", TUNING, *extra],
            echo=None,
        )

    def state(self) -> dict[str, Any]:
        services = {one.configuration.name: one.configuration.start_mode for one in self.host.services()}
        return {
            "services": {name: mode for name, mode in services.items() if name not in ("hns", "vmcompute")},
            "path": self.host.environment()["PATH" if "PATH" in self.host.environment() else "Path"],
            "file_system": self.host.registry_values(FILE_SYSTEM),
            "firewall": [rule.text for rule in firewall.rules(self.host).values()],
            "files": self.files(),
        }

    def files(self) -> set[str]:
        disk = self.host.local_path("C:\\")
        found = (path.relative_to(disk).as_posix() for path in disk.rglob("*"))
        skipped = tuple(f"{name}/" for name in NOT_COMPARED)
        return {path for path in found if not f"{path.lower()}/".startswith(skipped)}

    def shims(self) -> list[str]:
        return [one.image for one in self.host.processes() if "containerd-shim" in one.image.lower()]

    def nodes(self) -> list[str]:
        return [node.metadata.name for node in self.core.list_node().items]

    def pods(self) -> list[Any]:
        return self.core.list_namespaced_pod(NAMESPACE).items

    def start_pods(self) -> None:
        for name in ("one", "two"):
            self.apps.create_namespaced_daemon_set(NAMESPACE, daemon_set(name))
        deadline = time.monotonic() + 120
        while sum(pod.status.phase == "Running" for pod in self.pods()) < 2:
            assert time.monotonic() < deadline, [pod.status.phase for pod in self.pods()]
            time.sleep(0.5)


@pytest.fixture(scope="module")
def removal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Removal]:
    folder = tmp_path_factory.mktemp("remove")
    with Laboratory(folder / "lab", [NodeSpec(NODE, 20348)]) as lab, lab.cluster.api() as api:
        found = Removal(lab, folder, api)
        run = found.play("prepare")
        assert run.exit_code == 0, run.explanation
        found.start_pods()
        yield found
        assert lab.ended_by_themselves() == []


def test_check_mode_removes_nothing(removal: Removal) -> None:
    before = removal.state()
    run = removal.play("remove", "--check", "--diff")
    assert run.exit_code == 0, run.explanation
    assert run.changed > 0
    assert removal.nodes() == [NODE]
    assert {**removal.state(), "files": None} == {**before, "files": None}
    assert len(removal.shims()) >= 2


def test_a_node_in_use_is_given_back_as_it_was(removal: Removal) -> None:
    assert removal.state()["services"] != removal.before["services"]
    run = removal.play("remove")
    assert run.exit_code == 0, run.explanation
    after = removal.state()
    assert removal.nodes() == []
    assert [pod.metadata.name for pod in removal.pods()] == []
    assert removal.shims() == []
    assert removal.host.service("containerd") is None
    assert removal.host.service("kubelet") is None
    assert after["files"] - removal.before["files"] == set()
    assert {**after, "files": None} == {**removal.before, "files": None}
    # The node's own configuration is still there, with what was merged into it.
    assert removal.host.status(CONFIGURATION) is not None


def test_the_second_run_changes_nothing(removal: Removal) -> None:
    before = len(removal.lab.nodes[NODE].winrm.executions)
    run = removal.play("remove")
    assert run.exit_code == 0, run.explanation
    assert run.changed == 0, [task.task for task in run.tasks if task.changed]
    assert len(removal.lab.nodes[NODE].winrm.executions) - before == 1


def test_the_node_can_be_prepared_again(removal: Removal) -> None:
    run = removal.play("prepare")
    assert run.exit_code == 0, run.explanation
    assert removal.nodes() == [NODE]
    assert removal.play("prepare").changed == 0
