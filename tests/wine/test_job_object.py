"""The job object probe against real job objects: those that hcsshim makes, and those that it never makes."""

from __future__ import annotations

import itertools
import json
import time
from typing import Any

import pytest
from wine.documented import differences, returns
from wine.machine import PROGRAMS, UTILITIES, Machine

MIB = 1024 * 1024
ANSWERED_SEPARATELY = ("limits", "cpu_rate", "memory", "accounting", "io_accounting", "io", "group_affinity", "silo")
_numbers = itertools.count(1)


def container_id() -> str:
    return f"{next(_numbers):064x}"


def only(result: dict[str, Any], name: str) -> dict[str, Any]:
    """The one job of this name."""
    (found,) = [job for job in result["job_objects"] if job["name"] == name]
    return found


def names(result: dict[str, Any]) -> set[str]:
    return {job["name"] for job in result["job_objects"]}


def specification(kind: str = "container", **annotations: str) -> dict[str, Any]:
    """A config.json as containerd writes it for a HostProcess container."""
    return {
        "ociVersion": "1.1.0",
        "annotations": {
            "microsoft.com/hostprocess-container": "true",
            "io.kubernetes.cri.container-type": kind,
            "io.kubernetes.cri.sandbox-id": "f" * 64,
            "io.kubernetes.cri.sandbox-namespace": "monitoring",
            "io.kubernetes.cri.sandbox-name": "exporter-x7k2p",
            "io.kubernetes.cri.sandbox-uid": "3d7a9c1e-0f52-4b7e-9a44-0f6c1f0f6b1d",
            "io.kubernetes.cri.container-name": "exporter",
            "io.kubernetes.cri.image-name": "registry.example.com/exporter:1",
            **annotations,
        },
        "windows": {"resources": {"cpu": {"maximum": 2500}, "memory": {"limit": 209715200}}},
    }


def check_invariants(result: dict[str, Any]) -> None:
    """What holds of every answer, whatever the system said."""
    statistics = result["statistics"]
    assert statistics["handles_opened"] == statistics["handles_closed"]
    for job in result["job_objects"]:
        assert job["errors"].keys() <= job.keys() | {"open"}
        for field in ANSWERED_SEPARATELY:
            assert (job[field] is None) == (field in job["errors"]), field
        for error in job["errors"].values():
            assert error["win32_error"] > 0
            assert error["message"]
        if job["accounting"]:
            assert job["accounting"]["active_processes"] <= job["accounting"]["total_processes"]
        if job["memory"]:
            assert job["memory"]["current_bytes"] <= job["memory"]["peak_bytes"]
        assert (job["kill_on_close"] is None) == (job["limits"] is None)


# ------------------------------------------------------------------------------------------- as hcsshim makes them


def test_limits_are_read_as_hcsshim_set_them(machine: Machine) -> None:
    name = f"JobContainer_{container_id()}"
    with machine.hcsshim_job(name, cpu=2500, memory=200 * MIB, processes=2) as made:
        assert made["refused"] == {}
        result = machine.job_objects()
        job = only(result, name)
    check_invariants(result)
    assert (made["cpu"], made["memory"]) == (2500, 200 * MIB)  # hcsshim's own reading
    assert job["limits"]["flags"] == 0x2200
    assert job["limits"]["flag_names"] == ["JOB_OBJECT_LIMIT_JOB_MEMORY", "JOB_OBJECT_LIMIT_KILL_ON_JOB_CLOSE"]
    assert job["limits"]["job_memory_bytes"] == made["memory"]
    assert job["cpu_rate"]["control_flags"] == 5
    assert job["cpu_rate"]["mode"] == "hard_cap"
    assert job["cpu_rate"]["rate"] == made["cpu"]
    assert job["cpu_rate"]["weight"] is None
    assert job["kill_on_close"] is True
    assert job["breakaway"] is False
    assert job["io"]["enabled"] is True
    assert job["state"] == "running"
    assert sorted(process["pid"] for process in job["processes"]) == sorted(made["processes"])
    assert all(process["in_job"] for process in job["processes"])
    assert job["accounting"]["active_processes"] == 2


def test_a_limit_that_is_not_set_is_null_and_not_zero(machine: Machine) -> None:
    name = f"JobContainer_{container_id()}"
    with machine.hcsshim_job(name):
        job = only(machine.job_objects(), name)
    assert job["limits"]["flags"] == 0x2000
    assert job["limits"]["job_memory_bytes"] is None
    assert job["limits"]["active_processes"] is None
    assert job["cpu_rate"] == {
        "control_flags": 0,
        "mode": "none",
        "rate": None,
        "weight": None,
        "minimum_rate": None,
        "maximum_rate": None,
    }


