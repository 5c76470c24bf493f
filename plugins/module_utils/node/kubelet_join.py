# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a node joins its cluster with: a bootstrap kubeconfig for the kubelet, or a JoinConfiguration for kubeadm.

* ``join_plan(node, wishes, fields) -> Join``    files for either, and what kubeadm has to do

``files`` are what kubelet_config takes: path, content, sha256 of what is there. They hold the token.
"""

from __future__ import annotations

import base64
import subprocess
from collections.abc import Mapping
from typing import NamedTuple

from ansible_collections.kubewin.hostprocess.plugins.module_utils.node import kubelet_config
from ansible_collections.kubewin.hostprocess.plugins.module_utils.node.errors import PlanError
from ansible_collections.kubewin.hostprocess.plugins.module_utils.node.kubelet_settings import registered_taints
from ansible_collections.kubewin.hostprocess.plugins.module_utils.node.kubelet_wishes import KubeletWishes
from ansible_collections.kubewin.hostprocess.plugins.module_utils.node.probed import (
    is_running,
    on_path,
    sha256_of,
)
from ansible_collections.kubewin.hostprocess.plugins.module_utils.node.release import require_sha256
from ansible_collections.kubewin.hostprocess.plugins.module_utils.support import versions

# What kubeadm reads and writes on Windows, with the drive that it is run on (its cmd/kubeadm, app/constants).
KUBEADM_FOLDER = "C:\\etc\\kubernetes"
_KUBEADM_SINCE = "1.29"  # the oldest that was read and tried
_V1BETA4_SINCE = "1.31"  # v1beta3 is gone in 1.37
# Left by a join that failed; kubeadm refuses to begin while they are there.
_LEFT_BEHIND = (
    "FileAvailable--etc-kubernetes-bootstrap-kubelet.conf",
    "FileAvailable--etc-kubernetes-pki-ca.crt",
)


class Join(NamedTuple):
    """How a node joins: what is written before, and what kubeadm does; empty where it doesn't."""

    files: list[dict]
    kubeadm: dict


def join_plan(node: Mapping, wishes: KubeletWishes, fields: Mapping) -> Join:
    """Return what a node that has not joined needs for it, and the authority for one that has.

    Args:
        fields: those of KubeletConfiguration that a role wants over the cluster's; a patch for kubeadm.

    Raises:
        PlanError: something is missing, or kubeadm can't do it with this version.
    """
    if wishes.join == "bootstrap_token":
        return Join(_bootstrap_files(node["kubelet"], wishes), {})
    if wishes.join != "kubeadm":
        raise PlanError(f"kubelet_join is {wishes.join!r}: write bootstrap_token or kubeadm.")
    if node["kubelet"]["kubeconfig_exists"]:
        return Join([], {})
    kubeadm = _kubeadm_plan(node, wishes, fields)
    return Join(kubeadm["files"], kubeadm)


def _bootstrap_files(found: Mapping, wishes: KubeletWishes) -> list[dict]:
    """Return the cluster's authority and, while the node has not joined, the kubeconfig to join with."""
    files, ca_path = [], wishes.certificate_authority_path
    if wishes.cluster_ca:
        content = _authority(wishes.cluster_ca)
        files.append({"path": ca_path, "content": content, "sha256": found.get("certificate_authority_sha256") or ""})
    elif not found["certificate_authority_exists"]:
        raise PlanError(
            "kubelet_cluster_ca is empty: give the PEM text of the cluster's CA certificate"
            " (certificate-authority-data of a kubeconfig, decoded)."
        )
    if not found["kubeconfig_exists"]:
        _require_join(wishes.api_server, wishes.bootstrap_token)
        content = kubelet_config.bootstrap_kubeconfig(wishes.api_server, ca_path, wishes.bootstrap_token)
        there = found.get("bootstrap_kubeconfig_sha256") or ""
        files.append({"path": wishes.bootstrap_kubeconfig_path, "content": content, "sha256": there})
    return files


