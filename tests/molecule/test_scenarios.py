"""Every molecule scenario, from create to destroy, with molecule as its users run it.

Only the short ones run unless the environment says SCENARIOS=all, as ``make molecule`` does.
"""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "extensions" / "molecule"
EVIDENCE = ROOT / "build" / "molecule"
SCENARIOS = sorted(path.parent.name for path in FOLDER.glob("*/molecule.yml"))
SHORT = {"bare", "corrupt_download", "crash_loop"}
STEPS = {"check", "converge", "verify ../shared/compare.yml", "idempotence", "verify", "destroy"}


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_a_scenario_foretells_repeats_verifies_and_clears_away(scenario: str) -> None:
    shared = yaml.safe_load((FOLDER / "config.yml").read_text())
    own = yaml.safe_load((FOLDER / scenario / "molecule.yml").read_text())
    sequence = own.get("scenario", shared["scenario"])["test_sequence"]
    assert set(sequence) >= STEPS
    assert sequence.index("check") < sequence.index("converge") < sequence.index("idempotence")


@pytest.mark.nodes
@pytest.mark.controlplane
@pytest.mark.parametrize("scenario", SCENARIOS)
def test_a_scenario_ends_well_and_was_foretold(scenario: str) -> None:
    if scenario not in SHORT and os.environ.get("SCENARIOS") != "all":
        pytest.skip("one of the longer scenarios: make molecule runs it")
    evidence = EVIDENCE / scenario / "comparison.json"
    evidence.unlink(missing_ok=True)
    done = subprocess.run(
        ["molecule", "test", "-s", scenario],
        cwd=ROOT,
        env={**os.environ, "NO_COLOR": "1"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-12000:]
    comparison = json.loads(evidence.read_text())
    assert comparison["agreed"] != []
    assert comparison["unexplained"] == []


def test_every_reason_why_check_mode_can_not_know_is_needed_by_some_scenario() -> None:
    outcomes = [json.loads(path.read_text()) for path in EVIDENCE.glob("*/comparison.json")]
    if len(outcomes) < len(SCENARIOS):
        pytest.skip("not every scenario has run")
    needed = {one["task"] for outcome in outcomes for one in outcome["explained"]}
    reasons = yaml.safe_load((FOLDER / "shared" / "files" / "not_foretold.yml").read_text())
    assert set(reasons) - needed == set()
