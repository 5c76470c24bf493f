# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

import copy
import json
import uuid

import pytest
import yaml
from integration.workload.support import CORES, ROOT
from kubernetes import client
from kubernetes.client.exceptions import ApiException

pytestmark = pytest.mark.controlplane

MODULE = "kubewin.hostprocess.workload"
IMAGE = "registry.example/agent:1"
ENFORCE = "pod-security.kubernetes.io/enforce"
PUBLISHED = ROOT / "tests" / "unit" / "plugins" / "module_utils" / "cluster" / "published_shapes.yaml"


def agent(namespace: str, **options) -> dict:
    base = {"name": "agent", "namespace": namespace, "image": IMAGE, "command": ["agent.exe"]}
    return {MODULE: {**base, **options}}


def definition(kind: str = "DaemonSet", namespace: str = "default", **pod_spec) -> dict:
    """A workload with one correct HostProcess container, its pod's spec changed as told."""
    spec = {
        "hostNetwork": True,
        "securityContext": {"windowsOptions": {"hostProcess": True, "runAsUserName": "NT AUTHORITY\\SYSTEM"}},
        "nodeSelector": {"kubernetes.io/os": "windows"},
        "containers": [{"name": "agent", "image": IMAGE}],
        **pod_spec,
    }
    metadata = {"name": "agent", "namespace": namespace}
    if kind == "Pod":
        return {"apiVersion": "v1", "kind": kind, "metadata": metadata, "spec": spec}
    labels = {"app": "agent"}
    template = {"metadata": {"labels": labels}, "spec": spec}
    workload = {"selector": {"matchLabels": labels}, "template": template}
    return {"apiVersion": "apps/v1", "kind": kind, "metadata": metadata, "spec": workload}


@pytest.mark.parametrize("core", CORES)
def test_a_second_run_changes_nothing_and_check_mode_and_diff_tell_the_truth(play, namespace, apps_api, core):
    foreseen, applied, again, changed = play(
        {**agent(namespace), "check_mode": True, "diff": True},
        agent(namespace),
        {**agent(namespace), "diff": True},
        {**agent(namespace, image="registry.example/agent:2"), "check_mode": True, "diff": True},
        core=core,
    )
    assert foreseen["changed"]
    assert foreseen["actions"] == applied["actions"]
    assert applied["actions"] == [{"kind": "DaemonSet", "namespace": namespace, "name": "agent", "action": "created"}]
    assert not again["changed"]
    assert again["diff"] == []
    assert changed["actions"][0]["action"] == "updated"
    (difference,) = changed["diff"]
    container = {"name": "agent"}
    assert difference["before"] == {
        "spec": {"template": {"spec": {"containers": [{**container, "image": "registry.example/agent:1"}]}}}
    }
    assert difference["after"] == {
        "spec": {"template": {"spec": {"containers": [{**container, "image": "registry.example/agent:2"}]}}}
    }
    stored = apps_api.read_namespaced_daemon_set("agent", namespace)
    assert stored.spec.template.spec.containers[0].image == IMAGE, "check mode stores nothing"


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("DaemonSet", {"update_strategy": {"type": "OnDelete"}}),
        ("Deployment", {"replicas": 2}),
        ("StatefulSet", {"replicas": 1, "service_name": "agent"}),
        ("Job", {"backoff_limit": 0, "suspend": True}),
        ("CronJob", {"schedule": "15 3 * * *"}),
        ("Pod", {}),
    ],
)
def test_every_kind_is_applied_unchanged_a_second_time_and_removed(call, namespace, kind, options):
    everything = {
        "env": {"COUNT": 3, "NODE": {"fieldRef": {"fieldPath": "spec.nodeName"}}},
        "resources": {"limits": {"cpu": "500m", "memory": "128Mi"}},
        "volumes": [{"name": "state", "emptyDir": {}}],
        "volume_mounts": [{"name": "state", "mountPath": "/state"}],
        "labels": {"team": "edge"},
        "annotations": {"example.com/owner": "edge"},
        **options,
    }
    task = agent(namespace, kind=kind, **everything)
    gone = {
        MODULE: {
            "kind": kind,
            "name": "agent",
            "namespace": namespace,
            "state": "absent",
            "wait": True,
            "wait_sleep": 1,
        }
    }
    applied, again, removed, removed_again = call(task, task, gone, gone)
    assert applied["actions"][0]["action"] == "created"
    assert not again["changed"], again
    assert removed["actions"][0]["action"] == "deleted"
    assert not removed_again["failed"]
    assert not removed_again["changed"]


