# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What containerd needs on a node, decided from one probe and the role's variables."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ansible_collections.kubewin.hostprocess.plugins.module_utils.node import containerd_config
from ansible_collections.kubewin.hostprocess.plugins.module_utils.node.errors import PlanError
from ansible_collections.kubewin.hostprocess.plugins.module_utils.node.probed import (
    file_exists,
    is_here,
    is_running,
    on_path,
)
from ansible_collections.kubewin.hostprocess.plugins.module_utils.node.release import (
    full_version,
    is_version,
    require_sha256,
)
from ansible_collections.kubewin.hostprocess.plugins.module_utils.node.service_plan import (
    service_differs,
    service_wanted,
)


def containerd_plan(
    node: Mapping,
    version: str | float,
    sha256: str,
    directory: str,
    log_file: str,
    config_path: str,
    settings: Mapping | None = None,
    arguments: Iterable[str] = (),
    dependencies: Iterable[str] = (),
    add_to_path: bool = True,
    **wishes: Any,
) -> dict:
    """Return what containerd needs: ``install``, ``stop``, ``service``, ``service_differs``, ``add_to_path`` ...

    An archive that is still in the staging folder is the mark of an installation that was cut off: it is done again.
    Settings and wishes are those of containerd_config; what it would refuse is refused here, before anything stops.
    """
    wanted = full_version(version)
    found = node["containerd"]
    config = found["config"]
    containerd_config.merge(config["content"], settings or {}, wanted, sha256=config["sha256"], **wishes)
    executable = f"{directory}\\containerd.exe"
    staging = f"{directory}\\.staging"
    archive = f"{staging}\\containerd.tar.gz"
    install = not is_here(found, executable) or not is_version(found["version"], wanted) or file_exists(node, archive)
    if install:
        require_sha256(sha256, "containerd_sha256", f"containerd {wanted}")
        _refuse_running_shims(node, wanted)
    command = [executable, "--run-service", "--service-name", "containerd", "--config", config_path]
    service = service_wanted("containerd", [*command, "--log-file", log_file, *arguments], dependencies)
    return {
        "version": wanted,
        "install": install,
        "staging": staging,
        "archive": archive,
        "running": is_running(node, "containerd"),
        "stop": [name for name in ("kubelet", "containerd") if install and is_running(node, name)],
        "service": service,
        "service_differs": service_differs(node, service),
        "add_to_path": add_to_path and not on_path(node, directory),
    }


def _refuse_running_shims(node: Mapping, wanted: str) -> None:
    """Windows replaces no program that runs: shims of running pods must end before their file can be swapped."""
    shims = [shim["pid"] for shim in node["containerd"].get("shim_processes") or []]
    if shims:
        raise PlanError(
            f"{node['computer_name']}: {len(shims)} shim processes still run pods from the file that containerd"
            f" {wanted} would replace (process {', '.join(map(str, shims))}). Drain the node and end its pods first."
        )
