"""The verdict over a node: each rule alone, and what holds of every verdict."""

from __future__ import annotations

import copy
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.kubewin.hostprocess.plugins.module_utils.node.errors import NodeError
from ansible_collections.kubewin.hostprocess.plugins.module_utils.node.readiness import ERROR, RULES, WARNING, judge

ROOT = Path(__file__).resolve().parents[5]
RESTART = {"type": "restart", "delay_milliseconds": 15000}
NONE = {"type": "none", "delay_milliseconds": 0}


def service(name: str, command: str, dependencies: tuple[str, ...] = ()) -> dict[str, Any]:
    return {
        "name": name,
        "display_name": name,
        "state": "running",
        "start_mode": "auto",
        "account": "LocalSystem",
        "command_line": command,
        "dependencies": list(dependencies),
        "process_id": 100,
        "exit_code": 0,
        "failure_actions": {"reset_seconds": 86400, "on_non_crash": True, "actions": [RESTART]},
        "nssm": None,
    }


READY: dict[str, Any] = {
    "computer_name": "WIN2022",
    "os": {"product_name": "Windows Server 2022 Datacenter", "build": 20348, "revision": 2227},
    "logical_processors": 8,
    "features": {"Containers": "enabled"},
    "pending_reboot": {"pending": False, "reasons": []},
    "services": {
        "containerd": service("containerd", r'"C:\Program Files\containerd\containerd.exe" --run-service'),
        "kubelet": service("kubelet", r"C:\k\kubelet.exe --windows-service", ("containerd",)),
    },
    "containerd": {
        "path": r"C:\Program Files\containerd\containerd.exe",
        "exists": True,
        "version": "2.2.9",
        "shim": {"path": r"C:\Program Files\containerd\containerd-shim-runhcs-v1.exe", "exists": True},
        "config": {"path": r"C:\Program Files\containerd\config.toml", "exists": True, "byte_order_mark": False},
        "pipe": {"path": r"\\.\pipe\containerd-containerd", "answers": True},
        "shim_processes": [{"pid": 7, "path": r"c:\program files\containerd\containerd-shim-runhcs-v1.exe"}],
    },
    "kubelet": {
        "path": r"C:\k\kubelet.exe",
        "exists": True,
        "version": "1.36.3",
        "config": {"path": r"C:\var\lib\kubelet\config.yaml", "exists": True, "content": "cgroupsPerQOS: false\n"},
        "client_certificate": {
            "path": r"C:\var\lib\kubelet\pki\kubelet-client-current.pem",
            "exists": True,
            "subject": "CN=system:node:win2022, O=system:nodes",
            "not_before": "2026-06-01T00:00:00Z",
            "not_after": "2027-06-01T00:00:00Z",
        },
    },
    "bindfltapi": True,
    "paths": {"system_drive": "C:"},
    "volumes": [{"drive": "C:", "size_bytes": 64 * 2**30, "free_bytes": 32 * 2**30}],
    "endpoints": {"https://api.example.com:6443": {"reached": True, "error": None}},
    "time": "2026-11-23T10:00:00Z",
    "errors": [],
}


def changed(**at: Any) -> dict[str, Any]:
    """The ready node with facts replaced; a path of keys is written with two underscores between."""
    node = copy.deepcopy(READY)
    for path, value in at.items():
        *parents, last = path.split("__")
        place = node
        for key in parents:
            place = place[key]
        place[last] = value
    return node


def codes(node: dict[str, Any], **wanted: str) -> set[str]:
    return {reason["code"] for reason in judge(node, **wanted).reasons}


OWN_SHIM = "[plugins.'io.containerd.internal.v1.opt']\npath = 'C:\\Program Files\\containerd\\hcsshim-{}'\n"

