#!/usr/bin/env python3
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Copy what ships of this checkout below build/stage, to ansible_collections/kubewin/hostprocess.

ansible-test wants a real directory at that place, with the collections it depends on beside it, and scans every
file it finds: so the laboratory and the build's own files, which do not ship, stay out (galaxy.yml build_ignore).
"""

from __future__ import annotations

import fnmatch
import shutil
import subprocess
import sys
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[2]


def shipped_files() -> list[str]:
    """Files that git knows or would take, less what galaxy.yml keeps out of the archive."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    )
    ignored = yaml.safe_load((ROOT / "galaxy.yml").read_text())["build_ignore"]
    names = sorted(filter(None, listed.stdout.split("\0")))
    return [name for name in names if (ROOT / name).is_file() and not is_ignored(name, ignored)]


def is_ignored(name: str, patterns: list[str]) -> bool:
    return any(fnmatch.fnmatch(name, pattern) or name.startswith(pattern.rstrip("/") + "/") for pattern in patterns)


def stage(core: str, purpose: str = "sanity") -> Path:
    """Make the copy for one ansible-core and return the collection's folder in it.

    Args:
        purpose: who works in the copy; two who do so at the same time have one each.
    """
    collections = ROOT / "build" / "stage" / f"{purpose}-{core}" / "collections" / "ansible_collections"
    target = collections / "kubewin" / "hostprocess"
    shutil.rmtree(target, ignore_errors=True)
    for name in shipped_files():
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, target / name)
    # ansible-test asks git for the files; without a repository of its own the copy is just an ignored folder of ours.
    subprocess.run(["git", "init", "-q"], cwd=target, check=True)
    subprocess.run(["git", "add", "--all", "--force"], cwd=target, check=True)
    dependencies = ROOT / "build" / f"core-{core}" / "collections" / "ansible_collections"
    for namespace in ("ansible", "community", "kubernetes"):
        link = collections / namespace
        if not link.is_symlink():
            link.symlink_to(dependencies / namespace)
    return target


if __name__ == "__main__":
    print(stage(sys.argv[1] if len(sys.argv) > 1 else "2.19"))
