# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Lint rules about reaching a Windows node and starting there."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from ansible_collections.kubewin.hostprocess.plugins.module_utils.rules.lint_rule import Problem, rule
from ansible_collections.kubewin.hostprocess.plugins.module_utils.rules.pods import Pod, annotations, at, containers
from ansible_collections.kubewin.hostprocess.plugins.module_utils.rules.target import Target

OS_LABELS = ("kubernetes.io/os", "beta.kubernetes.io/os")
# The kubelet sets it on Windows only (kubernetes v1.36.3 pkg/kubelet/kubelet_node_status_windows.go).
WINDOWS_BUILD = "node.kubernetes.io/windows-build"
# A pod that asks for some values of these has been given its nodes by hand; the last is a field, not a label.
CHOSEN_NODES = ("kubernetes.io/hostname", WINDOWS_BUILD, "metadata.name")
BASE_IMAGE = "windows-host-process-containers-base-image"
# Names of Windows releases as they appear in image tags.
TAGGED_BUILDS = {
    "1809": 17763,
    "ltsc2019": 17763,
    "1903": 18362,
    "1909": 18363,
    "2004": 19041,
    "20h2": 19042,
    "ltsc2022": 20348,
    "ltsc2025": 26100,
}
_TAGGED_RELEASE = re.compile(rf"(?:^|[-_.])({'|'.join(TAGGED_BUILDS)})(?=$|[-_.])", re.IGNORECASE)
# Long-term releases whose images a newer host takes, by the host's build (facts section 6).
PREVIOUS_LONG_TERM = {20348: 20348, 25398: 20348, 26100: 20348}


@rule("HPL016", "warning", "nothing keeps the pod on Windows nodes", "Set nodeSelector to kubernetes.io/os: windows.")
def no_node_selector(pod: Pod, target: Target, pods: list[Pod]) -> Iterator[Problem]:
    """The scheduler doesn't look at windowsOptions or os.name. On a Linux node the kubelet refuses the pod, and a
    DaemonSet keeps trying there."""
    if not (pod.spec.get("nodeName") or _selects_nodes(pod) or _has_affinity_to_nodes(pod)):
        yield Problem(
            f"{pod.path}.nodeSelector", "neither nodeSelector nor node affinity asks for kubernetes.io/os: windows"
        )


@rule("HPL017", "info", "the pod does not say that it is for Windows", "Set os.name to windows.")
def no_operating_system(pod: Pod, target: Target, pods: list[Pod]) -> Iterator[Problem]:
    """With os.name the API server refuses Linux-only options instead of letting them do nothing, a Linux kubelet
    refuses the pod, and the restricted Pod Security level excuses it from Linux' demands."""
    if target.release >= (1, 25) and not at(pod.spec, "os", "name"):
        yield Problem(f"{pod.path}.os.name", "os.name is not set")


@rule(
    "HPL018",
    "info",
    "no toleration for tainted Windows nodes",
    "Tolerate {key: os, value: Windows, effect: NoSchedule} (or operator Exists without a key).",
)
def no_toleration(pod: Pod, target: Target, pods: list[Pod]) -> Iterator[Problem]:
    """Many clusters taint their Windows nodes os=Windows:NoSchedule to keep Linux pods away, and this pod with them. A
    taint's value is compared as it is written: windows does not tolerate Windows."""
    if not any(map(_tolerates_windows, pod.spec.get("tolerations") or [])):
        yield Problem(f"{pod.path}.tolerations", "nodes with the taint os=Windows:NoSchedule won't get this pod")


@rule(
    "HPL019",
    "error",
    "Hyper-V isolation",
    "Use the runtime class of process isolation (runhcs-wcow-process), or none.",
)
def hyperv_isolation(pod: Pod, target: Target, pods: list[Pod]) -> Iterator[Problem]:
    """Kubernetes doesn't support HostProcess with Hyper-V isolation: the process would be in a virtual machine, not on
    the node, and there would be no job object on the node."""
    runtime_class = pod.spec.get("runtimeClassName") or ""
    if re.search(r"hyper-?v", str(runtime_class), re.IGNORECASE):
        yield Problem(f"{pod.path}.runtimeClassName", f"runtime class {runtime_class} looks like Hyper-V isolation")
    for name in annotations(pod):
        if str(name).startswith("io.microsoft.virtualmachine."):
            path = f"{pod.path.removesuffix('spec')}metadata.annotations[{name}]"
            yield Problem(path, f"{name} is for pods in a virtual machine")


