# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A workload's service account, and the permissions that it gets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

_GROUP = "rbac.authorization.k8s.io"


def build_service_account(name: str, namespace: str) -> dict:
    return {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": name, "namespace": namespace}}


def build_permissions(options: Mapping) -> list[dict]:
    """Each set of rules as a role with its binding to the service account, the role first.

    Args:
        options: the workload module's options name, namespace, service_account, role_rules and cluster_role_rules.
    """
    name, namespace = options["name"], options["namespace"]
    subject = {"kind": "ServiceAccount", "name": options.get("service_account"), "namespace": namespace}
    # A cluster role has no namespace to tell two workloads of one name apart; a colon is in no namespace's name.
    wanted = (
        ("Role", {"name": name, "namespace": namespace}, options.get("role_rules")),
        ("ClusterRole", {"name": f"{namespace}:{name}"}, options.get("cluster_role_rules")),
    )
    return [
        manifest
        for kind, metadata, rules in wanted
        if rules
        for manifest in _role_and_binding(kind, metadata, rules, subject)
    ]


def _role_and_binding(kind: str, metadata: dict, rules: Sequence[dict], subject: dict) -> tuple[dict, dict]:
    role = {"apiVersion": f"{_GROUP}/v1", "kind": kind, "metadata": metadata, "rules": list(rules)}
    binding = {
        "apiVersion": f"{_GROUP}/v1",
        "kind": f"{kind}Binding",
        "metadata": dict(metadata),
        "roleRef": {"apiGroup": _GROUP, "kind": kind, "name": metadata["name"]},
        "subjects": [subject],
    }
    return role, binding
