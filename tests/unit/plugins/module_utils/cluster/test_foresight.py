# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

import pytest

from ansible_collections.kubewin.hostprocess.plugins.module_utils.cluster.convergence import Outcome
from ansible_collections.kubewin.hostprocess.plugins.module_utils.cluster.errors import ClusterError
from ansible_collections.kubewin.hostprocess.plugins.module_utils.cluster.foresight import (
    foresee,
    labels_to_come,
    what_it_rests_on,
)
from ansible_collections.kubewin.hostprocess.plugins.module_utils.cluster.target import Target

ENFORCE = "pod-security.kubernetes.io/enforce"
PRIVILEGED = {ENFORCE: "privileged"}
CONFIG_MAP = {"kind": "ConfigMap", "metadata": {"name": "settings", "namespace": "a"}}
BINDING = {"kind": "RoleBinding", "metadata": {"name": "b", "namespace": "a"}, "roleRef": {"kind": "Role", "name": "r"}}
CLUSTER_BINDING = {**BINDING, "roleRef": {"kind": "ClusterRole", "name": "r"}}
REFUSED_AS_IT_IS = [
    'pods "p" is forbidden: violates PodSecurity "baseline:latest": host namespaces (hostNetwork=true)',
    'rolebindings "b" is forbidden: user "u" is attempting to grant RBAC permissions not currently held:\n{}',
]


class StubCluster:
    def __init__(self, found: dict | None = None):
        self._found = found

    def get(self, definition: dict) -> dict | None:
        return self._found


def namespace(action: str, labels: dict | None = None, **different) -> Outcome:
    diff = {side: {"metadata": {"labels": changed}} for side, changed in different.items()}
    return Outcome(Target("Namespace", "a"), action, {"metadata": {"name": "a", "labels": labels}}, diff)


def role(action: str, kind: str = "Role", where: str | None = "a") -> Outcome:
    return Outcome(Target(kind, "r", where), action, {})


@pytest.mark.parametrize(
    ("definition", "before", "rests"),
    [
        (CONFIG_MAP, namespace("created"), True),
        (CONFIG_MAP, namespace("updated"), True),
        (CONFIG_MAP, namespace("unchanged"), False),
        (CONFIG_MAP, role("updated"), False),
        (BINDING, role("updated"), True),
        (BINDING, role("created"), True),
        (BINDING, role("unchanged"), False),
        (BINDING, role("updated", "ClusterRole", None), False),
        (CLUSTER_BINDING, role("updated", "ClusterRole", None), True),
    ],
)
def test_an_object_rests_on_its_namespace_and_a_binding_on_its_role_where_they_change(definition, before, rests):
    assert what_it_rests_on(definition, [before]) == ([before] if rests else [])


def refuse(message: str):
    def ask(_definition: dict) -> Outcome:
        raise ClusterError("No.", 403, {"message": message})

    return ask


def test_what_needs_something_that_is_not_there_yet_is_not_asked_for():
    assert foresee(StubCluster(), CONFIG_MAP, [namespace("created")], refuse("asked")).action == "created"


def test_what_can_be_asked_for_is_asked_for():
    answer = Outcome(Target.of(CONFIG_MAP), "unchanged", {})
    assert foresee(StubCluster(), CONFIG_MAP, [namespace("updated")], lambda _definition: answer) is answer


@pytest.mark.parametrize("message", REFUSED_AS_IT_IS)
@pytest.mark.parametrize(("found", "action"), [(None, "created"), (BINDING, "unchanged")])
def test_a_refusal_by_what_is_going_to_change_is_not_believed(message, found, action):
    assert foresee(StubCluster(found), BINDING, [role("updated")], refuse(message)).action == action


@pytest.mark.parametrize("message", REFUSED_AS_IT_IS)
def test_the_same_refusal_counts_where_nothing_is_going_to_change(message):
    with pytest.raises(ClusterError):
        foresee(StubCluster(), BINDING, [], refuse(message))


def test_every_other_refusal_counts():
    with pytest.raises(ClusterError):
        foresee(StubCluster(), BINDING, [role("updated")], refuse('User "u" cannot patch resource "rolebindings"'))


@pytest.mark.parametrize(
    ("base", "labels"),
    [
        (namespace("created", PRIVILEGED), PRIVILEGED),
        (namespace("created"), {}),
        (namespace("updated", PRIVILEGED, after=PRIVILEGED), PRIVILEGED),
        (namespace("updated", {}, before=PRIVILEGED), {}),
        (namespace("updated", PRIVILEGED, after={"team": "edge"}), None),
        (namespace("updated", PRIVILEGED), None),
        (role("created"), None),
    ],
)
def test_labels_count_where_they_change_what_is_enforced(base, labels):
    assert labels_to_come([base]) == labels
