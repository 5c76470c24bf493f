# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The boundary: whatever a client raises leaves as a ClusterError; the client here is a stand-in."""

from __future__ import annotations

import json
import tracemalloc
from types import SimpleNamespace

import pytest
from ansible_collections.kubernetes.core.plugins.module_utils.k8s.exceptions import CoreException
from kubernetes.client.exceptions import ApiException
from kubernetes.config import ConfigException
from kubernetes.dynamic.exceptions import NotFoundError, ResourceNotFoundError, ResourceNotUniqueError
from urllib3.exceptions import MaxRetryError, NewConnectionError, ProtocolError

from ansible_collections.kubewin.hostprocess.plugins.module_utils.cluster import connection
from ansible_collections.kubewin.hostprocess.plugins.module_utils.cluster.connection import Cluster, open_cluster
from ansible_collections.kubewin.hostprocess.plugins.module_utils.cluster.errors import ClusterError
from ansible_collections.kubewin.hostprocess.plugins.module_utils.cluster.hostprocess_pods import (
    hostprocess_containers,
)


class Client:
    """A client whose every answer to a list is the next of a sequence; an exception in it is raised."""

    dry_run = False
    configuration = SimpleNamespace(host="https://192.0.2.1:6443")

    def __init__(self, answers):
        self.answers = iter(answers)
        self.asked = []

    def resource(self, kind, api_version):
        return SimpleNamespace(kind=kind, group_version=api_version, namespaced=True)

    def create(self, resource, definition, **params):
        raise AssertionError(f"asked to create {definition}")

    def get(self, resource, **params):
        self.asked.append(params)
        answer = next(self.answers)
        if isinstance(answer, Exception):
            raise answer
        return SimpleNamespace(data=json.dumps(answer))


def cluster(*answers) -> Cluster:
    return Cluster(Client(answers), "tests", force_conflicts=False, check_mode=False)


def refusal(status: int, message: str = "no", **body) -> ApiException:
    error = ApiException(status=status, reason=message)
    error.body = json.dumps({"kind": "Status", "message": message, "code": status, **body})
    error.headers = {}
    return error


def page(items: list, token: str = "") -> dict:
    return {"items": items, "metadata": {"continue": token} if token else {}}


@pytest.mark.parametrize(
    ("error", "said", "transient"),
    [
        (refusal(401), "401 Unauthorized", False),
        (refusal(429), "429 Too Many Requests", True),
        (refusal(500), "the API server failed (500)", True),
        (
            MaxRetryError(None, "/", NewConnectionError(None, "[Errno 111] Connection refused")),
            "can't be reached",
            True,
        ),
        (ConfigException("Invalid kube-config file. No configuration found."), "No configuration found", False),
        (CoreException("Failed to find exact match for v1.Pod"), "exact match for v1.Pod", False),
        (OSError(2, "No such file", "ca.crt"), "ca.crt", False),
    ],
)
def test_every_error_of_the_client_becomes_one_of_ours(error, said, transient):
    with pytest.raises(ClusterError) as raised:
        cluster(error).list("Pod", namespace="logs")
    assert str(raised.value).startswith("Failed to list Pod objects of namespace logs: ")
    assert said in str(raised.value)
    assert raised.value.transient is transient


def test_an_error_that_the_service_has_wrapped_is_unwrapped():
    with pytest.raises(ClusterError) as raised:
        cluster(refusal(403, 'User "bob" cannot get resource "pods" in API group "" in the namespace "logs"')).get(
            {"kind": "Pod", "apiVersion": "v1", "metadata": {"name": "agent", "namespace": "logs"}}
        )
    assert 'Failed to read Pod logs/agent: user "bob" may not get pods in namespace "logs"' in str(raised.value)


