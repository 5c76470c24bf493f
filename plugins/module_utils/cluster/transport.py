# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a request to an API server is sent with: how long it may take to connect and to be answered, and its body.

The client library waits for ever unless each request says otherwise, and kubernetes.core's never do. So what the
library sends its requests with is replaced, at the one place where a client takes it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager

from .retries import Deadline, retries

try:
    from kubernetes.client import rest
    from kubernetes.client.rest import RESTClientObject
except ImportError:
    # open_cluster names the missing library before any of this is needed.
    rest = None
    RESTClientObject = object

# kube-apiserver itself gives up a request after 60 seconds (--request-timeout): its own answer is to come first.
DEFAULT_REQUEST_TIMEOUT = 65
CONNECT_TIMEOUT = 10
# A request that starts when the time for it is nearly over.
_SHORTEST = 1
_APPLY = "application/apply-patch+yaml"
# The library before 37 writes a body of exactly the type above as JSON, also one that is text already. The API server
# cuts the parameter off (handlers/patch.go).
_APPLY_OF_TEXT = f"{_APPLY}; charset=utf-8"
_NOT_PLAIN = re.compile(r"[^\x20-\x7e]")
_BEYOND_TWO_BYTES = re.compile("[\U00010000-\U0010ffff]")


class TimedTransport(RESTClientObject):
    """The library's transport with retries, and with times for each request that names none.

    Args:
        configuration: the client's; gets the retries.
        request_timeout: seconds that the API server may be silent, before its answer or in the middle of it.
        deadline: ends the requests that somebody waits for no longer.
    """

    def __init__(self, configuration, request_timeout: int, deadline: Deadline):
        configuration.retries = retries(deadline)
        super().__init__(configuration)
        self._request_timeout, self._deadline = request_timeout, deadline

    def request(self, *arguments, body=None, headers=None, _request_timeout=None, **keywords):
        if (headers or {}).get("Content-Type") == _APPLY:
            written = _as_yaml_reads_it(body)
            if written:
                body, headers = written, {**headers, "Content-Type": _APPLY_OF_TEXT}
        times = _request_timeout or self._times()
        return super().request(*arguments, body=body, headers=headers, _request_timeout=times, **keywords)

    def _times(self) -> tuple[float, float]:
        """Seconds to connect, and for each part of the answer."""
        read = max(_SHORTEST, min(self._request_timeout, self._deadline.left))
        return min(CONNECT_TIMEOUT, read), read


def _as_yaml_reads_it(body) -> str | None:
    """The body of a server-side apply, which the API server reads as YAML; None where the library writes it well.

    The library writes it as JSON, and a character beyond U+FFFF (an emoji) as two escapes, which YAML does not put
    together again. Such a body is written here, with one escape of YAML's for each character that is not plain ASCII:
    YAML folds or refuses some of the others (U+0085, U+2028, U+007F) when they stand for themselves.
    """
    if not isinstance(body, (dict, list)):
        return None
    written = json.dumps(body, ensure_ascii=False)
    return _NOT_PLAIN.sub(_escape, written) if _BEYOND_TWO_BYTES.search(written) else None


def _escape(character: re.Match) -> str:
    return f"\\U{ord(character[0]):08x}"


@contextmanager
def timed_transport(request_timeout: int, deadline: Deadline) -> Iterator[list[TimedTransport]]:
    """Give every client that is made inside a TimedTransport; they are in the list.

    A client asks for the server's version and for its APIs while it is made, before anything of it can be set.
    """
    made: list[TimedTransport] = []

    def make(configuration) -> TimedTransport:
        made.append(TimedTransport(configuration, request_timeout, deadline))
        return made[-1]

    before, rest.RESTClientObject = rest.RESTClientObject, make
    try:
        yield made
    finally:
        rest.RESTClientObject = before
