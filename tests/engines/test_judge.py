"""The judge hears what an engine says, and takes no silence for it at the first time."""

from __future__ import annotations

from pathlib import Path

import pytest

from engines.judge import ATTEMPTS, Judge

pytestmark = pytest.mark.wine

COMMAND = Path("cmd.exe")
# Writes a line for each time that it runs, and speaks from the second time on.
SHY = "@if exist C:\\asked (echo not supported 1>&2)\r\n@echo asked>> C:\\asked\r\n@exit 3\r\n"


def test_a_program_that_was_not_heard_is_asked_again(judge: Judge):
    asked = judge.disk / "asked"
    (judge.disk / "shy.bat").write_text(SHY)
    try:
        answer = judge._run(COMMAND, "/c", "C:\\shy.bat")
        assert (answer.exit_code, answer.stdout, answer.stderr.strip()) == (3, "", "not supported")
        assert asked.read_text().count("asked") == 2
        assert judge._run(COMMAND, "/c", "C:\\shy.bat").stderr
        assert asked.read_text().count("asked") == 3
    finally:
        asked.unlink(missing_ok=True)


def test_a_program_that_stays_silent_has_failed_and_said_nothing(judge: Judge):
    (judge.disk / "silent.bat").write_text("@echo asked>> C:\\silent\r\n@exit 3\r\n")
    answer = judge._run(COMMAND, "/c", "C:\\silent.bat")
    assert (answer.exit_code, answer.stdout, answer.stderr) == (3, "", "")
    assert (judge.disk / "silent").read_text().count("asked") == ATTEMPTS
