#!/usr/bin/env python3
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Ask Kubernetes which feature gates its kubelet knows, line by line, and write the table of support/gate_table.py.

For each version a program of ours (gates/main.go) is linked with Kubernetes' own pkg/features from the Go module
proxy and prints what is registered there. Nothing of Kubernetes is committed but names and stages. Needs Go; about
half a minute a version.

    python tests/oracle/generate_gates.py [version ...]
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
import textwrap
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

from lab import products
from lab.build import Recipe, Workshop

TABLE = HERE.parents[1] / "plugins" / "module_utils" / "support" / "gate_table.py"
# The newest patch of each line that module proxies serve with every staging module (1.31.14 lacks one, for example).
VERSIONS = ("1.29.6", "1.30.4", "1.31.0", "1.32.2", "1.33.13", "1.34.4", "1.35.4", "1.36.3", "1.37.2")
# Kubernetes' words for stages; "" is what it gives a gate that is generally available.
STAGES = {"ALPHA": "alpha", "BETA": "beta", "": "ga", "DEPRECATED": "deprecated"}

HEADER = '''\
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Every feature gate that a kubelet knows, by line; written by tests/oracle/generate_gates.py, not by hand.

A row: the gate, then what it is from a line on, as far as that differs from the line before: stage, on or off by
default, "locked" where no other value is taken, "needs" and the gates that must be on with it. A row that begins with
the first line says nothing of older ones; a row that is too long goes on in an indented line.
"""

from __future__ import annotations

# The patch that was asked, by line. A later patch can know a gate that this one doesn't.
READ = {read}

GATES = """\\
'''


def gates_of(version: str) -> dict[str, dict]:
    """The gates of one version, as the program tells them."""
    module = products.GoModule(
        products.KUBERNETES_MODULE.path, (), lambda _version: "", products._require_staging, lambda _version: {}
    )
    recipe = Recipe("gates", lambda _workshop: None)
    with tempfile.TemporaryDirectory() as scratch:
        directory = Path(scratch) / "module"
        directory.mkdir()
        workshop = Workshop(recipe, version, directory, directory, Path(scratch) / "log", dict(products.GO_ENVIRONMENT))
        shutil.copy(HERE / "gates" / "main.go", directory)
        products._require_staging(module, workshop, directory)
        stamps = " ".join(f"-X {name}={value}" for name, value in products._kubernetes_stamps(version).items())
        go = workshop.tool(products.GO)
        program = directory / "gates"
        workshop.run([go, "build", f"-ldflags={stamps}", "-o", program, "."], directory)
        return json.loads(subprocess.run([program], check=True, capture_output=True, text=True).stdout)


def described(gate: dict | None) -> str:
    if gate is None:
        return "removed"
    words = [STAGES[gate["stage"]], "on" if gate["default"] else "off"]
    words += ["locked"] if gate["locked"] else []
    words += ["needs", *sorted(gate["needs"])] if gate["needs"] else []
    return " ".join(words)


def rows(by_line: dict[str, dict[str, dict]]) -> list[str]:
    names = sorted({name for gates in by_line.values() for name in gates})
    whole = [f"{name} {'; '.join(_changes(name, by_line))}" for name in names]
    return [line for row in whole for line in textwrap.wrap(row, 118, subsequent_indent="  ")]


def _changes(name: str, by_line: dict[str, dict[str, dict]]) -> list[str]:
    changes, before = [], ""
    for line, gates in by_line.items():
        if not before and name not in gates:
            continue
        now = described(gates.get(name))
        if now != before:
            changes.append(f"{line} {now}")
        before = now
    return changes


def main() -> None:
    versions = sys.argv[1:] or VERSIONS
    by_line = {}
    for version in versions:
        by_line[".".join(version.split(".")[:2])] = gates_of(version)
        print(f"{version}: {len(by_line[list(by_line)[-1]])} gates", flush=True)
    read = dict(zip(by_line, versions, strict=True))
    text = HEADER.replace("{read}", json.dumps(read)) + "\n".join(rows(by_line)) + '\n"""\n'
    TABLE.write_text(text)
    subprocess.run([sys.executable, "-m", "ruff", "format", "-q", TABLE], check=False)


if __name__ == "__main__":
    main()
