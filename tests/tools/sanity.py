#!/usr/bin/env python3
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Run ansible-test sanity over what ships, for one ansible-core, without the network places it would ask.

ansible-test fetches a get-pip script for each of its private environments; where only the package index can be
reached that ends the run. It takes a script that is already in its cache, so a few lines that call ensurepip lie
there. Its environments are kept below build/, not in the user's home.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from stage import ROOT, stage

PIP_SCRIPT_VERSION = {"2.18": "24_2", "2.19": "24_2", "2.20": "25_2", "2.21": "25_2"}
PIP_SCRIPT = """\
import subprocess, sys
subprocess.run([sys.executable, "-m", "ensurepip", "--upgrade"], check=True)
names = ("pip", "setuptools", "wheel")
wanted = [argument for argument in sys.argv[1:] if argument.startswith(names) and "==" in argument]
if wanted:
    subprocess.run([sys.executable, "-m", "pip", "install", "-q", "--disable-pip-version-check", *wanted], check=True)
"""


def python_modules(target: Path) -> list[str]:
    """validate-modules reads the options of a .ps1 module by running PowerShell, which is not on this machine."""
    modules = target / "plugins" / "modules"
    return sorted(
        str(module.relative_to(target)) for module in modules.glob("*.py") if not module.with_suffix(".ps1").exists()
    )


def main() -> int:
    core = sys.argv[1] if len(sys.argv) > 1 else "2.19"
    home = ROOT / "build" / "stage" / "home"
    cache = home / ".ansible" / "test" / "cache"
    cache.mkdir(parents=True, exist_ok=True)
    (cache / f"get_pip_{PIP_SCRIPT_VERSION[core]}.py").write_text(PIP_SCRIPT)
    binaries = ROOT / "build" / f"core-{core}" / "venv" / "bin"
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    environment = {**os.environ, "HOME": str(home), "PATH": f"{binaries}{os.pathsep}{os.environ['PATH']}"}
    target = stage(core)
    command = [binaries / "ansible-test", "sanity", "--local", "--python", version, "--color", "no"]
    if shutil.which("pwsh"):
        runs = [[]]
    else:
        print("No PowerShell here: pslint and the options of .ps1 modules are not checked by ansible-test.", flush=True)
        runs = [["--skip-test", "validate-modules"], ["--test", "validate-modules", *python_modules(target)]]
    codes = [
        subprocess.run([*command, *arguments], cwd=target, env=environment, check=False).returncode
        for arguments in runs
    ]
    return max(codes)


if __name__ == "__main__":
    sys.exit(main())