# What brings each rule to speak: a change of the ready node, and the versions that it is judged against.
TRIGGERS: dict[str, tuple[dict[str, Any], dict[str, str]]] = {
    "NRD001": ({"os__build": 14393}, {}),
    "NRD002": ({"os__build": 19042}, {}),
    "NRD003": ({"features__Containers": "disabled"}, {}),
    "NRD004": ({"pending_reboot__reasons": ["component_based_servicing"]}, {}),
    "NRD005": ({"pending_reboot__reasons": ["computer_rename"]}, {}),
    "NRD006": ({"bindfltapi": False}, {}),
    "NRD020": ({"containerd__exists": False}, {}),
    "NRD021": ({"containerd__version": "1.6.0"}, {}),
    "NRD022": ({"containerd__version": "1.7.36"}, {}),
    "NRD023": ({"containerd__version": "1.5.18"}, {}),
    "NRD024": ({}, {"containerd_version": "2.1.9"}),
    "NRD025": ({"services__containerd": None}, {}),
    "NRD026": ({"services__containerd__state": "stopped"}, {}),
    "NRD027": ({"services__containerd__account": ".\\containerd"}, {}),
    "NRD028": ({"services__containerd__start_mode": "manual"}, {}),
    # What containerd --register-service sets.
    "NRD029": ({"services__containerd__failure_actions__actions": [RESTART, RESTART, NONE]}, {}),
    "NRD030": ({"containerd__pipe__answers": False}, {}),
    "NRD031": ({"services__containerd__command_line": r"C:\old\containerd.exe --run-service"}, {}),
    "NRD032": ({"containerd__config__byte_order_mark": True}, {}),
    "NRD033": ({"containerd__shim__exists": False}, {}),
    "NRD034": ({"containerd__version": "2.2.99"}, {}),
    "NRD035": ({"containerd__shim_processes": [{"pid": 7, "path": r"C:\old\containerd-shim-runhcs-v1.exe"}]}, {}),
    "NRD036": (
        {"containerd__config__content": OWN_SHIM.format("0.13.0"), "containerd__shim_processes": []},
        {},
    ),
    "NRD037": ({"containerd__version": "1.5.18"}, {}),
    "NRD040": ({"kubelet__version": "1.21.14"}, {}),
    "NRD041": ({"kubelet__exists": False}, {}),
    "NRD042": ({}, {"kubernetes_version": "1.35.1"}),
    "NRD043": ({"services__kubelet": None}, {}),
    "NRD044": ({"services__kubelet__state": "start_pending"}, {}),
    "NRD045": ({"services__kubelet__start_mode": "disabled"}, {}),
    "NRD046": ({"services__kubelet__failure_actions__actions": []}, {}),
    "NRD047": ({"services__kubelet__command_line": r"C:\k\nssm.exe"}, {}),
    "NRD048": ({"services__kubelet__dependencies": []}, {}),
    "NRD049": ({"kubelet__config__exists": False}, {}),
    "NRD050": ({"kubelet__config__content": "singleProcessOOMKill: true\n"}, {}),
    "NRD051": ({"kubelet__config__content": "cgroupsPerQOS: true\n"}, {}),
    "NRD052": ({"kubelet__config__content": "featureGates: {WindowsHostProcessContainers: true}\n"}, {}),
    "NRD053": ({"kubelet__version": "1.22.17"}, {}),
    "NRD060": ({"volumes": [{"drive": "C:", "size_bytes": 64 * 2**30, "free_bytes": 9 * 2**30}]}, {}),
    "NRD061": ({"kubelet__client_certificate__not_after": "2026-11-23T10:00:00Z"}, {}),
    "NRD062": ({"kubelet__client_certificate__not_after": "2026-12-01T00:00:00Z"}, {}),
    "NRD063": ({"endpoints": {"api:6443": {"addresses": [], "reached": False, "error": "No such host."}}}, {}),
    "NRD098": ({"containerd__version": "9.9.9"}, {}),
    "NRD099": ({"errors": [{"what": "service manager", "win32_error": 5, "message": "Access is denied."}]}, {}),
}


