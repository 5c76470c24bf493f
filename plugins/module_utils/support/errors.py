# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What can go wrong in a look-up: one root, so that a caller catches one name."""

from __future__ import annotations


class SupportError(ValueError):
    """Root of every error of the support look-ups; the text says what to do next."""


class VersionError(SupportError):
    """Text that is not a version."""


class UnknownVersionError(SupportError):
    """A version that the support matrix doesn't know."""


class GateError(SupportError):
    """A feature gate that a component of this version would not take."""
