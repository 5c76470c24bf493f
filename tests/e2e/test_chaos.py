"""What breaks on a node, and the one finding that says so.

One binary node, prepared by playbooks/prepare.yml. Jobs are made by hcsshim's shim on behalf of the real kubelet; each
test breaks one thing, and asks kubewin.hostprocess.job_object_check through stock ansible-playbook.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml
from demo.playbook import run_playbook
from e2e.waiting import wait_until
from kubernetes import client
from wine import products
from wine.machine import Program

from lab import build
from lab.inventory import ACCEPTED, IMAGE
from lab.laboratory import Laboratory, NodeSpec

pytestmark = [pytest.mark.nodes, pytest.mark.controlplane]

NODE = "win1"
NAMESPACE = "default"
ROOT_FOLDERS = r"C:\hpc"
# What a container declares, and what its job must have. Bytes by the definition of the suffixes and the whole
# mebibytes that hcsshim keeps (facts section 4.2), rates for `processors` logical processors (facts section 4.3).
LIMITS: dict[str, tuple[dict[str, str], Callable[[int], int | None], int | None]] = {
    "none": ({}, lambda processors: None, None),
    "cpu": ({"cpu": "500m"}, lambda processors: 5000 // processors, None),
    "memory": ({"memory": "200Mi"}, lambda processors: None, 200 * 1024 * 1024),
    "odd": ({"cpu": "250m", "memory": "100000000"}, lambda processors: 2500 // processors, 95 * 1024 * 1024),
    "least": ({"cpu": "1m"}, lambda processors: max(10 // processors, 1), None),
}


def pod_spec(containers: dict[str, dict[str, str]]) -> dict[str, Any]:
    command = ["cmd.exe", "/c", "ping -n 86400 127.0.0.1"]
    return {
        "hostNetwork": True,
        "os": {"name": "windows"},
        "nodeSelector": {"kubernetes.io/os": "windows"},
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "terminationGracePeriodSeconds": 1,
        "securityContext": {"windowsOptions": {"hostProcess": True, "runAsUserName": "NT AUTHORITY\\SYSTEM"}},
        "containers": [
            {"name": name, "image": IMAGE, "command": command, "resources": {"limits": limits}}
            for name, limits in containers.items()
        ],
    }


def pod(name: str, containers: dict[str, dict[str, str]]) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": pod_spec(containers)}


@dataclass
class Chaos:
    """The node under test, its cluster, and the playbooks that look at it."""

    lab: Laboratory
    work: Path
    api: client.CoreV1Api
    runs: int = 0

    @property
    def host(self) -> Any:
        return self.lab.nodes[NODE].host

    def play(self, *tasks: dict[str, Any], fails: bool = False) -> tuple[dict[str, Any], str]:
        """Run tasks on the node; returns the fact `kept` and the output."""
        self.runs += 1
        folder = self.work / f"run-{self.runs}"
        folder.mkdir(parents=True)
        keep = {
            "name": "Keep",
            "ansible.builtin.copy": {
                "content": "{{ kept | default({}) | to_json }}",
                "dest": str(folder / "kept.json"),
            },
            "delegate_to": "localhost",
            "check_mode": False,
        }
        playbook = folder / "play.yml"
        playbook.write_text(
            yaml.safe_dump(
                [{"hosts": "windows", "gather_facts": False, "tasks": [{"block": list(tasks), "always": [keep]}]}]
            )
        )
        run = run_playbook(str(playbook), self.lab.inventory, work=folder, kubeconfig=self.lab.kubeconfig, echo=None)
        assert (run.exit_code != 0) is fails, run.explanation
        return json.loads((folder / "kept.json").read_text()), run.output

    def check(self) -> dict[str, Any]:
        """What the check role says, as its report would get it."""
        role = {
            "ansible.builtin.include_role": {"name": "kubewin.hostprocess.check"},
            "vars": {"check_state": "{{ node_state }}"},
        }
        look = {"kubewin.hostprocess.node_info": {}, "register": "node_state"}
        kept = {"ansible.builtin.set_fact": {"kept": "{{ check_result }}"}}
        return self.play(look, role, kept)[0]

    def findings(self) -> list[dict[str, Any]]:
        """The findings, without those that every node of this laboratory has (inventory.ACCEPTED)."""
        result = self.check()
        return [finding for finding in result["check"]["findings"] if finding["code"] not in ACCEPTED]

    def the_finding(self) -> dict[str, Any]:
        found = self.findings()
        assert len(found) == 1, json.dumps([(one["code"], one["message"]) for one in found], indent=1)
        return found[0]

    def wait_gone(self, container_id: str) -> dict[str, Any]:
        """With the module's own wait."""
        look = {
            "kubewin.hostprocess.job_object_info": {
                "container_id": container_id,
                "wait": True,
                "wait_state": "gone",
                "wait_sleep": 1,
                "wait_timeout": 60,
            },
            "register": "look",
        }
        return self.play(look, {"ansible.builtin.set_fact": {"kept": "{{ look }}"}})[0]

    # The cluster.

    def create(self, definition: dict[str, Any]) -> list[str]:
        """A pod; returns when it runs, with its containers' ids."""
        self.api.create_namespaced_pod(NAMESPACE, definition)
        return self.running(definition["metadata"]["name"])

    def running(self, name: str, but: list[str] | None = None, seconds: float = 90.0) -> list[str]:
        """The ids of a pod's containers once all run; ``but`` are ids that must have been replaced."""

        def ids() -> list[str] | None:
            status = self.api.read_namespaced_pod_status(name, NAMESPACE).status
            containers = status.container_statuses or []
            found = [
                one.container_id.rpartition("/")[2] for one in containers if one.container_id and one.state.running
            ]
            complete = containers and len(found) == len(containers)
            return sorted(found) if complete and not set(found) & set(but or ()) else None

        return wait_until(ids, seconds)

    def restarts(self, name: str) -> int:
        statuses = self.api.read_namespaced_pod_status(name, NAMESPACE).status.container_statuses
        return sum(one.restart_count for one in statuses)

    def delete(self, name: str) -> None:
        def gone() -> bool:
            try:
                self.api.read_namespaced_pod(name, NAMESPACE)
            except client.ApiException as error:
                return error.status == 404
            return False

        self.api.delete_namespaced_pod(name, NAMESPACE, grace_period_seconds=1)
        wait_until(gone)

    # The node.

    def job(self, container_id: str) -> dict[str, Any]:
        """What the kernel says of one container's job, past all of Ansible."""
        [found] = [job for job in self.probe()["job_objects"] if job["container_id"] == container_id]
        return found

    def probe(self) -> dict[str, Any]:
        source = Path(__file__).resolve().parents[2] / "plugins" / "module_utils" / "JobObject.cs"
        entry = "ansible_collections.kubewin.hostprocess.plugins.module_utils.JobObject.JobObjectProbe"
        return self.host.run_probe({source.name: source.read_text()}, entry, {})

    def bundles(self) -> set[str]:
        """Ids of the containers that containerd keeps."""
        return {bundle["container_id"] for bundle in self.probe()["bundles"]}

    def shim_of(self, container_id: str) -> int:
        return self.job(container_id)["shim_process_id"]

    def members(self, container_id: str) -> list[int]:
        """Ids of the job's processes, the init process first."""
        processes = self.job(container_id)["processes"]
        return [one["pid"] for one in sorted(processes, key=lambda one: one["start_time"]) if one["in_job"]]

    @contextmanager
    def program(self) -> Iterator[Program]:
        """tests/wine/programs/jobs.c beside the containers: what holds handles and lets children out."""
        prefix = self.host.prefix
        log = self.work / "jobs.log"
        with log.open("w") as errors:
            process = subprocess.Popen(
                [prefix.wine, prefix.windows_path(products.c_programs() / "jobs.exe")],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                env={**os.environ, **prefix.environment()},
                text=True,
            )
        running = Program(process, log)
        try:
            yield running
        finally:
            running.close()

    def remove_leftovers(self) -> None:
        """What a dead shim leaves behind, so that each test starts from a node without findings."""
        probe = self.probe()
        used = {found["container_id"] for found in probe["job_objects"] + probe["bundles"]}
        for folder in probe["leftovers"]["rootfs_folders"]:
            if folder.rpartition("\\")[2] not in used:
                self.host.remove(folder)


