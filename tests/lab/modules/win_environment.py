"""ansible.windows.win_environment."""

from __future__ import annotations

from typing import Any

from lab.errors import NotModelled
from lab.host.interface import Host, RegistryValue
from lab.modules.emulation import Emulation, ModuleFailure
from lab.modules.environment import MACHINE, machine_value


def _run(host: Host, parameters: dict[str, Any], check_mode: bool, _diff: bool) -> dict[str, Any]:
    level, state = parameters["level"].lower(), parameters["state"]
    if level != "machine":
        raise NotModelled(f"win_environment with level={level}")
    variables = parameters["variables"] or {parameters["name"]: parameters["value"]}
    result: dict[str, Any] = {"changed": False, "values": {}, "env_values": {}, "warnings": []}
    before: dict[str, str] = {}
    after: dict[str, str] = {}
    for name, given in variables.items():
        value = _checked(name, None if given is None else str(given), state, result["warnings"])
        status = _set(host, name, value, state or ("present" if value else "absent"), check_mode)
        result["values"][name] = result["env_values"][name] = status
        result["changed"] |= status["changed"]
        result |= {"before_value": status["before"], "value": status["after"]}
        before |= {name: status["before"]} if status["before"] else {}
        after |= {name: status["after"]} if status["after"] else {}
    return result | {"diff": {"before": {level: before}, "after": {level: after}}}


def _checked(name: str, value: str | None, state: str | None, warnings: list[str]) -> str | None:
    if state == "absent" and value:
        warnings.append(f"When removing environment variable '{name}' it should not have a value '{value}' set")
        return None
    if state == "present" and not value:
        raise ModuleFailure(
            "When state=present, value must be defined and not an empty string, if you wish to remove the envvar, set "
            "state=absent"
        )
    return value


def _set(host: Host, name: str, value: str | None, state: str, check_mode: bool) -> dict[str, Any]:
    existing = machine_value(host, name)
    # PowerShell's -ne: without case.
    changed = (existing or "").lower() != (value or "").lower() if state == "present" else existing is not None
    if changed and not check_mode:
        if state == "present":
            host.registry_set(MACHINE, name, RegistryValue("string", value))
        else:
            host.registry_delete(MACHINE, name)
    return {"changed": changed, "before": existing, "after": value or ""}


EMULATION = Emulation(
    _run,
    mutually_exclusive=(("variables", "name"), ("variables", "value"), ("variables", "state")),
    required_one_of=(("name", "variables"),),
)
