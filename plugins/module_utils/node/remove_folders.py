# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""In which folders of a node something of ours lies, and which names in them are ours."""

from __future__ import annotations

import ntpath
import re
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from ansible_collections.kubewin.hostprocess.plugins.module_utils.node.errors import PlanError
from ansible_collections.kubewin.hostprocess.plugins.module_utils.node.probed import below

CONTAINERD, KUBELET = "containerd", "kubelet"
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
_BOOTSTRAP_FILES = (r"(bootstrap-)?kubelet\.conf", r"kubeadm")
# The logs of the kubelet and its log runner, its certificates and keys.
_BEGINS_WITH_KUBELET = (r"kubelet.*",)
_CRICTL_FILES = (r"crictl\.(exe|yaml|download)", r"\.crictl\.sha256")
_CNI_FILES = (
    r"(nat|sdnbridge|sdnoverlay|win-bridge|win-overlay|host-local|flannel)\.exe",
    r"cni\.download",
    r"\.cni\.sha256",
    r"LICENSE",
    r"README\.md",
)
_ANYTHING = (r".*",)
# Folders that are ours by their names; others of the same use were chosen, and may hold what is somebody else's.
_KUBELET_DATA = r"C:\var\lib\kubelet"
_KUBELET_LOGS = r"C:\var\log\kubelet"
_PRIVATE = r"C:\Windows\System32\config\systemprofile\kubewin"
# On any drive. Nobody keeps only what is ours in these, so they are no folders of a role's.
_SYSTEM_FOLDERS = frozenset(
    {
        r"windows",
        r"windows\system32",
        r"windows\system32\config",
        r"windows\system32\config\systemprofile",
        r"windows\system32\drivers",
        r"windows\system32\drivers\etc",
        r"windows\syswow64",
        r"windows\temp",
        r"program files",
        r"program files\common files",
        r"program files (x86)",
        r"program files (x86)\common files",
        r"programdata",
        r"programdata\microsoft",
        r"users",
    }
)


class Folder(NamedTuple):
    """A folder on a node that holds what is ours.

    Attributes:
        owner: the service that it belongs to, which has to be ours; empty for none.
        known: the names in it that go; none: it only holds other folders.
        told: the names in it that are reported when they stay.
        whole: whether it goes itself once nothing else is in it.
    """

    path: str
    owner: str
    known: tuple[str, ...]
    told: tuple[str, ...] = _ANYTHING
    whole: bool = True


def folders_of(options: Mapping) -> list[Folder]:
    """Return the folders, deeper ones first; the same one several times where it has several uses.

    Args:
        options: the role's variables without their first word.

    Raises:
        PlanError: one of them names a folder that holds more than what is ours, or is no certain path.
    """
    paths = _Paths(options)
    containerd, kubelet = paths.folder("containerd_directory"), paths.folder("kubelet_directory")
    configuration = bool(options.get("configuration"))
    files = _CONTAINERD_FILES + (_CONTAINERD_CONFIGURATION if configuration else ())
    folders = [
        Folder(containerd, CONTAINERD, files),
        Folder(r"%ProgramData%\containerd", CONTAINERD, _ANYTHING),
        Folder(r"C:\hpc", CONTAINERD, _ANYTHING),
        Folder(kubelet, KUBELET, _KUBELET_FILES),
        Folder(_KUBELET_DATA, KUBELET, _ANYTHING),
        Folder(r"C:\var\log\pods", KUBELET, _ANYTHING),
        Folder(r"C:\var\log\containers", KUBELET, _ANYTHING),
        Folder(r"C:\etc\kubernetes", KUBELET, _KUBEADM_FILES),
        Folder(_PRIVATE, KUBELET, _ANYTHING),
    ]
    folders += [Folder(path, KUBELET, (), told=()) for path in (r"C:\var\lib", r"C:\var\log", r"C:\var", r"C:\etc")]
    for name, owner, known in (
        ("kubelet_log_directory", KUBELET, _BEGINS_WITH_KUBELET),
        ("kubelet_private_directory", KUBELET, _BOOTSTRAP_FILES),
        ("kubelet_certificate_directory", KUBELET, _BEGINS_WITH_KUBELET),
        ("node_tools_crictl_directory", "", _CRICTL_FILES),
    ):
        if path := paths.folder(name):
            folders.append(Folder(path, owner, _ANYTHING if path.lower() == _KUBELET_LOGS.lower() else known))
    for name, owner in (
        ("kubelet_config_path", KUBELET),
        ("kubelet_kubeconfig_path", KUBELET),
        ("kubelet_bootstrap_kubeconfig_path", KUBELET),
        ("kubelet_certificate_authority_path", KUBELET),
        ("containerd_log_file", CONTAINERD),
    ):
        folders += _entry(paths.file(name), owner, goes=True)
    folders += _entry(paths.file("containerd_config_path"), CONTAINERD, goes=configuration)
    registry = paths.folder("containerd_registry_config_path")
    folders += _entry(registry, CONTAINERD, goes=configuration and ntpath.basename(registry).lower() == "certs.d")
    plugins = paths.folder("node_tools_cni_directory")
    folders += [Folder(plugins, "", _CNI_FILES)] if plugins and configuration else _entry(plugins, "", goes=False)
    folders += _entry(paths.file("node_tools_cni_configuration_path"), "", goes=configuration)
    return sorted(folders, key=lambda folder: folder.path.rstrip("\\").count("\\"), reverse=True)


