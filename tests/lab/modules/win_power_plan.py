"""community.windows.win_power_plan, on the registry value in which Windows keeps the active plan.

A node has the three plans of every Windows; the balanced one is active until another is chosen.
"""

from __future__ import annotations

from typing import Any

from lab.host.interface import Host, RegistryValue
from lab.modules.emulation import Emulation, ModuleFailure

KEY, VALUE = r"HKLM:\SYSTEM\CurrentControlSet\Control\Power\User\PowerSchemes", "ActivePowerScheme"
PLANS = {
    "Balanced": "381b4222-f694-41f0-9685-ff5bb260df2e",
    "High performance": "8c5e7fda-e8bf-4a96-9a85-a6e23a8c635c",
    "Power saver": "a1841308-3541-4fab-bc81-f71556f20b4a",
}


def active(host: Host) -> str:
    """The identifier of the active plan."""
    kept = host.registry_values(KEY) if host.registry_key_exists(KEY) else {}
    return kept[VALUE].data.lower() if VALUE in kept else PLANS["Balanced"]


def _run(host: Host, parameters: dict[str, Any], check_mode: bool, _diff: bool) -> dict[str, Any]:
    name, guid = parameters["name"], parameters["guid"]
    wanted = _plan("name", name) if name is not None else None
    wanted = _plan("guid", guid) if guid is not None else wanted
    changed = active(host) != wanted
    if changed and not check_mode:
        host.registry_set(KEY, VALUE, RegistryValue("string", wanted))
    return {
        "changed": changed,
        "power_plan_name": name,
        "power_plan_enabled": True,
        "all_available_plans": {title: plan == wanted for title, plan in PLANS.items()},
    }


def _plan(by: str, asked: str) -> str:
    known = {title.lower(): plan for title, plan in PLANS.items()} if by == "name" else {p: p for p in PLANS.values()}
    if asked.lower() not in known:
        raise ModuleFailure(f"Defined power_plan: ({asked}) is not available")
    return known[asked.lower()]


EMULATION = Emulation(_run, required_one_of=(("name", "guid"),))
