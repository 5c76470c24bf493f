"""What README's numbers come from: prints them and writes build/bench.json.

    make bench          python tests/bench/bench.py [--jobs 50 250]

Measured on this machine, under Wine where a node is needed, so they tell how things grow and what travels over the
wire, not how fast a Windows node is. Other work on the machine only adds: times are the best of a few runs.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import tempfile
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import jinja2
import yaml
from demo.playbook import ROOT, run_playbook
from integration.workload import bulk
from unit.plugins.module_utils import conftest as shapes
from wine.bench import measure
from wine.machine import running_machine

from ansible_collections.kubewin.hostprocess.plugins.module_utils.job.compare import compare
from ansible_collections.kubewin.hostprocess.plugins.module_utils.job.model import parse_actual, parse_declared
from ansible_collections.kubewin.hostprocess.plugins.module_utils.job.node import parse_node
from ansible_collections.kubewin.hostprocess.plugins.module_utils.report.build import build
from lab.cluster import open_cluster
from lab.cluster.fault_proxy import FaultProxy
from lab.laboratory import Laboratory, NodeSpec

PROCESSES_IN_A_JOB = 4
PODS = (500, 5000)
NODES, CONTAINERS_ON_A_NODE = 200, 10
MODULES = ("node_info", "job_object_info")
RUNS = 3
IDLE_SECONDS = 10


def probe(jobs: int) -> dict[str, Any]:
    """The job object probe over so many jobs (tests/wine/bench.py)."""
    with (
        tempfile.TemporaryDirectory() as directory,
        running_machine(Path(directory) / "machine", fill_gaps=True) as machine,
    ):
        return measure(machine, jobs, PROCESSES_IN_A_JOB)


def wire() -> list[dict[str, Any]]:
    """What one task of each module puts on the wire, over NTLM and HTTPS: as the node counted it.

    The node is bare, so answers hold no job object: what grows with these is the answer alone.
    """
    tasks = [{f"kubewin.hostprocess.{module}": {}} for module in MODULES]
    rows = []
    with (
        tempfile.TemporaryDirectory() as folder,
        Laboratory(Path(folder) / "lab", [NodeSpec("win1")], control_plane=False) as lab,
    ):
        for module, task in zip(MODULES, tasks, strict=True):
            playbook = Path(folder) / f"{module}.yml"
            playbook.write_text(yaml.safe_dump([{"hosts": "windows", "gather_facts": False, "tasks": [task]}]))
            server = lab.nodes["win1"].winrm
            before, requests = len(server.executions), server.requests
            run = run_playbook(str(playbook), lab.inventory, work=Path(folder) / module, echo=None)
            if run.exit_code:
                raise SystemExit(f"{module} failed:\n{run.output}")
            executions = server.executions[before:]
            rows.append(
                {
                    "module": module,
                    "module_executions": len(executions),
                    "http_requests": server.requests - requests,
                    "bytes_to_node": sum(one["bytes_in"] for one in executions),
                    "bytes_from_node": sum(one["bytes_out"] for one in executions),
                    "seconds_of_task": round(sum(task.ended - task.started for task in run.tasks), 2),
                }
            )
    return rows


def idle() -> dict[str, Any]:
    """What a bare binary node costs the machine while nobody asks anything of it: every laboratory pays it per node."""
    with (
        tempfile.TemporaryDirectory() as folder,
        Laboratory(Path(folder) / "lab", [NodeSpec("win1")], control_plane=False) as lab,
    ):
        prefix = lab.nodes["win1"].host.prefix
        time.sleep(IDLE_SECONDS)  # what a boot leaves to do
        before = _processor_seconds(prefix.process_ids())
        time.sleep(IDLE_SECONDS)
        used = _processor_seconds(prefix.process_ids()) - before
    return {"seconds": IDLE_SECONDS, "processor_percent": round(100 * used / IDLE_SECONDS, 1)}


def _processor_seconds(process_ids: Iterable[int]) -> float:
    """proc(5), /proc/<pid>/stat, fields 14 and 15: ticks in user and kernel mode."""
    ticks = 0
    for process_id in process_ids:
        fields = Path(f"/proc/{process_id}/stat").read_text().rpartition(")")[2].split()
        ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def pods() -> list[dict[str, Any]]:
    """What workload_info takes to read HostProcess pods from a real API server, as ansible-playbook runs it."""
    rows = []
    with (
        tempfile.TemporaryDirectory() as folder,
        open_cluster(Path(folder) / "cluster") as cluster,
        FaultProxy(cluster, Path(folder)) as proxy,
        cluster.api() as api,
    ):
        path = "/api/v1/namespaces/default/pods?"
        for count, after in zip(PODS, (0, *PODS), strict=False):
            names = (f"agent-{number:06}" for number in range(after, count))
            bulk.create_pods(api, "default", (bulk.pod(name, {}, hostprocess=True) for name in names))
            proxy.calls.clear()
            options = {"kubeconfig": str(proxy.kubeconfig), "namespace": "default"}
            measured = bulk.measure(Path(folder), {"kubewin.hostprocess.workload_info": options})
            rows.append(
                {
                    "pods": len(measured.result["containers"]),
                    "pages": sum(call.path.startswith(path) for call in proxy.calls),
                    "seconds_of_module": round(measured.seconds, 2),
                    "peak_megabytes": round(measured.peak_kilobytes / 1024, 1),
                    "result_megabytes": round(len(json.dumps(measured.result)) / 1024**2, 2),
                }
            )
    return rows


def report() -> dict[str, Any]:
    """Comparing a fleet, and making its report and page."""
    fleet = [_node(f"win{number}") for number in range(NODES)]
    compared, outcomes = _best(lambda: [_outcome(*node) for node in fleet])
    built, result = _best(lambda: build(outcomes, [], "2026-11-23 14:30 UTC", "1.36.3"))
    templates = jinja2.Environment(
        loader=jinja2.FileSystemLoader(ROOT / "roles" / "check" / "templates"), trim_blocks=True
    )
    template = templates.get_template("report.html.j2")
    rendered, page = _best(lambda: template.render(check_report=result, check_report_title="bench"))
    return {
        "nodes": NODES,
        "containers": result["summary"]["containers"],
        "seconds_to_compare": compared,
        "seconds_to_build": built,
        "seconds_to_render": rendered,
        "page_bytes": len(page.encode()),
    }


def _node(name: str) -> tuple[str, list[dict], dict]:
    numbers = range(CONTAINERS_ON_A_NODE)
    owner = {"namespace": "logging", "uid": "0b1f", "sandbox_id": "5a" * 32}
    declared = [shapes.declared(number, node=name, pod=f"agent-{number}") for number in numbers]
    jobs = [shapes.job(number, pod={**owner, "name": f"agent-{number}"}) for number in numbers]
    return name, declared, shapes.actual(*jobs)


def _outcome(name: str, declared: list[dict], actual: dict) -> dict[str, Any]:
    """What the role `check` keeps of a node."""
    done = compare(parse_declared(declared), parse_actual(actual), parse_node(name, shapes.NODE))
    findings = [finding.as_result() for finding in done.findings]
    return {
        "name": name,
        "check": {"changed": False, "passed": not findings, "findings": findings, "rows": done.rows},
        "actual": actual,
        "node": shapes.NODE,
        "ready": True,
        "reasons": [],
    }


def _best(work: Callable[[], Any]) -> tuple[float, Any]:
    """The seconds of the fastest of a few runs, and what it made."""
    runs = []
    for _run in range(RUNS):
        began = time.perf_counter()
        made = work()
        runs.append((round(time.perf_counter() - began, 3), made))
    return min(runs, key=lambda run: run[0])


def main() -> None:
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("--jobs", type=int, nargs="*", default=[50, 250], help="numbers of job objects for the probe")
    parser.add_argument("--output", type=Path, default=ROOT / "build" / "bench.json")
    options = parser.parse_args()
    result = {
        "machine": {"processors": os.cpu_count(), "system": platform.platform(), "load": round(os.getloadavg()[0], 1)},
        "probe": [probe(jobs) for jobs in options.jobs],
        "idle_node": idle(),
        "wire": wire(),
        "pods": pods(),
        "report": report(),
    }
    text = json.dumps(result, indent=2)
    options.output.parent.mkdir(parents=True, exist_ok=True)
    options.output.write_text(text + "\n", encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
