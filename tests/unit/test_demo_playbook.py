# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

import subprocess
import sys
import time
from collections import Counter

from demo.playbook import TaskRun, end_everything, executions_by_task, run_processes

# A parent that leaves a child in a session of its own behind, as ansible-core's workers are.
PARENT = """
import subprocess, sys, time
child = [sys.executable, "-c", "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(600)"]
subprocess.Popen(child, start_new_session=True)
print("ready", flush=True)
time.sleep(600)
"""


def test_a_worker_with_a_session_of_its_own_is_ended_too(tmp_path):
    times = tmp_path / "task-times.jsonl"
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT], stdout=subprocess.PIPE, text=True, env={"TASK_TIMES": str(times)}
    )
    assert parent.stdout.readline() == "ready\n"
    assert len(run_processes(times)) == 2
    end_everything(parent, times)
    deadline = time.monotonic() + 30
    while run_processes(times) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert run_processes(times) == []


def test_an_execution_belongs_to_the_task_during_which_it_began():
    def task(name: str, host: str, started: float, ended: float) -> TaskRun:
        return TaskRun(host, name, "", started, ended, "ok", False)

    tasks = [task("one", "a", 1, 2), task("two", "a", 3, 4), task("other", "b", 1, 4)]
    assert executions_by_task(tasks, "a", [1.5, 3, 3.5, 9]) == Counter({"one": 1, "two": 2, "(outside any task)": 1})
