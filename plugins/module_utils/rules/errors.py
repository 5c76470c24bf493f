# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What can go wrong in this package: one root, so that a caller catches one name."""

from __future__ import annotations


class RulesError(ValueError):
    """Root of every error that the rules raise; the text is meant for the person who wrote the manifest."""


class QuantityError(RulesError):
    """A resource quantity that the API server would not parse; the text is the API server's."""


class ManifestError(RulesError):
    """A manifest that can't be read as Kubernetes objects at all."""


class UnknownCodeError(RulesError):
    """A lint code that doesn't exist was asked for or suppressed."""
