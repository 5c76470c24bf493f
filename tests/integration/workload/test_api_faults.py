# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""An API server in trouble: what passes is waited for, the rest is said, and no partial state stays hidden."""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Callable, Iterator

import pytest
from integration.workload.simulated_node import SimulatedNode
from integration.workload.support import CORES, call_module, run_playbook
from kubernetes import client

from ansible_collections.kubewin.hostprocess.plugins.module_utils.cluster.connection import open_cluster
from ansible_collections.kubewin.hostprocess.plugins.module_utils.cluster.errors import ClusterError
from lab.cluster.fault_proxy import FaultProxy
from lab.faults import Fault

pytestmark = pytest.mark.controlplane

INFO = "kubewin.hostprocess.workload_info"
WORKLOAD = "kubewin.hostprocess.workload"
IMAGE = "registry.example/agent:1"


@pytest.fixture
def ask(proxy, call) -> Callable[..., dict]:
    """Run one task's module in this process, through the proxy."""

    def run(task: dict) -> dict:
        return call_module(task, {"kubeconfig": str(proxy.kubeconfig)})

    return run


@pytest.fixture
def node(api) -> Iterator[SimulatedNode]:
    with SimulatedNode(api, f"win-{uuid.uuid4().hex[:6]}") as started:
        yield started


def agent(namespace: str, **options) -> dict:
    return {WORKLOAD: {"name": "agent", "namespace": namespace, "image": IMAGE, **options}}


def config_maps(namespace: str, *names: str, text: str = "") -> dict:
    """A task that applies config maps, which nothing has to run for."""
    return {
        WORKLOAD: {
            "definition": [
                {
                    "apiVersion": "v1",
                    "kind": "ConfigMap",
                    "metadata": {"name": name, "namespace": namespace},
                    "data": {"text": text},
                }
                for name in names
            ]
        }
    }


def applies(proxy: FaultProxy) -> list[int | None]:
    """What the calls that apply a DaemonSet were answered."""
    return [call.status for call in proxy.calls if call.method == "PATCH" and "daemonsets" in call.path]


def test_a_conflict_names_the_field_and_its_owner_and_is_not_asked_again(ask, proxy, apps_api, namespace):
    ask(agent(namespace))
    image = [{"op": "replace", "path": "/spec/template/spec/containers/0/image", "value": "registry.example/agent:9"}]
    apps_api.patch_namespaced_daemon_set("agent", namespace, image, field_manager="somebody-else")
    proxy.calls.clear()
    result = ask(agent(namespace))
    assert result["failed"]
    assert 'image is managed by "somebody-else" (409 Conflict)' in result["msg"]
    assert "force_conflicts set to true" in result["msg"]
    assert applies(proxy) == [409]
    assert result["actions"][0]["action"] == "failed"
    assert not result["changed"]


@pytest.mark.parametrize("options", [{}, {"create_namespace": True}, {"service_account": "new"}])
def test_whether_the_pods_are_admitted_is_asked_once(ask, proxy, namespace, options):
    account = "service_account" in options
    result = ask(agent(namespace, create_service_account=account, **options))
    assert not result["failed"], result.get("msg")
    questions = [call for call in proxy.calls if call.method == "POST" and f"/{namespace}/pods" in call.path]
    assert [call.status for call in questions] == [201]


def test_a_write_that_another_client_crossed_is_made_again(ask, proxy, namespace):
    proxy.faults.add(Fault("api_conflict", "PATCH /apis/apps/v1/"))
    result = ask(agent(namespace))
    assert not result["failed"]
    assert applies(proxy) == [409, 201]


def test_a_write_that_is_crossed_again_and_again_is_told(ask, proxy, namespace):
    proxy.faults.add(Fault("api_conflict", "PATCH /apis/apps/v1/", times=None))
    result = ask(agent(namespace))
    assert "Another client changed the object meanwhile: run the task again" in result["msg"]
    assert applies(proxy) == [409, 409]


@pytest.mark.parametrize("target", ["PATCH /apis/apps/v1/", "GET /apis/apps/v1/namespaces/"])
def test_a_busy_api_server_is_asked_again_when_it_says(ask, proxy, namespace, target):
    proxy.faults.add(Fault("api_busy", target, times=2, retry_after=1))
    started = time.monotonic()
    result = ask(agent(namespace))
    assert not result["failed"]
    assert time.monotonic() - started >= 2, "each of the two refusals was waited for"
    assert proxy.faults.struck == ["api_busy"] * 2


