"""A Wine prefix as a machine: its disk, its registry files while it is off, its server process while it is on."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path

from lab import processes
from lab.errors import LabError
from lab.host import paths

# Wine would else ask for mono and gecko, and make menu entries in the user's home.
OVERRIDES = "mscoree,mshtml,winemenubuilder.exe="
BOOT_TIMEOUT = 90.0
END_TIMEOUT = 20.0
CLOCK_STEP = 0.05  # how far the times of files may lie behind the clock


class PrefixError(LabError):
    """A prefix can't be made, started or ended."""


class WinePrefix:
    """One prefix.

    Args:
        directory: where it lies.
        wine: Wine's loader, ``wine64``; the server lies beside it.
    """

    def __init__(self, directory: Path, wine: Path) -> None:
        self.directory = directory
        self.wine = wine
        self.wineserver = wine.with_name("wineserver")
        self._server: subprocess.Popen[bytes] | None = None

    # The disk.

    @property
    def disk(self) -> Path:
        """Drive C."""
        return self.directory / "drive_c"

    def locate(self, path: str) -> Path | None:
        """The file of a Windows path on drive C, found without case as Windows does; None where nothing is."""
        drive, *names = paths.normal(path).split("\\")
        if drive != "C:":
            return None
        found = self.disk
        for name in filter(None, names):
            exact = found / name
            if os.path.lexists(exact):
                found = exact
                continue
            folded = name.casefold()
            with contextlib.suppress(OSError):
                match = next((entry for entry in os.listdir(found) if entry.casefold() == folded), None)
                if match is not None:
                    found = found / match
                    continue
            return None
        return found

    def place(self, path: str, content: bytes | Path) -> None:
        """Put a file on the disk while the prefix is off; its folders are made."""
        parent, _, name = paths.normal(path).rpartition("\\")
        folder = self.disk
        for part in parent.split("\\")[1:]:
            folder = self._below(folder, part)
            folder.mkdir(exist_ok=True)
        target = self._below(folder, name)
        target.unlink(missing_ok=True)  # never through a link into Wine's own files
        if isinstance(content, Path):
            shutil.copyfile(content, target)
        else:
            target.write_bytes(content)

    def _below(self, folder: Path, name: str) -> Path:
        folded = name.casefold()
        return folder / next((entry for entry in os.listdir(folder) if entry.casefold() == folded), name)

    def windows_path(self, path: Path) -> str:
        """How programs in the prefix name a file of this machine."""
        with contextlib.suppress(ValueError):
            return "C:\\" + str(path.relative_to(self.disk)).replace("/", "\\")
        return "Z:" + str(path.absolute()).replace("/", "\\")

    # Power.

    def environment(self, extra: Mapping[str, str] | None = None) -> dict[str, str]:
        """What every process of the prefix is started with, on top of our own environment."""
        return {
            "WINEPREFIX": str(self.directory.absolute()),
            "WINEDEBUG": "-all",
            "WINEDLLOVERRIDES": OVERRIDES,
            "DISPLAY": "",
            **(extra or {}),
        }

    def is_running(self) -> bool:
        """Whether the server, which every Windows process hangs on, lives."""
        return self._server is not None and self._server.poll() is None

    def start(self) -> None:
        """Start the server and the services; returns when Wine calls the boot done.

        The server runs in the foreground as our child: its end is seen at once, and it ends with us. It is persistent
        (-p): else it ends every process some seconds after the last one that is not a service has ended.
        Any first program boots a prefix; wineboot itself would do it twice.

        Raises:
            PrefixError: the boot failed or took too long; the message names the log.
        """
        log = self.directory / "wine.log"
        begun = time.time()
        self._server = processes.spawn([self.wineserver, "-f", "-p"], log=log, environment=self.environment())
        self._wait_for_server(self._server, begun)
        self.run_to_end(["cmd.exe", "/c", "exit"], log, BOOT_TIMEOUT)

    def _wait_for_server(self, server: subprocess.Popen[bytes], begun: float) -> None:
        """Until it listens: a program that finds none before starts one of its own, and ours gives way to that one.

        The server goes to a folder of its own, takes the lock there and makes a new socket.
        """
        socket = Path(f"/proc/{server.pid}/cwd/socket")
        deadline = time.monotonic() + BOOT_TIMEOUT
        while server.poll() is None and time.monotonic() < deadline:
            with contextlib.suppress(OSError):
                if socket.stat().st_ctime > begun - CLOCK_STEP:
                    return
            time.sleep(0.005)
        raise PrefixError(f"Wine's server does not start in {self.directory} (exit code {server.poll()})")

    def run_to_end(self, arguments: list[str], log: Path, timeout: float) -> None:
        """Run a Windows program from outside, its output to a file: services inherit what the first process has.

        Raises:
            PrefixError: it took too long.
        """
        child = processes.spawn([self.wine, *arguments], log=log, environment=self.environment())
        try:
            child.wait(timeout)
        except subprocess.TimeoutExpired as expired:
            raise PrefixError(
                f"{arguments[0]} in {self.directory} did not end within {timeout:.0f} s; see {log}"
            ) from expired
        finally:
            if child.returncode is None:
                processes.stop(child)

    def stop(self) -> None:
        """End every process of the prefix, and wait until none is left."""
        server, self._server = self._server, None
        if server is not None and server.poll() is None:
            server.send_signal(signal.SIGINT)  # as wineserver -k does: the registry is written, then all is ended
            with contextlib.suppress(subprocess.TimeoutExpired):
                server.wait(END_TIMEOUT)
            processes.stop(server)
        deadline = time.monotonic() + END_TIMEOUT
        while left := self.process_ids():
            for process_id in left:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(process_id, signal.SIGKILL)
            if time.monotonic() > deadline:
                raise PrefixError(f"Processes {left} of {self.directory} do not end")
            time.sleep(0.02)

    def process_ids(self) -> list[int]:
        """The living processes of this machine that belong to the prefix, told by their environment."""
        mark = b"\0WINEPREFIX=" + os.fsencode(self.directory.absolute()) + b"\0"
        found = []
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit():
                with contextlib.suppress(OSError):
                    if mark in b"\0" + (entry / "environ").read_bytes():
                        found.append(int(entry.name))
        return found

    # The registry, while the prefix is off.

    def merge_registry(self, text: str, hive: str = "system.reg") -> None:
        """Append keys in the form of Wine's registry files; see `registry_section`."""
        with (self.directory / hive).open("a") as file:
            file.write(text)