def test_a_ready_node_has_nothing_against_it() -> None:
    assert judge(copy.deepcopy(READY)) == (True, [])
    assert judge(copy.deepcopy(READY), "1.36.3", "2.2.9") == (True, [])


def test_every_code_has_a_trigger() -> None:
    assert list(TRIGGERS) == [rule.code for rule in RULES]


@pytest.mark.parametrize("code", TRIGGERS)
def test_each_rule_speaks_of_what_it_is_about(code: str) -> None:
    change, wanted = TRIGGERS[code]
    reasons = {reason["code"]: reason for reason in judge(changed(**change), **wanted).reasons}
    assert code in reasons
    reason = reasons[code]
    assert reason["severity"] == next(rule.severity for rule in RULES if rule.code == code)
    assert reason["evidence"]
    for sentence in (reason["message"], reason["fix"]):
        assert sentence.endswith("."), sentence
        assert ".." not in sentence.replace("...", ""), sentence
        assert "None" not in sentence, sentence


@pytest.mark.parametrize("code", [rule.code for rule in RULES if rule.severity == ERROR])
def test_an_error_keeps_a_node_from_being_ready(code: str) -> None:
    change, wanted = TRIGGERS[code]
    assert judge(changed(**change), **wanted).ready is False


@pytest.mark.parametrize("code", [rule.code for rule in RULES if rule.severity == WARNING])
def test_a_warning_alone_does_not(code: str) -> None:
    change, wanted = TRIGGERS[code]
    verdict = judge(changed(**change), **wanted)
    if {reason["severity"] for reason in verdict.reasons} == {WARNING}:
        assert verdict.ready is True
    else:
        assert code in ("NRD023", "NRD022")  # old enough to be refused as well


def test_server_2016_is_refused_with_the_reason() -> None:
    (reason,) = judge(changed(os__build=14393, bindfltapi=False)).reasons
    assert reason["code"] == "NRD001"
    assert "Windows Server 2016 (build 14393)" in reason["message"]
    assert "17763" in reason["message"]


@pytest.mark.parametrize("build", [17763, 20348, 25398, 26100])
def test_builds_that_run_hostprocess_containers(build: int) -> None:
    assert not codes(changed(os__build=build)) & {"NRD001", "NRD002"}


def test_a_bare_node_lacks_everything_and_says_nothing_twice() -> None:
    node = changed(
        features__Containers="disabled",
        containerd__exists=False,
        containerd__version=None,
        containerd__shim__exists=False,
        containerd__shim_processes=[],
        containerd__pipe__answers=False,
        services__containerd=None,
        services__kubelet=None,
        kubelet__exists=False,
        kubelet__version=None,
        kubelet__config={"path": "C:\\x", "exists": False, "content": None},
    )
    assert codes(node) == {"NRD003", "NRD020", "NRD041", "NRD049"}


@pytest.mark.parametrize(
    "account",
    ["LocalSystem", "LocalService", r"NT AUTHORITY\LocalService", r".\LocalSystem", "nt authority\\local service"],
)
def test_accounts_that_can_log_others_on(account: str) -> None:
    assert "NRD027" not in codes(changed(services__containerd__account=account))


@pytest.mark.parametrize(
    ("actions", "gives_up"), [([RESTART], False), ([NONE, RESTART], False), ([RESTART, NONE], True)]
)
def test_the_last_recovery_action_counts(actions: list[dict[str, Any]], gives_up: bool) -> None:
    assert ("NRD029" in codes(changed(services__containerd__failure_actions__actions=actions))) is gives_up


def test_recovery_that_windows_did_not_tell_is_no_reason() -> None:
    assert "NRD029" not in codes(changed(services__containerd__failure_actions=None))


@pytest.mark.parametrize(
    "command",
    [
        r'"C:\Program Files\containerd\containerd.exe" --run-service',
        r"C:\Program Files\containerd\containerd.exe --run-service",
        r"c:/program files/containerd/CONTAINERD.EXE",
    ],
)
def test_the_same_program_written_otherwise_is_the_same(command: str) -> None:
    assert "NRD031" not in codes(changed(services__containerd__command_line=command))


