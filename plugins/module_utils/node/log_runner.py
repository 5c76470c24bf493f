# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""kube-log-runner, which keeps a service's output in a file; a Windows service has nowhere else to write to."""

from __future__ import annotations

from ansible_collections.kubewin.hostprocess.plugins.module_utils.node import kubelet_duration
from ansible_collections.kubewin.hostprocess.plugins.module_utils.node.errors import PlanError
from ansible_collections.kubewin.hostprocess.plugins.module_utils.node.kubelet_value_kinds import is_amount
from ansible_collections.kubewin.hostprocess.plugins.module_utils.node.release import full_version, require_sha256
from ansible_collections.kubewin.hostprocess.plugins.module_utils.support import versions

# -log-file-size and -log-file-age: in component-base 0.34.0 (logs/kube-log-runner), not in 0.33.13.
_ROTATES_SINCE = "1.34"


def log_runner_plan(directory: str, log_directory: str, sha256: str, version: str | float, size: str, age: str) -> dict:
    """Return ``{program, command, warnings}``; all empty without a checksum, that is without a log runner.

    Args:
        size: when the file is set aside and a new one begun, as a Kubernetes quantity; empty for never.
        age: when files that were set aside are deleted, as a Go duration; empty for never.

    Raises:
        PlanError: the program would not start with one of these, or can't be verified.
    """
    _require_limits(size, age)
    if not sha256:
        return {"program": "", "command": [], "warnings": []}
    require_sha256(sha256, "kubelet_log_runner_sha256", f"kube-log-runner {version}")
    program = f"{directory}\\kube-log-runner.exe"
    command = [program, f"-log-file={log_directory}\\kubelet.log"]
    if not size:
        return {"program": program, "command": command, "warnings": []}
    found = full_version(version)
    if not versions.at_least(versions.kubernetes(found), _ROTATES_SINCE):
        warning = (
            f"kube-log-runner {found} can't rotate logs: kubelet.log grows without end. Set kubelet_log_runner_version"
            f" to {_ROTATES_SINCE} or later (it works with older kubelets), with its checksum."
        )
        return {"program": program, "command": command, "warnings": [warning]}
    limits = [f"-log-file-size={size}", *([f"-log-file-age={age}"] if age else [])]
    return {"program": program, "command": [*command, *limits], "warnings": []}


def _require_limits(size: str, age: str) -> None:
    """Refuse what is not empty and not of the kind that the program's flags take."""
    if size and not is_amount(size):
        raise PlanError(
            f"kubelet_log_file_size is {size!r}, and kube-log-runner does not start with it: write a Kubernetes"
            " quantity, such as 50Mi or 50M, or leave it empty."
        )
    seconds = kubelet_duration.seconds(age) if age else 0.0
    if seconds is None or seconds < 0:
        raise PlanError(
            f"kubelet_log_file_age is {age!r}, and kube-log-runner does not start with it: write a duration in hours,"
            " minutes or seconds, such as 168h for a week, or leave it empty."
        )
