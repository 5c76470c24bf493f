# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Whether its namespace admits a workload's pods: as the API server says, or by labels that the namespace is to get.

A workload is stored whatever its namespace's PodSecurity level is; only its controller learns later that the pods are
forbidden. So one pod of the template is created here as a dry run. Other refusals than PodSecurity's are left to the
apply and to the controller, which see the real state (a full quota may empty during a rollout).
"""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus

from ansible_collections.kubewin.hostprocess.plugins.module_utils.rules.pod_security import predict
from ansible_collections.kubewin.hostprocess.plugins.module_utils.rules.release import NEWEST

from .connection import Cluster
from .errors import ClusterError
from .hostprocess_pods import pod_template
from .refusals import is_missing_permission, pod_security_refusal
from .target import Target

_POD_METADATA = frozenset({"labels", "annotations"})
# What a pod names and may be stored only after the question. PodSecurity looks at none of them.
_MAY_BE_TO_COME = frozenset({"serviceAccountName", "serviceAccount", "priorityClassName"})


def refuse_beforehand(cluster: Cluster, definitions: list[dict]) -> set[Target]:
    """Ask for every workload for which that is possible while nothing is stored.

    Returns:
        the workloads that are still to be asked for when their turn comes: their namespace is among the definitions,
        or admission had an objection that what is stored before them may lift.

    Raises:
        ClusterError: PodSecurity forbids the pods of one.
    """
    own = {definition["metadata"]["name"] for definition in definitions if definition["kind"] == "Namespace"}
    left = set()
    for definition in filter(_makes_pods, definitions):
        target = Target.of(definition)
        if target.namespace in own or not _is_answered(cluster, definition, without=_MAY_BE_TO_COME):
            left.add(target)
    return left


def refuse_what_admission_forbids(cluster: Cluster, definition: dict) -> None:
    """Ask for one workload when its turn comes.

    Raises:
        ClusterError: PodSecurity forbids the pods.
    """
    if _makes_pods(definition):
        _is_answered(cluster, definition)


def refuse_what_labels_forbid(
    definition: dict, labels: Mapping[str, str], kubernetes_version: str | None = None
) -> None:
    """Judge a workload or a Pod by the labels that its namespace is to get.

    Raises:
        ClusterError: PodSecurity would forbid the pods.
    """
    foreseen = predict(definition, dict(labels), kubernetes_version or NEWEST)
    message = foreseen and (foreseen.refusal or foreseen.pods_refusal)
    refusal = pod_security_refusal(message or "", definition["metadata"].get("namespace"))
    if refusal:
        raise _no_pods(definition, refusal)


def _makes_pods(definition: dict) -> bool:
    """Whether pods are made of it later; a Pod itself is refused when it is applied."""
    return definition["kind"] != "Pod" and bool(pod_template(definition))


def _is_answered(cluster: Cluster, definition: dict, without: frozenset[str] = frozenset()) -> bool:
    """Whether the API server would say the same later in the task.

    Raises:
        ClusterError: PodSecurity forbids the pods.
    """
    try:
        cluster.try_to_create(_pod_of(definition, without))
    except ClusterError as error:
        message = str(error.body.get("message") or "")
        refusal = pod_security_refusal(message, definition["metadata"]["namespace"])
        if refusal:
            raise _no_pods(definition, refusal, error.status) from error
        # Another objection of admission came first, such as to a service account or a runtime class that is not there.
        return error.status != HTTPStatus.FORBIDDEN or is_missing_permission(message)
    return True


def _pod_of(definition: dict, without: frozenset[str]) -> dict:
    template, metadata = pod_template(definition), definition["metadata"]
    kept = {key: value for key, value in (template.get("metadata") or {}).items() if key in _POD_METADATA}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {**kept, "generateName": f"{metadata['name']}-", "namespace": metadata["namespace"]},
        "spec": {key: value for key, value in (template.get("spec") or {}).items() if key not in without},
    }


def _no_pods(definition: dict, refusal: str, status: int | None = None) -> ClusterError:
    target = Target.of(definition)
    said = "would be refused" if target.kind == "Pod" else "would get no pods"
    return ClusterError(f"{target} {said}: {refusal}", status, result={"refused": target})
