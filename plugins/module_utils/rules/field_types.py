# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Values of a wrong type in the fields that the rules read: ``hostProcess: "true"`` is not true.

The API server can't even decode such an object and answers in terms of Go; here each one is named in plain words.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ansible_collections.kubewin.hostprocess.plugins.module_utils.rules.field_error import FieldError, invalid

WORDS = {bool: "a boolean (true or false, without quotes)", str: "a string", int: "an integer", dict: "a mapping"}

WINDOWS_OPTIONS = {
    "hostProcess": bool,
    "runAsUserName": str,
    "gmsaCredentialSpec": str,
    "gmsaCredentialSpecName": str,
}
SECURITY_CONTEXT = {"windowsOptions": WINDOWS_OPTIONS}
PORT = {"containerPort": int, "hostPort": int, "protocol": str, "hostIP": str}
ANYTHING: dict = {}  # a mapping of whatever
HANDLER = {"httpGet": ANYTHING, "tcpSocket": ANYTHING, "grpc": ANYTHING}
CONTAINER = {
    "name": str,
    "image": str,
    "command": [str],
    "args": [str],
    "workingDir": str,
    "env": [ANYTHING],
    "securityContext": SECURITY_CONTEXT,
    "resources": {"limits": ANYTHING, "requests": ANYTHING},
    "ports": [PORT],
    "lifecycle": {"stopSignal": str, "postStart": HANDLER, "preStop": HANDLER},
    "livenessProbe": HANDLER,
    "readinessProbe": HANDLER,
    "startupProbe": HANDLER,
    "volumeMounts": [{"mountPath": str, "readOnly": bool}],
    "restartPolicy": str,
}
NODE_SELECTOR = {"nodeSelectorTerms": [{"matchExpressions": [{"values": [str]}]}]}
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
    "nodeSelector": ANYTHING,
    "tolerations": [ANYTHING],
    "affinity": {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": NODE_SELECTOR}},
}


def type_errors(spec: Any, path: str) -> Iterator[FieldError]:
    """Yield an error for each value of a pod spec whose type isn't the field's. Absent and null are fine everywhere."""
    return _errors(spec, path, POD_SPEC)


def _errors(body: Any, path: str, shape: Any) -> Iterator[FieldError]:
    if body is None:
        return
    if isinstance(shape, list):
        if not isinstance(body, list):
            yield invalid(path, body, "must be a list")
            return
        for index, member in enumerate(body):
            yield from _errors(member, f"{path}[{index}]", shape[0])
    elif isinstance(shape, dict):
        if not isinstance(body, dict):
            yield invalid(path, body, "must be a mapping")
            return
        for field, expected in shape.items():
            yield from _errors(body.get(field), f"{path}.{field}", expected)
    elif not isinstance(body, shape) or (shape is int and isinstance(body, bool)):
        yield invalid(path, body, f"must be {WORDS[shape]}")