@pytest.mark.parametrize("name", ["", ".", "..", "?", "#", "a/b", "../pods", "%2e%2e", "a?dryRun=All", "a\nb", "a\x00"])
@pytest.mark.parametrize("field", ["name", "namespace"])
def test_a_name_that_leads_to_another_object_is_not_asked_for(field, name):
    if (field, name) == ("namespace", ""):
        return  # an object without one
    definition = {"kind": "Pod", "apiVersion": "v1", "metadata": {"name": "a", "namespace": "logs", field: name}}
    asked = cluster(page([]))
    for verb in (asked.get, asked.apply, asked.delete, asked.try_to_create, asked.is_namespaced):
        with pytest.raises(ClusterError, match=f"can't be asked for: its {field} is"):
            verb(definition)
    assert not asked._client.asked
    if field == "namespace":
        with pytest.raises(ClusterError, match="can't be asked for"):
            asked.list("Pod", namespace=name)


@pytest.mark.parametrize("name", ["a.b-c", "system:node:win-1", "größe", "A b"])
def test_other_names_are_the_api_servers_to_judge(name):
    assert cluster().is_namespaced({"kind": "Pod", "apiVersion": "v1", "metadata": {"name": name}})


def raising(error):
    def resource(_kind, _api_version):
        raise error("No matches" if error is ResourceNotFoundError else "Multiple matches")

    return resource


def test_a_short_name_of_several_kinds_is_told_as_that(monkeypatch):
    asked = cluster()
    monkeypatch.setattr(asked._client, "resource", raising(ResourceNotUniqueError))
    with pytest.raises(ClusterError, match=r"knows several kinds of apiVersion a/v1 by no.*Give the kind in full"):
        asked.get({"kind": "no", "apiVersion": "a/v1", "metadata": {"name": "a"}})


@pytest.mark.parametrize("api_version", ["v1", "a/b/c", "nope.example/v1"])
def test_a_kind_that_the_api_server_does_not_know_is_named(monkeypatch, api_version):
    asked = cluster()
    monkeypatch.setattr(asked._client, "resource", raising(ResourceNotFoundError))
    with pytest.raises(ClusterError, match=f"knows no kind Nope of apiVersion {api_version}"):
        asked.get({"kind": "Nope", "apiVersion": api_version, "metadata": {"name": "a"}})


class Store:
    """A client of an API server with one object, whose answers to deletions get lost while another client works.

    Attributes:
        stored: the object, None once it is gone.
        remade: what another client makes of it as soon as it is deleted.
        lost: how many answers to deletions break off.
    """

    dry_run = False
    configuration = Client.configuration

    def __init__(self, stored: dict | None, remade: dict | None = None, lost: int = 0):
        self.stored, self.remade, self.lost = stored, remade, lost
        self.bodies = []

    def resource(self, kind, api_version):
        return SimpleNamespace(kind=kind, group_version=api_version, namespaced=True)

    def get(self, resource, **params):
        if self.stored is None:
            raise NotFoundError(refusal(404))
        return SimpleNamespace(to_dict=lambda: self.stored)

    def delete(self, resource, name, namespace, body=None):
        self.bodies.append(body)
        if self.stored is None:
            raise refusal(404)
        if body and body["preconditions"]["uid"] != self.stored["metadata"]["uid"]:
            raise refusal(409, "the UID in the precondition does not match the UID in record")
        self.stored = self.remade
        if self.lost:
            self.lost -= 1
            raise ProtocolError("Connection broken")
        return SimpleNamespace(to_dict=dict)


def pod_with(uid: str) -> dict:
    return {"kind": "Pod", "apiVersion": "v1", "metadata": {"name": "a", "namespace": "logs", "uid": uid}}


@pytest.mark.parametrize("remade", [None, pod_with("second")])
@pytest.mark.parametrize("lost", [0, 1])
def test_a_deletion_meets_the_object_that_was_read_and_no_later_one(remade, lost):
    store = Store(pod_with("first"), remade, lost)
    Cluster(store, "tests", force_conflicts=False, check_mode=False).delete(pod_with("first"))
    assert store.stored == remade
    assert {body["propagationPolicy"] for body in store.bodies} == {"Foreground"}


