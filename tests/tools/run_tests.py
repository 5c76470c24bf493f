#!/usr/bin/env python3
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""`make test`: every suite, two at a time, with JUnit and a log each in build/test; skips are listed at the end."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from xml.etree import ElementTree

ROOT = Path(__file__).resolve().parents[2]
RESULTS = ROOT / "build" / "test"


@dataclass(frozen=True)
class Suite:
    """One command with its own JUnit file. A command that is not pytest counts as one test."""

    name: str
    kind: str
    command: tuple[str, ...]
    core: str = "2.19"


def pytest(name: str, *paths: str, core: str = "2.19", workers: int = 0) -> Suite:
    """A pytest suite; with workers, its files are dealt to as many processes."""
    parallel = ("-n", str(workers), "--dist", "loadfile") if workers else ()
    return Suite(name, name.split("-")[0], ("python", "-m", "pytest", "-q", *parallel, *paths), core=core)


# Needed by what follows, so it runs alone and first.
BUILD = Suite("build", "build", ("python", "-m", "lab", "build"))
# The longest first. Two cores carry three processes with a laboratory each: with five, nodes and playbooks wait for
# each other until tests give up.
SUITES = (
    pytest("lab", "tests/lab_tests", workers=2),
    pytest("e2e", "tests/e2e"),
    pytest("molecule", "tests/molecule"),
    pytest("integration", "tests/integration", workers=2),
    pytest("wine", "tests/wine"),
    pytest("unit", "tests/unit"),
    pytest("differential", "tests/differential"),
    pytest("unit-2.21", "tests/unit", core="2.21"),
    Suite("lint-sanity", "lint", ("python", "tests/tools/sanity.py", "2.19")),
    pytest("engines", "tests/engines"),
    Suite("lint-ansible", "lint", ("ansible-lint", "--offline", "--strict")),
    Suite("lint-docs", "lint", ("python", "tests/tools/docs.py")),
    Suite("lint-yaml", "lint", ("yamllint", "--strict", ".")),
    Suite("lint-format", "lint", ("ruff", "format", "--check", ".")),
    Suite("lint-ruff", "lint", ("ruff", "check", ".")),
    Suite("lint-changelog", "lint", ("antsibull-changelog", "lint")),
)
WITHOUT_BUILD = ("lint", "unit")
AT_ONCE = 2
END_OF_LOG = 80
MOST_OF_A_FAILURE = 2000


@dataclass
class Outcome:
    """What one suite came to."""

    passed: int = 0
    failures: list[str] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def failed(self) -> int:
        return len(self.failures)


def environment_of(suite: Suite) -> dict[str, str]:
    base = ROOT / "build" / f"core-{suite.core}"
    return {
        **os.environ,
        "PATH": f"{base / 'venv' / 'bin'}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": f"{ROOT / 'tests'}{os.pathsep}{base / 'collections'}",
        "ANSIBLE_COLLECTIONS_PATH": str(base / "collections"),
        "PYTHONDONTWRITEBYTECODE": "1",
    }


def run(suite: Suite) -> Outcome:
    """Run one suite; its output goes to build/test/<name>.log, and to the terminal when it failed."""
    if not (ROOT / "build" / f"core-{suite.core}" / "venv").exists():
        reason = f"ansible-core {suite.core} is not prepared: no Python that it supports was found"
        return write_single(suite, skipped=reason)
    is_pytest = "pytest" in suite.command
    junit = RESULTS / f"{suite.name}.xml"
    junit.unlink(missing_ok=True)
    extra = [f"--junitxml={junit}", f"-o=junit_suite_name={suite.name}"] if is_pytest else []
    log = RESULTS / f"{suite.name}.log"
    started = time.monotonic()
    with log.open("wb") as file:
        code = subprocess.run(
            [*suite.command, *extra],
            cwd=ROOT,
            env=environment_of(suite),
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=subprocess.STDOUT,
            check=False,
        ).returncode
    seconds = time.monotonic() - started
    if is_pytest and junit.exists():
        outcome = read_junit(suite, junit)
        if code and not outcome.failed:
            outcome.failures.append(f"{suite.name}: no test failed, and pytest ended with {code}")
        outcome.seconds = seconds
    else:
        outcome = write_single(suite, failure=f"ended with {code}" if code else None, seconds=seconds)
    tell(suite, outcome, log)
    return outcome


