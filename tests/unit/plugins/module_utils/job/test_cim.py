# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""WMI's rows in the shape of job_object_info. Values as in wsman-facts section 1, as text like the wire has them."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ansible_collections.kubewin.hostprocess.plugins.module_utils.job.cim import QUERIES, job_objects
from ansible_collections.kubewin.hostprocess.plugins.module_utils.job.compare import compare
from ansible_collections.kubewin.hostprocess.plugins.module_utils.job.errors import JobError
from ansible_collections.kubewin.hostprocess.plugins.module_utils.job.model import parse_actual, parse_declared
from ansible_collections.kubewin.hostprocess.plugins.module_utils.job.node import parse_node

SYSTEM_JOB = r"\wmi\provider\sub\system\host\job"


@pytest.fixture
def wmi(shapes):
    """Return a function that gives the rows of one job container with a process, changed as told."""

    def rows(flags: int = 0x2200, memory: str = "209715200", name: str | None = None, processes: int = 1) -> dict:
        decorated = name or rf"\job\container_{shapes.container_id(1)}"
        members = range(4100, 4100 + processes)
        return {
            "jobs": [{"CollectionID": SYSTEM_JOB, "Caption": None}, {"CollectionID": decorated, "Caption": None}],
            "limits": [
                {"SettingID": SYSTEM_JOB, "LimitFlags": "11016", "JobMemoryLimit": "1073741824"},
                {"SettingID": decorated, "LimitFlags": str(flags), "JobMemoryLimit": memory},
            ],
            "accounting": [
                {
                    "Name": decorated,
                    "ActiveProcesses": str(processes),
                    "TotalProcesses": str(processes),
                    "TotalTerminatedProcesses": "0",
                    "TotalPageFaultCount": "12",
                    "TotalUserTime": "172031250",
                    "TotalKernelTime": "5",
                    "ReadOperationCount": "1",
                    "ReadTransferCount": "2",
                    "PeakJobMemoryUsed": "32108544",
                }
            ],
            # A service may double the backslashes of a selector.
            "members": [
                {"Collection": {"CollectionID": decorated.replace("\\", "\\\\")}, "Member": {"Handle": str(pid)}}
                for pid in members
            ],
            "processes": [
                {"ProcessId": str(pid), "ParentProcessId": "4", "Name": "agent.exe", "SessionId": "0"}
                for pid in members
            ],
            "computer": [{"NumberOfLogicalProcessors": "4"}],
        }

    return rows


def test_rows_are_asked_for_every_query(wmi):
    assert set(wmi()) == set(QUERIES)


def test_a_job_container_has_its_name_limits_processes_and_accounting(wmi, shapes):
    result = job_objects(wmi())
    [job] = result["job_objects"]
    assert (result["source"], result["logical_processors"]) == ("cim", 4)
    assert (job["name"], job["container_id"]) == (shapes.job()["name"], shapes.container_id(1))
    assert job["limits"]["job_memory_bytes"] == 209715200
    assert job["limits"]["flag_names"] == ["JOB_OBJECT_LIMIT_JOB_MEMORY", "JOB_OBJECT_LIMIT_KILL_ON_JOB_CLOSE"]
    assert (job["kill_on_close"], job["breakaway"], job["state"]) == (True, False, "running")
    assert [process["pid"] for process in job["processes"]] == [4100]
    assert job["accounting"]["user_time_100ns"] == 172031250
    assert job["memory"] == {"current_bytes": None, "peak_bytes": 32108544}


@pytest.mark.parametrize(
    "form", ["JobContainer_{}", r"\job\container_{}", r"\\job\\container_{}", r"\JOB\CONTAINER_{}"]
)
def test_decorated_and_plain_names_are_the_same_container(wmi, shapes, form):
    [job] = job_objects(wmi(name=form.format(shapes.container_id(1))))["job_objects"]
    assert job["container_id"] == shapes.container_id(1)
    assert job["limits"] is not None
    assert job["processes"]


def test_other_jobs_of_the_node_are_not_taken_for_containers(wmi):
    assert job_objects(wmi(name=r"\job\container_short"))["job_objects"] == []


