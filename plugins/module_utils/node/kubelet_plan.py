# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the kubelet needs on a node, decided from one probe and the role's variables.

Its parts: kubelet_settings (fields of its configuration), kubelet_command (its flags), kubelet_join (how it joins).
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from typing import Any

from ansible_collections.kubewin.hostprocess.plugins.module_utils.node import kubelet_config, kubelet_flags, text_hash
from ansible_collections.kubewin.hostprocess.plugins.module_utils.node.errors import PlanError
from ansible_collections.kubewin.hostprocess.plugins.module_utils.node.firewall_plan import kubelet_rule
from ansible_collections.kubewin.hostprocess.plugins.module_utils.node.kubelet_command import kubelet_command
from ansible_collections.kubewin.hostprocess.plugins.module_utils.node.kubelet_join import join_plan
from ansible_collections.kubewin.hostprocess.plugins.module_utils.node.kubelet_labels import require_node_labels
from ansible_collections.kubewin.hostprocess.plugins.module_utils.node.kubelet_nssm import nssm_plan
from ansible_collections.kubewin.hostprocess.plugins.module_utils.node.kubelet_settings import wanted_fields
from ansible_collections.kubewin.hostprocess.plugins.module_utils.node.kubelet_wishes import KubeletWishes
from ansible_collections.kubewin.hostprocess.plugins.module_utils.node.log_runner import log_runner_plan
from ansible_collections.kubewin.hostprocess.plugins.module_utils.node.node_name import (
    refuse_new_name,
    require_node_name,
)
from ansible_collections.kubewin.hostprocess.plugins.module_utils.node.probed import (
    file_exists,
    is_here,
    is_running,
    service_of,
    sha256_of,
)
from ansible_collections.kubewin.hostprocess.plugins.module_utils.node.release import (
    is_version,
    require_sha256,
)
from ansible_collections.kubewin.hostprocess.plugins.module_utils.node.service_plan import (
    service_differs,
    service_wanted,
)
from ansible_collections.kubewin.hostprocess.plugins.module_utils.support import versions


def kubelet_plan(node: Mapping, **variables: Any) -> dict:
    """Return what the kubelet needs: ``install``, ``configuration``, ``files``, ``service``, ``joined`` ...

    ``log_runner`` is where that program is to be put, empty where it is right; ``swap`` is what takes the place of a
    program that runs, once the service is stopped, and ``before`` what is put back when that fails; ``changes`` tells
    whether a run would do anything. ``files`` holds the bootstrap token while the node has not joined. What the kubelet
    would refuse is refused here, before anything stops.

    Args:
        variables: those of KubeletWishes.
    """
    wishes = KubeletWishes(**variables)
    release = wishes.release
    found, running = node["kubelet"], is_running(node, "kubelet")
    install = _has_to_be_installed(found, wishes)
    from_kubeadm = kubelet_flags.kubeadm_flags((found.get("kubeadm_flags") or {}).get("content"))
    require_node_name(wishes.hostname_override, node["computer_name"])
    refuse_new_name(node, wishes.hostname_override, from_kubeadm)
    require_node_labels(wishes.node_labels)
    fields, current = wanted_fields(wishes), found["config"]
    judged = kubelet_config.merge(
        current["content"], fields, wishes.feature_gates or {}, release, sha256=current["sha256"]
    )
    command = kubelet_command(wishes, from_kubeadm)
    runner = _log_runner(wishes)
    service = service_wanted("kubelet", [*runner["command"], *command.words], ["containerd"])
    wrapped = nssm_plan(node, service["path"])
    joining = join_plan(node, wishes, fields)
    folders = {wishes.directory: install, wishes.log_directory: bool(runner["program"])}
    log_runner = runner["program"] if sha256_of(node, runner["program"]) != wishes.log_runner_sha256.lower() else ""
    # Windows replaces no program that runs: it is put beside it, and takes its place once the service is stopped.
    replaced = [path for path, due in ((wishes.executable, install), (log_runner, bool(log_runner))) if due and running]
    kept = [path for path in replaced if file_exists(node, path) or is_here(found, path)]
    differs = service_differs(node, service) or bool(wrapped["registry_key"])
    firewall = kubelet_rule(node, fields.get("port")) if wishes.firewall_rule else {"differs": False}
    return {
        "version": release,
        "install": install,
        "executable": wishes.executable,
        "download_to": f"{wishes.executable}.new" if running else wishes.executable,
        "swap": [{"from": f"{path}.new", "to": path} for path in replaced],
        "before": _before(node, kept),
        "leftovers": [*(f"{path}.new" for path in replaced), *(f"{path}.old" for path in kept)],
        "running": running,
        "joined": bool(found["kubeconfig_exists"]),
        "kubeadm": joining.kubeadm,
        "folders": [path for path, needed in folders.items() if needed and not file_exists(node, path)],
        "log_runner": f"{log_runner}.new" if log_runner in replaced else log_runner,
        "configuration": fields,
        "warnings": [*judged.warnings, *command.warnings, *runner["warnings"], *wrapped["warnings"]],
        "files": joining.files,
        "service": service,
        "service_differs": differs,
        "nssm_registry_key": wrapped["registry_key"],
        "firewall": firewall,
        "changes": bool(install or log_runner or differs or judged.changed or joining.kubeadm or firewall["differs"])
        or any(map(text_hash.differs, joining.files)),
    }


def _has_to_be_installed(found: Mapping, wishes: KubeletWishes) -> bool:
    right = found["sha256"] == wishes.sha256.lower() if wishes.sha256 else is_version(found["version"], wishes.release)
    if is_here(found, wishes.executable) and right:
        if _is_another_version(found["version"], wishes.release):
            raise PlanError(
                f"kubelet_sha256 is the checksum of {wishes.executable} as it is, and that says it is kubelet"
                f" {found['version']}, not {wishes.release}. Set kubelet_sha256 to the checksum of {wishes.release},"
                " which is published beside the file, or kubelet_version to what runs."
            )
        return False
    require_sha256(wishes.sha256, "kubelet_sha256", f"kubelet {wishes.release}")
    return True


def _before(node: Mapping, programs: list[str]) -> dict:
    """Return what runs now: what has to be put back when a new kubelet can't be taken into use."""
    service, found = service_of(node, "kubelet") or {}, node["kubelet"]
    return {
        "version": found["version"] or "",
        "command_line": service.get("command_line") or "",
        "dependencies": list(service.get("dependencies") or []),
        "config": {key: found["config"][key] for key in ("exists", "content")},
        "programs": programs,
    }


def _is_another_version(found: str | None, wanted: str) -> bool:
    """Tell whether a program says it is another version; one that says nothing or something else does not."""
    with contextlib.suppress(ValueError):
        return versions.parse(found or "") != versions.parse(wanted)
    return False


def _log_runner(wishes: KubeletWishes) -> dict:
    return log_runner_plan(
        wishes.directory,
        wishes.log_directory,
        wishes.log_runner_sha256,
        wishes.log_runner_version or wishes.release,
        wishes.log_file_size,
        wishes.log_file_age,
    )