def registry_section(key: str, values: Mapping[str, str | int | list[str]]) -> str:
    """One key of Wine's registry files: text, a number (REG_DWORD) or a list of texts (REG_MULTI_SZ) by name."""
    lines = [f"\n[{_escaped(key)}] 0"]
    for name, value in values.items():
        match value:
            case int():
                data = f"dword:{value:08x}"
            case list():
                data = 'str(7):"' + "".join(_escaped(item) + "\\0" for item in value) + '"'
            case _:
                data = f'"{_escaped(value)}"'
        lines.append(f'"{_escaped(name)}"={data}')
    return "\n".join(lines) + "\n"


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"')


def make_template(directory: Path, wine: Path) -> None:
    """A fresh prefix, off, with Wine's own files as links: what every node is a copy of (about 84 MB)."""
    directory.mkdir(parents=True)
    prefix = WinePrefix(directory, wine)
    try:
        prefix.start()
    finally:
        prefix.stop()
    _link_to_wine(prefix.disk / "windows", wine)
    _detach_from_home(prefix.disk / "users")
    (directory / "wine.log").unlink()


def _link_to_wine(windows: Path, wine: Path) -> None:
    """Replace copies of files that Wine's package has by links to them."""
    packaged = wine.parent.parent / "x86_64-linux-gnu" / "wine" / "x86_64-windows"
    originals = {path.name: path for path in packaged.iterdir()} if packaged.is_dir() else {}
    for copy in (windows / "system32").iterdir():
        original = originals.get(copy.name)
        if original and not copy.is_symlink() and copy.is_file() and copy.read_bytes() == original.read_bytes():
            copy.unlink()
            copy.symlink_to(original)


def _detach_from_home(users: Path) -> None:
    """Wine links a user's Documents, Desktop and so on to the home of who runs it: make them plain folders."""
    for path in users.glob("*/*"):
        if path.is_symlink():
            path.unlink()
            path.mkdir()
