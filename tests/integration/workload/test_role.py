# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""roles/workload, by stock ansible-playbook. Pods' ends are written by the test, so there is no output to read."""

from __future__ import annotations

import uuid

import pytest
from integration.workload.simulated_node import SimulatedNode, ended
from integration.workload.support import run_playbook
from kubernetes import client

from lab.faults import Fault

pytestmark = pytest.mark.controlplane

ROLE = "kubewin.hostprocess.workload"
FAILURE = "Fail if the command failed on a node, or its pods are left"
SHOW = {"ansible.builtin.debug": {"var": "workload_node_task_results"}}


@pytest.fixture
def role(cluster, tmp_path):
    """Apply the role once for each dictionary of variables."""

    def run(*applications: dict, tasks_from: str = "main", arguments: tuple[str, ...] = ()) -> list[dict]:
        tasks = [
            {
                "ansible.builtin.include_role": {"name": ROLE, "tasks_from": tasks_from},
                "vars": {"workload_kubeconfig": str(cluster.kubeconfig), "workload_wait_sleep": 1, **variables},
            }
            for variables in applications
        ]
        play = {"hosts": "localhost", "gather_facts": False, "ignore_errors": True, "tasks": [*tasks, SHOW]}
        return run_playbook(None, tmp_path, [play], *arguments)

    return run


def test_ready_made_workloads_and_manifests_are_deployed_once_and_removed(role, api, namespace):
    names = ["csi_proxy", "kube_proxy", "log_collector", "log_rotation"]
    chosen = {
        "workload_ready_made": names,
        "workload_wait": False,
        "workload_definitions": [
            {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "extra"}, "data": {"a": "b"}}
        ],
        "workload_namespace": namespace,
        "workload_log_collector_configuration": {"path": 'C:\\logs\\"all"'},
        "workload_kube_proxy_restart_with_hns": True,
        **{f"workload_{name}_image": "registry.example/it:1" for name in names},
        **{f"workload_{name}_namespace": namespace for name in names},
    }
    removal = {**chosen, "workload_state": "absent", "workload_wait": True}
    results = role(chosen, chosen, removal)
    applied, again, removed = (one for one in results if one["task"].endswith("Bring the workloads to their state"))
    assert {action["name"] for action in applied["actions"]} == {
        "extra",
        "csi-proxy",
        "kube-proxy-windows",
        "log-collector",
        "log-rotation",
    }
    assert not again["changed"]
    stored = {resource["metadata"]["name"]: resource for resource in again["resources"] if "data" in resource}
    assert stored["log-collector"]["data"]["config.json"] == '{"path": "C:\\\\logs\\\\\\"all\\""}'
    assert "SetLength(0)" in stored["log-rotation"]["data"]["rotate_logs.ps1"]
    assert removed["changed"]
    assert client.AppsV1Api(api).list_namespaced_daemon_set(namespace).items == []


def test_a_ready_made_workload_without_an_image_is_refused(role):
    results = role({"workload_ready_made": ["csi_proxy"]})
    refused = next(one for one in results if one["failed"])
    assert "workload_csi_proxy_image" in str(refused)


def test_a_node_task_brings_exit_codes_back_from_every_node_also_when_one_fails(role, api, core_api, namespace):
    suffix = uuid.uuid4().hex[:6]
    variables = {
        "workload_node_task_image": "registry.example/base:1",
        "workload_node_task_command": ["cmd.exe", "/c", "exit 5"],
        "workload_node_task_namespace": namespace,
        "workload_node_task_nodes": [f"good-{suffix}", f"bad-{suffix}"],
        "workload_node_task_timeout": 30,
    }
    with SimulatedNode(api, f"good-{suffix}", ended(0)), SimulatedNode(api, f"bad-{suffix}", ended(5)):
        results = role(variables, tasks_from="node_task")
    outcome = results[-1]["workload_node_task_results"]
    assert outcome[f"good-{suffix}"]["succeeded"] is True
    assert outcome[f"good-{suffix}"]["exit_code"] == 0
    assert outcome[f"bad-{suffix}"]["succeeded"] is False
    assert outcome[f"bad-{suffix}"]["exit_code"] == 5
    (failed,) = (one for one in results if one["task"].endswith(FAILURE))
    assert failed["msg"] == f"The node task node-task failed on 1 of 2 nodes: bad-{suffix} (it ended with exit code 5)"
    assert core_api.list_namespaced_pod(namespace).items == [], "the pods are removed"


