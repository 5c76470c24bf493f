# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Write one JSON line for each task on each host: name, start, end, outcome. Path: environment TASK_TIMES."""

from __future__ import annotations

import json
import os
import time

from ansible.plugins.callback import CallbackBase

DOCUMENTATION = r"""
name: task_times
type: notification
short_description: When each task ran on each host, and how it ended
description:
  - Appends JSON lines to the file that the environment variable E(TASK_TIMES) names.
  - The laboratory's demo joins them with what the nodes' WinRM servers counted.
"""


def explanation(result):
    """What a failed task said, for people."""
    return "\n".join(str(result[name]).strip() for name in ("msg", "exception", "module_stderr") if result.get(name))


class CallbackModule(CallbackBase):
    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "notification"
    CALLBACK_NAME = "task_times"

    def __init__(self, *arguments, **keywords):
        super().__init__(*arguments, **keywords)
        self.started = {}

    def v2_runner_on_start(self, host, task):
        self.started[(host.get_name(), task._uuid)] = time.time()

    def write(self, result, outcome, message=""):
        host, task = result._host.get_name(), result._task
        line = {
            "host": host,
            "task": task.get_name().strip(),
            "action": task.resolved_action or task.action,
            "started": self.started.pop((host, task._uuid), None),
            "ended": time.time(),
            "outcome": outcome,
            "changed": bool(result._result.get("changed")),
            "message": message,
        }
        with open(os.environ["TASK_TIMES"], "a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")

    def v2_runner_on_ok(self, result):
        self.write(result, "ok")

    def v2_runner_on_failed(self, result, ignore_errors=False):
        self.write(result, "ignored" if ignore_errors else "failed", explanation(result._result))

    def v2_runner_on_skipped(self, result):
        self.write(result, "skipped")

    def v2_runner_on_unreachable(self, result):
        self.write(result, "unreachable", explanation(result._result))