def test_a_weight_is_told_from_a_rate(machine: Machine) -> None:
    name = f"JobContainer_{container_id()}"
    with machine.hcsshim_job(name, weight=7):
        job = only(machine.job_objects(), name)
    assert job["cpu_rate"]["mode"] == "weight"
    assert job["cpu_rate"]["weight"] == 7
    assert job["cpu_rate"]["rate"] is None


def test_a_job_that_never_held_a_process_is_created(machine: Machine) -> None:
    name = f"JobContainer_{container_id()}"
    with machine.hcsshim_job(name):
        job = only(machine.job_objects(), name)
    assert job["state"] == "created"
    assert job["processes"] == []


def test_a_job_whose_processes_ended_is_empty(machine: Machine) -> None:
    name = f"JobContainer_{container_id()}"
    with machine.hcsshim_job(name, processes=2, then_end=True):
        job = only(machine.job_objects(), name)
    assert job["state"] == "empty"
    assert job["accounting"]["total_processes"] == 2


def test_a_job_ends_with_its_last_handle_although_the_probe_looked_at_it(machine: Machine) -> None:
    name = f"JobContainer_{container_id()}"
    with machine.hcsshim_job(name, processes=1) as made:
        assert name in names(machine.job_objects())
        made["program"].kill()
        assert name not in _names_after_a_moment(machine, name)


def _names_after_a_moment(machine: Machine, gone: str) -> set[str]:
    deadline = time.monotonic() + 10
    while gone in (found := names(machine.job_objects())) and time.monotonic() < deadline:
        time.sleep(0.2)
    return found


def test_processes_are_described(machine: Machine) -> None:
    name = f"JobContainer_{container_id()}"
    with machine.hcsshim_job(name, processes=1):
        (process,) = only(machine.job_objects(), name)["processes"]
    assert process["image"].endswith("\\jobs.exe")
    assert process["user"]
    assert process["user_sid"].startswith("S-1-5-")
    assert process["start_time"].endswith("Z")
    assert isinstance(process["session_id"], int)
    # Wine 8 does not tell command lines (ProcessCommandLineInformation); a machine that does tells the right one.
    if "command_line" in process["errors"]:
        assert process["command_line"] is None
        assert process["errors"]["command_line"]["win32_error"] > 0
    else:
        assert process["command_line"].endswith("sleep 1")


def test_the_probe_looks_where_windows_keeps_the_names_of_services(machine: Machine) -> None:
    name = f"JobContainer_{container_id()}"
    with machine.hcsshim_job(name):
        result = machine.job_objects()
    assert only(result, name)["directory"] == "\\BaseNamedObjects"
    (searched,) = [place for place in result["searched"] if place["directory"] == "\\BaseNamedObjects"]
    assert searched["status"] == "listed"
    assert searched["job_objects"] >= 1


# --------------------------------------------------------------------------------------------------- Wine as it is


def test_every_class_that_wine_refuses_is_null_with_its_error(bare: Machine) -> None:
    name = f"JobContainer_{container_id()}"
    with bare.hcsshim_job(name, processes=2) as made:
        result = bare.job_objects()
        job = only(result, name)
    check_invariants(result)
    # Class 15, 28, 8, 42, 14 and 36 are what Wine 8 doesn't answer; hcsshim was refused the same it sets.
    for field in ("cpu_rate", "memory", "io_accounting", "io", "silo"):
        assert job[field] is None, field
        assert job["errors"][field]["win32_error"] > 0
    assert "io" in made["refused"]
    assert job["state"] == "running"
    assert sorted(process["pid"] for process in job["processes"]) == sorted(made["processes"])


def test_without_the_gaps_filled_jobs_are_found_in_the_session_and_the_probe_says_so(bare: Machine) -> None:
    name = f"JobContainer_{container_id()}"
    with bare.hcsshim_job(name):
        result = bare.job_objects()
    assert only(result, name)["directory"] == "\\Sessions\\1\\BaseNamedObjects"
    looked = {place["directory"]: place["status"] for place in result["searched"]}
    assert looked["\\BaseNamedObjects"] == "listed"
    assert looked["\\Sessions\\1\\BaseNamedObjects"] == "listed"


# --------------------------------------------------------------------------------- what hcsshim never makes, twice


