"""WineHost: a binary node, a Wine prefix in which the vendors' Windows binaries run as services.

Files are read where they lie on this machine; everything that Windows may refuse (writing, services, registry) is done
by the agent in the prefix with Windows' own calls. Features and pending reboots are modelled in the registry.
"""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
import threading
import time
import warnings
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any, Literal

from lab.errors import HostError, LabError
from lab.host import paths, windows_updates
from lab.host.interface import (
    Completed,
    FailureAction,
    Feature,
    FileStatus,
    Identity,
    Process,
    RegistryValue,
    ServiceConfiguration,
    ServiceStatus,
)
from lab.host.registry_data import decode, encode
from lab.host.toolchain import Toolchain
from lab.host.wine_agent import NOT_READY, Agent
from lab.host.wine_furniture import AGENT_ADDRESS, JOB_STATES, PROGRAMS, furnish
from lab.host.wine_prefix import WinePrefix
from lab.host.wine_probe import compiled_probe

FILE_NOT_FOUND, PATH_NOT_FOUND, ACCESS_DENIED = 2, 3, 5
SERVICE_NOT_ACTIVE = 1062
AGENT_TIMEOUT = 60.0
PROBE_TIMEOUT = 120.0

FEATURES_KEY = r"HKLM:\SOFTWARE\kubewin-lab\Features"
REBOOT_PENDING_KEY = r"HKLM:\SOFTWARE\Microsoft\Windows\CurrentVersion\Component Based Servicing\RebootPending"
FEATURES = ("Containers", "Hyper-V", "Hyper-V-PowerShell", "Web-Server", "Telnet-Client")
# The services that a feature brings with the reboot that finishes it.
FEATURE_SERVICES = {
    "Containers": (("hns", "Host Network Service"), ("vmcompute", "Hyper-V Host Compute Service")),
}