def test_an_api_server_that_wants_to_be_left_alone_for_long_is_not_waited_for(ask, proxy, namespace):
    proxy.faults.add(Fault("api_busy", "PATCH /apis/apps/v1/", times=None, retry_after=3600))
    started = time.monotonic()
    result = ask(agent(namespace))
    assert time.monotonic() - started < 30
    assert "429 Too Many Requests" in result["msg"]
    assert "Run the task again in 3600 seconds" in result["msg"]
    assert applies(proxy) == [429]


def test_an_api_server_that_stays_busy_is_told_after_a_bounded_time(ask, proxy, namespace):
    proxy.faults.add(Fault("api_busy", "PATCH /apis/apps/v1/", times=None, retry_after=1))
    result = ask(agent(namespace))
    assert f"Failed to apply DaemonSet {namespace}/agent: the API server has too many requests" in result["msg"]
    assert applies(proxy) == [429] * 5


def test_an_error_that_comes_once_is_not_noticed(ask, proxy, namespace):
    proxy.faults.add(Fault("api_error", "PATCH /apis/apps/v1/"))
    result = ask(agent(namespace))
    assert not result["failed"]
    assert applies(proxy) == [500, 201]


def test_an_error_that_stays_is_told_with_the_object_and_the_servers_words(ask, proxy, namespace):
    proxy.faults.add(Fault("api_error", "PATCH /apis/apps/v1/", times=None))
    result = ask(agent(namespace))
    assert f"Failed to apply DaemonSet {namespace}/agent: the API server failed (500): Internal error" in result["msg"]
    assert applies(proxy) == [500] * 5


def test_a_manifest_that_does_not_fit_its_kind_is_not_sent_again(ask, proxy, namespace):
    result = ask(agent(namespace, update_strategy={"nope": 1}))
    assert (
        "the manifest does not fit its kind: .spec.updateStrategy.nope: field not declared in schema" in result["msg"]
    )
    assert applies(proxy) == [500], "the API server calls it a failure of its own"


@pytest.mark.parametrize("fault", ["api_drop_request", "api_drop_answer", "api_silent"])
@pytest.mark.parametrize(
    "target", ["GET /apis/apps/v1/namespaces/", "POST /api/v1/namespaces/", "PATCH /apis/apps/v1/namespaces/"]
)
def test_a_connection_that_ends_is_taken_up_again(ask, proxy, namespace, fault, target):
    proxy.faults.add(Fault(fault, target))
    result = ask(agent(namespace, request_timeout=2))
    assert proxy.faults.struck == [fault]
    assert not result["failed"], result.get("msg")


def test_an_api_server_that_stays_silent_is_told_after_a_bounded_time_and_nothing_is_hidden(ask, proxy, namespace):
    proxy.faults.add(Fault("api_silent", f"PATCH /api/v1/namespaces/{namespace}/configmaps/two", times=None))
    task = config_maps(namespace, "one", "two", "three")
    task[WORKLOAD]["request_timeout"] = 1
    started = time.monotonic()
    result = ask(task)
    # Five times of one second, and the pauses between them.
    assert time.monotonic() - started < 30
    assert (
        f"Failed to apply ConfigMap {namespace}/two: the API server took the request and does not answer"
        in (result["msg"])
    )
    assert "raise request_timeout" in result["msg"]
    assert [row["action"] for row in result["actions"]] == ["created", "failed", "not_reached"]
    assert proxy.faults.struck == ["api_silent"] * 5


def test_an_api_server_that_falls_silent_does_not_outlast_the_wait(ask, proxy, namespace):
    # Nobody runs the pod of this Deployment.
    proxy.faults.add(Fault("api_silent", "deployments/agent", times=None, after=4))
    started = time.monotonic()
    result = ask(agent(namespace, kind="Deployment", wait=True, wait_sleep=1, wait_timeout=5))
    assert time.monotonic() - started < 20
    assert f"Failed to read Deployment {namespace}/agent: the API server took the request and does" in result["msg"]
    assert [row["action"] for row in result["actions"]] == ["created"]


def test_an_inventory_of_a_silent_api_server_ends_in_its_own_time(proxy):
    proxy.faults.add(Fault("api_silent", "GET /api/v1/nodes", times=None))
    with pytest.raises(ClusterError, match="Failed to list Node objects: the API server took the request"):
        open_cluster(kubeconfig=str(proxy.kubeconfig), request_timeout=1).list("Node")


def test_a_removal_whose_answer_is_lost_is_a_removal(ask, proxy, namespace):
    ask(config_maps(namespace, "one"))
    proxy.faults.add(Fault("api_drop_answer", "DELETE "))
    task = config_maps(namespace, "one")
    task[WORKLOAD]["state"] = "absent"
    result = ask(task)
    assert proxy.faults.struck == ["api_drop_answer"]
    assert not result["failed"], result.get("msg")
    assert [row["action"] for row in result["actions"]] == ["deleted"]