def test_a_deletion_that_is_refused_while_the_object_is_there_fails(monkeypatch):
    store = Store(pod_with("first"))

    def refuse(*_arguments, **_keywords):
        raise refusal(409, "held")

    monkeypatch.setattr(store, "delete", refuse)
    with pytest.raises(ClusterError, match="Failed to delete Pod logs/a: held"):
        Cluster(store, "tests", force_conflicts=False, check_mode=False).delete(pod_with("first"))


def test_a_deletion_in_check_mode_has_no_body_which_would_stand_above_the_dry_run():
    store = Store(pod_with("first"))
    store.dry_run = True
    Cluster(store, "tests", force_conflicts=False, check_mode=True).delete(pod_with("first"))
    assert store.bodies == [None]


def test_pages_are_asked_for_one_by_one_until_the_last():
    paged = cluster(page([1, 2], "first"), page([3], "second"), page([4]))
    assert list(paged.pages("Pod", page_size=2)) == [[1, 2], [3], [4]]
    assert [asked["_continue"] for asked in paged._client.asked] == [None, "first", "second"]
    assert {asked["limit"] for asked in paged._client.asked} == {2}


def test_an_expired_page_goes_on_with_the_token_of_the_refusal():
    paged = cluster(page([1], "old"), refusal(410, metadata={"continue": "fresh"}), page([2]))
    assert list(paged.pages("Pod")) == [[1], [2]]
    assert paged._client.asked[-1]["_continue"] == "fresh"


def test_an_expired_page_without_a_token_fails():
    with pytest.raises(ClusterError):
        list(cluster(page([1], "old"), refusal(410)).pages("Pod"))


def test_memory_stays_flat_over_many_pages():
    big = {
        "metadata": {"annotations": {"filling": "x" * 20_000}},
        "spec": {"securityContext": {"windowsOptions": {"hostProcess": True}}, "containers": [{"name": "agent"}]},
    }

    def peak(pages: int) -> int:
        answers = (page([big] * 10, token="" if number == pages - 1 else "more") for number in range(pages))
        tracemalloc.start()
        count = sum(
            1
            for items in Cluster(Client(answers), "tests", False, False).pages("Pod")
            for pod in items
            for _row in hostprocess_containers(pod)
        )
        _now, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert count == pages * 10
        return most

    assert peak(50) < 2 * peak(5)


def test_a_missing_kubeconfig_is_named(tmp_path, monkeypatch):
    monkeypatch.delenv("K8S_AUTH_KUBECONFIG", raising=False)
    missing = str(tmp_path / "nowhere")
    with pytest.raises(ClusterError, match=f"kubeconfig file {missing} does not exist"):
        open_cluster(kubeconfig=missing)
    monkeypatch.setenv("K8S_AUTH_KUBECONFIG", missing)
    with pytest.raises(ClusterError, match="does not exist"):
        open_cluster()


@pytest.mark.parametrize("content", ["just text", "- a", "a: [", "{clusters: x, contexts: x, current-context: x}"])
def test_a_damaged_kubeconfig_is_told_as_that(tmp_path, content):
    path = tmp_path / "kubeconfig"
    path.write_text(content)
    with pytest.raises(ClusterError, match=r"the kubeconfig is damaged|Invalid kube-config"):
        open_cluster(kubeconfig=str(path))


@pytest.mark.parametrize("kubeconfig", [5, True, ["a"]])
def test_what_is_no_kubeconfig_is_not_passed_over(kubeconfig):
    with pytest.raises(ClusterError, match="give the path of a file or its content as a dictionary"):
        open_cluster(kubeconfig=kubeconfig)


def test_the_missing_library_is_named(monkeypatch):
    monkeypatch.setattr(connection, "HAS_KUBERNETES", False)
    with pytest.raises(ClusterError, match=r"required Python library \(kubernetes\)"):
        open_cluster()
