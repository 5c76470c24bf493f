# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Job objects as WMI shows them, in the shape of job_object_info; what WMI can't show is null with a reason.

Classes: Win32_NamedJobObject, ...LimitSetting, ...ActgInfo, ...Process in root/cimv2 (facts section 4.4, wsman-facts
section 1). WMI changes a job's name: each capital becomes a backslash and the small letter, so that JobContainer_<id>
is written as backslash job backslash container_<id> (inferred for these names). Both forms are accepted, by the id.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from ansible_collections.kubewin.hostprocess.plugins.module_utils.job.errors import JobError
from ansible_collections.kubewin.hostprocess.plugins.module_utils.job.model import (
    JOB_PREFIX,
    LIMIT_BREAKAWAY,
    LIMIT_JOB_MEMORY,
    LIMIT_KILL_ON_CLOSE,
)

# In this order: members before the processes that describe them, so that one which is in no row has ended meanwhile.
QUERIES = {
    "jobs": "SELECT * FROM Win32_NamedJobObject",
    "limits": "SELECT * FROM Win32_NamedJobObjectLimitSetting",
    "accounting": "SELECT * FROM Win32_NamedJobObjectActgInfo",
    "members": "SELECT * FROM Win32_NamedJobObjectProcess",
    "processes": (
        "SELECT ProcessId, ParentProcessId, Name, ExecutablePath, CommandLine, SessionId, CreationDate "
        "FROM Win32_Process"
    ),
    "computer": "SELECT NumberOfLogicalProcessors FROM Win32_ComputerSystem",
}

FLAG_NAMES = {
    0x1: "WORKINGSET",
    0x2: "PROCESS_TIME",
    0x4: "JOB_TIME",
    0x8: "ACTIVE_PROCESS",
    0x10: "AFFINITY",
    0x20: "PRIORITY_CLASS",
    0x40: "PRESERVE_JOB_TIME",
    0x80: "SCHEDULING_CLASS",
    0x100: "PROCESS_MEMORY",
    0x200: "JOB_MEMORY",
    0x400: "DIE_ON_UNHANDLED_EXCEPTION",
    0x800: "BREAKAWAY_OK",
    0x1000: "SILENT_BREAKAWAY_OK",
    0x2000: "KILL_ON_JOB_CLOSE",
}

NO_PROPERTY = "WMI has no property for it"
NO_BUNDLE = "WMI does not know containers"
NO_OWNER = "WMI tells a process's user by a method call only, which is not made"
NO_DIRECTORY = "WMI tells a job's name without its directory"
NO_ACCOUNTING = "WMI shows no accounting for this job"
NO_SETTING = "WMI shows no limits for this job"
# The properties are uint32. Whether a larger value wraps or is clamped is not known, so neither end is believed. A
# value in between may still be what is left of a larger one: nothing is concluded where 4 GiB or more are expected.
NOT_IN_32_BITS = "WMI holds 32 bits, so a limit of 4 GiB or more can't be told from this value"
UNBELIEVED = (0, 0xFFFFFFFF)
NO_PEAK = "WMI holds 32 bits, which only a job with a memory limit below 4 GiB can't exceed"

_NUMBER = re.compile("[0-9]{1,20}", re.ASCII)  # no more digits than an uint64 has
_JOB_CONTAINER = re.compile(r"\\?job\\?container_(?P<id>[0-9a-f]{64})", re.IGNORECASE)

Row = Mapping[str, Any]


