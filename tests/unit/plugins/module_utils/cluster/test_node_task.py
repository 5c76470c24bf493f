# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

import pytest

from ansible_collections.kubewin.hostprocess.plugins.module_utils.cluster.node_task import (
    node_task_choice,
    node_task_outcomes,
)


def node(name: str, ready: str | None = "True", message: str = "kubelet is posting ready status") -> dict:
    condition = {"type": "Ready", "status": ready, "message": message}
    return {"metadata": {"name": name}, "status": {"conditions": [condition] if ready else []}}


def row(pod: str, phase: str, exit_code: int | None = None, trouble: str | None = None, **more) -> dict:
    state = "terminated" if exit_code is not None else "running"
    return {"pod": pod, "pod_phase": phase, "exit_code": exit_code, "trouble": trouble, "state": state, **more}


def test_every_ready_node_is_chosen_when_none_is_named():
    assert node_task_choice([node("b"), node("a")]) == {"nodes": ["a", "b"], "unable": {}}


@pytest.mark.parametrize(
    ("found", "why"),
    [
        (node("a", "Unknown", "Kubelet stopped posting node status."), "Kubelet stopped posting node status."),
        (node("a", "False", "container runtime is down"), "container runtime is down"),
        (node("a", None), "it has not reported yet"),
    ],
)
def test_a_node_that_is_not_ready_is_set_apart_with_the_reason(found, why):
    choice = node_task_choice([found, node("b")])
    assert choice == {"nodes": ["b"], "unable": {"a": f"the node is not ready: {why}"}}


def test_a_name_that_is_no_windows_node_is_set_apart():
    choice = node_task_choice([node("a"), node("b")], ["b", "c"])
    assert choice == {"nodes": ["b"], "unable": {"c": "there is no Windows node of this name"}}


def test_names_are_taken_as_they_are_by_who_may_not_list_nodes():
    assert node_task_choice(None, ["b", "c"]) == {"nodes": ["b", "c"], "unable": {}}


def test_no_node_is_no_error():
    assert node_task_outcomes(node_task_choice([]), [], "task-1") == {}


def test_each_node_has_its_own_outcome():
    choice = {"nodes": ["good", "bad", "slow", "gone"], "unable": {"dead": "the node is not ready: it is off"}}
    containers = [
        row("task-1-slow", "Running"),
        row("task-1-bad", "Failed", 3, "it ended with exit code 3", output="half\r\n"),
        row("task-1-good", "Succeeded", 0, output="done\r\n"),
        row("task-2-gone", "Succeeded", 0),
    ]
    outcomes = node_task_outcomes(choice, containers, "task-1")
    assert list(outcomes) == ["good", "bad", "slow", "gone", "dead"]
    assert outcomes["good"] == {
        "succeeded": True,
        "exit_code": 0,
        "output": "done\r\n",
        "state": "terminated",
        "reason": "",
    }
    assert outcomes["bad"]["exit_code"] == 3
    assert outcomes["bad"]["output"] == "half\r\n"
    assert {node: one["reason"] for node, one in outcomes.items() if not one["succeeded"]} == {
        "bad": "it ended with exit code 3",
        "slow": "it has not ended in time",
        "gone": "its pod is not there any more",
        "dead": "the node is not ready: it is off",
    }