def tell(suite: Suite, outcome: Outcome, log: Path) -> None:
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
    end = "\n".join(lines[-END_OF_LOG:]) + "\n" if outcome.failed else ""
    print(f"{end}{line_of(suite.name, outcome)}", flush=True)


def line_of(name: str, outcome: Outcome) -> str:
    counts = f"{outcome.passed} passed, {outcome.failed} failed, {len(outcome.skipped)} skipped"
    return f"{name:16} {outcome.seconds:7.0f} s  {counts}"


def read_junit(suite: Suite, path: Path) -> Outcome:
    outcome = Outcome()
    for case in ElementTree.parse(path).iter("testcase"):
        ends = {end.tag: end.get("message") or "" for end in case if end.tag in ("failure", "error", "skipped")}
        lines = [f"{suite.name}: {case.get('classname')}.{case.get('name')}: {text}" for text in ends.values()]
        if ends.keys() - {"skipped"}:  # a test that failed and could not clean up is one failure
            outcome.failures.append("\n".join(lines)[:MOST_OF_A_FAILURE])
        elif ends:
            outcome.skipped += lines
        else:
            outcome.passed += 1
    return outcome


def write_single(suite: Suite, failure: str | None = None, skipped: str | None = None, seconds: float = 0.0) -> Outcome:
    """JUnit for a suite that is one command."""
    counts = {"tests": "1", "failures": str(int(bool(failure))), "errors": "0", "skipped": str(int(bool(skipped)))}
    root = ElementTree.Element("testsuite", name=suite.name, time=f"{seconds:.1f}", **counts)
    case = ElementTree.SubElement(root, "testcase", classname=suite.kind, name=suite.name, time=f"{seconds:.1f}")
    if failure:
        ElementTree.SubElement(case, "failure", message=failure)
    if skipped:
        ElementTree.SubElement(case, "skipped", message=skipped)
    ElementTree.ElementTree(root).write(RESULTS / f"{suite.name}.xml", encoding="utf-8", xml_declaration=True)
    return Outcome(
        passed=int(not failure and not skipped),
        failures=[f"{suite.name}: {failure}"] if failure else [],
        skipped=[f"{suite.name}: {skipped}"] if skipped else [],
        seconds=seconds,
    )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--only", action="append", help="a suite's name or kind (lint, unit, lab, wine, ...); may be repeated"
    )
    options = parser.parse_args()
    RESULTS.mkdir(parents=True, exist_ok=True)
    chosen = [s for s in (BUILD, *SUITES) if not options.only or s.name in options.only or s.kind in options.only]
    if not chosen:
        print(f"no suite is called {', '.join(options.only)}; there are {', '.join(s.name for s in SUITES)}")
        return 2
    outcomes: dict[str, Outcome] = {}
    if any(suite.kind not in WITHOUT_BUILD for suite in chosen):
        print("building what the laboratory needs, once; progress is in build/test/build.log", flush=True)
        outcomes[BUILD.name] = run(BUILD)
    rest = [suite for suite in chosen if suite is not BUILD]
    with ThreadPoolExecutor(AT_ONCE) as pool:
        outcomes.update(zip((suite.name for suite in rest), pool.map(run, rest), strict=True))
    return report(outcomes)


def report(outcomes: dict[str, Outcome]) -> int:
    print("\n=== summary")
    for name, outcome in outcomes.items():
        print(line_of(name, outcome))
    skipped = [line for outcome in outcomes.values() for line in outcome.skipped]
    failures = [line for outcome in outcomes.values() for line in outcome.failures]
    for title, lines in (("skipped", skipped), ("failed", failures)):
        if lines:
            print(f"\n{title}, and why:")
            print(*(f"  {line}" for line in lines), sep="\n")
    passed = sum(outcome.passed for outcome in outcomes.values())
    print(f"\n{passed} passed, {len(failures)} failed, {len(skipped)} skipped")
    return 1 if failures or not passed else 0


if __name__ == "__main__":
    sys.exit(main())
