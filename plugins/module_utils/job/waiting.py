# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Wait until job objects run, or are gone: look, judge, sleep, look again.

A job runs when it has a process. It is gone when nothing is listed and nothing could have been hidden: WMI and an
object directory that refuses its listing prove no absence (facts section 4.4).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

from ansible_collections.kubewin.hostprocess.plugins.module_utils.job.errors import AbsenceUnprovenError
from ansible_collections.kubewin.hostprocess.plugins.module_utils.job.model import parse_actual

RUNNING = "running"
GONE = "gone"
STATES = (GONE, RUNNING)

Result = Mapping[str, Any]


def reached(result: Result, state: str) -> bool:
    """Return whether the job objects of a job_object_info result are all in a state; running needs at least one.

    Raises:
        AbsenceUnprovenError: nothing is listed, and that proves nothing here.
    """
    jobs = result["job_objects"]
    if state == RUNNING:
        return bool(jobs) and all(job["state"] == RUNNING for job in jobs)
    actual = parse_actual(result)
    if not jobs and not actual.absence_is_proof:
        reason = "; ".join(actual.unsearched) or "WMI leaves out jobs that it can't open, so ask with source win32"
        raise AbsenceUnprovenError(f"No job object is listed, which doesn't prove that it is gone: {reason}.")
    return not jobs


def wait_until(
    look: Callable[[], Result],
    state: str,
    timeout: float,
    sleep: float,
    clock: Callable[[], float] = time.monotonic,
    pause: Callable[[float], None] = time.sleep,
) -> tuple[Result, bool]:
    """Look until the state is reached, at most ``timeout`` seconds, and at least once.

    Returns:
        The last result, and whether it has the state. A failed look ends the wait: its result is returned as not
        reached.

    Raises:
        AbsenceUnprovenError: the source can't prove that a job is gone.
    """
    deadline = clock() + timeout
    while True:
        result = look()
        if result.get("failed"):
            return result, False
        if reached(result, state):
            return result, True
        left = deadline - clock()
        if left <= 0:
            return result, False
        pause(min(sleep, left))


def still_seen(result: Result) -> str:
    """Return in words what the last look saw."""
    jobs = result["job_objects"]
    if not jobs:
        return "no job object is there that fits"
    return "; ".join(_in_words(job) for job in jobs)


def _in_words(job: Mapping[str, Any]) -> str:
    processes = job.get("processes")
    count = "unknown" if processes is None else sum(process.get("in_job") is not False for process in processes)
    pod = job.get("pod") or {}
    owner = f" of {pod.get('namespace')}/{pod.get('name')}/{job.get('container_name')}" if pod.get("name") else ""
    return f"{job['name']}{owner} is {job['state']}, processes: {count}"
