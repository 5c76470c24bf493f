# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Waiting. The controllers and the scheduler are real; what a kubelet would report is written by the test."""

from __future__ import annotations

import contextlib
import threading
import time
import uuid

import pytest
from integration.workload.simulated_node import SimulatedNode, ended, running, waiting
from kubernetes import client
from kubernetes.client.exceptions import ApiException

pytestmark = pytest.mark.controlplane

MODULE = "kubewin.hostprocess.workload"


@pytest.fixture
def node(api):
    with SimulatedNode(api, f"win-{uuid.uuid4().hex[:6]}") as simulated:
        yield simulated


@pytest.fixture
def agent(namespace, node):
    """A task that brings up a workload on the test's node and waits for it."""

    def task(**options) -> dict:
        base = {
            "name": "agent",
            "namespace": namespace,
            "image": "registry.example/agent:1",
            "node_selector": {"kubernetes.io/hostname": node.name},
            "wait": True,
            "wait_sleep": 1,
            "wait_timeout": 60,
        }
        return {MODULE: {**base, **options}}

    return task


@pytest.fixture
def gone(namespace):
    def task(kind: str) -> dict:
        return {
            MODULE: {
                "kind": kind,
                "name": "agent",
                "namespace": namespace,
                "state": "absent",
                "wait": True,
                "wait_sleep": 1,
                "wait_timeout": 60,
            }
        }

    return task


@pytest.mark.parametrize(
    ("kind", "status_of"),
    [("DaemonSet", running), ("Deployment", running), ("StatefulSet", running), ("Pod", running), ("Job", ended(0))],
)
def test_every_kind_is_waited_for_until_ready_and_until_its_pods_are_gone(
    call, core_api, namespace, node, agent, gone, kind, status_of
):
    node.status_of = status_of
    ready, again, removed = call(agent(kind=kind), agent(kind=kind), gone(kind))
    assert not ready["failed"], ready["msg"]
    assert not again["changed"]
    assert removed["changed"]
    assert core_api.list_namespaced_pod(namespace).items == []


@pytest.mark.parametrize(
    ("kind", "status_of", "said"),
    [
        (
            "DaemonSet",
            waiting("ImagePullBackOff", 'Back-off pulling image "registry.example/agent:1"'),
            'image "registry.example/agent:1" can\'t be pulled',
        ),
        (
            "Deployment",
            waiting("RunContainerError", "hcs: agent.exe: The system cannot find the file specified."),
            "the command does not exist",
        ),
        (
            "StatefulSet",
            waiting("CreateContainerConfigError", 'secret "agent" not found'),
            'secret "agent" not found',
        ),
        ("Pod", ended(3), "ended with exit code 3"),
        ("Job", ended(4), "ended with exit code 4"),
    ],
)
def test_a_failed_rollout_is_explained_in_one_line(call, node, agent, kind, status_of, said):
    node.status_of = status_of
    options = {"Job": {"backoff_limit": 0}, "Pod": {"restart_policy": "Never"}}.get(kind, {})
    (result,) = call(agent(kind=kind, wait_timeout=8, **options))
    assert result["failed"]
    assert said in result["msg"]
    assert said in result["reason"]
    assert "\n" not in result["msg"]
    assert node.name in result["reason"]


def test_a_pod_that_no_node_can_take_is_explained(call, agent):
    (result,) = call(agent(kind="Deployment", node_selector={"pool": "nowhere"}, wait_timeout=4))
    assert "no node can take it: 0/" in result["reason"]


def test_a_daemon_set_that_matches_no_node_is_ready_with_a_warning(play, agent):
    (result,) = play(agent(node_selector={"pool": "nowhere"}))
    assert not result["failed"]
    assert any("runs nowhere" in str(warning) for warning in result["warnings"])


def test_a_quota_that_stops_the_controller_is_explained(call, core_api, namespace, agent):
    core_api.create_namespaced_resource_quota(
        namespace, {"metadata": {"name": "small"}, "spec": {"hard": {"pods": "0"}}}
    )
    # The quota controller has to have counted before admission refuses.
    deadline = time.monotonic() + 30
    while not core_api.read_namespaced_resource_quota("small", namespace).status.hard:
        assert time.monotonic() < deadline
        time.sleep(0.1)
    (result,) = call(agent(kind="Deployment", wait_timeout=8))
    assert "quota small is exhausted" in result["reason"]


def test_what_the_controller_alone_is_forbidden_is_explained(call, node, core_api, namespace, agent):
    """The namespace gets stricter once the workload is stored: only the controller meets the refusal."""
    label = "pod-security.kubernetes.io/enforce"

    def forbid_and_evict(pod: client.V1Pod) -> None:
        core_api.patch_namespace(namespace, {"metadata": {"labels": {label: "baseline"}}})
        core_api.delete_namespaced_pod(pod.metadata.name, namespace)

    node.status_of = forbid_and_evict
    (result,) = call(agent(kind="Deployment", wait_timeout=8))
    assert f"{label}=privileged" in result["reason"]


