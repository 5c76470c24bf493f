# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The report as JUnit XML: a suite for each node, a case for each container, one more for the node itself."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any
from xml.etree import ElementTree

# What XML 1.0 can't hold at all, not even as a reference (section 2.2, Char).
_NOT_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
NODE_CASE = "node"


def junit(report: Mapping[str, Any]) -> str:
    """Return the whole report as one XML document."""
    root = ElementTree.Element("testsuites", name="kubewin.hostprocess.check")
    for node in report["nodes"]:
        _suite(root, node, report.get("generated") or "")
    _count(root)
    ElementTree.indent(root)
    return ElementTree.tostring(root, encoding="unicode", xml_declaration=False) + "\n"


def _suite(root: ElementTree.Element, node: Mapping[str, Any], generated: str) -> None:
    suite = ElementTree.SubElement(root, "testsuite", name=_clean(node["name"]))
    if generated:
        suite.set("timestamp", _clean(generated))
    for row in node["rows"]:
        findings = [finding for finding in node["findings"] if _is_about(finding, row)]
        name = row["container"] or row["job_object"] or "job object"
        pod = f"{row['namespace']}/{row['pod']}" if row["pod"] else "jobs without a container"
        _case(suite, f"{node['name']}.{pod}", name, findings, row["verdict"])
    rest = [finding for finding in node["findings"] if not any(_is_about(finding, row) for row in node["rows"])]
    _case(suite, node["name"], NODE_CASE, rest, "unchecked" if node["verdict"] == "unchecked" else "ok")
    _count(suite)


def _case(suite: ElementTree.Element, place: str, name: str, findings: list[Mapping[str, Any]], verdict: str) -> None:
    case = ElementTree.SubElement(suite, "testcase", classname=_clean(place), name=_clean(name), time="0")
    failures = [finding for finding in findings if finding["severity"] != "info"]
    notes = [finding for finding in findings if finding["severity"] == "info"]
    if failures:
        worst = failures[0]
        failure = ElementTree.SubElement(
            case, "failure", type=_clean(worst["code"]), message=_clean(f"{worst['code']}: {worst['message']}")
        )
        failure.text = _clean("\n\n".join(_text(finding) for finding in failures))
    elif verdict == "unchecked":
        ElementTree.SubElement(case, "error", type="unchecked", message="The node was not checked: see the play's log.")
    elif verdict == "undetermined":
        ElementTree.SubElement(case, "skipped", message="Something declared could not be determined on this node.")
    if notes:
        ElementTree.SubElement(case, "system-out").text = _clean("\n\n".join(_text(finding) for finding in notes))


def _is_about(finding: Mapping[str, Any], row: Mapping[str, Any]) -> bool:
    if row["container"] and not row.get("stray"):
        return all(finding.get(key) == row[key] for key in ("namespace", "pod", "container"))
    return finding.get("job") is not None and finding["job"] == row["job_object"]


def _text(finding: Mapping[str, Any]) -> str:
    lines = [f"{finding['code']} {finding['severity']}: {finding['message']}"]
    if finding.get("expected") is not None or finding.get("actual") is not None:
        lines.append(f"expected: {finding.get('expected')}; seen: {finding.get('actual')}")
    if finding.get("evidence"):
        lines.append(f"evidence: {json.dumps(finding['evidence'], default=str)}")
    return "\n".join([*lines, f"fix: {finding['fix']}"])


def _count(element: ElementTree.Element) -> None:
    cases = list(element.iter("testcase"))
    counts = {"tests": len(cases)}
    for attribute, tag in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
        counts[attribute] = _having(cases, tag)
    for attribute, number in counts.items():
        element.set(attribute, str(number))


def _having(cases: Iterable[ElementTree.Element], tag: str) -> int:
    return sum(case.find(tag) is not None for case in cases)


def _clean(text: str) -> str:
    return _NOT_XML.sub("\N{REPLACEMENT CHARACTER}", str(text))
