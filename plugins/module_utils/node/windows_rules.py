# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What Windows has to be for HostProcess containers. A rule returns None, or what it found."""

from __future__ import annotations

from collections.abc import Callable

from ansible_collections.kubewin.hostprocess.plugins.module_utils.node.facts import Facts, Found
from ansible_collections.kubewin.hostprocess.plugins.module_utils.support import containerd, matrix


def too_old(facts: Facts) -> Found | None:
    if facts.build is None or facts.build.supported:
        return None
    return Found(
        f"{facts.build.reason}.",
        "Use a node with Windows Server 2019 or later; Windows can't be upgraded past this by a role.",
        {"build": facts.build.build, "product_name": facts.get("os", "product_name")},
    )


def retired(facts: Facts) -> Found | None:
    if facts.build is None or not facts.build.supported or not facts.build.reason:
        return None
    return Found(
        f"{facts.build.reason}.",
        "Plan a move to a Windows Server release that is in support.",
        {"build": facts.build.build, "product_name": facts.get("os", "product_name")},
    )


def feature_missing(facts: Facts) -> Found | None:
    state = facts.get("features", "Containers")
    if state in (None, "enabled"):
        return None
    return Found(
        f"The Windows feature Containers is {state}.",
        "Run the role kubewin.hostprocess.windows_node, or 'Install-WindowsFeature Containers' and reboot.",
        {"Containers": state},
    )


def _pending(facts: Facts, chosen: Callable[[str], bool]) -> list[str]:
    return [reason for reason in facts.get("pending_reboot", "reasons") or [] if chosen(reason)]


def reboot_completes_feature(facts: Facts) -> Found | None:
    markers = _pending(facts, lambda marker: marker == "component_based_servicing")
    if not markers:
        return None
    return Found(
        "Windows waits for a reboot to finish installing components; a feature installed before is not usable yet.",
        "Reboot the node (the role kubewin.hostprocess.windows_node does it where it is allowed to).",
        {"pending_reboot": markers},
    )


def reboot_pending(facts: Facts) -> Found | None:
    markers = _pending(facts, lambda marker: marker != "component_based_servicing")
    if not markers:
        return None
    return Found(
        f"Windows has a reboot pending ({', '.join(markers)}).",
        "Reboot the node at a good time; until then it may reboot by itself.",
        {"pending_reboot": markers},
    )


def bind_filter_missing(facts: Facts) -> Found | None:
    can_bind = facts.containerd is not None and containerd.shim_has(facts.containerd, "bind_mode")
    if facts.get("bindfltapi") is not False or not can_bind or facts.build is None or not facts.build.supported:
        return None
    return Found(
        "bindfltapi.dll is not there: containers run without bind mounts, and their root file systems are visible at"
        r" C:\hpc\<container id> instead of C:\hpc.",
        "Install current Windows updates (on Server 2019 those of July 2022 or later brought it), or write workloads"
        " with CONTAINER_SANDBOX_MOUNT_POINT, which holds in both modes.",
        {"file": matrix.BIND_FILTER_LIBRARY, "build": facts.build.build},
    )
