# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""One fault, one finding: each test breaks a healthy node in one way and expects exactly one code."""

from __future__ import annotations

import pytest

from ansible_collections.kubewin.hostprocess.plugins.module_utils.job.compare import compare
from ansible_collections.kubewin.hostprocess.plugins.module_utils.job.errors import ShapeError
from ansible_collections.kubewin.hostprocess.plugins.module_utils.job.model import parse_actual, parse_declared
from ansible_collections.kubewin.hostprocess.plugins.module_utils.job.node import parse_node

REFUSED = {"win32_error": 5, "message": "Access is denied."}


@pytest.fixture
def check(shapes):
    """Return a function that compares; without arguments a healthy node with one container."""

    def run(declared=None, jobs=None, node=..., **actual):
        containers = [shapes.declared()] if declared is None else declared
        result = shapes.actual(*([shapes.job()] if jobs is None else jobs), **actual)
        facts = shapes.node if node is ... else node
        return compare(parse_declared(containers), parse_actual(result), parse_node("win1", facts))

    return run


def codes(comparison) -> list[str]:
    return [finding.code for finding in comparison.findings]


def test_a_node_as_declared_has_no_finding(check):
    comparison = check()
    assert codes(comparison) == []
    [row] = comparison.rows
    assert row["verdict"] == "ok"
    assert row["cpu"] == {"declared": "500m", "expected_rate": 1250, "actual_rate": 1250}
    assert row["memory"] == {"declared": "200Mi", "expected_bytes": 209715200, "actual_bytes": 209715200}


def test_an_empty_node_has_no_finding(check):
    comparison = check(declared=[], jobs=[])
    assert (comparison.findings, comparison.rows) == ([], [])


def test_containers_of_other_nodes_are_left_out(check, shapes):
    assert codes(check(declared=[shapes.declared(), shapes.declared(2, node="win2")])) == []


def test_a_changed_cpu_rate_is_one_finding_with_both_values(check, shapes):
    job = shapes.job(cpu_rate={"control_flags": 5, "mode": "hard_cap", "rate": 5000, "weight": None})
    comparison = check(jobs=[job])
    assert codes(comparison) == ["HPJ001"]
    finding = comparison.findings[0].as_result()
    assert (finding["expected"]["rate"], finding["actual"]["rate"]) == (1250, 5000)
    assert finding["evidence"]["logical_processors"] == 4
    assert (finding["pod"], finding["container"], finding["severity"]) == ("agent-x7k2p", "agent", "error")
    assert comparison.rows[0]["verdict"] == "finding"


@pytest.mark.parametrize(
    "cpu_rate",
    [
        {"control_flags": 0, "mode": "none", "rate": None},
        {"control_flags": 3, "mode": "weight", "rate": None, "weight": 5},
        {"control_flags": 1, "mode": "soft_cap", "rate": 1250},
    ],
)
def test_a_cpu_limit_of_another_kind_is_a_mismatch(check, shapes, cpu_rate):
    assert codes(check(jobs=[shapes.job(cpu_rate=cpu_rate)])) == ["HPJ001"]


def test_a_rate_where_none_is_declared_is_a_mismatch(check, shapes):
    assert codes(check(declared=[shapes.declared(limits={"cpu": None, "memory": "200Mi"})])) == ["HPJ001"]


@pytest.mark.parametrize("limits", [{"flags": 0x2200, "job_memory_bytes": 2**30}, {"flags": 0x2000}])
def test_a_changed_memory_limit_is_one_finding(check, shapes, limits):
    assert codes(check(jobs=[shapes.job(limits=limits)])) == ["HPJ002"]


def test_a_memory_value_without_its_flag_means_nothing(check, shapes):
    job = shapes.job(limits={"flags": 0x2000, "job_memory_bytes": 209715200})
    assert codes(check(declared=[shapes.declared(limits={"cpu": "500m", "memory": None})], jobs=[job])) == []


def test_a_memory_limit_below_a_mebibyte_comes_to_no_limit(check, shapes):
    container = shapes.declared(limits={"cpu": "500m", "memory": "1048575"})
    assert codes(check(declared=[container], jobs=[shapes.job(limits={"flags": 0x2000})])) == []


def test_a_job_that_outlives_its_handles_is_one_finding(check, shapes):
    job = shapes.job(kill_on_close=False, limits={"flags": 0x200, "job_memory_bytes": 209715200})
    assert codes(check(jobs=[job])) == ["HPJ003"]


