# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The hash by which a text is compared with a file on a node."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping


def text_sha256(text: str) -> str:
    """Return the hash of a file that holds this text, as it is written: UTF-8 without a byte order mark."""
    return hashlib.sha256(text.encode()).hexdigest()


def differs(file: Mapping) -> bool:
    """Tell whether a file's ``content`` is another than the one whose ``sha256`` lies on the node; empty for none."""
    return text_sha256(file["content"]) != (file["sha256"] or "").lower()


def is_altered(text: str, sha256: str | None) -> bool:
    """Tell whether a text is not what the file has, whose hash is known or not: the file is no plain UTF-8."""
    return text_sha256(text) != sha256.lower() if sha256 and text else "\ufffd" in text
