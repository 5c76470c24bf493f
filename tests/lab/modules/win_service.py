"""ansible.windows.win_service."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from lab.errors import HostError, NotModelled
from lab.host import paths
from lab.host.interface import FailureAction, Host, ServiceConfiguration, ServiceStatus
from lab.modules.emulation import Emulation, ModuleFailure
from lab.modules.service_facts import FIXED, account_name, described, stored_account

_ABSENT_OR_INFORMATION = ("name", "state", "force_dependent_services", "update_password")


# Start-Service and Stop-Service wait as long as the service says that it is on its way; here it has to end some time.
PATIENCE_SECONDS = 180.0


def _run(host: Host, parameters: dict[str, Any], check_mode: bool, _diff: bool) -> dict[str, Any]:
    status = _find(host, parameters["name"])
    before = described(status) if status else ""
    if parameters["state"] == "absent":
        return _remove(host, status, parameters["force_dependent_services"], check_mode) | _difference(before, "")
    _refuse_what_is_not_modelled(parameters)
    if status is None and not _asks_for_something(parameters):
        return {"exists": False} | _difference(before, before)
    changed = False
    if status is None:
        if parameters["path"] is None:
            name = parameters["name"]
            raise ModuleFailure(
                f"Service '{name}' is not installed, need to set 'path' to create a new service", exists=False
            )
        changed = True
        if check_mode:
            return _answer(host, None, _wanted(parameters), True, before)
        status = _create(host, parameters)
    configuration = _configured(host, status.configuration, parameters)
    if configuration != status.configuration:
        changed = True
        if not check_mode:
            host.change_service(configuration)
    changed |= _set_state(host, status, parameters, check_mode)
    # In check mode, and for the state, the answer is what was asked for, not what is.
    after = described(replace(status, configuration=configuration))
    after["state"] = parameters["state"] or after["state"]
    return _answer(host, configuration.name, after, changed, before)


def _difference(before: Any, after: Any) -> dict[str, Any]:
    return {"diff": {"before": before, "after": after}}


def _find(host: Host, name: str) -> ServiceStatus | None:
    """By service name, or by display name."""
    by_display = (status for status in host.services() if status.configuration.display_name.lower() == name.lower())
    return host.service(name) or next(by_display, None)


def _asks_for_something(parameters: dict[str, Any]) -> bool:
    ignored = {"name", "force_dependent_services", "update_password"}
    defaults = {"desktop_interact": False, "dependency_action": "set"}
    return any(
        value is not None and value != defaults.get(name) for name, value in parameters.items() if name not in ignored
    )


def _refuse_what_is_not_modelled(parameters: dict[str, Any]) -> None:
    """What Host does not keep may only be asked to be as Windows makes it."""
    for name, usual in FIXED.items():
        if parameters.get(name) not in (None, usual):
            raise NotModelled(f"win_service with {name}={parameters[name]!r}")
    if parameters["state"] == "paused":
        raise NotModelled("win_service with state=paused")


def _create(host: Host, parameters: dict[str, Any]) -> ServiceStatus:
    """New-Service: starts automatically as LocalSystem, its display name is its name."""
    name = parameters["name"]
    host.create_service(ServiceConfiguration(name, name, paths.expand(host, parameters["path"])))
    status = host.service(name)
    assert status is not None
    return status


def _configured(host: Host, configuration: ServiceConfiguration, parameters: dict[str, Any]) -> ServiceConfiguration:
    """The configuration with every given option applied."""
    changes: dict[str, Any] = {}
    if parameters["path"]:
        changes["command_line"] = paths.expand(host, parameters["path"])
    if parameters["display_name"]:
        changes["display_name"] = parameters["display_name"]
    if parameters["description"] is not None:
        changes["description"] = parameters["description"]
    if parameters["start_mode"]:
        changes["start_mode"] = parameters["start_mode"].lower()
    if parameters["username"]:
        changes["account"] = stored_account(parameters["username"])
    if parameters["dependencies"] is not None:
        changes["dependencies"] = _dependencies(configuration.dependencies, parameters)
    changes |= _recovery(parameters)
    return replace(configuration, **changes)


def _dependencies(existing: tuple[str, ...], parameters: dict[str, Any]) -> tuple[str, ...]:
    asked, action = parameters["dependencies"], parameters["dependency_action"]
    if action == "remove":
        return tuple(name for name in existing if name not in asked)
    kept = existing if action == "add" else tuple(name for name in existing if name in asked)
    return kept + tuple(name for name in asked if name not in kept)


def _recovery(parameters: dict[str, Any]) -> dict[str, Any]:
    changes: dict[str, Any] = {}
    if parameters["failure_actions"] is not None:
        changes["failure_actions"] = tuple(
            FailureAction(action["type"].lower(), action["delay_ms"]) for action in parameters["failure_actions"]
        )
    if parameters["failure_reset_period_sec"] is not None:
        changes["failure_reset_seconds"] = parameters["failure_reset_period_sec"]
    if parameters["failure_actions_on_non_crash_failure"] is not None:
        changes["failure_actions_on_non_crash"] = parameters["failure_actions_on_non_crash_failure"]
    return changes


def _remove(host: Host, status: ServiceStatus | None, force: bool, check_mode: bool) -> dict[str, Any]:
    if status is None:
        return {"exists": False}
    if not check_mode:
        _stop(host, status, force)
        host.delete_service(status.configuration.name)
    return {"changed": True, "exists": False}


def _set_state(host: Host, status: ServiceStatus, parameters: dict[str, Any], check_mode: bool) -> bool:
    state, force = parameters["state"], parameters["force_dependent_services"]
    if state == "started" and status.state != "running":
        if not check_mode:
            _start(host, status.configuration)
        return True
    if state == "stopped" and status.state != "stopped":
        if not check_mode:
            _stop(host, status, force)
        return True
    if state == "restarted":
        if not check_mode:
            stopped = _stop(host, status, force)
            _start(host, status.configuration)
            for dependent in reversed(stopped):
                _start(host, dependent.configuration)
        return True
    return False


def _title(configuration: ServiceConfiguration) -> str:
    return f"'{configuration.display_name} ({configuration.name})'"


def _start(host: Host, configuration: ServiceConfiguration) -> None:
    try:
        host.start_service(configuration.name, timeout=PATIENCE_SECONDS)
    except HostError as exc:
        raise ModuleFailure(
            f"Unhandled exception while executing module: Service {_title(configuration)} cannot be started due to the "
            f"following error: Cannot start service {configuration.name} on computer '.'.",
            exception=str(exc),
        ) from exc


def _stop(host: Host, status: ServiceStatus, force: bool) -> list[ServiceStatus]:
    """Stop-Service; with force the services that depend on it first. Returns those."""
    dependents = [other for other in _dependents(host, status.configuration.name) if other.state == "running"]
    if dependents and not force:
        raise ModuleFailure(
            f"Unhandled exception while executing module: Cannot stop service {_title(status.configuration)} because "
            "it has dependent services. It can only be stopped if the Force flag is set."
        )
    for dependent in dependents:
        _stop(host, dependent, force)
    try:
        host.stop_service(status.configuration.name, timeout=PATIENCE_SECONDS)
    except HostError as exc:
        raise ModuleFailure(
            f"Unhandled exception while executing module: Service {_title(status.configuration)} cannot be stopped due "
            f"to the following error: Cannot stop {status.configuration.name} service on computer '.'.",
            exception=str(exc),
        ) from exc
    return dependents


def _dependents(host: Host, name: str) -> Iterable[ServiceStatus]:
    return (
        status
        for status in host.services()
        if name.lower() in (needed.lower() for needed in status.configuration.dependencies)
    )


def _wanted(parameters: dict[str, Any]) -> dict[str, Any]:
    """What a service that check mode doesn't create would be told: the options, unset ones null, as the real module."""
    return {name: value for name, value in parameters.items() if name not in _ABSENT_OR_INFORMATION} | {
        "name": parameters["name"],
        "state": parameters["state"],
    }


