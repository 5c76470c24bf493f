# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""containerd's runtime handlers: which annotations reach the shim, and the handler of pods with Hyper-V isolation.

* ``own_handlers(containerd_version) -> dict``      the handlers that a containerd has when its file names none
* ``wanted_handlers(containerd_version, ...)``      what to write into the table ``runtimes``; empty for nothing
* ``lets_through(patterns, annotation) -> bool``    whether an annotation reaches the shim

containerd 2 lays the file over its own handlers, so the difference is enough. containerd 1 takes those of the file in
place of all of its own, so they are written in full. Read in pkg/cri/config/config_windows.go of 1.5.18, 1.6.36 and
1.7.35 and internal/cri/config/config_windows.go of 2.2.9; tests/engines asks the engines.
"""

from __future__ import annotations

import fnmatch
from collections.abc import Iterable, Mapping

from ansible_collections.kubewin.hostprocess.plugins.module_utils.node.merging import overlay
from ansible_collections.kubewin.hostprocess.plugins.module_utils.support import containerd, matrix, versions

PROCESS = matrix.DEFAULT_RUNTIME_HANDLER
HYPERV = "runhcs-wcow-hypervisor"
# How Kubernetes 1.22 marks HostProcess containers. containerd 1.5 has to let it through; since 1.6 containerd sets it.
MARK = "microsoft.com/hostprocess-container"

_RUNHCS = {"runtime_type": "io.containerd.runhcs.v1"}
_LIMITS = {"container_annotations": ["io.microsoft.container.*"]}
_HYPERV_IN_FULL = {
    **_RUNHCS,
    **_LIMITS,
    "pod_annotations": ["io.microsoft.virtualmachine.*"],
    "options": {"SandboxIsolation": 1, "ScaleCpuLimitsToSandbox": True},
}
_ONE_HANDLER_UP_TO = (1, 6)


def own_handlers(containerd_version: str | float) -> dict:
    """Return the handlers that a containerd has on Windows when its file names none."""
    release = versions.parse(containerd_version)
    if release[:2] <= _ONE_HANDLER_UP_TO:
        return {PROCESS: dict(_RUNHCS)}
    since = containerd.line(containerd_version).get("scrub_logs_since")
    scrubs = {"options": {"ScrubLogs": True}} if since and versions.at_least(release, since) else {}
    return {PROCESS: {**_RUNHCS, **_LIMITS, **scrubs}, HYPERV: overlay(_HYPERV_IN_FULL, scrubs)}


def wanted_handlers(
    containerd_version: str | float,
    table: Mapping,
    pod_annotations: Iterable[str] = (),
    container_annotations: Iterable[str] = (),
    hyperv: bool = False,
) -> dict:
    """Return the handlers to write, or nothing where this containerd has what is wanted by itself.

    Args:
        table: what the file says of containerd so far: ``default_runtime_name`` and ``runtimes``.
        pod_annotations: patterns of annotations that the default handler lets through from a pod, beside its own.
        container_annotations: the same from a container.
        hyperv: whether there has to be a handler for Hyper-V isolation. From 1.7 on it is containerd's own.
    """
    own, there = own_handlers(containerd_version), table.get("runtimes") or {}
    default = table.get("default_runtime_name") or PROCESS
    asked = {
        "pod_annotations": list(map(str, pod_annotations)),
        "container_annotations": list(map(str, container_annotations)),
    }
    marked = containerd.hostprocess_support(containerd_version) is not True
    found = overlay(own.get(default, {}), there.get(default, {}))
    passed = {
        key: _passed(own.get(default, {}).get(key, []), found.get(key, []), patterns, marked)
        for key, patterns in asked.items()
        if patterns or marked
    }
    difference = {default: passed} if passed else {}
    if versions.parse(containerd_version).major >= 2:
        return difference
    lacks_hyperv = hyperv and HYPERV not in (there or own)
    if not difference and not lacks_hyperv:
        return {}
    known = {HYPERV: _HYPERV_IN_FULL, **own}
    names = dict.fromkeys([*(there or own), *difference, *[HYPERV] * lacks_hyperv])
    in_full = {name: overlay(known.get(name, {}), there.get(name, {})) for name in names}
    return overlay(in_full, difference)


def _passed(own: list[str], found: list[str], asked: list[str], marked: bool) -> list[str]:
    """What is asked comes beside containerd's own; the mark is added where no pattern lets it through."""
    patterns = list(dict.fromkeys([*own, *asked])) if asked else list(found)
    return patterns if not marked or lets_through(patterns, MARK) else [*patterns, MARK]


def lets_through(patterns: Iterable[str], annotation: str) -> bool:
    """Tell whether one of containerd's patterns fits an annotation; as in Go's path.Match, ``*`` ends at a slash."""
    parts = annotation.split("/")
    each = [str(pattern).split("/") for pattern in patterns]
    return any(len(one) == len(parts) and all(map(fnmatch.fnmatchcase, parts, one)) for one in each)
