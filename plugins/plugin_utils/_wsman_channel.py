# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

# FOR INTERNAL COLLECTION USE ONLY
# The interfaces in this file are meant for use within this collection and may change in any release.
"""WS-Management over the session that a task's own winrm or psrp connection has."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from ansible.errors import AnsibleActionFail, AnsibleConnectionFailure
from ansible.utils.display import Display

UNAUTHORIZED = 401
# Requests must be answered before the HTTP read times out, which both plugins set ten seconds later by default.
DEFAULT_TIMEOUT = 20

display = Display()


@dataclass(frozen=True)
class Channel:
    """What a caller needs to speak: bytes to bytes, the service's URL, and its operation timeout in seconds."""

    send: Callable[[bytes], bytes]
    endpoint: str
    timeout: int


@contextmanager
def wsman_channel(connection: Any) -> Iterator[Channel]:
    """Yield the WS-Management channel of a connection, and close the connection afterwards.

    Closing matters: in a loop with delegation ansible-core hands an open connection to the next host when only the
    address is the same, so a connection left open would answer for the wrong host.

    Raises:
        AnsibleActionFail: the connection can't carry WS-Management, or become is asked for.
        AnsibleConnectionFailure: the host can't be reached or doesn't accept the credentials.
    """
    if connection.transport not in CARRIERS:
        raise AnsibleActionFail(
            f"WMI is asked over a winrm or psrp connection, not over {connection.transport!r}: "
            "use source=win32, or set ansible_connection to winrm or psrp."
        )
    if connection.become is not None:
        raise AnsibleActionFail(
            "WMI is asked as the user of the connection, so become can't apply: set become to false for this task."
        )
    try:
        connection._connect()
        yield CARRIERS[connection.transport](connection)
    finally:
        close_connection(connection)


def _winrm(connection: Any) -> Channel:
    protocol = connection.protocol
    transport = protocol.transport
    timeout = getattr(protocol, "operation_timeout_sec", DEFAULT_TIMEOUT)
    return Channel(_answered(transport.send_message, transport.endpoint), transport.endpoint, int(timeout))


def _psrp(connection: Any) -> Channel:
    wsman = connection.runspace.connection
    timeout = getattr(wsman, "operation_timeout", DEFAULT_TIMEOUT)
    return Channel(_answered(wsman.transport.send, wsman.transport.endpoint), wsman.transport.endpoint, int(timeout))


# The plugins' own bytes-to-bytes calls; their higher methods rewrite faults and lose what providers said.
CARRIERS: dict[str, Callable[[Any], Channel]] = {"winrm": _winrm, "psrp": _psrp}


def _answered(send: Callable[[bytes], bytes | str], endpoint: str) -> Callable[[bytes], bytes]:
    """Return a call that gives every SOAP reply back, a fault too, and raises for what is none.

    Both libraries raise for HTTP errors, with the status in ``code`` and the fault's XML in ``response_text``.
    """

    def call(message: bytes) -> bytes:
        try:
            return _bytes(send(message))
        except Exception as error:
            code, text = getattr(error, "code", None), getattr(error, "response_text", None)
            if text and code != UNAUTHORIZED:
                return _bytes(text)
            raise AnsibleConnectionFailure(f"WS-Management request to {endpoint} failed: {error}") from error

    return call


def _bytes(text: bytes | str) -> bytes:
    return text.encode("utf-8") if isinstance(text, str) else text


def close_connection(connection: Any) -> None:
    """Close tolerantly: after a transport error there is nothing left to close, and the first error is what counts.

    Every action that asks a node closes its connection: see `wsman_channel` for why. Outside a loop ansible-core would
    close it anyway, so it costs nothing there.
    """
    try:
        connection.close()
    except Exception as error:
        display.vvv(f"closing the connection failed, which is harmless after an error: {error}")
        connection._connected = False
