"""What the workload log_rotation relies on: a real containerd.exe whose log is emptied goes on at its beginning.

PowerShell does not run here: the script's calls of .NET are made by a program of the same calls.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from wine.machine import COLLECTION, PROGRAMS, Machine

from lab import build

pytestmark = pytest.mark.wine
SCRIPT = COLLECTION / "roles" / "workload" / "files" / "rotate_logs.ps1"


class Service:
    """containerd as a service of Wine's service manager, with a log."""

    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        self.log = machine.prefix.disk / "logged" / "containerd.log"
        self.copy = Path(f"{self.log}.1")
        self.running = False

    def wine(self, *words: str) -> None:
        command = [self.machine.prefix.wine, *words]
        done = subprocess.run(
            command, env=self.machine.environment(), capture_output=True, text=True, timeout=60, check=False
        )
        assert done.returncode == 0, f"{words}: {done.stdout}{done.stderr}"

    def start(self) -> None:
        shutil.copy(build.ensure("containerd"), self.machine.tools)
        self.log.parent.mkdir()
        program = self.machine.prefix.windows_path(self.machine.tools / "containerd.exe")
        folders = r"--root C:\logged\root --state C:\logged\state --address \\.\pipe\logged-containerd"
        line = rf"{program} --run-service --log-file C:\logged\containerd.log {folders}"
        self.wine("sc", "create", "containerd", "binPath=", line, "start=", "demand")
        self.wine("net", "start", "containerd")
        self.running = True

    def stop(self) -> None:
        self.running = False
        self.wine("net", "stop", "containerd")
        self.wine("sc", "delete", "containerd")

    def rotate(self, share: str) -> dict:
        sources = [PROGRAMS / "LogRotation.cs"]
        return self.machine.probe("LogRotation.LogRotation", sources, path=r"C:\logged\containerd.log", share=share)


@pytest.fixture
def containerd(machine: Machine) -> Iterator[Service]:
    service = Service(machine)
    service.start()
    yield service
    if service.running:
        service.stop()
    shutil.rmtree(service.log.parent, ignore_errors=True)


def test_a_running_containerd_lets_its_log_be_emptied_and_goes_on_at_its_beginning(containerd: Service) -> None:
    [share] = re.findall(r"FileStream\]::new\(\$Path, 'Open', 'ReadWrite', '([^']+)'\)", SCRIPT.read_text())
    refused = containerd.rotate("Read")
    before = containerd.log.read_bytes()
    assert "being used by another process" in refused["refusal"]
    assert before.startswith(b"time=")

    assert containerd.rotate(share) == {"length": len(before)}
    assert containerd.log.stat().st_size == 0
    assert containerd.copy.read_bytes() == before

    containerd.stop()  # of which containerd writes
    after = containerd.log.read_bytes()
    assert after.startswith(b"time=")
    assert 0 < len(after) < len(before)
