# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""How often the client library asks an API server again, and how long it waits in between.

Any verb may be repeated: reads change nothing, server-side apply and deletion come to the same a second time, and
what is created is created in a dry run.
"""

from __future__ import annotations

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


class BoundedRetry(Retry):
    """A Retry that does as Retry-After says when that is soon, and gives up at once when it is not."""

    def increment(self, method=None, url=None, response=None, error=None, _pool=None, _stacktrace=None):
        if response is not None and (self.get_retry_after(response) or 0) > LONGEST_RETRY_AFTER:
            raise MaxRetryError(_pool, url, f"Retry-After is longer than {LONGEST_RETRY_AFTER} seconds")
        return super().increment(method, url, response, error, _pool, _stacktrace)


def retries() -> Retry:
    """For `retries` of the client's configuration; waits 0, 1, 2 and 4 seconds where the answer does not say."""
    return BoundedRetry(
        total=ATTEMPTS - 1,
        allowed_methods=None,
        status_forcelist=TRANSIENT_STATUSES,
        backoff_factor=0.5,
        # The last answer itself says more than "too many retries".
        raise_on_status=False,
    )
