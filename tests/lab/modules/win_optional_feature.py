"""ansible.windows.win_optional_feature."""

from __future__ import annotations

from typing import Any

from lab.host.interface import Host
from lab.modules import feature_names, files
from lab.modules.emulation import Emulation, ModuleFailure


def _run(host: Host, parameters: dict[str, Any], check_mode: bool, _diff: bool) -> dict[str, Any]:
    wanted = parameters["state"].lower() == "present"
    features = {name.lower(): feature for name, feature in host.features().items()}
    known_as = {name: feature_names.of_dism(name).lower() for name in parameters["name"]}
    for name in known_as:
        if known_as[name] not in features:
            raise ModuleFailure(f"Failed to find feature '{name}'", reboot_required=False)
    to_change = [features[name] for name in known_as.values() if features[name].installed != wanted]
    source = parameters["source"]
    if wanted and to_change and source and not files.exists(host, source):
        raise ModuleFailure(f"Path could not be found '{source}'", reboot_required=False)
    reboots = [] if check_mode else [host.set_feature(feature.name, wanted) for feature in to_change]
    return {"changed": bool(to_change), "reboot_required": any(reboots)}


EMULATION = Emulation(_run)
