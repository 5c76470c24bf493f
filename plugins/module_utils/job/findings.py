# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The findings: what each code means, how bad it is, and how to put it right. The only place that says so.

docs/finding-codes.md is held equal to this table by a test. A code is never given a second meaning.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

ERROR = "error"
WARNING = "warning"
INFO = "info"
SEVERITIES = (ERROR, WARNING, INFO)


@dataclass(frozen=True)
class Code:
    """One kind of finding. The fix is an instruction to a person."""

    title: str
    severity: str
    fix: str


RECREATE = "Limits are fixed when the container is created: delete the pod, so that it is made again"
READ_AGAIN = "Run the check again"

CODES: dict[str, Code] = {
    "HPJ001": Code(
        "CPU rate differs from the declared limit",
        ERROR,
        f"{RECREATE}; if it comes back, look for what sets the rate behind containerd's back or for an "
        "io.microsoft.container.processor annotation on the pod.",
    ),
    "HPJ002": Code(
        "Memory limit differs from the declared limit",
        ERROR,
        f"{RECREATE}; if it comes back, look for what sets the limit behind containerd's back or for an "
        "io.microsoft.container.memory.sizeinmb annotation on the pod.",
    ),
    "HPJ003": Code(
        "Job is not killed when its last handle closes",
        ERROR,
        "Something took JOB_OBJECT_LIMIT_KILL_ON_JOB_CLOSE away, so the processes would outlive their shim. "
        "Delete the pod and find what changed the job.",
    ),
    "HPJ004": Code(
        "Processes may leave the job",
        ERROR,
        "Something set a breakaway flag, so children can escape limits and clean-up. "
        "Delete the pod and find what changed the job.",
    ),
    "HPJ005": Code(
        "Silo is not what the node's build and shim make",
        WARNING,
        "Compare bindfltapi.dll and the containerd version of the node with those at the container's creation; "
        "delete the pod, so that it is made under the present ones.",
    ),
    "HPJ006": Code(
        "Process outside session 0",
        ERROR,
        "containerd must run as a service: check how it was started on the node, then delete the pod.",
    ),
    "HPJ007": Code(
        "Process runs as another user than declared",
        ERROR,
        "Compare runAsUserName with the process; an inherit-user annotation or an exec can be the reason.",
    ),
    "HPJ008": Code(
        "Running container without a job object",
        ERROR,
        "Nothing limits this container or ends it with its pod. Check on the node that the container runs as a "
        "HostProcess container, then delete the pod.",
    ),
    "HPJ009": Code(
        "Leaked job object without processes",
        WARNING,
        "Some process still holds a handle to the job of a container that is gone. Find the holder (handle.exe "
        "-a <job name>) and end it; a reboot of the node does it too.",
    ),
    "HPJ010": Code(
        "Leaked job object with live processes",
        ERROR,
        "The processes of a container that is gone still run, because something holds a handle to their job. End "
        "the processes listed as evidence, then the holder of the handle.",
    ),
    "HPJ011": Code(
        "Second live job object for one container",
        ERROR,
        "Two generations of one container run side by side. End the processes of the job that the pod no longer "
        "names, which the evidence lists.",
    ),
    "HPJ012": Code(
        "Process left its container's job",
        ERROR,
        "The process escapes limits and clean-up. End it; if the workload starts it on purpose through a service "
        "or the task scheduler, declare that elsewhere.",
    ),
    "HPJ013": Code(
        "Job of a running container has no processes",
        ERROR,
        "The cluster says that the container runs and the kernel says that it doesn't. Look at the kubelet's and "
        "containerd's logs, then delete the pod.",
    ),
    "HPJ014": Code(
        "Temporary account left over",
        WARNING,
        "The shim made this local account for a container with a group as user, and died before it could delete "
        "it. Delete the account.",
    ),
    "HPJ015": Code(
        "Root filesystem folder left over",
        WARNING,
        "A shim died before it could remove its containers' folders. Delete the folders when no container uses them.",
    ),
    "HPJ016": Code(
        "HostProcess container that the cluster doesn't name",
        WARNING,
        "containerd keeps this container and the declared pods don't have it. Check that the declared pods cover "
        "all namespaces; else remove the container with crictl on the node.",
    ),
    "HPJ020": Code(
        "CPU rate can't be determined",
        INFO,
        "Read the job objects with source win32, and give the kubelet's version for nodes with more than 64 "
        "logical processors.",
    ),
    "HPJ021": Code(
        "Memory limit can't be determined",
        INFO,
        "Read the job objects with source win32: WMI can't show limits of 4 GiB and more.",
    ),
    "HPJ022": Code(
        "Kill on close and breakaway can't be determined",
        INFO,
        "Look at the evidence for why the job refused its limits; a connection as an administrator can read them.",
    ),
    "HPJ023": Code(
        "Silo can't be judged",
        INFO,
        "Read the job objects with source win32 and hand over the result of node_info, which knows "
        "bindfltapi.dll and the containerd version.",
    ),
    "HPJ024": Code(
        "Session or user of processes can't be determined",
        INFO,
        "Look at the evidence for why the process couldn't be opened; protected processes can't.",
    ),
    "HPJ025": Code(
        "Job object not seen, which proves nothing here",
        INFO,
        "Run the check again; if it stays, read the job objects with source win32 and an account that can list the "
        "object directory.",
    ),
    "HPJ026": Code(
        "Container was restarted between the two reads",
        INFO,
        f"{READ_AGAIN}; a container that does this every time is in a crash loop.",
    ),
    "HPJ027": Code(
        "Declared limit can't be read",
        INFO,
        "The API server would not store this quantity: hand over the containers of workload_info.",
    ),
    "HPJ028": Code(
        "Leftovers can't be determined",
        INFO,
        "Look at the evidence for why there is no listing, and read the job objects with source win32 and an account "
        "that is an administrator of the node.",
    ),
    "HPJ029": Code(
        "No job object on this node comes from a declared container",
        INFO,
        "A manifest doesn't say on which nodes its pods run. Where one should run here, compare with the containers of "
        "workload_info.",
    ),
}


@dataclass(frozen=True)
class Finding:
    """One thing that is not as declared. Place names are None where the finding concerns the whole node."""

    code: str
    node: str
    message: str
    expected: Any = None
    actual: Any = None
    namespace: str | None = None
    pod: str | None = None
    container: str | None = None
    job: str | None = None
    evidence: dict[str, Any] = field(default_factory=dict)

    @property
    def severity(self) -> str:
        return CODES[self.code].severity

    def as_result(self) -> dict[str, Any]:
        """Return the finding as a module result has it."""
        code = CODES[self.code]
        return {**asdict(self), "title": code.title, "severity": code.severity, "fix": code.fix}


def reaches(severity: str, threshold: str) -> bool:
    """Return whether a severity is as bad as the threshold or worse; the threshold "never" is reached by none."""
    return threshold != "never" and SEVERITIES.index(severity) <= SEVERITIES.index(threshold)
