# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

import ast
import inspect
import re
from pathlib import Path

import pytest

from ansible_collections.kubewin.hostprocess.plugins.module_utils.job import rules
from ansible_collections.kubewin.hostprocess.plugins.module_utils.job.findings import CODES, SEVERITIES, reaches

DOCUMENT = Path(__file__).resolve().parents[5] / "docs" / "finding-codes.md"
ROW = re.compile(r"^\| (HPJ\d{3}) \| (\w+) \| (.+?) \| (.+?) \|$", re.MULTILINE)


def test_the_document_lists_every_code_as_the_table_has_it():
    documented = {code: rest for code, *rest in ROW.findall(DOCUMENT.read_text())}
    assert documented == {code: [entry.severity, entry.title, entry.fix] for code, entry in CODES.items()}


def test_every_code_is_made_by_a_rule_and_every_rule_makes_known_codes():
    strings = {
        node.value
        for node in ast.walk(ast.parse(inspect.getsource(rules)))
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and re.fullmatch(r"HPJ\d{3}", node.value)
    }
    assert strings == set(CODES)


def test_titles_are_told_apart_and_fixes_are_sentences():
    assert len({entry.title for entry in CODES.values()}) == len(CODES)
    assert all(entry.severity in SEVERITIES and entry.fix.endswith(".") for entry in CODES.values())


@pytest.mark.parametrize(
    ("severity", "threshold", "expected"),
    [
        ("error", "error", True),
        ("error", "warning", True),
        ("warning", "error", False),
        ("warning", "warning", True),
        ("info", "warning", False),
        ("error", "never", False),
    ],
)
def test_a_finding_reaches_thresholds_that_are_no_worse_than_it(severity, threshold, expected):
    assert reaches(severity, threshold) is expected
