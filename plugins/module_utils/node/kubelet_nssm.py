# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A kubelet that runs under nssm becomes the service itself: what nssm gave it, and what nssm leaves behind.

nssm (as sig-windows-tools and image-builder set it up) is the service's program and keeps what it runs in the
registry, below the service's own key: Parameters, with Application and AppParameters.
"""

from __future__ import annotations

from collections.abc import Mapping

from ansible_collections.kubewin.hostprocess.plugins.module_utils.node import kubelet_flags
from ansible_collections.kubewin.hostprocess.plugins.module_utils.node.probed import service_of

_KEY = "HKLM:\\SYSTEM\\CurrentControlSet\\Services\\kubelet\\Parameters"


def nssm_plan(node: Mapping, command_line: str) -> dict:
    """Return ``{registry_key, warnings}``: the key to remove, empty without nssm, and what would be lost.

    Args:
        command_line: of the service as it is going to be.
    """
    wrapped = (service_of(node, "kubelet") or {}).get("nssm")
    if not wrapped:
        return {"registry_key": "", "warnings": []}
    return {"registry_key": _KEY, "warnings": _lost(wrapped, command_line)}


def _lost(wrapped: Mapping, command_line: str) -> list[str]:
    application, parameters = str(wrapped.get("application") or ""), str(wrapped.get("parameters") or "")
    if not application.lower().endswith("kubelet.exe"):
        return [
            f"nssm ran {application} {parameters} as the kubelet. The kubelet is now the service itself, and what that"
            " script gave it beyond this role's variables is gone: put such flags into kubelet_extra_arguments."
        ]
    kept = {flag.name for flag in kubelet_flags.parse(command_line.split())}
    lost = [str(flag) for flag in kubelet_flags.parse(parameters.split()) if flag.name not in kept]
    if not lost:
        return []
    return [
        f"nssm gave the kubelet {' '.join(lost)}, which the service no longer has. Put what you need into"
        " kubelet_extra_arguments."
    ]
