"""Maintenance: print the hashes that ``pins.json`` should hold for the installed collections.

    PYTHONPATH=tests python -m lab.modules.pins build/core-*/collections > tests/lab/modules/pins.json

Run it only after reading what changed in each module whose hash is new.
"""

from __future__ import annotations

import argparse
import hashlib
import json
from pathlib import Path

from lab.modules.documentation import module_file
from lab.modules.table import emulated_names


def hashes(folders: list[Path]) -> dict[str, dict[str, str]]:
    """FQCN to {sha256 of its source: collection release}, for every emulated module of these folders."""
    found: dict[str, dict[str, str]] = {}
    for fqcn in emulated_names():
        for folder in folders:
            source = module_file(folder, fqcn)
            if source.is_file():
                sha256 = hashlib.sha256(source.read_bytes()).hexdigest()
                releases = set(filter(None, found.get(fqcn, {}).get(sha256, "").split(", "))) | {_release(source)}
                found.setdefault(fqcn, {})[sha256] = ", ".join(sorted(releases))
    return found


def _release(source: Path) -> str:
    manifest = json.loads((source.parents[2] / "MANIFEST.json").read_text())
    return manifest["collection_info"]["version"]


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("collections", nargs="+", type=Path, help="folders that hold ansible_collections")
    folders = [path / "ansible_collections" for path in parser.parse_args().collections]
    print(json.dumps(hashes(folders), indent=2, sort_keys=True))


if __name__ == "__main__":
    main()
