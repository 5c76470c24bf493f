"""The client of the agent in a prefix (windows/agent): one call is one HTTP request with JSON both ways."""

from __future__ import annotations

import json
import threading
import time
from pathlib import Path
from typing import Any

import requests

from lab.errors import HostError, LabError

NOT_READY = 21  # ERROR_NOT_READY: the node is down
PING_TIMEOUT = 30.0  # a dead agent refuses at once; one that is slow on a loaded machine lives


class Agent:
    """Calls the agent whose port and token lie in a file that it wrote when it started.

    Args:
        name: of the node, for messages.
        address_file: ``{"port": ..., "token": ...}``.
    """

    def __init__(self, name: str, address_file: Path) -> None:
        self._name = name
        self._address_file = address_file
        self._sessions = threading.local()
        self._address: dict[str, Any] | None = None

    def forget(self) -> None:
        """The node goes down: what answers next has a new port and token."""
        self._address = None
        self._address_file.unlink(missing_ok=True)

    def answers(self) -> bool:
        """Whether the agent is there."""
        try:
            self.call("ping", "ping", PING_TIMEOUT, {})
        except HostError:
            return False
        return True

    def wait(self, timeout: float) -> None:
        """Until the agent answers.

        Raises:
            HostError: it does not within ``timeout`` seconds.
        """
        deadline = time.monotonic() + timeout
        while not (self._address_file.exists() and self.answers()):
            if time.monotonic() > deadline:
                raise HostError(f"boot of {self._name}", NOT_READY, f"no agent answered within {timeout:.0f} s")
            time.sleep(0.03)

    def call(self, name: str, what: str, timeout: float, request: dict[str, Any]) -> Any:
        """One call.

        Args:
            what: the call and its object, for the message.
            timeout: seconds until the node counts as down.

        Raises:
            HostError: Windows refused (its error code), or the node is down (21).
        """
        try:
            if self._address is None:
                self._address = json.loads(self._address_file.read_text())
            address = self._address
            response = self._session().post(
                f"http://127.0.0.1:{address['port']}/{name}",
                json=request,
                headers={"Authorization": f"Bearer {address['token']}"},
                timeout=timeout,
            )
        except (requests.RequestException, OSError, ValueError, TypeError) as error:
            raise HostError(f"{what} on {self._name}", NOT_READY, f"the node is down: {error}") from error
        if response.status_code == requests.codes.conflict:
            refused = response.json()
            raise HostError(f"{what} on {self._name}", refused["code"], refused["text"])
        if not response.ok:
            raise LabError(f"{what} on {self._name}: the agent answered {response.status_code}: {response.text}")
        return response.json()

    def _session(self) -> requests.Session:
        """One connection a thread: requests' sessions are not made for several."""
        if not hasattr(self._sessions, "value"):
            self._sessions.value = requests.Session()
            self._sessions.value.trust_env = False  # no proxy for loopback
        return self._sessions.value