@pytest.fixture(scope="module")
def chaos(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chaos]:
    folder = tmp_path_factory.mktemp("chaos")
    with Laboratory(folder / "lab", [NodeSpec(NODE, 20348)]) as lab, lab.cluster.api() as api:
        run = run_playbook("prepare", lab.inventory, work=folder / "prepare", kubeconfig=lab.kubeconfig, echo=None)
        assert run.exit_code == 0, run.explanation
        yield Chaos(lab, folder, client.CoreV1Api(api))
        assert lab.ended_by_themselves() == []


@pytest.fixture
def one(chaos: Chaos) -> Iterator[tuple[Chaos, str]]:
    """A pod `agent` with one container that runs as declared; removed with what it left."""
    [container_id] = chaos.create(pod("agent", {"agent": {"cpu": "500m", "memory": "200Mi"}}))
    yield chaos, container_id
    chaos.delete("agent")
    wait_until(lambda: not chaos.probe()["job_objects"])
    chaos.remove_leftovers()


@pytest.fixture
def limits(chaos: Chaos) -> Iterator[tuple[Chaos, dict[str, Any]]]:
    """A pod with a container for each row of LIMITS, and its manifest."""
    manifest = pod("limits", {name: declared for name, (declared, _rate, _bytes) in LIMITS.items()})
    chaos.create(manifest)
    yield chaos, manifest
    chaos.delete("limits")


