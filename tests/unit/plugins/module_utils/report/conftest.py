# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Fleets to report on: what the role `check` keeps of each node, made by the real comparison."""

from __future__ import annotations

import pytest

from ansible_collections.kubewin.hostprocess.plugins.module_utils.job.compare import compare
from ansible_collections.kubewin.hostprocess.plugins.module_utils.job.model import parse_actual, parse_declared
from ansible_collections.kubewin.hostprocess.plugins.module_utils.job.node import parse_node

WINDOWS = {
    17763: "Windows Server 2019 Datacenter",
    20348: "Windows Server 2022 Datacenter",
    26100: "Windows Server 2025 Datacenter",
}


def check(name: str, containers: list[dict], result: dict, node: dict | None) -> dict:
    """Return what job_object_check returns, without the action plugin around it."""
    comparison = compare(parse_declared(containers), parse_actual(result), parse_node(name, node))
    findings = [finding.as_result() for finding in comparison.findings]
    return {"changed": False, "passed": not findings, "findings": findings, "rows": comparison.rows}


@pytest.fixture
def outcome(shapes):
    """Return a function that gives the outcome of one node, healthy or with the named fault."""

    def make(
        name: str, build: int = 20348, fault: str | None = None, pod: str = "agent-x7k2p", number: int = 1
    ) -> dict:
        node = {**shapes.node, "os": {"product_name": WINDOWS[build], "build": build, "version": f"10.0.{build}.2227"}}
        owner = {"namespace": "logging", "name": pod, "uid": "0b1f", "sandbox_id": "5a" * 32}
        containers = [
            shapes.declared(number, node=name, pod=pod),
            shapes.declared(
                number + 1,
                node=name,
                pod=pod,
                container="exporter",
                limits={"cpu": None, "memory": None},
            ),
        ]
        jobs = [
            shapes.job(number, pod=owner),
            shapes.job(
                number + 1,
                pod=owner,
                container_name="exporter",
                cpu_rate={"control_flags": 0, "mode": "none", "rate": None, "weight": None},
                limits={"flags": 0x2000, "flag_names": ["KILL_ON_JOB_CLOSE"], "job_memory_bytes": None},
                processes=[shapes.process(5200, image="windows_exporter.exe")],
            ),
        ]
        if fault == "rate":
            jobs[0]["cpu_rate"]["rate"] = 5000
        elif fault == "leak":
            jobs.append(shapes.job(99, pod=None, container_name=None, found_by=["object_directory"]))
        elif fault == "gone":
            del jobs[1]
        elif fault == "escaped":
            jobs[0]["processes"].append(shapes.process(6000, image="helper.exe", in_job=False))
        result = shapes.actual(*jobs, shims=[{"pid": 3980, "sandbox_id": "5a" * 32}])
        return {
            "name": name,
            "check": check(name, containers, result, node),
            "actual": result,
            "node": node,
            "ready": True,
            "reasons": [],
            "kubernetes_version": "1.36.3",
        }

    return make
