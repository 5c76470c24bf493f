# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The one exception that leaves this package."""

from __future__ import annotations


class ClusterError(Exception):
    """What failed on a cluster, on which object, why, and what to do next, in words for the person who runs the play.

    Args:
        message: the whole sentence.
        status: HTTP status of the API server's answer; None when there was none.
        body: the API server's Status object; empty when there was none.
        transient: whether the same call may succeed a moment later (429, 5xx, connection lost).
        result: more keys for the failed module's result.
    """

    def __init__(
        self,
        message: str,
        status: int | None = None,
        body: dict | None = None,
        transient: bool = False,
        result: dict | None = None,
    ):
        super().__init__(message)
        self.status = status
        self.body = body or {}
        self.transient = transient
        self.result = result or {}
