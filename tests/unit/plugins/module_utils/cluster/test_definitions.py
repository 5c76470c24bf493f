# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Manifests as people write them, and as they should not: read whole, or refused in plain words."""

from __future__ import annotations

import pytest

from ansible_collections.kubewin.hostprocess.plugins.module_utils.cluster.definitions import definitions_to_apply
from ansible_collections.kubewin.hostprocess.plugins.module_utils.cluster.errors import ClusterError

CONFIG_MAP = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "one"}}


def read(definition=None, src=None) -> list[dict]:
    return definitions_to_apply({"definition": definition, "src": src, "create_namespace": False})


def names(definitions: list[dict]) -> list[str]:
    return [f"{one['kind']}/{one['metadata']['name']}" for one in definitions]


@pytest.mark.parametrize(
    ("definition", "said"),
    [
        (5, "a manifest is a mapping with apiVersion and kind, not 5"),
        ("just text", "a manifest is a mapping with apiVersion and kind, not 'just text'"),
        ([CONFIG_MAP, "- 1"], "a manifest is a mapping with apiVersion and kind, not 1"),
        ({"apiVersion": "v1", "kind": "List", "items": [None, 5]}, "not 5"),
        ("kind: [", "while parsing"),
        ("kind: *nowhere", "undefined alias"),
        ("date: !!timestamp 2020-13-45", "month must be in 1..12"),
        ("!!python/object/apply:os.system ['exit']", "could not determine a constructor"),
        ("&all [*all]", "an alias in it contains itself"),
        ("&all {kind: List, items: [*all]}", "an alias in it contains itself"),
        ("&all {apiVersion: v1, kind: ConfigMap, metadata: {name: a}, data: *all}", "Circular reference"),
        ("[" * 3000 + "]" * 3000, "nested too deeply"),
        ("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata: {a: .nan}", "not JSON compliant"),
        ("", "There are no manifests in the definition"),
        ("---\n# nothing\n---\n", "There are no manifests in the definition"),
        ([], "There are no manifests in the definition"),
        ({}, "There are no manifests in the definition"),
        ({"apiVersion": "v1", "kind": "List", "items": None}, "There are no manifests in the definition"),
        ({"kind": "ConfigMap"}, "Manifest 1 of the definition has no apiVersion and no metadata.name."),
        ([CONFIG_MAP, {**CONFIG_MAP, "metadata": None}], "Manifest 2 of the definition has no metadata.name."),
        ({**CONFIG_MAP, "metadata": ["a"]}, "Manifest 1 of the definition has metadata that is no mapping: ['a']."),
        (
            {**CONFIG_MAP, "metadata": {"name": 5}},
            "has an unusable metadata.name, which is no text: 5. Put",
        ),
        (
            {**CONFIG_MAP, "metadata": {"name": "a", "namespace": 7}},
            "unusable metadata.namespace, which is no text: 7",
        ),
        ({**CONFIG_MAP, "kind": True}, "has an unusable kind, which is no text: True"),
        ({**CONFIG_MAP, "apiVersion": 1}, "has an unusable apiVersion, which is no text: 1"),
    ],
)
def test_what_is_no_manifest_is_refused_in_plain_words(definition, said):
    with pytest.raises(ClusterError) as raised:
        read(definition)
    assert said in str(raised.value)
    assert "attribute" not in str(raised.value), "no words of Python"


DATED = "{apiVersion: v1, kind: ConfigMap, metadata: {name: one, annotations: {day: 2024-01-31, start: 12:34}}}"


def test_what_looks_like_a_date_stays_the_text_that_it_is(tmp_path):
    path = tmp_path / "dated.yaml"
    path.write_text(DATED)
    for (found,) in (read(DATED), read([DATED]), read(src=str(path))):
        assert found["metadata"]["annotations"] == {"day": "2024-01-31", "start": "12:34"}


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"\x89PNG\r\n\x1a\n\x00\x00", "Failed to read manifests from the file"),
        (b"\x1f\x8b\x08\x00\xff\xfe", "Failed to read manifests from the file"),
        (b"\x00" * 100, "Failed to read manifests from the file"),
        (b"", "There are no manifests in the file"),
    ],
)
def test_a_file_that_is_no_manifest_is_named(tmp_path, content, said):
    path = tmp_path / "a.yaml"
    path.write_bytes(content)
    with pytest.raises(ClusterError, match=f"{said} {path}"):
        read(src=str(path))


def test_a_file_that_is_missing_or_a_folder_is_named(tmp_path):
    for path, why in ((tmp_path / "missing.yaml", "No such file"), (tmp_path, "Is a directory")):
        with pytest.raises(ClusterError, match=f"from the file {path}: .*{why}"):
            read(src=str(path))


def test_lists_of_lists_are_opened_and_what_is_empty_is_left_out():
    inner = {"apiVersion": "v1", "kind": "List", "items": [CONFIG_MAP, None, {}]}
    outer = {"apiVersion": "v1", "kind": "List", "items": [inner, {"apiVersion": "v1", "kind": "List", "items": []}]}
    assert names(read([outer, None, [CONFIG_MAP]])) == ["ConfigMap/one", "ConfigMap/one"]


def test_members_of_a_typed_list_may_leave_out_what_they_are():
    (found,) = read({"apiVersion": "apps/v1", "kind": "DaemonSetList", "items": [{"metadata": {"name": "a"}}]})
    assert (found["apiVersion"], found["kind"]) == ("apps/v1", "DaemonSet")


def test_a_kind_of_somebody_elses_whose_name_ends_in_list_is_an_object():
    mine = {"apiVersion": "example.com/v1", "kind": "AllowList", "metadata": {"name": "a"}, "spec": {"items": 1}}
    assert read(mine) == [mine]


def test_what_an_anchor_shares_is_not_shared_between_objects():
    text = """
apiVersion: v1
kind: List
items:
  - {apiVersion: v1, kind: Namespace, metadata: &same {name: agents}}
  - {apiVersion: v1, kind: ConfigMap, metadata: *same}
"""
    namespace, config_map = read(text)
    config_map["metadata"]["namespace"] = "agents"
    assert "namespace" not in namespace["metadata"]


def test_names_of_any_script_and_length_are_the_api_servers_to_judge():
    for name in ("größe", "\u202e😀", "x" * 100_000):
        assert read({**CONFIG_MAP, "metadata": {"name": name}})[0]["metadata"]["name"] == name
