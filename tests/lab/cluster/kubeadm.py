"""What `kubeadm init` leaves in a cluster for `kubeadm join`: its configuration, the kubelets', and who may read them.

Source: kubernetes.io, "Implementation details" of kubeadm; names as in Kubernetes' cmd/kubeadm (app/phases).
"""

from __future__ import annotations

from http import HTTPStatus

import yaml
from kubernetes import client
from kubernetes.client.exceptions import ApiException

from lab.cluster.bootstrap import NAMESPACE, TOKEN_GROUP

# The group of every address's owner; nodes read their configuration again when they are upgraded.
NODES = "system:nodes"
CONFIGURATION, KUBELETS = "kubeadm-config", "kubelet-config"


def initialize(api: client.ApiClient, version: str, endpoint: str, kubelets: dict) -> None:
    """Write both ConfigMaps, and the roles by which a node that joins may read them.

    Args:
        endpoint: host and port of the API server.
        kubelets: fields of every kubelet's configuration.
    """
    cluster = {
        "apiVersion": "kubeadm.k8s.io/v1beta4",
        "kind": "ClusterConfiguration",
        "kubernetesVersion": f"v{version}",
        "controlPlaneEndpoint": endpoint,
        "clusterName": "kubernetes",
    }
    kubelet = {"apiVersion": "kubelet.config.k8s.io/v1beta1", "kind": "KubeletConfiguration", **kubelets}
    _config_map(api, CONFIGURATION, "ClusterConfiguration", cluster)
    _config_map(api, KUBELETS, "kubelet", kubelet)
    _readable(api, "kubeadm:nodes-kubeadm-config", CONFIGURATION)
    _readable(api, "kubeadm:kubelet-config", KUBELETS)
    _nodes_are_seen(api)


def _config_map(api: client.ApiClient, name: str, key: str, content: dict) -> None:
    body = {"metadata": {"name": name}, "data": {key: yaml.safe_dump(content)}}
    _make(client.CoreV1Api(api).create_namespaced_config_map, NAMESPACE, body)


def _readable(api: client.ApiClient, role: str, name: str) -> None:
    rbac = client.RbacAuthorizationV1Api(api)
    rule = {"apiGroups": [""], "resources": ["configmaps"], "resourceNames": [name], "verbs": ["get"]}
    _make(rbac.create_namespaced_role, NAMESPACE, {"metadata": {"name": role}, "rules": [rule]})
    _make(rbac.create_namespaced_role_binding, NAMESPACE, _binding(role, "Role", [TOKEN_GROUP, NODES]))


def _nodes_are_seen(api: client.ApiClient) -> None:
    """Kubeadm asks whether a node of the name is there already."""
    rbac, role = client.RbacAuthorizationV1Api(api), "kubeadm:get-nodes"
    rule = {"apiGroups": [""], "resources": ["nodes"], "verbs": ["get"]}
    _make(rbac.create_cluster_role, {"metadata": {"name": role}, "rules": [rule]})
    _make(rbac.create_cluster_role_binding, _binding(role, "ClusterRole", [TOKEN_GROUP]))


def _binding(role: str, kind: str, groups: list[str]) -> dict:
    group = "rbac.authorization.k8s.io"
    return {
        "metadata": {"name": role},
        "roleRef": {"apiGroup": group, "kind": kind, "name": role},
        "subjects": [{"apiGroup": group, "kind": "Group", "name": name} for name in groups],
    }


def _make(create, *arguments) -> None:
    try:
        create(*arguments)
    except ApiException as error:
        if error.status != HTTPStatus.CONFLICT:
            raise
