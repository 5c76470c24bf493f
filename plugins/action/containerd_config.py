# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Controller half of containerd_config: decide here, write through ansible.windows.win_copy only what differs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase

from ansible_collections.kubewin.hostprocess.plugins.module_utils.node import containerd_config
from ansible_collections.kubewin.hostprocess.plugins.module_utils.node.containerd_hosts import hosts_files
from ansible_collections.kubewin.hostprocess.plugins.module_utils.node.probed import holds_text
from ansible_collections.kubewin.hostprocess.plugins.module_utils.node.toml_secrets import without_secrets
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
    "registry_mirrors": {"type": "dict", "default": {}},
    "opt_path": {"type": "str", "default": ""},
    "pod_annotations": {"type": "list", "elements": "str", "default": []},
    "container_annotations": {"type": "list", "elements": "str", "default": []},
    "hyperv_handler": {"type": "bool", "default": False},
    "current": {"type": "dict"},
    "current_files": {"type": "dict", "default": {}},
}


class ActionModule(ActionBase):
    """Converge containerd's config.toml."""

    _supports_check_mode = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        super().run(tmp, task_vars)
        _validation, options = self.validate_argument_spec(argument_spec=ARGUMENT_SPEC)
        path, current = options.pop("path"), options.pop("current")
        mirrors, probed = options.pop("registry_mirrors"), {"files": options.pop("current_files")}
        if mirrors and not options["registry_config_path"]:
            raise AnsibleActionFail("registry_mirrors needs registry_config_path, the folder that they lie in.")
        file = _node_files.read(self, path, task_vars) if current is None else _node_files.known(current)
        try:
            merged = containerd_config.merge(file.text, sha256=file.sha256, **options)
            hosts = hosts_files(options["registry_config_path"], mirrors)
        except ValueError as exc:
            raise AnsibleActionFail(f"{path}: {exc}") from None  # Ansible repeats the text of a cause
        differing = {where: text for where, text in hosts.items() if not holds_text(probed, where, text)}
        files = {**({path: merged.text} if merged.changed else {}), **differing}
        written = bool(files) and self._write(files, task_vars, path if file.text else "")
        shown = [(path, merged.before, merged.text), *((where, "", text) for where, text in differing.items())]
        return {
            "changed": written,
            "config_changed": written and merged.changed,
            "path": path,
            "config_version": merged.config_version,
            "warnings": list(merged.warnings),
            "diff": [
                _node_files.difference(where, without_secrets(before), without_secrets(after))
                for where, before, after in shown
            ],
        }

    def _write(self, files: Mapping[str, str], task_vars: dict, replaced: str) -> bool:
        """Write everything, with one transfer for each drive."""
        drives: dict[str, dict[str, str]] = {}
        for path, text in files.items():
            drives.setdefault(path[:2].upper(), {})[path] = text
        written = [_node_files.write(self, together, task_vars, replaced) for together in drives.values()]
        return any(written)