def test_a_node_that_falls_silent_hides_neither_the_others_outcome_nor_the_pod_that_is_left(role, api, namespace):
    suffix = uuid.uuid4().hex[:6]
    good, bad = f"good-{suffix}", f"silent-{suffix}"
    variables = {
        "workload_node_task_image": "registry.example/base:1",
        "workload_node_task_command": ["cmd.exe", "/c", "exit 0"],
        "workload_node_task_namespace": namespace,
        "workload_node_task_nodes": [good, bad, f"nowhere-{suffix}"],
        "workload_node_task_timeout": 15,
        "workload_node_task_removal_timeout": 3,
    }
    # Its kubelet stops once the pod is there: it says nothing of the pod and never ends it.
    with SimulatedNode(api, good, ended(0)), SimulatedNode(api, bad) as silent:
        silent.status_of = lambda pod: silent._stopped.set()
        results = role(variables, tasks_from="node_task")
    outcome = results[-1]["workload_node_task_results"]
    assert outcome[good]["succeeded"] is True
    assert (outcome[bad]["succeeded"], outcome[bad]["reason"]) == (False, "it has not ended in time")
    assert outcome[f"nowhere-{suffix}"]["reason"] == "there is no Windows node of this name"
    (failed,) = (one for one in results if one["task"].endswith(FAILURE))
    assert "failed on 2 of 3 nodes" in failed["msg"]
    assert "Not everything was cleaned up" in failed["msg"]
    assert f"on node {bad}" in failed["msg"]


NOWHERE = {
    "workload_node_task_image": "registry.example/base:1",
    "workload_node_task_command": ["cmd.exe", "/c", "exit 0"],
    "workload_node_task_label_selectors": ["pool=nowhere", "zone in (a, b)"],
}


@pytest.mark.parametrize("arguments", [(), ("--check",)])
def test_a_node_task_that_no_node_matches_is_no_success(role, arguments):
    results = role(NOWHERE, tasks_from="node_task", arguments=arguments)
    assert results[-1]["workload_node_task_results"] == {}
    (failed,) = (one for one in results if one["failed"])
    assert failed["msg"] == (
        "The node task node-task ran nowhere: no Windows node matches pool=nowhere, zone in (a, b). "
        "Correct workload_node_task_label_selectors"
    )


def test_a_node_task_in_a_cluster_without_windows_nodes_is_no_success(role, core_api):
    assert core_api.list_node(label_selector="kubernetes.io/os=windows").items == []
    results = role({**NOWHERE, "workload_node_task_label_selectors": []}, tasks_from="node_task")
    (failed,) = (one for one in results if one["failed"])
    assert failed["msg"] == "The node task node-task ran nowhere: the cluster has no Windows node"


def test_a_node_task_that_no_node_matches_is_let_pass_where_failures_are(role):
    results = role({**NOWHERE, "workload_node_task_fail": False}, tasks_from="node_task")
    assert not any(one["failed"] for one in results)


@pytest.mark.parametrize(
    ("tasks_from", "silence", "said"),
    [
        ("main", "/configmaps/extra", "Read timed out"),
        ("node_task", "GET /api/v1/nodes", "Timed out after 1 second(s)"),
    ],
)
def test_a_role_ends_in_its_own_time_when_the_api_server_says_nothing(
    role, proxy, namespace, tasks_from, silence, said
):
    proxy.faults.add(Fault("api_silent", silence, times=None))
    variables = {
        "workload_kubeconfig": str(proxy.kubeconfig),
        "workload_request_timeout": 1,
        "workload_namespace": namespace,
        "workload_definitions": [{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "extra"}}],
        "workload_node_task_image": "registry.example/base:1",
        "workload_node_task_command": ["cmd.exe", "/c", "exit 0"],
    }
    failed = [one for one in role(variables, tasks_from=tasks_from) if one["failed"]]
    assert said in failed[0]["msg"]
