# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the support matrix knows of the nodes that somebody names: the rules' Target out of versions and builds."""

from __future__ import annotations

from collections.abc import Iterable

from ansible_collections.kubewin.hostprocess.plugins.module_utils.rules.release import parse_release
from ansible_collections.kubewin.hostprocess.plugins.module_utils.rules.target import Target
from ansible_collections.kubewin.hostprocess.plugins.module_utils.support import containerd, versions, windows
from ansible_collections.kubewin.hostprocess.plugins.module_utils.support.errors import UnknownVersionError


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
    version = versions.parse(containerd_version)[:3] if containerd_version else None
    return Target(
        release=parse_release(str(versions.kubernetes(kubernetes_version))),
        containerd=version,
        local_groups=row["local_groups"] if row else None,
        mount_mode=_mount_mode(row, build),
        windows_build=None if build is None else build.build,
        image_match=_image_match(version, build),
        pod_annotations=tuple(pod_annotations or ()),
        unsupported=_unsupported(kubernetes_version, containerd_version, build),
    )


def _mount_mode(row: dict | None, build: windows.WindowsBuild | None) -> str | None:
    """How mounts appear; unknown where it takes a look at the node (Server 2019 has bind mounts or hasn't)."""
    if row is None or row["mount_mode"] is None or _too_old(build):
        return None
    if row["mount_mode"] == "symlink":
        return "symlink"
    if build is None or build.bind_mode == "probe":
        return None
    return "bind" if build.bind_mode else "fallback"


def _image_match(version: tuple[int, ...] | None, build: windows.WindowsBuild | None) -> str | None:
    """Images of an earlier long-term release suit from containerd 1.6.23 and 1.7.6 on (facts section 6)."""
    if build is None or build.image is None:
        return None
    before = version is not None and (version < (1, 6, 23) or (1, 7) <= version < (1, 7, 6))
    return "exact" if before else build.image


def _unsupported(
    kubernetes_version: str | float, containerd_version: str | None, build: windows.WindowsBuild | None
) -> str:
    """Why no HostProcess container can run there."""
    reasons = [build.reason if build is not None and _too_old(build) else ""]
    if containerd_version:
        reasons += [containerd.check_own_shim(containerd_version).message]
        reasons += [_too_old_for_kubernetes(kubernetes_version, containerd_version)]
    return "; ".join(filter(None, reasons))


def _too_old_for_kubernetes(kubernetes_version: str | float, containerd_version: str) -> str:
    """A Kubernetes that the matrix doesn't know yet is not judged."""
    try:
        pairing = containerd.check_pairing(kubernetes_version, containerd_version)
    except UnknownVersionError:
        return ""
    return pairing.message if pairing.state == "too_old" else ""


def _too_old(build: windows.WindowsBuild | None) -> bool:
    return build is not None and not build.supported
