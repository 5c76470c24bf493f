# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

import pytest

from ansible_collections.kubewin.hostprocess.plugins.module_utils.cluster.access import build_permissions

READ = [{"apiGroups": [""], "resources": ["configmaps"], "verbs": ["get"]}]


def options(namespace: str = "logs", name: str = "agent", **rules) -> dict:
    return {"namespace": namespace, "name": name, "service_account": "reader", **rules}


def test_without_rules_there_is_nothing_to_apply():
    assert build_permissions(options()) == []
    assert build_permissions(options(role_rules=[], cluster_role_rules=None)) == []


@pytest.mark.parametrize("kind", ["Role", "ClusterRole"])
def test_a_binding_gives_the_role_to_the_service_account(kind):
    rules = {"role_rules" if kind == "Role" else "cluster_role_rules": READ}
    role, binding = build_permissions(options(**rules))
    assert (role["kind"], binding["kind"]) == (kind, f"{kind}Binding")
    assert role["rules"] == READ
    assert binding["roleRef"] == {
        "apiGroup": "rbac.authorization.k8s.io",
        "kind": kind,
        "name": role["metadata"]["name"],
    }
    assert binding["subjects"] == [{"kind": "ServiceAccount", "name": "reader", "namespace": "logs"}]
    assert ("namespace" in role["metadata"]) is ("namespace" in binding["metadata"]) is (kind == "Role")


def test_two_workloads_never_share_a_cluster_role():
    names = {
        build_permissions(options(namespace, name, cluster_role_rules=READ))[0]["metadata"]["name"]
        for namespace, name in [("a", "b-c"), ("a-b", "c"), ("a", "b"), ("b", "a")]
    }
    assert len(names) == 4
