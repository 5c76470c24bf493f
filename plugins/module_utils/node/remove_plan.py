# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What of a node is ours and has to go, decided from one probe and the variables that the node was prepared with.

A folder goes as a whole when everything in it is known; otherwise what is known goes, and the rest is reported.
"""

from __future__ import annotations

import ntpath
from collections.abc import Iterable, Mapping
from typing import Any

from ansible_collections.kubewin.hostprocess.plugins.module_utils.node.firewall_plan import KUBELET_RULE
from ansible_collections.kubewin.hostprocess.plugins.module_utils.node.probed import (
    below,
    file_exists,
    is_running,
    service_of,
)
from ansible_collections.kubewin.hostprocess.plugins.module_utils.node.remove_folders import (
    CONTAINERD,
    KUBELET,
    Folder,
    folders_of,
    matches,
    merged,
)
from ansible_collections.kubewin.hostprocess.plugins.module_utils.node.service_rules import program
from ansible_collections.kubewin.hostprocess.plugins.module_utils.node.tuning_kinds import differences
from ansible_collections.kubewin.hostprocess.plugins.module_utils.node.tuning_plan import (
    never_taken_back,
    tuning_plan,
    tuning_probe,
)
from ansible_collections.kubewin.hostprocess.plugins.module_utils.support import host_tuning, windows

# Where Windows' host network service keeps its networks; Microsoft's own clean-up script removes the file.
HNS_NETWORKS = r"C:\ProgramData\Microsoft\Windows\HNS\HNS.data"


def remove_probe(features: Iterable[str] = (), hns_networks: bool = False, **options: Any) -> dict:
    """Return the options of node_info that the plan needs."""
    tuning = tuning_probe(
        options.get("tuning"),
        options.get("registry") or (),
        options.get("defender_exclusions", "off"),
        options.get("fixes", "off"),
    )
    folders = [folder for goes in (True, False) for folder in folders_of({**options, "configuration": goes})]
    return {
        **tuning,
        "directories": sorted({folder.path for folder in folders}),
        "files": [HNS_NETWORKS] if hns_networks else [],
        "firewall_rules": [KUBELET_RULE],
        "features": sorted({windows.optional_feature(name) for name in features}),
    }


def remove_plan(
    node: Mapping, features: Iterable[str] = (), hns_networks: bool = False, restart: bool = False, **options: Any
) -> dict:
    """Return what has to go, in the order in which it goes.

    Returns:
        ``services`` (names), ``shims`` (ids of processes that still run containers), ``images`` (path of the ctr that
        removes what containerd keeps, or empty), ``path_entries``, ``firewall_rules``, ``tune`` (whether there is
        tuning to take back), ``tuning`` (as `tuning_plan` returns it), ``hns_networks`` (a path, or empty), ``paths``,
        ``features``, ``restart``; ``kept``: what stays, and why; ``changes``: whether there is anything to do.
    """
    folders = folders_of(options)
    homes = {name: ntpath.normpath(options[f"{name}_directory"]) for name in (CONTAINERD, KUBELET)}
    foreign = {name for name in (KUBELET, CONTAINERD) if _is_foreign(node, name, homes)}
    services = [name for name in (KUBELET, CONTAINERD) if service_of(node, name) and name not in foreign]
    gone, kept = _files(node, merged(folder for folder in folders if folder.owner not in foreign))
    entries, kept_entries = _path_entries(node, homes, foreign, options.get("node_tools_crictl_directory") or "", gone)
    named = options.get("tuning") or {}
    unnamed = [entry for entry in host_tuning.CATALOGUE if entry.default and entry.name not in named]
    tuning = tuning_plan(
        node,
        {**named, **dict.fromkeys((entry.name for entry in unnamed), False)},
        options.get("registry") or (),
        options.get("defender_exclusions", "off"),
        options.get("folders"),
        undo=True,
        fixes=options.get("fixes", "off"),
    )
    plan = {
        "services": services,
        "shims": _shims(node, homes[CONTAINERD]),
        "images": _ctr(node) if CONTAINERD in services else "",
        "path_entries": entries,
        "firewall_rules": [name for name, rules in (node.get("firewall_rules") or {}).items() if rules],
        "tune": tuning["tune"],
        "hns_networks": HNS_NETWORKS if hns_networks and file_exists(node, HNS_NETWORKS) else "",
        "paths": gone,
        "features": [name for name in features if node["features"].get(windows.optional_feature(name)) == "enabled"],
    }
    changes = any(plan.values())
    reasons = [f"the service {name} runs a program that is not below {homes[name]}" for name in sorted(foreign)]
    reasons += [*kept_entries, *_set_by_whom(node, unnamed), *never_taken_back(node, options.get("tuning"))]
    restart = restart and tuning["restart"]
    return {**plan, "tuning": tuning, "restart": restart, "kept": [*kept, *reasons], "changes": changes}


def _is_foreign(node: Mapping, name: str, homes: Mapping[str, str]) -> bool:
    """Tell whether a service of this name was set up by somebody else: its program lies elsewhere."""
    service = service_of(node, name)
    if service is None:
        return False
    run = program(service["command_line"])
    return run is None or not below(run, homes[name])


def _path_entries(
    node: Mapping, homes: Mapping[str, str], foreign: set[str], tools: str, gone: Iterable[str]
) -> tuple[list[str], list[str]]:
    """Return the entries of PATH to remove, and the reason why that of crictl's folder stays."""
    mine = [home for name, home in homes.items() if name not in foreign]
    listed = {path.lower(): names for path, names in (node.get("directories") or {}).items()}
    tools = ntpath.normpath(tools).lower() if tools else ""
    tools_are_gone = listed.get(tools) is None or any(tools == path.lower() or below(tools, path) for path in gone)
    removed, kept = [], []
    for entry in node["path_environment"] or ():
        folder = entry.rstrip("\\")
        is_tools = bool(tools) and folder.lower() == tools
        in_home = any(folder.lower() == home.lower() or below(folder, home) for home in mine)
        if in_home or (is_tools and tools_are_gone):
            removed.append(entry)
        elif is_tools:
            kept.append(f"{entry} on the machine's PATH: other files are in that folder")
    return removed, kept


