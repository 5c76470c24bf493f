# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What holds of every service that a node needs, and how its command line is read."""

from __future__ import annotations

import re
from collections.abc import Mapping

from ansible_collections.kubewin.hostprocess.plugins.module_utils.node.facts import Facts, Found


def unregistered(facts: Facts, service: str, fix: str) -> Found | None:
    services = facts.get("services")
    if not isinstance(services, Mapping) or services.get(service) is not None or facts.get(service, "exists") is False:
        return None
    return Found(f"There is no service {service}.", fix, {"service": service})


def stopped(facts: Facts, service: str, fix: str) -> Found | None:
    state = facts.get("services", service, "state")
    if state in (None, "running"):
        return None
    evidence = {"state": state, "exit_code": facts.get("services", service, "exit_code")}
    return Found(f"The service {service} is {state.replace('_', ' ')}.", fix, evidence)


def not_automatic(facts: Facts, service: str) -> Found | None:
    mode = facts.get("services", service, "start_mode")
    if mode in (None, "auto", "delayed"):
        return None
    return Found(
        f"The service {service} has start mode {mode}: it is not there after a reboot.",
        f"Set the start mode of {service} to auto.",
        {"start_mode": mode},
    )


def recovery_ends(facts: Facts, service: str) -> Found | None:
    """Windows repeats the last action for every further failure, so a last "none" is the end.

    containerd --register-service sets restart, restart, none.
    """
    recovery = facts.get("services", service, "failure_actions")
    if not isinstance(recovery, Mapping):
        return None
    actions = [action.get("type") for action in recovery.get("actions") or []]
    if actions and actions[-1] == "restart":
        return None
    what = f"gives up after {len(actions) - 1} restarts" if "restart" in actions else "is not restarted when it fails"
    return Found(
        f"The service {service} {what}.",
        f"Let the last recovery action of {service} be a restart.",
        {"failure_actions": actions, "reset_seconds": recovery.get("reset_seconds")},
    )


def program(command_line: str | None) -> str | None:
    """Return the program of a command line: quoted, or up to the first .exe, or the first word."""
    found = re.match(r'\s*(?:"([^"]+)"|(.+?\.exe)(?=\s|$)|(\S+))', command_line or "", re.IGNORECASE)
    return next((part for part in found.groups() if part), None) if found else None


def same_path(one: str, other: str) -> bool:
    return one.replace("/", "\\").casefold() == other.replace("/", "\\").casefold()
