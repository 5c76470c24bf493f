"""The inventory of a laboratory: what a user would write for nodes of their own, with the laboratory's values."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from lab.artifacts.server import ArtifactServer
from lab.cluster.certificates import write_private
from lab.cluster.cluster import ClusterInterface
from lab.network import machine_address
from lab.nodes import ADMINISTRATOR, Node

# How Ansible reaches the nodes. HTTP carries NTLM with message encryption only, as a node's AllowUnencrypted=false.
TRANSPORTS: dict[str, dict[str, Any]] = {
    "ntlm-https": {
        "ansible_connection": "winrm",
        "ansible_winrm_scheme": "https",
        "ansible_winrm_transport": "ntlm",
        "ansible_winrm_server_cert_validation": "validate",
    },
    "ntlm-http": {
        "ansible_connection": "winrm",
        "ansible_winrm_scheme": "http",
        "ansible_winrm_transport": "ntlm",
        "ansible_winrm_message_encryption": "always",
    },
    "basic-https": {
        "ansible_connection": "winrm",
        "ansible_winrm_scheme": "https",
        "ansible_winrm_transport": "basic",
        "ansible_winrm_server_cert_validation": "validate",
    },
    "psrp-https": {
        "ansible_connection": "psrp",
        "ansible_psrp_protocol": "https",
        "ansible_psrp_auth": "ntlm",
        "ansible_psrp_cert_validation": "validate",
    },
}
DEFAULT_TRANSPORT = "ntlm-https"

# A HostProcess workload with limits: what the demo deploys and checks.
NAMESPACE = "node-agents"
IMAGE = "registry.example/hostprocess/agent:1.0"


def _container(name: str, limits: dict[str, str]) -> dict[str, Any]:
    command = ["cmd.exe", "/c", f"echo {name} on %COMPUTERNAME% & ping -n 86400 127.0.0.1"]
    return {"name": name, "image": IMAGE, "command": command, "resources": {"limits": limits}}


WORKLOADS: list[dict[str, Any]] = [
    {
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": {"name": NAMESPACE, "labels": {"pod-security.kubernetes.io/enforce": "privileged"}},
    },
    {
        "apiVersion": "apps/v1",
        "kind": "DaemonSet",
        "metadata": {"name": "agent", "namespace": NAMESPACE, "labels": {"app": "agent"}},
        "spec": {
            "selector": {"matchLabels": {"app": "agent"}},
            "template": {
                "metadata": {"labels": {"app": "agent"}},
                "spec": {
                    "hostNetwork": True,
                    "os": {"name": "windows"},
                    "nodeSelector": {"kubernetes.io/os": "windows"},
                    "automountServiceAccountToken": False,
                    "enableServiceLinks": False,
                    "terminationGracePeriodSeconds": 2,
                    "securityContext": {
                        "windowsOptions": {"hostProcess": True, "runAsUserName": "NT AUTHORITY\\SYSTEM"}
                    },
                    "containers": [
                        _container("collector", {"cpu": "500m", "memory": "200Mi"}),
                        _container("exporter", {"cpu": "250m", "memory": "64Mi"}),
                    ],
                },
            },
        },
    },
]


class _Dumper(yaml.SafeDumper):
    """Writes texts of several lines (certificates) as they are, and repeats instead of referring."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


_Dumper.add_representer(str, _text)


# What is true of every lab node, and not a fault of whoever prepared it (FIDELITY.md).
ACCEPTED = {
    "NRD006": "The lab's nodes have no bind filter, so hcsshim takes its fallback.",
    "HPJ023": "Wine knows no silos and refuses to say whether a job is one.",
}


@dataclass(frozen=True)
class Access:
    """How the nodes are logged on to."""

    password: str
    ca_file: Path
    transport: str = DEFAULT_TRANSPORT

    def variables(self) -> dict[str, Any]:
        row = TRANSPORTS[self.transport]
        trust = f"ansible_{row['ansible_connection']}_{'ca_cert' if 'psrp' in self.transport else 'ca_trust_path'}"
        https = self.transport.endswith("https")
        return {
            **row,
            **({trust: str(self.ca_file)} if https else {}),
            "ansible_user": ADMINISTRATOR,
            "ansible_password": self.password,
        }

    def port(self, node: Node) -> int:
        return node.winrm.https_port if self.transport.endswith("https") else node.winrm.http_port


def _containerd(artifacts: ArtifactServer, version: str) -> dict[str, Any]:
    return {
        "windows_node_features": ["Containers"],
        "containerd_version": version,
        "containerd_url": artifacts.containerd_url(version),
        "containerd_sha256": artifacts.containerd_sha256(version),
    }


def _kubelet(artifacts: ArtifactServer, cluster: ClusterInterface, version: str) -> dict[str, Any]:
    return {
        "kubelet_version": version,
        "kubelet_url": artifacts.kubelet_url(version),
        "kubelet_sha256": artifacts.kubelet_sha256(version),
        "kubelet_api_server": cluster.api_url,
        "kubelet_cluster_ca": cluster.ca_pem,
        "kubelet_bootstrap_token": cluster.bootstrap_token(),
        "kubelet_node_ip": machine_address(),
    }


def _host(node: Node, access: Access) -> dict[str, Any]:
    # Every node reports the machine's own address, so ports differ and the kubelet binds the node's loopback address.
    listening = {
        "address": node.address,
        "port": node.kubelet_port,
        "healthzBindAddress": node.address,
        "healthzPort": node.health_port,
    }
    return {
        "ansible_host": node.address,
        "ansible_port": access.port(node),
        "kubelet_hostname_override": node.name.lower(),
        "kubelet_configuration": listening,
    }


def write_inventory(
    path: Path,
    nodes: Iterable[Node],
    access: Access,
    *,
    artifacts: ArtifactServer,
    cluster: ClusterInterface | None,
    containerd: str,
    kubernetes: str,
    clock: float = 1.0,
) -> Path:
    """A YAML inventory with the group ``windows``; it holds secrets, so only its owner may read it."""
    windows = access.variables() | _containerd(artifacts, containerd)
    if cluster:
        windows |= _kubelet(artifacts, cluster, kubernetes)
    # Plays on localhost need these as well, so they stand beside the group.
    shared: dict[str, Any] = {
        "check_accepted_findings": ACCEPTED,
        "lab_clock": clock,
        "lab_containerd_releases": {
            version: {"url": artifacts.containerd_url(version), "sha256": artifacts.containerd_sha256(version)}
            for version in sorted({containerd, *artifacts.containerd_versions()})
        },
    }
    if cluster:
        shared |= {"kubewin_kubeconfig": str(cluster.kubeconfig), "workload_definitions": WORKLOADS}
    hosts = {node.name: _host(node, access) for node in nodes}
    content = {"all": {"vars": shared, "children": {"windows": {"hosts": hosts, "vars": windows}}}}
    return write_private(path, yaml.dump(content, Dumper=_Dumper, sort_keys=False, allow_unicode=True))
