# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

import pytest

from ansible_collections.kubewin.hostprocess.plugins.module_utils.cluster.rollout import (
    Phase,
    as_it_ended,
    judge_rollout,
    judge_vanished,
)

READY, PROGRESSING, FAILED, GONE = Phase.READY, Phase.PROGRESSING, Phase.FAILED, Phase.GONE


def workload(kind: str, spec: dict, status: dict, generation: int = 1) -> dict:
    return {"kind": kind, "metadata": {"generation": generation}, "spec": spec, "status": status}


def daemon_set(desired: int, updated: int, available: int, seen: int = 1) -> dict:
    return {
        "observedGeneration": seen,
        "desiredNumberScheduled": desired,
        "updatedNumberScheduled": updated,
        "numberAvailable": available,
    }


def condition(kind: str, status: str = "True", **more) -> dict:
    return {"conditions": [{"type": kind, "status": status, **more}]}


@pytest.mark.parametrize(
    ("kind", "spec", "status", "phase"),
    [
        ("DaemonSet", {}, daemon_set(3, 3, 3), READY),
        ("DaemonSet", {}, daemon_set(3, 3, 2), PROGRESSING),
        ("DaemonSet", {}, daemon_set(3, 2, 3), PROGRESSING),
        ("DaemonSet", {}, daemon_set(3, 3, 3, seen=0), PROGRESSING),
        ("DaemonSet", {}, {}, PROGRESSING),
        ("DaemonSet", {"updateStrategy": {"type": "OnDelete"}}, daemon_set(3, 0, 3), READY),
        ("Deployment", {"replicas": 2}, {"observedGeneration": 1, "availableReplicas": 2, "updatedReplicas": 2}, READY),
        ("Deployment", {"replicas": 2}, {"observedGeneration": 1, "updatedReplicas": 2}, PROGRESSING),
        (
            "Deployment",
            {"replicas": 1},
            {"observedGeneration": 1, "availableReplicas": 2, "updatedReplicas": 1, "replicas": 2},
            PROGRESSING,
        ),
        ("Deployment", {"replicas": 0}, {"observedGeneration": 1}, READY),
        ("Deployment", {}, {"observedGeneration": 1, **condition("Progressing", "False", message="too slow")}, FAILED),
        ("StatefulSet", {"replicas": 1}, {"observedGeneration": 1, "availableReplicas": 1}, PROGRESSING),
        (
            "StatefulSet",
            {"replicas": 3, "updateStrategy": {"rollingUpdate": {"partition": 2}}},
            {"observedGeneration": 1, "availableReplicas": 3, "updatedReplicas": 1},
            READY,
        ),
        ("Job", {"completions": 2}, {"succeeded": 1}, PROGRESSING),
        ("Job", {"completions": 2}, {"succeeded": 2, **condition("Complete")}, READY),
        ("Job", {}, condition("Failed", message="backoff limit"), FAILED),
        ("Job", {"suspend": True}, {}, READY),
        ("CronJob", {}, {}, READY),
        ("ConfigMap", {}, {}, READY),
        ("Pod", {"containers": [{}, {}]}, {"containerStatuses": [{"ready": True}, {"ready": False}]}, PROGRESSING),
        ("Pod", {"containers": [{}, {}]}, {"containerStatuses": [{"ready": True}]}, PROGRESSING),
        ("Pod", {"containers": [{}]}, {"phase": "Running", "containerStatuses": [{"ready": True}]}, READY),
        ("Pod", {"containers": [{}]}, {"phase": "Succeeded"}, READY),
        ("Pod", {"containers": [{}]}, {"phase": "Failed", "reason": "PodOSNotSupported"}, FAILED),
        ("Pod", {"containers": [{}]}, {}, PROGRESSING),
    ],
)
def test_ready_means_what_the_kind_means_by_it(kind, spec, status, phase):
    rollout = judge_rollout(workload(kind, spec, status))
    assert rollout.phase is phase, rollout.summary


def test_the_figures_are_told():
    assert judge_rollout(workload("DaemonSet", {}, daemon_set(3, 2, 1))).summary == (
        "3 pods wanted, 1 available, 2 updated"
    )


def dying(one: dict) -> dict:
    return {**one, "metadata": {**one["metadata"], "deletionTimestamp": "2026-11-23T10:00:00Z"}}


@pytest.mark.parametrize(
    ("kind", "spec", "status"),
    [
        ("DaemonSet", {}, daemon_set(3, 3, 3)),
        ("Deployment", {"replicas": 0}, {"observedGeneration": 1}),
        ("Job", {"ttlSecondsAfterFinished": 0}, condition("Complete")),
        ("Pod", {"containers": [{}]}, {"phase": "Succeeded"}),
        ("CronJob", {}, {}),
        ("ConfigMap", {}, {}),
    ],
)
def test_what_is_being_deleted_is_not_ready_whatever_its_status_says(kind, spec, status):
    healthy = workload(kind, spec, status)
    assert judge_rollout(healthy).phase is READY
    assert judge_rollout(dying(healthy)).phase is GONE


@pytest.mark.parametrize(
    ("spec", "status", "phase"),
    [
        ({"ttlSecondsAfterFinished": 0}, condition("Complete"), READY),
        ({"ttlSecondsAfterFinished": 0}, condition("Failed"), FAILED),
        ({"ttlSecondsAfterFinished": 0}, {}, GONE),
        ({}, condition("Complete"), GONE),
    ],
)
def test_a_finished_job_that_its_ttl_removes_still_says_how_it_ended(spec, status, phase):
    assert judge_rollout(as_it_ended(dying(workload("Job", spec, status)))).phase is phase


@pytest.mark.parametrize(
    ("last", "said"),
    [
        (workload("DaemonSet", {}, {}), "it was deleted meanwhile"),
        (workload("Job", {}, {}), "it was deleted meanwhile"),
        (dying(workload("Job", {"ttlSecondsAfterFinished": 0}, {})), "it was deleted meanwhile"),
        (workload("Job", {"ttlSecondsAfterFinished": 5}, {}), "it ended, and ttlSecondsAfterFinished, which is 5,"),
    ],
)
def test_what_is_gone_was_deleted_unless_its_ttl_did_it(last, said):
    rollout = judge_vanished(last)
    assert rollout.phase is GONE
    assert rollout.summary.startswith(said)
