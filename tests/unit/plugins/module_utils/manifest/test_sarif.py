# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Reports judged by the JSON schema of SARIF 2.1.0 that OASIS publishes."""

from __future__ import annotations

import copy
import json
from urllib.parse import unquote, urlsplit

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.kubewin.hostprocess.plugins.module_utils.manifest import report
from ansible_collections.kubewin.hostprocess.plugins.module_utils.manifest.check import API_CODES, Finding
from ansible_collections.kubewin.hostprocess.plugins.module_utils.rules.lint import RULES
from lab import build
from lab.errors import MissingTool

CODES = [*API_CODES, *RULES]
SEVERITIES = list(report.SARIF_LEVELS)
ODD_NAMES = [
    "a b/c#d?e=%20&f.yaml",
    "C:\\manifests\\agent.yaml",
    "/absolute/agent.yaml",
    "//two/slashes.yaml",
    "../süß/日本語.yaml",
    "new\nline\ttab.yaml",
    "quotes\"and'.yaml",
    "not utf-8 \udcff.yaml",
    "colon:first.yaml",
]


@pytest.fixture(scope="module")
def validator() -> jsonschema.protocols.Validator:
    try:
        schema = json.loads(build.ensure("sarif-schema").read_text())
    except MissingTool as error:
        pytest.skip(str(error))
    kind = jsonschema.validators.validator_for(schema)
    kind.check_schema(schema)
    return kind(schema)


def finding(code: str = "HPL003", **changes) -> Finding:
    fields = dict.fromkeys(Finding._fields, "text") | {"code": code, "severity": "info", "line": 3}
    return Finding(**{**fields, **changes})


def made(findings: list[Finding]) -> dict:
    return json.loads(report.render(findings, "sarif"))


def test_the_schema_is_that_of_sarif_and_refuses_what_is_not(validator):
    assert "SARIF) Version 2.1.0" in validator.schema["title"]
    right = made([finding()])
    for spoil in (
        lambda run: run["results"][0].pop("message"),
        lambda run: run["results"][0].update(level="info"),
        lambda run: run["tool"]["driver"].pop("name"),
        lambda run: run.update(findings=[]),
    ):
        wrong = copy.deepcopy(right)
        spoil(wrong["runs"][0])
        assert not validator.is_valid(wrong)


def test_a_report_of_nothing_is_valid(validator):
    validator.validate(made([]))
    assert made([])["runs"][0]["results"] == []


def test_a_report_of_every_code_at_every_severity_is_valid(validator):
    findings = [finding(code, severity=severity) for code in CODES for severity in SEVERITIES]
    log = made(findings)
    validator.validate(log)
    run = log["runs"][0]
    assert len(run["results"]) == len(CODES) * len(SEVERITIES)
    assert [rule["id"] for rule in run["tool"]["driver"]["rules"]] == sorted(CODES)


@pytest.mark.parametrize("line", [1, 10**6, None])
def test_a_report_with_and_without_lines_is_valid(validator, line):
    validator.validate(made([finding(line=line)]))


@pytest.mark.parametrize("name", ODD_NAMES)
def test_an_odd_file_name_is_a_uri_reference_to_that_file(validator, name):
    log = made([finding(source=name)])
    validator.validate(log)
    (result,) = log["runs"][0]["results"]
    uri = result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"]
    assert uri.isascii()
    assert not set(uri) & set(' \n\t"#?\\')
    parts = urlsplit(uri)
    assert (parts.scheme, parts.netloc, parts.query, parts.fragment) == ("", "", "", "")
    assert unquote(parts.path, errors="surrogateescape") == name.replace("\\", "/").replace("//", "/")


ANY_TEXT = st.text(st.characters(codec="utf-8"), max_size=30)


@given(
    st.lists(
        st.builds(
            finding,
            st.sampled_from(CODES),
            severity=st.sampled_from(SEVERITIES),
            line=st.none() | st.integers(1, 10**6),
            **dict.fromkeys(("source", "kind", "name", "field", "message", "fix"), ANY_TEXT),
            namespace=st.none() | ANY_TEXT,
        ),
        max_size=5,
    )
)
def test_a_report_of_any_texts_is_valid(validator, findings):
    log = made(findings)
    validator.validate(log)
    assert len(log["runs"][0]["results"]) == len(findings)
