# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a node joins its cluster with: a bootstrap kubeconfig for the kubelet, or a JoinConfiguration for kubeadm.

* ``bootstrap_files(found, ...)``    files for a kubelet that joins by itself, with a bootstrap token
* ``kubeadm_plan(found, ...)``       files and command for ``kubeadm join``

``files`` are what kubelet_config takes: path, content, sha256 of what is there. They hold the token.
"""

from __future__ import annotations

import base64
import subprocess
from collections.abc import Iterable, Mapping

from ansible_collections.kubewin.hostprocess.plugins.module_utils.node import kubelet_config
from ansible_collections.kubewin.hostprocess.plugins.module_utils.node.errors import PlanError
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


def bootstrap_files(
    found: Mapping, ca_path: str, cluster_ca: str, bootstrap_path: str, api_server: str, token: str
) -> list[dict]:
    """Return the cluster's authority and, while the node has not joined, the kubeconfig to join with."""
    files = []
    if cluster_ca:
        content = _authority(cluster_ca)
        files.append({"path": ca_path, "content": content, "sha256": found.get("certificate_authority_sha256") or ""})
    elif not found["certificate_authority_exists"]:
        raise PlanError(
            "kubelet_cluster_ca is empty: give the PEM text of the cluster's CA certificate"
            " (certificate-authority-data of a kubeconfig, decoded)."
        )
    if not found["kubeconfig_exists"]:
        _require_join(api_server, token)
        content = kubelet_config.bootstrap_kubeconfig(api_server, ca_path, token)
        files.append(
            {"path": bootstrap_path, "content": content, "sha256": found.get("bootstrap_kubeconfig_sha256") or ""}
        )
    return files


def kubeadm_plan(
    found: Mapping,
    directory: str,
    folder: str,
    version: str,
    api_server: str,
    cluster_ca: str,
    token: str,
    name: str,
    runtime_endpoint: str,
    configuration: Mapping,
    taints: Iterable[Mapping],
    ignored_checks: Iterable[str],
) -> dict:
    """Return ``{files, command, folder}`` for a node that has not joined.

    Args:
        directory: where kubeadm.exe lies.
        folder: where its files are put; it holds the token and is removed afterwards.
        configuration: the fields of KubeletConfiguration that a role wants over the cluster's, as a patch for kubeadm.
    """
    if not versions.at_least(versions.kubernetes(version), _KUBEADM_SINCE):
        raise PlanError(
            f"kubelet_join: kubeadm works with Kubernetes {_KUBEADM_SINCE} and later; older ones were not tried."
            " Use bootstrap_token."
        )
    _require_join(api_server, token)
    if not cluster_ca:
        raise PlanError("kubelet_cluster_ca is empty: kubeadm finds the cluster by it. Give its PEM text.")
    kubelet_config.require_token(token)
    join = _join_configuration(folder, version, token, name, runtime_endpoint, list(taints), ignored_checks)
    contents = {
        "join.yaml": join,
        "discovery.conf": _discovery(api_server, cluster_ca),
        "patches\\kubeletconfiguration+merge.yaml": dict(configuration),
    }
    command = [f"{directory}\\kubeadm.exe", "join", "--config", f"{folder}\\join.yaml"]
    files = [
        {"path": f"{folder}\\{name}", "content": kubelet_config.dump(content), "sha256": ""}
        for name, content in contents.items()
    ]
    return {"files": files, "command": subprocess.list2cmdline(command), "folder": folder}


def _join_configuration(
    folder: str,
    version: str,
    token: str,
    name: str,
    endpoint: str,
    taints: list[Mapping],
    ignored_checks: Iterable[str],
) -> dict:
    dialect = "v1beta4" if versions.at_least(versions.kubernetes(version), _V1BETA4_SINCE) else "v1beta3"
    node: dict = {"criSocket": endpoint, "taints": [dict(taint) for taint in taints]}
    if name:
        node["name"] = name
    node["ignorePreflightErrors"] = sorted({*_LEFT_BEHIND, *ignored_checks})
    return {
        "apiVersion": f"kubeadm.k8s.io/{dialect}",
        "kind": "JoinConfiguration",
        "caCertPath": f"{KUBEADM_FOLDER}\\pki\\ca.crt",
        "discovery": {
            "file": {"kubeConfigPath": _without_drive(f"{folder}\\discovery.conf")},
            "tlsBootstrapToken": token,
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
