# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Controller half of job_object_info: asks the witness that the task wants, and says where two differ.

Waiting is done here, with one execution of the module on the node for each look.
"""

from __future__ import annotations

from typing import Any

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase

from ansible_collections.kubewin.hostprocess.plugins.module_utils.job.cross_check import differences
from ansible_collections.kubewin.hostprocess.plugins.module_utils.job.errors import JobError
from ansible_collections.kubewin.hostprocess.plugins.module_utils.job.waiting import (
    RUNNING,
    STATES,
    still_seen,
    wait_until,
)
from ansible_collections.kubewin.hostprocess.plugins.module_utils.node.probe import application_control
from ansible_collections.kubewin.hostprocess.plugins.plugin_utils._cim_source import read_job_objects
from ansible_collections.kubewin.hostprocess.plugins.plugin_utils._probing import probing

FORBIDDEN = "Application control on the node forbids compiled code, which source=win32 needs to ask the kernel:"
WITHOUT_WIN32 = (
    "WMI is asked instead, which does not know CPU rates, silos, limits of 4 GiB and more, users of processes, pods, "
    "and jobs that it can't open; these are null with a reason."
)

ARGUMENT_SPEC = {
    "container_id": {"type": "str"},
    "containerd_namespace": {"type": "str", "default": "k8s.io"},
    "cross_check": {"type": "bool", "default": False},
    "name": {"type": "str"},
    "namespace": {"type": "str"},
    "pod": {"type": "str"},
    "source": {"type": "str", "choices": ["auto", "cim", "win32"], "default": "win32"},
    "state_directory": {"type": "str"},
    "wait": {"type": "bool", "default": False},
    "wait_sleep": {"type": "int", "default": 5},
    "wait_state": {"type": "str", "choices": list(STATES), "default": RUNNING},
    "wait_timeout": {"type": "int", "default": 120},
}
# What the module on the node is never asked: the controller does it.
CONTROLLER_OPTIONS = ("wait", "wait_sleep", "wait_state", "wait_timeout")


class ActionModule(ActionBase):
    """Describe the job objects of a node's HostProcess containers."""

    TRANSFERS_FILES = False
    _supports_check_mode = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        result = super().run(tmp, task_vars)
        with probing(self, ARGUMENT_SPEC) as options:
            if options["wait"] and not self._task.check_mode:
                return {**result, **self._wait(options, task_vars)}
            return {**result, **self._look(options, task_vars)}

    def _wait(self, options: dict[str, Any], task_vars: dict[str, Any] | None) -> dict[str, Any]:
        """Look until the job objects are as wanted; the last look, failed when they are not."""
        state, seconds = options["wait_state"], options["wait_timeout"]
        try:
            last, reached = wait_until(lambda: self._look(options, task_vars), state, seconds, options["wait_sleep"])
        except JobError as error:
            raise AnsibleActionFail(str(error)) from None  # Ansible repeats the text of a cause
        if reached or last.get("failed"):
            return dict(last)
        return {
            **last,
            "failed": True,
            "msg": f"The job objects that were asked for are not {state} after {seconds} s: {still_seen(last)}.",
        }

    def _look(self, options: dict[str, Any], task_vars: dict[str, Any] | None) -> dict[str, Any]:
        """Ask once."""
        if options["source"] == "cim" and not options["cross_check"]:
            return self._ask_cim(options)
        answer = self._ask_win32(options, task_vars)
        forbidden = application_control(answer)
        if forbidden and options["source"] == "auto":
            self._display.warning(f"{FORBIDDEN} {forbidden} {WITHOUT_WIN32}")
            return self._ask_cim(options)
        result = dict(answer)
        if forbidden:
            result["msg"] = f"{FORBIDDEN} {forbidden} Allow it for the account that Ansible uses, or use source=auto."
        elif options["cross_check"] and not answer.get("failed"):
            cim = self._ask_cim(options)
            result = {**result, **cim} if options["source"] == "cim" else result
            result["differences"] = differences(answer, cim)
        return result

    def _ask_win32(self, options: dict[str, Any], task_vars: dict[str, Any] | None) -> dict[str, Any]:
        """Run the C# probe on the node; the module's answer, failed or not."""
        own = {name: value for name, value in options.items() if name not in CONTROLLER_OPTIONS}
        arguments = {**own, "source": "win32", "cross_check": False}
        return self._execute_module("kubewin.hostprocess.job_object_info", module_args=arguments, task_vars=task_vars)

    def _ask_cim(self, options: dict[str, Any]) -> dict[str, Any]:
        """Ask WMI over the task's own connection, without code on the node; the connection is closed afterwards."""
        return {"changed": False, **read_job_objects(self._connection, options)}
