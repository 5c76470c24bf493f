# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

import pytest

from ansible_collections.kubewin.hostprocess.plugins.module_utils.cluster.admission import (
    refuse_beforehand,
    refuse_what_admission_forbids,
    refuse_what_labels_forbid,
)
from ansible_collections.kubewin.hostprocess.plugins.module_utils.cluster.errors import ClusterError
from ansible_collections.kubewin.hostprocess.plugins.module_utils.cluster.target import Target

ENFORCE = "pod-security.kubernetes.io/enforce"
FORBIDDEN = 'pods "agent-x" is forbidden: violates PodSecurity "baseline:latest": host namespaces (hostNetwork=true)'
NO_ACCOUNT = 'pods "agent-x" is forbidden: error looking up service account a/agent: serviceaccount "agent" not found'
NO_PERMISSION = 'pods is forbidden: User "alice" cannot create resource "pods" in API group "" in the namespace "a": no'


class StubCluster:
    """Answers every question alike, and keeps the questions."""

    def __init__(self, status: int | None = None, message: str = ""):
        self._status, self._message = status, message
        self.asked: list[dict] = []

    def try_to_create(self, definition: dict) -> None:
        self.asked.append(definition)
        if self._status:
            raise ClusterError("No.", self._status, {"message": self._message})


def workload(name: str = "agent", namespace: str = "a", kind: str = "DaemonSet") -> dict:
    spec = {
        "hostNetwork": True,
        "securityContext": {"windowsOptions": {"hostProcess": True}},
        "serviceAccountName": "agent",
        "priorityClassName": "high",
        "containers": [{"name": "main", "image": "agent:1"}],
    }
    template = {"metadata": {"labels": {"app": "agent"}, "name": "not sent"}, "spec": spec}
    return {
        "apiVersion": "v1" if kind == "Pod" else "apps/v1",
        "kind": kind,
        "metadata": {"name": name, "namespace": namespace},
        "spec": spec if kind == "Pod" else {"template": template},
    }


def other(kind: str, name: str, namespace: str | None = None) -> dict:
    return {"kind": kind, "metadata": {"name": name, "namespace": namespace}}


def test_every_workload_in_a_namespace_that_is_there_is_asked_for_beforehand():
    cluster = StubCluster()
    definitions = [
        other("Namespace", "b"),
        other("ConfigMap", "settings", "a"),
        workload("one"),
        workload("two", "b"),
        workload("three"),
        workload("pod", kind="Pod"),
    ]
    assert refuse_beforehand(cluster, definitions) == {Target("DaemonSet", "two", "b")}
    assert [pod["metadata"]["generateName"] for pod in cluster.asked] == ["one-", "three-"]


def test_what_may_be_still_to_come_and_podsecurity_does_not_look_at_is_asked_for_only_later():
    cluster = StubCluster()
    refuse_beforehand(cluster, [workload()])
    refuse_what_admission_forbids(cluster, workload())
    before, later = cluster.asked
    named = {"serviceAccountName": "agent", "priorityClassName": "high"}
    assert later["spec"] == {**before["spec"], **named}
    assert not before["spec"].keys() & named.keys()
    assert later["metadata"] == {"labels": {"app": "agent"}, "generateName": "agent-", "namespace": "a"}


@pytest.mark.parametrize(
    ("status", "message", "again"),
    [
        (None, "", False),
        (403, NO_ACCOUNT, True),
        (403, NO_PERMISSION, False),
        (404, 'namespaces "a" not found', False),
        (422, "Pod is invalid", False),
        (503, "the server is shutting down", False),
    ],
)
def test_what_admission_objected_to_first_is_asked_for_again(status, message, again):
    left = refuse_beforehand(StubCluster(status, message), [workload()])
    assert left == ({Target("DaemonSet", "agent", "a")} if again else set())


def test_a_refusal_names_the_workload_the_label_and_the_namespace():
    with pytest.raises(ClusterError) as refused:
        refuse_beforehand(StubCluster(403, FORBIDDEN), [other("ConfigMap", "settings", "a"), workload()])
    assert str(refused.value).startswith('DaemonSet a/agent would get no pods: PodSecurity "baseline:latest"')
    assert f'{ENFORCE}=privileged on namespace "a"' in str(refused.value)
    assert refused.value.result == {"refused": Target("DaemonSet", "agent", "a")}


@pytest.mark.parametrize(
    ("kind", "said"), [("DaemonSet", "DaemonSet a/agent would get no pods"), ("Pod", "Pod a/agent would be refused")]
)
def test_labels_to_come_forbid_in_the_same_words(kind, said):
    with pytest.raises(ClusterError) as refused:
        refuse_what_labels_forbid(workload(kind=kind), {ENFORCE: "baseline"})
    assert str(refused.value).startswith(f'{said}: PodSecurity "baseline:latest" of namespace "a" forbids HostProcess')


@pytest.mark.parametrize(
    ("definition", "labels"),
    [
        (workload(), {ENFORCE: "privileged"}),
        (workload(), {}),
        (other("ConfigMap", "settings", "a"), {ENFORCE: "restricted"}),
    ],
)
def test_labels_that_forbid_nothing_are_let_pass(definition, labels):
    refuse_what_labels_forbid(definition, labels)
