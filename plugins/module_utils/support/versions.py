# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Versions as people and programs write them.

* ``parse(text) -> Version``              ``"v1.36.3"``, ``"containerd://2.2.9"``, ``1.36``, ``"v0.15.0-rc.4"``
* ``kubernetes(text) -> Version``         the same, and forgives YAML that read 1.30 as the number 1.3
* ``at_least(version, minimum) -> bool``  a minimum without a patch (``"1.31"``) compares lines
* ``range_value(ranges, patch)``          look-up in a table like ``{"0-2": "a", "3": "b"}``
"""

from __future__ import annotations

import re
from typing import NamedTuple

from ansible_collections.kubewin.hostprocess.plugins.module_utils.support.errors import VersionError

_SHAPE = re.compile(
    r"(?:[a-z]+://)?[vV]?(?P<major>\d{1,5})\.(?P<minor>\d{1,5})(?:\.(?P<patch>\d{1,9}))?"
    r"(?:-(?P<stage>alpha|beta|rc)\.?(?P<number>\d{1,9}))?(?:[-+][0-9A-Za-z.+_-]+)?"
)
_FINAL = ("release", 0)  # sorts after alpha, beta and rc


class Version(NamedTuple):
    """A version that sorts as semantic versions do. A vendor's suffix (``-gke.1``, ``+k3s1``) doesn't count."""

    major: int
    minor: int
    patch: int = 0
    prerelease: tuple[str, int] = _FINAL

    @property
    def line(self) -> str:
        """Major and minor, the key of the support matrix: ``"1.36"``."""
        return f"{self.major}.{self.minor}"

    def __str__(self) -> str:
        stage, number = self.prerelease
        suffix = "" if self.prerelease == _FINAL else f"-{stage}.{number}"
        return f"{self.major}.{self.minor}.{self.patch}{suffix}"


def parse(text: str | float | Version) -> Version:
    """Read a version with or without v, scheme, patch, pre-release or vendor suffix.

    Raises:
        VersionError: it isn't one; the text says how one looks.
    """
    if isinstance(text, Version):
        return text
    shape = None if isinstance(text, bool) else _SHAPE.fullmatch(str(text).strip())
    if shape is None:
        raise VersionError(f'{text!r} is not a version. Write major.minor or major.minor.patch, in quotes: "1.36.3".')
    prerelease = (shape["stage"], int(shape["number"])) if shape["stage"] else _FINAL
    return Version(int(shape["major"]), int(shape["minor"]), int(shape["patch"] or 0), prerelease)


def kubernetes(text: str | float | Version) -> Version:
    """Read a Kubernetes version.

    YAML reads an unquoted 1.30 as the number 1.3. No Kubernetes below 1.20 matters here, so a number with one
    decimal can only have lost its zero.
    """
    version = parse(text)
    if isinstance(text, float) and version.minor < 10:
        return version._replace(minor=version.minor * 10)
    return version


def at_least(version: str | float | Version, minimum: str | Version) -> bool:
    """Tell whether a version is the minimum or newer.

    A minimum without a patch names a line: 1.37.0-rc.1 counts as at least ``"1.37"``, not as at least ``"1.37.0"``.
    """
    if isinstance(minimum, str) and minimum.count(".") == 1:
        return parse(version)[:2] >= parse(minimum)[:2]
    return parse(version) >= parse(minimum)


def range_value(ranges: dict[str, str], patch: int) -> str | None:
    """Return what a table keyed by patch ranges (``"0-2"``, ``"3"``) holds for a patch, or None outside all."""
    for key, found in ranges.items():
        first, _dash, last = key.partition("-")
        if int(first) <= patch <= int(last or first):
            return found
    return None
