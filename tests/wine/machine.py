"""A Wine prefix in which programs run and probes look, with or without the DLL that fills Wine's gaps."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from wine import products

from lab import build
from lab.host.wine_prefix import WinePrefix
from lab.host.wine_probe import compiled_probe
from lab.products import MCS, WINE

COLLECTION = Path(__file__).resolve().parents[2]
UTILITIES = COLLECTION / "plugins" / "module_utils"
NAMESPACE = "ansible_collections.kubewin.hostprocess.plugins.module_utils"
PROGRAMS = Path(__file__).parent / "programs"
PROBE_TIMEOUT = 120.0


class Program:
    """A Windows program that answers line by line and ends, with its handles, when its input ends."""

    def __init__(self, process: subprocess.Popen[str], log: Path) -> None:
        self.process = process
        self.log = log

    def line(self) -> str:
        """The next line that it prints; fails when it ended instead."""
        text = self.process.stdout.readline()
        assert text, f"the program ended with {self.process.wait(10)} instead of answering:\n{self.log.read_text()}"
        return text.strip()

    def say(self, *words: str) -> str:
        self.process.stdin.write("\t".join(words) + "\n")
        self.process.stdin.flush()
        return self.line()

    def tell(self, *words: str) -> None:
        """Say something that has to work."""
        answer = self.say(*words)
        assert answer == "ok", f"{words}: {answer}"

    def kill(self) -> None:
        """End it as a crash does; its handles go with it."""
        self.process.kill()
        self.process.wait(10)

    def close(self) -> None:
        self.process.stdin.close()
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.kill()
        self.process.stdout.close()


@dataclass
class Machine:
    """What a test works with.

    Attributes:
        gaps: the DLL that completes Wine's job objects for a probe; None on a machine that shows Wine as it is.
        tools: folder of jobs.exe and hcsshim_jobs.exe.
    """

    prefix: WinePrefix
    gaps: Path | None
    tools: Path
    dotnet: Path
    harness: Path
    mcs: Path
    probes: Path

    def environment(self) -> dict[str, str]:
        gaps = {"PROBE_GAPS": self.prefix.windows_path(self.gaps)} if self.gaps else {}
        return {**os.environ, **self.prefix.environment(gaps)}

    def probe(self, entry: str, sources: list[Path], **options: Any) -> dict[str, Any]:
        """Compile and run a probe; its result. A probe that throws fails the test with its exception."""
        texts = {source.name: source.read_text() for source in sources}
        assembly = compiled_probe(self.mcs, self.dotnet, self.probes, texts)
        command = [self.dotnet / "dotnet.exe", self.harness / "Harness.dll", assembly]
        done = subprocess.run(
            [self.prefix.wine, *map(self.prefix.windows_path, command), f"{NAMESPACE}.{entry}"],
            input=json.dumps(options).encode(),
            env=self.environment(),
            capture_output=True,
            timeout=PROBE_TIMEOUT,
        )
        assert done.returncode == 0, done.stderr.decode(errors="replace")
        return json.loads(done.stdout)

    def job_objects(self, **options: Any) -> dict[str, Any]:
        return self.probe("JobObject.JobObjectProbe", [UTILITIES / "JobObject.cs"], **options)

    def node(self, **options: Any) -> dict[str, Any]:
        return self.probe("NodeProbe.NodeProbe", [UTILITIES / "NodeProbe.cs"], **options)["node"]

    @contextmanager
    def run(self, program: str, *arguments: str) -> Iterator[Program]:
        """A program of ``tools`` while the block lasts."""
        log = self.tools / f"{program}.log"
        with log.open("w") as errors:
            process = subprocess.Popen(
                [self.prefix.wine, self.prefix.windows_path(self.tools / program), *arguments],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                env=self.environment(),
                text=True,
            )
        running = Program(process, log)
        try:
            yield running
        finally:
            running.close()

    @contextmanager
    def jobs(self) -> Iterator[Program]:
        """The program that makes jobs which hcsshim never makes."""
        with self.run("jobs.exe") as program:
            yield program

    @contextmanager
    def hcsshim_job(self, name: str, *, command: tuple[str, ...] = (), **flags: int | bool) -> Iterator[dict[str, Any]]:
        """A job that hcsshim's own package made and holds; yields what that package said of it, and the program."""
        words = [f"-{flag.replace('_', '-')}={str(value).lower()}" for flag, value in flags.items()]
        sleep = command or (self.prefix.windows_path(self.tools / "jobs.exe"), "sleep", "1")
        with self.run("hcsshim_jobs.exe", f"-name={name}", *words, *sleep) as program:
            yield {**json.loads(program.line()), "program": program}

    def write_bundle(self, container_id: str, content: str | dict) -> Path:
        """A bundle's config.json in containerd's state folder of this machine."""
        folder = self.state / "io.containerd.runtime.v2.task" / "k8s.io" / container_id
        folder.mkdir(parents=True)
        text = content if isinstance(content, str) else json.dumps(content)
        (folder / "config.json").write_text(text)
        return folder

    @property
    def state(self) -> Path:
        return self.prefix.disk / "ProgramData" / "containerd" / "state"

    def clear_bundles(self) -> None:
        shutil.rmtree(self.state, ignore_errors=True)


@contextmanager
def running_machine(directory: Path, *, fill_gaps: bool) -> Iterator[Machine]:
    """A prefix of its own, ended afterwards with every process in it.

    Args:
        directory: an empty folder, removed afterwards.
        fill_gaps: whether programs and probes load the DLLs that fill Wine's gaps.
    """
    libraries = build.ensure("wine-dlls") if fill_gaps else products.c_programs()
    directory.mkdir(parents=True, exist_ok=True)
    shutil.copytree(build.ensure("wine-prefix"), directory / "prefix", symlinks=True)
    prefix = WinePrefix(directory / "prefix", WINE.require("A Wine machine"))
    # Go programs look for it in system32 only.
    prefix.place(r"C:\windows\system32\bcryptprimitives.dll", libraries / "bcryptprimitives.dll")
    tools = directory / "tools"
    tools.mkdir()
    shutil.copy(products.c_programs() / "jobs.exe", tools)
    shutil.copy(products.hcsshim_jobs(), tools)
    try:
        prefix.start()
        yield Machine(
            prefix=prefix,
            gaps=libraries / "probegaps.dll" if fill_gaps else None,
            tools=tools,
            dotnet=build.ensure("dotnet"),
            harness=build.ensure("probe-harness"),
            mcs=MCS.require("A Wine machine"),
            probes=build.cache_directory() / "probes",
        )
    finally:
        prefix.stop()
        shutil.rmtree(directory, ignore_errors=True)
