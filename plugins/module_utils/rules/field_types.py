# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Values of a wrong type in the fields that the rules read: ``hostProcess: "true"`` is not true.

The API server can't even decode such an object and answers in terms of Go; here each one is named in plain words.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from ansible_collections.kubewin.hostprocess.plugins.module_utils.rules.field_error import FieldError, invalid
from ansible_collections.kubewin.hostprocess.plugins.module_utils.rules.pods import POD_KINDS, find_pod

INTEGER_OR_STRING = (int, str)
QUANTITY = (int, float, str)
WORDS = {
    bool: "a boolean (true or false, without quotes)",
    str: "a string",
    int: "an integer",
    INTEGER_OR_STRING: "an integer or a string",
    QUANTITY: "a number or a string",
}


class Values(NamedTuple):
    """The shape of a mapping by what each of its values is, whatever the key."""

    shape: Any


class OrNull(NamedTuple):
    """The shape of a member of a list that may be null, which the API server takes for an empty one."""

    shape: Any


WINDOWS_OPTIONS = {
    "hostProcess": bool,
    "runAsUserName": str,
    "gmsaCredentialSpec": str,
    "gmsaCredentialSpecName": str,
}
SECURITY_CONTEXT = {
    "windowsOptions": WINDOWS_OPTIONS,
    "runAsUser": int,
    "runAsNonRoot": bool,
    "seccompProfile": {"type": str},
}
CONTAINER_SECURITY_CONTEXT = {
    **SECURITY_CONTEXT,
    "privileged": bool,
    "allowPrivilegeEscalation": bool,
    "capabilities": {"add": [str], "drop": [str]},
}
PORT = {"containerPort": int, "hostPort": int, "protocol": str, "hostIP": str}
ADDRESS = {"port": INTEGER_OR_STRING, "host": str}
HANDLER = {"httpGet": ADDRESS, "tcpSocket": ADDRESS, "grpc": {"port": int}}
CONTAINER = {
    "name": str,
    "image": str,
    "command": [str],
    "args": [str],
    "workingDir": str,
    "env": [{"name": str, "value": str}],
    "securityContext": CONTAINER_SECURITY_CONTEXT,
    "resources": {"limits": Values(QUANTITY), "requests": Values(QUANTITY)},
    "ports": [PORT],
    "lifecycle": {"stopSignal": str, "postStart": HANDLER, "preStop": HANDLER},
    "livenessProbe": HANDLER,
    "readinessProbe": HANDLER,
    "startupProbe": HANDLER,
    "volumeMounts": [{"name": str, "mountPath": str, "readOnly": bool}],
    "restartPolicy": str,
}
NODE_SELECTOR = {"nodeSelectorTerms": [OrNull({"matchExpressions": [{"key": str, "operator": str, "values": [str]}]})]}
POD_SPEC = {
    "initContainers": [CONTAINER],
    "containers": [CONTAINER],
    "ephemeralContainers": [CONTAINER],
    "securityContext": SECURITY_CONTEXT,
    "hostNetwork": bool,
    "hostPID": bool,
    "hostIPC": bool,
    "hostUsers": bool,
    "shareProcessNamespace": bool,
    "os": {"name": str},
    "volumes": [{"name": str, "hostPath": {"path": str, "type": str}}],
    "nodeSelector": Values(str),
    "runtimeClassName": str,
    "tolerations": [{"key": str, "operator": str, "value": str, "effect": str}],
    "affinity": {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": NODE_SELECTOR}},
}
METADATA = {
    "name": str,
    "generateName": str,
    "namespace": str,
    "labels": Values(str),
    "annotations": Values(str),
}


def type_errors(definition: dict[str, Any]) -> Iterator[FieldError]:
    """Yield an error for each value of a pod, or of what is around its template, whose type isn't the field's.

    Absent and null are fine everywhere but as a member of a list.
    """
    if find_pod(definition) is not None:
        _group, steps = POD_KINDS[definition["kind"]]
        yield from _errors(definition, "", {"metadata": METADATA, **_around(steps)})


def _around(steps: tuple[str, ...]) -> dict[str, Any]:
    """The shape of what leads to a pod's spec; the metadata beside it is the pod's."""
    first, *rest = steps
    return {first: _around(tuple(rest))} if rest else {"metadata": METADATA, first: POD_SPEC}


def _errors(body: Any, path: str, shape: Any) -> Iterator[FieldError]:
    if body is None:
        return
    if isinstance(shape, list):
        yield from _member_errors(body, path, shape[0])
    elif isinstance(shape, Values):
        yield from _value_errors(body, path, shape.shape)
    elif isinstance(shape, dict):
        yield from _field_errors(body, path, shape)
    elif not isinstance(body, shape) or (isinstance(body, bool) and shape is not bool):
        yield invalid(path, body, f"must be {WORDS[shape]}")


def _member_errors(body: Any, path: str, shape: Any) -> Iterator[FieldError]:
    if not isinstance(body, list):
        yield invalid(path, body, "must be a list")
        return
    inner = shape.shape if isinstance(shape, OrNull) else shape
    for index, member in enumerate(body):
        if member is None and isinstance(shape, dict):
            yield invalid(f"{path}[{index}]", member, "must be a mapping")
        yield from _errors(member, f"{path}[{index}]", inner)


def _value_errors(body: Any, path: str, shape: Any) -> Iterator[FieldError]:
    if not isinstance(body, dict):
        yield invalid(path, body, "must be a mapping")
        return
    for key, value in body.items():
        yield from _errors(value, f"{path}[{key}]", shape)


def _field_errors(body: Any, path: str, shape: dict[str, Any]) -> Iterator[FieldError]:
    if not isinstance(body, dict):
        yield invalid(path, body, "must be a mapping")
        return
    for field, expected in shape.items():
        yield from _errors(body.get(field), f"{path}.{field}" if path else field, expected)