def test_a_conflict_names_the_field_and_its_manager_and_can_be_forced(call, namespace, apps_api):
    call(agent(namespace))
    apps_api.patch_namespaced_daemon_set(
        "agent",
        namespace,
        {"spec": {"minReadySeconds": 7}},
        field_manager="kubectl-edit",
    )
    refused, forced = call(
        agent(namespace, min_ready_seconds=3), agent(namespace, min_ready_seconds=3, force_conflicts=True)
    )
    assert '.spec.minReadySeconds is managed by "kubectl-edit"' in refused["msg"]
    assert "force_conflicts" in refused["msg"]
    assert forced["changed"]


def test_a_field_of_another_manager_is_kept(call, namespace, apps_api):
    call(agent(namespace))
    apps_api.patch_namespaced_daemon_set("agent", namespace, {"spec": {"minReadySeconds": 7}}, field_manager="other")
    (again,) = call(agent(namespace))
    assert not again["changed"]
    assert apps_api.read_namespaced_daemon_set("agent", namespace).spec.min_ready_seconds == 7


BROKEN = {
    "pod and container contradict each other": definition(
        containers=[
            {"name": "agent", "image": IMAGE, "securityContext": {"windowsOptions": {"hostProcess": False}}},
        ]
    ),
    "an ordinary container beside a HostProcess container": definition(
        securityContext={},
        containers=[
            {"name": "agent", "image": IMAGE, "securityContext": {"windowsOptions": {"hostProcess": True}}},
            {"name": "ordinary", "image": IMAGE},
        ],
    ),
    "no host network": definition(hostNetwork=False),
    "a user name without a user": definition(
        securityContext={"windowsOptions": {"hostProcess": True, "runAsUserName": "NT AUTHORITY\\"}}
    ),
}


def api_servers_words(apps_api: client.AppsV1Api, broken: dict) -> list[str]:
    with pytest.raises(ApiException) as refused:
        apps_api.create_namespaced_daemon_set("default", broken, dry_run="All")
    return [f"{cause['field']}: {cause['message']}" for cause in json.loads(refused.value.body)["details"]["causes"]]


@pytest.mark.parametrize("rule", BROKEN)
def test_what_the_api_server_would_refuse_is_refused_in_its_words_before_it_is_called(call, apps_api, listener, rule):
    broken = BROKEN[rule]
    said = api_servers_words(apps_api, broken)
    address = f"https://127.0.0.1:{listener.server_address[1]}"
    (result,) = call({MODULE: {"definition": broken, "host": address, "api_key": "none", "kubeconfig": {}}})
    assert result["failed"]
    assert "; ".join(said) in result["msg"]
    assert listener.connections == 0


def test_a_correct_definition_does_reach_the_address_that_the_refused_ones_did_not(call, listener):
    address = f"https://127.0.0.1:{listener.server_address[1]}"
    (result,) = call({MODULE: {"definition": definition(), "host": address, "api_key": "none", "kubeconfig": {}}})
    assert "can't be reached" in result["msg"]
    assert listener.connections > 0


@pytest.mark.parametrize("level", ["baseline", "restricted"])
@pytest.mark.parametrize("kind", ["DaemonSet", "Deployment", "Pod"])
def test_a_namespace_that_forbids_the_pods_is_told_of_with_the_label_before_anything_is_stored(
    call, core_api, namespace, level, kind
):
    core_api.patch_namespace(namespace, {"metadata": {"labels": {"pod-security.kubernetes.io/enforce": level}}})
    (refused,) = call(agent(namespace, kind=kind))
    assert "pod-security.kubernetes.io/enforce=privileged" in refused["msg"]
    assert f'namespace "{namespace}"' in refused["msg"]
    assert f'"{level}:latest"' in refused["msg"]
    (absent,) = call({MODULE: {"kind": kind, "name": "agent", "namespace": namespace, "state": "absent"}})
    assert not absent["changed"], "nothing was stored"


def config_map(namespace: str) -> dict:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "settings", "namespace": namespace}}


