# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""YAML as kubectl reads it: what looks like a date or like minutes and seconds is text.

PyYAML makes a date of an unquoted ``2024-01-31`` and 754 of ``12:34``. The library that kubectl reads manifests with
(go-yaml) keeps both as they are written; an annotation, a label or an environment variable may hold them.
"""

from __future__ import annotations

try:
    from yaml import SafeLoader, ScalarNode
except ImportError:  # the module that reads manifests names the missing library before it starts
    SafeLoader, ScalarNode = object, None

_TAG = "tag:yaml.org,2002:"


class ManifestLoader(SafeLoader):
    """A SafeLoader for manifests."""

    def resolve(self, kind, value, implicit):
        tag = super().resolve(kind, value, implicit)
        is_date = tag == f"{_TAG}timestamp"
        is_base_60 = kind is ScalarNode and ":" in value and tag in (f"{_TAG}int", f"{_TAG}float")
        return f"{_TAG}str" if is_date or is_base_60 else tag
