# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a Windows node says about itself through the API server, as flat values and groups."""

from __future__ import annotations

import re

WINDOWS_SELECTOR = "kubernetes.io/os=windows"
_BUILD = re.compile(r"10\.0\.(\d+)(?:\.(\d+))?")


def describe_node(node: dict) -> dict:
    """The values of a node that a play is likely to ask for.

    Returns:
        name; ready; schedulable; build and revision (int, None when the node has never reported); os_image;
        kubelet_version; runtime and runtime_version (None likewise); addresses (type -> first address); labels; taints.
    """
    metadata, spec, status = node["metadata"], node.get("spec") or {}, node.get("status") or {}
    information, labels = status.get("nodeInfo") or {}, metadata.get("labels") or {}
    build = _BUILD.match(information.get("kernelVersion") or labels.get("node.kubernetes.io/windows-build") or "")
    runtime, _separator, runtime_version = (information.get("containerRuntimeVersion") or "").partition("://")
    addresses: dict[str, str] = {}
    for address in status.get("addresses") or []:
        addresses.setdefault(address["type"], address["address"])
    return {
        "name": metadata["name"],
        "ready": any(one["type"] == "Ready" and one["status"] == "True" for one in status.get("conditions") or []),
        "schedulable": not spec.get("unschedulable"),
        "build": int(build[1]) if build else None,
        "revision": int(build[2]) if build and build[2] else None,
        "os_image": information.get("osImage") or None,
        "kubelet_version": (information.get("kubeletVersion") or "").lstrip("v") or None,
        "runtime": runtime or None,
        "runtime_version": runtime_version or None,
        "addresses": addresses,
        "labels": labels,
        "taints": spec.get("taints") or [],
    }


def groups_of(node: dict) -> list[str]:
    """The groups of a node that `describe_node` described, by build, readiness and runtime version."""
    groups = ["windows_ready" if node["ready"] else "windows_not_ready"]
    if node["build"]:
        groups.append(f"windows_build_{node['build']}")
    if node["runtime_version"]:
        groups.append(f"windows_{node['runtime']}_{node['runtime_version']}")
    return groups


def address_of(node: dict, preferred: list[str]) -> str:
    """The node's first address of a preferred type; its name when it has none."""
    return next((node["addresses"][kind] for kind in preferred if kind in node["addresses"]), node["name"])