def test_of_several_objects_none_is_stored_where_the_pods_of_the_last_are_forbidden(call, core_api, namespace):
    core_api.patch_namespace(namespace, {"metadata": {"labels": {ENFORCE: "restricted"}}})
    objects = {"definition": [config_map(namespace), definition(namespace=namespace)]}
    results = call({MODULE: objects}, {MODULE: objects, "check_mode": True})
    for refused in results:
        assert f'DaemonSet {namespace}/agent would get no pods: PodSecurity "restricted:latest"' in refused["msg"]
        assert [row["action"] for row in refused["actions"]] == ["not_reached", "failed"]
        assert not refused["changed"]
        assert f"changed before that: none; not reached: ConfigMap {namespace}/settings." in refused["msg"]
    assert "settings" not in {one.metadata.name for one in core_api.list_namespaced_config_map(namespace).items}


def test_a_service_account_that_is_still_to_come_does_not_hide_that_the_pods_are_forbidden(call, core_api, namespace):
    core_api.patch_namespace(namespace, {"metadata": {"labels": {ENFORCE: "restricted"}}})
    (refused,) = call(agent(namespace, service_account="agent", create_service_account=True))
    assert f"DaemonSet {namespace}/agent would get no pods" in refused["msg"]
    assert "agent" not in {one.metadata.name for one in core_api.list_namespaced_service_account(namespace).items}


def test_what_admission_objects_to_first_is_asked_for_again_once_it_is_there(call, core_api, namespace):
    """The runtime class is looked for before PodSecurity is asked, and is made by the same task."""
    core_api.patch_namespace(namespace, {"metadata": {"labels": {ENFORCE: "restricted"}}})
    runtime_class = {
        "apiVersion": "node.k8s.io/v1",
        "kind": "RuntimeClass",
        "metadata": {"name": namespace},
        "handler": "runhcs-wcow-process",
    }
    objects = {"definition": [runtime_class, definition(namespace=namespace, runtimeClassName=namespace)]}
    refused, _removed = call({MODULE: objects}, {MODULE: {"definition": runtime_class, "state": "absent"}})
    assert f"DaemonSet {namespace}/agent would get no pods" in refused["msg"]
    assert [row["action"] for row in refused["actions"]] == ["created", "failed"]


def namespace_object(name: str, level: str) -> dict:
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": {ENFORCE: level}}}


@pytest.mark.parametrize("kind", ["DaemonSet", "Pod"])
def test_a_namespace_that_the_task_opens_admits_the_pods_in_check_mode_too(call, namespace, kind):
    opened = {
        MODULE: {"definition": [namespace_object(namespace, "privileged"), definition(kind, namespace)]},
    }
    _closed, foreseen, applied, again, foreseen_again = call(
        {MODULE: {"definition": namespace_object(namespace, "restricted")}},
        {**opened, "check_mode": True},
        opened,
        opened,
        {**opened, "check_mode": True},
    )
    assert not foreseen["failed"], foreseen["msg"]
    assert [row["action"] for row in applied["actions"]] == ["updated", "created"]
    assert foreseen["actions"] == applied["actions"]
    assert not again["changed"]
    assert not foreseen_again["changed"]


@pytest.mark.parametrize("kind", ["DaemonSet", "Pod"])
def test_a_namespace_that_the_task_closes_forbids_the_pods_in_check_mode_too(call, namespace, kind):
    closing = {MODULE: {"definition": [namespace_object(namespace, "baseline"), definition(kind, namespace)]}}
    foreseen, refused = call({**closing, "check_mode": True}, closing)
    for result in (foreseen, refused):
        assert f'PodSecurity "baseline:latest" of namespace "{namespace}" forbids HostProcess pods' in result["msg"]
    assert [row["action"] for row in refused["actions"]] == ["updated", "failed"]
    assert foreseen["actions"] == refused["actions"]


def test_a_namespace_to_come_that_forbids_the_pods_is_foreseen(call, core_api):
    name = f"test-{uuid.uuid4().hex[:8]}"
    task = {MODULE: {"definition": [namespace_object(name, "baseline"), definition(namespace=name)]}}
    foreseen, refused = call({**task, "check_mode": True}, task)
    core_api.delete_namespace(name)
    assert refused["failed"]
    assert foreseen["msg"] == refused["msg"]


