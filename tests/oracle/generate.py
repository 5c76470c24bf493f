#!/usr/bin/env python3
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""`make oracle`: ask the kubelet's and hcsshim's own functions which job limits a container's limits become.

The functions are unexported and built for Windows only. So each module is copied out of the Go module cache, a Go
file of ours is put beside the functions, the result is built for Windows and run under Wine. Nothing of the modules
is committed; what they answer is, in limits.json. Needs Go, mingw-w64 and Wine, and takes a few minutes.
"""

from __future__ import annotations

import itertools
import json
import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
# The laboratory's control plane is a module that requires Kubernetes with everything that Kubernetes requires.
KUBERNETES_MODULE = HERE.parent / "lab" / "controlplane"
RESULT = HERE / "limits.json"
WINE_FOLDERS = ("/usr/lib/wine", "/usr/bin")

CPU_LIMITS = (
    *("1n", "1u", "999u", "0.1m", "1m", "1001u", "1.5m", "2m", "3m", "7m", "10m", "33m", "99m", "100m", "0.1", "125m"),
    *("250m", "333m", "500m", "0.5", "501m", "750m", "999m", "1", "1000m", "1001m", "1.25", "1500m", "2", "2500m"),
    *("3", "3.999", "4", "6", "7999m", "8", "16", "31.5", "32", "64", "65", "100", "128", "256", "1k", "1e3", "10k"),
    *("900T", "1P", "9P", "1E"),
    *("0", "0m", "0.0"),
)
PROCESSORS = (1, 2, 3, 4, 6, 7, 8, 12, 16, 24, 48, 64, 65, 72, 96, 128, 192, 256, 320)
MEMORY_LIMITS = (
    *("0", "1", "1m", "999m", "1023", "1024", "1Ki", "1048575", "1048576", "1Mi", "1048577", "1.5Mi", "1023Ki"),
    *("1024Ki", "1025Ki", "2097151", "2Mi", "0.5Mi", "10M", "50Mi", "64M", "99.5Mi", "100M", "100000000", "104857599"),
    *("100Mi", "128974848", "129e6", "129M", "123Mi", "200Mi", "256Mi", "500Mi", "512M", "0.5Gi", "1G", "1Gi"),
    *("1.1Gi", "1500m", "2Gi", "4294967295", "4Gi", "4294967297", "4097Mi", "8Gi", "16Gi", "100G", "1Ti", "1T"),
    *("1E", "1Ei", "7Ei", "8Ei", "9E", "10E", "100E"),
)


@dataclass(frozen=True)
class Source:
    """A module, the folder that gets our file, and how our program is found in a copy."""

    name: str
    module: str
    version: str
    package: str
    functions: tuple[str, ...]


KUBELET = Source(
    "kubelet",
    "k8s.io/kubernetes",
    "v1.36.3",
    "pkg/kubelet/kuberuntime",
    ("calculateWindowsResources", "calculateCPUMaximum"),
)
HCSSHIM = Source("hcsshim", "github.com/Microsoft/hcsshim", "v0.14.1", "internal/jobcontainers", ("specToLimits",))


class OracleError(RuntimeError):
    """Something that the oracle needs is missing or failed; the text says what to do."""


def questions() -> list[dict]:
    """Return the grid: every CPU limit on every processor count, then every memory limit."""
    cpu = [{"cpu": limit, "memory": "", "processors": n} for limit, n in itertools.product(CPU_LIMITS, PROCESSORS)]
    return cpu + [{"cpu": "", "memory": limit, "processors": 4} for limit in MEMORY_LIMITS]


def rows(asked: list[dict], kubelet: list[dict], hcsshim: list[dict]) -> list[dict]:
    """Return a row for each question: what was declared, what crossed the CRI, and what the job got."""
    return [
        {
            "cpu": question["cpu"] or None,
            "memory": question["memory"] or None,
            "processors": question["processors"],
            "cri": passed,
            "job": limits,
        }
        for question, passed, limits in zip(asked, kubelet, hcsshim, strict=True)
    ]


def run(command: list, **options) -> str:
    """Run a program and return what it wrote.

    Raises:
        OracleError: when it is missing or fails.
    """
    try:
        done = subprocess.run([str(part) for part in command], capture_output=True, text=True, **options)
    except FileNotFoundError as error:
        raise OracleError(f"{command[0]} is not installed: make oracle needs Go, mingw-w64 and Wine.") from error
    if done.returncode:
        raise OracleError(f"{' '.join(map(str, command))} ended with {done.returncode}:\n{done.stderr[-4000:]}")
    return done.stdout


def module_copy(source: Source, workshop: Path) -> Path:
    """Return a writable copy of a module, with our file beside the functions that it calls."""
    downloaded = json.loads(run(["go", "mod", "download", "-json", f"{source.module}@{source.version}"], cwd=workshop))
    copy = workshop / source.name
    shutil.copytree(downloaded["Dir"], copy, ignore=shutil.ignore_patterns("vendor"), copy_function=shutil.copyfile)
    for folder, _folders, _files in os.walk(copy):
        os.chmod(folder, 0o755)
    shutil.copy(HERE / source.name / "oracle_windows.go", copy / source.package)
    return copy


def build_kubelet(workshop: Path) -> Path:
    """Build the kubelet's oracle: a program of its own module, with Kubernetes replaced by the copy."""
    copy = module_copy(KUBELET, workshop)
    program = workshop / "kubelet-oracle"
    program.mkdir()
    for file in (KUBERNETES_MODULE / "go.mod", KUBERNETES_MODULE / "go.sum", HERE / "kubelet" / "main.go"):
        shutil.copy(file, program)
    run(["go", "mod", "edit", f"-replace={KUBELET.module}={copy}"], cwd=program)
    return build(program, ".", workshop / "kubelet.exe")


