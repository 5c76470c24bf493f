"""The WMI classes that are modelled: properties with their CIM types, and instances made of a node's state.

Schemas and what WMI does to the kernel's values are from wsman-facts: memory in bytes, numbers of 32 bits, names with
each capital X written as ``\\x``.
"""

from __future__ import annotations

import ntpath
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from lab.wmi.node_state import NodeState

NAMESPACE = "root/cimv2"
Row = dict[str, Any]


@dataclass(frozen=True)
class Reference:
    """A property's value that names another instance by its key."""

    class_name: str
    key: str
    value: str


@dataclass(frozen=True)
class WmiClass:
    """A class.

    Attributes:
        types: property to CIM type, in the schema's order: ``string``, ``uint32``, ``uint64``, ``datetime``, ``ref``.
        instances: the instances of a node; properties that a row lacks are null.
        complete: whether these are all properties, so that ``SELECT *`` can be answered.
    """

    name: str
    types: dict[str, str]
    instances: Callable[[NodeState], Iterable[Row]]
    complete: bool = True

    def rows(self, state: NodeState) -> Iterator[Row]:
        """Every instance with every property in its type."""
        for instance in self.instances(state):
            yield {name: _typed(kind, instance.get(name)) for name, kind in self.types.items()}


def _typed(kind: str, value: Any) -> Any:
    # Whether Windows wraps a number that has no room or clamps it is not known; it is wrapped here.
    return value % 2**32 if kind == "uint32" and value is not None else value


def decorated(name: str) -> str:
    """A job's name as WMI writes it."""
    return re.sub("[A-Z]", lambda capital: "\\" + capital[0].lower(), name)


# Property of the class to the job's field.
_LIMITS = {
    "ActiveProcessLimit": "active_process_limit",
    "Affinity": "affinity",
    "JobMemoryLimit": "job_memory_limit",
    "LimitFlags": "limit_flags",
    "MaximumWorkingSetSize": "maximum_working_set",
    "MinimumWorkingSetSize": "minimum_working_set",
    "PerJobUserTimeLimit": "per_job_user_time",
    "PerProcessUserTimeLimit": "per_process_user_time",
    "PriorityClass": "priority_class",
    "ProcessMemoryLimit": "process_memory_limit",
    "SchedulingClass": "scheduling_class",
}
_ACCOUNTING = {
    "ActiveProcesses": "active_processes",
    "OtherOperationCount": "other_operations",
    "OtherTransferCount": "other_bytes",
    "PeakJobMemoryUsed": "peak_job_memory",
    "PeakProcessMemoryUsed": "peak_process_memory",
    "ReadOperationCount": "read_operations",
    "ReadTransferCount": "read_bytes",
    "ThisPeriodTotalKernelTime": "period_kernel_time",
    "ThisPeriodTotalUserTime": "period_user_time",
    "TotalKernelTime": "kernel_time",
    "TotalPageFaultCount": "page_faults",
    "TotalProcesses": "total_processes",
    "TotalTerminatedProcesses": "terminated_processes",
    "TotalUserTime": "user_time",
    "WriteOperationCount": "write_operations",
    "WriteTransferCount": "write_bytes",
}
_WIDE = re.compile("Time|OperationCount|TransferCount")


def _numbers(properties: Iterable[str]) -> dict[str, str]:
    return {name: "uint64" if _WIDE.search(name) else "uint32" for name in properties}


def _of_each_job(key: str, fields: dict[str, str]) -> Callable[[NodeState], Iterator[Row]]:
    def instances(state: NodeState) -> Iterator[Row]:
        for job in state.jobs:
            yield {key: decorated(job.name), **{name: getattr(job, field) for name, field in fields.items()}}

    return instances


def _members(state: NodeState) -> Iterator[Row]:
    for job in state.jobs:
        for process_id in job.process_ids:
            yield {
                "Collection": Reference("Win32_NamedJobObject", "CollectionID", decorated(job.name)),
                "Member": Reference("Win32_Process", "Handle", str(process_id)),
            }


def _processes(state: NodeState) -> Iterator[Row]:
    for process in state.processes:
        yield {
            "CommandLine": process.command_line or None,
            "CreationDate": state.started.get(process.id),
            "ExecutablePath": process.image if "\\" in process.image else None,
            "Handle": str(process.id),
            "Name": ntpath.basename(process.image),
            "ParentProcessId": process.parent_id,
            "ProcessId": process.id,
            "SessionId": state.sessions.get(process.id, 0),
        }


_TEXT = {"Caption": "string", "Description": "string"}
CLASSES = {
    known.name.lower(): known
    for known in (
        WmiClass(
            "Win32_NamedJobObject",
            {"BasicUIRestrictions": "uint32", **_TEXT, "CollectionID": "string"},
            _of_each_job("CollectionID", {"BasicUIRestrictions": "ui_restrictions"}),
        ),
        WmiClass(
            "Win32_NamedJobObjectLimitSetting",
            {**_numbers(_LIMITS), **_TEXT, "SettingID": "string"},
            _of_each_job("SettingID", _LIMITS),
        ),
        WmiClass(
            "Win32_NamedJobObjectActgInfo",
            {**_numbers(_ACCOUNTING), **_TEXT, "Name": "string"},
            _of_each_job("Name", _ACCOUNTING),
        ),
        WmiClass("Win32_NamedJobObjectProcess", {"Collection": "ref", "Member": "ref"}, _members),
        WmiClass(
            "Win32_Process",
            {
                "CommandLine": "string",
                "CreationDate": "datetime",
                "ExecutablePath": "string",
                "Handle": "string",
                "Name": "string",
                "ParentProcessId": "uint32",
                "ProcessId": "uint32",
                "SessionId": "uint32",
            },
            _processes,
            complete=False,
        ),
        WmiClass(
            "Win32_ComputerSystem",
            {"NumberOfLogicalProcessors": "uint32"},
            lambda state: [{"NumberOfLogicalProcessors": state.logical_processors}],
            complete=False,
        ),
    )
}
