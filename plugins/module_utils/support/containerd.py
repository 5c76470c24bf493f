# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a containerd version is and does on Windows.

* ``minimum_containerd(kubernetes_version) -> str``                      oldest one that is recommended
* ``required_containerd(kubernetes_version) -> str``                     below it HostProcess containers can't run
* ``recommended_containerd(kubernetes_version) -> list[str]``            of each line to use, newest line first
* ``check_pairing(kubernetes_version, containerd_version) -> Pairing``   supported, unlisted or too_old
* ``line(containerd_version) -> dict``                                   mount_mode, rootfs, local_groups …
* ``hostprocess_support(containerd_version) -> bool | str``              True, ``"needs_newer_shim"`` (1.5) or False
* ``native_config_version(containerd_version) -> int``
* ``readable_config_versions(containerd_version) -> tuple[int, ...]``    without losing settings
* ``loses_config_version(containerd_version) -> int | None``             read, but the CRI settings are lost
* ``shim_version(containerd_version) -> str | None``                     hcsshim in the release; None where unknown
* ``shim_has(containerd_version, feature) -> bool | None``               features of ``matrix.HCSSHIM_SINCE``
* ``check_shim(containerd_version, hcsshim_version) -> Pairing``         supported, unlisted or too_old
* ``check_own_shim(containerd_version) -> Pairing``                      supported, needs_newer_shim or too_old
* ``sandbox_image(containerd_version) -> str``
* ``cni_bin_key(containerd_version, config_version) -> str``             ``bin_dir`` or ``bin_dirs``
* ``latest_patch(containerd_version) -> str``
* ``end_of_life(containerd_version) -> str``                             ``"2026-11-06"``, or a month: ``"2026-09"``
* ``is_end_of_life(containerd_version, today) -> bool``                  today as an ISO date
* ``refuses_byte_order_mark(containerd_version) -> bool``
"""

from __future__ import annotations

from typing import NamedTuple

from ansible_collections.kubewin.hostprocess.plugins.module_utils.support import matrix, versions
from ansible_collections.kubewin.hostprocess.plugins.module_utils.support.errors import (
    SupportError,
)
from ansible_collections.kubewin.hostprocess.plugins.module_utils.support.gates import kubernetes_line
from ansible_collections.kubewin.hostprocess.plugins.module_utils.support.rows import row_of


class Pairing(NamedTuple):
    """How a containerd version goes with a Kubernetes version; ``state`` is supported, unlisted or too_old."""

    state: str
    message: str
    fix: str


def line(containerd_version: str | float) -> dict:
    """Return the support matrix's row for a containerd version.

    Raises:
        UnknownVersionError: the matrix has no row for it.
    """
    return row_of(matrix.CONTAINERD, "containerd", versions.parse(containerd_version).line)


def minimum_containerd(kubernetes_version: str | float) -> str:
    """Return the oldest recommended containerd for a Kubernetes version, as ``"1.6.15"``.

    Raises:
        SupportError: this Kubernetes version has no HostProcess containers.
    """
    return _hostprocess_row(kubernetes_version)["minimum_containerd"]


def required_containerd(kubernetes_version: str | float) -> str:
    """Return the containerd below which HostProcess containers can't run with a Kubernetes version (CRI v1 from 1.26).

    Raises:
        SupportError: this Kubernetes version has no HostProcess containers.
    """
    return _hostprocess_row(kubernetes_version)["required_containerd"]


def _hostprocess_row(kubernetes_version: str | float) -> dict:
    row = kubernetes_line(kubernetes_version)
    if not row["hostprocess"]:
        release = versions.kubernetes(kubernetes_version).line
        raise SupportError(
            f"Kubernetes {release} has no HostProcess containers. Use 1.22 or later, best 1.26 or later."
        )
    return row


def recommended_containerd(kubernetes_version: str | float) -> list[str]:
    """Return the oldest patch of each containerd line to use with a Kubernetes version, the newest line first."""
    row = kubernetes_line(kubernetes_version)
    if "containerd_lines" in row:
        return list(row["containerd_lines"].values())
    return [row["recommended_containerd"]] if "recommended_containerd" in row else []


def check_pairing(kubernetes_version: str | float, containerd_version: str | float) -> Pairing:
    """Judge a containerd version for HostProcess containers with a Kubernetes version.

    Below what is required is ``too_old``. A line that containerd's own table doesn't list for this Kubernetes, or an
    older patch of a listed one, is ``unlisted``: nothing stops it from working, nobody promises that it does. So is
    containerd 1.6 and later with Kubernetes 1.22, whose kubelet marks HostProcess containers by an annotation only.
    """
    required = required_containerd(kubernetes_version)
    version, release = versions.parse(containerd_version), versions.kubernetes(kubernetes_version).line
    row = kubernetes_line(kubernetes_version)
    listed = row.get("containerd_lines")
    choices = " or ".join(f"{oldest}+" for oldest in recommended_containerd(kubernetes_version))
    advice = f"Use containerd {choices or required}."
    if version < versions.parse(required):
        message = (
            f"containerd {version} can't run HostProcess containers with Kubernetes {release}: it takes {required}"
        )
        return Pairing("too_old", message, advice)
    if row.get("mechanism") == "cri_annotation" and hostprocess_support(version) is True:
        message = (
            f"containerd {version} goes by a field of CRI that the kubelet of {release} doesn't set, so it would run no"
            " HostProcess containers (read in containerd 1.6.36, not run)"
        )
        return Pairing("unlisted", message, "Use containerd 1.5, or Kubernetes 1.23 or later.")
    if listed is not None and (version.line not in listed or version < versions.parse(listed[version.line])):
        message = f"containerd {version} is not in containerd's support table for Kubernetes {release}"
        return Pairing("unlisted", message, advice)
    return Pairing("supported", "", "")


def hostprocess_support(containerd_version: str | float) -> bool | str:
    """Return True, ``"needs_newer_shim"`` for 1.5, whose release carries a shim without job containers, or False."""
    row = line(containerd_version)
    since = row.get("hostprocess_since")
    return (
        row["hostprocess"] if since is None or versions.at_least(versions.parse(containerd_version), since) else False
    )


def native_config_version(containerd_version: str | float) -> int:
    """Return the version of config.toml that this containerd writes itself."""
    return line(containerd_version)["native_config_version"]


def readable_config_versions(containerd_version: str | float) -> tuple[int, ...]:
    """Return the versions of config.toml that this containerd reads without losing settings."""
    return line(containerd_version)["config_versions"]


def loses_config_version(containerd_version: str | float) -> int | None:
    """Return the version of config.toml that is read but loses its CRI settings (1 in 2.0 to 2.2), or None."""
    return line(containerd_version).get("lost_config_version")


def shim_version(containerd_version: str | float) -> str | None:
    """Return the hcsshim version in a containerd release, ``"v0.14.1"``; None for a patch that nobody has read."""
    version = versions.parse(containerd_version)
    return versions.range_value(line(version)["shims"], version.patch)


def shim_has(containerd_version: str | float, feature: str) -> bool | None:
    """Tell whether the shim of a release has a feature of ``matrix.HCSSHIM_SINCE``; None where the shim is unknown."""
    shim = shim_version(containerd_version)
    return None if shim is None else versions.at_least(shim, versions.parse(matrix.HCSSHIM_SINCE[feature]))


def check_own_shim(containerd_version: str | float) -> Pairing:
    """Judge a containerd with the shim of its own release."""
    release, support = versions.parse(containerd_version), hostprocess_support(containerd_version)
    if support is True:
        return Pairing("supported", "", "")
    if support is False:
        since = line(containerd_version)["hostprocess_since"]
        return Pairing(
            "too_old",
            f"containerd {release} has no HostProcess containers",
            f"Use {since} or later with a shim of its own, best 1.7 or later.",
        )
    return Pairing(
        support,
        f"The release of containerd {release} carries a shim without HostProcess containers"
        f" (hcsshim {shim_version(containerd_version) or 'unknown'})",
        "Use containerd 1.6 or later; or build containerd-shim-runhcs-v1 from hcsshim 0.9 or later and give it in"
        " containerd_hcsshim_version, containerd_hcsshim_url and containerd_hcsshim_sha256.",
    )


def check_shim(containerd_version: str | float, hcsshim_version: str | float) -> Pairing:
    """Judge a shim that does not come with a containerd's release.

    ``supported`` is the version that the release carries, and any with job containers where the release's has none
    (1.5). Any other one is ``unlisted``: nobody promises that the two go together. ``too_old`` has no job containers.
    """
    shim, release = versions.parse(hcsshim_version), versions.parse(containerd_version)
    if hostprocess_support(containerd_version) is False:
        return check_own_shim(containerd_version)
    first = matrix.HCSSHIM_SINCE["job_container"]
    if not versions.at_least(shim, versions.parse(first)):
        return Pairing("too_old", f"hcsshim {shim} has no job containers", f"Use hcsshim {first} or later.")
    carried = shim_version(containerd_version)
    if hostprocess_support(containerd_version) is not True or (carried and versions.parse(carried) == shim):
        return Pairing("supported", "", "")
    what = f"with hcsshim {carried}" if carried else "with an hcsshim that the support matrix doesn't know"
    return Pairing(
        "unlisted",
        f"containerd {release} was released {what}, not with {shim}",
        f"Use hcsshim {carried or 'of its release'}, or watch the first pods that run with this pair.",
    )


def sandbox_image(containerd_version: str | float) -> str:
    """Return the default sandbox image; it is pulled for HostProcess pods too, though nothing of it runs."""
    return line(containerd_version)["sandbox_image"]


def cni_bin_key(containerd_version: str | float, config_version: int) -> str:
    """Return the key for the CNI programs' directory in a config.toml of this version.

    ``bin_dirs`` is unknown to 2.0, ``bin_dir`` is ignored by 2.4 in a version 3 or 4 file: both without an error.
    """
    return line(containerd_version).get("cni_bin_key", "bin_dir") if config_version >= 3 else "bin_dir"


def latest_patch(containerd_version: str | float) -> str:
    """Return the newest patch of this version's line that the matrix knows."""
    return line(containerd_version)["latest_patch"]


def end_of_life(containerd_version: str | float) -> str:
    """Return the end of support as an ISO date, or a month where the project names only the month."""
    return line(containerd_version)["end_of_life"]


def is_end_of_life(containerd_version: str | float, today: str) -> bool:
    """Tell whether support has ended on an ISO date; a month counts as over when the next one begins."""
    end = end_of_life(containerd_version)
    return today[: len(end)] > end


def refuses_byte_order_mark(containerd_version: str | float) -> bool:
    """Tell whether a byte order mark stops this containerd from reading config.toml (measured; 1.7 takes it)."""
    return versions.at_least(versions.parse(containerd_version), matrix.BYTE_ORDER_MARK_REFUSED_SINCE)
