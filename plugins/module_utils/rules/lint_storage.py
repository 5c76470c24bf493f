# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Lint rules about volumes and where they appear (facts section 4.5)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from ansible_collections.kubewin.hostprocess.plugins.module_utils.rules.lint_rule import Problem, rule
from ansible_collections.kubewin.hostprocess.plugins.module_utils.rules.pods import Container, Pod, at, containers
from ansible_collections.kubewin.hostprocess.plugins.module_utils.rules.target import Target

MOUNT_POINT = "CONTAINER_SANDBOX_MOUNT_POINT"
REPLACED_FORMS = (f"%{MOUNT_POINT}%", f"$env:{MOUNT_POINT}")
_ANY_FORM = re.compile(rf"(?:\$[({{]?(?:env:)?|%)?{MOUNT_POINT}[%)}}]?", re.IGNORECASE)
# What a text of a container is for.
PROGRAM, ARGUMENT, FOLDER, VALUE = "program", "argument", "folder", "value"
# Forms that need no shim, by what the text is for: PowerShell, cmd and a program that is told the name find the
# variable in their own environment; a value may tell that name.
_READ_BY_PROGRAMS = {
    ARGUMENT: rf"(?:\$env:)?{MOUNT_POINT}[%)}}]?|\${{env:{MOUNT_POINT}}}|%{MOUNT_POINT}%",
    VALUE: rf"{MOUNT_POINT}[)}}]?",
}
# From the first, containerd has a shim that replaces the variable, from the second in values of the environment too.
REPLACED_SINCE, VALUES_REPLACED_SINCE = (1, 6), (1, 6, 7)
# Where mounts are links below the container's own folder.
LINK_MODES = ("symlink", "fallback")
# Folders that are on every node, Windows' own with everything in it.
WINDOWS_FOLDER = r"c:\windows"
NODE_FOLDERS = (WINDOWS_FOLDER, r"c:\program files", r"c:\program files (x86)", r"c:\programdata", r"c:\users")


@rule(
    "HPL021",
    "error",
    "a named pipe is mounted",
    r"Take the mount away and open \\.\pipe\... directly: it is the node's.",
)
def named_pipe(pod: Pod, target: Target, pods: list[Pod]) -> Iterator[Problem]:
    """The container is not created: named pipe mounts not supported for job containers. It needs none, because it sees
    the node's pipes."""
    for path, source in _host_paths(pod):
        if re.match(r"(\\\\|//)\.[\\/]pipe[\\/]", str(source.get("path") or "")):
            yield Problem(f"{path}.hostPath.path", f"{source['path']} is a named pipe and can't be mounted")


@rule("HPL022", "error", "a Unix socket is mounted", "Take the mount away and use the socket's path on the node.")
def unix_socket(pod: Pod, target: Target, pods: list[Pod]) -> Iterator[Problem]:
    """Mounting a socket is not supported for HostProcess containers, which see the node's file system anyway."""
    for path, source in _host_paths(pod):
        if source.get("type") == "Socket" or str(source.get("path") or "").endswith(".sock"):
            yield Problem(f"{path}.hostPath", f"{source.get('path')} is a socket and can't be mounted")


@rule(
    "HPL023",
    "warning",
    "the mount is not where it says",
    "Reach it through $env:CONTAINER_SANDBOX_MOUNT_POINT, which is right in every mode.",
)
def mount_is_elsewhere(pod: Pod, target: Target, pods: list[Pod]) -> Iterator[Problem]:
    r"""A mount path is taken literally only where bind mounts work (containerd 1.7 or later and bindfltapi.dll on the
    node). Otherwise it is below the container's own folder, C:\C\<id> or C:\hpc\<id>, and nothing is at the path
    itself."""
    if target.mount_mode not in LINK_MODES:
        return
    for container in containers(pod):
        if any(not reason for _path, reason in _mentions(container, target)):
            continue
        for path, mount in _mounts_of(container):
            place = mount.get("mountPath")
            yield Problem(f"{path}.mountPath", f"{place} will be below the container's own folder on these nodes")


@rule("HPL024", "error", "the drive itself is a mount path", r"Mount into a folder of its own: C:\agent.")
def mount_on_drive(pod: Pod, target: Target, pods: list[Pod]) -> Iterator[Problem]:
    """containerd refuses the container: destination path can not be C drive."""
    for path, mount in _mounts(pod):
        place = mount.get("mountPath")
        if re.fullmatch(r"([cC]:)?[\\/]*|[cC]", str(place or "")):
            yield Problem(f"{path}.mountPath", f"{place!r} is drive C itself")


@rule("HPL025", "warning", "the mount hides a folder of the node", r"Mount into a folder of its own: C:\agent.")
def mount_hides_folder(pod: Pod, target: Target, pods: list[Pod]) -> Iterator[Problem]:
    """With bind mounts a destination that exists on the node is hidden from the container while it runs, programs and
    libraries in it too."""
    if target.mount_mode in LINK_MODES:
        return
    for path, mount in _mounts(pod):
        place = _on_drive(mount.get("mountPath"))
        within_windows = place.startswith(f"{WINDOWS_FOLDER}\\")
        if (within_windows or place in NODE_FOLDERS) and not _is_the_place_itself(pod, mount, place):
            yield Problem(f"{path}.mountPath", f"what a node has at {mount['mountPath']} is hidden from the container")


