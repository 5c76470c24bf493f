"""Run a playbook of this collection with stock ansible-playbook, and join its tasks with what the nodes counted."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

GRACE_SECONDS = 5
END_OF_OUTPUT = 6000
WELL = ("ok", "skipped")
ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class TaskRun:
    """One task on one host. Times are seconds since 1970; a task that failed has a message."""

    host: str
    task: str
    action: str
    started: float
    ended: float
    outcome: str
    changed: bool
    message: str = ""


@dataclass
class PlaybookRun:
    """What one ansible-playbook came to."""

    exit_code: int
    seconds: float
    tasks: list[TaskRun] = field(default_factory=list, repr=False)
    output: str = field(default="", repr=False)

    @property
    def changed(self) -> int:
        """Tasks that reported a change, on nodes and on the controller together."""
        return sum(task.changed for task in self.tasks)

    @property
    def explanation(self) -> str:
        """What failed, rescued or not, in order; the end of the output when no task did."""
        failed = [f"{task.host}: {task.task}: {task.message}" for task in self.tasks if task.outcome not in WELL]
        return "\n".join(failed) or self.output[-END_OF_OUTPUT:]


def show(line: str) -> None:
    """Pass a line on at once, also into a pipe."""
    sys.stdout.write(line)
    sys.stdout.flush()


def run_playbook(
    playbook: str,
    inventory: Path,
    *,
    work: Path,
    kubeconfig: Path | None = None,
    extra: Iterable[str] = (),
    echo: Callable[[str], Any] | None = show,
    environment: dict[str, str] | None = None,
) -> PlaybookRun:
    """Run ``playbooks/<playbook>.yml`` or any other path.

    The child has a session of its own, so that Ctrl-C reaches us first and we end it in order.
    """
    work.mkdir(parents=True, exist_ok=True)
    times = work / "task-times.jsonl"
    times.unlink(missing_ok=True)
    path = playbook if playbook.endswith(".yml") else str(ROOT / "playbooks" / f"{playbook}.yml")
    variables = {
        **os.environ,
        "ANSIBLE_CALLBACK_PLUGINS": str(Path(__file__).parent / "callback_plugins"),
        "ANSIBLE_CALLBACKS_ENABLED": "task_times",
        "ANSIBLE_LOCAL_TEMP": str(work / "local"),
        "ANSIBLE_HOST_KEY_CHECKING": "true",
        "ANSIBLE_NOCOWS": "1",
        "ANSIBLE_RETRY_FILES_ENABLED": "false",
        "TASK_TIMES": str(times),
        **({"K8S_AUTH_KUBECONFIG": str(kubeconfig)} if kubeconfig else {}),
        **(environment or {}),
    }
    started = time.monotonic()
    process = subprocess.Popen(
        ["ansible-playbook", "-i", str(inventory), path, *extra],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        stdin=subprocess.DEVNULL,
        text=True,
        env=variables,
        cwd=work,
        start_new_session=True,
    )
    lines: list[str] = []
    try:
        for line in process.stdout or ():
            lines.append(line)
            if echo:
                echo(line)
        code = process.wait()
    finally:
        end_everything(process, times)
    return PlaybookRun(code, time.monotonic() - started, read_tasks(times), "".join(lines))


def end_everything(process: subprocess.Popen[str], times: Path) -> None:
    """End what is left of a run; nothing is left after a normal end.

    ansible-core's workers have sessions of their own and outlive a parent that is ended, so they are found by what
    all processes of the run, and no others, have in their environment.
    """
    for number in (signal.SIGTERM, signal.SIGKILL):
        remaining = run_processes(times)
        for identifier in remaining:
            with contextlib.suppress(ProcessLookupError):
                os.kill(identifier, number)
        if remaining:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(GRACE_SECONDS)
    process.wait()


def run_processes(times: Path) -> list[int]:
    """The living processes that were started with this run's TASK_TIMES."""
    mark = b"TASK_TIMES=" + os.fsencode(times)
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if mark in (entry / "environ").read_bytes().split(b"\0"):
                found.append(int(entry.name))
    return found


def read_tasks(path: Path) -> list[TaskRun]:
    if not path.exists():
        return []
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    return [TaskRun(**{**row, "started": row["started"] or row["ended"]}) for row in rows]


def executions_by_task(tasks: Iterable[TaskRun], host: str, moments: Iterable[float]) -> Counter[str]:
    """How many executions (each a moment at which a node began one) fell into each of the host's tasks."""
    mine = sorted((task for task in tasks if task.host == host), key=lambda task: task.started)
    counted: Counter[str] = Counter()
    for moment in moments:
        owner = next((task for task in reversed(mine) if task.started <= moment <= task.ended), None)
        counted[owner.task if owner else "(outside any task)"] += 1
    return counted
