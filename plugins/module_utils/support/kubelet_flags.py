# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Command-line flags that a kubelet no longer has: it does not start with them.

* ``removed_in(flag, kubernetes_version) -> str | None``    the line that has it no more, or None
"""

from __future__ import annotations

from ansible_collections.kubewin.hostprocess.plugins.module_utils.support import versions

# The first line without the flag. From 1.31 on read in Kubernetes' own cmd/kubelet (1.29.6 to 1.37.2) and judged by
# kubelet.exe in tests/engines; the older ones are known from sig-windows-tools' scripts, not run here.
REMOVED_IN: dict[str, str] = {
    "network-plugin": "1.24",
    "cni-bin-dir": "1.24",
    "cni-conf-dir": "1.24",
    "container-runtime": "1.27",
    "keep-terminated-pod-volumes": "1.31",
    "pod-infra-container-image": "1.35",
}


def removed_in(flag: str, kubernetes_version: str | float) -> str | None:
    """Return the line that removed a flag, where that line is not newer than the version."""
    line = REMOVED_IN.get(flag)
    return line if line and versions.at_least(versions.kubernetes(kubernetes_version), line) else None
