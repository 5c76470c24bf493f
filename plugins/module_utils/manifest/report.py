# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Findings as text for people, as JSON for programs, and as SARIF 2.1.0 for code review.

* ``render(findings, form) -> str``     form is human, json or sarif
"""

from __future__ import annotations

import json
import re
from typing import Any
from urllib.parse import quote

from ansible_collections.kubewin.hostprocess.plugins.module_utils.manifest.check import (
    API_CODES,
    DOCUMENTATION,
    Finding,
    counts,
)
from ansible_collections.kubewin.hostprocess.plugins.module_utils.rules.lint import RULES

SARIF_SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"
SARIF_LEVELS = {"error": "error", "warning": "warning", "info": "note"}


def render(findings: list[Finding], form: str) -> str:
    """Return findings in one of the forms, ending in a line break."""
    return {"human": human, "json": as_json, "sarif": sarif}[form](findings)


def human(findings: list[Finding]) -> str:
    """One finding in three lines: where, what, what to do; a count at the end."""
    blocks = [_block(finding) for finding in findings]
    found = counts(findings)
    summary = ", ".join(f"{number} {severity}" for severity, number in found.items() if number) or "nothing found"
    return "\n".join([*blocks, summary]) + "\n"


def _block(finding: Finding) -> str:
    place = finding.source if finding.line is None else f"{finding.source}:{finding.line}"
    name = f"{finding.namespace}/{finding.name}" if finding.namespace else finding.name
    return (
        f"{place}: {finding.severity} {finding.code}: {finding.kind} {name}\n"
        f"  {finding.field}: {finding.message}\n"
        f"  fix: {finding.fix}"
    )


def as_dict(finding: Finding) -> dict[str, Any]:
    """A finding as plain data, its link included."""
    return {**finding._asdict(), "link": finding.link}


def as_json(findings: list[Finding]) -> str:
    """The findings and how many there are of each severity."""
    report = {"summary": counts(findings), "findings": [as_dict(finding) for finding in findings]}
    return json.dumps(report, indent=2, ensure_ascii=False) + "\n"


def sarif(findings: list[Finding]) -> str:
    """One SARIF run; only the codes that were found are described in it."""
    codes = sorted({finding.code for finding in findings})
    driver = {
        "name": "kubewin.hostprocess.manifest_check",
        "informationUri": DOCUMENTATION,
        "rules": [_sarif_rule(code) for code in codes],
    }
    results = [_sarif_result(finding, codes.index(finding.code)) for finding in findings]
    run = {"tool": {"driver": driver}, "columnKind": "unicodeCodePoints", "results": results}
    return json.dumps({"$schema": SARIF_SCHEMA, "version": "2.1.0", "runs": [run]}, indent=2, ensure_ascii=False) + "\n"


def _sarif_rule(code: str) -> dict[str, Any]:
    if code in API_CODES:
        severity, title, fix = API_CODES[code]
        why = title
    else:
        _code, severity, title, fix, why, _check = RULES[code]
    return {
        "id": code,
        "shortDescription": {"text": title},
        "fullDescription": {"text": why},
        "help": {"text": fix},
        "helpUri": f"{DOCUMENTATION}#{code.lower()}",
        "defaultConfiguration": {"level": SARIF_LEVELS[severity]},
    }


def _sarif_result(finding: Finding, rule_index: int) -> dict[str, Any]:
    name = f"{finding.kind}/{finding.name}.{finding.field}"
    location: dict[str, Any] = {"logicalLocations": [{"fullyQualifiedName": name}]}
    if finding.line is not None:
        artifact = {"uri": _uri_reference(finding.source)}
        location["physicalLocation"] = {"artifactLocation": artifact, "region": {"startLine": finding.line}}
    return {
        "ruleId": finding.code,
        "ruleIndex": rule_index,
        "level": SARIF_LEVELS[finding.severity],
        "message": {"text": f"{finding.field}: {finding.message}. {finding.fix}"},
        "locations": [location],
    }


def _uri_reference(path: str) -> str:
    """A path as RFC 3986 wants it. Two slashes at its begin would name a host."""
    path = re.sub("^/+", "/", path.replace("\\", "/"))
    # A file name that is not UTF-8 comes with its bytes escaped.
    return quote(path, errors="surrogateescape")
