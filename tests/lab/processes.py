"""Child processes that never outlive the laboratory.

Each runs in a session of its own (Ctrl-C reaches only the laboratory, which then stops them in order) and asks the
kernel to be killed when the laboratory dies, however it dies (PR_SET_PDEATHSIG, prctl(2)).
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None, use_errno=True)

# The kernel sends the death signal when the *thread* that forked ends, so all children are forked by one thread that
# lives as long as this process.
_spawner = ThreadPoolExecutor(max_workers=1, thread_name_prefix="spawner")


def _die_with_parent() -> None:
    _libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


def spawn(
    command: Sequence[str | Path],
    *,
    log: Path,
    environment: Mapping[str, str] | None = None,
    directory: Path | None = None,
) -> subprocess.Popen[bytes]:
    """Start a child whose output is appended to a file and whose input is empty.

    Args:
        environment: what is set in addition to our own environment.

    Raises:
        OSError: the program can't be started.
    """

    def start() -> subprocess.Popen[bytes]:
        with log.open("ab") as output:
            return subprocess.Popen(
                [str(word) for word in command],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd=directory,
                env={**os.environ, **(environment or {})},
                start_new_session=True,
                preexec_fn=_die_with_parent,
            )

    return _spawner.submit(start).result()


def stop(child: subprocess.Popen[bytes], grace: float = 0.0) -> int:
    """End a child and all of its session's process group: SIGTERM, then SIGKILL after ``grace`` seconds."""
    if child.poll() is None and grace > 0:
        child.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            return child.wait(grace)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(child.pid, signal.SIGKILL)
    return child.wait()


def run(
    command: Sequence[str | Path],
    *,
    log: Path,
    environment: Mapping[str, str] | None = None,
    directory: Path | None = None,
) -> int:
    """Run a child to its end and return its exit code; whatever interrupts the wait ends the child first."""
    child = spawn(command, log=log, environment=environment, directory=directory)
    try:
        return child.wait()
    finally:
        if child.returncode is None:
            stop(child)


def last_lines(log: Path, count: int = 12) -> str:
    """The end of a log, for an error message; empty when there is none."""
    with contextlib.suppress(OSError):
        return "\n".join(log.read_text(errors="replace").splitlines()[-count:])
    return ""
