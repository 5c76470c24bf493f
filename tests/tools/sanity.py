#!/usr/bin/env python3
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Run ansible-test sanity over what ships, for one ansible-core, without the network places it would ask.

ansible-test fetches a get-pip script for each of its private environments; where only the package index can be
reached that ends the run. It takes a script that is already in its cache, so a few lines that call ensurepip lie
there. Its environments are kept below build/, not in the user's home.
"""

from __future__ import annotations

import os
import subprocess
import sys

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


def main() -> int:
    core = sys.argv[1] if len(sys.argv) > 1 else "2.19"
    home = ROOT / "build" / "stage" / "home"
    cache = home / ".ansible" / "test" / "cache"
    cache.mkdir(parents=True, exist_ok=True)
    (cache / f"get_pip_{PIP_SCRIPT_VERSION[core]}.py").write_text(PIP_SCRIPT)
    python = ROOT / "build" / f"core-{core}" / "venv" / "bin"
    version = subprocess.run(
        [python / "python", "-c", "import sys; print('%d.%d' % sys.version_info[:2])"],
        check=True,
        capture_output=True,
        text=True,
    ).stdout.strip()
    environment = {**os.environ, "HOME": str(home), "PATH": f"{python}{os.pathsep}{os.environ['PATH']}"}
    target = stage(core)
    command = [python / "ansible-test", "sanity", "--local", "--python", version, "--color", "no", *sys.argv[2:]]
    return subprocess.run(command, cwd=target, env=environment).returncode


if __name__ == "__main__":
    sys.exit(main())