@pytest.mark.parametrize(
    "fault",
    [
        Fault("api_drop_answer", "daemonsets/agent", times=3, after=3),
        Fault("api_drop_request", "daemonsets/agent", times=8, after=3),
        Fault("api_error", "daemonsets/agent", times=8, after=3),
        Fault("api_busy", "daemonsets/agent", times=3, after=3),
        Fault("api_silent", "daemonsets/agent", times=3, after=3),
    ],
    ids=lambda fault: fault.kind,
)
def test_trouble_during_a_wait_does_not_end_it(ask, proxy, namespace, node, fault):
    # The first three calls about the object read it twice and apply it: what strikes, strikes the wait.
    proxy.faults.add(fault)
    result = ask(agent(namespace, wait=True, wait_sleep=1, wait_timeout=60, request_timeout=2))
    assert not result["failed"], result.get("msg")
    assert len(proxy.faults.struck) >= 3
    assert result["resources"][0]["status"]["numberAvailable"] == 1


@pytest.mark.parametrize("core", CORES)
def test_a_token_that_expires_in_the_middle_of_a_wait_is_said_with_what_was_done(
    proxy, apps_api, namespace, tmp_path, core
):
    # A Deployment whose pod nobody runs: it is waited for.
    proxy.faults.add(Fault("api_token_expired", "deployments/agent", times=None, after=5))
    task = {**agent(namespace, kind="Deployment", wait=True, wait_sleep=1, wait_timeout=60), "ignore_errors": True}
    task[WORKLOAD] |= {"kubeconfig": str(proxy.kubeconfig), "create_namespace": True}
    (result,) = run_playbook(core, tmp_path, [{"hosts": "localhost", "gather_facts": False, "tasks": [task]}])
    assert result["failed"]
    assert f"Failed to read Deployment {namespace}/agent" in result["msg"]
    assert "has expired. Renew it in the kubeconfig" in result["msg"]
    assert (
        f"changed before that: Namespace {namespace} (updated), Deployment {namespace}/agent (created)" in result["msg"]
    )
    assert [row["action"] for row in result["actions"]] == ["updated", "created"]
    assert result["changed"]
    assert apps_api.read_namespaced_deployment("agent", namespace).metadata.name == "agent"


def test_a_token_that_is_really_revoked_in_the_middle_of_a_wait_is_said(ask, proxy, core_api, namespace):
    user = proxy.kubeconfig.read_text().split("name: kubewin-lab-faults-")[1].split()[0]

    def revoke() -> None:
        while not any(call.method == "PATCH" and call.status == 201 for call in proxy.calls):
            time.sleep(0.05)
        core_api.delete_namespaced_service_account(f"kubewin-lab-faults-{user}", "kube-system")

    revoking = threading.Thread(target=revoke)
    revoking.start()
    result = ask(agent(namespace, kind="Deployment", wait=True, wait_sleep=1, wait_timeout=60))
    revoking.join()
    core_api.create_namespaced_service_account(
        "kube-system", {"metadata": {"name": f"kubewin-lab-faults-{user}"}}
    )  # the proxy removes it
    assert "does not accept the credentials (401 Unauthorized)" in result["msg"]


def test_when_the_third_of_five_objects_fails_the_rest_is_accounted_for(ask, proxy, core_api, namespace):
    ask(config_maps(namespace, "two", text="old"))
    proxy.faults.add(Fault("api_error", "PATCH /api/v1/namespaces/" + namespace + "/configmaps/three", times=None))
    result = ask(config_maps(namespace, "one", "two", "three", "four", "five", text="new"))
    assert f"Failed to apply ConfigMap {namespace}/three" in result["msg"]
    assert (
        f"Of 5 objects, changed before that: ConfigMap {namespace}/one (created), ConfigMap {namespace}/two (updated); "
        f"not reached: ConfigMap {namespace}/four, ConfigMap {namespace}/five."
    ) in result["msg"]
    assert [(row["name"], row["action"]) for row in result["actions"]] == [
        ("one", "created"),
        ("two", "updated"),
        ("three", "failed"),
        ("four", "not_reached"),
        ("five", "not_reached"),
    ]
    assert result["changed"]
    stored = {item.metadata.name for item in core_api.list_namespaced_config_map(namespace).items}
    assert stored >= {"one", "two"}
    assert not stored & {"three", "four", "five"}


