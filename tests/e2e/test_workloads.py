"""HostProcess workloads of every kind on binary nodes: real pods, real kubelet, containerd and shim, real texts.

Two nodes, prepared by playbooks/prepare.yml. Modules and roles run through stock ansible-playbook; what they claim is
checked with the Kubernetes client and with the nodes' kernel objects. Plays that wait for pods run side by side, one
inventory host for each workload.
"""

from __future__ import annotations

import contextlib
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
import yaml
from demo.playbook import run_playbook as run_collection_playbook
from e2e.waiting import wait_until
from integration.workload.support import run_playbook
from kubernetes import client, watch
from urllib3.exceptions import HTTPError

from ansible_collections.kubewin.hostprocess.plugins.module_utils.cluster.manifest import API_VERSIONS
from lab.inventory import IMAGE
from lab.laboratory import Laboratory, NodeSpec

pytestmark = [pytest.mark.nodes, pytest.mark.controlplane]

NODES = {"win2019": 17763, "win2022": 20348}
NAMESPACE = "workloads"
MODULE = "kubewin.hostprocess.workload"
ROLE = "kubewin.hostprocess.workload"
NAME_LABEL = "app.kubernetes.io/name"
WAIT = {"wait": True, "wait_sleep": 1, "wait_timeout": 180}
TELL = "echo version %VERSION%"
STAY = f"{TELL}& ping -n 86400 127.0.0.1"
Results = dict[str, dict[str, dict[str, Any]]]


@dataclass
class Seen:
    """A pod as the API server showed it at one moment."""

    event: str
    uid: str
    name: str
    workload: str
    version: str
    ready: bool
    over: bool


@dataclass
class Bench:
    """The nodes, their cluster, and plays on them."""

    lab: Laboratory
    work: Path
    api: client.CoreV1Api
    runs: int = 0
    history: list[Seen] = field(default_factory=list)

    def play(self, play: dict[str, Any], hosts: dict[str, dict[str, Any]] | None = None) -> Results:
        """Run one play; returns task -> host -> result. Without hosts it runs on localhost."""
        self.runs += 1
        folder = self.work / f"run-{self.runs}"
        folder.mkdir(parents=True)
        inventory = folder / "actors.yml"
        inventory.write_text(yaml.safe_dump({"actors": {"hosts": hosts or {}}}))
        settings = {
            "hosts": "actors" if hosts else "localhost",
            "gather_facts": False,
            "ignore_errors": True,
            "module_defaults": {"group/kubewin.hostprocess.cluster": {"kubeconfig": str(self.lab.kubeconfig)}},
        }
        arguments = ("-i", str(inventory), "--forks", str(max(len(hosts or {}), 1)))
        results: Results = defaultdict(dict)
        for result in run_playbook(None, folder, [{**settings, **play}], *arguments):
            results[result["task"].rpartition(" : ")[2]][result["host"]] = result
        return results

    def pods(self, workload: str) -> list[client.V1Pod]:
        found = self.api.list_namespaced_pod(NAMESPACE, label_selector=f"{NAME_LABEL}={workload}").items
        return sorted(found, key=lambda pod: pod.metadata.name)

    def said(self, pod: client.V1Pod) -> str:
        """What its container wrote, read through the kubelet."""
        return self.api.read_namespaced_pod_log(pod.metadata.name, NAMESPACE)

    def watch(self) -> None:
        """Keep what becomes of the namespace's pods; ends with the API server."""
        with contextlib.suppress(HTTPError):
            self._watch()

    def _watch(self) -> None:
        for event in watch.Watch().stream(self.api.list_namespaced_pod, NAMESPACE, timeout_seconds=600):
            pod = event["object"]
            conditions = {one.type: one.status for one in pod.status.conditions or []}
            self.history.append(
                Seen(
                    event["type"],
                    pod.metadata.uid,
                    pod.metadata.name,
                    (pod.metadata.labels or {}).get(NAME_LABEL, ""),
                    version_of(pod),
                    conditions.get("Ready") == "True" and not pod.metadata.deletion_timestamp,
                    event["type"] == "DELETED" or pod.status.phase in ("Succeeded", "Failed"),
                )
            )

    def moments(self, workload: str) -> Iterator[list[Seen]]:
        """The pods of a workload that existed, after each event."""
        existing: dict[str, Seen] = {}
        for seen in [one for one in self.history if one.workload == workload]:
            existing[seen.uid] = seen
            if seen.event == "DELETED":
                del existing[seen.uid]
            yield list(existing.values())

    def job_objects(self, node: str) -> list[dict[str, Any]]:
        """What the node's kernel has, past all of Ansible."""
        source = Path(__file__).resolve().parents[2] / "plugins" / "module_utils" / "JobObject.cs"
        entry = "ansible_collections.kubewin.hostprocess.plugins.module_utils.JobObject.JobObjectProbe"
        host = self.lab.nodes[node].host
        return host.run_probe({source.name: source.read_text()}, entry, {})["job_objects"]