@pytest.mark.parametrize(("version", "refused"), [("1.30.14", True), ("1.31.14", False), ("1.36.3", False)])
def test_cgroups_per_qos_is_refused_up_to_130(version: str, refused: bool) -> None:
    node = changed(
        kubelet__version=version, kubelet__config__content="cgroupsPerQOS: true\n", containerd__version="1.7.28"
    )
    assert ("NRD050" in codes(node)) is refused
    assert ("NRD051" in codes(node)) is not refused


def test_a_byte_order_mark_is_taken_by_containerd_17() -> None:
    node = changed(containerd__config__byte_order_mark=True, containerd__version="1.7.36", kubelet__version="1.30.1")
    assert "NRD032" not in codes(node)


@pytest.mark.parametrize(("wanted", "other"), [("1.36", False), ("v1.36.3", False), ("1.36.4", True), ("1.35", True)])
def test_a_wanted_version_may_leave_the_patch_open(wanted: str, other: bool) -> None:
    assert ("NRD042" in codes(changed(), kubernetes_version=wanted)) is other


def test_the_wanted_kubernetes_version_judges_containerd() -> None:
    assert "NRD022" not in codes(changed())
    assert "NRD022" in codes(changed(), kubernetes_version="1.37.2")  # wants 2.3 and later


@pytest.mark.parametrize("content", [None, "", "[1, 2]", "a: [", "featureGates: 7\n", "just text"])
def test_a_kubelet_configuration_that_is_none_is_no_crash(content: str | None) -> None:
    assert not codes(changed(kubelet__config__content=content)) & {"NRD050", "NRD052"}


@pytest.mark.parametrize("wanted", [{"kubernetes_version": "latest"}, {"containerd_version": "two"}])
def test_a_wanted_version_that_is_none_is_refused(wanted: dict[str, str]) -> None:
    with pytest.raises(NodeError, match="is not a version"):
        judge(changed(), **wanted)


@pytest.mark.parametrize("node", [None, [], "node"])
def test_what_is_no_node_is_refused(node: Any) -> None:
    with pytest.raises(NodeError, match="node_info"):
        judge(node)


