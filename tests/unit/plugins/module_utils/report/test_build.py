# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

from xml.etree import ElementTree

import pytest

from ansible_collections.kubewin.hostprocess.plugins.module_utils.report.build import build
from ansible_collections.kubewin.hostprocess.plugins.module_utils.report.junit import junit
from ansible_collections.kubewin.hostprocess.plugins.module_utils.report.table import table


def test_a_healthy_fleet_says_so_in_its_headline(outcome):
    report = build([outcome("win1"), outcome("win2")])
    assert report["summary"]["headline"] == "All 4 HostProcess containers run as declared."
    assert report["summary"]["verdict"] == "ok"
    assert {key: report["summary"][key] for key in ("nodes_ok", "containers", "job_objects", "processes")} == {
        "nodes_ok": 2,
        "containers": 4,
        "job_objects": 4,
        "processes": 6,
    }


def test_nodes_with_findings_come_first_and_are_counted(outcome):
    report = build([outcome("a"), outcome("b", fault="rate"), outcome("c", fault="leak")])
    assert [node["name"] for node in report["nodes"]] == ["b", "c", "a"]
    assert report["summary"]["headline"] == "2 findings on 2 of 3 nodes."
    assert report["summary"]["findings"] == {"error": 2, "warning": 0, "info": 0}


def test_a_node_without_outcome_is_unchecked_and_never_ok(outcome):
    report = build([outcome("a")], expected=["a", "b"])
    assert report["summary"]["nodes_unchecked"] == 1
    assert report["summary"]["headline"] == "1 of 2 nodes could not be checked."
    assert report["summary"]["verdict"] == "unchecked"


def test_a_node_that_is_not_ready_shows_its_reasons_as_findings(outcome):
    reason = {"code": "NRD001", "severity": "error", "message": "no feature", "fix": "install it", "evidence": {}}
    report = build([{"name": "a", "ready": False, "reasons": [reason]}])
    assert report["findings"][0]["code"] == "NRD001"
    assert report["nodes"][0]["verdict"] == "finding"


def test_an_undetermined_node_is_told_from_a_good_one(outcome):
    result = outcome("a")
    for row in result["check"]["rows"]:
        row["verdict"] = "undetermined"
    assert build([result])["summary"]["verdict"] == "undetermined"


@pytest.mark.parametrize(
    ("results", "headline"),
    [
        ([], "No node was checked."),
        ([{"name": "a", "check": {"rows": []}}], "No HostProcess container runs on 1 node."),
    ],
)
def test_fleets_with_nothing_in_them_have_a_headline_too(results, headline):
    assert build(results)["summary"]["headline"] == headline


def test_bars_are_shares_of_the_machine_and_of_the_larger_memory_limit(outcome):
    [pod] = build([outcome("a", fault="rate")])["nodes"][0]["pods"]
    agent, exporter = pod["containers"]
    assert (agent["cpu"]["expected_percent"], agent["cpu"]["actual_percent"]) == (12.5, 50.0)
    assert (agent["memory"]["actual_percent"], agent["memory"]["peak_percent"]) == (100.0, 24.0)
    assert (exporter["cpu"]["actual_percent"], exporter["memory"]["peak_percent"]) == (None, None)


def test_pods_know_their_shim_and_jobs_without_a_pod_come_last(outcome):
    pods = build([outcome("a", fault="leak")])["nodes"][0]["pods"]
    assert [(pod["name"], pod["shim_pid"]) for pod in pods] == [("agent-x7k2p", 3980), ("", None)]


def test_the_table_has_a_line_for_each_row_and_cannot_be_broken_by_names(outcome):
    report = build([outcome("a", fault="gone", pod="evil\x1b[2J\nname")])
    lines = table(report["rows"]).split("\n")
    assert len(lines) == 3
    assert "\x1b" not in lines[1]
    assert lines[1].split()[-1] == "ok"
    assert "500m -> 12.50 %" in lines[1]
    assert lines[2].split()[-1] == "finding"


def test_junit_counts_findings_as_failures_and_unchecked_nodes_as_errors(outcome):
    report = build([outcome("a", fault="gone"), outcome("b", fault="leak")], expected=["c"], generated="now")
    root = ElementTree.fromstring(junit(report))
    assert {key: root.get(key) for key in ("tests", "failures", "errors", "skipped")} == {
        "tests": "8",
        "failures": "2",
        "errors": "1",
        "skipped": "0",
    }
    assert root.find(".//testcase[@name='exporter']/failure").get("type") == "HPJ008"


def test_junit_reports_each_finding_in_one_case_only(outcome):
    text = junit(build([outcome("a", fault="leak"), outcome("b", fault="rate"), outcome("c", fault="escaped")]))
    failures = [failure.get("type") for failure in ElementTree.fromstring(text).iter("failure")]
    assert sorted(failures) == ["HPJ001", "HPJ010", "HPJ012"]


def test_junit_stays_well_formed_with_characters_that_xml_forbids(outcome):
    report = build([outcome("a", fault="gone", pod="\x00\x1b<&\ud800]]>")])
    assert "<&" in ElementTree.fromstring(junit(report)).find(".//testcase").get("classname")


def test_an_undetermined_row_is_a_skipped_case(outcome):
    result = outcome("a")
    result["check"]["rows"][0]["verdict"] = "undetermined"
    assert ElementTree.fromstring(junit(build([result]))).get("skipped") == "1"


def test_accepted_findings_stand_apart_and_change_no_verdict(outcome):
    result = outcome("a", fault="rate")
    code = result["check"]["findings"][0]["code"]
    reason = {"code": "NRD006", "severity": "warning", "message": "no filter", "fix": "update", "evidence": {}}
    result["reasons"] = [reason]
    plain, lenient = build([result]), build([result], accepted={code: "known", "NRD006": "old"})
    assert plain["summary"]["verdict"] == "finding"
    assert lenient["summary"]["verdict"] == "ok"
    assert lenient["findings"] == []
    reasons = {(one["code"], one["accepted_because"]) for one in lenient["accepted"]}
    assert reasons == {(code, "known"), ("NRD006", "old")}
    assert all(row["verdict"] == "ok" for row in lenient["rows"])


def test_accepting_one_code_leaves_the_others(outcome):
    report = build([outcome("a", fault="rate"), outcome("b", fault="leak")], accepted={"HPJ999": "never seen"})
    assert len(report["findings"]) == 2
    assert report["accepted"] == []
