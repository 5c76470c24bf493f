# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Bring one object to its declared state, and say what that changed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from ansible.module_utils.common.dict_transformations import dict_merge
from ansible_collections.kubernetes.core.plugins.module_utils.k8s.service import diff_objects

from .connection import Cluster
from .errors import ClusterError
from .explanation import explain_rollout
from .refusals import is_immutable_field
from .rollout import Phase, Rollout, as_it_ended, is_being_deleted, judge_rollout, judge_vanished
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
    def foreseen(cls, definition: dict, before: dict | None = None) -> Outcome:
        """What would become of an object about which the API server can't be asked yet."""
        if not before:
            return _outcome("created", None, definition, [])
        after = dict_merge(before, definition)
        return _outcome("unchanged" if _same(before, after) else "updated", before, after, [])


@dataclass(frozen=True)
class Patience:
    """How long to wait, and how often to look, in seconds."""

    timeout: int
    sleep: int


def apply(
    cluster: Cluster,
    definition: dict,
    patience: Patience,
    recreate: bool = False,
    wait: bool = False,
    check_mode: bool = False,
) -> Outcome:
    """Make the object what the definition says, by server-side apply.

    Args:
        patience: bounds the wait for an old object's end.
        recreate: delete and create where the API server does not let a field change.
        wait: let an object that is being deleted come to its end first, as recreate does. Without them it is an error.
    """
    before = cluster.get(definition)
    if before and is_being_deleted(before):
        if not (wait or recreate):
            raise _is_going(cluster, before)
        if check_mode:
            return Outcome.foreseen(definition)
        wait_until_gone(cluster, before, patience)
        # Another client may have been quicker.
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


def _is_going(cluster: Cluster, dying: dict) -> ClusterError:
    return ClusterError(
        f"{Target.of(dying)} is being deleted, and what is applied to it now would vanish with it "
        f"({_what_holds(cluster, dying)}). Set wait to true to have it made anew when it is gone, or run the task "
        "again then."
    )


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


def wait_until_ready(cluster: Cluster, definition: dict, patience: Patience) -> dict:
    """Wait for what the kind means by ready, and return the object as it is then.

    Raises:
        ClusterError: it failed or time ran out; the message says why in one line.
    """
    seen: dict = {}

    def observe() -> Rollout:
        found = cluster.get(definition)
        rollout = judge_rollout(as_it_ended(found)) if found else judge_vanished(seen or definition)
        seen.clear()
        seen.update(found or {})
        return rollout

    rollout = _wait(cluster, observe, patience)
    if rollout.phase is Phase.READY:
        return _returned(seen)
    how = _HOW.get(rollout.phase, f"is not ready after {patience.timeout} seconds")
    why = _reason(cluster, seen) if seen else ""
    raise ClusterError(
        f"{Target.of(definition)} {how} ({rollout.summary})" + (f": {why}" if why else ""),
        result={"reason": why or rollout.summary, "resource": _returned(seen)},
    )


_HOW = {Phase.FAILED: "has failed", Phase.GONE: "can't be waited for any longer"}


def wait_until_gone(cluster: Cluster, removed: dict, patience: Patience) -> None:
    """Wait until an object that was deleted is gone, and its pods with it.

    Raises:
        ClusterError: time ran out; the message names what is left.
    """
    left = dict(removed)

    def observe() -> Rollout:
        found = cluster.get(removed)
        if not found or found["metadata"].get("uid") != removed["metadata"].get("uid"):
            return Rollout(Phase.READY, "gone")
        left.update(found)
        return Rollout(Phase.PROGRESSING, "still there")

    if _wait(cluster, observe, patience).phase is not Phase.READY:
        raise ClusterError(
            f"{Target.of(removed)} is not gone after {patience.timeout} seconds: {_what_holds(cluster, left)}. "
            "If it stays, see that its nodes' kubelets and its finalizers' controllers run."
        )


def _what_holds(cluster: Cluster, dying: dict) -> str:
    """What an object that is being deleted waits for: its pods, finalizers, and what a namespace says itself."""
    conditions = (dying.get("status") or {}).get("conditions") or [] if dying["kind"] == "Namespace" else []
    holds = {
        "pods that are left": _pods_left(cluster, dying),
        "finalizers that hold it": dying["metadata"].get("finalizers") or [],
        "it says": [one["message"] for one in conditions if one.get("status") == "True" and one.get("message")],
    }
    return "; ".join(f"{what}: {', '.join(parts)}" for what, parts in holds.items() if parts) or "it is about to go"


def _pods_left(cluster: Cluster, dying: dict) -> list[str]:
    if not dying["metadata"].get("namespace"):
        return []
    try:
        pods, _owned = _dependents(cluster, dying)
    except ClusterError as error:
        return [f"they can't be read ({error})"]
    return [f"{pod['metadata']['name']} on node {pod['spec'].get('nodeName')}" for pod in pods[:5]]


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