@pytest.fixture(params=["completed", "uncompleted"])
def either(request: pytest.FixtureRequest) -> Machine:
    """Both views of Wine; marked by hand, since the fixture is asked for by name."""
    found = request.getfixturevalue(request.param)
    yield found
    found.clear_bundles()


pytestmark = pytest.mark.wine


def test_children_of_children_are_in_the_job(either: Machine) -> None:
    name = f"JobContainer_{container_id()}"
    with either.jobs() as jobs:
        jobs.tell("create", name, "2000")
        jobs.tell("tree", name, "3")
        processes = _processes(either, name, 3)
    assert all(process["in_job"] for process in processes)
    parents = {process["pid"]: process["parent_pid"] for process in processes}
    assert sum(parent in parents for parent in parents.values()) == 2  # a chain of three


def _processes(machine: Machine, name: str, wanted: int) -> list[dict[str, Any]]:
    """The processes of a job once there are so many: a started one takes a moment to start its own."""
    deadline = time.monotonic() + 20
    while True:
        processes = only(machine.job_objects(name=name), name)["processes"]
        if len(processes) >= wanted or time.monotonic() > deadline:
            assert len(processes) == wanted
            return processes
        time.sleep(0.2)


def test_a_child_that_left_the_job_is_marked(either: Machine) -> None:
    name = f"JobContainer_{container_id()}"
    silent_breakaway_and_kill_on_close = "3000"
    with either.jobs() as jobs:
        jobs.tell("create", name, silent_breakaway_and_kill_on_close)
        jobs.tell("tree", name, "3")
        processes = _processes(either, name, 3)
        job = only(either.job_objects(name=name), name)
        for escaped in (process for process in processes if not process["in_job"]):
            _end(either, escaped["pid"])
    assert [process["in_job"] for process in processes] == [True, False, False]
    assert job["accounting"] is None or job["accounting"]["active_processes"] == 1


def _meanwhile(machine: Machine, name: str, **events: Any) -> dict[str, Any]:
    """What the probe says of a job while processes come and go between its steps."""
    sources = [UTILITIES / "JobObject.cs", PROGRAMS / "Meanwhile.cs"]
    result = machine.probe("JobObject.Meanwhile", sources, name=name, **events)
    check_invariants(result)
    return {**only(result, name), "entered": result["entered"]}


def test_a_child_that_ends_while_the_probe_looks_did_not_leave_the_job(either: Machine) -> None:
    name = f"JobContainer_{container_id()}"
    silent_breakaway_and_kill_on_close = "3000"
    with either.jobs() as jobs:
        jobs.tell("create", name, silent_breakaway_and_kill_on_close)
        jobs.tell("tree", name, "3")
        outside = [process["pid"] for process in _processes(either, name, 3) if not process["in_job"]]
        job = _meanwhile(either, name, end_before=outside[:1])
        _end(either, outside[1])
    assert [(process["pid"], process["in_job"]) for process in job["processes"][1:]] == [(outside[1], False)]


def test_a_process_that_comes_while_the_probe_looks_is_described(either: Machine) -> None:
    name = f"JobContainer_{container_id()}"
    with either.jobs() as jobs:
        jobs.tell("create", name, "2000")
        job = _meanwhile(either, name, enter=either.prefix.windows_path(either.tools / "jobs.exe"))
    (process,) = job["processes"]
    assert process["pid"] == job["entered"]
    assert process["parent_pid"] > 0
    assert process["start_time"].endswith("Z")
    assert isinstance(process["session_id"], int)


@pytest.mark.parametrize("forget", [None, True])
def test_a_process_that_ends_after_its_job_was_read_is_not_listed(either: Machine, forget: bool | None) -> None:
    name = f"JobContainer_{container_id()}"
    with either.jobs() as jobs:
        jobs.tell("create", name, "2000")
        jobs.tell("start", name, "2")
        ending, staying = (process["pid"] for process in _processes(either, name, 2))
        job = _meanwhile(either, name, end_after=[ending], forget=forget)
    assert [process["pid"] for process in job["processes"]] == [staying]


def _end(machine: Machine, process_id: int) -> None:
    with machine.run("jobs.exe") as jobs:
        jobs.tell("end", str(process_id))


def test_a_job_that_ends_between_listing_and_opening_is_no_error(either: Machine) -> None:
    name = f"JobContainer_{container_id()}"
    result = either.probe("JobObject.Vanishing", [UTILITIES / "JobObject.cs", PROGRAMS / "Vanishing.cs"], name=name)
    assert result["listed"] is True
    assert result["vanished"] == [name]
    assert result["job_objects"] == []
    check_invariants(result)