def build_hcsshim(workshop: Path) -> Path:
    """Build hcsshim's oracle: a program inside the copy, since the package is internal."""
    copy = module_copy(HCSSHIM, workshop)
    program = copy / "cmd" / "oracle"
    program.mkdir()
    shutil.copy(HERE / "hcsshim" / "main.go", program)
    return build(copy, "./cmd/oracle", workshop / "hcsshim.exe")


def build(folder: Path, package: str, target: Path) -> Path:
    environment = {**os.environ, "GOOS": "windows", "GOARCH": "amd64", "CGO_ENABLED": "0"}
    run(["go", "build", "-mod=mod", "-trimpath", "-o", target, package], cwd=folder, env=environment)
    return target


def prepare_wine(workshop: Path) -> tuple[str, str, dict[str, str]]:
    """Return Wine, its server and the environment of a fresh prefix, with the one DLL that Go programs miss there."""
    programs = [
        next((path for path in (f"{folder}/{name}" for folder in WINE_FOLDERS) if os.access(path, os.X_OK)), None)
        for name in ("wine64", "wineserver")
    ]
    if None in programs:
        raise OracleError("Wine (wine64 and wineserver) is not installed: apt-get install wine64.")
    environment = {
        **os.environ,
        "WINEPREFIX": str(workshop / "prefix"),
        "WINESERVER": programs[1],
        "WINEDEBUG": "-all",
        "WINEDLLOVERRIDES": "mscoree,mshtml=",
    }
    run([programs[0], "wineboot", "--init"], env=environment)
    run([programs[1], "-w"], env=environment)
    library = workshop / "prefix" / "drive_c" / "windows" / "system32" / "bcryptprimitives.dll"
    run(["x86_64-w64-mingw32-gcc", "-O2", "-shared", "-o", library, HERE / "prng.c", "-ladvapi32"])
    return programs[0], programs[1], environment


def ask(wine: str, program: Path, environment: dict[str, str], asked: list[dict]) -> list[dict]:
    return json.loads(run([wine, program], input=json.dumps(asked), env=environment, cwd=program.parent))


def main() -> int:
    asked = questions()
    with tempfile.TemporaryDirectory(prefix="kubewin-oracle-") as folder:
        workshop = Path(folder)
        run(["go", "mod", "init", "oracle"], cwd=workshop)
        print("building hcsshim's oracle", flush=True)
        hcsshim = build_hcsshim(workshop)
        print("building the kubelet's oracle (minutes when nothing of Kubernetes is in Go's cache)", flush=True)
        kubelet = build_kubelet(workshop)
        wine, server, environment = prepare_wine(workshop)
        try:
            print(f"asking {len(asked)} questions", flush=True)
            passed = ask(wine, kubelet, environment, asked)
            limits = ask(wine, hcsshim, environment, passed)
        finally:
            subprocess.run([server, "-k"], env=environment, check=False)
    sources = [
        {"module": source.module, "version": source.version, "functions": list(source.functions)}
        for source in (KUBELET, HCSSHIM)
    ]
    lines = ",\n".join(f"    {json.dumps(row)}" for row in rows(asked, passed, limits))
    RESULT.write_text(f'{{\n  "sources": {json.dumps(sources)},\n  "rows": [\n{lines}\n  ]\n}}\n')
    print(f"{len(asked)} rows in {RESULT.relative_to(HERE.parents[1])}")
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except OracleError as error:
        sys.exit(f"oracle: {error}")