def test_breakaway_is_one_finding(check, shapes):
    job = shapes.job(breakaway=True, limits={"flags": 0x2A00, "job_memory_bytes": 209715200})
    assert codes(check(jobs=[job])) == ["HPJ004"]


@pytest.mark.parametrize(
    ("bind_filter", "containerd", "silo", "expected"),
    [
        (True, "2.2.9", True, []),
        (True, "2.2.9", False, ["HPJ005"]),
        (False, "2.2.9", False, []),
        (False, "2.2.9", True, ["HPJ005"]),
        (True, "1.6.36", False, []),
        (True, None, True, ["HPJ023"]),
        (None, "2.2.9", True, ["HPJ023"]),
        (True, "2.2.9", None, ["HPJ023"]),
    ],
)
def test_silos_are_judged_by_bind_filter_and_shim(check, shapes, bind_filter, containerd, silo, expected):
    node = {**shapes.node, "bindfltapi": bind_filter, "containerd": {"version": containerd}}
    assert codes(check(jobs=[shapes.job(silo=silo)], node=node)) == expected


def test_an_unknown_node_is_one_undetermined_finding_and_leaves_the_row_ok(check, shapes):
    comparison = check(
        declared=[shapes.declared(1), shapes.declared(2, pod="other")],
        jobs=[shapes.job(1), shapes.job(2)],
        node=None,
    )
    assert codes(comparison) == ["HPJ023"]
    assert len(comparison.findings[0].evidence["containers"]) == 2
    assert [row["verdict"] for row in comparison.rows] == ["ok", "ok"]


def test_processes_outside_the_service_session_are_one_finding(check, shapes):
    processes = [shapes.process(1, session_id=2), shapes.process(2, session_id=2), shapes.process(3)]
    comparison = check(jobs=[shapes.job(processes=processes)])
    assert codes(comparison) == ["HPJ006"]
    assert [item["pid"] for item in comparison.findings[0].evidence["processes"]] == [1, 2]


def test_another_user_is_one_finding(check, shapes):
    job = shapes.job(processes=[shapes.process(1, user="WIN1\\Administrator"), shapes.process(2)])
    assert codes(check(jobs=[job])) == ["HPJ007"]


@pytest.mark.parametrize(
    ("declared", "user", "sid"),
    [
        ("NT AUTHORITY\\system", "NT AUTHORITY\\SYSTEM", None),
        ("SYSTEM", "NT AUTHORITY\\SYSTEM", "S-1-5-18"),
        ("NT AUTHORITY\\NetworkService", "NT AUTHORITY\\NETWORK SERVICE", None),
        ("NT AUTHORITY\\Local service", "NT-AUTORITÄT\\Lokaler Dienst", "S-1-5-19"),
        ("agents", "WIN1\\agents", None),
        ("EXAMPLE\\svc", "example\\SVC", None),
    ],
)
def test_the_same_account_written_differently_is_no_finding(check, shapes, declared, user, sid):
    job = shapes.job(processes=[shapes.process(user=user, user_sid=sid)])
    assert codes(check(declared=[shapes.declared(run_as_user=declared)], jobs=[job])) == []


def test_a_local_group_runs_as_the_containers_temporary_account(check, shapes):
    temporary = f"WIN1\\{shapes.container_id(1)[:20]}"
    job = shapes.job(processes=[shapes.process(user=temporary)])
    assert codes(check(declared=[shapes.declared(run_as_user="hpc-users")], jobs=[job])) == []


def test_a_service_account_is_known_by_its_sid_and_not_by_a_lookalike_name(check, shapes):
    job = shapes.job(processes=[shapes.process(user="WIN1\\SYSTEM", user_sid="S-1-5-21-1-2-3-1001")])
    assert codes(check(jobs=[job])) == ["HPJ007"]


def test_an_unreadable_user_is_undetermined_and_says_why(check, shapes):
    job = shapes.job(processes=[shapes.process(user=None, errors={"user": REFUSED})])
    comparison = check(jobs=[job])
    assert codes(comparison) == ["HPJ024"]
    assert "Access is denied" in comparison.findings[0].message


def test_a_running_container_without_a_job_is_one_finding(check):
    comparison = check(jobs=[])
    assert codes(comparison) == ["HPJ008"]
    assert comparison.rows[0]["job_object"] is None


def test_absence_proves_nothing_over_wmi(check):
    comparison = check(jobs=[], source="cim")
    assert codes(comparison) == ["HPJ025"]
    assert comparison.rows[0]["verdict"] == "undetermined"


