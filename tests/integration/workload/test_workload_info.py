# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

import time
import uuid

import pytest
from integration.workload.simulated_node import CONTAINER_ID, SimulatedNode
from integration.workload.support import CORES

pytestmark = pytest.mark.controlplane

MODULE = "kubewin.hostprocess.workload_info"
LIMITS = {"cpu": "500m", "memory": "1Gi"}
HOSTPROCESS = {"windowsOptions": {"hostProcess": True, "runAsUserName": "NT AUTHORITY\\SYSTEM"}}


def pod(name: str, node: str | None = None, labels: dict | None = None, hostprocess: bool = True) -> dict:
    spec = {
        "hostNetwork": hostprocess,
        "securityContext": HOSTPROCESS if hostprocess else {},
        "containers": [
            {
                "name": "main",
                "image": "registry.example/agent:1",
                "resources": {"limits": {"cpu": "500m", "memory": "1Gi"}},
            }
        ],
        # Without a node it is to stay without one.
        **({"nodeName": node} if node else {"nodeSelector": {"pool": "nowhere"}}),
    }
    return {"metadata": {"name": name, "labels": labels or {}}, "spec": spec}


@pytest.mark.parametrize("core", CORES)
def test_a_play_lists_the_hostprocess_containers(play, core_api, namespace, core):
    core_api.create_namespaced_pod(namespace, pod("agent"))
    (result,) = play({MODULE: {"namespace": namespace}}, core=core)
    assert [row["pod"] for row in result["containers"]] == ["agent"]


def test_hostprocess_containers_are_listed_by_namespace_node_and_label(call, cluster, core_api, api, namespace):
    name = f"win-{uuid.uuid4().hex[:6]}"
    with SimulatedNode(api, name) as node:
        for number in range(5):
            core_api.create_namespaced_pod(namespace, pod(f"agent-{number}", labels={"odd": str(number % 2)}))
        core_api.create_namespaced_pod(namespace, pod("ordinary", hostprocess=False))
        core_api.create_namespaced_pod(namespace, pod("placed", node=node.name))
        wait_until(lambda: core_api.read_namespaced_pod("placed", namespace).status.phase == "Running")
        everything, small_pages, odd, placed, nowhere = call(
            {MODULE: {"namespace": namespace}},
            {MODULE: {"namespace": namespace, "page_size": 2}},
            {MODULE: {"namespace": namespace, "label_selectors": ["odd=1"]}},
            {MODULE: {"node": name}},
            {MODULE: {"node": "nowhere"}},
        )
    assert everything["kubernetes_version"] == cluster.version
    assert [row["pod"] for row in everything["containers"]] == [*(f"agent-{n}" for n in range(5)), "placed"]
    assert small_pages["containers"] == everything["containers"]
    assert [row["pod"] for row in odd["containers"]] == ["agent-1", "agent-3"]
    (row,) = placed["containers"]
    identifier = CONTAINER_ID.removeprefix("containerd://")
    assert row["node"] == name
    assert row["container_id"] == identifier
    assert row["job_name"] == f"JobContainer_{identifier}"
    assert row["state"] == "running"
    assert row["limits"] == LIMITS
    assert row["run_as_user"] == "NT AUTHORITY\\SYSTEM"
    assert nowhere["containers"] == []


def wait_until(reached) -> None:
    for _attempt in range(100):
        if reached():
            return
        time.sleep(0.1)
    raise AssertionError("it was not reached in 10 seconds")
