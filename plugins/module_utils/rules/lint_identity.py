# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Lint rules about who a container runs as, and which of its security options and annotations have any effect.

Sources: facts section 3; for HPL035 also hcsshim v0.13.0 pkg/annotations and internal/oci/annotations.go.
"""

from __future__ import annotations

import fnmatch
from collections.abc import Iterator
from typing import Any

from ansible_collections.kubewin.hostprocess.plugins.module_utils.rules import identity
from ansible_collections.kubewin.hostprocess.plugins.module_utils.rules.lint_rule import Problem, rule
from ansible_collections.kubewin.hostprocess.plugins.module_utils.rules.pods import (
    Pod,
    annotations,
    at,
    containers,
    windows_options,
)
from ansible_collections.kubewin.hostprocess.plugins.module_utils.rules.target import Target

INHERIT_USER = "microsoft.com/hostprocess-inherit-user"
ROOTFS_LOCATION = "microsoft.com/hostprocess-rootfs-location"
NAME = "securityContext.windowsOptions.runAsUserName"
DISABLE = ("microsoft.com/disable-hostprocess-container", "io.microsoft.disable-unsafe-operations")
LIMITS = (
    "io.microsoft.container.memory.sizeinmb",
    "io.microsoft.container.processor.count",
    "io.microsoft.container.processor.limit",
    "io.microsoft.container.processor.weight",
    "io.microsoft.container.storage.qos.bandwidthmaximum",
    "io.microsoft.container.storage.qos.iopsmaximum",
)
NEEDS_PASSING_ON = (INHERIT_USER, ROOTFS_LOCATION, *DISABLE, *LIMITS)
# The first release that carries hcsshim 0.13.0 (facts section 5.2).
DISABLE_SINCE = (2, 1, 1)
# What Go's strconv.ParseBool takes for true.
TRUE = ("1", "t", "T", "true", "TRUE", "True")


@rule(
    "HPL001",
    "warning",
    "hostProcess is set on containers only",
    "Set securityContext.windowsOptions.hostProcess: true on the pod too.",
)
def container_only(pod: Pod, target: Target, pods: list[Pod]) -> Iterator[Problem]:
    """Kubelets of 1.23 and of some patches of 1.24 look at the pod first: without windowsOptions there, the sandbox is
    an ordinary one and the containers run without being HostProcess containers (kubernetes#110140)."""
    if target.release < (1, 25) and windows_options(pod.spec).get("hostProcess") is None:
        yield Problem(
            f"{pod.path}.securityContext",
            "hostProcess is set on containers, but not on the pod: a kubelet before 1.25 may miss it",
        )


@rule("HPL002", "warning", "NT AUTHORITY is not in capitals", "Write NT AUTHORITY in capitals.")
def wrong_case(pod: Pod, target: Target, pods: list[Pod]) -> Iterator[Problem]:
    """The shim logs on as a service only if the domain is NT AUTHORITY byte for byte; with any other spelling it tries
    an interactive logon without a password, which is expected to fail."""
    for path, _subject, name, who in _identities(pod, target):
        if who.kind == identity.WRONG_CASE:
            yield Problem(path, f"{name!r} is expected to fail to log on; it must be {who.should_be!r}")


@rule(
    "HPL003",
    "info",
    "the container runs as SYSTEM",
    r"Use NT AUTHORITY\Local service, NT AUTHORITY\NetworkService or a local group with the rights that are needed, and"
    " leave microsoft.com/hostprocess-inherit-user out.",
)
def runs_as_system(pod: Pod, target: Target, pods: list[Pod]) -> Iterator[Problem]:
    """SYSTEM may do anything on the node, so whoever can exec into the pod owns the node. A container that reads or
    serves rarely needs it. Where annotation microsoft.com/hostprocess-inherit-user reaches the shim, runAsUserName is
    ignored and the account is containerd's own, normally SYSTEM."""
    for path, subject, name, who in _identities(pod, target):
        if who.kind == identity.INHERITED:
            account = "containerd's own account, normally SYSTEM"
            yield Problem(path, f"{subject} runs as {account}, whatever runAsUserName says")
        elif identity.is_system(name):
            yield Problem(path, f"{subject} runs as SYSTEM and so owns the node")


@rule(
    "HPL004",
    "warning",
    "a local group needs containerd 1.7",
    "Use containerd 1.7 or later on the nodes, or one of the NT AUTHORITY accounts.",
)
def local_group(pod: Pod, target: Target, pods: list[Pod]) -> Iterator[Problem]:
    r"""A name without a backslash is looked up as a local group, which the shim can do from containerd 1.7 on. Older
    ones take it for a user, whose password nobody can give."""
    for path, _subject, name, who in _identities(pod, target):
        if who.kind == identity.LOCAL_GROUP and target.local_groups is False:
            yield Problem(path, f"{name!r} is a local group, which containerd before 1.7 can't run as")


@rule(
    "HPL005",
    "error",
    "no user is named",
    "Set securityContext.windowsOptions.runAsUserName on the pod.",
)
def no_user(pod: Pod, target: Target, pods: list[Pod]) -> Iterator[Problem]:
    """Without runAsUserName the user of the image is taken. Windows base images name accounts that exist only inside a
    container, others name none, and then the container doesn't start."""
    for path, subject, _name, who in _identities(pod, target):
        if who.kind == identity.MISSING:
            yield Problem(path, f"{subject} names no user to run as")


@rule(
    "HPL006",
    "warning",
    "an ordinary account can't log on",
    "Use one of the NT AUTHORITY accounts, or a local group that gives its members what is needed.",
)
def ordinary_account(pod: Pod, target: Target, pods: list[Pod]) -> Iterator[Problem]:
    """There is no way to hand a password to the shim, so a local or domain account is expected to fail to log on; so
    is a service account written without its domain."""
    for path, _subject, name, who in _identities(pod, target):
        if who.kind == identity.NO_AUTHORITY:
            yield Problem(path, f"{name!r} is looked up as a local group or user; write {who.should_be!r}")
        elif who.kind == identity.ACCOUNT:
            yield Problem(
                path,
                f"{name!r} is no service account and no local group: nobody can give its password",
            )


@rule(
    "HPL007",
    "warning",
    "runAsNonRoot says nothing on Windows",
    "Leave runAsNonRoot out and choose a lesser account or a local group.",
)
def non_root(pod: Pod, target: Target, pods: list[Pod]) -> Iterator[Problem]:
    """The kubelet compares with the name ContainerAdministrator and nothing else, so runAsNonRoot: true lets SYSTEM
    through; the documentation says that it must not be true for HostProcess pods."""
    if at(pod.spec, "securityContext", "runAsNonRoot") is True:
        yield Problem(f"{pod.path}.securityContext.runAsNonRoot", "runAsNonRoot must not be true for a HostProcess pod")
    for container in containers(pod):
        if at(container.body, "securityContext", "runAsNonRoot") is True:
            path = f"{container.path}.securityContext.runAsNonRoot"
            yield Problem(path, "runAsNonRoot must not be true for a HostProcess container")


@rule("HPL008", "warning", "gMSA has no effect", "Leave gmsaCredentialSpec and gmsaCredentialSpecName out.")
def group_managed_account(pod: Pod, target: Target, pods: list[Pod]) -> Iterator[Problem]:
    """The shim never reads a credential spec for a job container (inferred from its source); the API server takes
    it."""
    places = [(f"{pod.path}.securityContext", pod.spec)]
    places += [(f"{container.path}.securityContext", container.body) for container in containers(pod)]
    for path, body in places:
        for option in ("gmsaCredentialSpecName", "gmsaCredentialSpec"):
            if windows_options(body).get(option) is not None:
                yield Problem(f"{path}.windowsOptions.{option}", f"{option} has no effect on HostProcess containers")


@rule(
    "HPL009",
    "warning",
    "containerd does not pass the annotation on",
    "Name the annotation, or a pattern such as microsoft.com/*, in pod_annotations of runtime runhcs-wcow-process in"
    " the nodes' containerd configuration (containerd_pod_annotations of the role kubewin.hostprocess.containerd).",
)
def dropped_annotation(pod: Pod, target: Target, pods: list[Pod]) -> Iterator[Problem]:
    """containerd hands an annotation to the shim only if it matches the runtime's pod_annotations, and by default
    there are none. Then it is ignored without a word. Those for storage are better left out: with them a job container
    probably can't be created (inferred)."""
    for name in annotations(pod):
        if name in NEEDS_PASSING_ON and not _passed_on(name, target):
            yield Problem(
                f"{_annotations_path(pod)}[{name}]",
                f"{name} is dropped by a containerd without a matching pod_annotations",
            )


@rule("HPL010", "warning", "the root folder does not end in a backslash", r"End the folder in a backslash: C:\agent\.")
def rootfs_location(pod: Pod, target: Target, pods: list[Pod]) -> Iterator[Problem]:
    """When the shim replaces CONTAINER_SANDBOX_MOUNT_POINT it drops the last character of the root folder, taking it
    for a backslash (inferred from its source)."""
    location = _effective_annotations(pod, target).get(ROOTFS_LOCATION)
    if location and not str(location).endswith("\\"):
        path = f"{_annotations_path(pod)}[{ROOTFS_LOCATION}]"
        yield Problem(path, f"{location!r} loses its last character in CONTAINER_SANDBOX_MOUNT_POINT")


@rule("HPL035", "error", "an annotation forbids HostProcess containers", "Take the annotation away.")
def forbidden_by_annotation(pod: Pod, target: Target, pods: list[Pod]) -> Iterator[Problem]:
    """The shim refuses a HostProcess pod that says it must not be one, from hcsshim 0.13.0 (containerd 2.1.1) on. Older
    ones don't know the annotation."""
    if target.containerd is None or target.containerd < DISABLE_SINCE:
        return
    for name, value in _effective_annotations(pod, target).items():
        if name in DISABLE and value in TRUE:
            yield Problem(f"{_annotations_path(pod)}[{name}]", f"the shim refuses HostProcess containers with {name}")


def _identities(pod: Pod, target: Target) -> Iterator[tuple[str, str, str | None, identity.Identity]]:
    """The names that count, each once: path, who it is for, name, and what the shim makes of it."""
    inherits = _effective_annotations(pod, target).get(INHERIT_USER) == "true"
    everything = list(containers(pod))
    own = [(container, windows_options(container.body).get("runAsUserName")) for container in everything]
    if any(name is None for _container, name in own):
        name = windows_options(pod.spec).get("runAsUserName")
        yield f"{pod.path}.{NAME}", "the pod", name, identity.identify(name, inherits)
    for container, name in own:
        if name is not None:
            path = f"{container.path}.{NAME}"
            yield path, f"container {container.name}", name, identity.identify(name, inherits)


def _effective_annotations(pod: Pod, target: Target) -> dict[str, Any]:
    """The annotations that reach the shim."""
    return {name: value for name, value in annotations(pod).items() if _passed_on(str(name), target)}


def _passed_on(annotation: str, target: Target) -> bool:
    """Whether a pattern of the runtime matches; as in Go's path.Match, a star doesn't cross a slash."""
    return any(_matches(annotation, pattern) for pattern in target.pod_annotations)


def _matches(annotation: str, pattern: str) -> bool:
    parts, shapes = annotation.split("/"), pattern.split("/")
    pairs = zip(parts, shapes, strict=False)
    return len(parts) == len(shapes) and all(fnmatch.fnmatchcase(part, shape) for part, shape in pairs)


def _annotations_path(pod: Pod) -> str:
    return f"{pod.path.removesuffix('spec')}metadata.annotations"
