"""What lets kubelets join: a bootstrap token and the bindings of `kubeadm init`, under kubeadm's own names.

Source: kubernetes.io, "TLS bootstrapping" and "Authenticating with Bootstrap Tokens".
"""

from __future__ import annotations

import datetime
import secrets
import string
from dataclasses import dataclass
from http import HTTPStatus

from kubernetes import client
from kubernetes.client.exceptions import ApiException

TOKEN_GROUP = "system:bootstrappers:kubeadm:default-node-token"
TOKEN_LIFETIME = datetime.timedelta(hours=24)
NAMESPACE = "kube-system"


@dataclass(frozen=True)
class Binding:
    """A cluster role and who has it."""

    name: str
    role: str
    subject: str
    kind: str = "Group"


JOINING = (
    Binding("kubeadm:kubelet-bootstrap", "system:node-bootstrapper", TOKEN_GROUP),
    Binding(
        "kubeadm:node-autoapprove-bootstrap",
        "system:certificates.k8s.io:certificatesigningrequests:nodeclient",
        TOKEN_GROUP,
    ),
    Binding(
        "kubeadm:node-autoapprove-certificate-rotation",
        "system:certificates.k8s.io:certificatesigningrequests:selfnodeclient",
        "system:nodes",
    ),
)
# What the API server's own client needs at kubelets (logs, exec). kubeadm makes it a cluster administrator instead.
REACHING_KUBELETS = (
    Binding("kubewin-lab:kubelet-api", "system:kubelet-api-admin", "kube-apiserver-kubelet-client", "User"),
)


def create_administrator(api: client.ApiClient, name: str) -> str:
    """A service account that may do everything; returns a token of its, good for a day."""
    core = client.CoreV1Api(api)
    core.create_namespaced_service_account(NAMESPACE, {"metadata": {"name": name}})
    bind(api, (Binding(name, "cluster-admin", name, "ServiceAccount"),))
    request = {"spec": {"expirationSeconds": int(TOKEN_LIFETIME.total_seconds())}}
    return core.create_namespaced_service_account_token(name, NAMESPACE, request).status.token


def delete_administrator(api: client.ApiClient, name: str) -> None:
    client.RbacAuthorizationV1Api(api).delete_cluster_role_binding(name)
    client.CoreV1Api(api).delete_namespaced_service_account(name, NAMESPACE)


def bind(api: client.ApiClient, bindings: tuple[Binding, ...]) -> None:
    """Make ClusterRoleBindings; those that exist stay as they are."""
    rbac = client.RbacAuthorizationV1Api(api)
    group = "rbac.authorization.k8s.io"
    for row in bindings:
        binding = client.V1ClusterRoleBinding(
            metadata=client.V1ObjectMeta(name=row.name),
            role_ref=client.V1RoleRef(api_group=group, kind="ClusterRole", name=row.role),
            subjects=[_subject(row, group)],
        )
        try:
            rbac.create_cluster_role_binding(binding)
        except ApiException as error:
            if error.status != HTTPStatus.CONFLICT:
                raise


def _subject(row: Binding, group: str) -> client.RbacV1Subject:
    if row.kind == "ServiceAccount":
        return client.RbacV1Subject(kind=row.kind, name=row.subject, namespace=NAMESPACE)
    return client.RbacV1Subject(api_group=group, kind=row.kind, name=row.subject)


def create_token(api: client.ApiClient) -> str:
    """A new bootstrap token, ``<id>.<secret>``, good for a day."""
    alphabet = string.ascii_lowercase + string.digits
    identifier, secret = ("".join(secrets.choice(alphabet) for _ in range(length)) for length in (6, 16))
    expiration = datetime.datetime.now(datetime.UTC) + TOKEN_LIFETIME
    client.CoreV1Api(api).create_namespaced_secret(
        NAMESPACE,
        client.V1Secret(
            metadata=client.V1ObjectMeta(name=f"bootstrap-token-{identifier}"),
            type="bootstrap.kubernetes.io/token",
            string_data={
                "token-id": identifier,
                "token-secret": secret,
                "expiration": expiration.strftime("%Y-%m-%dT%H:%M:%SZ"),
                "usage-bootstrap-authentication": "true",
                "usage-bootstrap-signing": "true",
                "auth-extra-groups": TOKEN_GROUP,
            },
        ),
    )
    return f"{identifier}.{secret}"


def delete_token(api: client.ApiClient, token: str) -> None:
    client.CoreV1Api(api).delete_namespaced_secret(f"bootstrap-token-{token.split('.')[0]}", NAMESPACE)
