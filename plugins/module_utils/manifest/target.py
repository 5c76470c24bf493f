# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the support matrix knows of the nodes that somebody names: the rules' Target out of versions and builds."""

from __future__ import annotations

from collections.abc import Iterable

from ansible_collections.kubewin.hostprocess.plugins.module_utils.rules.release import parse_release
from ansible_collections.kubewin.hostprocess.plugins.module_utils.rules.target import Target
from ansible_collections.kubewin.hostprocess.plugins.module_utils.support import containerd, versions, windows


def make_target(
    kubernetes_version: str | float,
    containerd_version: str | None = None,
    windows_build: int | None = None,
    pod_annotations: Iterable[str] | None = None,
) -> Target:
    """Return what is known of nodes with these versions; whatever isn't given stays unknown.

    Raises:
        SupportError, RulesError: a version is none, or nobody knows it.
    """
    build = None if windows_build is None else windows.windows_build(windows_build)
    row = containerd.line(containerd_version) if containerd_version else None
    return Target(
        release=parse_release(str(versions.kubernetes(kubernetes_version))),
        containerd=versions.parse(containerd_version)[:3] if containerd_version else None,
        local_groups=row["local_groups"] if row else None,
        mount_mode=_mount_mode(row, build),
        windows_build=None if build is None else build.build,
        image_match=None if build is None else build.image,
        pod_annotations=None if pod_annotations is None else tuple(pod_annotations),
    )


def _mount_mode(row: dict | None, build: windows.WindowsBuild | None) -> str | None:
    """How mounts appear; unknown where it takes a look at the node (Server 2019 has bind mounts or hasn't)."""
    if row is None or row["mount_mode"] is None:
        return None
    if row["mount_mode"] == "symlink":
        return "symlink"
    if build is None or build.bind_mode == "probe":
        return None
    return "bind" if build.bind_mode else "fallback"
