"""ModelHost: a Windows node as a Python model, a thousand in one process.

It holds files, registry, services, features, processes and power in memory; no programs run. Where it disagrees with a
binary node (``test_host_conformance.py``), it is wrong.
"""

from __future__ import annotations

import ntpath
import re
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from lab.errors import HostError, NotModelled
from lab.host import command_line as command_lines
from lab.host import paths, windows_updates
from lab.host.interface import (
    Completed,
    Feature,
    FileStatus,
    Host,
    Identity,
    Process,
    RegistryValue,
    ServiceConfiguration,
    ServiceStatus,
    StartMode,
)
from lab.host.model_probe import node_probe
from lab.host.model_registry import Registry
from lab.wmi.node_state import Job

FILE_NOT_FOUND, PATH_NOT_FOUND, ACCESS_DENIED = 2, 3, 5
SHARING_VIOLATION, DISK_FULL, FILE_EXISTS, DIRECTORY_NOT_EMPTY = 32, 112, 80, 145
NOT_READY = 21
SERVICE_RUNNING, SERVICE_DISABLED, SERVICE_NOT_FOUND = 1056, 1058, 1060
SERVICE_NOT_ACTIVE, DEPENDENCY_FAILED, SERVICE_EXISTS, DEPENDENT_RUNNING = 1062, 1068, 1073, 1051

ENVIRONMENT_KEY = r"HKLM:\SYSTEM\CurrentControlSet\Control\Session Manager\Environment"
FILE_SYSTEM_KEY = r"HKLM:\SYSTEM\CurrentControlSet\Control\FileSystem"
TIME_KEY = r"HKLM:\SYSTEM\CurrentControlSet\Services\W32Time\Parameters"
VERSION_KEY = r"HKLM:\SOFTWARE\Microsoft\Windows NT\CurrentVersion"
# The services that a feature brings with the reboot that finishes it: Host Compute Service and Host Network Service
# come with Containers (what kubelet's and containerd's installation scripts wait for).
FEATURE_SERVICES = {
    "Containers": (("hns", "Host Network Service"), ("vmcompute", "Hyper-V Host Compute Service")),
}
FEATURES = ("Containers", "Hyper-V", "Hyper-V-PowerShell", "Web-Server", "Telnet-Client")
_SYSTEM_SERVICES = (("EventLog", "Windows Event Log"), ("Winmgmt", "Windows Management Instrumentation"),
                    ("WinRM", "Windows Remote Management (WS-Management)"))  # fmt: skip

# What a test puts where a release has a real program.
_STATED_VERSION = re.compile(rb"MZ model (?P<name>\S+) version=(?P<version>\S+)")

Program = Callable[[Host, list[str], bytes], Completed]


@dataclass
class _Entry:
    """A file or directory; content is None for a directory."""

    path: str
    content: bytes | None
    created: float
    modified: float
    read_only: bool = False
    hidden: bool = False


@dataclass
class _Service:
    configuration: ServiceConfiguration
    process_id: int = 0

    @property
    def running(self) -> bool:
        return self.process_id != 0


