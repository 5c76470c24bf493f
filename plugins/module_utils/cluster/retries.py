# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""How often the client library asks an API server again, and how long it waits in between.

Any verb may be repeated: reads change nothing, server-side apply comes to the same a second time, a deletion is one of
an object's uid, and what is created is created in a dry run.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus

from .refusals import is_about_the_manifest

try:
    from urllib3.exceptions import MaxRetryError
    from urllib3.util.retry import Retry
except ImportError:
    # open_cluster names the missing library before any of this is needed.
    MaxRetryError = Exception
    Retry = object

# What may pass by itself: too many requests, or the API server (or what stands before it) in trouble.
TRANSIENT_STATUSES = frozenset({429, 500, 502, 503, 504})
ATTEMPTS = 5
LONGEST_RETRY_AFTER = 30


class Deadline:
    """When whoever waits for an API server stops waiting; never, outside of `within`."""

    def __init__(self) -> None:
        self._end = math.inf

    @property
    def left(self) -> float:
        """Seconds until then, negative afterwards."""
        return self._end - time.monotonic()

    @contextmanager
    def within(self, seconds: float) -> Iterator[None]:
        before, self._end = self._end, time.monotonic() + seconds
        try:
            yield
        finally:
            self._end = before


class BoundedRetry(Retry):
    """A Retry that does as Retry-After says when that is soon, and gives up at once when it is not.

    It gives up as well when nobody waits so long, and when the manifest is what is wrong.
    """

    deadline = Deadline()

    def new(self, **changes):
        again = super().new(**changes)
        again.deadline = self.deadline
        return again

    def increment(self, method=None, url=None, response=None, error=None, _pool=None, _stacktrace=None):
        reason = self._reason_to_stop(response)
        if reason:
            raise MaxRetryError(_pool, url, error or reason)
        return super().increment(method, url, response, error, _pool, _stacktrace)

    def get_backoff_time(self) -> float:
        return min(super().get_backoff_time(), max(0, self.deadline.left))

    def _reason_to_stop(self, response) -> str | None:
        if self.deadline.left <= 0:
            return "nobody waits for the answer any more"
        if response is None:
            return None
        longest = min(LONGEST_RETRY_AFTER, self.deadline.left)
        if (self.get_retry_after(response) or 0) > longest:
            return f"Retry-After is longer than {longest:.0f} seconds"
        # The body, which is read here, is kept for whoever asks for it later.
        if response.status == HTTPStatus.INTERNAL_SERVER_ERROR and is_about_the_manifest(
            (response.data or b"").decode("utf-8", errors="replace")
        ):
            return "the same manifest would fail again"
        return None


def retries(deadline: Deadline | None = None) -> Retry:
    """For `retries` of the client's configuration; waits 0, 1, 2 and 4 seconds where the answer does not say."""
    policy = BoundedRetry(
        total=ATTEMPTS - 1,
        allowed_methods=None,
        status_forcelist=TRANSIENT_STATUSES,
        backoff_factor=0.5,
        # The last answer itself says more than "too many retries".
        raise_on_status=False,
    )
    policy.deadline = deadline or Deadline()
    return policy
