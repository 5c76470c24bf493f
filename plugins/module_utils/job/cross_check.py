# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Where the two witnesses of one node's job objects differ. What one of them can't know is no difference."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

Job = Mapping[str, Any]
# A number that WMI has no room for may show as anything there: wrapped or clamped, no source says which.
WMI_HOLDS = 2**32 - 1


def _members(job: Job) -> list[int] | None:
    if job.get("processes") is None:
        return None
    return sorted(process["pid"] for process in job["processes"] if process.get("in_job") is not False)


FIELDS: dict[str, Callable[[Job], Any]] = {
    "limit_flags": lambda job: (job.get("limits") or {}).get("flags"),
    "job_memory_bytes": lambda job: (job.get("limits") or {}).get("job_memory_bytes"),
    "processes": _members,
    "total_processes": lambda job: (job.get("accounting") or {}).get("total_processes"),
}


def differences(win32: Mapping[str, Any], cim: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return a mapping {name, field, win32, cim} for each difference, by the jobs' names.

    A job that only one of them lists has the field ``listed``. The two were asked one after the other, so a job or a
    process that began or ended in between differs rightly.
    """
    first, second = ({job["name"]: job for job in result["job_objects"]} for result in (win32, cim))
    found = []
    for name in sorted({*first, *second}):
        if name not in first or name not in second:
            found.append({"name": name, "field": "listed", "win32": name in first, "cim": name in second})
            continue
        for field, read in FIELDS.items():
            one, other = read(first[name]), read(second[name])
            if one is not None and other is not None and one != other and not _has_no_room(one):
                found.append({"name": name, "field": field, "win32": one, "cim": other})
    return found


def _has_no_room(kernels: Any) -> bool:
    """Whether WMI, whose numbers here are of 32 bits, can't show what the kernel says."""
    return isinstance(kernels, int) and kernels > WMI_HOLDS