class WineHost:
    """One binary node. `create` makes a bare one, which is off; see ``lab.host.interface.Host`` for the calls."""

    kind: Literal["binary", "model"] = "binary"

    def __init__(self, prefix_directory: Path, identity: Identity, toolchain: Toolchain) -> None:
        self.identity = identity
        self.prefix = WinePrefix(prefix_directory, toolchain.wine)
        self._toolchain = toolchain
        address_file = self.prefix.disk.joinpath(*AGENT_ADDRESS.split("\\")[1:])
        self._agent = Agent(identity.computer_name, address_file)
        self._power = threading.RLock()
        self._expected_up, self._silent = False, False
        self._booted_at = 0.0
        self.downtime = 0.0  # seconds between going down and booting, at a reboot
        self._switched_off = threading.Event()
        self._boot_thread: threading.Thread | None = None
        self._boot_failure: Exception | None = None

    @classmethod
    def create(
        cls, prefix_directory: Path, identity: Identity, toolchain: Toolchain, registry_url: str = ""
    ) -> WineHost:
        """A bare node, off, in a folder that does not exist yet.

        Args:
            registry_url: the image registry that every pull goes to; without one no image can be pulled.
        """
        if prefix_directory.exists():
            raise LabError(f"{prefix_directory} exists; a node is made in a new folder.")
        prefix_directory.parent.mkdir(parents=True, exist_ok=True)
        subprocess.run(["cp", "-a", "--reflink=auto", toolchain.template, prefix_directory], check=True)
        host = cls(prefix_directory, identity, toolchain)
        furnish(host.prefix, identity, toolchain, registry_url)
        return host

    # Power.

    def boot(self) -> None:
        """Start the prefix; returns when its agent answers, so WinRM would.

        Raises:
            HostError, PrefixError: it does not come up.
        """
        with self._power:
            if self._expected_up and not self.ended_by_itself():
                return
            self.prefix.stop()  # what is left of a node that ended by itself
            self._agent.forget()
            shutil.rmtree(self.prefix.disk.joinpath(*JOB_STATES.split("\\")[1:]), ignore_errors=True)
            self._come_up()
            self._booted_at = time.time()
            self._expected_up, self._silent = True, False

    def _come_up(self) -> None:
        """Start the prefix until its agent answers.

        Very seldom none does (once in more than a thousand boots; why is not known). Then it is started once more, and
        Python's warnings say so.
        """
        self.prefix.start()
        try:
            self._agent.wait(AGENT_TIMEOUT)
        except HostError as silence:
            warnings.warn(f"{silence}; it is started once more", stacklevel=2)
            self.prefix.stop()
            self._agent.forget()
            self.prefix.start()
            self._agent.wait(AGENT_TIMEOUT)

    def power_off(self) -> None:
        """End every process at once; returns when none is left."""
        if self._boot_thread is not None and self._boot_thread is not threading.current_thread():
            self._switched_off.set()
            self._boot_thread.join()
        with self._power:
            self._expected_up = False
            self._agent.forget()
            self.prefix.stop()

    def destroy(self) -> None:
        """Power off and remove the node with its disk."""
        self.power_off()
        shutil.rmtree(self.prefix.directory, ignore_errors=True)

    def reboot(self) -> None:
        """Finish what waits for a reboot, go down, and come up again in the background; `wait_until_up` waits."""
        with self._power:
            self._require_up("reboot")
            self._finish_features()
            self.power_off()
            self._boot_failure = None
            self._switched_off.clear()
            self._boot_thread = threading.Thread(target=self._boot_again, name=f"boot-{self.identity.computer_name}")
            self._boot_thread.start()

    def _boot_again(self) -> None:
        if self._switched_off.wait(self.downtime):
            return
        try:
            self.boot()
        except LabError as error:
            self._boot_failure = error

    def wait_until_up(self, timeout: float = AGENT_TIMEOUT) -> None:
        """Until a reboot is over.

        Raises:
            HostError: the node does not come up; its cause is the failed boot.
        """
        if self._boot_thread is not None:
            self._boot_thread.join(self.downtime + timeout)
        if not self.is_up():
            raise HostError(f"boot of {self.identity.computer_name}", NOT_READY, "it is down") from self._boot_failure

    def is_up(self) -> bool:
        """Whether the node is on. It is asked all the time, so it costs nothing on the node.

        A node that did not answer a call, nor a question after it, counts as down.
        """
        return self._expected_up and self.prefix.is_running() and not self._silent

    def ended_by_itself(self) -> bool:
        """Whether the node should be up and does not answer: a laboratory must fail then, not boot it again."""
        return self._expected_up and not (self.prefix.is_running() and self._agent.answers())

    def boot_time(self) -> float:
        """Seconds since 1970."""
        self._require_up("boot time")
        return self._booted_at

    def _require_up(self, what: str) -> None:
        if not self._expected_up or not self.prefix.is_running():
            text = "the node ended by itself" if self._expected_up else "the node is down"
            raise HostError(f"{what} on {self.identity.computer_name}", NOT_READY, text)

    def _call(self, call: str, what: str, /, timeout: float = 60.0, **request: Any) -> Any:
        self._require_up(what)
        try:
            return self._agent.call(call, what, timeout, request)
        except HostError as error:
            self._silent = error.code == NOT_READY and not self._agent.answers()
            raise

    # Files.

    def status(self, path: str) -> FileStatus | None:
        """None where nothing is. A link's size and times are its target's."""
        self._require_up(f"stat {path}")
        found = self.prefix.locate(path)
        if found is None:
            return None
        target = self._windows_path(found.resolve()) if found.is_symlink() else None
        try:
            facts = found.stat()
        except OSError:
            facts = found.lstat()  # a link to nothing
        is_directory = found.is_dir()
        return FileStatus(
            path=paths.normal(path),
            is_directory=is_directory,
            size=0 if is_directory else facts.st_size,
            modified=facts.st_mtime,
            created=facts.st_ctime,
            read_only=not is_directory and not facts.st_mode & 0o200,
            link_target=target,
        )

    def _windows_path(self, path: Path) -> str:
        return self.prefix.windows_path(path)

    def _existing(self, what: str, path: str, code: int = FILE_NOT_FOUND) -> Path:
        self._require_up(f"{what} {path}")
        found = self.prefix.locate(path)
        if found is None:
            raise HostError(f"{what} {path}", code, "it does not exist")
        return found

    def read(self, path: str, offset: int = 0, length: int | None = None) -> bytes:
        """Part of a file."""
        found = self._existing("read", path)
        try:
            with found.open("rb") as file:
                file.seek(offset)
                return file.read(-1 if length is None else length)
        except FileNotFoundError as error:
            raise HostError(f"read {path}", FILE_NOT_FOUND, str(error)) from error
        except OSError as error:
            raise HostError(f"read {path}", ACCESS_DENIED, str(error)) from error

    def write(self, path: str, content: bytes | Path) -> None:
        """Replace a file."""
        self._refuse_wines_own("write", path)
        self._refuse_directory("write", path)
        source = {"source": self._windows_path(content)} if isinstance(content, Path) else {"content": _base64(content)}
        self._call("file/write", f"write {path}", timeout=300.0, path=path, **source)

    def make_directory(self, path: str) -> None:
        """With its parents; one that exists is fine."""
        self._call("file/mkdir", f"mkdir {path}", path=path)

    def list_directory(self, path: str) -> list[str]:
        """Names, sorted without case."""
        found = self._existing("list", path, PATH_NOT_FOUND)
        if not found.is_dir():
            raise HostError(f"list {path}", PATH_NOT_FOUND, "it is not a directory")
        return sorted(os.listdir(found), key=str.lower)

    def remove(self, path: str) -> None:
        """A file or a whole directory. Links go first, and from here: programs in Wine see what they point to."""
        self._refuse_wines_own("remove", path)
        found = self._existing("remove", path)
        for link in [found, *_below(found)]:
            if link.is_symlink():
                link.unlink()
        if os.path.lexists(found):
            self._call("file/remove", f"remove {path}", timeout=300.0, path=path)

    def move(self, source: str, destination: str) -> None:
        """To a name that is free, or a file over a file."""
        self._refuse_wines_own("move", source)
        self._refuse_wines_own("move", destination)
        self._existing("move", source)
        what = f"move {source} to {destination}"
        self._call("file/move", what, timeout=300.0, source=source, destination=destination)

    def local_path(self, path: str) -> Path | None:
        """Where the bytes lie."""
        return self.prefix.locate(path)

    def _refuse_wines_own(self, what: str, path: str) -> None:
        """System files here are links to Wine's package. Windows protects its own too (TrustedInstaller)."""
        found = self.prefix.locate(path)
        if found is not None and found.is_symlink() and not found.resolve().is_relative_to(self.prefix.disk.resolve()):
            raise HostError(f"{what} {path}", ACCESS_DENIED, "a system file")

    def _refuse_directory(self, what: str, path: str) -> None:
        found = self.prefix.locate(path)
        if found is not None and found.is_dir():
            raise HostError(f"{what} {path}", ACCESS_DENIED, "it is a directory")

    # Registry.

    def registry_key_exists(self, key: str) -> bool:
        """Whether a key is there."""
        try:
            self._read_key(key)
        except HostError as error:
            if error.code in (FILE_NOT_FOUND, PATH_NOT_FOUND):
                return False
            raise
        return True

    def _read_key(self, key: str) -> dict[str, Any]:
        return self._call("registry/read", f"read {key}", key=key)

    def registry_values(self, key: str) -> dict[str, RegistryValue]:
        """Name to value; the default value's name is empty."""
        return {name: decode(**raw) for name, raw in self._read_key(key)["values"].items()}

    def registry_subkeys(self, key: str) -> list[str]:
        """Names of the keys below."""
        return sorted(self._read_key(key)["subkeys"] or [])

    def registry_set(self, key: str, name: str, value: RegistryValue) -> None:
        """Write a value; the key is made when it is missing."""
        self.registry_create_key(key)
        self._call("registry/set", f"write {key}\\{name}", key=key, name=name, **encode(value))

    def registry_create_key(self, key: str) -> None:
        """With its parents."""
        self._call("registry/create", f"create {key}", key=key)

    def registry_delete(self, key: str, name: str | None = None) -> None:
        """A value, or without a name the key and all below."""
        self._call("registry/delete", f"delete {key}", key=key, name=name)

    def environment(self) -> dict[str, str]:
        """What a new process of the machine gets."""
        return self._call("environment", "environment")

    # Services.

    def services(self) -> list[ServiceStatus]:
        """All services but those that are only Wine's."""
        return [_service(found) for found in self._call("service/list", "list services")]

    def service(self, name: str) -> ServiceStatus | None:
        """None when there is none."""
        found = self._call("service/get", f"query service {name}", name=name)
        return _service(found) if found else None

    def create_service(self, configuration: ServiceConfiguration) -> None:
        """Register a service; it is not started."""
        self._call("service/create", f"create service {configuration.name}", **asdict(configuration))

    def change_service(self, configuration: ServiceConfiguration) -> None:
        """Replace what the service manager keeps; a running service goes on."""
        self._call("service/change", f"change service {configuration.name}", **asdict(configuration))

    def delete_service(self, name: str) -> None:
        """A running service goes on until it stops."""
        self._call("service/delete", f"delete service {name}", name=name)

    def start_service(self, name: str, timeout: float = 30.0) -> None:
        """With the services that it depends on; returns when it runs."""
        self._call("service/start", f"start service {name}", timeout + 5, name=name, seconds=timeout)

    def stop_service(self, name: str, timeout: float = 30.0) -> None:
        """Refused with 1051 while a dependent service runs; one that does not run is fine."""
        try:
            self._call("service/stop", f"stop service {name}", timeout + 5, name=name, seconds=timeout)
        except HostError as error:
            if error.code != SERVICE_NOT_ACTIVE:
                raise

    # Features.

    def features(self) -> dict[str, Feature]:
        """Every feature; one that waits for a reboot counts as what it will be."""
        kept = self.registry_values(FEATURES_KEY) if self.registry_key_exists(FEATURES_KEY) else {}
        return {name: Feature(name, name in kept and kept[name].data == 1) for name in FEATURES}

    def set_feature(self, name: str, installed: bool) -> bool:
        """Install or remove; those that bring services ask for a reboot."""
        known = self.features()
        real = next((feature for feature in known if feature.lower() == name.lower()), None)
        if real is None:
            raise HostError(f"feature {name} on {self.identity.computer_name}", FILE_NOT_FOUND, "no such feature")
        if known[real].installed == installed:
            return False
        self.registry_set(FEATURES_KEY, real, RegistryValue("dword", int(installed)))
        if real in FEATURE_SERVICES:
            self.registry_create_key(REBOOT_PENDING_KEY)
        return real in FEATURE_SERVICES

    def pending_reboot(self) -> list[str]:
        """As Component Based Servicing and Windows Update mark it."""
        updates = ["windows_update"] if windows_updates.restart_required(self) else []
        return (["component_based_servicing"] if self.registry_key_exists(REBOOT_PENDING_KEY) else []) + updates

    def _finish_features(self) -> None:
        """What Windows does between going down and coming up: a finished feature's services are there."""
        windows_updates.restarted(self)
        if not self.pending_reboot():
            return
        for name, feature in self.features().items():
            for service, title in FEATURE_SERVICES.get(name, ()):
                exists = self.service(service) is not None
                if feature.installed and not exists:
                    command = rf"{PROGRAMS}\nodeagent.exe idle {service}"
                    self.create_service(ServiceConfiguration(service, title, command))
                elif exists and not feature.installed:
                    self.stop_service(service)
                    self.delete_service(service)
        self.registry_delete(REBOOT_PENDING_KEY)

    # Processes.

    def processes(self) -> list[Process]:
        """Every process, by id."""
        listed = [Process(**found) for found in self._call("process/list", "list processes")]
        return sorted(listed, key=lambda process: process.id)

    def terminate(self, process_id: int) -> None:
        """End a process; if it was a service's, the service's recovery follows."""
        self._call("process/end", f"terminate {process_id}", id=process_id)

    def run(
        self,
        arguments: list[str],
        *,
        stdin: bytes = b"",
        timeout: float = 60.0,
        directory: str = "",
        environment: dict[str, str] | None = None,
    ) -> Completed:
        """Run a program as a child of the agent, with the machine's environment and what is given over it."""
        done = self._call(
            "process/run",
            f"run {arguments[0]}",
            timeout + 5,
            arguments=arguments,
            stdin=_base64(stdin),
            directory=directory,
            environment=environment or {},
            seconds=timeout,
        )
        return Completed(done["exit_code"], _bytes(done["stdout"]), _bytes(done["stderr"]))

    def run_probe(
        self, sources: dict[str, str], entry: str, options: dict[str, Any], *, fill_gaps: bool = True
    ) -> dict[str, Any]:
        """Compile a probe's sources and run it in the prefix.

        Args:
            fill_gaps: False lets the probe see Wine as it is, with the job classes that Wine refuses.

        Raises:
            CompileError: the sources are not C# 5.
            LabError: the probe threw; the message holds its exception.
        """
        self._require_up(f"probe {entry}")
        tools = self._toolchain
        assembly = compiled_probe(tools.mcs, tools.dotnet, tools.probes, sources)
        command = [tools.dotnet / "dotnet.exe", tools.harness / "Harness.dll", assembly]
        done = self.run(
            [*map(self._windows_path, command), entry],
            stdin=json.dumps(options).encode(),
            timeout=PROBE_TIMEOUT,
            environment={"PROBE_GAPS": r"C:\windows\system32\probegaps.dll"} if fill_gaps else {},
        )
        if done.exit_code:
            text = done.stderr.decode(errors="replace").strip()
            raise LabError(f"{entry} on {self.identity.computer_name} ended with {done.exit_code}: {text}")
        return json.loads(done.stdout)


def _base64(content: bytes) -> str:
    return base64.b64encode(content).decode()


def _bytes(text: str | None) -> bytes:
    return base64.b64decode(text or "")


def _below(folder: Path) -> Iterator[Path]:
    """Everything below a folder that is not a link; nothing for a file."""
    if folder.is_symlink() or not folder.is_dir():
        return
    for place, directories, files in os.walk(folder):
        yield from (Path(place) / name for name in (*directories, *files))


def _service(found: dict[str, Any]) -> ServiceStatus:
    fields = found["configuration"]
    fields["dependencies"] = tuple(fields["dependencies"] or ())
    fields["failure_actions"] = tuple(FailureAction(**action) for action in fields["failure_actions"] or ())
    return ServiceStatus(ServiceConfiguration(**fields), found["state"], found["process_id"])
