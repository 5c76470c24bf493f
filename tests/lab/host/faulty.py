"""A host as one run of a module meets it while faults wait: a full disk, or power that goes in the middle of a change.

It stands between a module and either kind of node. What programs on the node write themselves never comes here.
"""

from __future__ import annotations

import functools
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from lab.errors import HostError
from lab.faults import Faults
from lab.host.interface import Host

DISK_FULL = 112
# The calls of Host that change a node.
CHANGES = frozenset({
    "write", "make_directory", "remove", "move", "registry_set", "registry_create_key", "registry_delete",
    "create_service", "change_service", "delete_service", "start_service", "stop_service", "set_feature", "run",
})  # fmt: skip
# How long a program on the node has been running when the power goes.
_PROGRAM_SECONDS = 0.2


class PowerLost(Exception):
    """The node went down under a module: nobody ever gets its answer."""


class FaultyHost:
    """Every call goes to the node; those that change it go past the faults first.

    Args:
        module: the FQCN of the module that runs.
    """

    def __init__(self, host: Host, faults: Faults, module: str) -> None:
        self._host = host
        self._faults = faults
        self._module = module
        self._has_changed = False

    def __getattr__(self, name: str) -> Any:
        call = getattr(self._host, name)
        return functools.partial(self._change, name, call) if name in CHANGES else call

    def _change(self, name: str, call: Callable[..., Any], *arguments: Any, **keywords: Any) -> Any:
        first, self._has_changed = not self._has_changed, True
        if first and self._faults.take("power_cut", self._module):
            self._cut_power(name, call, arguments, keywords)
        if name == "write" and self._faults.take("full_disk", arguments[0]):
            self._write_half(*arguments)
            raise HostError(f"write {arguments[0]}", DISK_FULL, "There is not enough space on the disk.")
        return call(*arguments, **keywords)

    def _cut_power(self, name: str, call: Callable[..., Any], arguments: Any, keywords: Any) -> None:
        """A file is half written, a program still runs, anything else has not begun."""
        if name == "write":
            self._write_half(*arguments)
        elif name == "run":
            program = threading.Thread(target=_quietly, args=(call, arguments, keywords), daemon=True)
            program.start()
            program.join(_PROGRAM_SECONDS)
        self._host.reboot()
        raise PowerLost(f"{self._module}: {name} {arguments[0]}")

    def _write_half(self, path: str, content: bytes | Path) -> None:
        if isinstance(content, Path):
            with content.open("rb") as source, tempfile.NamedTemporaryFile() as half:
                half.write(source.read(content.stat().st_size // 2))
                half.flush()
                self._host.write(path, Path(half.name))
        else:
            self._host.write(path, content[: len(content) // 2])


def _quietly(call: Callable[..., Any], arguments: Any, keywords: Any) -> None:
    """Whatever the program comes to is lost with the power."""
    try:
        call(*arguments, **keywords)
    except Exception:
        return
