"""The main job, as a user starts it: `python -m demo`, from three bare nodes to a report, twice."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

pytestmark = [pytest.mark.nodes, pytest.mark.controlplane]

BUILDS = {"win2019": 17763, "win2022": 20348, "win2025": 26100}
START_MARK = "TASK [kubewin.hostprocess.kubelet : "


def processes_that_name(path: Path) -> list[str]:
    """Command lines and environments of living processes in which a folder of this run appears."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        for file in ("cmdline", "environ"):
            try:
                content = (entry / file).read_bytes()
            except OSError:
                continue
            if str(path).encode() in content and int(entry.name) != os.getpid():
                found.append(f"{entry.name} {content[:120]!r}")
                break
    return found


def wait_until(reached, seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while not reached():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.1)
    return True


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    output = tmp_path_factory.mktemp("demo") / "out"
    done = subprocess.run(
        [sys.executable, "-m", "demo", "--output", output],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=900,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-8000:]
    return output, json.loads((output / "summary.json").read_text()), done.stdout


def test_three_nodes_are_ready_and_every_container_has_its_job_object(demo):
    _, summary, _ = demo
    assert summary["nodes_ready"] == 3
    assert {node["name"]: node["build"] for node in summary["nodes"]} == BUILDS
    assert all(node["ready"] and node["kind"] == "binary" for node in summary["nodes"])
    # One DaemonSet with two containers.
    assert [node["job_objects"] for node in summary["nodes"]] == [2, 2, 2]
    assert summary["hostprocess_containers"] == summary["job_objects"] == 6
    assert summary["findings"] == 0


def test_the_second_run_changes_nothing_and_looks_at_most_three_times(demo):
    _, summary, _ = demo
    assert summary["first_run_changed"] > 0
    assert summary["second_run_changed"] == 0
    assert summary["second_run_module_executions"] <= 3 * len(BUILDS)
    assert summary["first_run_module_executions"] <= 20 * len(BUILDS)


def test_executions_are_listed_by_node_and_task_and_add_up(demo):
    _, summary, _ = demo
    for run in ("first_run", "second_run"):
        rows = summary["module_executions"][run]
        assert sum(row["executions"] for row in rows) == summary[f"{run}_module_executions"]
        assert {row["node"] for row in rows} == set(BUILDS)
        assert not [row for row in rows if row["task"].startswith("(")], "an execution belongs to no task"


def test_limits_on_the_kernels_objects_are_the_declared_ones(demo):
    output, _, _ = demo
    rows = json.loads((output / "report.json").read_text())["rows"]
    memory = {(row["container"], row["memory"]["declared"], row["memory"]["actual_bytes"]) for row in rows}
    # The lab's DaemonSet declares 200Mi and 64Mi: bytes by the definition of Mi, not by our formula.
    assert memory == {("collector", "200Mi", 200 * 1024 * 1024), ("exporter", "64Mi", 64 * 1024 * 1024)}
    processors = os.cpu_count() or 1
    rates = {(row["container"], row["cpu"]["actual_rate"]) for row in rows}
    assert rates == {("collector", 5000 // processors), ("exporter", 2500 // processors)}
    assert all(row["processes"] >= 1 and row["verdict"] == "ok" for row in rows)


def test_the_summary_names_what_was_used(demo):
    _, summary, _ = demo
    assert re.fullmatch(r"\d+\.\d+\.\d+", summary["kubernetes_version"])
    assert re.match(r"2\.\d+", summary["ansible_core_version"])
    assert re.fullmatch(r"[0-9a-f]{40}|unknown", summary["git_commit"])


def test_the_page_shows_every_node_pod_and_job(demo):
    output, _, _ = demo
    page = (output / "report.html").read_text()
    for row in json.loads((output / "report.json").read_text())["rows"]:
        for text in (row["node"], row["pod"], row["job_object"]):
            assert text in page
    assert not re.search(r'(src|href)="https?://', page), "the page asks the network for something"


def test_nothing_is_left_running_or_half_written(demo):
    output, _, _ = demo
    assert wait_until(lambda: not processes_that_name(output), 10), processes_that_name(output)
    assert not (output / "lab").exists()
    assert not list(output.glob("*.partial"))


def test_ctrl_c_in_the_middle_leaves_no_process_and_no_half_written_file(tmp_path):
    output = tmp_path / "out"
    log = tmp_path / "log"
    with log.open("wb") as file:
        process = subprocess.Popen(
            [sys.executable, "-m", "demo", "--output", output],
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        assert wait_until(lambda: START_MARK in log.read_text() or process.poll() is not None, 400)
        os.killpg(process.pid, signal.SIGINT)
        assert process.wait(90) == 130, log.read_text()[-3000:]
    finally:
        if process.poll() is None:
            process.kill()
    assert wait_until(lambda: not processes_that_name(output), 10), processes_that_name(output)
    assert not (output / "lab").exists()
    assert not any((output / name).exists() for name in ("summary.json", "report.html", "report.json"))
    assert not list(output.glob("*.partial"))