def _answer(host: Host, name: str | None, after: dict[str, Any], changed: bool, before: Any) -> dict[str, Any]:
    if after["state"] is None:
        # The real module calls a method of the state that check mode left null.
        raise ModuleFailure(
            "Unhandled exception while executing module: You cannot call a method on a null-valued expression."
        )
    state = after["state"].replace("_", "")
    account = after["username"]
    return {
        "changed": changed,
        "exists": True,
        **{
            key: after[key]
            for key in (
                "dependencies",
                "description",
                "desktop_interact",
                "display_name",
                "name",
                "path",
                "start_mode",
            )
        },
        "username": stored_account(account)
        if account and account_name(account) == account_name("LocalSystem")
        else account,
        "state": "running" if state in ("started", "restarted") else state,
        "can_pause_and_continue": None if name is None else False,
        "depended_by": [] if name is None else [status.configuration.name for status in _dependents(host, name)],
    } | _difference(before, after)


EMULATION = Emulation(
    _run,
    required_by={"password": ("username",)},
    # Options that the documentation types as int and the source as UInt32.
    undocumented={
        "failure_reset_period_sec": {"type": "uint32", "aliases": ["failure_reset_period"]},
        "failure_actions": {
            "type": "list",
            "elements": "dict",
            "suboptions": {
                "delay_ms": {"type": "uint32", "default": 0, "aliases": ["delay"]},
                "type": {"type": "str", "required": True, "choices": ["none", "reboot", "restart", "run_command"]},
            },
        },
    },
)
