"""Faults on demand: one shape for all servers of the laboratory, and the table of those that can be asked for.

A fault waits at a server until a request comes that it is meant for, strikes it, and is used up after ``times``.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass


@dataclass
class Fault:
    """One fault.

    Attributes:
        kind: a name that the server knows, see `WIRE_FAULTS`, `ARTIFACT_FAULTS` and `API_FAULTS`.
        target: what it strikes, in any case: a part of a URL path (before an API server of "METHOD path"), of a path on
            the node (full_disk), a WS-Man verb, a module's name (application_control, power_cut) or a WMI class
            (wmi_...); empty for anything.
        times: how often it strikes; None for always.
        after: how many requests that it is meant for it lets pass first.
        bytes_per_second: the speed of a slow link.
        retry_after: the seconds after which a busy API server wants to be asked again.
    """

    kind: str
    target: str = ""
    times: int | None = 1
    after: int = 0
    bytes_per_second: int = 100_000
    retry_after: int = 1


class Faults:
    """The faults that wait at one server. May be changed from any thread while it runs."""

    def __init__(self, *faults: Fault) -> None:
        self._lock = threading.Lock()
        self._waiting = list(faults)
        self.struck: list[str] = []

    def add(self, fault: Fault) -> None:
        with self._lock:
            self._waiting.append(fault)

    def clear(self) -> None:
        with self._lock:
            self._waiting.clear()

    def forget(self) -> None:
        """Nothing waits, and nothing has happened."""
        with self._lock:
            self._waiting.clear()
            self.struck.clear()

    def take(self, kind: str, target: str) -> Fault | None:
        """The fault of this kind that strikes a request now, if any; counts it."""
        with self._lock:
            for fault in self._waiting:
                if fault.kind == kind and fault.target.lower() in target.lower():
                    if fault.after > 0:
                        fault.after -= 1
                        continue
                    self.struck.append(kind)
                    if fault.times is not None:
                        fault.times -= 1
                        if fault.times <= 0:
                            self._waiting.remove(fault)
                    return fault
        return None


# At a node's WinRM.
WIRE_FAULTS = {
    "drop_body": "the connection ends in the middle of a reply",
    "unauthorized": "a request is answered 401",
    "slow": "replies come slowly",
    "application_control": "compiled code of a module is refused as in PowerShell's constrained language mode",
    "wmi_no_class": "WMI does not know the class that is asked for",
    "wmi_denied": "WMI denies a query",
    "wmi_quota": "a query exceeds the user's concurrent operations",
}
# At the artifact server.
ARTIFACT_FAULTS = {
    "corrupt_download": "one bit of a download is wrong",
    "cut_download": "the connection ends in the middle of a download",
    "slow_download": "a download comes slowly",
    "error_download": "a download is answered 500",
}
# At a proxy before the API server; the fault's answer says with which kubeconfig one goes through it.
API_FAULTS = {
    "api_drop_request": "the connection ends before a request is answered",
    "api_token_expired": "a request is answered 401, as with an expired token",
    "api_conflict": "a request is answered 409: another client has changed the object meanwhile",
    "api_busy": "a request is answered 429 with Retry-After",
    "api_error": "a request is answered 500",
    "api_silent": "a request is taken and never answered, and its connection stays",
    "api_drop_answer": "the connection ends in the middle of an answer or a watch",
}
# In what modules do on a node (host/faulty.py).
HOST_FAULTS = {
    "power_cut": "the power goes in the middle of a module's first change, and comes back (--after N modules)",
    "full_disk": "the disk is full for what modules write (--target PART of a path)",
}
# At a node itself, at once.
NODE_FAULTS = {
    "reboot": "the node reboots",
    "slow_reboot": "from now on reboots take long (--seconds S, of the laboratory's clock)",
    "crash": "a service's process is killed (--target NAME, by default kubelet)",
}
FAULTS = {**WIRE_FAULTS, **HOST_FAULTS, **NODE_FAULTS, **ARTIFACT_FAULTS, **API_FAULTS}
