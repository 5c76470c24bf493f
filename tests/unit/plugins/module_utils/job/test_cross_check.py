# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

from ansible_collections.kubewin.hostprocess.plugins.module_utils.job.cross_check import differences


def test_equal_witnesses_differ_in_nothing_even_where_one_knows_less(shapes):
    less = shapes.job(cpu_rate=None, silo=None, limits={"flags": 0x2200, "job_memory_bytes": None})
    assert differences(shapes.actual(shapes.job()), shapes.actual(less)) == []


def test_a_job_that_only_one_lists_is_a_difference(shapes):
    [found] = differences(shapes.actual(shapes.job()), shapes.actual())
    assert (found["field"], found["win32"], found["cim"]) == ("listed", True, False)


def test_other_flags_limits_and_processes_are_differences(shapes):
    other = shapes.job(limits={"flags": 0x2000, "job_memory_bytes": 1}, processes=[shapes.process(1)])
    found = differences(shapes.actual(shapes.job()), shapes.actual(other))
    assert [item["field"] for item in found] == ["limit_flags", "job_memory_bytes", "processes"]


def test_an_escaped_process_is_not_in_the_job_for_either(shapes):
    escaped = shapes.job(processes=[*shapes.job()["processes"], shapes.process(9, in_job=False)])
    assert differences(shapes.actual(escaped), shapes.actual(shapes.job())) == []


def test_a_limit_that_has_no_room_in_32_bits_is_no_difference_and_one_that_has_is(shapes):
    def reads(kernel: int, wmi: int) -> list:
        jobs = [shapes.job(limits={"flags": 0x2200, "job_memory_bytes": value}) for value in (kernel, wmi)]
        return differences(*(shapes.actual(job) for job in jobs))

    assert reads(6 * 2**30, 2 * 2**30) == []
    [found] = reads(2**32 - 1, 2 * 2**30)
    assert found["field"] == "job_memory_bytes"