@rule(
    "HPL020",
    "warning",
    "the image may not be found for this Windows build",
    "Build on the HostProcess base image, which suits every build, or offer an image for this one.",
)
def image_platform(pod: Pod, target: Target, pods: list[Pod]) -> Iterator[Problem]:
    """HostProcess containers may use an image of any Windows release, but containerd still picks from a multi-platform
    image by os.version: a host below build 20348 takes its own build only, newer ones take long-term releases down
    to ltsc2022. Before containerd 1.6.23 and 1.7.6 every host takes its own build only, and before 1.6.18 an image
    without os.version, such as the HostProcess base image, matches none."""
    for container in containers(pod):
        image = str(container.body.get("image") or "")
        reason = _image_reason(image, target)
        if reason:
            yield Problem(f"{container.path}.image", f"{image}: {reason}")


@rule(
    "HPL034",
    "error",
    "the nodes can't run HostProcess containers",
    "Use nodes with Windows Server 2019 or later and a containerd that suits their Kubernetes, best 1.7 or later.",
)
def unsupported_nodes(pod: Pod, target: Target, pods: list[Pod]) -> Iterator[Problem]:
    """On nodes that are too old such a container doesn't start, or runs as an ordinary one without the node's
    privileges. containerd 1.5 with a shim of one's own, built from hcsshim 0.9 or later, is the exception: ignore the
    code there."""
    if target.unsupported:
        yield Problem(pod.path, target.unsupported)


def _image_reason(image: str, target: Target) -> str:
    if target.containerd is not None and target.containerd < (1, 6, 18) and BASE_IMAGE in image:
        return "containerd before 1.6.18 finds no match for an image without os.version"
    tag = image.rpartition("@")[0] or image
    named = _TAGGED_RELEASE.search(tag.rpartition("/")[2].rpartition(":")[2])
    if named is None or target.windows_build is None or target.image_match is None:
        return ""
    build = TAGGED_BUILDS[named[1].lower()]
    oldest = target.windows_build if target.image_match == "exact" else PREVIOUS_LONG_TERM.get(target.windows_build)
    if oldest is None or oldest <= build <= target.windows_build:
        return ""
    return f"an image for build {build} does not match a node of build {target.windows_build}"


def _selects_nodes(pod: Pod) -> bool:
    return any(_suits_windows(label, [value]) for label, value in (pod.spec.get("nodeSelector") or {}).items())


def _has_affinity_to_nodes(pod: Pod) -> bool:
    """Whether each of the terms, of which one is enough, leads to Windows nodes or to chosen ones."""
    terms = at(
        pod.spec, "affinity", "nodeAffinity", "requiredDuringSchedulingIgnoredDuringExecution", "nodeSelectorTerms"
    )
    return bool(terms) and all(any(map(_requires_nodes, _requirements(term))) for term in terms)


def _requirements(term: Any) -> Iterator[dict[str, Any]]:
    for field in ("matchExpressions", "matchFields"):
        listed = at(term, field)
        yield from (each for each in listed if isinstance(each, dict)) if isinstance(listed, list) else ()


def _requires_nodes(requirement: dict[str, Any]) -> bool:
    key, values = requirement.get("key"), requirement.get("values")
    if requirement.get("operator") == "Exists":
        return key == WINDOWS_BUILD
    return requirement.get("operator") == "In" and isinstance(values, list) and _suits_windows(key, values)


def _suits_windows(key: Any, values: list[Any]) -> bool:
    if key in OS_LABELS:
        return values == ["windows"]
    return key in CHOSEN_NODES and bool(values) and all(values)


def _tolerates_windows(toleration: dict[str, Any]) -> bool:
    if toleration.get("effect") not in (None, "", "NoSchedule"):
        return False
    if toleration.get("operator") == "Exists":
        return toleration.get("key") in (None, "", "os")
    equal = toleration.get("operator") in (None, "", "Equal")
    return equal and toleration.get("key") == "os" and toleration.get("value") == "Windows"
