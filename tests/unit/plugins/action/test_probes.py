# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The controller half of the probes: what it refuses, what it hands over, what it adds."""

from __future__ import annotations

import importlib
from types import SimpleNamespace
from typing import Any

import pytest
from ansible.errors import AnsibleActionFail
from ansible.parsing.dataloader import DataLoader
from ansible.playbook.play_context import PlayContext
from ansible.playbook.task import Task
from ansible.template import Templar

PROBES = ["node_info", "job_object_info"]
NODE = {"os": {"build": 14393, "product_name": "Windows Server 2016 Datacenter"}, "errors": []}
# PowerShell's own sentence in the constrained language mode.
CONSTRAINED = "Cannot add type. Definition of new types is not supported in this language mode."


class Run:
    """Runs an action with a node that gives one answer, and keeps what the node was asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, dict[str, Any]]] = []

    def __call__(
        self,
        name: str,
        answer: dict[str, Any] | None = None,
        *,
        transport: str = "winrm",
        windows: bool = True,
        check_mode: bool = False,
        **options: Any,
    ) -> dict[str, Any]:
        module = importlib.import_module(f"ansible_collections.kubewin.hostprocess.plugins.action.{name}")
        task = Task()
        task.args = options
        task.check_mode = check_mode
        shell = SimpleNamespace(_IS_WINDOWS=windows, tmpdir=None)
        connection = SimpleNamespace(transport=transport, _shell=shell)
        loader = DataLoader()
        context = PlayContext()
        context.check_mode = check_mode
        action = module.ActionModule(
            task=task,
            connection=connection,
            play_context=context,
            loader=loader,
            templar=Templar(loader=loader),
            shared_loader_obj=None,
        )

        def execute(module_name: str, module_args: dict[str, Any], task_vars: Any) -> dict[str, Any]:
            self.asked.append((module_name, module_args))
            return dict(answer if answer is not None else {"changed": False})

        action._execute_module = execute
        return action.run(task_vars={})


@pytest.fixture
def run() -> Run:
    return Run()


@pytest.mark.parametrize("probe", PROBES)
@pytest.mark.parametrize("transport", ["winrm", "psrp", "ssh"])
def test_the_module_of_the_same_name_is_run_once(run: Run, probe: str, transport: str) -> None:
    run(probe, {"changed": False, "node": NODE}, transport=transport)
    assert [name for name, _arguments in run.asked] == [f"kubewin.hostprocess.{probe}"]


@pytest.mark.parametrize("probe", PROBES)
@pytest.mark.parametrize("transport", ["local", "docker", "network_cli"])
def test_other_connections_are_refused_before_anything_is_sent(run: Run, probe: str, transport: str) -> None:
    with pytest.raises(AnsibleActionFail, match=f"winrm, psrp, ssh, not over '{transport}'"):
        run(probe, transport=transport)
    assert run.asked == []


@pytest.mark.parametrize("probe", PROBES)
def test_ssh_to_a_system_that_is_not_windows_is_refused(run: Run, probe: str) -> None:
    with pytest.raises(AnsibleActionFail, match="ansible_shell_type"):
        run(probe, transport="ssh", windows=False)
    assert run.asked == []


@pytest.mark.parametrize("probe", PROBES)
def test_an_unknown_option_is_refused_before_anything_is_sent(run: Run, probe: str) -> None:
    with pytest.raises(AnsibleActionFail, match="colour"):
        run(probe, colour="blue")
    assert run.asked == []


@pytest.mark.parametrize("probe", PROBES)
def test_check_mode_reads_the_same(run: Run, probe: str) -> None:
    answer = {"changed": False, "node": NODE, "job_objects": []}
    assert run(probe, answer, check_mode=True) == run(probe, answer)
    assert len(run.asked) == 2


@pytest.mark.parametrize("probe", PROBES)
def test_application_control_is_named(run: Run, probe: str) -> None:
    result = run(
        probe, {"failed": True, "msg": "An unhandled exception occurred", "exception": f"At x\n  {CONSTRAINED}\n"}
    )
    assert result["failed"] is True
    assert "Application control on the node forbids" in result["msg"]
    assert CONSTRAINED in result["msg"]


@pytest.mark.parametrize("probe", PROBES)
def test_any_other_failure_is_passed_on_as_it_is(run: Run, probe: str) -> None:
    result = run(probe, {"failed": True, "msg": "The node could not be examined: x"})
    assert result["failed"] is True
    assert result["msg"] == "The node could not be examined: x"
    assert "ready" not in result


def test_node_info_adds_the_verdict(run: Run) -> None:
    result = run("node_info", {"changed": False, "node": NODE})
    assert result["ready"] is False
    assert result["changed"] is False
    assert [reason["code"] for reason in result["reasons"] if reason["severity"] == "error"] == ["NRD001"]
    assert result["node"] == NODE


def test_node_info_judges_against_the_wanted_versions(run: Run) -> None:
    node = {**NODE, "containerd": {"exists": True, "version": "2.1.9"}}
    result = run("node_info", {"node": node}, kubernetes_version="1.36.3", containerd_version="2.2.9")
    assert {"NRD022", "NRD024"} & {reason["code"] for reason in result["reasons"]}


def test_a_wanted_version_that_is_none_fails_the_task(run: Run) -> None:
    with pytest.raises(AnsibleActionFail, match="is not a version"):
        run("node_info", {"node": NODE}, kubernetes_version="newest")


def test_options_are_handed_over_coerced(run: Run) -> None:
    run("node_info", {"node": NODE}, files="C:\\x", kubelet_directory="C:\\k")
    (_name, arguments) = run.asked[0]
    assert arguments["files"] == ["C:\\x"]
    assert arguments["kubelet_directory"] == "C:\\k"