def version_of(pod: client.V1Pod) -> str:
    return next((one.value for one in pod.spec.containers[0].env or [] if one.name == "VERSION"), "")


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    folder = tmp_path_factory.mktemp("workloads")
    specs = [NodeSpec(name, build) for name, build in NODES.items()]
    with Laboratory(folder / "lab", specs) as lab, lab.cluster.api() as api:
        run = run_collection_playbook(
            "prepare", lab.inventory, work=folder / "prepare", kubeconfig=lab.kubeconfig, echo=None
        )
        assert run.exit_code == 0, run.explanation
        core = client.CoreV1Api(api)
        core.create_namespace({"metadata": {"name": NAMESPACE}})
        yield Bench(lab, folder, core)
        assert lab.ended_by_themselves() == []


# --- every kind ---------------------------------------------------------------------------------------------------


def workload(name: str, kind: str, command: str = STAY, **options: Any) -> dict[str, Any]:
    return {
        "kind": kind,
        "name": name,
        "namespace": NAMESPACE,
        "image": IMAGE,
        "command": ["cmd.exe", "/c", command],
        "env": {"VERSION": "1"},
        "termination_grace_period_seconds": 1,
        "automount_service_account_token": False,
        **options,
    }


WORKLOADS = {
    one["name"]: one
    for one in (
        workload(
            "rolling", "DaemonSet", update_strategy={"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 1}}
        ),
        workload("on-delete", "DaemonSet", update_strategy={"type": "OnDelete"}),
        workload("recreating", "Deployment", replicas=2, update_strategy={"type": "Recreate"}),
        workload(
            "partitioned",
            "StatefulSet",
            replicas=2,
            service_name="partitioned",
            update_strategy={"type": "RollingUpdate", "rollingUpdate": {"partition": 1}},
        ),
        workload("job", "Job", TELL, completions=2, parallelism=2, recreate=True),
        workload("cron-job", "CronJob", TELL, schedule="* * * * *"),
        workload("pod", "Pod", recreate=True),
    )
}
KEPT_VERSIONS = {
    # Workload -> the versions of its pods once the change was waited for.
    "rolling": ["2", "2"],
    "on-delete": ["1", "1"],
    "recreating": ["2", "2"],
    "partitioned": ["1", "2"],
    "job": ["2", "2"],
    "pod": ["2"],
}


@dataclass
class Lives:
    """The workloads' lives: applied, applied again, changed, changed again, removed."""

    applied: Results
    before: dict[str, list[client.V1Pod]]
    after: dict[str, list[client.V1Pod]]
    said: dict[str, list[str]]
    removed: Results
    left: dict[str, list[client.V1Pod]]


def task(name: str, options: str | dict[str, Any], **settings: Any) -> dict[str, Any]:
    return {"name": name, MODULE: options, **settings}


@pytest.fixture(scope="module")
def lives(bench: Bench) -> Lives:
    Thread(target=bench.watch, daemon=True).start()
    hosts = {
        name: {"first": {**options, **WAIT}, "second": {**options, **WAIT, "env": {"VERSION": "2"}}}
        for name, options in WORKLOADS.items()
    }
    begin = [task("Apply", "{{ first }}"), task("Repeat", "{{ first }}")]
    change = [
        task("Foresee the change", "{{ second }}", check_mode=True, diff=True),
        task("Change", "{{ second }}"),
        task("Repeat the change", "{{ second }}"),
    ]
    applied = bench.play({"strategy": "free", "tasks": begin}, hosts)
    before = {name: bench.pods(name) for name in hosts}
    changed = bench.play({"strategy": "free", "tasks": change}, hosts)
    after = {name: bench.pods(name) for name in hosts}
    said = {name: [bench.said(pod) for pod in pods] for name, pods in after.items() if name != "cron-job"}
    # A CronJob runs at the minute.
    wait_until(lambda: any(pod.status.phase == "Succeeded" for pod in bench.pods("cron-job")), 75)
    after["cron-job"] = bench.pods("cron-job")
    gone = {
        name: {"gone": {"kind": options["kind"], "name": name, "namespace": NAMESPACE, "state": "absent", **WAIT}}
        for name, options in WORKLOADS.items()
    }
    removed = bench.play({"strategy": "free", "tasks": [task("Remove", "{{ gone }}")]}, gone)
    left = {name: bench.pods(name) for name in hosts}
    return Lives({**applied, **changed}, before, after, said, removed, left)


@pytest.mark.parametrize("name", WORKLOADS)
def test_a_workload_of_every_kind_is_applied_ready_and_unchanged_a_second_time(lives, name):
    applied, again = (lives.applied[task][name] for task in ("Apply", "Repeat"))
    assert not applied["failed"], applied["msg"]
    assert applied["actions"][0]["action"] == "created"
    assert not again["failed"], again["msg"]
    assert again["actions"][0]["action"] == "unchanged"
    assert not again["changed"]
    for pod in lives.before[name]:
        phases = (
            ("Succeeded",)
            if name == "job"
            else ("Running", "Pending", "Succeeded")
            if name == "cron-job"
            else ("Running",)
        )
        assert pod.status.phase in phases, (pod.metadata.name, pod.status.phase)
    assert len(lives.before[name]) >= len(KEPT_VERSIONS.get(name, []))


@pytest.mark.parametrize("name", KEPT_VERSIONS)
def test_a_change_reaches_the_pods_that_the_strategy_lets_it_reach(lives, name):
    foreseen, changed, again = (
        lives.applied[task][name] for task in ("Foresee the change", "Change", "Repeat the change")
    )
    action = "recreated" if name in ("job", "pod") else "updated"
    assert not changed["failed"], changed["msg"]
    assert changed["actions"][0]["action"] == foreseen["actions"][0]["action"] == action
    assert "'VERSION'" in str(foreseen["diff"])
    assert not again["changed"]
    assert sorted(map(version_of, lives.after[name])) == KEPT_VERSIONS[name]
    # What the process itself was given, not what was asked for.
    assert [text.split()[:2] for text in lives.said[name]] == [["version", one] for one in KEPT_VERSIONS[name]]


def uids(pods: list[client.V1Pod]) -> set[str]:
    return {pod.metadata.uid for pod in pods}


def test_a_partition_keeps_the_lower_ordinals(lives):
    [kept, replaced] = lives.after["partitioned"]
    assert kept.metadata.name == "partitioned-0"
    assert uids([kept]) <= uids(lives.before["partitioned"])
    assert not uids([replaced]) & uids(lives.before["partitioned"])


def test_on_delete_keeps_every_pod(lives):
    assert uids(lives.after["on-delete"]) == uids(lives.before["on-delete"])


def test_a_rolling_update_takes_no_more_pods_than_it_may(bench, lives):
    ready = [sum(pod.ready for pod in pods) for pods in bench.moments("rolling")]
    changing = ready[ready.index(2) :]
    replaced = next(index for index, pods in enumerate(bench.moments("rolling")) if {"2"} == {p.version for p in pods})
    assert min(changing[: replaced - ready.index(2)]) == 1


def test_recreate_starts_no_new_pod_beside_an_old_one(bench, lives):
    together = [{pod.version for pod in pods if not pod.over} for pods in bench.moments("recreating")]
    assert {"1"} in together
    assert {"2"} in together
    assert {"1", "2"} not in together


def test_a_cron_job_runs_its_pods_at_the_minute(bench, lives):
    succeeded = [pod for pod in lives.after["cron-job"] if pod.status.phase == "Succeeded"]
    assert succeeded
    assert {pod.spec.containers[0].image for pod in succeeded} == {IMAGE}


@pytest.mark.parametrize("name", WORKLOADS)
def test_a_removed_workload_is_waited_for_until_its_pods_are_gone(lives, name):
    removed = lives.removed["Remove"][name]
    assert not removed["failed"], removed["msg"]
    assert removed["actions"][0]["action"] == "deleted"
    assert lives.left[name] == []


def test_no_job_object_outlives_the_workloads(bench, lives):
    for node in NODES:
        wait_until(lambda node=node: not bench.job_objects(node), 15)


# --- rollouts that fail -------------------------------------------------------------------------------------------

ALWAYS_FAILS = {"exec": {"command": ["cmd.exe", "/c", "exit 1"]}, "periodSeconds": 1, "failureThreshold": 1}
LIMIT = {"limits": {"memory": "900Ti"}}
# Workload, and what the one line has to say beside the pod and the node.
BROKEN: dict[str, tuple[dict[str, Any], list[str]]] = {
    "no-command": (
        {"kind": "DaemonSet", "command": ["C:\\nowhere\\agent.exe"]},
        ["(and 1 more alike)", "container no-command", "the command does not exist"],
    ),
    "no-image": (
        {"kind": "DaemonSet", "image": "registry.example/missing/agent:1"},
        ["container no-image", 'image "registry.example/missing/agent:1" can\'t be pulled', "not found"],
    ),
    "not-alive": (
        {"kind": "Deployment", "liveness_probe": ALWAYS_FAILS, "min_ready_seconds": 60},
        ["container not-alive", "Liveness probe failed"],
    ),
    "not-ready": (
        {"kind": "StatefulSet", "service_name": "not-ready", "readiness_probe": ALWAYS_FAILS},
        ["container not-ready", "Readiness probe failed"],
    ),
    "crashing": (
        {"kind": "Deployment", "command": ["cmd.exe", "/c", "exit 7"], "min_ready_seconds": 60},
        ["container crashing", "ended with exit code 7", "restarted"],
    ),
    "failing-job": (
        {"kind": "Job", "command": ["cmd.exe", "/c", "exit 4"], "backoff_limit": 0},
        ["container failing-job", "ended with exit code 4"],
    ),
    "no-settings": (
        {"kind": "Deployment", "env": {"NAME": {"configMapKeyRef": {"name": "nowhere", "key": "name"}}}},
        ["container no-settings", 'configmap "nowhere" not found'],
    ),
    "no-volume": (
        {
            "kind": "Deployment",
            "volumes": [{"name": "it", "secret": {"secretName": "nowhere"}}],
            "volume_mounts": [{"name": "it", "mountPath": "C:\\it"}],
        },
        ["a volume can't be mounted", 'secret "nowhere" not found'],
    ),
    "nowhere": ({"kind": "Deployment", "node_selector": {"pool": "nowhere"}}, ["no node can take it", "0/2 nodes"]),
    "too-big": ({"kind": "Pod", "resources": LIMIT}, ["no node can take it", "Insufficient memory"]),
}
UNPLACED = ("nowhere", "too-big")


@pytest.fixture(scope="module")
def failures(bench: Bench) -> Results:
    hosts = {
        name: {"wanted": {**workload(name, changes["kind"]), **changes, **WAIT, "wait_timeout": 60}}
        for name, (changes, _said) in BROKEN.items()
    }
    return bench.play({"strategy": "free", "tasks": [task("Apply", "{{ wanted }}")]}, hosts)


@pytest.mark.parametrize("name", BROKEN)
def test_a_failed_rollout_is_explained_in_one_line(failures, name):
    result, (changes, said) = failures["Apply"][name], BROKEN[name]
    assert result["failed"]
    assert result["msg"].startswith(f"{changes['kind']} {NAMESPACE}/{name} ")
    for part in [f"pod {name}", *said]:
        assert part in result["reason"]
    assert result["reason"] in result["msg"]
    assert "\n" not in result["msg"]
    assert len(result["msg"]) < 700
    assert any(f"on node {node}" in result["reason"] for node in NODES) is (name not in UNPLACED)


def test_workloads_that_never_got_ready_are_removed_with_their_pods(bench, failures):
    """After the tests above: what they look at goes here."""
    manifests = [
        {
            "apiVersion": API_VERSIONS[changes["kind"]],
            "kind": changes["kind"],
            "metadata": {"name": name, "namespace": NAMESPACE},
        }
        for name, (changes, _said) in BROKEN.items()
    ]
    removal = {"definition": manifests, "state": "absent", **WAIT}
    removed = bench.play({"tasks": [task("Remove", removal)]})["Remove"]["localhost"]
    assert not removed["failed"], removed["msg"]
    assert {one["action"] for one in removed["actions"]} == {"deleted"}
    assert [pod.metadata.name for name in BROKEN for pod in bench.pods(name)] == []


def test_volumes_of_config_maps_and_service_account_tokens_are_there(bench):
    """The kubelet lays them out with relative links; a shim without bind mounts puts them below the container's own
    folder.
    """
    bench.api.create_namespaced_config_map(
        NAMESPACE, {"metadata": {"name": "settings"}, "data": {"greeting": "hello from the cluster"}}
    )
    token = "var\\run\\secrets\\kubernetes.io\\serviceaccount\\namespace"
    read = "type %CONTAINER_SANDBOX_MOUNT_POINT%\\etc\\settings\\greeting & "
    options = workload(
        "volumes",
        "Job",
        f"{read} type %CONTAINER_SANDBOX_MOUNT_POINT%\\{token}",
        automount_service_account_token=True,
        volumes=[{"name": "settings", "configMap": {"name": "settings"}}],
        volume_mounts=[{"name": "settings", "mountPath": "/etc/settings"}],
    )
    applied = bench.play({"tasks": [task("Apply", {**options, **WAIT})]}, {"localhost": {}})
    assert not applied["Apply"]["localhost"]["failed"], applied["Apply"]["localhost"]["msg"]
    [pod] = bench.pods("volumes")
    said = bench.said(pod)
    assert "hello from the cluster" in said
    assert NAMESPACE in said


# --- a command once on each node ----------------------------------------------------------------------------------


@pytest.fixture
def node_task(bench: Bench) -> Callable[..., tuple[dict[str, Any], Results]]:
    """Run the node task; returns its outcome by node, and every task's result."""

    def run(command: str, **variables: Any) -> tuple[dict[str, Any], Results]:
        role = {
            "ansible.builtin.include_role": {"name": ROLE, "tasks_from": "node_task"},
            "vars": {
                "workload_kubeconfig": str(bench.lab.kubeconfig),
                "workload_wait_sleep": 1,
                "workload_node_task_namespace": NAMESPACE,
                "workload_node_task_image": IMAGE,
                "workload_node_task_command": ["cmd.exe", "/c", command],
                "workload_node_task_timeout": 240,
                **variables,
            },
        }
        show = {"name": "Show", "ansible.builtin.debug": {"var": "workload_node_task_results"}}
        results = bench.play({"tasks": [role, show]})
        return results["Show"]["localhost"]["workload_node_task_results"], results

    return run


@contextlib.contextmanager
def cordoned(bench: Bench, node: str) -> Iterator[None]:
    bench.api.patch_node(node, {"spec": {"unschedulable": True}})
    yield
    bench.api.patch_node(node, {"spec": {"unschedulable": None}})


@contextlib.contextmanager
def silent(bench: Bench, node: str) -> Iterator[None]:
    """A node whose kubelet has stopped. What the node controller says of it a minute later is said at once."""
    host = bench.lab.nodes[node].host
    host.stop_service("kubelet")
    condition = {"type": "Ready", "status": "Unknown", "reason": "NodeStatusUnknown", "message": STOPPED}
    bench.api.patch_node_status(node, {"status": {"conditions": [condition]}})
    yield
    host.start_service("kubelet")
    wait_until(lambda: _is_ready(bench.api.read_node(node)))


def _is_ready(node: client.V1Node) -> bool:
    return any(one.type == "Ready" and one.status == "True" for one in node.status.conditions)


STOPPED = "Kubelet stopped posting node status."
FAILS_ON_ONE = "echo %WHO% is here& if %WHO%==win2022 exit 3"
WHO = {"WHO": {"fieldRef": {"fieldPath": "spec.nodeName"}}}
FAILURE = "Fail if the command failed on a node, or its pods are left"


def test_a_node_task_brings_back_what_a_real_command_wrote_on_each_node(bench, node_task):
    outcome, results = node_task("echo %WHO% %COUNT%& exit 0", workload_node_task_env={**WHO, "COUNT": 2})
    assert outcome == {
        node: {"succeeded": True, "exit_code": 0, "output": f"{node} 2\n", "state": "terminated", "reason": ""}
        for node in NODES
    }
    assert not any(one["failed"] for task in results.values() for one in task.values())
    assert bench.pods("node-task") == []


def test_a_node_task_that_fails_on_one_node_brings_back_both_and_cleans_up(bench, node_task):
    outcome, results = node_task(FAILS_ON_ONE, workload_node_task_env=WHO)
    assert {node: (one["succeeded"], one["exit_code"], one["output"]) for node, one in outcome.items()} == {
        "win2019": (True, 0, "win2019 is here\n"),
        "win2022": (False, 3, "win2022 is here\n"),
    }
    failure = results[FAILURE]["localhost"]
    assert failure["failed"]
    assert failure["msg"] == "The node task node-task failed on 1 of 2 nodes: win2022 (it ended with exit code 3)"
    assert bench.pods("node-task") == []


def test_a_node_task_runs_on_a_cordoned_node_and_does_not_wait_for_a_silent_one(bench, node_task):
    with cordoned(bench, "win2019"), silent(bench, "win2022"):
        outcome, results = node_task("exit 0")
    assert outcome["win2019"]["succeeded"]
    reason = f"the node is not ready: {STOPPED}"
    assert (outcome["win2022"]["succeeded"], outcome["win2022"]["reason"]) == (False, reason)
    assert results[FAILURE]["localhost"]["msg"].endswith(f"failed on 1 of 2 nodes: win2022 ({reason})")
    assert bench.pods("node-task") == []


def test_a_node_task_that_can_not_start_says_why(bench, node_task):
    outcome, results = node_task("", workload_node_task_command=["nowhere.exe"], workload_node_task_nodes=["win2019"])
    assert set(outcome) == {"win2019"}
    assert "the command does not exist" in outcome["win2019"]["reason"]
    assert outcome["win2019"]["reason"] in results[FAILURE]["localhost"]["msg"]
    assert bench.pods("node-task") == []
