# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What ready means for each kind of workload, judged from the object's own status."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Phase(Enum):
    READY = "ready"
    PROGRESSING = "progressing"
    FAILED = "failed"
    GONE = "gone"


@dataclass(frozen=True)
class Rollout:
    """How far a workload is, and the figures it was judged by in one sentence part."""

    phase: Phase
    summary: str


def is_being_deleted(resource: dict) -> bool:
    return bool(resource["metadata"].get("deletionTimestamp"))


def judge_rollout(workload: dict) -> Rollout:
    """How far the workload is. One that is being deleted is as good as gone, whatever its status says.

    DaemonSet, Deployment, StatefulSet: the controller has seen this generation and every pod that it wants is
    updated and available. Job: complete. Pod: every container ready, or succeeded. CronJob and kinds without
    pods: stored.
    """
    metadata, status = workload["metadata"], workload.get("status") or {}
    if is_being_deleted(workload):
        return Rollout(Phase.GONE, "it is being deleted")
    if workload["kind"] in _CONTROLLED and (status.get("observedGeneration") or 0) < metadata.get("generation", 0):
        return Rollout(Phase.PROGRESSING, "its controller has not seen this version of it yet")
    judge = _JUDGES.get(workload["kind"])
    return judge(workload.get("spec") or {}, status) if judge else Rollout(Phase.READY, "stored")


def judge_vanished(last: dict) -> Rollout:
    """What is known of an object that is not there any more, by its last look."""
    ttl = _ttl(last)
    if ttl is None or is_being_deleted(last):
        return Rollout(Phase.GONE, "it was deleted meanwhile")
    return Rollout(
        Phase.GONE,
        f"it ended, and ttlSecondsAfterFinished, which is {ttl}, removed it before it was seen whether it had "
        "succeeded or failed: let it stay for some minutes",
    )


def as_it_ended(workload: dict) -> dict:
    """A finished Job without the mark of its deletion where its TTL deletes it: that is no loss of its outcome."""
    conditions = [_condition(workload.get("status") or {}, kind) for kind in ("Complete", "Failed")]
    if _ttl(workload) is None or not any(one.get("status") == "True" for one in conditions):
        return workload
    metadata = {key: value for key, value in workload["metadata"].items() if key != "deletionTimestamp"}
    return {**workload, "metadata": metadata}


def _ttl(workload: dict) -> int | None:
    return (workload.get("spec") or {}).get("ttlSecondsAfterFinished") if workload["kind"] == "Job" else None


def _daemon_set(spec: dict, status: dict) -> Rollout:
    desired = status.get("desiredNumberScheduled") or 0
    counts = {"available": status.get("numberAvailable") or 0, "updated": status.get("updatedNumberScheduled") or 0}
    if _on_delete(spec):
        del counts["updated"]
    return _counted(desired, counts)


def _deployment(spec: dict, status: dict) -> Rollout:
    desired = spec.get("replicas", 1)
    progressing = _condition(status, "Progressing")
    if progressing.get("status") == "False":
        return Rollout(Phase.FAILED, progressing.get("message") or progressing.get("reason") or "it stopped")
    rollout = _counted(
        desired, {"available": status.get("availableReplicas") or 0, "updated": status.get("updatedReplicas") or 0}
    )
    surplus = (status.get("replicas") or 0) - desired
    if rollout.phase is Phase.READY and surplus > 0:
        return Rollout(Phase.PROGRESSING, f"{surplus} pods of the previous version are still there")
    return rollout


def _stateful_set(spec: dict, status: dict) -> Rollout:
    desired = spec.get("replicas", 1)
    counts = {"available": status.get("availableReplicas") or 0}
    rollout = _counted(desired, counts)
    if rollout.phase is not Phase.READY or _on_delete(spec):
        return rollout
    partition = ((spec.get("updateStrategy") or {}).get("rollingUpdate") or {}).get("partition") or 0
    return _counted(max(desired - partition, 0), {"updated": status.get("updatedReplicas") or 0})


def _job(spec: dict, status: dict) -> Rollout:
    failed, complete = _condition(status, "Failed"), _condition(status, "Complete")
    if failed.get("status") == "True":
        return Rollout(Phase.FAILED, failed.get("message") or failed.get("reason") or "it failed")
    wanted = spec.get("completions") or spec.get("parallelism") or 1
    summary = f"{status.get('succeeded') or 0} of {wanted} completions"
    if complete.get("status") == "True":
        return Rollout(Phase.READY, summary)
    if spec.get("suspend"):
        return Rollout(Phase.READY, "suspended")
    return Rollout(Phase.PROGRESSING, summary)


def _pod(spec: dict, status: dict) -> Rollout:
    phase = status.get("phase") or "Pending"
    if phase == "Succeeded":
        return Rollout(Phase.READY, "succeeded")
    if phase == "Failed":
        return Rollout(Phase.FAILED, status.get("message") or status.get("reason") or "it failed")
    ready = sum(bool(container.get("ready")) for container in status.get("containerStatuses") or [])
    return _counted(len(spec.get("containers") or []), {"ready": ready}, noun="containers")


def _counted(desired: int, counts: dict[str, int], noun: str = "pods") -> Rollout:
    figures = ", ".join(f"{count} {name}" for name, count in counts.items())
    phase = Phase.READY if all(count >= desired for count in counts.values()) else Phase.PROGRESSING
    return Rollout(phase, f"{desired} {noun} wanted, {figures}")


def _on_delete(spec: dict) -> bool:
    return (spec.get("updateStrategy") or {}).get("type") == "OnDelete"


def _condition(status: dict, kind: str) -> dict:
    return next((one for one in status.get("conditions") or [] if one.get("type") == kind), {})


_JUDGES = {
    "DaemonSet": _daemon_set,
    "Deployment": _deployment,
    "StatefulSet": _stateful_set,
    "Job": _job,
    "Pod": _pod,
}
# Kinds whose controller writes status.observedGeneration.
_CONTROLLED = frozenset({"DaemonSet", "Deployment", "StatefulSet"})