class ModelHost:
    """One modelled node.

    Args:
        identity: which Windows it presents itself as.
        clock: seconds since 1970; a test may inject its own.
        downtime: seconds from going down to being up again.

    Attributes, to make things go wrong:
        free_bytes: what the disk still takes; None for no limit. Beyond it writes fail with 112.
        in_use: paths that a program holds open: replacing or removing them fails with 32.
        broken_services: service name to the Win32 error of every start.
        programs: file name of a program to what running it does; anything else is not modelled.
        job_objects: what WMI shows of the node's job objects; the C# probe of them is not modelled.
    """

    kind: Literal["binary", "model"] = "model"

    def __init__(self, identity: Identity, clock: Callable[[], float] = time.time, downtime: float = 1.0) -> None:
        self.identity = identity
        self.free_bytes: int | None = None
        self.in_use: set[str] = set()
        self.broken_services: dict[str, int] = {}
        self.programs: dict[str, Program] = {}
        self.job_objects: list[Job] = []
        self._clock = clock
        self.downtime = downtime
        self._lock = threading.RLock()
        self._entries: dict[str, _Entry] = {}
        self._registry = Registry()
        self._services: dict[str, _Service] = {}
        self._features = dict.fromkeys(FEATURES, False)
        self._pending: dict[str, bool] = {}
        self._processes: dict[int, Process] = {}
        self._next_process_id = 1000
        self._up_at = clock()
        self._booted = True
        self._booted_at = self._up_at
        self._furnish()
        self._start_services()

    def _furnish(self) -> None:
        """What every Windows has from its installation."""
        for directory in (
            r"C:\Windows\System32", r"C:\Windows\Temp", r"C:\Program Files", r"C:\ProgramData",
            r"C:\Users\Administrator\AppData\Local\Temp",
        ):  # fmt: skip
            self.make_directory(directory)
        self.write(r"C:\Windows\System32\tar.exe", b"MZ model")
        variables = {
            "Path": r"%SystemRoot%\system32;%SystemRoot%;%SystemRoot%\System32\Wbem",
            "windir": "%SystemRoot%",
            "TEMP": r"%SystemRoot%\TEMP",
        }
        for name, value in variables.items():
            self.registry_set(ENVIRONMENT_KEY, name, RegistryValue("expandstring", value))
        for name, value in {
            "ProductName": self.identity.product_name,
            "CurrentBuild": str(self.identity.build),
            "CurrentBuildNumber": str(self.identity.build),
        }.items():
            self.registry_set(VERSION_KEY, name, RegistryValue("string", value))
        self.registry_set(VERSION_KEY, "UBR", RegistryValue("dword", self.identity.revision))
        self.registry_set(FILE_SYSTEM_KEY, "LongPathsEnabled", RegistryValue("dword", 0))
        for name, title in _SYSTEM_SERVICES:
            self._install_system_service(name, title)
        self._install_system_service("W32Time", "Windows Time", "manual")
        for name, value in {"NtpServer": "time.windows.com,0x1", "Type": "NTP"}.items():
            self.registry_set(TIME_KEY, name, RegistryValue("string", value))

    def _install_system_service(self, name: str, title: str, start_mode: StartMode = "auto") -> None:
        command = r"C:\Windows\System32\svchost.exe -k netsvcs"
        configuration = ServiceConfiguration(name, title, command, start_mode)
        self._services.setdefault(name.lower(), _Service(configuration))

    # Power.

    def is_up(self) -> bool:
        """Cheap and never blocks; finishes a boot that is due."""
        with self._lock:
            if not self._booted and self._clock() >= self._up_at:
                self._boot()
            return self._booted

    def boot_time(self) -> float:
        """Seconds since 1970."""
        self._require_power("boot time")
        return self._booted_at

    def reboot(self) -> None:
        """End every process; up again after the downtime."""
        with self._lock:
            self._require_power("reboot")
            self._processes.clear()
            for service in self._services.values():
                service.process_id = 0
            self._booted = False
            self._up_at = self._clock() + self.downtime

    def _boot(self) -> None:
        self._booted = True
        self._booted_at = self._up_at
        for name, installed in self._pending.items():
            for service, title in FEATURE_SERVICES.get(name, ()):
                if installed:
                    self._install_system_service(service, title)
                else:
                    self._services.pop(service.lower(), None)
        self._pending.clear()
        windows_updates.restarted(self)
        self._start_services()

    def _start_services(self) -> None:
        for service in list(self._services.values()):
            if service.configuration.start_mode in ("auto", "delayed") and not service.running:
                try:
                    self._start(service)
                except HostError:
                    continue  # Windows logs it and goes on booting

    def _require_power(self, what: str) -> None:
        if not self.is_up():
            raise HostError(f"{what} on {self.identity.computer_name}", NOT_READY, "the node is down")

    # Files.

    def _key(self, path: str) -> str:
        return paths.normal(path).lower()

    def status(self, path: str) -> FileStatus | None:
        """None where nothing is."""
        with self._lock:
            self._require_power(f"stat {path}")
            entry = self._entries.get(self._key(path))
            if entry is None:
                return None
            size = len(entry.content) if entry.content is not None else 0
            return FileStatus(
                entry.path, entry.content is None, size, entry.modified, entry.created, entry.read_only, entry.hidden
            )

    def read(self, path: str, offset: int = 0, length: int | None = None) -> bytes:
        """Part of a file."""
        with self._lock:
            self._require_power(f"read {path}")
            entry = self._entries.get(self._key(path))
            if entry is None:
                raise HostError(f"read {path}", FILE_NOT_FOUND)
            if entry.content is None:
                raise HostError(f"read {path}", ACCESS_DENIED, "it is a directory")
            return entry.content[offset : None if length is None else offset + length]

    def write(self, path: str, content: bytes | Path) -> None:
        """Replace a file."""
        data = content.read_bytes() if isinstance(content, Path) else bytes(content)
        with self._lock:
            self._require_power(f"write {path}")
            key, parent = self._key(path), self._entries.get(self._key(ntpath.dirname(paths.normal(path))))
            if parent is None or parent.content is not None:
                raise HostError(f"write {path}", PATH_NOT_FOUND)
            existing = self._entries.get(key)
            if existing is not None and (existing.content is None or existing.read_only):
                raise HostError(f"write {path}", ACCESS_DENIED)
            self._refuse_in_use(f"write {path}", key)
            growth = len(data) - (len(existing.content or b"") if existing else 0)
            if self.free_bytes is not None:
                if growth > self.free_bytes:
                    raise HostError(f"write {path}", DISK_FULL, "There is not enough space on the disk")
                self.free_bytes -= growth
            now = self._clock()
            if existing is not None:
                existing.content, existing.modified = data, now
            else:
                self._entries[key] = _Entry(paths.normal(path), data, now, now)

    def make_directory(self, path: str) -> None:
        """With its parents; one that exists is fine."""
        with self._lock:
            self._require_power(f"mkdir {path}")
            path = paths.normal(path)
            entry = self._entries.get(path.lower())
            if entry is not None:
                if entry.content is not None:
                    raise HostError(f"mkdir {path}", FILE_EXISTS, "a file is there")
                return
            parent = ntpath.dirname(path)
            if parent != path:
                self.make_directory(parent)
            now = self._clock()
            self._entries[path.lower()] = _Entry(path, None, now, now)

    def list_directory(self, path: str) -> list[str]:
        """Names, sorted without case."""
        with self._lock:
            self._require_power(f"list {path}")
            entry = self._entries.get(self._key(path))
            if entry is None or entry.content is not None:
                raise HostError(f"list {path}", PATH_NOT_FOUND)
            return sorted((ntpath.basename(child.path) for child in self._children(path)), key=str.lower)

    def _children(self, path: str) -> list[_Entry]:
        prefix = self._key(path).rstrip("\\") + "\\"
        return [
            entry for key, entry in self._entries.items()
            if key.startswith(prefix) and len(key) > len(prefix) and "\\" not in key[len(prefix) :]
        ]  # fmt: skip

    def remove(self, path: str) -> None:
        """A file or a whole directory."""
        with self._lock:
            self._require_power(f"remove {path}")
            key = self._key(path)
            if key not in self._entries:
                raise HostError(f"remove {path}", FILE_NOT_FOUND)
            doomed = [other for other in self._entries if other == key or other.startswith(key.rstrip("\\") + "\\")]
            for other in doomed:
                self._refuse_in_use(f"remove {self._entries[other].path}", other)
            for other in doomed:
                entry = self._entries.pop(other)
                if self.free_bytes is not None:
                    self.free_bytes += len(entry.content or b"")

    def move(self, source: str, destination: str) -> None:
        """A file or a whole directory to a name that is free, or a file over a file."""
        with self._lock:
            self._require_power(f"move {source}")
            old, new = self._key(source), self._key(destination)
            if old not in self._entries:
                raise HostError(f"move {source}", FILE_NOT_FOUND)
            if self._key(ntpath.dirname(paths.normal(destination))) not in self._entries:
                raise HostError(f"move {source} to {destination}", PATH_NOT_FOUND)
            target = self._entries.get(new)
            if target is not None and new != old and (target.content is None or self._entries[old].content is None):
                raise HostError(f"move {source} to {destination}", ACCESS_DENIED)
            for key in (old, new):
                self._refuse_in_use(f"move {source} to {destination}", key)
            for key in [key for key in self._entries if key == old or key.startswith(old + "\\")]:
                entry = self._entries.pop(key)
                entry.path = paths.normal(destination) + entry.path[len(paths.normal(source)) :]
                self._entries[entry.path.lower()] = entry

    def local_path(self, path: str) -> Path | None:
        """A model's files lie nowhere."""
        return None

    def _refuse_in_use(self, what: str, key: str) -> None:
        """Windows holds the executable of every process open, and whatever a test says."""
        open_images = {self._key(process.image) for process in self._processes.values()}
        if key in open_images or key in {self._key(path) for path in self.in_use}:
            raise HostError(what, SHARING_VIOLATION, "another process uses the file")

    # Registry.

    def registry_key_exists(self, key: str) -> bool:
        """Whether a key is there."""
        self._require_power(f"open {key}")
        return self._registry.exists(key)

    def registry_values(self, key: str) -> dict[str, RegistryValue]:
        """Name to value; the default value's name is empty."""
        self._require_power(f"read {key}")
        return self._registry.values(key)

    def registry_subkeys(self, key: str) -> list[str]:
        """Names of the keys below."""
        self._require_power(f"list {key}")
        return self._registry.subkeys(key)

    def registry_set(self, key: str, name: str, value: RegistryValue) -> None:
        """Write a value; the key is made when it is missing."""
        self._require_power(f"write {key}")
        self._registry.set(key, name, value)

    def registry_create_key(self, key: str) -> None:
        """With its parents."""
        self._require_power(f"create {key}")
        self._registry.create(key)

    def registry_delete(self, key: str, name: str | None = None) -> None:
        """A value, or without a name the key and all below."""
        self._require_power(f"delete {key}")
        self._registry.delete(key, name)

    def environment(self) -> dict[str, str]:
        """The machine's variables over those that Windows makes itself."""
        base = {
            "SystemRoot": r"C:\Windows", "SystemDrive": "C:", "ProgramFiles": r"C:\Program Files",
            "ProgramData": r"C:\ProgramData", "ALLUSERSPROFILE": r"C:\ProgramData", "PUBLIC": r"C:\Users\Public",
            "USERPROFILE": r"C:\Users\Administrator", "LOCALAPPDATA": r"C:\Users\Administrator\AppData\Local",
            "COMPUTERNAME": self.identity.computer_name.upper(),
        }  # fmt: skip
        known = {name.upper(): value for name, value in base.items()}
        for name, value in self.registry_values(ENVIRONMENT_KEY).items():
            text = str(value.data)
            for reference, replacement in known.items():
                start = text.upper().find(f"%{reference}%")
                while start >= 0:
                    text = text[:start] + replacement + text[start + len(reference) + 2 :]
                    start = text.upper().find(f"%{reference}%")
            base[name] = text
        base["TEMP"] = r"C:\Users\Administrator\AppData\Local\Temp"
        return base

    # Services.

    def services(self) -> list[ServiceStatus]:
        """Every service, by name."""
        with self._lock:
            self._require_power("list services")
            return [self._service_status(service) for _name, service in sorted(self._services.items())]

    def _service_status(self, service: _Service) -> ServiceStatus:
        return ServiceStatus(service.configuration, "running" if service.running else "stopped", service.process_id)

    def service(self, name: str) -> ServiceStatus | None:
        """None when there is none of this name."""
        with self._lock:
            self._require_power(f"query service {name}")
            found = self._services.get(name.lower())
            return self._service_status(found) if found else None

    def _service(self, name: str, what: str) -> _Service:
        self._require_power(what)
        if name.lower() not in self._services:
            raise HostError(what, SERVICE_NOT_FOUND, "The specified service does not exist as an installed service")
        return self._services[name.lower()]

    def create_service(self, configuration: ServiceConfiguration) -> None:
        """Register a service; it is not started."""
        with self._lock:
            self._require_power(f"create service {configuration.name}")
            if configuration.name.lower() in self._services:
                raise HostError(f"create service {configuration.name}", SERVICE_EXISTS)
            self._services[configuration.name.lower()] = _Service(configuration)

    def change_service(self, configuration: ServiceConfiguration) -> None:
        """Replace what the service manager keeps; a running service goes on."""
        with self._lock:
            self._service(configuration.name, f"change service {configuration.name}").configuration = configuration

    def delete_service(self, name: str) -> None:
        """A running service ends with it here; Windows would wait for its stop."""
        with self._lock:
            service = self._service(name, f"delete service {name}")
            self._processes.pop(service.process_id, None)
            del self._services[name.lower()]

    def start_service(self, name: str, timeout: float = 30.0) -> None:
        """With the services that it depends on."""
        with self._lock:
            service = self._service(name, f"start service {name}")
            if not service.running:
                self._start(service)

    def _start(self, service: _Service, chain: tuple[str, ...] = ()) -> None:
        configuration = service.configuration
        what = f"start service {configuration.name}"
        if configuration.start_mode == "disabled":
            raise HostError(what, SERVICE_DISABLED, "The service cannot be started, because it is disabled")
        for dependency in configuration.dependencies:
            needed = self._services.get(dependency.lower())
            if needed is None or dependency.lower() in chain:
                raise HostError(what, DEPENDENCY_FAILED, f"it depends on {dependency}, which cannot start")
            if not needed.running:
                self._start(needed, (*chain, configuration.name.lower()))
        if code := self.broken_services.get(configuration.name):
            raise HostError(what, code, "The service did not start")
        image = _image(configuration.command_line)
        if not image.lower().endswith("svchost.exe") and self._key(image) not in self._entries:
            raise HostError(what, FILE_NOT_FOUND, "The system cannot find the file specified")
        service.process_id = self._next_process_id
        self._next_process_id += 4
        self._processes[service.process_id] = Process(service.process_id, 4, image, configuration.command_line)

    def stop_service(self, name: str, timeout: float = 30.0) -> None:
        """Refused with 1051 while a dependent service runs."""
        with self._lock:
            service = self._service(name, f"stop service {name}")
            dependents = [
                other.configuration.name for other in self._services.values()
                if other.running and name.lower() in [needed.lower() for needed in other.configuration.dependencies]
            ]  # fmt: skip
            if dependents:
                raise HostError(f"stop service {name}", DEPENDENT_RUNNING, f"{', '.join(dependents)} depend on it")
            self._processes.pop(service.process_id, None)
            service.process_id = 0

    # Features.

    def features(self) -> dict[str, Feature]:
        """Every feature; one that waits for a reboot counts as what it will be."""
        with self._lock:
            self._require_power("list features")
            return {name: Feature(name, installed) for name, installed in self._features.items()}

    def set_feature(self, name: str, installed: bool) -> bool:
        """Install or remove; those that bring services ask for a reboot."""
        with self._lock:
            self._require_power(f"feature {name}")
            real = next((known for known in self._features if known.lower() == name.lower()), None)
            if real is None:
                raise HostError(f"feature {name}", FILE_NOT_FOUND, "no such feature")
            if self._features[real] == installed:
                return False
            self._features[real] = installed
            if real not in FEATURE_SERVICES:
                return False
            self._pending[real] = installed
            return True

    def pending_reboot(self) -> list[str]:
        """As Component Based Servicing and Windows Update mark it."""
        with self._lock:
            self._require_power("pending reboot")
            updates = ["windows_update"] if windows_updates.restart_required(self) else []
            return (["component_based_servicing"] if self._pending else []) + updates

    # Processes.

    def processes(self) -> list[Process]:
        """Every process, by id."""
        with self._lock:
            self._require_power("list processes")
            return [process for _id, process in sorted(self._processes.items())]

    def terminate(self, process_id: int) -> None:
        """End a process; its service is stopped then, and no recovery follows."""
        with self._lock:
            self._require_power(f"terminate {process_id}")
            if self._processes.pop(process_id, None) is None:
                raise HostError(f"terminate {process_id}", 87, "no such process")
            for service in self._services.values():
                if service.process_id == process_id:
                    service.process_id = 0

    def run(self, arguments: list[str], *, stdin: bytes = b"", timeout: float = 60.0, directory: str = "") -> Completed:
        """Only programs of the table run here, and ``--version`` of a file ``MZ model NAME version=X``."""
        self._require_power(f"run {arguments[0]}")
        if self.status(arguments[0]) is None:
            raise HostError(f"run {arguments[0]}", FILE_NOT_FOUND, "The system cannot find the file specified")
        program = self.programs.get(ntpath.basename(arguments[0]).lower())
        stated = _STATED_VERSION.match(self.read(arguments[0], 0, 200))
        if program is None and stated and arguments[1:] == ["--version"]:
            return Completed(0, stated["name"] + b" v" + stated["version"] + b"\r\n")
        if program is None:
            raise NotModelled(f"the program {arguments[0]} on a model node")
        return program(self, arguments, stdin)

    def run_probe(self, sources: dict[str, str], entry: str, options: dict[str, Any]) -> dict[str, Any]:
        """Answered from the model's state, for the probes that it knows."""
        if entry.endswith(".NodeProbe"):
            return node_probe(self, options, self._clock(), self.free_bytes)
        raise NotModelled(f"the probe {entry} on a model node")

    def change(self, name: str, **fields: Any) -> None:
        """A test's shortcut: change fields of a service's configuration."""
        status = self.service(name)
        if status is None:
            raise HostError(f"change service {name}", SERVICE_NOT_FOUND)
        self.change_service(replace(status.configuration, **fields))


def _image(command_line: str) -> str:
    """The program of a service's command line."""
    return (command_lines.split(command_line) or [""])[0]
