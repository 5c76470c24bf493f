# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a workload's service account may do, asked of the API server's own authorizer."""

from __future__ import annotations

import uuid

import pytest
from kubernetes import client

pytestmark = pytest.mark.controlplane

MODULE = "kubewin.hostprocess.workload"
READ_SETTINGS = [{"apiGroups": [""], "resources": ["configmaps"], "verbs": ["get"]}]
PATCH_NODES = [{"apiGroups": [""], "resources": ["nodes"], "verbs": ["get", "patch"]}]
PATCH_AND_LIST_NODES = [{"apiGroups": [""], "resources": ["nodes"], "verbs": ["get", "list", "patch"]}]


@pytest.fixture
def may(api, namespace):
    """Whether the test's service account has a verb on a resource, in a namespace or in the cluster."""

    def ask(verb: str, resource: str, where: str | None = None) -> bool:
        attributes = {"verb": verb, "resource": resource, **({"namespace": where} if where else {})}
        user = f"system:serviceaccount:{namespace}:agent"
        review = {"spec": {"user": user, "resourceAttributes": attributes}}
        return client.AuthorizationV1Api(api).create_subject_access_review(review).status.allowed

    return ask


@pytest.fixture
def task(namespace):
    def make(**options) -> dict:
        base = {"name": "agent", "namespace": namespace, "service_account": "agent", "create_service_account": True}
        return {MODULE: {**base, "image": "registry.example/agent:1", **options}}

    return make


def test_a_service_account_may_do_what_its_rules_say_and_nothing_once_the_workload_is_removed(
    call, may, task, namespace
):
    rules = {"role_rules": READ_SETTINGS, "cluster_role_rules": PATCH_NODES}
    applied, again = call(task(**rules), task(**rules))
    assert [(one["kind"], one["namespace"], one["name"]) for one in applied["actions"]] == [
        ("ServiceAccount", namespace, "agent"),
        ("Role", namespace, "agent"),
        ("RoleBinding", namespace, "agent"),
        ("ClusterRole", None, f"{namespace}:agent"),
        ("ClusterRoleBinding", None, f"{namespace}:agent"),
        ("DaemonSet", namespace, "agent"),
    ]
    assert not again["changed"]
    assert may("get", "configmaps", namespace)
    assert not may("get", "configmaps", "default")
    assert not may("list", "configmaps", namespace)
    assert may("patch", "nodes")
    assert not may("delete", "nodes")

    removed, removed_again = call(*[task(**rules, state="absent", wait=True, wait_sleep=1)] * 2)
    assert [one["kind"] for one in removed["actions"]] == [
        "DaemonSet",
        "ClusterRoleBinding",
        "ClusterRole",
        "RoleBinding",
        "Role",
    ]
    assert not removed_again["changed"]
    assert not may("get", "configmaps", namespace)
    assert not may("patch", "nodes")


def test_changed_rules_are_foreseen_with_their_difference_and_then_hold(call, may, task):
    call(task(cluster_role_rules=PATCH_NODES))
    widened = task(cluster_role_rules=PATCH_AND_LIST_NODES)
    (foreseen,) = call({**widened, "check_mode": True, "diff": True})
    assert {one["kind"]: one["action"] for one in foreseen["actions"]}["ClusterRole"] == "updated"
    (difference,) = foreseen["diff"]
    assert "list" in str(difference["after"])
    assert "list" not in str(difference["before"])
    assert not may("list", "nodes"), "check mode stores nothing"
    call(widened)
    assert may("list", "nodes")
    call(task(cluster_role_rules=PATCH_NODES, state="absent"))


def test_everything_at_once_is_foreseen_in_a_namespace_that_is_still_to_come(call, core_api):
    name = f"test-{uuid.uuid4().hex[:8]}"
    options = {
        "name": "agent",
        "namespace": name,
        "create_namespace": True,
        "image": "registry.example/agent:1",
        "service_account": "agent",
        "create_service_account": True,
        "role_rules": READ_SETTINGS,
        "cluster_role_rules": PATCH_NODES,
    }
    foreseen, applied = call({MODULE: options, "check_mode": True, "diff": True}, {MODULE: options})
    assert not foreseen["failed"]
    assert foreseen["actions"] == applied["actions"]
    assert [one["after_header"].split()[0] for one in foreseen["diff"]] == [one["kind"] for one in applied["actions"]]
    call({MODULE: {**options, "state": "absent"}})
    core_api.delete_namespace(name)


@pytest.fixture
def user(api, namespace):
    """Make a user who has one rule in the test's namespace, and nothing elsewhere."""

    def make(name: str, **rule) -> str:
        rbac, group = client.RbacAuthorizationV1Api(api), "rbac.authorization.k8s.io"
        rbac.create_namespaced_role(namespace, {"metadata": {"name": name}, "rules": [rule]})
        rbac.create_namespaced_role_binding(
            namespace,
            {
                "metadata": {"name": name},
                "roleRef": {"apiGroup": group, "kind": "Role", "name": name},
                "subjects": [{"apiGroup": group, "kind": "User", "name": name}],
            },
        )
        return name

    return make


@pytest.fixture
def deployer(user):
    """A user who may do anything in the test's namespace, and nothing elsewhere."""
    return user("deployer", apiGroups=["*"], resources=["*"], verbs=["*"])


def test_the_binding_of_a_role_that_is_still_to_come_is_foreseen_for_who_is_no_administrator(call, task, deployer):
    wanted = task(role_rules=READ_SETTINGS, impersonate_user=deployer)
    foreseen, applied = call({**wanted, "check_mode": True}, wanted)
    assert not foreseen["failed"], foreseen["msg"]
    assert foreseen["actions"] == applied["actions"]


def test_the_binding_of_a_role_that_is_to_lose_rules_is_foreseen_for_who_has_only_the_rest(call, task, namespace, user):
    """The API server compares the rules that are stored with the user's own; those are more than the user has."""
    kinds = ["serviceaccounts", "roles", "rolebindings", "daemonsets", "configmaps", "pods"]
    modest = user("modest", apiGroups=["*"], resources=kinds, verbs=["get", "create", "patch"])
    more = [{"apiGroups": [""], "resources": ["secrets"], "verbs": ["get"]}]
    role = {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role", "rules": more}
    wanted = task(role_rules=READ_SETTINGS, impersonate_user=modest)
    _made, foreseen, applied = call(
        {MODULE: {"definition": {**role, "metadata": {"name": "agent"}}, "namespace": namespace}},
        {**wanted, "check_mode": True},
        wanted,
    )
    assert not foreseen["failed"], foreseen["msg"]
    assert foreseen["actions"] == applied["actions"]
    became = {row["kind"]: row["action"] for row in applied["actions"]}
    assert (became["Role"], became["RoleBinding"]) == ("updated", "created")


def test_who_may_not_grant_is_told_so(call, task, deployer):
    (refused,) = call(task(cluster_role_rules=PATCH_NODES, impersonate_user=deployer))
    assert refused["failed"]
    assert (
        f'user "{deployer}" may not get clusterroles.rbac.authorization.k8s.io at the cluster scope' in refused["msg"]
    )


def test_rules_without_a_service_account_are_refused(call, namespace):
    options = {"name": "agent", "namespace": namespace, "image": "registry.example/agent:1"}
    (refused,) = call({MODULE: {**options, "role_rules": READ_SETTINGS}})
    assert refused["failed"]
    assert "missing parameter(s) required by 'role_rules': service_account" in refused["msg"]
