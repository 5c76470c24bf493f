# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Bring one object to its declared state, and say what that changed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from ansible_collections.kubernetes.core.plugins.module_utils.k8s.service import diff_objects

from .connection import Cluster
from .errors import ClusterError
from .explanation import explain_rollout
from .hostprocess_pods import pod_template
from .refusals import is_immutable_field, pod_security_refusal
from .rollout import Phase, Rollout, judge_rollout
from .target import Target
from .waiting import wait_until_settled

# Written by the API server or a controller, whoever applies.
_VOLATILE_METADATA = frozenset(
    {"managedFields", "resourceVersion", "generation", "uid", "creationTimestamp", "selfLink"}
)
_VOLATILE_ANNOTATIONS = frozenset({"deployment.kubernetes.io/revision", "deprecated.daemonset.template.generation"})


@dataclass
class Outcome:
    """What became of one object."""

    target: Target
    action: str
    resource: dict
    diff: dict = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)

    @property
    def changed(self) -> bool:
        return self.action != "unchanged"

    @classmethod
    def foreseen(cls, definition: dict) -> Outcome:
        """What would become of an object that nothing can be asked about yet."""
        return _outcome("created", None, definition, [])


@dataclass(frozen=True)
class Patience:
    """How long to wait, and how often to look, in seconds."""

    timeout: int
    sleep: int


def apply(cluster: Cluster, definition: dict, recreate: bool, patience: Patience, check_mode: bool) -> Outcome:
    """Make the object what the definition says, by server-side apply.

    Args:
        recreate: delete and create where the API server does not let a field change.
        patience: bounds the wait for the old object's end when recreating.
    """
    before = cluster.get(definition)
    try:
        after, warnings = cluster.apply(definition)
    except ClusterError as error:
        if not (recreate and before and is_immutable_field(error.body)):
            raise
        after, warnings = (definition, []) if check_mode else _replace(cluster, definition, before, patience)
        return _outcome("recreated", before, after, warnings)
    action = "created" if not before else "unchanged" if _same(before, after) else "updated"
    return _outcome(action, before, after, warnings)


def _replace(cluster: Cluster, definition: dict, before: dict, patience: Patience) -> tuple[dict, list[str]]:
    cluster.delete(before)
    try:
        wait_until_gone(cluster, before, patience)
        return cluster.apply(definition)
    except ClusterError as error:
        raise ClusterError(
            f"{str(error).rstrip('.')}. It was deleted to be made anew and is not back: run the task again.",
            error.status,
            error.body,
            error.transient,
            {**error.result, "action": "deleted"},
        ) from error


def remove(cluster: Cluster, definition: dict) -> Outcome:
    """Delete the object after its pods. Returns before they are gone."""
    before = cluster.get(definition)
    if not before:
        return Outcome(Target.of(definition), "unchanged", {})
    cluster.delete(before)
    return _outcome("deleted", before, {}, [])


def refuse_what_admission_forbids(cluster: Cluster, definition: dict) -> None:
    """Ask the API server whether the namespace admits the workload's pods, before the workload is stored.

    A workload is stored whatever its namespace's PodSecurity level is; only its controller learns later that the pods
    are forbidden. So one pod of the template is created here as a dry run. Other refusals than PodSecurity's are left
    to the apply and to the controller, which see the real state (a full quota may empty during a rollout).

    Raises:
        ClusterError: PodSecurity forbids the pods.
    """
    template = pod_template(definition)
    if not template or definition["kind"] == "Pod":
        return
    namespace = definition["metadata"]["namespace"]
    metadata = {key: value for key, value in (template.get("metadata") or {}).items() if key in _POD_METADATA}
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {**metadata, "generateName": f"{definition['metadata']['name']}-", "namespace": namespace},
        "spec": template.get("spec") or {},
    }
    try:
        cluster.try_to_create(pod)
    except ClusterError as error:
        refusal = pod_security_refusal(str(error.body.get("message") or ""), namespace)
        if refusal:
            raise ClusterError(f"{Target.of(definition)} would get no pods: {refusal}", error.status) from error


_POD_METADATA = frozenset({"labels", "annotations"})


def wait_until_ready(cluster: Cluster, definition: dict, patience: Patience) -> dict:
    """Wait for what the kind means by ready, and return the object as it is then.

    Raises:
        ClusterError: it failed or time ran out; the message says why in one line.
    """
    seen: dict = {}

    def observe() -> Rollout:
        seen.clear()
        seen.update(cluster.get(definition) or {})
        return judge_rollout(seen) if seen else Rollout(Phase.FAILED, "it was deleted meanwhile")

    rollout = _wait(cluster, observe, patience)
    if rollout.phase is Phase.READY:
        return _returned(seen)
    how = "has failed" if rollout.phase is Phase.FAILED else f"is not ready after {patience.timeout} seconds"
    why = _reason(cluster, seen) if seen else ""
    raise ClusterError(
        f"{Target.of(definition)} {how} ({rollout.summary})" + (f": {why}" if why else ""),
        result={"reason": why, "resource": _returned(seen)},
    )


