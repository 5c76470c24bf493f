"""ansible.windows.win_feature."""

from __future__ import annotations

from typing import Any

from lab.errors import NotModelled
from lab.host.interface import Host
from lab.modules import files
from lab.modules.emulation import Emulation, ModuleFailure

_RESTART = "You must restart this server to finish the {} process."


def _run(host: Host, parameters: dict[str, Any], check_mode: bool, _diff: bool) -> dict[str, Any]:
    wanted = parameters["state"].lower() == "present"
    source = parameters["source"]
    if source and not files.exists(host, source):
        raise ModuleFailure(f"Failed to find source path {source} for feature install")
    if parameters["include_sub_features"] or parameters["include_management_tools"]:
        raise NotModelled("win_feature with include_sub_features or include_management_tools")
    features = {name.lower(): feature for name, feature in host.features().items()}
    unknown = [name for name in parameters["name"] if name.lower() not in features]
    if unknown:
        raise ModuleFailure(
            "Unhandled exception while executing module: ArgumentNotValid: The role, role service, or feature name is "
            f"not valid: '{','.join(unknown)}'. The name was not found."
        )
    to_change = [features[name.lower()] for name in parameters["name"] if features[name.lower()].installed != wanted]
    reboots = [(feature, not check_mode and host.set_feature(feature.name, wanted)) for feature in to_change]
    reboot = any(needed for _feature, needed in reboots)
    return {
        "changed": bool(to_change),
        "success": True,
        "failed": False,
        "exitcode": ("SuccessRestartRequired" if reboot else "Success") if to_change else "NoChangeNeeded",
        "reboot_required": reboot,
        "feature_result": [_entry(feature.name, needed, wanted) for feature, needed in reboots],
    }


def _entry(name: str, reboot: bool, installed: bool) -> dict[str, Any]:
    text = _RESTART.format("installation" if installed else "removal")
    return {
        "id": 0,
        "display_name": name,
        "message": [{"message_type": "Warning", "error_code": None, "text": text}] if reboot else [],
        "reboot_required": reboot,
        "skip_reason": "NotSkipped",
        "success": True,
    }


EMULATION = Emulation(_run)
