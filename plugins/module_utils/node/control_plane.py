# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The feature gate that kube-apiserver 1.22 needs, in the static pod manifest that kubeadm writes.

* ``control_plane_plan(manifest, kubernetes_version) -> dict``    what the manifest should be, or why nothing is needed
"""

from __future__ import annotations

import re

try:
    import yaml
except ImportError:
    yaml = None  # ansible-core brings it; only ansible-test's import test goes without

from ansible_collections.kubewin.hostprocess.plugins.module_utils.node.errors import ConfigurationError
from ansible_collections.kubewin.hostprocess.plugins.module_utils.support import gates, versions

_COMPONENT = "kube-apiserver"
_PROGRAM = re.compile(r"^(?P<indent>\s*)- kube-apiserver\s*$", re.MULTILINE)
_GATES = re.compile(r"^(?P<start>\s*- --feature-gates=)(?P<gates>\S*)[ \t]*$", re.MULTILINE)


def control_plane_plan(manifest: str, kubernetes_version: str | float) -> dict:
    """Return ``{needed, reason, differs, content}`` for a kube-apiserver manifest.

    The text is edited in place, so comments and order stay; an empty manifest asks only whether the gate is needed.

    Raises:
        ConfigurationError: the manifest is not one that this edit understands.
    """
    line = versions.kubernetes(kubernetes_version).line
    if _COMPONENT not in gates.components_needing_gate(kubernetes_version):
        stage = gates.gate_state(gates.HOSTPROCESS_GATE, kubernetes_version).stage
        why = {"removed": "the gate was removed in 1.28 and must not be set", "absent": "the gate doesn't exist yet"}
        reason = why.get(stage, f"the gate is {stage} and on by default")
        return {
            "needed": False,
            "reason": f"Kubernetes {line} needs no feature gate for HostProcess containers: {reason}.",
            "differs": False,
            "content": manifest,
        }
    content = _with_gate(manifest) if manifest else ""
    reason = f"Kubernetes {line} has HostProcess containers only with {gates.HOSTPROCESS_GATE}=true on {_COMPONENT}."
    return {"needed": True, "reason": reason, "differs": content != manifest, "content": content}


def _with_gate(manifest: str) -> str:
    """Turn the gate on in the list that the manifest has, or right after the program's name."""
    wanted = f"{gates.HOSTPROCESS_GATE}=true"
    found = _GATES.search(manifest)
    if found:
        others = [gate for gate in found["gates"].split(",") if gate and gate.split("=")[0] != gates.HOSTPROCESS_GATE]
        if wanted in found["gates"].split(","):
            return manifest
        text = manifest[: found.start()] + found["start"] + ",".join([*others, wanted]) + manifest[found.end() :]
    else:
        program = _PROGRAM.search(manifest)
        if program is None:
            raise ConfigurationError(
                "the kube-apiserver manifest has no command list with '- kube-apiserver' as kubeadm writes it."
                f" Add --feature-gates={wanted} to the API server by hand."
            )
        at = program.end()
        text = f"{manifest[:at]}\n{program['indent']}- --feature-gates={wanted}{manifest[at:]}"
    if f"--feature-gates={','.join([*others, wanted]) if found else wanted}" not in _arguments(text):
        raise ConfigurationError(
            f"the kube-apiserver manifest could not be edited safely. Add --feature-gates={wanted} by hand."
        )
    return text


def _arguments(manifest: str) -> list[str]:
    """Return every argument of the pod's containers, as YAML understands the text."""
    try:
        containers = yaml.safe_load(manifest)["spec"]["containers"]
        return [
            argument for container in containers for key in ("command", "args") for argument in container.get(key, [])
        ]
    except (yaml.YAMLError, KeyError, TypeError) as exc:
        raise ConfigurationError(f"the kube-apiserver manifest can't be read as a pod: {exc}") from exc