@pytest.mark.parametrize("status", ["refused", "not_found"])
def test_absence_proves_nothing_where_no_directory_could_be_read(check, status):
    searched = [{"directory": "\\BaseNamedObjects", "status": status}]
    assert codes(check(jobs=[], searched=searched)) == ["HPJ025"]


def test_a_job_that_ended_while_the_probe_ran_is_not_called_missing(check, shapes):
    assert codes(check(jobs=[], vanished=[shapes.job()["name"]])) == ["HPJ025"]


def leaked(shapes, number=99, **changes):
    return shapes.job(number, pod=None, container_name=None, found_by=["object_directory"], **changes)


def test_a_held_job_of_a_deleted_pod_is_one_finding(check, shapes):
    assert codes(check(jobs=[shapes.job(), leaked(shapes, processes=[], state="empty")])) == ["HPJ009"]


def test_a_job_that_lives_on_beside_its_replacement_is_one_finding(check, shapes):
    comparison = check(jobs=[shapes.job(), leaked(shapes)])
    assert codes(comparison) == ["HPJ010"]
    assert [row["verdict"] for row in comparison.rows] == ["ok", "finding"]
    assert comparison.rows[1]["stray"] is True


def test_a_dead_shims_leftovers_are_evidence_of_its_leaked_job(check, shapes):
    old, other = shapes.container_id(99), shapes.container_id(98)
    comparison = check(
        jobs=[shapes.job(), leaked(shapes)],
        leftovers={"rootfs_folders": [f"C:\\hpc\\{old}", f"C:\\hpc\\{other}"], "accounts": [other[:20]]},
    )
    assert codes(comparison) == ["HPJ010"]
    assert comparison.findings[0].evidence["rootfs_folders"] == [f"C:\\hpc\\{old}", f"C:\\hpc\\{other}"]


def test_a_killed_shims_folders_are_one_finding(check, shapes):
    folders = [f"C:\\hpc\\{shapes.container_id(number)}" for number in (1, 97, 98)]
    comparison = check(leftovers={"rootfs_folders": folders, "accounts": []})
    assert codes(comparison) == ["HPJ015"]
    assert comparison.findings[0].actual == folders[1:]


def test_a_folder_of_a_container_that_containerd_keeps_is_in_use(check, shapes):
    kept = shapes.container_id(50)
    comparison = check(leftovers={"rootfs_folders": [f"C:\\hpc\\{kept}"]}, bundles=[{"container_id": kept}])
    assert codes(comparison) == []


def test_a_temporary_account_without_its_container_is_one_finding(check, shapes):
    accounts = [shapes.container_id(number)[:20] for number in (1, 97)]
    comparison = check(leftovers={"rootfs_folders": None, "accounts": accounts})
    assert codes(comparison) == ["HPJ014"]
    assert comparison.findings[0].actual == accounts[1:]


@pytest.mark.parametrize("what", ["rootfs_folders", "accounts"])
def test_a_refused_listing_of_leftovers_is_undetermined_and_says_why(check, what):
    leftovers = {"rootfs_folders": [], "accounts": [], what: None, "errors": {what: REFUSED}}
    comparison = check(leftovers=leftovers)
    assert codes(comparison) == ["HPJ028"]
    assert "Access is denied. (Win32 error 5)" in comparison.findings[0].message
    assert comparison.rows[0]["verdict"] == "ok"


def test_a_second_live_generation_that_still_has_its_bundle_is_one_finding(check, shapes):
    assert codes(check(jobs=[shapes.job(1), shapes.job(2)])) == ["HPJ011"]


def test_one_job_seen_in_two_directories_with_processes_is_one_finding(check, shapes):
    twin = shapes.job(directory="\\Sessions\\1\\BaseNamedObjects", processes=[shapes.process(9)])
    assert codes(check(jobs=[shapes.job(), twin])) == ["HPJ011"]


def test_an_escaped_child_is_one_finding(check, shapes):
    processes = [shapes.process(1), shapes.process(2, in_job=False, image="C:\\tools\\helper.exe", user=None)]
    comparison = check(jobs=[shapes.job(processes=processes)])
    assert codes(comparison) == ["HPJ012"]
    assert "helper.exe (pid 2)" in comparison.findings[0].message
    assert comparison.rows[0]["processes"] == 1


def test_a_running_container_whose_job_is_empty_is_one_finding(check, shapes):
    assert codes(check(jobs=[shapes.job(processes=[], state="empty")])) == ["HPJ013"]


def test_a_container_that_containerd_keeps_and_nobody_declares_is_one_finding(check, shapes):
    stranger = shapes.job(7, pod={"namespace": "x", "name": "forgotten"}, container_name="c")
    assert codes(check(jobs=[shapes.job(), stranger])) == ["HPJ016"]