def _kubeadm_plan(node: Mapping, wishes: KubeletWishes, fields: Mapping) -> dict:
    """Return ``{download_to, path, files, command, folder}``; the folder is removed after the join."""
    require_sha256(wishes.kubeadm_sha256, "kubelet_kubeadm_sha256", f"kubeadm {wishes.release}")
    if not versions.at_least(versions.kubernetes(wishes.release), _KUBEADM_SINCE):
        raise PlanError(
            f"kubelet_join: kubeadm works with Kubernetes {_KUBEADM_SINCE} and later; older ones were not tried."
            " Use bootstrap_token."
        )
    _require_join(wishes.api_server, wishes.bootstrap_token)
    if not wishes.cluster_ca:
        raise PlanError("kubelet_cluster_ca is empty: kubeadm finds the cluster by it. Give its PEM text.")
    kubelet_config.require_token(wishes.bootstrap_token)
    program, folder = f"{wishes.directory}\\kubeadm.exe", wishes.kubeadm_directory
    gates = {"featureGates": wishes.feature_gates} if wishes.feature_gates else {}
    contents = {
        "join.yaml": _join_configuration(wishes, is_running(node, "kubelet")),
        "discovery.conf": _discovery(wishes.api_server, wishes.cluster_ca),
        "patches\\kubeletconfiguration+merge.yaml": {**kubelet_config.WITHOUT_CGROUPS, **fields, **gates},
    }
    command = [program, "join", "--config", f"{folder}\\join.yaml"]
    files = [
        {"path": f"{folder}\\{name}", "content": kubelet_config.dump(content), "sha256": ""}
        for name, content in contents.items()
    ]
    there = sha256_of(node, program) == wishes.kubeadm_sha256.lower()
    return {
        "download_to": "" if there else program,
        "path": not on_path(node, wishes.directory),
        "files": files,
        "command": subprocess.list2cmdline(command),
        "folder": folder,
    }


def _join_configuration(wishes: KubeletWishes, kubelet_runs: bool) -> dict:
    dialect = "v1beta4" if versions.at_least(versions.kubernetes(wishes.release), _V1BETA4_SINCE) else "v1beta3"
    folder = wishes.kubeadm_directory
    node: dict = {"criSocket": wishes.runtime_endpoint, "taints": registered_taints(wishes)}
    if wishes.hostname_override:
        node["name"] = wishes.hostname_override
    # The port is taken by a kubelet that runs already, which kubeadm stops.
    ignored = {*_LEFT_BEHIND, *wishes.kubeadm_ignored_checks, *["Port-10250"] * kubelet_runs}
    node["ignorePreflightErrors"] = sorted(ignored)
    return {
        "apiVersion": f"kubeadm.k8s.io/{dialect}",
        "kind": "JoinConfiguration",
        "caCertPath": f"{KUBEADM_FOLDER}\\pki\\ca.crt",
        "discovery": {
            "file": {"kubeConfigPath": _without_drive(f"{folder}\\discovery.conf")},
            "tlsBootstrapToken": wishes.bootstrap_token,
        },
        "nodeRegistration": node,
        "patches": {"directory": f"{folder}\\patches"},
    }


def _without_drive(path: str) -> str:
    """Kubeadm takes a drive for a URL: "if a URL is used, the scheme must be https" (seen with 1.36.3)."""
    return path[2:]


def _discovery(api_server: str, cluster_ca: str) -> dict:
    """A kubeconfig as kubeadm's own cluster-info: where the cluster is and whom to trust, and nobody to log in."""
    authority = base64.b64encode(_authority(cluster_ca).encode()).decode()
    cluster = {"server": str(api_server), "certificate-authority-data": authority}
    return {"apiVersion": "v1", "kind": "Config", "clusters": [{"name": "", "cluster": cluster}], "users": []}


def _authority(cluster_ca: str) -> str:
    if "-----BEGIN CERTIFICATE-----" not in cluster_ca:
        raise PlanError("kubelet_cluster_ca is not the PEM text of a certificate.")
    return cluster_ca.strip() + "\n"


def _require_join(api_server: str, token: str) -> None:
    if not token:
        raise PlanError(
            "kubelet_bootstrap_token is not set, and this node has no kubeconfig yet: it can't join the cluster."
            " Make a token: kubeadm token create."
        )
    if not str(api_server).startswith("https://"):
        raise PlanError(
            f"kubelet_api_server is {api_server!r}: give the API server's URL as the node reaches it,"
            " such as https://api.example.com:6443."
        )
