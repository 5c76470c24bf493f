"""A service as win_service's diff and win_service_info describe it."""

from __future__ import annotations

from typing import Any

from lab.host.interface import ServiceStatus

_SYSTEM = "NT AUTHORITY\\SYSTEM"
_ACCOUNTS = {
    "localsystem": _SYSTEM,
    "system": _SYSTEM,
    "nt authority\\system": _SYSTEM,
    "s-1-5-18": _SYSTEM,
    "nt authority\\localservice": "NT AUTHORITY\\LOCAL SERVICE",
    "nt authority\\local service": "NT AUTHORITY\\LOCAL SERVICE",
    "nt authority\\networkservice": "NT AUTHORITY\\NETWORK SERVICE",
    "nt authority\\network service": "NT AUTHORITY\\NETWORK SERVICE",
}
_STATES = {"running": "started"}

# What Host does not keep, as Windows makes a new service.
FIXED: dict[str, Any] = {
    "desktop_interact": False,
    "error_control": "normal",
    "failure_command": "",
    "failure_reboot_msg": "",
    "load_order_group": "",
    "pre_shutdown_timeout_ms": 180000,
    "required_privileges": [],
    "service_type": "win32_own_process",
    "sid_info": "none",
}


def account_name(account: str) -> str:
    """The account's full name."""
    return _ACCOUNTS.get(account.lower(), account)


def stored_account(account: str) -> str:
    """The account as the service manager keeps it: LocalSystem has a name of its own."""
    return "LocalSystem" if account_name(account) == _SYSTEM else account


def described(status: ServiceStatus) -> dict[str, Any]:
    """The keys of win_service's diff; win_service_info has them too."""
    configuration = status.configuration
    return {
        **FIXED,
        "failure_command": None,
        "failure_reboot_msg": None,
        "dependencies": list(configuration.dependencies),
        "description": configuration.description or None,
        "display_name": configuration.display_name,
        "failure_actions": [
            {"type": action.type, "delay_ms": action.delay_milliseconds} for action in configuration.failure_actions
        ],
        "failure_actions_on_non_crash_failure": configuration.failure_actions_on_non_crash,
        "failure_reset_period_sec": configuration.failure_reset_seconds,
        "name": configuration.name,
        "path": configuration.command_line,
        "start_mode": configuration.start_mode,
        "state": _STATES.get(status.state, status.state),
        "username": account_name(configuration.account),
        "password": "REDACTED",
    }