def _paths(node: dict[str, Any], prefix: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    found = []
    for key, value in node.items():
        found.append((*prefix, key))
        if isinstance(value, dict):
            found += _paths(value, (*prefix, key))
    return found


@given(st.lists(st.sampled_from(_paths(READY)), max_size=6), st.booleans())
def test_facts_that_are_missing_or_null_are_never_an_error_of_the_node(
    missing: list[tuple[str, ...]], drop: bool
) -> None:
    node = copy.deepcopy(READY)
    for *parents, last in missing:
        place: Any = node
        for key in parents:
            place = place.get(key) if isinstance(place, dict) else None
        if isinstance(place, dict) and last in place:
            if drop:
                del place[last]
            else:
                place[last] = None
    verdict = judge(node)
    # A service that is null is one that is not there; every other null says nothing against the node.
    assert {reason["code"] for reason in verdict.reasons if reason["severity"] == ERROR} <= {"NRD025", "NRD043"}


@given(st.lists(st.sampled_from(list(TRIGGERS)), max_size=8, unique=True))
def test_ready_means_that_no_reason_is_an_error(chosen: list[str]) -> None:
    node, wanted = copy.deepcopy(READY), {}
    for code in chosen:
        change, versions = TRIGGERS[code]
        wanted |= versions
        for path, value in change.items():
            *parents, last = path.split("__")
            place: Any = node
            for key in parents:
                place = place.get(key) if isinstance(place, dict) else None
            if isinstance(place, dict):
                place[last] = value
    verdict = judge(node, **wanted)
    severities = [reason["severity"] for reason in verdict.reasons]
    assert verdict.ready is (ERROR not in severities)
    assert severities == sorted(severities)  # errors first
    assert len({reason["code"] for reason in verdict.reasons}) == len(verdict.reasons)


def test_the_documented_codes_are_the_rules() -> None:
    text = (ROOT / "docs" / "readiness-codes.md").read_text()
    rows = re.findall(r"^\| (NRD\d{3}) \| (\w+) \| (.+?) \|$", text, re.MULTILINE)
    assert rows == [(rule.code, rule.severity, rule.title) for rule in RULES]


@pytest.mark.parametrize(
    ("change", "unknown"),
    [
        ({"os__build": None}, ["Windows build"]),
        ({"features": {}}, ["feature Containers"]),
        ({"containerd__version": None}, ["containerd version"]),
        ({"kubelet__version": None}, ["kubelet version"]),
        ({"kubelet__version": None, "kubelet__exists": False}, []),
    ],
)
def test_what_is_not_known_is_said(change: dict[str, Any], unknown: list[str]) -> None:
    said = [reason["evidence"]["unknown"] for reason in judge(changed(**change)).reasons if reason["code"] == "NRD099"]
    assert said == ([unknown] if unknown else [])


def test_codes_are_unique() -> None:
    assert len({rule.code for rule in RULES}) == len(RULES)


@pytest.mark.parametrize(
    ("configuration", "free", "short"),
    [
        ("{}", 10, False),
        ("{}", 9, True),  # 15 % of 64 GiB are 9.6
        ("evictionHard: {nodefs.available: 10%, imagefs.available: 10%}", 9, False),
        ("evictionHard: {nodefs.available: 10%, imagefs.available: 10%}", 6, True),
        ("evictionHard: {nodefs.available: 20Gi}", 19, True),
        ("evictionHard: {nodefs.available: 1Gi}", 5, False),  # imagefs is left out, so it is off
        ("{evictionHard: {nodefs.available: 1Gi}, mergeDefaultEvictionSettings: true}", 5, True),
        ("evictionHard: {nodefs.available: much}", 5, False),  # not a quantity, and not this rule's matter
        ("evictionHard: 7", 9, True),
    ],
)
def test_room_is_measured_by_the_kubelets_own_thresholds(configuration: str, free: int, short: bool) -> None:
    volumes = [{"drive": "c:", "size_bytes": 64 * 2**30, "free_bytes": free * 2**30}]
    assert ("NRD060" in codes(changed(volumes=volumes, kubelet__config__content=configuration))) is short


def test_a_certificate_is_judged_by_the_nodes_own_clock() -> None:
    assert codes(changed(time="2027-06-01T00:00:01Z")) == {"NRD061"}
    assert codes(changed(time="2027-05-31T23:59:59Z")) == {"NRD062"}
    assert codes(changed(time="2027-04-01T00:00:00Z")) == set()
    assert codes(changed(time=None)) == set()


def test_running_shims_are_compared_with_the_one_that_new_pods_get():
    """containerd takes its shim from below the opt path of its configuration, whatever lies beside it."""
    folder = r"C:\Program Files\containerd\hcsshim-0.14.1"
    places = (r"C:\Program Files\containerd", rf"{folder}\bin")
    old, new = (rf"{place}\containerd-shim-runhcs-v1.exe" for place in places)
    running = [{"pid": 7, "path": old}, {"pid": 8, "path": new.upper()}]
    node = changed(containerd__config__content=OWN_SHIM.format("0.14.1"), containerd__shim_processes=running)
    (reason,) = judge(node).reasons
    assert (reason["code"], reason["severity"]) == ("NRD035", "warning")
    assert f"process 7 from {old}" in reason["message"]
    assert "process 8" not in reason["message"]


def test_a_containerd_without_job_containers_is_fine_with_a_shim_that_has_them():
    content = OWN_SHIM.format("0.9.12")
    node = changed(containerd__version="1.5.18", containerd__config__content=content, containerd__shim_processes=[])
    assert "NRD023" not in codes(node, kubernetes_version="1.22.17")


@pytest.mark.parametrize("content", ["plugins = 1\n", "[plugins]\nx = 1\n", "not toml", None])
def test_a_configuration_without_an_opt_path_leaves_the_shim_beside_containerd(content):
    assert codes(changed(containerd__config__content=content)) == set()


def test_a_name_that_does_not_resolve_is_told_from_a_server_that_does_not_answer() -> None:
    def reason(**answers: dict) -> dict:
        node = copy.deepcopy(READY)
        node["endpoints"] = {f"{name}:6443": {"reached": False, **answer} for name, answer in answers.items()}
        _ready, reasons = judge(node)
        return next(reason for reason in reasons if reason["code"] == "NRD063")

    nameless = {"addresses": [], "error": "No such host is known."}
    silent = {"addresses": ["10.0.0.1", "10.0.0.2"], "error": "No answer within 5 seconds."}
    wrong = {"addresses": None, "error": "This is neither a URL nor host:port."}
    unresolved, unanswered, both = reason(api=nameless), reason(api=silent), reason(api=nameless, other=silent)
    assert "api:6443: its name does not resolve (No such host is known)." in unresolved["message"]
    assert ("DNS" in unresolved["fix"], "firewalls" in unresolved["fix"]) == (True, False)
    assert "api:6443: 10.0.0.1, 10.0.0.2 does not answer (No answer within 5 seconds)." in unanswered["message"]
    assert ("DNS" in unanswered["fix"], "firewalls" in unanswered["fix"]) == (False, True)
    assert ("DNS" in both["fix"], "firewalls" in both["fix"]) == (True, True)
    assert "resolve" not in reason(api=wrong)["message"]


WITHOUT_CGROUPS = "cgroupsPerQOS: false\nenforceNodeAllocatable: []\n"
OF_1_22 = {
    "kubelet__version": "1.22.17",
    "kubelet__config__content": WITHOUT_CGROUPS + "featureGates: {WindowsHostProcessContainers: true}\n",
    "containerd__version": "1.5.18",
    "containerd__shim_processes": [],
}


def passing(*patterns: str) -> str:
    """A config.toml of containerd 1.5 with a shim of one's own, whose handler lets annotations through."""
    table = "[plugins.'io.containerd.grpc.v1.cri'.containerd.runtimes.runhcs-wcow-process]"
    lists = f"pod_annotations = {list(patterns)}\ncontainer_annotations = {list(patterns)}\n"
    return f"version = 2\n{table}\n{lists}" + OWN_SHIM.format("0.9.12")


def test_a_node_of_1_22_is_ready_with_gate_shim_and_annotation() -> None:
    for pattern in ("microsoft.com/hostprocess-container", "microsoft.com/*"):
        assert codes(changed(**OF_1_22, containerd__config__content=passing(pattern))) == set()
    assert codes(changed(**OF_1_22, containerd__config__content=passing("io.microsoft.*"))) == {"NRD037"}
    pods_only = passing("microsoft.com/*").replace("container_annotations = ['microsoft.com/*']\n", "")
    assert codes(changed(**OF_1_22, containerd__config__content=pods_only)) == {"NRD037"}
    without_gate = OF_1_22 | {"kubelet__config__content": WITHOUT_CGROUPS}
    found = changed(**without_gate, containerd__config__content=passing("microsoft.com/*"))
    assert codes(found) == {"NRD053"}
    found["services"]["kubelet"]["command_line"] += " --feature-gates=A=false,WindowsHostProcessContainers=true"
    assert codes(found) == set()


def test_later_versions_need_neither_gate_nor_annotation() -> None:
    for kubelet, containerd in (("1.23.17", "1.6.39"), ("1.27.16", "1.7.36"), ("1.28.15", "1.7.36")):
        node = changed(kubelet__version=kubelet, containerd__version=containerd)
        node["kubelet"]["config"]["content"] = WITHOUT_CGROUPS
        assert codes(node) == set()
