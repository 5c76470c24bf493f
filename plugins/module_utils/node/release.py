# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Versions and checksums of what is downloaded; refused here, before anything on a node is changed."""

from __future__ import annotations

import re
from typing import Any

from ansible_collections.kubewin.hostprocess.plugins.module_utils.node.errors import PlanError
from ansible_collections.kubewin.hostprocess.plugins.module_utils.support import versions

_SHA256 = re.compile(r"[0-9a-f]{64}")


def full_version(text: str | float) -> str:
    """Return a version as file names and URLs have it: no v, all three numbers.

    Raises:
        PlanError: it is no version, or it has no patch, so that nothing can be downloaded.
    """
    try:
        version = versions.parse(text)
    except ValueError as exc:
        raise PlanError(str(exc)) from exc
    if not re.search(r"\d+\.\d+\.\d+", str(text)):
        raise PlanError(f'version {text} names no patch. Write all three numbers, in quotes: "{version.line}.0".')
    return str(version)


def require_sha256(sha256: str, variable: str, what: str) -> None:
    if not _SHA256.fullmatch(sha256.lower()):
        state = "is not set" if not sha256 else "is not a SHA-256 (64 hexadecimal digits)"
        raise PlanError(
            f"{variable} {state}: {what} is not downloaded without a checksum to verify it by."
            " It is published beside the file: <url>.sha256sum for containerd, <url>.sha256 for the kubelet."
        )


def is_version(found: Any, wanted: str) -> bool:
    try:
        return bool(found) and versions.parse(found) == versions.parse(wanted)
    except ValueError:
        return False
