"""ansible.windows.win_ping."""

from __future__ import annotations

from typing import Any

from lab.host.interface import Host
from lab.modules.emulation import Emulation, ModuleFailure


def _run(_host: Host, parameters: dict[str, Any], _check_mode: bool, _diff: bool) -> dict[str, Any]:
    if parameters["data"] == "crash":
        raise ModuleFailure("Unhandled exception while executing module: boom")
    return {"ping": parameters["data"]}


EMULATION = Emulation(_run)
