"""The C# sources compile where they have to: C# 5, no warnings, .NET Framework's and .NET Core's assemblies."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest
from wine.machine import UTILITIES

from lab import build
from lab.host.wine_probe import PARTS
from lab.products import MCS

pytestmark = pytest.mark.wine
SOURCES = ["JobObject.cs", "NodeProbe.cs"]
MONO = Path("/usr/lib/mono/4.5")
# What Windows PowerShell's Add-Type references by itself, and Ansible with it.
DEFAULT_REFERENCES = ["mscorlib.dll", "System.dll", "System.Core.dll"]


def compile_source(source: Path, references: list[Path], output: Path, *symbols: str) -> str:
    """Compile as Ansible does on the node, where warnings are errors; the compiler's words."""
    defined = [f"-d:{symbol}" for symbol in symbols]
    # 1701 and 1702 are about versions of the references, which only this compiler asks for by number.
    options = ["-langversion:5", "-warnaserror", "-nowarn:1701,1702", "-noconfig", "-nostdlib", "-target:library"]
    command = [MCS.find(), *options, *defined, f"-out:{output}", *(f"-r:{path}" for path in references), source]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    return "" if done.returncode == 0 else done.stdout + done.stderr


@pytest.mark.parametrize("source", SOURCES)
def test_on_net_framework_with_the_assemblies_that_the_source_names(tools: None, source: str, tmp_path: Path) -> None:
    text = (UTILITIES / source).read_text()
    named = re.findall(r"^//AssemblyReference -Name (\S+) -CLR Framework$", text, re.MULTILINE)
    references = [MONO / name for name in DEFAULT_REFERENCES + named]
    missing = [path.name for path in references if not path.exists()]
    if missing:
        pytest.skip(
            f"{source} IS NOT COMPILED FOR .NET FRAMEWORK: Mono's {', '.join(missing)} is missing."
            " Get it with 'apt-get install libmono-system-runtime-serialization4.0-cil'."
        )
    assert compile_source(UTILITIES / source, references, tmp_path / "x.dll", "WINDOWS", "AMD64") == ""


@pytest.mark.parametrize("source", SOURCES)
def test_on_net_core(tools: None, source: str, tmp_path: Path) -> None:
    (framework,) = (build.ensure("dotnet") / "shared" / "Microsoft.NETCore.App").iterdir()
    references = [path for part in PARTS for path in framework.glob(part)]
    assert compile_source(UTILITIES / source, references, tmp_path / "x.dll", "WINDOWS", "AMD64", "CORECLR") == ""
