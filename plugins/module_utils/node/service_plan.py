# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A Windows service as a role wants it, and whether the one on the node differs."""

from __future__ import annotations

import subprocess
from collections.abc import Iterable, Mapping

from ansible_collections.kubewin.hostprocess.plugins.module_utils.node.probed import service_of

# Steps of a service's recovery. Windows repeats the last one, so a service is never given up, and counts from the
# first again after the reset period. containerd's own registration ends with "none": the third crash in a day is final.
RECOVERY_DELAYS_MILLISECONDS = (5_000, 10_000, 30_000)
RECOVERY_RESET_SECONDS = 300

_LOCAL_SYSTEM = {"localsystem", "system", "nt authority\\system"}


def service_wanted(name: str, command: Iterable[str], dependencies: Iterable[str]) -> dict:
    """Return a service in the words of ansible.windows.win_service."""
    return {
        "name": name,
        "path": subprocess.list2cmdline(command),
        "dependencies": list(map(str, dependencies)),
        "failure_actions": [{"type": "restart", "delay_ms": delay} for delay in RECOVERY_DELAYS_MILLISECONDS],
        "failure_reset_period_sec": RECOVERY_RESET_SECONDS,
    }


def service_differs(node: Mapping, wanted: Mapping) -> bool:
    """Tell whether a service is missing, stopped, or configured in another way than wanted."""
    found = service_of(node, wanted["name"])
    if found is None:
        return True
    recovery = found.get("failure_actions") or {}
    steps = [("restart", step["delay_ms"]) for step in wanted["failure_actions"]]
    return (
        found["state"] != "running"
        or found["start_mode"] != "auto"
        or found["account"].lower() not in _LOCAL_SYSTEM
        or found["command_line"] != wanted["path"]
        or sorted(map(str.lower, found["dependencies"])) != sorted(map(str.lower, wanted["dependencies"]))
        or [(step["type"], step["delay_milliseconds"]) for step in recovery.get("actions", [])] != steps
        or recovery.get("reset_seconds") != wanted["failure_reset_period_sec"]
        or not recovery.get("on_non_crash")
    )
