"""The programs that these tests need beside the laboratory's products, built into the same cache."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
from pathlib import Path

from lab.build import LAB, BuildError, Order, Recipe, Workshop
from lab.products import GO, GO_ENVIRONMENT, MINGW

HCSSHIM = "0.14.1"
SOURCES = Path(__file__).parent / "programs"
# Recipes name their inputs from tests/lab.
_FOLDER = os.path.relpath(SOURCES, LAB)


def _make_c_programs(workshop: Workshop) -> None:
    compiler = [workshop.tool(MINGW), "-O2", "-s", "-Wall", "-Werror"]
    workshop.run([*compiler, "-o", workshop.output / "jobs.exe", SOURCES / "jobs.c", "-lntdll", "-ladvapi32"])
    workshop.run([*compiler, "-o", workshop.output / "hasty.exe", SOURCES / "hasty.c", "-ladvapi32"])
    library = workshop.output / "bcryptprimitives.dll"
    workshop.run([*compiler, "-shared", "-o", library, SOURCES / "random.c", "-ladvapi32"])


def _make_hcsshim_jobs(workshop: Workshop) -> None:
    """A command of ours inside a copy of hcsshim's module, where it may import hcsshim's internal packages."""
    go = workshop.tool(GO)
    environment = {**os.environ, **GO_ENVIRONMENT}
    module = f"github.com/Microsoft/hcsshim@v{workshop.version}"
    workshop.run([go, "mod", "download", module], **GO_ENVIRONMENT)
    cache = subprocess.run(
        [go, "env", "GOMODCACHE"], env=environment, capture_output=True, text=True, check=True
    ).stdout.strip()
    original = Path(cache) / "github.com" / f"!microsoft/hcsshim@v{workshop.version}"
    if not original.is_dir():
        raise BuildError(f"Go downloaded {module}, but it is not at {original}.")
    copy = workshop.scratch / "hcsshim"
    shutil.copytree(original, copy, ignore=shutil.ignore_patterns("vendor", "test"))
    for folder in [copy, *(path for path in copy.rglob("*") if path.is_dir())]:
        folder.chmod(folder.stat().st_mode | stat.S_IWUSR)  # the module cache is read only
    shutil.copytree(SOURCES / "hcsshim_jobs", copy / "cmd" / "hcsshim_jobs")
    output = workshop.output / "hcsshim_jobs.exe"
    workshop.run(
        [go, "build", "-mod=mod", "-trimpath", "-ldflags=-s -w", "-o", output, "./cmd/hcsshim_jobs"],
        copy,
        **GO_ENVIRONMENT,
        GOOS="windows",
        GOARCH="amd64",
    )


def c_programs() -> Path:
    """The folder of jobs.exe, hasty.exe and a bcryptprimitives.dll that fills no gap of Wine."""
    recipe = Recipe(
        "wine-test-programs",
        _make_c_programs,
        inputs=tuple(f"{_FOLDER}/{name}.c" for name in ("jobs", "hasty", "random")),
        seconds=2,
        tools=(MINGW,),
    )
    return Order(recipe, "").build()


def hcsshim_jobs() -> Path:
    """The program that makes jobs with hcsshim's internal/jobobject."""
    recipe = Recipe(
        "hcsshim-jobs",
        _make_hcsshim_jobs,
        result="hcsshim_jobs.exe",
        inputs=(f"{_FOLDER}/hcsshim_jobs",),
        seconds=20,
        tools=(GO,),
    )
    return Order(recipe, HCSSHIM).build()