def test_the_kernel_has_what_pods_declare(limits):
    chaos, _manifest = limits
    result = chaos.check()
    processors = os.cpu_count() or 1
    seen = {
        job["container_name"]: (
            job["cpu_rate"]["rate"] if job["cpu_rate"]["control_flags"] else None,
            job["limits"]["job_memory_bytes"],
        )
        for job in result["actual"]["job_objects"]
    }
    assert seen == {name: (rate(processors), size) for name, (_limits, rate, size) in LIMITS.items()}
    assert {row["container"]: row["verdict"] for row in result["check"]["rows"]} == dict.fromkeys(LIMITS, "ok")
    assert {finding["code"] for finding in result["check"]["findings"]} <= set(ACCEPTED)


def test_a_manifest_alone_is_enough_to_compare(limits):
    chaos, manifest = limits
    look = {"kubewin.hostprocess.job_object_info": {}, "register": "actual"}
    compare = {
        "kubewin.hostprocess.job_object_check": {
            "definition": manifest,
            "actual": "{{ actual }}",
            "node_name": NODE,
            "fail_on": "warning",
        },
        "register": "outcome",
    }
    outcome, _output = chaos.play(look, compare, {"ansible.builtin.set_fact": {"kept": "{{ outcome }}"}})
    assert {row["container"]: row["verdict"] for row in outcome["rows"]} == dict.fromkeys(LIMITS, "ok")
    assert {finding["code"] for finding in outcome["findings"]} <= set(ACCEPTED)


def test_a_killed_init_process_is_restarted_as_declared(one):
    chaos, old = one
    chaos.host.terminate(chaos.members(old)[0])
    [new] = chaos.running("agent", but=[old])
    assert new != old
    assert chaos.wait_gone(old)["job_objects"] == []
    assert chaos.restarts("agent") == 1
    assert chaos.findings() == []


def test_a_killed_shim_leaves_its_folder_and_nothing_else(one):
    chaos, old = one
    chaos.host.terminate(chaos.shim_of(old))
    chaos.running("agent", but=[old])
    chaos.wait_gone(old)
    finding = chaos.the_finding()
    assert (finding["code"], finding["severity"]) == ("HPJ015", "warning")
    assert finding["actual"] == [rf"{ROOT_FOLDERS}\{old}"]


