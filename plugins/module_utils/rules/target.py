# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What is known of the nodes that a manifest is meant for.

What isn't known is None, and no rule guesses it. The annotations that pass are the exception: where nobody says
something of them, containerd's default counts, which is none.
"""

from __future__ import annotations

from typing import NamedTuple

from ansible_collections.kubewin.hostprocess.plugins.module_utils.rules.release import NEWEST, Release, parse_release


class Target(NamedTuple):
    """The nodes.

    Attributes:
        release: Kubernetes release.
        containerd: version as (major, minor, patch).
        local_groups: whether the shim resolves local groups (containerd 1.7 and later).
        mount_mode: ``bind`` (a mount is where it says), ``symlink`` or ``fallback`` (below the container's folder).
        windows_build: build number, 20348.
        image_match: how an image's os.version must match the build: exact, ltsc2022_up, previous_ltsc_up.
        pod_annotations: patterns of the annotations that the containerd runtime passes on to the shim.
        unsupported: why the nodes can't run HostProcess containers; empty if nothing is known against it.
    """

    release: Release = parse_release(NEWEST)
    containerd: tuple[int, int, int] | None = None
    local_groups: bool | None = None
    mount_mode: str | None = None
    windows_build: int | None = None
    image_match: str | None = None
    pod_annotations: tuple[str, ...] = ()
    unsupported: str = ""