def test_a_job_that_may_not_be_opened_is_all_null_with_access_denied(either: Machine) -> None:
    name = f"JobContainer_{container_id()}"
    with either.jobs() as jobs:
        jobs.tell("denied", name)
        result = either.job_objects()
    check_invariants(result)
    job = only(result, name)
    assert job["errors"]["open"]["win32_error"] == 5
    assert job["state"] is None
    assert job["processes"] is None
    assert all(job[field] is None for field in ANSWERED_SEPARATELY)


def test_odd_names_are_read_as_they_are(either: Machine) -> None:
    odd = {"with space", "äöü€", "日本", "😀", "'\";%&|<>", "..", "a" * 200, "UPPER", "ends with space "}
    with either.jobs() as jobs:
        for suffix in odd:
            jobs.tell("create", f"JobContainer_{suffix}", "2000")
        result = either.job_objects()
    assert odd <= {job["container_id"] for job in result["job_objects"]}
    assert result["vanished"] == []
    check_invariants(result)


def test_a_nul_in_a_name_does_not_end_it(either: Machine) -> None:
    with either.jobs() as jobs:
        jobs.tell("nul", "JobContainer_before", "after")
        result = either.job_objects()
    assert "JobContainer_before\0after" in names(result)
    assert result["vanished"] == []


def test_other_names_are_left_alone(either: Machine) -> None:
    with either.jobs() as jobs:
        jobs.tell("create", "SomethingElse", "2000")
        jobs.tell("create", "jobcontainer_lowercase", "2000")
        assert not names(either.job_objects()) & {"SomethingElse", "jobcontainer_lowercase"}


def test_work_grows_as_the_number_of_jobs_and_processes(either: Machine) -> None:
    def cost(job_count: int) -> dict[str, int]:
        _wait_until_no_job_is_left(either)
        with either.jobs() as jobs:
            for number in range(job_count):
                jobs.tell("create", f"JobContainer_many{number}", "2000")
                jobs.tell("start", f"JobContainer_many{number}", "2")
            result = either.job_objects()
        assert [len(job["processes"]) for job in result["job_objects"]] == [2] * job_count
        return result["statistics"]

    none, few, many = cost(0), cost(4), cost(12)
    for what in none:
        assert few[what] > none[what], what
        assert many[what] - none[what] == 3 * (few[what] - none[what]), what


def _wait_until_no_job_is_left(machine: Machine) -> None:
    """Ended processes of an earlier test keep their job for a moment."""
    deadline = time.monotonic() + 30
    while machine.job_objects()["job_objects"] and time.monotonic() < deadline:
        time.sleep(0.5)


# ------------------------------------------------------------------------------------------------------ containerd


def test_a_job_is_entered_with_its_bundle(machine: Machine) -> None:
    identity = container_id()
    machine.write_bundle(identity, specification())
    with machine.jobs() as jobs:
        jobs.tell("create", f"JobContainer_{identity}", "2000")
        result = machine.job_objects()
    job = only(result, f"JobContainer_{identity}")
    assert job["found_by"] == ["object_directory", "bundle"]
    assert job["pod"] == {
        "namespace": "monitoring",
        "name": "exporter-x7k2p",
        "uid": "3d7a9c1e-0f52-4b7e-9a44-0f6c1f0f6b1d",
        "sandbox_id": "f" * 64,
    }
    assert job["container_name"] == "exporter"
    assert job["image"] == "registry.example.com/exporter:1"
    (bundle,) = result["bundles"]
    assert bundle["job_object"] == job["name"]
    assert bundle["resources"] == {
        "cpu_count": None,
        "cpu_maximum": 2500,
        "cpu_shares": None,
        "memory_limit_bytes": 209715200,
    }


def test_a_job_without_a_bundle_shows_as_such(machine: Machine) -> None:
    name = f"JobContainer_{container_id()}"
    with machine.jobs() as jobs:
        jobs.tell("create", name, "2000")
        job = only(machine.job_objects(), name)
    assert job["found_by"] == ["object_directory"]
    assert job["pod"] is None


def test_a_container_without_a_job_shows_as_such(machine: Machine) -> None:
    identity = container_id()
    machine.write_bundle(identity, specification())
    result = machine.job_objects()
    assert f"JobContainer_{identity}" not in names(result)
    assert [(bundle["container_id"], bundle["job_object"]) for bundle in result["bundles"]] == [(identity, None)]
    assert result["vanished"] == []


