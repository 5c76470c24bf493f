"""How what runs in a Wine prefix is made: the rows of ``lab.products`` that are not a plain `go build`."""

from __future__ import annotations

import shutil
import sys
import zipfile
from dataclasses import dataclass

from lab.build import BuildError, Tool, Workshop
from lab.host.wine_prefix import make_template
from lab.host.wine_probe import make_harness

SOURCES = "windows/gaps"


@dataclass(frozen=True)
class Library:
    """A DLL: its C files and the import libraries that it needs."""

    sources: tuple[str, ...]
    imports: tuple[str, ...] = ()


_COMMON = ("attach", "redirect", "job_objects", "job_state", "procedure_lookup", "service_manager", "service_registry")
LIBRARIES = {
    "bcryptprimitives.dll": Library(
        ("go_programs", *_COMMON, "unix_calls", "symbolic_links", "volumes", "accounts", "bind_filter", "unix_sockets",
         "named_pipes", "service_session"),
        ("ntdll", "advapi32"),
    ),
    "probegaps.dll": Library(("probe_programs", *_COMMON, "session_names", "process_identity"), ("ntdll", "advapi32")),
    "vmcompute.dll": Library(("vmcompute",), ("ole32",)),
    "pdh.dll": Library(("pdh",)),
}  # fmt: skip
FLAGS = ("-std=gnu11", "-O2", "-s", "-shared", "-Wall", "-Werror")


def make_libraries(compiler: Tool, workshop: Workshop) -> None:
    """The DLLs that fill Wine's gaps."""
    for name, library in LIBRARIES.items():
        sources = [workshop.source(f"{SOURCES}/{source}.c") for source in library.sources]
        imports = [f"-l{name}" for name in library.imports]
        workshop.run([workshop.tool(compiler), *FLAGS, "-o", workshop.output / name, *sources, *imports])


def make_dotnet(workshop: Workshop) -> None:
    """.NET Core for Windows out of a Python wheel, verified by the hash beside its version."""
    requirement = workshop.source("pins/dotnet/requirements.txt")
    target = ["--platform", "win_amd64", "--only-binary=:all:", "--no-deps", "--require-hashes"]
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", *target]
    workshop.run([*command, "--dest", workshop.scratch, "-r", requirement])
    wheels = list(workshop.scratch.glob("dotnetcore2-*.whl"))
    if len(wheels) != 1:
        raise BuildError(f"{workshop.title}: pip brought {wheels} and not one wheel of dotnetcore2.")
    with zipfile.ZipFile(wheels[0]) as wheel:
        wheel.extractall(workshop.scratch)
    for part in (workshop.scratch / "dotnetcore2" / "bin").iterdir():
        shutil.move(part, workshop.output / part.name)


def make_probe_harness(compiler: Tool, workshop: Workshop) -> None:
    """What loads a compiled probe in the prefix."""
    (dotnet,) = workshop.parts
    source = workshop.source("windows/harness/Harness.cs")
    make_harness(workshop.tool(compiler), dotnet.path, source, workshop.output)


def make_prefix(wine: Tool, workshop: Workshop) -> None:
    """The prefix that every node is a copy of."""
    make_template(workshop.output / "prefix", workshop.tool(wine))