def test_a_pod_whose_node_is_silent_is_named_when_it_does_not_go(call, node, agent, gone):
    applied = call(agent())
    assert not applied[0]["failed"]
    node._stopped.set()
    removing = gone("DaemonSet")
    removing[MODULE]["wait_timeout"] = 4
    (result,) = call(removing)
    assert result["failed"]
    assert f"on node {node.name}" in result["msg"]


def test_an_update_is_waited_for_until_every_pod_is_new(call, core_api, namespace, agent):
    call(agent())
    (updated,) = call(agent(image="registry.example/agent:2"))
    assert not updated["failed"]
    images = [pod.spec.containers[0].image for pod in core_api.list_namespaced_pod(namespace).items]
    assert images == ["registry.example/agent:2"]


def test_a_workload_that_is_deleted_while_it_is_waited_for_ends_the_wait(call, api, namespace, node, agent):
    node.status_of = lambda pod: None
    apps_api = client.AppsV1Api(api)

    def delete_soon() -> None:
        for _attempt in range(200):
            if apps_api.list_namespaced_daemon_set(namespace).items:
                time.sleep(2)
                apps_api.delete_namespaced_daemon_set("agent", namespace)
                return
            time.sleep(0.1)

    deleting = threading.Thread(target=delete_soon)
    deleting.start()
    (result,) = call(agent(wait_timeout=80))
    deleting.join()
    assert "it was deleted meanwhile" in result["msg"]


FINALIZER = "example.com/hold"


@pytest.fixture
def held(call, apps_api, namespace, agent):
    """A healthy DaemonSet that is being deleted and that a finalizer keeps: its uid, and what frees it."""
    (applied,) = call(agent())
    assert not applied["failed"], applied["msg"]
    apps_api.patch_namespaced_daemon_set("agent", namespace, {"metadata": {"finalizers": [FINALIZER]}})
    call({MODULE: {"name": "agent", "namespace": namespace, "state": "absent"}})

    def free() -> None:
        without_it = {"metadata": {"$deleteFromPrimitiveList/finalizers": [FINALIZER]}}
        with contextlib.suppress(ApiException):  # it is gone
            apps_api.patch_namespaced_daemon_set("agent", namespace, without_it)

    yield applied["resources"][0]["metadata"]["uid"], free
    free()


def test_what_is_being_deleted_is_not_taken_for_what_is_there(call, held, agent):
    refused, foreseen = call(agent(wait=False), {**agent(wait=False), "check_mode": True})
    for result in (refused, foreseen):
        assert result["failed"]
        assert "is being deleted, and what is applied to it now would vanish with it" in result["msg"]
        assert FINALIZER in result["msg"]
        assert "Set wait to true" in result["msg"]
        assert not result["changed"]


@pytest.mark.parametrize("options", [{"wait": True}, {"wait": False, "recreate": True}])
def test_what_is_being_deleted_is_made_anew_when_it_is_gone(call, apps_api, namespace, held, agent, options):
    uid, free = held
    (foreseen,) = call({**agent(**options), "check_mode": True})
    freeing = threading.Timer(2, free)
    freeing.start()
    (applied,) = call(agent(**options))
    freeing.join()
    assert not applied["failed"], applied["msg"]
    assert [row["action"] for row in applied["actions"]] == ["created"]
    assert foreseen["actions"] == applied["actions"]
    stored = apps_api.read_namespaced_daemon_set("agent", namespace).metadata
    assert stored.uid != uid
    assert stored.deletion_timestamp is None


def test_what_is_being_deleted_and_does_not_go_is_told_of_with_what_holds_it(call, held, agent):
    (result,) = call(agent(wait_timeout=2))
    assert "is not gone after 2 seconds" in result["msg"]
    assert FINALIZER in result["msg"]
    assert [row["action"] for row in result["actions"]] == ["failed"]


def test_a_namespace_that_is_being_deleted_is_made_anew_with_what_lives_in_it(call, core_api, agent):
    name = f"test-{uuid.uuid4().hex[:8]}"
    core_api.create_namespace({"metadata": {"name": name}})
    core_api.create_namespaced_config_map(name, {"metadata": {"name": "last", "finalizers": [FINALIZER]}})
    core_api.delete_namespace(name)
    task = agent(namespace=name, create_namespace=True)
    (refused,) = call(agent(namespace=name, create_namespace=True, wait=False))
    assert f"Namespace {name} is being deleted" in refused["msg"]
    core_api.patch_namespaced_config_map("last", name, {"metadata": {"finalizers": None}})
    foreseen, applied = call({**task, "check_mode": True}, task)
    core_api.delete_namespace(name)
    assert not applied["failed"], applied["msg"]
    assert [row["action"] for row in applied["actions"]] == ["created", "created"]
    assert foreseen["actions"] == applied["actions"]


def test_of_a_job_that_its_ttl_removed_before_its_end_was_seen_neither_end_is_claimed(call, node, agent):
    node.status_of = ended(0)
    (result,) = call(agent(kind="Job", ttl_seconds_after_finished=0, wait_sleep=4))
    assert result["failed"]
    assert "has failed" not in result["msg"]
    assert "it ended, and ttlSecondsAfterFinished, which is 0, removed it before it was seen" in result["msg"]
    assert [row["action"] for row in result["actions"]] == ["created"]
