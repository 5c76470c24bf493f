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
    names_node = pod.spec.get("nodeName") or at(pod.spec, "nodeSelector", "kubernetes.io/hostname")
    if not _selects_windows(pod) and not names_node:
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
    """Many clusters taint their Windows nodes os=Windows:NoSchedule to keep Linux pods away, and this pod with them."""
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
    to ltsc2022. Before containerd 1.6.18 an image without os.version, such as the HostProcess base image, matches
    none."""
    for container in containers(pod):
        image = str(container.body.get("image") or "")
        reason = _image_reason(image, target)
        if reason:
            yield Problem(f"{container.path}.image", f"{image}: {reason}")


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


def _selects_windows(pod: Pod) -> bool:
    selector = pod.spec.get("nodeSelector") or {}
    if any(selector.get(label) == "windows" for label in OS_LABELS):
        return True
    terms = at(
        pod.spec, "affinity", "nodeAffinity", "requiredDuringSchedulingIgnoredDuringExecution", "nodeSelectorTerms"
    )
    return bool(terms) and all(any(map(_asks_for_windows, at(term, "matchExpressions") or [])) for term in terms)


def _asks_for_windows(expression: dict[str, Any]) -> bool:
    return (
        expression.get("key") in OS_LABELS
        and expression.get("operator") == "In"
        and expression.get("values") == ["windows"]
    )


def _tolerates_windows(toleration: dict[str, Any]) -> bool:
    if toleration.get("effect") not in (None, "", "NoSchedule"):
        return False
    if toleration.get("operator") == "Exists":
        return toleration.get("key") in (None, "", "os")
    return toleration.get("key") == "os" and str(toleration.get("value")).lower() == "windows"