@rule(
    "HPL026",
    "error",
    "CONTAINER_SANDBOX_MOUNT_POINT is written so that nothing replaces it",
    "Write %CONTAINER_SANDBOX_MOUNT_POINT% or $env:CONTAINER_SANDBOX_MOUNT_POINT, in capitals, and use containerd 1.6.7"
    " or later for values of the environment.",
)
def mount_point_form(pod: Pod, target: Target, pods: list[Pod]) -> Iterator[Problem]:
    """The shim replaces two forms, literally and in this case only, in the command line, the working directory and,
    from containerd 1.6.7 on, values of the environment. A program can read the variable in its arguments itself, but
    nobody does in its own path (but for cmd, where bind mounts work), the working directory and the environment.
    $(CONTAINER_SANDBOX_MOUNT_POINT) is Kubernetes' form, and Kubernetes doesn't know the variable."""
    for container in containers(pod):
        yield from (Problem(path, reason) for path, reason in _mentions(container, target) if reason)


@rule("HPL027", "warning", "a read-only mount is writable", "Use containerd 1.7 or later on nodes with bindfltapi.dll.")
def read_only_mount(pod: Pod, target: Target, pods: list[Pod]) -> Iterator[Problem]:
    """readOnly is honoured for bind mounts only; where mounts are links the container can write through them."""
    if target.mount_mode not in LINK_MODES:
        return
    for path, mount in _mounts(pod):
        if mount.get("readOnly") is True:
            yield Problem(f"{path}.readOnly", f"{mount.get('mountPath')} is writable on these nodes")


def _host_paths(pod: Pod) -> Iterator[tuple[str, dict[str, Any]]]:
    """Volumes of the host that some container mounts."""
    mounted = {m.get("name") for c in containers(pod) for m in c.body.get("volumeMounts") or []}
    for index, volume in enumerate(pod.spec.get("volumes") or []):
        if isinstance(volume.get("hostPath"), dict) and volume.get("name") in mounted:
            yield f"{pod.path}.volumes[{index}]", volume["hostPath"]


def _mounts(pod: Pod) -> Iterator[tuple[str, dict[str, Any]]]:
    for container in containers(pod):
        yield from _mounts_of(container)


def _mounts_of(container: Container) -> Iterator[tuple[str, dict[str, Any]]]:
    for index, mount in enumerate(container.body.get("volumeMounts") or []):
        yield f"{container.path}.volumeMounts[{index}]", mount


def _on_drive(path: Any) -> str:
    r"""A path as containerd takes it: ``/var/x`` is ``c:\var\x``; lower case, because Windows doesn't tell."""
    plain = str(path or "").replace("/", "\\").rstrip("\\").lower()
    return f"c:{plain}" if plain.startswith("\\") else plain


def _is_the_place_itself(pod: Pod, mount: dict[str, Any], place: str) -> bool:
    """Whether the node's own folder is mounted where it is anyway, which hides nothing."""
    if mount.get("subPath") or mount.get("subPathExpr"):
        return False
    volumes = [volume for volume in pod.spec.get("volumes") or [] if volume.get("name") == mount.get("name")]
    return any(_on_drive(at(volume, "hostPath", "path")) == place for volume in volumes)


def _mentions(container: Container, target: Target) -> Iterator[tuple[str, str]]:
    """Where a container names the mount point's variable, and why that leads nowhere; empty if it leads there."""
    for purpose, path, text in _texts(container):
        for found in _ANY_FORM.findall(text):
            yield path, _objection(purpose, found, target)


def _objection(purpose: str, found: str, target: Target) -> str:
    if any(form in found for form in REPLACED_FORMS):
        known = target.containerd is not None and purpose == VALUE
        too_early = known and REPLACED_SINCE <= target.containerd < VALUES_REPLACED_SINCE
        return f"{found} is replaced in values of the environment only from containerd 1.6.7 on" if too_early else ""
    return "" if _is_read_by_programs(purpose, found, target) else f"{found} is not replaced by the shim"


def _is_read_by_programs(purpose: str, found: str, target: Target) -> bool:
    # With bind mounts it is cmd that starts the program, so that its path is cmd's argument.
    if purpose == PROGRAM and target.mount_mode == "bind":
        return found.upper() == REPLACED_FORMS[0]
    forms = _READ_BY_PROGRAMS.get(purpose)
    return forms is not None and re.fullmatch(forms, found, re.IGNORECASE) is not None


def _texts(container: Container) -> Iterator[tuple[str, str, str]]:
    """The texts in which the shim replaces variables: what they are, path and text."""
    for index, text in enumerate(container.body.get("command") or []):
        yield ARGUMENT if index else PROGRAM, f"{container.path}.command[{index}]", str(text)
    for index, text in enumerate(container.body.get("args") or []):
        yield ARGUMENT, f"{container.path}.args[{index}]", str(text)
    if container.body.get("workingDir"):
        yield FOLDER, f"{container.path}.workingDir", str(container.body["workingDir"])
    for index, variable in enumerate(container.body.get("env") or []):
        if at(variable, "value") is not None:
            yield VALUE, f"{container.path}.env[{index}].value", str(variable["value"])
