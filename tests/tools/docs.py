#!/usr/bin/env python3
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Let antsibull-docs judge every plugin's documentation, in the staged copy."""

from __future__ import annotations

import os
import subprocess
import sys

from stage import ROOT, stage


def main() -> int:
    target = stage("2.19", "docs")
    binaries = ROOT / "build" / "core-2.19" / "venv" / "bin"
    environment = {**os.environ, "ANSIBLE_COLLECTIONS_PATH": str(target.parents[2])}
    command = [binaries / "antsibull-docs", "lint-collection-docs", "--plugin-docs", "--skip-rstcheck", "."]
    return subprocess.run(command, cwd=target, env=environment).returncode


if __name__ == "__main__":
    sys.exit(main())
