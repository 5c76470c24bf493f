"""The proxy before the API server: faithful while nothing is to go wrong, and then wrong in just the way asked for."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
import yaml
from kubernetes import client, config, watch
from kubernetes.client.exceptions import ApiException

from lab.cluster import ClusterInterface
from lab.cluster.fault_proxy import FaultProxy
from lab.errors import LabError
from lab.faults import API_FAULTS, Fault

pytestmark = pytest.mark.controlplane


@pytest.fixture
def proxy(cluster: ClusterInterface, tmp_path: Path) -> Iterator[FaultProxy]:
    with FaultProxy(cluster, tmp_path) as started:
        yield started


@pytest.fixture
def authority(cluster: ClusterInterface, tmp_path: Path) -> str:
    """The path of the cluster's certificate authority."""
    path = tmp_path / "ca.crt"
    path.write_text(cluster.ca_pem)
    return str(path)


@pytest.fixture
def core(proxy: FaultProxy) -> Iterator[client.CoreV1Api]:
    """A client of the proxy that asks once."""
    configuration = client.Configuration()
    configuration.retries = False
    config.load_kube_config(str(proxy.kubeconfig), client_configuration=configuration)
    with client.ApiClient(configuration) as api:
        yield client.CoreV1Api(api)


@pytest.fixture
def name(proxy: FaultProxy, core: client.CoreV1Api) -> Iterator[str]:
    name = f"proxy-{time.monotonic_ns()}"
    yield name
    proxy.faults.clear()
    core.delete_collection_namespaced_config_map("default", label_selector=f"test={name}")


def config_map(name: str, **data: str) -> dict:
    return {"metadata": {"name": name, "labels": {"test": name}}, "data": data}


def test_without_a_fault_calls_pass_and_are_recorded(
    proxy: FaultProxy, core: client.CoreV1Api, name: str, cluster: ClusterInterface
) -> None:
    core.create_namespaced_config_map("default", config_map(name, text="süß"))
    assert core.read_namespaced_config_map(name, "default").data == {"text": "süß"}
    with cluster.api() as direct:
        assert client.CoreV1Api(direct).read_namespaced_config_map(name, "default").data == {"text": "süß"}
    path = "/api/v1/namespaces/default/configmaps"
    assert [(call.method, call.path, call.status) for call in proxy.calls] == [
        ("POST", path, 201),
        ("GET", f"{path}/{name}", 200),
    ]


def test_what_the_api_server_refuses_is_refused_in_its_words(core: client.CoreV1Api, name: str) -> None:
    with pytest.raises(ApiException) as caught:
        core.read_namespaced_config_map(name, "default")
    assert caught.value.status == 404
    assert json.loads(caught.value.body)["message"] == f'configmaps "{name}" not found'


def test_it_proves_itself_with_the_clusters_ca(proxy: FaultProxy, authority: str) -> None:
    assert requests.get(f"{proxy.api_url}/version", verify=authority).json()["gitVersion"]
    with pytest.raises(requests.exceptions.SSLError):
        requests.get(f"{proxy.api_url}/version")


def test_it_lends_nobody_its_own_rights(proxy: FaultProxy, authority: str) -> None:
    reply = requests.get(f"{proxy.api_url}/api/v1/secrets", verify=authority)
    assert reply.status_code == 403
    assert "system:anonymous" in reply.json()["message"]


def test_its_administrator_goes_with_it(cluster: ClusterInterface, tmp_path: Path) -> None:
    def administrators() -> set[str]:
        with cluster.api() as api:
            accounts = client.CoreV1Api(api).list_namespaced_service_account("kube-system").items
            bindings = client.RbacAuthorizationV1Api(api).list_cluster_role_binding().items
        return {one.metadata.name for one in [*accounts, *bindings] if "kubewin-lab-faults" in one.metadata.name}

    before = administrators()
    with FaultProxy(cluster, tmp_path) as proxy:
        user = yaml.safe_load(proxy.kubeconfig.read_text())["users"][0]["name"]
        assert administrators() == before | {user}
        assert proxy.kubeconfig.stat().st_mode & 0o077 == 0
    assert administrators() == before


def test_events_of_a_watch_arrive_when_they_happen(
    core: client.CoreV1Api, cluster: ClusterInterface, name: str
) -> None:
    seen: list[tuple[str, float]] = []

    def look() -> None:
        stream = watch.Watch()
        for event in stream.stream(
            core.list_namespaced_config_map, "default", label_selector=f"test={name}", timeout_seconds=20
        ):
            seen.append((event["type"], time.monotonic()))
            if event["type"] == "DELETED":
                stream.stop()

    looking = threading.Thread(target=look)
    looking.start()
    with cluster.api() as api:
        direct = client.CoreV1Api(api)
        direct.create_namespaced_config_map("default", config_map(name))
        deadline = time.monotonic() + 10
        while not seen and time.monotonic() < deadline:
            time.sleep(0.02)
        deleted = time.monotonic()
        direct.delete_namespaced_config_map(name, "default")
    looking.join(15)
    assert [kind for kind, _when in seen] == ["ADDED", "DELETED"]
    assert seen[1][1] - deleted < 5, "the watch was not held back until its end"


