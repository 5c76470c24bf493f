# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Check mode for an object that rests on others of the same task, which the API server knows only as they are now.

These are its namespace, and the role of a binding, whose rules are compared with the user's own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from ansible_collections.kubewin.hostprocess.plugins.module_utils.rules.pod_security import LABEL

from .connection import Cluster
from .convergence import Outcome
from .errors import ClusterError
from .refusals import is_missing_right_to_grant, pod_security_refusal
from .target import Target


def what_it_rests_on(definition: dict, outcomes: Iterable[Outcome]) -> list[Outcome]:
    """What the task would do to the namespace of an object and to the role of a binding, where that is a change."""
    metadata = definition["metadata"]
    needed = [Target("Namespace", metadata.get("namespace"))]
    if definition["kind"] in ("RoleBinding", "ClusterRoleBinding"):
        role = definition.get("roleRef") or {}
        namespace = metadata.get("namespace") if role.get("kind") == "Role" else None
        needed.append(Target(role.get("kind"), role.get("name"), namespace))
    return [outcome for outcome in outcomes if outcome.changed and outcome.target in needed]


def foresee(cluster: Cluster, definition: dict, bases: list[Outcome], ask: Callable[[dict], Outcome]) -> Outcome:
    """What would become of an object.

    Args:
        bases: what it rests on and would be changed before it.
        ask: lets the API server judge it as things are now.

    Raises:
        ClusterError: the API server refuses it, and not because of how its bases are now.
    """
    if any(base.action == "created" for base in bases):
        return Outcome.foreseen(definition)
    try:
        return ask(definition)
    except ClusterError as error:
        if not (bases and _is_about_bases(error)):
            raise
    return Outcome.foreseen(definition, cluster.get(definition))


def labels_to_come(bases: Iterable[Outcome]) -> dict[str, str] | None:
    """The labels that the namespace will have, where PodSecurity enforces another level by them than now."""
    for base in bases:
        if base.target.kind == "Namespace" and (base.action == "created" or _enforces_otherwise(base)):
            return base.resource["metadata"].get("labels") or {}
    return None


def _enforces_otherwise(namespace: Outcome) -> bool:
    different = [namespace.diff.get(side) or {} for side in ("before", "after")]
    labels = [label for one in different for label in (one.get("metadata") or {}).get("labels") or {}]
    return any(label.startswith(f"{LABEL}enforce") for label in labels)


def _is_about_bases(error: ClusterError) -> bool:
    message = str(error.body.get("message") or "")
    return bool(pod_security_refusal(message, None)) or is_missing_right_to_grant(message)
