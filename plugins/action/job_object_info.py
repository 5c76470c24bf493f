# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Controller half of job_object_info: asks the witness that the task wants, and says where two differ."""

from __future__ import annotations

from typing import Any

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase

from ansible_collections.kubewin.hostprocess.plugins.module_utils.job.cross_check import differences
from ansible_collections.kubewin.hostprocess.plugins.module_utils.node.probe import (
    application_control,
    connection_problem,
)
from ansible_collections.kubewin.hostprocess.plugins.plugin_utils._cim_source import read_job_objects

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
}


class ActionModule(ActionBase):
    """Describe the job objects of a node's HostProcess containers."""

    TRANSFERS_FILES = False
    _supports_check_mode = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        result = super().run(tmp, task_vars)
        _validation, options = self.validate_argument_spec(argument_spec=ARGUMENT_SPEC)
        problem = connection_problem(self._connection.transport, getattr(self._connection._shell, "_IS_WINDOWS", False))
        if problem:
            raise AnsibleActionFail(problem)
        if options["source"] == "cim" and not options["cross_check"]:
            return {**result, **self._ask_cim(options)}
        answer = self._ask_win32(options, task_vars)
        forbidden = application_control(answer)
        if forbidden and options["source"] == "auto":
            self._display.warning(f"{FORBIDDEN} {forbidden} {WITHOUT_WIN32}")
            return {**result, **self._ask_cim(options)}
        result.update(answer)
        if forbidden:
            result["msg"] = f"{FORBIDDEN} {forbidden} Allow it for the account that Ansible uses, or use source=auto."
        elif options["cross_check"] and not answer.get("failed"):
            cim = self._ask_cim(options)
            result = {**result, **cim} if options["source"] == "cim" else result
            result["differences"] = differences(answer, cim)
        return result

    def _ask_win32(self, options: dict[str, Any], task_vars: dict[str, Any] | None) -> dict[str, Any]:
        """Run the C# probe on the node; the module's answer, failed or not."""
        arguments = {**options, "source": "win32", "cross_check": False}
        return self._execute_module("kubewin.hostprocess.job_object_info", module_args=arguments, task_vars=task_vars)

    def _ask_cim(self, options: dict[str, Any]) -> dict[str, Any]:
        """Ask WMI over the task's own connection, without code on the node; the connection is closed afterwards."""
        return {"changed": False, **read_job_objects(self._connection, options)}