def test_a_watch_breaks_off_in_the_middle(proxy: FaultProxy, core: client.CoreV1Api, name: str) -> None:
    core.create_namespaced_config_map("default", config_map(name))
    proxy.faults.add(Fault("api_drop_answer", "watch="))
    reply = core.list_namespaced_config_map(
        "default", label_selector=f"test={name}", watch=True, timeout_seconds=20, _preload_content=False
    )
    with pytest.raises(Exception, match=r"(?i)broken|incomplete|reset"):
        reply.read()
    assert proxy.faults.struck == ["api_drop_answer"]


@pytest.mark.parametrize(
    ("fault", "status", "reason"),
    [
        ("api_token_expired", 401, "Unauthorized"),
        ("api_conflict", 409, "Conflict"),
        ("api_busy", 429, "TooManyRequests"),
        ("api_error", 500, "InternalError"),
    ],
)
def test_an_answer_is_replaced_once_and_then_no_more(
    proxy: FaultProxy, core: client.CoreV1Api, fault: str, status: int, reason: str
) -> None:
    proxy.faults.add(Fault(fault, "GET /api/v1/namespaces/default"))
    with pytest.raises(ApiException) as caught:
        core.read_namespace("default")
    body = json.loads(caught.value.body)
    assert (caught.value.status, body["code"], body["kind"], body["reason"]) == (status, status, "Status", reason)
    assert core.read_namespace("default").metadata.name == "default"


def test_a_busy_server_says_when_to_come_again(proxy: FaultProxy, core: client.CoreV1Api) -> None:
    proxy.faults.add(Fault("api_busy", retry_after=7))
    with pytest.raises(ApiException) as caught:
        core.read_namespace("default")
    assert caught.value.headers["Retry-After"] == "7"
    assert json.loads(caught.value.body)["details"]["retryAfterSeconds"] == 7


@pytest.mark.parametrize("fault", ["api_drop_request", "api_drop_answer"])
def test_a_connection_ends_before_or_in_the_middle_of_an_answer(
    proxy: FaultProxy, core: client.CoreV1Api, fault: str
) -> None:
    proxy.faults.add(Fault(fault))
    with pytest.raises(Exception, match=r"(?i)broken|aborted|incomplete|reset|without response"):
        core.read_namespace("default")
    assert core.read_namespace("default").metadata.name == "default"


def test_a_silent_server_keeps_its_connection_and_answers_others(proxy: FaultProxy, authority: str) -> None:
    proxy.faults.add(Fault("api_silent", "GET /version"))
    with pytest.raises(requests.exceptions.ReadTimeout):
        requests.get(f"{proxy.api_url}/version", verify=authority, timeout=2)
    assert requests.get(f"{proxy.api_url}/version", verify=authority, timeout=2).ok
    assert [call.status for call in proxy.calls] == [None, 200]


def test_a_fault_strikes_its_target_only_and_lets_some_pass_first(proxy: FaultProxy, core: client.CoreV1Api) -> None:
    proxy.faults.add(Fault("api_token_expired", "GET /api/v1/namespaces/default", times=None, after=2))
    for _call in range(2):
        core.read_namespace("default")
    for _call in range(3):
        with pytest.raises(ApiException, match="Unauthorized"):
            core.read_namespace("default")
    assert core.read_namespace("kube-system").metadata.name == "kube-system"


def test_exec_is_said_to_be_not_modelled(proxy: FaultProxy, authority: str) -> None:
    reply = requests.get(
        f"{proxy.api_url}/api/v1/namespaces/default/pods/p/exec",
        headers={"Connection": "Upgrade", "Upgrade": "websocket"},
        verify=authority,
    )
    assert reply.status_code == 501
    assert "SIMULATOR" in reply.json()["message"]


def test_before_somebody_elses_api_server_it_says_that_it_can_not_stand(
    cluster: ClusterInterface, tmp_path: Path
) -> None:
    from lab.cluster import ExistingCluster

    with ExistingCluster(cluster.kubeconfig) as existing, pytest.raises(LabError, match="LAB_KUBECONFIG"):
        FaultProxy(existing, tmp_path)


def test_every_fault_of_the_table_is_known_to_the_proxy(proxy: FaultProxy, authority: str) -> None:
    for kind in API_FAULTS:
        proxy.faults.add(Fault(kind))
        with pytest.raises(requests.exceptions.RequestException):
            requests.get(f"{proxy.api_url}/version", verify=authority, timeout=2).raise_for_status()
    assert proxy.faults.struck == list(API_FAULTS)