def test_what_wmi_cannot_know_is_null_with_a_reason(wmi):
    [job] = job_objects(wmi())["job_objects"]
    for field in ("cpu_rate", "silo", "io", "pod", "container_name", "image", "group_affinity"):
        assert job[field] is None
        assert job["errors"][field]["message"]
    assert job["processes"][0]["user"] is None
    assert job["processes"][0]["errors"]["user"]["message"]


@pytest.mark.parametrize("value", ["0", "4294967295", None])
def test_a_memory_limit_at_the_end_of_32_bits_is_not_believed(wmi, value):
    [job] = job_objects(wmi(memory=value))["job_objects"]
    assert job["limits"]["job_memory_bytes"] is None
    assert "4 GiB" in job["errors"]["job_memory_bytes"]["message"]
    assert job["memory"] is None


def test_a_job_without_a_setting_has_null_limits_with_a_reason(wmi):
    rows = wmi()
    rows["limits"] = []
    [job] = job_objects(rows)["job_objects"]
    assert (job["limits"], job["kill_on_close"], job["breakaway"]) == (None, None, None)
    assert set(job["errors"]) >= {"limits", "kill_on_close", "breakaway"}


def test_peaks_are_told_where_a_limit_keeps_them_within_32_bits(wmi):
    [limited], [free] = (job_objects(wmi(flags=flags))["job_objects"] for flags in (0x2200, 0x2000))
    assert limited["limits"]["peak_job_memory_bytes"] == 32108544
    assert free["limits"]["peak_job_memory_bytes"] is None
    assert "32 bits" in free["errors"]["peak_job_memory_bytes"]["message"]
    assert free["memory"] is None


def test_what_is_left_behind_is_not_known_and_says_so(wmi):
    result = job_objects(wmi())
    assert result["leftovers"]["accounts"] is result["statistics"] is result["bundle_directory"] is None
    assert result["leftovers"]["errors"]["accounts"]["message"]


def test_a_job_that_never_had_a_process_is_created(wmi):
    assert job_objects(wmi(processes=0))["job_objects"][0]["state"] == "created"


def test_a_process_that_ended_after_its_job_was_read_is_not_listed(wmi):
    rows = wmi(processes=2)
    ended = rows["processes"].pop(0)
    (job,) = job_objects(rows)["job_objects"]
    assert ended["ProcessId"] == "4100"
    assert [process["pid"] for process in job["processes"]] == [4101]
    asked = list(QUERIES)
    assert asked.index("members") < asked.index("processes"), "or one that came meanwhile would be missing, too"


def test_the_comparison_takes_it_and_reports_what_is_undetermined_once_each(wmi, shapes):
    node = parse_node("win1", shapes.node)
    comparison = compare(parse_declared([shapes.declared()]), parse_actual(job_objects(wmi())), node)
    assert [finding.code for finding in comparison.findings] == ["HPJ020", "HPJ023", "HPJ024", "HPJ028"]
    assert comparison.rows[0]["memory"]["actual_bytes"] == 209715200


HOSTILE = st.one_of(
    st.none(), st.text(max_size=30), st.integers().map(str), st.just("9" * 5000), st.lists(st.text(max_size=3)),
    st.dictionaries(st.sampled_from(["CollectionID", "Handle"]), st.text(max_size=5)),
)  # fmt: skip


@given(st.data())
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_a_node_answers_is_a_result_or_one_kind_of_error(wmi, data):
    rows = wmi()
    query = data.draw(st.sampled_from(sorted(rows)))
    row = rows[query][-1]
    name = data.draw(st.sampled_from(sorted(row)))
    changed = {key: value for key, value in row.items() if key != name}
    if data.draw(st.booleans()):
        changed[name] = data.draw(HOSTILE)
    rows[query][-1] = changed
    with contextlib.suppress(JobError):
        assert job_objects(rows)["source"] == "cim"


@pytest.mark.parametrize("number", ["9" * 5000, "-1", "0x10", "1.0", "\u0663", ["1", "2"]])
def test_what_is_no_number_is_told_so(wmi, number):
    rows = wmi()
    rows["limits"][1]["LimitFlags"] = number
    with pytest.raises(JobError, match="where its schema has a number"):
        job_objects(rows)
