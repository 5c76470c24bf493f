# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

import pytest
import yaml

from ansible_collections.kubewin.hostprocess.plugins.module_utils.manifest import documents
from ansible_collections.kubewin.hostprocess.plugins.module_utils.manifest.errors import UnreadableManifestError

TEXT = """\
---
# first, empty
---
kind: Pod
metadata:
  name: a
  annotations:
    example.com/some.key: x
spec:
  containers:
    - name: c
      image: i
    - {name: d, securityContext: {windowsOptions: {hostProcess: true}}}
---
kind: List
items:
  - kind: Pod
    metadata: {name: b}
  - kind: PodList
    items:
      - kind: Pod
        metadata:
          name: e
"""


@pytest.fixture
def found():
    return documents.from_text(TEXT, "a.yaml")


def test_all_objects_of_all_documents_are_found(found):
    assert [document.body["metadata"]["name"] for document in found] == ["a", "b", "e"]
    assert {document.source for document in found} == {"a.yaml"}


@pytest.mark.parametrize(
    ("place", "field", "line"),
    [
        (0, "metadata.name", 6),
        (0, "metadata.annotations[example.com/some.key]", 8),
        (0, "spec.containers[0].image", 12),
        (0, "spec.containers[1].securityContext.windowsOptions.hostProcess", 13),
        (0, "spec.containers[0].resources.limits.memory", 11),
        (0, "spec.containers[7]", 10),
        (0, "spec.hostNetwork", 9),
        (0, "nothing.at.all", 4),
        (1, "metadata.name", 18),
        (2, "metadata.name", 23),
        (2, "spec", 21),
    ],
)
def test_a_field_has_its_line_or_that_of_what_is_around_it(found, place, field, line):
    assert found[place].line(field) == line


LIST = """
apiVersion: apps/v1
kind: DaemonSetList
items:
  - metadata: {name: a}
  - {kind: ReplicaSet, metadata: {name: b}}
"""


@pytest.mark.parametrize(
    "read", [documents.from_text, lambda text, name: documents.from_value(yaml.safe_load(text), name)]
)
def test_members_of_a_list_of_one_kind_are_of_that_kind(read):
    first, second = (document.body for document in read(LIST, "a.yaml"))
    assert first == {"apiVersion": "apps/v1", "kind": "DaemonSet", "metadata": {"name": "a"}}
    assert second == {"apiVersion": "apps/v1", "kind": "ReplicaSet", "metadata": {"name": "b"}}


def test_data_has_no_lines():
    (document,) = documents.from_value({"kind": "Pod"}, "definition")
    assert document.line("spec") is None


@pytest.mark.parametrize(
    "text",
    [
        "a: [",
        "just text",
        "- 1",
        "a: b\n  c: d",
        "!!python/object:os.system {}",
        "a: *nowhere",
        "a: !!timestamp 2020-13-45",
        f"a: {'9' * 5000}",
        "&all [*all]",
        "&all {kind: List, items: [*all]}",
        "[" * 3000 + "]" * 3000,
    ],
)
def test_text_that_is_no_manifest_names_its_source(text):
    with pytest.raises(UnreadableManifestError, match=r"broken\.yaml"):
        documents.from_text(text, "broken.yaml")


def test_what_looks_like_a_date_stays_the_text_that_it_is():
    (document,) = documents.from_text("{metadata: {annotations: {day: 2024-01-31, start: 12:34}}}", "a.yaml")
    assert document.body["metadata"]["annotations"] == {"day": "2024-01-31", "start": "12:34"}


@pytest.mark.parametrize("value", ["text", 1, [1]])
def test_data_that_is_no_manifest_is_refused(value):
    with pytest.raises(UnreadableManifestError, match="definition"):
        documents.from_value(value, "definition")


def test_an_empty_text_has_no_objects():
    assert documents.from_text("", "a.yaml") == documents.from_text("---\n", "a.yaml") == []


def test_folders_are_searched_for_manifests_in_order(tmp_path):
    for name in ("b.yaml", "a.yml", "deep/c.json", "notes.txt"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text("{}")
    files = documents.manifest_files([str(tmp_path), str(tmp_path / "b.yaml"), "given.txt"])
    names = [file.removeprefix(f"{tmp_path}/") for file in files]
    assert names == ["a.yml", "b.yaml", "deep/c.json", "given.txt"]


def test_a_folder_without_manifests_is_an_error(tmp_path):
    with pytest.raises(UnreadableManifestError, match="no file below"):
        documents.manifest_files([str(tmp_path)])


def test_a_file_that_is_missing_or_no_text_is_an_error_that_names_it(tmp_path):
    with pytest.raises(UnreadableManifestError, match=r"missing\.yaml"):
        documents.from_file(str(tmp_path / "missing.yaml"))
    binary = tmp_path / "binary.yaml"
    binary.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(UnreadableManifestError, match=r"binary\.yaml"):
        documents.from_file(str(binary))
    with pytest.raises(UnreadableManifestError, match="null"):
        documents.from_file("\0")


def test_data_that_contains_itself_is_refused():
    value = {"kind": "List"}
    value["items"] = [value]
    with pytest.raises(UnreadableManifestError, match="contains itself"):
        documents.from_value(value, "definition")
