"""Our own modules: the C# in the payload is what runs on the node; only the PowerShell glue is stood in for."""

from __future__ import annotations

import re
from typing import Any

from lab.errors import NotModelled
from lab.host import dynamic_ports
from lab.host.interface import Host
from lab.modules import feature_names
from lab.modules.emulation import Emulation
from lab.modules.netsh import excluded_table
from lab.wire.payload import ModuleCall

_NAMESPACE = "ansible_collections.kubewin.hostprocess.plugins.module_utils."
_PROBES = {
    "kubewin.hostprocess.node_info": "NodeProbe.NodeProbe",
    "kubewin.hostprocess.job_object_info": "JobObject.JobObjectProbe",
}


def emulation(call: ModuleCall) -> Emulation | None:
    """The emulation of one of our modules, bound to the C# that this payload brought; None for any other module.

    Raises:
        NotModelled: a module of ours that the laboratory doesn't know, or a payload without its probe.
    """
    if not call.fqcn.startswith("kubewin.hostprocess."):
        return None
    entry = _PROBES.get(call.fqcn)
    if entry is None:
        raise NotModelled(f"module {call.fqcn}")
    sources = {
        name: text for name, text in call.scripts.items() if name.startswith(_NAMESPACE) and name.endswith(".cs")
    }
    if f"{_NAMESPACE}{entry.rsplit('.', 1)[0]}.cs" not in sources:
        raise NotModelled(f"{call.fqcn} without {entry.rsplit('.', 1)[0]}.cs in its payload")

    def run(host: Host, parameters: dict[str, Any], _check_mode: bool, _diff: bool) -> dict[str, Any]:
        options = dict(parameters)
        if call.fqcn.endswith(".node_info"):
            options["windows_features"] = _optional_features(host, options["features"])
            asked = options["dynamic_ports"]
            tables = {protocol: excluded_table(host, protocol) for protocol in ("tcp", "udp")} if asked else None
            options["dynamic_port_ranges"] = dynamic_ports.ranges(host) if asked else None
            options["excluded_port_lines"] = tables
        return host.run_probe(sources, _NAMESPACE + entry, options)

    return Emulation(run, undocumented=_glue_options(call))


def _optional_features(host: Host, asked: list[str]) -> dict[str, str]:
    """Win32_OptionalFeature's answer to the glue's query, from the features that Get-WindowsFeature names."""
    features = {name.lower(): feature for name, feature in host.features().items()}
    found = {"Containers": "absent"}
    for known_as in ("Containers", "Microsoft-Hyper-V", *asked):
        feature = features.get(feature_names.of_dism(known_as).lower())
        if feature is not None:
            found[known_as] = "enabled" if feature.installed else "disabled"
    return found


def _glue_options(call: ModuleCall) -> dict[str, dict[str, Any]]:
    """Options that the module's action plugin hands to its glue and users don't see (their names start with ``_``)."""
    return {name: {"type": "raw"} for name in call.arguments if re.match(r"_(?!ansible_)", name)}
