# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Looking until job objects run or are gone, with a clock that only moves when somebody sleeps."""

from __future__ import annotations

import pytest

from ansible_collections.kubewin.hostprocess.plugins.module_utils.job.errors import AbsenceUnprovenError
from ansible_collections.kubewin.hostprocess.plugins.module_utils.job.waiting import still_seen, wait_until


class Watch:
    """A clock, and looks that answer one result after another; the last one for ever."""

    def __init__(self, *results):
        self.results, self.now, self.looks, self.sleeps = list(results), 0.0, 0, []

    def look(self):
        self.looks += 1
        return self.results[min(self.looks, len(self.results)) - 1]

    def pause(self, seconds):
        self.sleeps.append(seconds)
        self.now += seconds

    def wait(self, state, timeout=10, sleep=3):
        return wait_until(self.look, state, timeout, sleep, clock=lambda: self.now, pause=self.pause)


@pytest.mark.parametrize("state", ["running", "gone"])
def test_a_state_that_is_there_already_takes_one_look_and_no_sleep(shapes, state):
    watch = Watch(shapes.actual(shapes.job(state="running")) if state == "running" else shapes.actual())
    assert watch.wait(state)[1] is True
    assert (watch.looks, watch.sleeps) == (1, [])


def test_a_job_runs_once_it_has_a_process(shapes):
    created = shapes.job(state="created", processes=[])
    watch = Watch(shapes.actual(), shapes.actual(created), shapes.actual(shapes.job(state="running")))
    result, reached = watch.wait("running")
    assert (reached, watch.looks, watch.sleeps) == (True, 3, [3, 3])
    assert result is watch.results[-1]


def test_one_job_of_two_that_does_not_run_yet_is_waited_for(shapes):
    both = shapes.actual(shapes.job(1, state="running"), shapes.job(2, state="created"))
    assert Watch(both).wait("running", timeout=0)[1] is False


def test_a_job_without_processes_is_not_gone(shapes):
    watch = Watch(shapes.actual(shapes.job(state="empty", processes=[])), shapes.actual())
    assert (watch.wait("gone")[1], watch.looks) == (True, 2)


def test_time_is_kept_even_where_it_is_no_multiple_of_the_sleep(shapes):
    watch = Watch(shapes.actual())
    assert watch.wait("running", timeout=10, sleep=4)[1] is False
    assert watch.sleeps == [4, 4, 2]


def test_no_time_at_all_is_one_look(shapes):
    watch = Watch(shapes.actual())
    assert (watch.wait("running", timeout=0)[1], watch.looks) == (False, 1)


def test_a_look_that_failed_ends_the_wait(shapes):
    watch = Watch({"failed": True, "msg": "refused"}, shapes.actual())
    result, reached = watch.wait("gone")
    assert (result["msg"], reached, watch.looks) == ("refused", False, 1)


@pytest.mark.parametrize(
    "blind",
    [{"source": "cim"}, {"searched": [{"directory": "\\BaseNamedObjects", "status": "refused"}]}],
)
def test_nothing_listed_is_not_gone_where_it_proves_nothing(shapes, blind):
    with pytest.raises(AbsenceUnprovenError):
        Watch(shapes.actual(**blind)).wait("gone")


def test_what_is_still_seen_is_named_with_its_pod_and_processes(shapes):
    processes = [shapes.process(1), shapes.process(2, in_job=False)]
    text = still_seen(shapes.actual(shapes.job(processes=processes)))
    assert shapes.job()["name"] in text
    assert "logging/agent-x7k2p/agent is running, processes: 1" in text


def test_a_leaked_job_is_named_without_a_pod(shapes):
    text = still_seen(shapes.actual(shapes.job(pod=None, state="empty", processes=[])))
    assert text == f"{shapes.job()['name']} is empty, processes: 0"


def test_nothing_seen_is_said_too(shapes):
    assert "no job object" in still_seen(shapes.actual())
