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
_ANY_FORM = re.compile(rf"(?:[$%]\S{{0,5}})?{MOUNT_POINT}[%)}}]?", re.IGNORECASE)
# Folders that are on every node; a mount there hides what is in them from the container.
NODE_FOLDERS = (r"c:\windows", r"c:\program files", r"c:\program files (x86)", r"c:\programdata", r"c:\users")


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
    if target.mount_mode not in ("symlink", "fallback"):
        return
    for container in containers(pod):
        used = " ".join(text for _path, text in _texts(container))
        for index, mount in enumerate(container.body.get("volumeMounts") or []):
            if not any(form in used for form in REPLACED_FORMS):
                path = f"{container.path}.volumeMounts[{index}].mountPath"
                yield Problem(path, f"{mount.get('mountPath')} will be below the container's own folder on these nodes")


@rule("HPL024", "error", "the drive itself is a mount path", r"Mount into a folder of its own: C:\agent.")
def mount_on_drive(pod: Pod, target: Target, pods: list[Pod]) -> Iterator[Problem]:
    """containerd refuses the container: destination path can not be C drive."""
    for path, mount in _mounts(pod):
        if re.fullmatch(r"([cC]:)?[\\/]*|[cC]", str(mount or "")):
            yield Problem(path, f"{mount!r} is drive C itself")


@rule("HPL025", "warning", "the mount hides a folder of the node", r"Mount into a folder of its own: C:\agent.")
def mount_hides_folder(pod: Pod, target: Target, pods: list[Pod]) -> Iterator[Problem]:
    """With bind mounts a destination that exists on the node is hidden from the container while it runs, programs and
    libraries in it too."""
    for path, mount in _mounts(pod):
        if _on_drive(str(mount or "")) in NODE_FOLDERS:
            yield Problem(path, f"{mount} exists on every node and is hidden from the container")


@rule(
    "HPL026",
    "error",
    "CONTAINER_SANDBOX_MOUNT_POINT is written so that nothing replaces it",
    "Write %CONTAINER_SANDBOX_MOUNT_POINT% or $env:CONTAINER_SANDBOX_MOUNT_POINT, in capitals.",
)
def mount_point_form(pod: Pod, target: Target, pods: list[Pod]) -> Iterator[Problem]:
    """The shim replaces two forms, literally and in this case only, in the command line, the working directory and
    values of the environment. $(CONTAINER_SANDBOX_MOUNT_POINT) is Kubernetes' form, and Kubernetes doesn't know the
    variable."""
    for container in containers(pod):
        for path, text in _texts(container):
            for found in _ANY_FORM.findall(text):
                if not any(form in found for form in REPLACED_FORMS):
                    yield Problem(path, f"{found} is not replaced by the shim")


@rule("HPL027", "warning", "a read-only mount is writable", "Use containerd 1.7 or later on nodes with bindfltapi.dll.")
def read_only_mount(pod: Pod, target: Target, pods: list[Pod]) -> Iterator[Problem]:
    """readOnly is honoured for bind mounts only; where mounts are links the container can write through them."""
    if target.mount_mode not in ("symlink", "fallback"):
        return
    for container in containers(pod):
        for index, mount in enumerate(container.body.get("volumeMounts") or []):
            if mount.get("readOnly") is True:
                path = f"{container.path}.volumeMounts[{index}].readOnly"
                yield Problem(path, f"{mount.get('mountPath')} is writable on these nodes")


def _host_paths(pod: Pod) -> Iterator[tuple[str, dict[str, Any]]]:
    """Volumes of the host that some container mounts."""
    mounted = {m.get("name") for c in containers(pod) for m in c.body.get("volumeMounts") or []}
    for index, volume in enumerate(pod.spec.get("volumes") or []):
        if isinstance(volume.get("hostPath"), dict) and volume.get("name") in mounted:
            yield f"{pod.path}.volumes[{index}]", volume["hostPath"]


def _mounts(pod: Pod) -> Iterator[tuple[str, Any]]:
    for container in containers(pod):
        for index, mount in enumerate(container.body.get("volumeMounts") or []):
            yield f"{container.path}.volumeMounts[{index}].mountPath", mount.get("mountPath")


def _on_drive(path: str) -> str:
    r"""A path as containerd takes it: ``/var/x`` is ``c:\var\x``; lower case, because Windows doesn't tell."""
    plain = path.replace("/", "\\").rstrip("\\").lower()
    return f"c:{plain}" if plain.startswith("\\") else plain


def _texts(container: Container) -> Iterator[tuple[str, str]]:
    """The texts in which the shim replaces variables."""
    for field in ("command", "args"):
        for index, text in enumerate(container.body.get(field) or []):
            yield f"{container.path}.{field}[{index}]", str(text)
    if container.body.get("workingDir"):
        yield f"{container.path}.workingDir", str(container.body["workingDir"])
    for index, variable in enumerate(container.body.get("env") or []):
        if at(variable, "value") is not None:
            yield f"{container.path}.env[{index}].value", str(variable["value"])
