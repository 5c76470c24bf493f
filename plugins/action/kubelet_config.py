# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Controller half of kubelet_config: judge first, then write everything that differs in one transfer."""

from __future__ import annotations

from typing import Any

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase

from ansible_collections.kubewin.hostprocess.plugins.module_utils.node import kubelet_config, text_hash
from ansible_collections.kubewin.hostprocess.plugins.plugin_utils import _node_files

ARGUMENT_SPEC = {
    "path": {"type": "str", "default": "C:\\var\\lib\\kubelet\\config.yaml"},
    "kubernetes_version": {"type": "str", "required": True},
    "configuration": {"type": "dict", "default": {}},
    "feature_gates": {"type": "dict", "default": {}},
    "current": {"type": "dict"},
    "files": {
        "type": "list",
        "elements": "dict",
        "default": [],
        "options": {
            "path": {"type": "str", "required": True},
            "content": {"type": "str", "required": True, "no_log": True},
            "sha256": {"type": "str"},
        },
    },
}


class ActionModule(ActionBase):
    """Converge the KubeletConfiguration and the files beside it."""

    _supports_check_mode = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        super().run(tmp, task_vars)
        _validation, options = self.validate_argument_spec(argument_spec=ARGUMENT_SPEC)
        path, current = options["path"], options["current"]
        file = _node_files.read(self, path, task_vars) if current is None else _node_files.known(current)
        try:
            merged = kubelet_config.merge(
                file.text,
                options["configuration"],
                options["feature_gates"],
                options["kubernetes_version"],
                sha256=file.sha256,
            )
        except ValueError as exc:
            raise AnsibleActionFail(f"{path}: {exc}") from None  # Ansible repeats the text of a cause
        writes = {path: merged.text} if merged.changed else {}
        writes.update({file["path"]: file["content"] for file in options["files"] if text_hash.differs(file)})
        changed = bool(writes) and _node_files.write(self, writes, task_vars, path if file.text else "")
        return {
            "changed": changed,
            "path": path,
            "written": sorted(writes),
            "warnings": list(merged.warnings),
            "diff": _node_files.difference(path, merged.before, merged.text),
        }
