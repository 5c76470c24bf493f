# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What can go wrong when manifests are read: one root, so that a caller catches one name."""

from __future__ import annotations


class ManifestCheckError(ValueError):
    """Root of every error of this package; the text says which file, and what to do."""


class UnreadableManifestError(ManifestCheckError):
    """A file or text that is no YAML, or doesn't exist."""


class SettingsError(ManifestCheckError):
    """What the manifests are to be checked against has no meaning."""
