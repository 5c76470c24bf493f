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

from ansible_collections.kubewin.hostprocess.plugins.action import job_object_info

DOCUMENT = Path(__file__).resolve().parents[4] / "plugins" / "modules" / "job_object_info.yml"
WIN32 = {"source": "win32", "changed": False, "job_objects": [{"name": "JobContainer_1"}]}
CIM = {"source": "cim", "job_objects": []}
FORBIDDEN = {"failed": True, "msg": "Cannot invoke method. Only core types are supported in this language mode."}


@pytest.fixture
def run(monkeypatch):
    """Return a function that runs the action with both witnesses replaced; the result has `asked`."""

    def act(answer=WIN32, check_mode=False, **options):
        asked, warnings = [], []
        task = Task()
        task.args = options
        task.check_mode = check_mode
        connection = SimpleNamespace(transport="winrm", _shell=SimpleNamespace(tmpdir=None, _IS_WINDOWS=True))
        loader = DataLoader()
        action = job_object_info.ActionModule(task, connection, PlayContext(), loader, Templar(loader), None)
        monkeypatch.setattr(action, "_execute_module", lambda *_, **__: asked.append("win32") or dict(answer))
        monkeypatch.setattr(job_object_info, "read_job_objects", lambda *_: asked.append("cim") or dict(CIM))
        monkeypatch.setattr(action._display, "warning", warnings.append)
        return {**action.run(task_vars={}), "asked": asked, "warned": warnings}

    return act


def test_documentation_and_code_have_the_same_options():
    options = yaml.safe_load(DOCUMENT.read_text())["DOCUMENTATION"]["options"]
    documented = {
        name: {key: option[key] for key in ("type", "choices", "default") if key in option}
        for name, option in options.items()
    }
    assert documented == job_object_info.ARGUMENT_SPEC


@pytest.mark.parametrize(
    ("options", "asked", "source"),
    [
        ({}, ["win32"], "win32"),
        ({"source": "cim"}, ["cim"], "cim"),
        ({"source": "auto"}, ["win32"], "win32"),
        ({"cross_check": True}, ["win32", "cim"], "win32"),
        ({"cross_check": True, "source": "cim"}, ["win32", "cim"], "cim"),
    ],
)
def test_the_source_decides_who_is_asked_and_whose_answer_it_is(run, options, asked, source):
    result = run(**options)
    assert (result["asked"], result["source"], result["changed"]) == (asked, source, False)


def test_a_cross_check_reports_what_only_one_witness_lists(run):
    [difference] = run(cross_check=True)["differences"]
    assert (difference["name"], difference["field"]) == ("JobContainer_1", "listed")


def test_auto_falls_back_where_application_control_forbids_code_and_says_what_is_missing(run):
    result = run(answer=FORBIDDEN, source="auto")
    assert (result["source"], result.get("failed", False)) == ("cim", False)
    assert "CPU rates" in result["warned"][0]


def test_win32_alone_fails_there_and_names_the_way_out(run):
    result = run(answer=FORBIDDEN)
    assert result["failed"] is True
    assert "source=auto" in result["msg"]
    assert result["asked"] == ["win32"]


def test_another_failure_is_not_hidden_by_the_other_source(run):
    result = run(answer={"failed": True, "msg": "boom"}, source="auto", cross_check=True)
    assert (result["failed"], result["msg"], result["asked"]) == (True, "boom", ["win32"])


RUNNING = {
    "source": "win32",
    "job_objects": [{"name": "JobContainer_1", "state": "running", "processes": [{"pid": 1}]}],
}
GONE = {"source": "win32", "job_objects": []}
NO_TIME = {"wait": True, "wait_timeout": 0}


def test_a_state_that_is_reached_takes_one_look(run):
    result = run(answer=RUNNING, **NO_TIME)
    assert (result.get("failed", False), result["asked"]) == (False, ["win32"])
    assert run(answer=GONE, wait_state="gone", **NO_TIME).get("failed", False) is False


def test_a_wait_in_vain_fails_with_what_is_still_there_and_the_last_look(run):
    result = run(answer=RUNNING, wait_state="gone", **NO_TIME)
    assert result["failed"] is True
    assert "not gone after 0 s: JobContainer_1 is running, processes: 1" in result["msg"]
    assert result["job_objects"] == RUNNING["job_objects"]


def test_check_mode_looks_once_and_waits_for_nothing(run):
    assert run(answer=RUNNING, check_mode=True, wait_state="gone", **NO_TIME).get("failed", False) is False


def test_wmi_cannot_prove_that_a_job_is_gone(run):
    with pytest.raises(AnsibleActionFail, match="win32"):
        run(source="cim", wait_state="gone", **NO_TIME)


def test_a_failed_look_is_not_repeated(run):
    result = run(answer={"failed": True, "msg": "boom"}, wait=True)
    assert (result["msg"], result["asked"]) == ("boom", ["win32"])


def test_the_module_on_the_node_is_not_told_about_waiting():
    told = []
    action = SimpleNamespace(_execute_module=lambda _name, module_args, task_vars: told.append(module_args) or RUNNING)
    job_object_info.ActionModule._ask_win32(action, dict.fromkeys(job_object_info.ARGUMENT_SPEC), {})
    assert not [name for name in told[0] if name.startswith("wait")]
