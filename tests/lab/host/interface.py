"""Host: the one small interface through which emulated modules reach a node.

Two kinds of node implement it: ``wine.py`` (a Wine prefix in which the vendors' Windows binaries run) and
``model.py`` (a Python model). Both pass ``tests/lab_tests/test_host_conformance.py``; where they disagree, the
model is wrong. Paths are Windows paths, compared without case. Errors are `HostError` with a Win32 code.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Protocol

ServiceState = Literal["stopped", "start_pending", "stop_pending", "running"]
StartMode = Literal["auto", "delayed", "manual", "disabled"]
RegistryType = Literal["string", "expandstring", "dword", "qword", "multistring", "binary", "none"]


@dataclass(frozen=True)
class FileStatus:
    """What the file system says of one path. Times are seconds since 1970, UTC."""

    path: str
    is_directory: bool
    size: int
    modified: float
    created: float
    read_only: bool = False
    hidden: bool = False
    link_target: str | None = None


@dataclass(frozen=True)
class RegistryValue:
    """One registry value; data is str, int, bytes or list[str] by its type."""

    type: RegistryType
    data: Any


@dataclass(frozen=True)
class FailureAction:
    """One step of a service's recovery, as the service manager keeps it."""

    type: Literal["none", "restart", "reboot", "run_command"]
    delay_milliseconds: int = 0


@dataclass(frozen=True)
class ServiceConfiguration:
    """What the service manager keeps of one service."""

    name: str
    display_name: str
    command_line: str
    start_mode: StartMode = "auto"
    account: str = "LocalSystem"
    description: str = ""
    dependencies: tuple[str, ...] = ()
    failure_actions: tuple[FailureAction, ...] = ()
    failure_reset_seconds: int = 0
    failure_actions_on_non_crash: bool = False


@dataclass(frozen=True)
class ServiceStatus:
    """A service now. ``process_id`` is 0 when it does not run."""

    configuration: ServiceConfiguration
    state: ServiceState
    process_id: int = 0


@dataclass(frozen=True)
class Process:
    """One process of the node."""

    id: int
    parent_id: int
    image: str
    command_line: str = ""


@dataclass(frozen=True)
class Feature:
    """A Windows feature as Get-WindowsFeature names it."""

    name: str
    installed: bool


@dataclass(frozen=True)
class Completed:
    """How a program on the node ended."""

    exit_code: int
    stdout: bytes = b""
    stderr: bytes = b""


@dataclass
class Identity:
    """Which Windows a node presents itself as."""

    computer_name: str
    product_name: str = "Windows Server 2022 Datacenter"
    build: int = 20348
    revision: int = 2227
    extra: dict[str, Any] = field(default_factory=dict)


class Host(Protocol):
    """One Windows node. Every call is synchronous and may be made from any thread."""

    identity: Identity
    kind: Literal["binary", "model"]
    downtime: float  # seconds between going down and coming up, at a reboot

    # Power. Calls to a node that is down raise HostError.
    def is_up(self) -> bool:
        """Whether the node is on. Asked all the time: answers at once, without a look at the node."""

    def boot_time(self) -> float: ...
    def reboot(self) -> None:
        """End every process and boot again; returns when the node is down, not when it is up again."""

    # Files. ``read`` follows links. ``write`` replaces, and fails with 32 where Windows holds the file open.
    def status(self, path: str) -> FileStatus | None: ...
    def read(self, path: str, offset: int = 0, length: int | None = None) -> bytes: ...
    def write(self, path: str, content: bytes | Path) -> None:
        """Content as bytes, or as a file of the machine that runs the laboratory (for large ones)."""

    def make_directory(self, path: str) -> None: ...
    def list_directory(self, path: str) -> list[str]: ...
    def remove(self, path: str) -> None:
        """A file, a link or a whole directory."""

    def move(self, source: str, destination: str) -> None: ...
    def local_path(self, path: str) -> Path | None:
        """Where a path's bytes lie on the laboratory's machine, for reading; None where there are none (model)."""

    # Registry. Keys as ``HKLM:\\SOFTWARE\\...``.
    def registry_key_exists(self, key: str) -> bool: ...
    def registry_values(self, key: str) -> dict[str, RegistryValue]: ...
    def registry_subkeys(self, key: str) -> list[str]: ...
    def registry_set(self, key: str, name: str, value: RegistryValue) -> None: ...
    def registry_create_key(self, key: str) -> None: ...
    def registry_delete(self, key: str, name: str | None = None) -> None: ...

    # The machine's environment, as a new process gets it.
    def environment(self) -> dict[str, str]: ...

    # Services.
    def services(self) -> list[ServiceStatus]: ...
    def service(self, name: str) -> ServiceStatus | None: ...
    def create_service(self, configuration: ServiceConfiguration) -> None: ...
    def change_service(self, configuration: ServiceConfiguration) -> None: ...
    def delete_service(self, name: str) -> None: ...
    def start_service(self, name: str, timeout: float = 30.0) -> None: ...
    def stop_service(self, name: str, timeout: float = 30.0) -> None: ...

    # Features and what asks for a reboot.
    def features(self) -> dict[str, Feature]: ...
    def set_feature(self, name: str, installed: bool) -> bool:
        """Install or remove; True when Windows asks for a reboot to finish it."""

    def pending_reboot(self) -> list[str]:
        """Why a reboot is pending, as Windows' own markers name it; empty when none is."""

    # Processes.
    def processes(self) -> list[Process]: ...
    def terminate(self, process_id: int) -> None: ...
    def run(self, arguments: list[str], *, stdin: bytes = b"", timeout: float = 60.0, directory: str = "") -> Completed:
        """Run a program that lies on the node. A binary node really runs it; a model knows a table of programs."""

    def run_probe(self, sources: dict[str, str], entry: str, options: dict[str, Any]) -> dict[str, Any]:
        """Compile C# sources (file name to text) and return what ``entry`` (Namespace.Class) gives for options.

        Every probe has ``public static Dictionary<string, object> Collect(IDictionary options)``. A model answers
        from its own state for the probes that it knows.
        """
