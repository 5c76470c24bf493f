"""`make matrix`: every containerd line and kubelet that the module proxy serves judges what we write.

build/matrix/summary.json says what each engine came to: how many judgements, and how many went against us.
"""

from __future__ import annotations

import json
import os
import re
import sys
from collections import Counter
from pathlib import Path

import pytest

SUMMARY = Path(__file__).resolve().parents[2] / "build" / "matrix" / "summary.json"
VERSION = re.compile(r"\[.*?(\d+\.\d+\.\d+)")


class Summary:
    """Counts tests by the engine that judged in them."""

    def __init__(self) -> None:
        self.engines: dict[str, Counter[str]] = {}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        counts = self.engines.setdefault(_engine(report.nodeid), Counter())
        if report.when == "call" or (report.when == "setup" and report.outcome != "passed"):
            counts[report.outcome] += 1
        counts["seconds"] += report.duration

    def write(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        rows = {
            engine: {**counts, "seconds": round(counts["seconds"])} for engine, counts in sorted(self.engines.items())
        }
        path.write_text(json.dumps(rows, indent=2) + "\n")


def _engine(test: str) -> str:
    kind = "kubelet" if "test_kubelet" in test else "containerd"
    version = VERSION.search(test)
    return f"{kind} {version[1]}" if version else f"{kind} (all)"


if __name__ == "__main__":
    os.environ["ENGINES"] = "all"
    summary = Summary()
    code = pytest.main(["-q", str(Path(__file__).parent), *sys.argv[1:]], plugins=[summary])
    summary.write(SUMMARY)
    print(f"{SUMMARY}:\n{SUMMARY.read_text()}")
    sys.exit(code)