def job_objects(rows: Mapping[str, Iterable[Row]]) -> dict[str, Any]:
    """Return a job_object_info result.

    Args:
        rows: for each name of QUERIES the rows of its query, text as it came, REF properties as their keys (a
            mapping from key name to value).

    Raises:
        JobError: a row lacks its key, or a number is none.
    """
    limits = _by_name(rows["limits"], "SettingID")
    accounting = _by_name(rows["accounting"], "Name")
    processes = {_text(row, "ProcessId"): row for row in rows["processes"]}
    members: dict[str, list[str]] = {}
    for row in rows["members"]:
        job, process = _text(row.get("Collection"), "CollectionID"), _text(row.get("Member"), "Handle")
        members.setdefault(_plain(job), []).append(process)

    found = []
    for row in rows["jobs"]:
        name = _plain(_text(row, "CollectionID"))
        match = _JOB_CONTAINER.fullmatch(name)
        if match:
            ids = members.get(name, [])
            found.append(_job(match["id"].lower(), name, limits.get(name), accounting.get(name), ids, processes))
    computer = next(iter(rows["computer"]), {})
    return {
        "source": "cim",
        "logical_processors": _number(computer.get("NumberOfLogicalProcessors")),
        "searched": [
            {
                "directory": "root/cimv2:Win32_NamedJobObject",
                "status": "listed",
                "job_objects": len(found),
                "error": None,
            }
        ],
        "bundle_directory": None,
        "job_objects": sorted(found, key=lambda job: job["name"]),
        "vanished": [],
        "bundles": [],
        "shims": [],
        "leftovers": {
            "rootfs_folders": None,
            "accounts": None,
            "errors": {name: {"win32_error": None, "message": NO_BUNDLE} for name in ("rootfs_folders", "accounts")},
        },
        "statistics": None,
    }


def _job(
    container_id: str, wmi_name: str, limits: Row | None, accounting: Row | None, ids: list[str], processes: Mapping
) -> dict[str, Any]:
    unknown = dict.fromkeys(("cpu_rate", "silo", "io", "group_affinity"), NO_PROPERTY)
    unknown |= dict.fromkeys(("pod", "container_name", "image"), NO_BUNDLE)
    unknown["directory"] = NO_DIRECTORY
    settings = _limits(limits, accounting, unknown)
    flags = settings["flags"] if settings else None
    used = _accounting(accounting, unknown)
    return {
        "name": f"{JOB_PREFIX}{container_id}",
        "wmi_name": wmi_name,
        "directory": None,
        "container_id": container_id,
        "state": _state(ids, used),
        "found_by": ["wmi"],
        "shim_process_id": None,
        **dict.fromkeys(("pod", "container_name", "image", "cpu_rate", "silo", "io", "group_affinity")),
        "processes": [_process(number, processes[number]) for number in ids if number in processes],
        "limits": settings,
        "memory": _memory(settings, unknown),
        "accounting": used,
        "io_accounting": _io(accounting, unknown),
        "kill_on_close": None if flags is None else bool(flags & LIMIT_KILL_ON_CLOSE),
        "breakaway": None if flags is None else bool(flags & LIMIT_BREAKAWAY),
        "errors": {field: {"win32_error": None, "message": reason} for field, reason in unknown.items()},
    }


def _limits(row: Row | None, used: Row | None, unknown: dict[str, str]) -> dict[str, Any] | None:
    flags = _number(row.get("LimitFlags")) if row else None
    if row is None or flags is None:
        unknown.update(dict.fromkeys(("limits", "kill_on_close", "breakaway"), NO_SETTING))
        return None

    def when(flag: int, name: str) -> int | None:
        return _number(row.get(name)) if flags & flag else None

    def believed(flag: int, name: str, field: str) -> int | None:
        value = when(flag, name)
        if flags & flag and (value is None or value in UNBELIEVED):
            unknown[field] = NOT_IN_32_BITS
            return None
        return value

    job_memory = believed(LIMIT_JOB_MEMORY, "JobMemoryLimit", "job_memory_bytes")
    peaks = used if used and job_memory is not None else {}
    if not peaks:
        unknown.update(dict.fromkeys(("peak_process_memory_bytes", "peak_job_memory_bytes"), NO_PEAK))
    return {
        "flags": flags,
        "flag_names": _flag_names(flags),
        "per_process_user_time_100ns": when(0x2, "PerProcessUserTimeLimit"),
        "per_job_user_time_100ns": when(0x4, "PerJobUserTimeLimit"),
        "minimum_working_set_bytes": when(0x1, "MinimumWorkingSetSize"),
        "maximum_working_set_bytes": when(0x1, "MaximumWorkingSetSize"),
        "active_processes": when(0x8, "ActiveProcessLimit"),
        "affinity": when(0x10, "Affinity"),
        "priority_class": when(0x20, "PriorityClass"),
        "scheduling_class": when(0x80, "SchedulingClass"),
        "process_memory_bytes": believed(0x100, "ProcessMemoryLimit", "process_memory_bytes"),
        "job_memory_bytes": job_memory,
        "peak_process_memory_bytes": _number(peaks.get("PeakProcessMemoryUsed")),
        "peak_job_memory_bytes": _number(peaks.get("PeakJobMemoryUsed")),
    }


