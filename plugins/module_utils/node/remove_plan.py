# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What of a node is ours and has to go, decided from one probe and the variables that the node was prepared with.

A folder goes as a whole when everything in it is known; otherwise what is known goes, and the rest is reported.
"""

from __future__ import annotations

import ntpath
import re
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from ansible_collections.kubewin.hostprocess.plugins.module_utils.node.firewall_plan import KUBELET_RULE
from ansible_collections.kubewin.hostprocess.plugins.module_utils.node.probed import (
    below,
    file_exists,
    is_running,
    service_of,
)
from ansible_collections.kubewin.hostprocess.plugins.module_utils.node.service_rules import program
from ansible_collections.kubewin.hostprocess.plugins.module_utils.node.tuning_plan import (
    never_taken_back,
    tuning_plan,
    tuning_probe,
)
from ansible_collections.kubewin.hostprocess.plugins.module_utils.support import windows

CONTAINERD, KUBELET = "containerd", "kubelet"
# Where Windows' host network service keeps its networks; Microsoft's own clean-up script removes the file.
HNS_NETWORKS = r"C:\ProgramData\Microsoft\Windows\HNS\HNS.data"
# Names in a folder; a program's own, of every layout that the roles have had.
_CONTAINERD_FILES = (
    r"v?\d+\.\d+\.\d+.*",
    r"hcsshim-.*",
    r"bin",
    r"\.staging",
    r"(containerd|ctr)(-[\w-]+)?\.exe",
    r"containerd\.(log|tar\.gz).*",
    r"panic\.log",
)
_CONTAINERD_CONFIGURATION = (r"config\.toml.*", r"certs\.d", r"conf\.d", r"cni")
_KUBELET_FILES = (
    r"(kubelet|kube-log-runner|kubeadm|crictl)\.exe.*",
    r"crictl\.yaml",
    r"\.crictl\.sha256",
    r"(bootstrap-)?kubelet\.conf",
    r"pki",
)
_KUBEADM_FILES = (r"manifests", r"pki", r"(bootstrap-)?kubelet\.conf", r"kubeadm.*")
_ANYTHING = (r".*",)


class Folder(NamedTuple):
    """A folder, whose service has to be ours, and the names in it that are known; none: it only holds other folders."""

    path: str
    owner: str
    known: tuple[str, ...]


def _folders(
    containerd_directory: str, kubelet_directory: str, kubelet_data: str, log_directory: str, configuration: bool
) -> list[Folder]:
    """Deeper ones first."""
    files = _CONTAINERD_FILES + (_CONTAINERD_CONFIGURATION if configuration else ())
    owned = [
        Folder(containerd_directory, CONTAINERD, files),
        Folder(r"%ProgramData%\containerd", CONTAINERD, _ANYTHING),
        Folder(r"C:\hpc", CONTAINERD, _ANYTHING),
        Folder(kubelet_directory, KUBELET, _KUBELET_FILES),
        Folder(kubelet_data, KUBELET, _ANYTHING),
        Folder(log_directory, KUBELET, _ANYTHING),
        Folder(r"C:\var\log\pods", KUBELET, _ANYTHING),
        Folder(r"C:\var\log\containers", KUBELET, _ANYTHING),
        Folder(r"C:\etc\kubernetes", KUBELET, _KUBEADM_FILES),
        Folder(r"C:\Windows\System32\config\systemprofile\kubewin", KUBELET, _ANYTHING),
    ]
    holders = [Folder(path, KUBELET, ()) for path in (r"C:\var\lib", r"C:\var\log", r"C:\var", r"C:\etc")]
    different = {folder.path.lower(): folder for folder in [*holders, *owned]}
    return sorted(different.values(), key=lambda folder: folder.path.count("\\"), reverse=True)


def _paths(options: Mapping) -> dict[str, Any]:
    return {
        "containerd_directory": options["containerd_directory"].rstrip("\\"),
        "kubelet_directory": options["kubelet_directory"].rstrip("\\"),
        "kubelet_data": ntpath.dirname(options["kubelet_config_path"]),
        "log_directory": options["kubelet_log_directory"].rstrip("\\"),
        "configuration": bool(options.get("configuration")),
    }


def remove_probe(features: Iterable[str] = (), hns_networks: bool = False, **options: Any) -> dict:
    """Return the options of node_info that the plan needs."""
    tuning = tuning_probe(
        options.get("tuning"),
        options.get("registry") or (),
        options.get("defender_exclusions", "off"),
        options.get("fixes", "off"),
    )
    return {
        **tuning,
        "directories": [folder.path for folder in _folders(**_paths(options))],
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
    paths = _paths(options)
    homes = {CONTAINERD: paths["containerd_directory"], KUBELET: paths["kubelet_directory"]}
    foreign = {name for name in (KUBELET, CONTAINERD) if _is_foreign(node, name, homes)}
    services = [name for name in (KUBELET, CONTAINERD) if service_of(node, name) and name not in foreign]
    gone, kept = _files(node, _folders(**paths), foreign)
    tuning = tuning_plan(
        node,
        options.get("tuning"),
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
        "path_entries": [entry for entry in node["path_environment"] or () if _under(entry, homes, foreign)],
        "firewall_rules": [name for name, rules in (node.get("firewall_rules") or {}).items() if rules],
        "tune": tuning["tune"],
        "hns_networks": HNS_NETWORKS if hns_networks and file_exists(node, HNS_NETWORKS) else "",
        "paths": gone,
        "features": [name for name in features if node["features"].get(windows.optional_feature(name)) == "enabled"],
    }
    changes = any(plan.values())
    reasons = [f"the service {name} runs a program that is not below {homes[name]}" for name in sorted(foreign)]
    reasons += never_taken_back(node, options.get("tuning"))
    restart = restart and tuning["restart"]
    return {**plan, "tuning": tuning, "restart": restart, "kept": [*kept, *reasons], "changes": changes}


def _is_foreign(node: Mapping, name: str, homes: Mapping[str, str]) -> bool:
    """Tell whether a service of this name was set up by somebody else: its program lies elsewhere."""
    service = service_of(node, name)
    if service is None:
        return False
    run = program(service["command_line"])
    return run is None or not below(run, homes[name])


def _under(entry: str, homes: Mapping[str, str], foreign: set[str]) -> bool:
    mine = [home for name, home in homes.items() if name not in foreign]
    return any(entry.rstrip("\\").lower() == home.lower() or below(entry, home) for home in mine)


def _shims(node: Mapping, home: str) -> list[int]:
    """Those of our containerd; one whose program could not be read counts as such."""
    shims = node["containerd"].get("shim_processes") or ()
    return [shim["pid"] for shim in shims if not shim["path"] or below(shim["path"], home)]


def _ctr(node: Mapping) -> str:
    """containerd itself has to remove images: layers of ordinary ones can't be deleted as files."""
    containerd = node["containerd"]["path"]
    answers = (node["containerd"].get("pipe") or {}).get("answers")
    return ntpath.join(ntpath.dirname(containerd), "ctr.exe") if is_running(node, CONTAINERD) and answers else ""


def _files(node: Mapping, folders: Iterable[Folder], foreign: set[str]) -> tuple[list[str], list[str]]:
    """Return the paths to remove, and what else lies in those folders."""
    entries = {path.lower(): names for path, names in (node.get("directories") or {}).items()}
    gone: list[str] = []
    kept: list[str] = []
    for folder in folders:
        names = entries.get(folder.path.lower())
        if names is None or folder.owner in foreign:
            continue
        known = [name for name in names if _is_known(folder, name, gone)]
        rest = [name for name in names if name not in known]
        inside = [f"{folder.path}\\{name}" for name in known]
        if rest or not (folder.known or known):
            gone += [path for path in inside if path.lower() not in {other.lower() for other in gone}]
            kept += [f"{folder.path}\\{name}" for name in rest if folder.known]
        else:
            gone = [path for path in gone if not below(path, folder.path)] + [folder.path]
    return gone, kept


def _is_known(folder: Folder, name: str, gone: Iterable[str]) -> bool:
    if f"{folder.path}\\{name}".lower() in {path.lower() for path in gone}:
        return True
    return any(re.fullmatch(pattern, name, re.IGNORECASE) for pattern in folder.known)
