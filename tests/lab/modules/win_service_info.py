"""ansible.windows.win_service_info."""

from __future__ import annotations

from typing import Any

from lab.host.interface import Host, ServiceStatus
from lab.modules.emulation import Emulation
from lab.modules.service_facts import described


def _run(host: Host, parameters: dict[str, Any], _check_mode: bool, _diff: bool) -> dict[str, Any]:
    name, services = parameters["name"], host.services()
    if name:
        services = [status for status in services if _is(status, name)]
    return {"exists": bool(services), "services": [_facts(host, status) for status in services]}


def _is(status: ServiceStatus, name: str) -> bool:
    return name.lower() in (status.configuration.name.lower(), status.configuration.display_name.lower())


def _facts(host: Host, status: ServiceStatus) -> dict[str, Any]:
    facts = described(status)
    del facts["password"]
    return facts | {
        "checkpoint": 0,
        "controls_accepted": ["stop", "shutdown"] if status.state == "running" else [],
        "dependency_of": [
            other.configuration.name
            for other in host.services()
            if facts["name"].lower() in (needed.lower() for needed in other.configuration.dependencies)
        ],
        "launch_protection": "none",
        "preferred_node": None,
        "process_id": status.process_id,
        "service_exit_code": 0,
        "service_flags": [],
        "triggers": [],
        "wait_hint_ms": 0,
        "win32_exit_code": 0,
    }


EMULATION = Emulation(_run)