def test_when_a_removal_fails_half_way_the_rest_is_accounted_for(ask, proxy, core_api, namespace):
    ask(config_maps(namespace, "one", "two", "three"))
    proxy.faults.add(Fault("api_error", f"DELETE /api/v1/namespaces/{namespace}/configmaps/two", times=None))
    task = config_maps(namespace, "one", "two", "three")
    task[WORKLOAD]["state"] = "absent"
    result = ask(task)
    # Removed in the opposite order.
    assert [(row["name"], row["action"]) for row in result["actions"]] == [
        ("three", "deleted"),
        ("two", "failed"),
        ("one", "not_reached"),
    ]
    assert f"Failed to delete ConfigMap {namespace}/two" in result["msg"]
    stored = {item.metadata.name for item in core_api.list_namespaced_config_map(namespace).items}
    assert stored >= {"one", "two"}
    assert "three" not in stored


def test_a_replacement_that_fails_after_the_deletion_says_that_the_object_is_gone(ask, proxy, namespace):
    job = {"kind": "Job", "suspend": True, "recreate": True, "wait_sleep": 1}
    ask(agent(namespace, **job))
    # The first apply is refused by the API server itself, since a Job's image can't change.
    proxy.faults.add(Fault("api_error", f"PATCH /apis/batch/v1/namespaces/{namespace}/jobs/agent", times=None, after=1))
    task = agent(namespace, **job)
    task[WORKLOAD]["image"] = "registry.example/agent:2"
    result = ask(task)
    assert f"Failed to apply Job {namespace}/agent" in result["msg"]
    assert "It was deleted to be made anew and is not back: run the task again." in result["msg"]
    assert result["actions"][0]["action"] == "deleted"
    assert result["changed"]


def test_the_one_verb_that_rbac_withholds_is_named_with_what_was_done_before(ask, api, proxy, namespace):
    rbac = client.RbacAuthorizationV1Api(api)
    rules = [
        {"apiGroups": [""], "resources": ["configmaps"], "verbs": ["get", "patch", "create"]},
        {"apiGroups": [""], "resources": ["serviceaccounts"], "verbs": ["get"]},
    ]
    rbac.create_namespaced_role(namespace, {"metadata": {"name": "some"}, "rules": rules})
    group = "rbac.authorization.k8s.io"
    rbac.create_namespaced_role_binding(
        namespace,
        {
            "metadata": {"name": "some"},
            "roleRef": {"apiGroup": group, "kind": "Role", "name": "some"},
            "subjects": [{"apiGroup": group, "kind": "User", "name": "alice"}],
        },
    )
    task = config_maps(namespace, "one", "two")
    account = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "agent", "namespace": namespace}}
    task[WORKLOAD]["definition"].insert(1, account)
    task[WORKLOAD]["impersonate_user"] = "alice"
    result = ask(task)
    assert f'user "alice" may not patch serviceaccounts in namespace "{namespace}" (403 Forbidden)' in result["msg"]
    assert 'Grant the verb "patch" on "serviceaccounts"' in result["msg"]
    assert [row["action"] for row in result["actions"]] == ["created", "failed", "not_reached"]
    assert [call.status for call in proxy.calls if "serviceaccounts" in call.path] == [404, 404, 403]


@pytest.mark.parametrize(
    "fault",
    [
        Fault("api_drop_answer", "GET /api/v1/pods", after=1),
        Fault("api_drop_request", "GET /api/v1/pods", after=1),
        Fault("api_error", "GET /api/v1/pods", after=1),
        Fault("api_busy", "GET /api/v1/pods", after=1),
        Fault("api_silent", "GET /api/v1/pods", after=1),
    ],
    ids=lambda fault: fault.kind,
)
def test_a_list_goes_on_where_it_broke_off(ask, proxy, core_api, namespace, fault):
    spec = {
        "hostNetwork": True,
        "securityContext": {"windowsOptions": {"hostProcess": True, "runAsUserName": "NT AUTHORITY\\SYSTEM"}},
        "containers": [{"name": "main", "image": IMAGE}],
        "nodeSelector": {"pool": "nowhere"},
    }
    for number in range(5):
        core_api.create_namespaced_pod(
            namespace, {"metadata": {"name": f"agent-{number}", "labels": {"of": namespace}}, "spec": spec}
        )
    proxy.faults.add(fault)
    result = ask({INFO: {"label_selectors": [f"of={namespace}"], "page_size": 2, "request_timeout": 2}})
    assert proxy.faults.struck == [fault.kind]
    assert [row["pod"] for row in result["containers"]] == [f"agent-{number}" for number in range(5)]


def test_a_list_whose_token_expires_between_two_pages_returns_no_half_list(ask, proxy, core_api, namespace):
    proxy.faults.add(Fault("api_token_expired", "GET /api/v1/pods", times=None))
    result = ask({INFO: {}})
    assert result["failed"]
    assert "Failed to list Pod objects: the API server does not accept the credentials (401" in result["msg"]
    assert "containers" not in result