def test_a_pod_that_stays_as_it_is_may_stay_in_a_namespace_that_gets_stricter(call, namespace):
    closing = {MODULE: {"definition": [namespace_object(namespace, "baseline"), definition("Pod", namespace)]}}
    _created, foreseen, applied = call(
        {MODULE: {"definition": definition("Pod", namespace)}}, {**closing, "check_mode": True}, closing
    )
    assert [row["action"] for row in applied["actions"]] == ["updated", "unchanged"]
    assert foreseen["actions"] == applied["actions"]


def test_the_namespace_and_service_account_are_made_on_demand_and_foreseen_in_check_mode(call, core_api):
    name = f"test-{uuid.uuid4().hex[:8]}"
    task = agent(name, create_namespace=True, service_account="agent", create_service_account=True)
    foreseen, applied, again = call({**task, "check_mode": True}, task, task)
    kinds = [action["kind"] for action in applied["actions"]]
    assert kinds == ["Namespace", "ServiceAccount", "DaemonSet"]
    assert foreseen["actions"] == applied["actions"]
    assert not again["changed"]
    labels = core_api.read_namespace(name).metadata.labels
    assert labels["pod-security.kubernetes.io/enforce"] == "privileged"
    core_api.delete_namespace(name)


def test_an_immutable_field_is_explained_and_recreated_only_when_asked(call, namespace):
    job = {"kind": "Job", "suspend": True}
    refused, recreated, again = call(
        agent(namespace, **job),
        agent(namespace, **job, image="registry.example/agent:2"),
        agent(namespace, **job, image="registry.example/agent:2", recreate=True, wait_sleep=1),
        agent(namespace, **job, image="registry.example/agent:2", recreate=True),
    )[1:]
    assert refused["failed"]
    assert "recreate" in refused["msg"]
    assert recreated["actions"][0]["action"] == "recreated"
    assert not again["changed"]


def test_manifests_come_from_text_of_several_documents_and_from_a_file(call, namespace, tmp_path):
    path = tmp_path / "manifests.yaml"
    path.write_text(
        "---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: settings}\ndata: {a: b}\n---\n"
        "apiVersion: v1\nkind: List\nitems:\n- {apiVersion: v1, kind: ConfigMap, metadata: {name: more}}\n"
    )
    from_file, from_text, removed = call(
        {MODULE: {"src": str(path), "namespace": namespace}},
        {MODULE: {"definition": path.read_text(), "namespace": namespace}},
        {MODULE: {"src": str(path), "namespace": namespace, "state": "absent", "wait": True, "wait_sleep": 1}},
    )
    assert [action["name"] for action in from_file["actions"]] == ["settings", "more"]
    assert not from_text["changed"]
    assert [action["name"] for action in removed["actions"]] == ["more", "settings"]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"name": "agent", "image": IMAGE, "schedule": "* * * * *"}, "schedule does not apply to kind DaemonSet"),
        ({"name": "agent"}, "image is required"),
        ({"definition": {"kind": "Pod"}}, "has no apiVersion and no metadata.name"),
        ({"definition": "a: [b"}, "Failed to read manifests from the definition"),
        ({"src": "/nowhere/manifests.yaml"}, "/nowhere/manifests.yaml"),
        ({"definition": {}, "name": "agent"}, "mutually exclusive"),
        ({"definition": definition(), "image": IMAGE}, "mutually exclusive"),
        ({}, "one of the following is required: name, definition, src"),
        ({"definition": {**definition(), "kind": "Nothing"}}, "Nothing"),
        ({"name": "agent", "image": IMAGE, "namespace": "not-there"}, 'namespace "not-there" does not exist'),
    ],
)
def test_bad_input_is_explained(call, options, said):
    (result,) = call({MODULE: copy.deepcopy(options)})
    assert result["failed"]
    assert said in result["msg"]


def test_published_workloads_are_applied_as_they_are_and_unchanged_a_second_time(call, namespace):
    shapes = list(yaml.safe_load_all(PUBLISHED.read_text()))
    for shape in shapes:
        shape["metadata"]["namespace"] = namespace
    applied, again = call({MODULE: {"definition": shapes}}, {MODULE: {"definition": shapes}})
    assert {action["action"] for action in applied["actions"]} == {"created"}
    assert len(applied["actions"]) == len(shapes)
    assert not again["changed"]