def wait_until_gone(cluster: Cluster, removed: dict, patience: Patience) -> None:
    """Wait until an object that was deleted is gone, and its pods with it.

    Raises:
        ClusterError: time ran out; the message names what is left.
    """
    uid = removed["metadata"].get("uid")

    def observe() -> Rollout:
        found = cluster.get(removed)
        gone = not found or found["metadata"].get("uid") != uid
        return Rollout(Phase.READY if gone else Phase.PROGRESSING, "")

    if _wait(cluster, observe, patience).phase is Phase.READY:
        return
    pods, _owned = _dependents(cluster, removed)
    left = ", ".join(f"{pod['metadata']['name']} on node {pod['spec'].get('nodeName')}" for pod in pods[:5])
    why = f"pods that are left: {left}" if left else "a finalizer holds it"
    raise ClusterError(f"{Target.of(removed)} is not gone after {patience.timeout} seconds: {why}")


def _wait(cluster: Cluster, observe: Callable[[], Rollout], patience: Patience) -> Rollout:
    with cluster.within(patience.timeout):
        return wait_until_settled(observe, patience.timeout, patience.sleep)


def _outcome(action: str, before: dict | None, after: dict, warnings: list[str]) -> Outcome:
    target = Target.of(after or before or {})
    same, difference = diff_objects(_comparable(before or {}), _comparable(after))
    diff = (
        {} if same else {"before_header": str(target), "after_header": str(target), **_unrevealed(target, difference)}
    )
    return Outcome(target, action, _returned(after or before or {}), diff, warnings)


def _unrevealed(target: Target, difference: dict) -> dict:
    if target.kind != "Secret":
        return difference
    return dict.fromkeys(difference, "A Secret's content is not shown.\n")


def _same(before: dict, after: dict) -> bool:
    return _comparable(before) == _comparable(after)


def _comparable(resource: dict) -> dict:
    """The object without what changes by itself between two looks at it."""
    if not resource:
        return {}
    metadata = {key: value for key, value in resource["metadata"].items() if key not in _VOLATILE_METADATA}
    if metadata.get("annotations"):
        annotations = metadata.pop("annotations")
        kept = {key: value for key, value in annotations.items() if key not in _VOLATILE_ANNOTATIONS}
        metadata.update({"annotations": kept} if kept else {})
    compared = {**resource, "metadata": metadata}
    compared.pop("status", None)
    if resource.get("kind") == "Pod":
        # The scheduler's.
        compared["spec"] = {key: value for key, value in (resource.get("spec") or {}).items() if key != "nodeName"}
    return compared


def _returned(resource: dict) -> dict:
    """The object for a module's result: without managedFields, and without a Secret's content."""
    hidden = {"data", "stringData"} if resource.get("kind") == "Secret" else set()
    shown = {key: value for key, value in resource.items() if key not in hidden}
    if "metadata" in shown:
        shown["metadata"] = {key: value for key, value in shown["metadata"].items() if key != "managedFields"}
    return shown


def _reason(cluster: Cluster, workload: dict) -> str:
    try:
        pods, owned = _dependents(cluster, workload)
        events = cluster.list("Event", namespace=workload["metadata"].get("namespace"), field_selector="type=Warning")
    except ClusterError as error:
        return f"the reason can't be read ({error})"
    return explain_rollout(workload, owned, pods, events)


def _dependents(cluster: Cluster, workload: dict) -> tuple[list[dict], list[dict]]:
    """The workload's pods, and the ReplicaSets or Jobs between."""
    if workload["kind"] == "Pod":
        return [workload], []
    between = _BETWEEN.get(workload["kind"])
    namespace, owners = workload["metadata"].get("namespace"), {workload["metadata"].get("uid")}
    owned = _owned_by(owners, cluster.list(*between, namespace=namespace)) if between else []
    owners |= {one["metadata"]["uid"] for one in owned}
    return _owned_by(owners, cluster.list("Pod", namespace=namespace)), owned


_BETWEEN = {"Deployment": ("ReplicaSet", "apps/v1"), "CronJob": ("Job", "batch/v1")}


def _owned_by(owners: set[str], objects: list[dict]) -> list[dict]:
    return [
        one
        for one in objects
        if owners & {reference["uid"] for reference in one["metadata"].get("ownerReferences") or []}
    ]
