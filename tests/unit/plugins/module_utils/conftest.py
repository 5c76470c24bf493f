# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Declared containers, job objects and nodes in the shapes that the modules return, healthy unless told otherwise."""

from __future__ import annotations

import copy
import hashlib
from types import SimpleNamespace

import pytest

NODE = {
    "computer_name": "WIN1",
    "os": {"product_name": "Windows Server 2022 Datacenter", "build": 20348, "version": "10.0.20348.2227"},
    "logical_processors": 4,
    "memory_bytes": 16 * 2**30,
    "bindfltapi": False,
    "containerd": {"version": "2.2.9"},
    "kubelet": {"version": "1.36.3"},
}


def container_id(number: int) -> str:
    return hashlib.sha256(str(number).encode()).hexdigest()


def declared(number: int = 1, **changes) -> dict:
    """Return a running container as workload_info does; 500m on 4 processors is a rate of 1250 (facts 4.3)."""
    item = {
        "namespace": "logging",
        "pod": "agent-x7k2p",
        "pod_uid": "0b1f",
        "node": "win1",
        "container": "agent",
        "kind": "container",
        "container_id": container_id(number),
        "state": "running",
        "ready": True,
        "restart_count": 0,
        "run_as_user": "NT AUTHORITY\\SYSTEM",
        "limits": {"cpu": "500m", "memory": "200Mi"},
        "image": "example/agent:1",
        "pod_phase": "Running",
        "owner": {"kind": "DaemonSet", "name": "agent"},
    }
    return {**item, **changes}


def process(pid: int = 4100, **changes) -> dict:
    item = {
        "pid": pid,
        "parent_pid": 400,
        "image": "agent.exe",
        "command_line": "agent.exe --follow",
        "user": "NT AUTHORITY\\SYSTEM",
        "session_id": 0,
        "start_time": "2026-11-23T13:00:00Z",
        "in_job": True,
    }
    return {**item, **changes}


def job(number: int = 1, **changes) -> dict:
    """Return the job object of container `number`, made as hcsshim makes it for `declared`."""
    item = {
        "name": f"JobContainer_{container_id(number)}",
        "directory": "\\BaseNamedObjects",
        "container_id": container_id(number),
        "state": "running",
        "found_by": ["object_directory", "bundle"],
        "pod": {"namespace": "logging", "name": "agent-x7k2p", "uid": "0b1f", "sandbox_id": "5a" * 32},
        "container_name": "agent",
        "image": "example/agent:1",
        "processes": [process(4100), process(4101, parent_pid=4100)],
        "limits": {"flags": 0x2200, "flag_names": ["JOB_MEMORY", "KILL_ON_JOB_CLOSE"], "job_memory_bytes": 209715200},
        "cpu_rate": {"control_flags": 5, "mode": "hard_cap", "rate": 1250, "weight": None},
        "memory": {"current_bytes": 30 * 2**20, "peak_bytes": 48 * 2**20},
        "silo": False,
        "kill_on_close": True,
        "breakaway": False,
        "errors": {},
    }
    return {**copy.deepcopy(item), **changes}


def actual(*jobs: dict, **changes) -> dict:
    result = {
        "changed": False,
        "source": "win32",
        "logical_processors": 4,
        "searched": [{"directory": "\\BaseNamedObjects", "status": "ok"}],
        "job_objects": list(jobs),
        "shims": [],
        "bundles": [],
    }
    return {**result, **changes}


@pytest.fixture
def shapes() -> SimpleNamespace:
    """The builders, and a node with 4 processors that makes no silos."""
    return SimpleNamespace(
        declared=declared,
        job=job,
        process=process,
        actual=actual,
        container_id=container_id,
        node=copy.deepcopy(NODE),
    )
