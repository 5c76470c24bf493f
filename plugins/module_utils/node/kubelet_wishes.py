# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the role kubelet is told: its variables without their first word. The role's README describes them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from ansible_collections.kubewin.hostprocess.plugins.module_utils.node.release import full_version

_PATHS = (
    "directory",
    "config_path",
    "kubeconfig_path",
    "bootstrap_kubeconfig_path",
    "certificate_authority_path",
    "certificate_directory",
    "kubeadm_directory",
    "log_directory",
)


def _clean(path: str) -> str:
    """Return a path with one backslash between its parts and none behind them: paths are compared, and joined."""
    return path[:2] + re.sub(r"\\+", r"\\", path[2:]).rstrip("\\")


@dataclass(frozen=True, kw_only=True)
class KubeletWishes:
    """The variables, with the defaults of the filter kubelet_plan; an unknown one is a TypeError that names it."""

    version: str | float
    sha256: str
    directory: str
    config_path: str
    kubeconfig_path: str
    bootstrap_kubeconfig_path: str
    certificate_authority_path: str
    certificate_directory: str
    api_server: str = ""
    bootstrap_token: str = field(default="", repr=False)
    cluster_ca: str = ""
    join: str = "bootstrap_token"
    kubeadm_sha256: str = ""
    kubeadm_directory: str = ""
    kubeadm_ignored_checks: Iterable[str] = ()
    runtime_endpoint: str = "npipe:////./pipe/containerd-containerd"
    configuration: Mapping | None = None
    base_configuration: Mapping | None = None
    feature_gates: Mapping | None = None
    shutdown_grace_period: str = ""
    shutdown_grace_period_critical_pods: str = ""
    taints: Iterable[str] = ()
    hostname_override: str = ""
    node_ip: str = ""
    node_labels: Mapping | None = None
    priority_class: str = ""
    arguments: Iterable[str] = ()
    log_runner_sha256: str = ""
    log_runner_version: str | float = ""
    log_directory: str = ""
    log_file_size: str = ""
    log_file_age: str = ""
    firewall_rule: bool = False

    def __post_init__(self) -> None:
        for name in _PATHS:
            object.__setattr__(self, name, _clean(getattr(self, name)))

    @property
    def release(self) -> str:
        """The version with all three numbers and no v.

        Raises:
            PlanError: it is none.
        """
        return full_version(self.version)

    @property
    def executable(self) -> str:
        return f"{self.directory}\\kubelet.exe"
