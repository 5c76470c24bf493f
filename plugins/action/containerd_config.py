# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Controller half of containerd_config: decide here, write through ansible.windows.win_copy only what differs."""

from __future__ import annotations

from typing import Any

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase

from ansible_collections.kubewin.hostprocess.plugins.module_utils.node import containerd_config
from ansible_collections.kubewin.hostprocess.plugins.plugin_utils import _node_files

ARGUMENT_SPEC = {
    "path": {"type": "str", "default": "C:\\Program Files\\containerd\\config.toml"},
    "containerd_version": {"type": "str", "required": True},
    "config_version": {"type": "int", "choices": [2, 3, 4]},
    "settings": {"type": "dict", "default": {}},
    "sandbox_image": {"type": "str", "default": ""},
    "cni_bin_directory": {"type": "str", "default": ""},
    "cni_conf_directory": {"type": "str", "default": ""},
    "registry_config_path": {"type": "str", "default": ""},
    "current": {"type": "dict"},
}


class ActionModule(ActionBase):
    """Converge containerd's config.toml."""

    _supports_check_mode = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        super().run(tmp, task_vars)
        _validation, options = self.validate_argument_spec(argument_spec=ARGUMENT_SPEC)
        path, current = options.pop("path"), options.pop("current")
        file = _node_files.read(self, path, task_vars) if current is None else _node_files.known(current)
        try:
            merged = containerd_config.merge(file.text, sha256=file.sha256, **options)
        except ValueError as exc:
            raise AnsibleActionFail(f"{path}: {exc}") from exc
        changed = merged.changed and _node_files.write(self, {path: merged.text}, task_vars)
        return {
            "changed": changed,
            "path": path,
            "config_version": merged.config_version,
            "warnings": list(merged.warnings),
            "diff": _node_files.difference(path, merged.before, merged.text),
        }
