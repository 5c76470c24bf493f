# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Write which tasks changed what on which host to <folder>/<playbook>.<check or run>.json."""

from __future__ import annotations

import json
import os
from pathlib import Path

from ansible import context
from ansible.plugins.callback import CallbackBase

DOCUMENTATION = r"""
name: changed_tasks
type: notification
short_description: Which tasks changed something, as JSON
description:
  - Writes a sorted list of changes once a playbook ends, each with host, task and item (null without a loop).
  - A task is named as Ansible shows it, with its role.
  - The environment variable E(CHANGED_TASKS_DIRECTORY) names the folder; without it nothing is written.
"""


class CallbackModule(CallbackBase):
    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "notification"
    CALLBACK_NAME = "changed_tasks"
    CALLBACK_NEEDS_ENABLED = True

    def __init__(self, *arguments, **keywords):
        super().__init__(*arguments, **keywords)
        self.changes = []
        self.playbook = "playbook"

    def v2_playbook_on_start(self, playbook):
        self.playbook = Path(playbook._file_name).stem

    def _note(self, result, item=None):
        if result._result.get("changed"):
            self.changes.append({"host": result._host.get_name(), "task": result._task.get_name(), "item": item})

    def v2_runner_on_ok(self, result):
        if not result._task.loop:
            self._note(result)

    def v2_runner_item_on_ok(self, result):
        self._note(result, str(self._get_item_label(result._result)))

    def v2_playbook_on_stats(self, stats):
        directory = os.environ.get("CHANGED_TASKS_DIRECTORY")
        if not directory:
            return
        mode = "check" if context.CLIARGS.get("check") else "run"
        Path(directory).mkdir(parents=True, exist_ok=True)
        ordered = sorted(self.changes, key=lambda change: (change["host"], change["task"], change["item"] or ""))
        content = json.dumps(ordered, indent=2) + "\n"
        Path(directory, f"{self.playbook}.{mode}.json").write_text(content, encoding="utf-8")
