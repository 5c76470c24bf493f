"""ansible.windows.slurp."""

from __future__ import annotations

import base64
from typing import Any

from lab.host.interface import Host
from lab.modules.emulation import Emulation, ModuleFailure


def _run(host: Host, parameters: dict[str, Any], _check_mode: bool, _diff: bool) -> dict[str, Any]:
    source = parameters["src"]
    status = host.status(source)
    if status is None:
        raise ModuleFailure(f"Path {source} is not found")
    if status.is_directory:
        raise ModuleFailure(f"Path {source} is a directory")
    return {"content": base64.b64encode(host.read(source)).decode(), "encoding": "base64"}


EMULATION = Emulation(_run)
