# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A WQL query from its first message to its last row, over whatever carries bytes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ansible_collections.kubewin.hostprocess.plugins.module_utils.wsman.errors import MessageError, WsmanError
from ansible_collections.kubewin.hostprocess.plugins.module_utils.wsman.replies import (
    read_batch,
    read_identity,
    read_released,
)
from ansible_collections.kubewin.hostprocess.plugins.module_utils.wsman.requests import (
    Target,
    enumerate_request,
    identify_request,
    pull_request,
    release_request,
)

Send = Callable[[bytes], bytes]

# Far more than job objects or processes of any node need; ends a service that never ends its sequence.
LARGEST_ANSWER = 200 * 2**20


def query(send: Send, target: Target, wql: str) -> list[dict[str, Any]]:
    """Return every row of a WQL query.

    A server answers the first message with one row and the rest by Pull, or with all at once, so contexts decide
    and not counts. A query that is given up is released; its own error is what the caller gets.

    Raises:
        WsmanFault: the service refused.
        MessageError: a reply can't be read, or the sequence never ends.
    """
    reply = send(enumerate_request(target, wql))
    batch, received = read_batch(reply), len(reply)
    rows = batch.rows
    while batch.context:
        context = batch.context
        try:
            reply = send(pull_request(target, context))
            batch, received = read_batch(reply), received + len(reply)
            # A reply to Pull has rows, or the end, or both (WS-Enumeration, PullResponse).
            if batch.context and not batch.rows:
                raise MessageError(f"The service goes on without rows and without an end for the query {wql!r}.")
            rows += batch.rows
            if received > LARGEST_ANSWER:
                raise MessageError(f"The service answers the query {wql!r} with more than {LARGEST_ANSWER} bytes.")
        except WsmanError:
            _release(send, target, context)
            raise
    return rows


def identify(send: Send) -> dict[str, str]:
    """Return what a service says it is."""
    return read_identity(send(identify_request()))


def _release(send: Send, target: Target, context: str) -> None:
    """Give a query up; a service that refuses has forgotten it already, which is as good."""
    try:
        read_released(send(release_request(target, context)))
    except WsmanError:
        return
