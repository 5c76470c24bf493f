"""What WMI's providers see of a node: its job objects and processes, read when a query comes."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from lab.host.interface import Host, Process

_READER = Path(__file__).with_name("NodeState.cs")
_ENTRY = "lab.wmi.NodeState"


@dataclass(frozen=True)
class Job:
    """A named job object as the kernel keeps it: bytes, 100 ns, and the name as its maker wrote it."""

    name: str
    limit_flags: int = 0
    per_process_user_time: int = 0
    per_job_user_time: int = 0
    minimum_working_set: int = 0
    maximum_working_set: int = 0
    active_process_limit: int = 0
    affinity: int = 0
    priority_class: int = 0
    scheduling_class: int = 0
    process_memory_limit: int = 0
    job_memory_limit: int = 0
    peak_process_memory: int = 0
    peak_job_memory: int = 0
    user_time: int = 0
    kernel_time: int = 0
    period_user_time: int = 0
    period_kernel_time: int = 0
    page_faults: int = 0
    total_processes: int = 0
    active_processes: int = 0
    terminated_processes: int = 0
    read_operations: int = 0
    write_operations: int = 0
    other_operations: int = 0
    read_bytes: int = 0
    write_bytes: int = 0
    other_bytes: int = 0
    ui_restrictions: int | None = 0
    process_ids: list[int] = field(default_factory=list)


@dataclass(frozen=True)
class NodeState:
    """A node now.

    Attributes:
        sessions: process id to its session.
        started: process id to when it began, as an xs:dateTime in UTC with 0 to 7 digits of fraction; None where
            the system doesn't tell.
    """

    logical_processors: int
    jobs: list[Job] = field(default_factory=list)
    processes: list[Process] = field(default_factory=list)
    sessions: dict[int, int] = field(default_factory=dict)
    started: dict[int, str | None] = field(default_factory=dict)


def read(host: Host) -> NodeState:
    """The state of a node: a binary one's by a reader of its own, a model's from the model.

    Raises:
        HostError: the node is down.
        LabError: the reader failed.
    """
    if host.kind == "model":
        return NodeState(int(host.identity.extra.get("logical_processors", 2)), host.job_objects, host.processes())
    seen = host.run_probe({_READER.name: _READER.read_text()}, _ENTRY, {})
    return NodeState(
        logical_processors=seen["logical_processors"],
        jobs=[Job(**job) for job in seen["jobs"]],
        processes=host.processes(),
        sessions={int(id_): facts["session_id"] for id_, facts in seen["processes"].items()},
        started={int(id_): facts["started"] for id_, facts in seen["processes"].items()},
    )
