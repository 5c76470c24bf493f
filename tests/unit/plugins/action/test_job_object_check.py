# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml
from ansible.errors import AnsibleActionFail
from ansible.parsing.dataloader import DataLoader
from ansible.playbook.play_context import PlayContext
from ansible.playbook.task import Task
from ansible.template import Templar

from ansible_collections.kubewin.hostprocess.plugins.action.job_object_check import ARGUMENT_SPEC, ActionModule

DOCUMENT = yaml.safe_load(
    (Path(__file__).resolve().parents[4] / "plugins" / "modules" / "job_object_check.yml").read_text()
)
CONTAINER = {
    "namespace": "logging",
    "pod": "agent",
    "container": "agent",
    "node": "win1",
    "state": "running",
    "container_id": "ab" * 32,
    "limits": {"cpu": "500m", "memory": None},
}
JOB = {
    "name": "JobContainer_" + "ab" * 32,
    "container_id": "ab" * 32,
    "found_by": ["object_directory", "bundle"],
    "processes": [{"pid": 1, "session_id": 0}],
    "limits": {"flags": 0x2000},
    "cpu_rate": {"control_flags": 5, "rate": 1250},
    "silo": False,
}
NODE = {"bindfltapi": False, "containerd": {"version": "2.2.9"}}
# All that ActionBase itself looks at; any use of a connection would fail on it.
NO_CONNECTION = SimpleNamespace(_shell=SimpleNamespace(tmpdir=None))


@pytest.fixture
def run():
    """Return a function that runs the action with options, as a task of host win1 would."""

    def act(**options):
        task = Task()
        task.args = {
            "declared": [CONTAINER],
            "actual": {"logical_processors": 4, "job_objects": [JOB]},
            "node": NODE,
            **options,
        }
        task.args = {name: value for name, value in task.args.items() if value is not None}
        loader = DataLoader()
        action = ActionModule(task, NO_CONNECTION, PlayContext(), loader, Templar(loader), None)
        return action.run(task_vars={"inventory_hostname": "win1"})

    return act


def test_documentation_and_code_have_the_same_options():
    documented = {
        name: {key: option[key] for key in ("type", "elements", "required", "default", "choices") if key in option}
        for name, option in DOCUMENT["DOCUMENTATION"]["options"].items()
    }
    assert documented == ARGUMENT_SPEC


def test_a_healthy_node_passes_with_the_documented_keys(run):
    result = run()
    assert result["passed"] is True
    assert result["changed"] is False
    assert set(result) - {"changed"} == set(DOCUMENT["RETURN"])
    assert set(result["rows"][0]) == set(DOCUMENT["RETURN"]["rows"]["contains"])


def test_a_finding_has_the_documented_keys_and_fails_the_task_with_everything_in_it(run):
    result = run(actual={"logical_processors": 4, "job_objects": []})
    assert result["failed"] is True
    assert "HPJ008" in result["msg"]
    assert set(result["findings"][0]) == set(DOCUMENT["RETURN"]["findings"]["contains"])
    assert result["rows"][0]["verdict"] == "finding"


@pytest.mark.parametrize(("fail_on", "failed"), [("error", False), ("warning", True), ("never", False)])
def test_fail_on_decides_which_findings_fail_the_task(run, fail_on, failed):
    actual = {"logical_processors": 4, "job_objects": [{**JOB, "silo": True}]}
    result = run(actual=actual, fail_on=fail_on)
    assert [finding["code"] for finding in result["findings"]] == ["HPJ005"]
    assert result.get("failed", False) is failed


def test_never_still_says_that_the_check_did_not_pass(run):
    result = run(actual={"logical_processors": 4, "job_objects": []}, fail_on="never")
    assert (result["passed"], result.get("failed", False)) == (False, False)


def test_a_wrong_result_is_refused_with_what_to_hand_over(run):
    with pytest.raises(AnsibleActionFail, match="job_object_info"):
        run(actual={"stdout": "x"})


MANIFEST = """
apiVersion: v1
kind: Pod
metadata: {name: agent, namespace: logging}
spec:
  securityContext: {windowsOptions: {hostProcess: true}}
  containers: [{name: agent, resources: {limits: {cpu: 500m}}}]
"""
OWNED = {**JOB, "pod": {"namespace": "logging", "name": "agent"}, "container_name": "agent"}


@pytest.mark.parametrize("definition", [MANIFEST, yaml.safe_load(MANIFEST), [yaml.safe_load(MANIFEST)]])
def test_a_manifest_does_in_place_of_the_clusters_containers(run, definition):
    result = run(declared=None, definition=definition, actual={"logical_processors": 4, "job_objects": [OWNED]})
    assert result["passed"] is True
    assert [(row["pod"], row["cpu"]["actual_rate"]) for row in result["rows"]] == [("agent", 1250)]


def test_a_manifest_that_is_none_is_refused(run):
    with pytest.raises(AnsibleActionFail, match="definition"):
        run(declared=None, definition="a: [")


@pytest.mark.parametrize(("options", "said"), [({"definition": MANIFEST}, "exclusive"), ({"declared": None}, "one of")])
def test_one_declaration_is_needed_and_two_are_refused(run, options, said):
    with pytest.raises(AnsibleActionFail, match=said):
        run(**options)