def test_a_restarted_containerd_changes_nothing(one):
    chaos, container_id = one
    for service in ("kubelet", "containerd"):
        chaos.host.stop_service(service)
    for service in ("containerd", "kubelet"):
        chaos.host.start_service(service)
    assert chaos.findings() == []
    assert chaos.running("agent") == [container_id]
    assert chaos.restarts("agent") == 0
    assert chaos.members(container_id)


def test_a_held_handle_keeps_the_job_of_a_deleted_pod_listed(chaos):
    [held] = chaos.create(pod("doomed", {"agent": {"memory": "64Mi"}}))
    with chaos.program() as program:
        program.tell("hold", f"JobContainer_{held}")
        chaos.delete("doomed")
        wait_until(lambda: held not in chaos.bundles())
        finding = chaos.the_finding()
    assert (finding["code"], finding["severity"], finding["job"]) == ("HPJ009", "warning", f"JobContainer_{held}")
    assert chaos.wait_gone(held)["job_objects"] == []
    assert chaos.findings() == []


def test_a_wait_that_ends_in_vain_says_what_is_still_there(one):
    chaos, container_id = one
    look = {"container_id": container_id, "wait": True, "wait_state": "gone", "wait_sleep": 1, "wait_timeout": 2}
    before = len(chaos.lab.nodes[NODE].winrm.executions)
    _kept, output = chaos.play({"kubewin.hostprocess.job_object_info": look}, fails=True)
    assert f"JobContainer_{container_id} of default/agent/agent is running" in output
    assert 1 <= len(chaos.lab.nodes[NODE].winrm.executions) - before <= 3, "at most one look a second, and the last"


def test_a_held_job_outlives_its_shim_beside_its_replacement(one):
    chaos, old = one
    with chaos.program() as program:
        program.tell("hold", f"JobContainer_{old}")
        survivors = chaos.members(old)
        chaos.host.terminate(chaos.shim_of(old))
        chaos.running("agent", but=[old])
        finding = chaos.the_finding()
    assert (finding["code"], finding["severity"], finding["job"]) == ("HPJ010", "error", f"JobContainer_{old}")
    assert {process["pid"] for process in finding["evidence"]["processes"]} == set(survivors)
    chaos.wait_gone(old)


def test_a_process_that_left_its_job_is_found_by_its_parent(one):
    chaos, container_id = one
    with chaos.program() as program:
        program.tell("join", f"JobContainer_{container_id}")
        finding = chaos.the_finding()
        assert (finding["code"], finding["severity"]) == ("HPJ012", "error")
        assert (finding["pod"], finding["container"]) == ("agent", "agent")
        [escaped] = finding["evidence"]["processes"]
        assert escaped["image"].lower().endswith("jobs.exe")
        assert escaped["pid"] not in chaos.members(container_id)
        chaos.host.terminate(escaped["pid"])
    assert chaos.findings() == []


@pytest.mark.parametrize(
    ("flag", "value", "code", "expected", "actual"),
    [
        ("--memory-limit", 300 * 1024 * 1024, "HPJ002", {"bytes": 200 * 1024 * 1024}, {"bytes": 300 * 1024 * 1024}),
        ("--cpu-limit", 9000, "HPJ001", {"rate": 5000 // (os.cpu_count() or 1)}, {"rate": 9000}),
    ],
)
def test_a_limit_changed_behind_containerds_back_is_found(one, flag, value, code, expected, actual):
    chaos, container_id = one
    tool = chaos.host.prefix.windows_path(build.ensure("jobobject-util"))
    done = chaos.host.run([tool, "set", flag, str(value), f"JobContainer_{container_id}"])
    assert done.exit_code == 0, done.stderr.decode()
    finding = chaos.the_finding()
    assert (finding["code"], finding["severity"], finding["pod"]) == (code, "error", "agent")
    assert finding["expected"].items() >= expected.items()
    assert finding["actual"].items() >= actual.items()
