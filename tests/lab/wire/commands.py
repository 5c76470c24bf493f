"""From a command's bytes to its result: the one place where a payload meets the node."""

from __future__ import annotations

import json
import logging
import threading
import time
from typing import Any

from lab.errors import LabError, NotModelled
from lab.faults import Faults
from lab.host.faulty import FaultyHost, PowerLost
from lab.host.interface import Completed, Host
from lab.modules.table import ModuleTable
from lab.wire.helpers import run_helper
from lab.wire.payload import HelperScript, ModuleCall, RawScript, decode, decode_script
from lab.wire.raw import run_raw
from lab.wire.shell import Command

logger = logging.getLogger(__name__)

# PowerShell's own words where a script that is not trusted adds a type.
_CONSTRAINED = "Cannot add type. Definition of new types is not supported in this language mode."


class CommandRunner:
    """Runs a node's commands, in any thread, and remembers which modules ran.

    Attributes:
        executions: a dict for each module run: fqcn, check_mode, changed, failed, bytes_in, bytes_out, requests,
            started (seconds since 1970).
        helpers: the same for ansible-core's helper scripts and raw commands, with ``name`` instead.
    """

    def __init__(self, host: Host, modules: ModuleTable, faults: Faults) -> None:
        self._host = host
        self._modules = modules
        self._faults = faults
        self._lock = threading.Lock()
        self._connections_gone = threading.Event()
        self.executions: list[dict[str, Any]] = []
        self.helpers: list[dict[str, Any]] = []

    def run(self, command: Command) -> Completed:
        """Run a complete command. Never raises: what cannot run says so on stderr and ends with 1."""
        connections_gone = self._connections_gone
        try:
            known = decode_script if command.is_script else decode
            payload = known(command.line, bytes(command.stdin))
            if isinstance(payload, ModuleCall):
                return self._module(payload, command)
            self._remember(self.helpers, command, name=getattr(payload, "name", "raw"))
            if isinstance(payload, HelperScript):
                return run_helper(self._host, payload.name, payload.parameters, payload.data)
            assert isinstance(payload, RawScript)
            return run_raw(self._host, payload.text)
        except PowerLost:
            connections_gone.wait()  # an answer must not be faster than the end of the connection
            return Completed(1)
        except LabError as exc:
            return Completed(1, stderr=f"{exc}\r\n".encode())
        except Exception as exc:
            logger.exception("a command on %s broke the laboratory", self._host.identity.computer_name)
            return Completed(1, stderr=f"SIMULATOR: {type(exc).__name__}: {exc}\r\n".encode())

    def forget(self) -> None:
        """The node's connections are gone: nobody waits for what still runs."""
        gone, self._connections_gone = self._connections_gone, threading.Event()
        gone.set()

    def _module(self, call: ModuleCall, command: Command) -> Completed:
        self._remember(self.executions, command, fqcn=call.fqcn, check_mode=call.check_mode, changed=False, failed=True)
        compiles = any(name.endswith(".cs") for name in call.scripts)
        if compiles and self._faults.take("application_control", call.fqcn):
            refused = {"failed": True, "changed": False, "msg": f"failure during exec_wrapper: {_CONSTRAINED}"}
            return Completed(1, json.dumps(refused).encode())
        try:
            result = self._modules.run(FaultyHost(self._host, self._faults, call.fqcn), call)
        except PowerLost:
            raise
        except Exception as exc:
            if not isinstance(exc, NotModelled):
                logger.exception("module %s on %s broke the laboratory", call.fqcn, self._host.identity.computer_name)
                exc = NotModelled(f"{call.fqcn}: {type(exc).__name__}: {exc}: this case is")
            # On stdout too: there Ansible shows it as the task's message instead of "No JSON found".
            report = {"failed": True, "changed": False, "msg": str(exc)}
            return Completed(1, json.dumps(report).encode(), f"{exc}\r\n".encode())
        failed = bool(result.get("failed"))
        command.record.update(changed=bool(result.get("changed")), failed=failed)
        return Completed(1 if failed else 0, (json.dumps(result) + "\r\n").encode())

    def _remember(self, records: list[dict[str, Any]], command: Command, **facts: Any) -> None:
        command.record.update(facts, started=time.time())
        with self._lock:
            records.append(command.record)