def test_a_restart_between_the_two_reads_is_not_called_a_fault(check, shapes):
    comparison = check(jobs=[shapes.job(2)])
    assert codes(comparison) == ["HPJ026"]
    assert comparison.rows[0]["verdict"] == "undetermined"


@pytest.mark.parametrize("state", ["waiting", "terminated"])
def test_a_container_that_is_just_starting_is_no_finding(check, shapes, state):
    container = shapes.declared(container_id=None if state == "waiting" else shapes.container_id(1), state=state)
    assert codes(check(declared=[container], jobs=[shapes.job(2, processes=[], state="created")])) == []


def test_a_finished_init_container_needs_no_job(check, shapes):
    init = shapes.declared(5, container="setup", kind="init", state="terminated")
    comparison = check(declared=[init, shapes.declared()])
    assert codes(comparison) == []
    assert [row["container"] for row in comparison.rows] == ["agent"]


def test_a_job_that_outlives_its_terminated_container_is_leaked(check, shapes):
    assert codes(check(declared=[shapes.declared(state="terminated")], jobs=[leaked(shapes, 1)])) == ["HPJ010"]


def test_a_job_that_refuses_everything_is_one_undetermined_finding(check, shapes):
    fields = ("open", "limits", "cpu_rate", "memory", "processes", "silo")
    job = shapes.job(
        processes=None,
        limits=None,
        cpu_rate=None,
        silo=None,
        kill_on_close=None,
        breakaway=None,
        errors=dict.fromkeys(fields, REFUSED),
    )
    comparison = check(jobs=[job])
    assert codes(comparison) == ["HPJ022"]
    assert "Win32 error 5" in comparison.findings[0].message
    assert comparison.rows[0]["verdict"] == "undetermined"


def test_what_wmi_cannot_show_is_reported_once_for_the_node(check, shapes):
    reason = {"win32_error": None, "message": "WMI has no property for it"}
    jobs = [
        shapes.job(number, cpu_rate=None, silo=None, errors={"cpu_rate": reason, "silo": reason}) for number in (1, 2)
    ]
    declared = [shapes.declared(1), shapes.declared(2, pod="other")]
    comparison = check(declared=declared, jobs=jobs, source="cim")
    assert codes(comparison) == ["HPJ020", "HPJ023"]
    assert [row["verdict"] for row in comparison.rows] == ["undetermined", "undetermined"]


def test_a_memory_limit_that_the_source_cannot_hold_is_undetermined(check, shapes):
    job = shapes.job(limits={"flags": 0x2200, "job_memory_bytes": None})
    assert codes(check(jobs=[job])) == ["HPJ021"]


def test_a_limit_of_four_gibibytes_is_never_compared_over_wmi(check, shapes):
    container = shapes.declared(limits={"cpu": None, "memory": "5Gi"})
    wrapped = shapes.job(limits={"flags": 0x2200, "job_memory_bytes": 2**30}, cpu_rate=None, silo=False)
    assert codes(check(declared=[container], jobs=[wrapped], source="cim")) == ["HPJ021"]
    assert codes(check(declared=[container], jobs=[{**wrapped, "cpu_rate": {"control_flags": 0}}])) == ["HPJ002"]


@pytest.mark.parametrize(("version", "expected"), [("1.36.3", []), ("v1.26.5", ["HPJ020"]), (None, ["HPJ020"])])
def test_large_nodes_need_a_kubelet_that_counts_all_processors(check, shapes, version, expected):
    job = shapes.job(cpu_rate={"control_flags": 5, "mode": "hard_cap", "rate": 39})
    node = {**shapes.node, "kubelet": {"version": version}}
    assert codes(check(jobs=[job], node=node, logical_processors=128)) == expected


def test_a_limit_that_is_no_quantity_is_one_finding_each(check, shapes):
    container = shapes.declared(limits={"cpu": "half", "memory": "200Mi"})
    assert codes(check(declared=[container])) == ["HPJ027"]


def test_the_worst_finding_comes_first(check, shapes):
    jobs = [shapes.job(kill_on_close=False), leaked(shapes, processes=[])]
    assert codes(check(jobs=jobs, node=None)) == ["HPJ003", "HPJ009", "HPJ023"]


def test_other_results_are_refused_with_what_to_hand_over():
    with pytest.raises(ShapeError, match="job_object_info"):
        parse_actual({"stdout": ""})
    with pytest.raises(ShapeError, match="workload_info"):
        parse_declared([{"namespace": "x"}])