def _flag_names(flags: int) -> list[str]:
    names = [f"JOB_OBJECT_LIMIT_{name}" for flag, name in FLAG_NAMES.items() if flags & flag]
    rest = flags & ~sum(FLAG_NAMES)
    return [*names, f"0x{rest:X}"] if rest else names


def _accounting(row: Row | None, unknown: dict[str, str]) -> dict[str, Any] | None:
    if row is None:
        unknown["accounting"] = NO_ACCOUNTING
        return None
    return {
        "user_time_100ns": _number(row.get("TotalUserTime")),
        "kernel_time_100ns": _number(row.get("TotalKernelTime")),
        "page_faults": _number(row.get("TotalPageFaultCount")),
        "total_processes": _number(row.get("TotalProcesses")),
        "active_processes": _number(row.get("ActiveProcesses")),
        "terminated_processes": _number(row.get("TotalTerminatedProcesses")),
    }


def _memory(limits: dict[str, Any] | None, unknown: dict[str, str]) -> dict[str, Any] | None:
    """Return the peak where a limit that fits 32 bits keeps it within them."""
    unknown["current_bytes"] = NO_PROPERTY
    peak = limits and limits["peak_job_memory_bytes"]
    if peak is None:
        unknown["memory"] = NO_PEAK
        return None
    return {"current_bytes": None, "peak_bytes": peak}


def _io(row: Row | None, unknown: dict[str, str]) -> dict[str, Any] | None:
    if row is None:
        unknown["io_accounting"] = NO_ACCOUNTING
        return None
    return {
        f"{kind}_{unit}": _number(row.get(f"{kind.capitalize()}{name}Count"))
        for unit, name in (("operations", "Operation"), ("bytes", "Transfer"))
        for kind in ("read", "write", "other")
    }


def _state(ids: list[str], accounting: dict[str, Any] | None) -> str:
    if ids:
        return "running"
    return "created" if accounting and accounting["total_processes"] == 0 else "empty"


def _process(number: str, row: Row) -> dict[str, Any]:
    return {
        "pid": _number(number),
        "parent_pid": _number(row.get("ParentProcessId")),
        "image": row.get("ExecutablePath") or row.get("Name"),
        "command_line": row.get("CommandLine"),
        "user": None,
        "user_sid": None,
        "session_id": _number(row.get("SessionId")),
        "start_time": row.get("CreationDate"),
        "in_job": True,
        "errors": {"user": {"win32_error": None, "message": NO_OWNER}},
    }


def _by_name(rows: Iterable[Row], key: str) -> dict[str, Row]:
    return {_plain(_text(row, key)): row for row in rows}


def _text(row: Any, name: str) -> str:
    value = row.get(name) if isinstance(row, Mapping) else None
    if not isinstance(value, str) or not value:
        raise JobError(f"WMI answers with a row that has no {name}: {str(row)[:200]}. Is it the node's own WMI?")
    return value


def _plain(name: str) -> str:
    r"""Return a name with single backslashes: replies and references may double them, and no real name has any."""
    return re.sub(r"\\+", r"\\", name)


def _number(text: Any) -> int | None:
    if text in (None, ""):
        return None
    if not isinstance(text, str) or not _NUMBER.fullmatch(text):
        raise JobError(f"WMI answers with {str(text)[:80]!r} where its schema has a number.")
    return int(text)
