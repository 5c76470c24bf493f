# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Names and manifests that should not be: nothing but what was meant is touched, and the answer says what is wrong."""

from __future__ import annotations

import pytest

pytestmark = pytest.mark.controlplane

WORKLOAD = "kubewin.hostprocess.workload"


def config_map(name: str, namespace: str | None, text: str = "b") -> dict:
    metadata = {"name": name, **({"namespace": namespace} if namespace else {})}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {"a": text}}


@pytest.mark.parametrize("name", ["..", "?", "../..", "keep?dryRun=All", "%2e%2e", "#", "."])
def test_a_name_that_is_a_path_removes_nothing(call, core_api, apps_api, namespace, name):
    call({WORKLOAD: {"name": "keep", "namespace": namespace, "image": "registry.example/agent:1"}})
    core_api.create_namespaced_config_map(namespace, {"metadata": {"name": "keep"}})
    results = call(
        {WORKLOAD: {"name": name, "namespace": namespace, "state": "absent"}},
        {WORKLOAD: {"definition": config_map(name, namespace), "state": "absent"}},
        {WORKLOAD: {"definition": [config_map("before", namespace), config_map(name, namespace)]}},
    )
    for result in results:
        assert result["failed"]
        assert f"can't be asked for: its name is {name!r}" in result["msg"]
    assert core_api.read_namespace(namespace).metadata.deletion_timestamp is None
    assert apps_api.read_namespaced_daemon_set("keep", namespace)
    stored = {one.metadata.name for one in core_api.list_namespaced_config_map(namespace).items}
    assert "keep" in stored
    assert "before" not in stored, "what can't be is seen before anything is applied"


@pytest.mark.parametrize(
    ("definition", "said"),
    [
        ({"apiVersion": "v1", "kind": "Nope"}, "The API server knows no kind Nope of apiVersion v1."),
        ({"apiVersion": "nope.example/v1", "kind": "Nope"}, "knows no kind Nope of apiVersion nope.example/v1."),
        ({"apiVersion": "a/b/c", "kind": "Pod"}, "knows no kind Pod of apiVersion a/b/c."),
        (config_map("größe", None), 'metadata.name: Invalid value: "größe": a lowercase RFC 1123 subdomain'),
        (config_map("x" * 300, None), "must be no more than 253"),
        ({**config_map("a", None), "data": {"a": 5}}, "does not fit its kind: .data.a: expected string"),
        ({**config_map("a", None), "nope": 5}, "does not fit its kind: .nope: field not declared in schema. Correct"),
    ],
)
def test_what_the_api_server_does_not_take_is_told_in_one_line(call, definition, said, namespace):
    (result,) = call({WORKLOAD: {"definition": {"metadata": {"name": "a"}, **definition}, "namespace": namespace}})
    assert result["failed"]
    assert said in result["msg"]
    assert "\n" not in result["msg"]


def test_text_of_any_script_arrives_as_it_is(call, core_api, namespace):
    text = "größe, размер, \U0001f600, \u202e, \\ud83d, \t'\"\n#: - [x]"
    results = call(*[{WORKLOAD: {"definition": config_map("a", namespace, text)}}] * 2)
    assert [result["failed"] for result in results] == [False, False], results
    assert core_api.read_namespaced_config_map("a", namespace).data == {"a": text}
    assert [result["changed"] for result in results] == [True, False]


def test_objects_that_share_their_metadata_stay_apart(call, core_api, namespace):
    text = f"""
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: &same {{name: "{namespace}"}}
rules: []
---
apiVersion: v1
kind: List
items:
  - {{apiVersion: rbac.authorization.k8s.io/v1, kind: ClusterRole, metadata: &one {{name: "{namespace}"}}, rules: []}}
  - {{apiVersion: v1, kind: ConfigMap, metadata: *one}}
"""
    (result,) = call({WORKLOAD: {"definition": text, "namespace": namespace}})
    assert not result["failed"], result.get("msg")
    assert core_api.read_namespaced_config_map(namespace, namespace)
    assert "namespace" not in result["resources"][0]["metadata"]
    call({WORKLOAD: {"definition": text, "namespace": namespace, "state": "absent"}})


def test_a_namespace_that_is_null_is_that_of_the_task(call, core_api, namespace):
    definition = config_map("a", None)
    definition["metadata"]["namespace"] = None
    (result,) = call({WORKLOAD: {"definition": definition, "namespace": namespace}})
    assert not result["failed"], result.get("msg")
    assert core_api.read_namespaced_config_map("a", namespace)