def _set_by_whom(node: Mapping, entries: Iterable[host_tuning.Tuning]) -> list[str]:
    """Return what is on by default and is so on the node: it may have been so before the roles came."""
    return [
        f"{entry.name} of the service {entry.target['service']}: windows_node_tuning doesn't name it, so whether a role"
        f" set it is not known. With {entry.name}: true there, it is taken back"
        for entry in entries
        if service_of(node, entry.target["service"]) and not any(differences(node, entry, True))
    ]


def _shims(node: Mapping, home: str) -> list[int]:
    """Those of our containerd; one whose program could not be read counts as such."""
    shims = node["containerd"].get("shim_processes") or ()
    return [shim["pid"] for shim in shims if not shim["path"] or below(shim["path"], home)]


def _ctr(node: Mapping) -> str:
    """containerd itself has to remove images: layers of ordinary ones can't be deleted as files."""
    containerd = node["containerd"]["path"]
    answers = (node["containerd"].get("pipe") or {}).get("answers")
    return ntpath.join(ntpath.dirname(containerd), "ctr.exe") if is_running(node, CONTAINERD) and answers else ""


def _files(node: Mapping, folders: Iterable[Folder]) -> tuple[list[str], list[str]]:
    """Return the paths to remove, and what else lies in those folders."""
    entries = {path.lower(): names for path, names in (node.get("directories") or {}).items()}
    gone: list[str] = []
    kept: list[str] = []
    for folder in folders:
        names = entries.get(folder.path.lower())
        if names is None:
            continue
        removed = {path.lower() for path in gone}
        inside = {name: ntpath.join(folder.path, name) for name in names}
        known = [name for name in names if inside[name].lower() in removed or matches(folder.known, name)]
        rest = [name for name in names if name not in known]
        if folder.whole and not rest and (folder.known or known):
            gone = [path for path in gone if not below(path, folder.path)] + [folder.path]
        else:
            gone += [inside[name] for name in known if inside[name].lower() not in removed]
            kept += [inside[name] for name in rest if matches(folder.told, name)]
    return gone, kept
