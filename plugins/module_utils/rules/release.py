# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The Kubernetes release whose API server is asked, and which of its fields are switched on."""

from __future__ import annotations

import re
from typing import NamedTuple

from ansible_collections.kubewin.hostprocess.plugins.module_utils.rules.errors import RulesError

NEWEST = "1.37"
_SHAPE = re.compile(r"v?(\d{1,3})\.(\d{1,3})(?:[.+-].*)?")


class Release(NamedTuple):
    """Major and minor; no patch ever changed these rules."""

    major: int
    minor: int


# Gate: first release in which it is on by default (None: not yet), first in which it can't be changed any more.
# Source: kubernetes v1.36.3 pkg/features/kube_features.go; for the first two facts sections 1.3 and 1.5.
# A field whose gate is off is dropped from a new object before validation; WindowsHostProcessContainers is the
# exception: there the API server refuses the object.
GATES: dict[str, tuple[Release | None, Release | None]] = {
    "WindowsHostProcessContainers": (Release(1, 23), Release(1, 26)),
    "IdentifyPodOS": (Release(1, 24), Release(1, 25)),
    "AppArmorFields": (Release(1, 30), Release(1, 31)),
    "UserNamespacesSupport": (Release(1, 33), Release(1, 36)),
    "SupplementalGroupsPolicy": (Release(1, 33), Release(1, 35)),
    "SELinuxChangePolicy": (Release(1, 33), Release(1, 36)),
    "PodLevelResources": (Release(1, 34), None),
    "HostnameOverride": (Release(1, 35), None),
    "ContainerStopSignals": (None, None),
    "UserNamespacesHostNetworkSupport": (None, None),
}
FIRST_WITH_HOSTPROCESS = Release(1, 22)


def parse_release(kubernetes_version: str) -> Release:
    """Read the release out of a version such as ``"v1.36.3"`` or ``"1.36"``.

    Raises:
        RulesError: the text is no version, or the release is older than HostProcess containers.
    """
    shape = _SHAPE.fullmatch(str(kubernetes_version).strip())
    if shape is None:
        raise RulesError(f'{kubernetes_version!r} is not a Kubernetes version. Write it in quotes, as "1.36.3".')
    release = Release(int(shape[1]), int(shape[2]))
    if release < FIRST_WITH_HOSTPROCESS:
        raise RulesError(
            f"Kubernetes {release.major}.{release.minor} has no HostProcess containers; 1.22 was the first."
        )
    return release


def parse_gates(feature_gates: dict[str, bool]) -> dict[str, bool]:
    """Return the gates as they are given.

    Raises:
        RulesError: one is neither true nor false; ``"false"`` in quotes would count as on.
    """
    for gate, value in feature_gates.items():
        if not isinstance(value, bool):
            raise RulesError(f"The feature gate {gate} is {value!r}. Write true or false, without quotes.")
    return feature_gates


def is_enabled(gate: str, release: Release, feature_gates: dict[str, bool]) -> bool:
    """Tell whether a gate is on in a release, given what the API server's command line says about it."""
    default_since, locked_since = GATES[gate]
    by_default = default_since is not None and release >= default_since
    if locked_since is not None and release >= locked_since:
        return by_default
    return feature_gates.get(gate, by_default)