def _entry(path: str, owner: str, goes: bool) -> list[Folder]:
    """One name in a folder that holds other things, too: it goes, or is told."""
    if not path:
        return []
    name = (re.escape(ntpath.basename(path)),)
    return [Folder(ntpath.dirname(path), owner, name if goes else (), () if goes else name, whole=False)]


class _Paths:
    """The paths that the role's variables name, each refused where removing it would remove more."""

    def __init__(self, options: Mapping) -> None:
        self._options = options

    def folder(self, name: str) -> str:
        """Return a folder without a backslash at its end; empty where none is named."""
        path = self.file(name)
        inner = path.lower()[3:]
        if path and (not inner or inner in _SYSTEM_FOLDERS or re.fullmatch(r"users\\[^\\]+", inner)):
            raise PlanError(
                f"remove_{name} is {self._options[name]}: that folder holds more than what the roles put there, so"
                " nothing is removed. Name the folder that the node was prepared with, or remove by hand what lies"
                " there and leave the variable out."
            )
        return path

    def file(self, name: str) -> str:
        given = self._options.get(name) or ""
        path = ntpath.normpath(given) if given else ""
        # No patterns, no variables of the environment, no short names, and no ends that Windows takes no notice of.
        if path and not re.fullmatch(r"[A-Za-z]:\\((?!.*~\d)(?!.*[. ](\\|$))[^:*?\"<>|%/\x00-\x1f]+)?", path):
            raise PlanError(
                f"remove_{name} is {given}, which doesn't say for certain where that lies, so nothing is removed."
                " Write the whole path with its drive, such as C:\\k, without variables, patterns and short names."
            )
        return path


def merged(folders: Iterable[Folder]) -> list[Folder]:
    """Return each folder once, without those that lie in something that goes as a whole."""
    same: dict[str, Folder] = {}
    for folder in folders:
        other = same.get(folder.path.lower(), Folder(folder.path, "", (), told=(), whole=False))
        known, told = other.known + folder.known, other.told + folder.told
        same[folder.path.lower()] = folder._replace(known=known, told=told, whole=other.whole or folder.whole)
    return [folder for folder in same.values() if not any(_goes_with(folder, other) for other in same.values())]


def _goes_with(folder: Folder, other: Folder) -> bool:
    if not below(folder.path, other.path):
        return False
    name = folder.path[len(other.path) :].strip("\\").split("\\")[0]
    return matches(other.known, name) or (not folder.known and matches(other.told, name))


def matches(patterns: Iterable[str], name: str) -> bool:
    """Tell whether a name is one of those, in any case."""
    return any(re.fullmatch(pattern, name, re.IGNORECASE) for pattern in patterns)