def test_only_hostprocess_bundles_count(machine: Machine) -> None:
    machine.write_bundle("1" * 64, {"annotations": {"microsoft.com/hostprocess-container": "false"}})
    machine.write_bundle("2" * 64, specification() | {"annotations": {}})
    # hcsshim compares the value literally.
    machine.write_bundle("3" * 64, {"annotations": {"microsoft.com/hostprocess-container": "True"}})
    machine.write_bundle("4" * 64, specification("sandbox"))
    result = machine.job_objects()
    assert [(bundle["container_id"], bundle["kind"]) for bundle in result["bundles"]] == [("4" * 64, "sandbox")]


def test_a_bundle_that_containerd_is_deleting_is_none(machine: Machine) -> None:
    machine.write_bundle(f".{'1' * 64}", specification())
    machine.write_bundle("2" * 64, specification())
    assert [bundle["container_id"] for bundle in machine.job_objects()["bundles"]] == ["2" * 64]


def test_a_broken_bundle_is_told_and_stops_nothing(machine: Machine) -> None:
    broken = ["", "{", "[]", "null", '{"annotations": {"a": }}', "\ufeff{", "\x00", '{"a": ' * 5000]
    for number, content in enumerate(broken, start=1):
        machine.write_bundle(f"{number:064x}", content)
    machine.write_bundle("f" * 64, specification())
    *errors, whole = machine.job_objects()["bundles"]
    assert len(errors) == len(broken)
    assert all(bundle["error"]["message"] and bundle["pod"] is None for bundle in errors)
    assert whole["error"] is None
    assert whole["container_name"] == "exporter"


def test_json_of_any_shape_is_read(machine: Machine) -> None:
    odd = specification(**{"io.kubernetes.cri.container-name": 'quote" back\\ slash/ üñî 😀 \u0007 <&>'})
    odd |= {"a b/c": [1, 2.5e3, True, None, [], {"": {"d": "e"}}], "__type": "x", "item": {"item": 1}}
    machine.write_bundle("d" * 64, json.dumps(odd))
    (bundle,) = machine.job_objects()["bundles"]
    assert bundle["error"] is None
    assert bundle["container_name"] == 'quote" back\\ slash/ üñî 😀 \u0007 <&>'


def test_no_state_folder_is_said(machine: Machine) -> None:
    result = machine.job_objects(state_directory="C:\\nowhere")
    assert result["bundle_directory"]["status"] == "not_found"
    assert result["bundle_directory"]["path"].startswith("C:\\nowhere\\")
    assert result["bundles"] == []


def test_filters(machine: Machine) -> None:
    machine.write_bundle("1" * 64, specification())
    machine.write_bundle("2" * 64, specification(**{"io.kubernetes.cri.sandbox-name": "other"}))
    chosen = [
        ({"name": "JobContainer_" + "1" * 64}, {"1"}),
        ({"container_id": "containerd://" + "2" * 64}, {"2"}),
        ({"namespace": "monitoring"}, {"1", "2"}),
        ({"pod": "other"}, {"2"}),
        ({"namespace": "monitoring", "pod": "nobody"}, set()),
    ]
    with machine.jobs() as jobs:
        for digit in "123":
            jobs.tell("create", "JobContainer_" + digit * 64, "2000")
        for wanted, expected in chosen:
            result = machine.job_objects(**wanted)
            assert {job["container_id"][0] for job in result["job_objects"]} == expected, wanted
            assert {bundle["container_id"][0] for bundle in result["bundles"]} == expected, wanted


def test_root_folders_of_containers_are_told(machine: Machine) -> None:
    left = machine.prefix.disk / "hpc" / ("a" * 64)
    left.mkdir(parents=True)
    (machine.prefix.disk / "hpc" / "something").mkdir()
    found = machine.job_objects()["leftovers"]
    left.rmdir()
    assert found["rootfs_folders"] == ["C:\\hpc\\" + "a" * 64]
    assert (found["accounts"] is None) == ("accounts" in found["errors"])


def test_what_is_returned_is_what_is_documented(either: Machine) -> None:
    identity = container_id()
    either.write_bundle(identity, specification())
    with either.hcsshim_job(f"JobContainer_{identity}", processes=1):
        result = either.job_objects()
    assert only(result, f"JobContainer_{identity}")["processes"]
    assert differences(returns("job_object_info"), result) == []
