"""C# probes for the prefix: compiled by Mono's compiler against .NET Core's own assemblies, once a source."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from lab.errors import LabError

# The harness and a probe need no culture data; without this .NET looks for ICU.
RUNTIME_CONFIG = {
    "runtimeOptions": {
        "framework": {"name": "Microsoft.NETCore.App", "version": "3.1.0"},
        "configProperties": {"System.Globalization.Invariant": True},
    }
}
PARTS = ("System*.dll", "Microsoft.Win32.*.dll", "mscorlib.dll", "netstandard.dll")


class CompileError(LabError):
    """The compiler refused a source; the message is the compiler's."""


def compile_csharp(mcs: Path, dotnet: Path, sources: list[Path], output: Path, target: str) -> None:
    """Compile as C# 5, what Windows PowerShell's Add-Type takes at most.

    Args:
        dotnet: the folder of ``dotnet.exe``.
        target: ``exe`` or ``library``.

    Raises:
        CompileError
    """
    framework = next((dotnet / "shared" / "Microsoft.NETCore.App").iterdir())
    references = [f"-r:{path}" for part in PARTS for path in sorted(framework.glob(part))]
    command = [mcs, "-noconfig", "-nostdlib", "-langversion:5", "-unsafe", f"-target:{target}", f"-out:{output}"]
    done = subprocess.run([*command, *references, *sources], capture_output=True, text=True, timeout=120)
    if done.returncode:
        names = ", ".join(path.name for path in sources)
        raise CompileError(f"{names} is not accepted by {mcs}:\n{done.stdout}{done.stderr}")


def make_harness(mcs: Path, dotnet: Path, source: Path, folder: Path) -> None:
    """``Harness.dll`` with the file that tells ``dotnet.exe`` which runtime it wants."""
    compile_csharp(mcs, dotnet, [source], folder / "Harness.dll", "exe")
    (folder / "Harness.runtimeconfig.json").write_text(json.dumps(RUNTIME_CONFIG))


def compiled_probe(mcs: Path, dotnet: Path, cache: Path, sources: dict[str, str]) -> Path:
    """The assembly of these sources, from the cache if they were compiled before.

    Args:
        cache: folder of assemblies, named after their sources' hash; two processes may share it.

    Raises:
        CompileError
    """
    digest = hashlib.sha256(json.dumps(sources, sort_keys=True).encode()).hexdigest()[:24]
    assembly = cache / f"probe-{digest}.dll"
    if assembly.exists():
        return assembly
    cache.mkdir(parents=True, exist_ok=True)
    work = Path(tempfile.mkdtemp(dir=cache))
    try:
        files = [work / Path(name.replace("\\", "/")).name for name in sources]
        for file, text in zip(files, sources.values(), strict=True):
            file.write_text(text)
        compile_csharp(mcs, dotnet, files, work / "probe.dll", "library")
        os.replace(work / "probe.dll", assembly)
    finally:
        shutil.rmtree(work)
    return assembly
