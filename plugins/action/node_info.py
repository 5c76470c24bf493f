# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Controller half of node_info: one probe on the node, then the verdict in pure Python."""

from __future__ import annotations

from typing import Any

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase

from ansible_collections.kubewin.hostprocess.plugins.module_utils.node.errors import NodeError
from ansible_collections.kubewin.hostprocess.plugins.module_utils.node.probe import application_control
from ansible_collections.kubewin.hostprocess.plugins.module_utils.node.readiness import judge
from ansible_collections.kubewin.hostprocess.plugins.plugin_utils._probing import probing

ARGUMENT_SPEC = {
    "containerd_config_path": {"type": "str"},
    "containerd_directory": {"type": "str"},
    "containerd_version": {"type": "str"},
    "directories": {"type": "list", "elements": "str", "default": []},
    "dynamic_ports": {"type": "bool", "default": False},
    "endpoints": {"type": "list", "elements": "str", "default": []},
    "features": {"type": "list", "elements": "str", "default": []},
    "files": {"type": "list", "elements": "str", "default": []},
    "firewall_rules": {"type": "list", "elements": "str", "default": []},
    "kubelet_bootstrap_kubeconfig_path": {"type": "str"},
    "kubelet_certificate_authority_path": {"type": "str"},
    "kubelet_certificate_directory": {"type": "str"},
    "kubelet_config_path": {"type": "str"},
    "kubelet_directory": {"type": "str"},
    "kubelet_kubeadm_flags_path": {"type": "str"},
    "kubelet_kubeconfig_path": {"type": "str"},
    "kubernetes_version": {"type": "str"},
    "registry": {"type": "list", "elements": "str", "default": []},
    "services": {"type": "list", "elements": "str", "default": []},
}


class ActionModule(ActionBase):
    """Probe a node and say whether HostProcess containers can run there."""

    TRANSFERS_FILES = False
    _supports_check_mode = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        result = super().run(tmp, task_vars)
        with probing(self, ARGUMENT_SPEC) as options:
            answer = self._execute_module("kubewin.hostprocess.node_info", module_args=options, task_vars=task_vars)
        result.update(answer)
        forbidden = application_control(answer)
        if forbidden:
            result["msg"] = (
                "Application control on the node forbids compiled code, which this module needs to ask Windows:"
                f" {forbidden} Allow it for the account that Ansible uses."
            )
        if result.get("failed") or "node" not in answer:
            return result
        try:
            verdict = judge(answer["node"], options["kubernetes_version"], options["containerd_version"])
        except NodeError as error:
            raise AnsibleActionFail(str(error)) from None  # Ansible repeats the text of a cause
        result.update(ready=verdict.ready, reasons=verdict.reasons)
        return result
