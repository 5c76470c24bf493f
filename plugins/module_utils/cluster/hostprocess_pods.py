# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""HostProcess containers of pods as flat rows: where each runs, which job object is its own, what it declares.

A container's job object is named after its id (hcsshim internal/jobcontainers; domain facts section 4).
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from .explanation import explain_container

# Kind of container -> field of the spec, field of the status.
_KINDS = {
    "init": ("initContainers", "initContainerStatuses"),
    "container": ("containers", "containerStatuses"),
    "ephemeral": ("ephemeralContainers", "ephemeralContainerStatuses"),
}
_CONTAINER_ID = re.compile(r"^[a-z0-9]+://([0-9a-f]{64})$")


def hostprocess_containers(pod: dict) -> Iterator[dict]:
    """A row for each HostProcess container of the pod; none for other pods."""
    for kind, (spec_field, status_field) in _KINDS.items():
        statuses = {one["name"]: one for one in (pod.get("status") or {}).get(status_field) or []}
        for container in pod["spec"].get(spec_field) or []:
            if _windows_option(pod, container, "hostProcess"):
                yield _row(pod, kind, container, statuses.get(container["name"]) or {})


def pod_template(workload: dict) -> dict | None:
    """The pod (or pod template) inside a workload of any kind; None for kinds that make no pods."""
    path = _TEMPLATE_PATHS.get(workload.get("kind"))
    if path is None:
        return None
    for key in path:
        workload = (workload or {}).get(key) or {}
    return workload


_TEMPLATE_PATHS = {
    "Pod": (),
    "CronJob": ("spec", "jobTemplate", "spec", "template"),
    **dict.fromkeys(
        ("DaemonSet", "Deployment", "ReplicaSet", "ReplicationController", "StatefulSet", "Job"), ("spec", "template")
    ),
}


def _row(pod: dict, kind: str, container: dict, status: dict) -> dict:
    metadata, declared = pod["metadata"], container.get("resources") or {}
    state, details = next(iter((status.get("state") or {}).items()), ("waiting", {}))
    identifier = _CONTAINER_ID.match(status.get("containerID") or "")
    owner = next((one for one in metadata.get("ownerReferences") or [] if one.get("controller")), None)
    return {
        "namespace": metadata.get("namespace"),
        "pod": metadata.get("name"),
        "pod_uid": metadata.get("uid"),
        "pod_phase": (pod.get("status") or {}).get("phase"),
        "node": pod["spec"].get("nodeName"),
        "owner": {"kind": owner["kind"], "name": owner["name"]} if owner else None,
        "container": container["name"],
        "kind": kind,
        "image": container.get("image"),
        "container_id": identifier[1] if identifier else None,
        "job_name": f"JobContainer_{identifier[1]}" if identifier else None,
        "state": state,
        "state_reason": details.get("reason"),
        "trouble": explain_container(pod, container, status),
        "exit_code": details.get("exitCode"),
        "ready": bool(status.get("ready")),
        "restart_count": status.get("restartCount") or 0,
        "run_as_user": _windows_option(pod, container, "runAsUserName"),
        "limits": _amounts(declared.get("limits")),
        "requests": _amounts(declared.get("requests")),
    }


def _windows_option(pod: dict, container: dict, name: str):
    """The container's own value, or else the pod's (facts section 1.1)."""
    for holder in (container, pod["spec"]):
        value = ((holder.get("securityContext") or {}).get("windowsOptions") or {}).get(name)
        if value is not None:
            return value
    return None


def _amounts(resources: dict | None) -> dict:
    return {name: (resources or {}).get(name) for name in ("cpu", "memory")}
