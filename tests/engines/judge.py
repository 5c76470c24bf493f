"""The vendors' Windows programs as judges of files: built once, run under Wine, nothing of a node around them.

A judge needs a Wine prefix with the one DLL that Go programs want; it is made from the laboratory's products.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import time
import tomllib
from dataclasses import dataclass
from pathlib import Path

from lab import products
from lab.build import Order, ensure
from lab.host.wine_prefix import WinePrefix

# containerd 1 is another Go module than containerd 2; nothing but these tests needs it, so it isn't in the lab's table.
_CONTAINERD_1 = products.GoModule(
    "github.com/containerd/containerd",
    ("cmd/containerd",),
    lambda version: f"pins/containerd-{version}",
    products._get_tools,
    lambda version: {"github.com/containerd/containerd/version.Version": f"v{version}"},
)
_CONTAINERD_1_RECIPE = products.vendor_program(
    "containerd-1", _CONTAINERD_1, "github.com/containerd/containerd/cmd/containerd", "containerd.exe", 60, ()
)
SECONDS = 60
ATTEMPTS = 3


def containerd_program(version: str) -> Path:
    """The Windows build of a containerd."""
    if version.startswith("1."):
        return Order(_CONTAINERD_1_RECIPE, version).build()
    return ensure("containerd", version)


@dataclass(frozen=True)
class Answer:
    """How a program ended; the exit code is None for one that was ended because it had said enough."""

    exit_code: int | None
    stdout: str
    stderr: str

    @property
    def is_heard(self) -> bool:
        """Whether it succeeded, said enough, or at least said something."""
        return self.exit_code in (0, None) or bool(self.stdout or self.stderr)


@dataclass(frozen=True)
class Verdict:
    """What containerd says of a file: whether it takes it, what it comes to, and what it complains about."""

    accepted: bool
    dump: str
    log: str

    @property
    def unknown_keys(self) -> list[str]:
        return re.findall(r"gnoring unknown key.*", self.log)

    @property
    def effective(self) -> dict:
        return tomllib.loads(self.dump)


class Judge:
    """A running Wine prefix in which programs are run on files, one at a time.

    Args:
        directory: where the prefix is made; it must not exist yet.
    """

    def __init__(self, directory: Path) -> None:
        shutil.copytree(ensure("wine-prefix"), directory, symlinks=True)
        self._prefix = WinePrefix(directory, products.WINE.require("judging configurations"))
        for library in ensure("wine-dlls").glob("*.dll"):
            self._prefix.place(rf"C:\windows\system32\{library.name}", library)

    def __enter__(self) -> Judge:
        self._prefix.start()
        return self

    def __exit__(self, *_exception: object) -> None:
        self._prefix.stop()

    def containerd(self, version: str, config: bytes) -> Verdict:
        """What a containerd makes of a config.toml."""
        (self._prefix.disk / "config.toml").write_bytes(config)
        answer = self._run(containerd_program(version), "-c", "C:\\config.toml", "config", "dump")
        return Verdict(answer.exit_code == 0, answer.stdout, answer.stderr)

    @property
    def disk(self) -> Path:
        """Drive C: of the prefix."""
        return self._prefix.disk

    def containerd_start(self, version: str, config: bytes) -> Answer:
        """Start a containerd. Its plugins load; it ends by itself where this prefix has no pipe for it to serve."""
        (self._prefix.disk / "config.toml").write_bytes(config)
        return self._run(containerd_program(version), "-c", "C:\\config.toml", until="successfully booted")

    def kubelet(self, version: str, config: str) -> Answer:
        """Start a kubelet with a configuration; it runs on alone when it accepts it, and is ended then."""
        (self._prefix.disk / "kubelet.yaml").write_text(config)
        # Wine takes the defaults, which begin with a slash, for folders of this machine.
        folders = ("--cert-dir=C:\\pki", "--root-dir=C:\\kubelet")
        arguments = ("--config=C:\\kubelet.yaml", "--v=2", *folders)
        return self._run(ensure("kubelet", version), *arguments, until="Standalone mode, no API client")

    def kubelet_flags(self, version: str, *flags: str) -> Answer:
        """Ask a kubelet for its version behind some flags; it ends with an error when it doesn't know one."""
        return self._run(ensure("kubelet", version), *flags, "--version")

    def _run(self, program: Path, *arguments: str, until: str = "") -> Answer:
        """Run a program until it ends or its error output says ``until``.

        One that fails without a word was not heard (under Wine, 2 of 173 judgements in one run and none of 1,400 in the
        next) and is run again; after that its silence is the answer.
        """
        for _attempt in range(ATTEMPTS):
            answer = self._run_once(program, *arguments, until=until)
            if answer.is_heard:
                break
        return answer

    def _run_once(self, program: Path, *arguments: str, until: str) -> Answer:
        """As ``_run``.

        Output goes to files: processes that Wine leaves behind would keep a pipe open.
        """
        output, errors = self._prefix.directory / "stdout", self._prefix.directory / "stderr"
        with output.open("wb") as out, errors.open("wb") as err:
            process = subprocess.Popen(
                [self._prefix.wine, program, *arguments],
                env={**os.environ, **self._prefix.environment()},
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
            )
            code = _wait(process, errors, until)
        return Answer(code, output.read_text(errors="replace"), errors.read_text(errors="replace"))


def _wait(process: subprocess.Popen, errors: Path, until: str) -> int | None:
    deadline = time.monotonic() + SECONDS
    while time.monotonic() < deadline:
        try:
            return process.wait(timeout=0.05)
        except subprocess.TimeoutExpired:
            if until and until in errors.read_text(errors="replace"):
                break
    process.terminate()
    process.wait(timeout=10)
    return None
