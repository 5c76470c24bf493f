# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

import json

import pytest
import yaml

from ansible_collections.kubewin.hostprocess.plugins.module_utils.manifest.errors import ManifestCheckError
from ansible_collections.kubewin.hostprocess.plugins.module_utils.rules.lint import RULES
from ansible_collections.kubewin.hostprocess.plugins.modules import manifest_check

POD = {
    "apiVersion": "v1",
    "kind": "Pod",
    "metadata": {"name": "p"},
    "spec": {
        "securityContext": {"windowsOptions": {"hostProcess": True, "runAsUserName": "NT AUTHORITY\\SYSTEM"}},
        "containers": [{"name": "a"}],
    },
}
DEFAULTS = {name: spec.get("default") for name, spec in manifest_check.ARGUMENT_SPEC.items()}


def run(check_mode=False, **options):
    return manifest_check.run({**DEFAULTS, **options}, check_mode)


def keys(documented, returned, path=""):
    """The keys that a result and its documentation don't share."""
    for name in set(documented) ^ set(returned):
        yield f"{path}{name}"
    for name, entry in documented.items():
        if "contains" in entry and returned.get(name):
            inner = returned[name][0] if isinstance(returned[name], list) else returned[name]
            yield from keys(entry["contains"], inner, f"{path}{name}.")


def test_what_is_returned_is_what_is_documented():
    result = run(definition=POD)
    assert list(keys(yaml.safe_load(manifest_check.RETURN), {k: v for k, v in result.items() if k != "changed"})) == []


def test_files_and_data_are_checked_together(tmp_path):
    one, folder = tmp_path / "one.yaml", tmp_path / "more"
    folder.mkdir()
    for path in (one, folder / "two.yml"):
        path.write_text(yaml.safe_dump(POD))
    result = run(src=str(one), manifests=[str(folder)], definition=yaml.safe_dump(POD))
    refused = [found["source"] for found in result["findings"] if found["code"] == "HPA001"]
    assert refused == [str(one), str(folder / "two.yml"), "definition"]
    assert result["summary"]["error"] == 3


def test_an_ordinary_manifest_passes():
    result = run(definition={"apiVersion": "v1", "kind": "Service", "metadata": {"name": "s"}})
    assert result["passed"]
    assert result["findings"] == []
    assert result["report"] == "nothing found\n"


def test_what_passes_depends_on_fail_on():
    fine = {**POD, "spec": {**POD["spec"], "hostNetwork": True}}
    assert run(definition=fine)["passed"]
    assert not run(definition=fine, fail_on="warning")["passed"]
    assert run(definition=POD, fail_on="never")["passed"]


def test_options_reach_the_rules():
    codes = {found["code"] for found in run(definition=POD, ignore=sorted(RULES))["findings"]}
    assert codes == {"HPA001"}
    privileged = run(definition=POD, allow_privileged=False)["summary"]["error"]
    gate = {"WindowsHostProcessContainers": True}
    assert privileged == 2
    assert run(definition=POD, kubernetes_version="1.22")["findings"][0]["message"].startswith("Forbidden: not allowed")
    assert "hostNetwork" in run(definition=POD, kubernetes_version="1.22", feature_gates=gate)["findings"][0]["message"]


def test_a_report_is_written_once(tmp_path):
    path = tmp_path / "report.sarif"
    assert run(definition=POD, format="sarif", path=str(path))["changed"]
    assert json.loads(path.read_text())["version"] == "2.1.0"
    assert not run(definition=POD, format="sarif", path=str(path))["changed"]
    assert [entry.name for entry in tmp_path.iterdir()] == ["report.sarif"]


def test_in_check_mode_no_report_is_written(tmp_path):
    path = tmp_path / "report.json"
    assert run(definition=POD, format="json", path=str(path), check_mode=True)["changed"]
    assert not path.exists()


def test_a_report_that_can_not_be_written_is_an_error_that_names_it(tmp_path):
    with pytest.raises(ManifestCheckError, match="missing/report"):
        run(definition=POD, path=str(tmp_path / "missing" / "report"))


def test_a_report_with_half_a_character_is_written_and_found_again(tmp_path):
    report = tmp_path / "report.json"
    definition = {**POD, "metadata": {"name": "\ud800"}}
    options = {"definition": definition, "format": "json", "path": str(report)}
    assert run(**options)["changed"]
    assert "\\ud800" in report.read_text()
    assert not run(**options)["changed"]


def test_labels_of_a_namespace_that_are_none_are_refused():
    with pytest.raises(ManifestCheckError, match=r"of agents must be a mapping of labels, not \['a'\]"):
        run(definition=POD, namespace_labels={"agents": ["a"]})


def test_a_namespace_without_labels_is_known_too():
    result = run(definition=POD, namespace_labels={"default": None})
    assert not {"HPA002", "HPA003"} & {found["code"] for found in result["findings"]}
