# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

import copy
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.kubewin.hostprocess.plugins.module_utils.manifest import documents, report
from ansible_collections.kubewin.hostprocess.plugins.module_utils.manifest.check import (
    Finding,
    Settings,
    check,
    counts,
    failing,
)
from ansible_collections.kubewin.hostprocess.plugins.module_utils.manifest.target import make_target
from ansible_collections.kubewin.hostprocess.plugins.module_utils.rules.errors import UnknownCodeError
from ansible_collections.kubewin.hostprocess.plugins.module_utils.support import matrix
from ansible_collections.kubewin.hostprocess.plugins.module_utils.support.windows import windows_build

MANIFEST = """\
kind: Namespace
metadata:
  name: guarded
  labels:
    pod-security.kubernetes.io/enforce: baseline
---
apiVersion: apps/v1
kind: DaemonSet
metadata:
  name: agent
  namespace: guarded
spec:
  template:
    spec:
      os: {name: windows}
      nodeSelector: {kubernetes.io/os: windows}
      tolerations: [{operator: Exists}]
      securityContext:
        windowsOptions:
          hostProcess: true
          runAsUserName: NT AUTHORITY\\SYSTEM
      containers:
        - name: agent
          image: example/agent:1
          resources: {limits: {cpu: 1, memory: 100Mi}}
"""


def settings(**changes) -> Settings:
    return Settings(**{"kubernetes_version": "1.36", "target": make_target("1.36"), **changes})


def found(text=MANIFEST, **changes):
    return check(documents.from_text(text, "a.yaml"), settings(**changes))


def test_refusals_come_before_pod_security_and_advice():
    assert [(each.code, each.severity, each.field, each.line) for each in found()] == [
        ("HPA001", "error", "spec.template.spec.hostNetwork", 14),
        ("HPA002", "error", "spec.template.spec", 14),
        ("HPL003", "info", "spec.template.spec.securityContext.windowsOptions.runAsUserName", 21),
    ]


def test_a_finding_names_its_object_and_links_to_its_code():
    first = found()[0]
    assert (first.kind, first.namespace, first.name, first.source) == ("DaemonSet", "guarded", "agent", "a.yaml")
    assert first.link.endswith("docs/lint-codes.md#hpa001")


def test_a_namespace_that_nobody_knows_is_not_judged():
    codes = [each.code for each in found(MANIFEST.partition("---\n")[2])]
    assert codes == ["HPA001", "HPL003"]


def test_labels_given_by_option_count_over_those_in_the_manifests():
    labels = {"guarded": {"pod-security.kubernetes.io/warn": "baseline"}}
    assert [each.code for each in found(namespace_labels=labels)] == ["HPA001", "HPA003", "HPL003"]


def test_an_object_without_a_namespace_is_in_the_default_one():
    text = MANIFEST.replace("  namespace: guarded\n", "")
    assert "HPA002" not in [each.code for each in found(text)]
    assert "HPA002" in [each.code for each in found(text, default_namespace="guarded")]


def test_all_but_the_api_servers_refusal_can_be_ignored():
    assert [each.code for each in found(ignore=("HPA001", "HPA002", "HPL003"))] == ["HPA001"]


def test_a_code_that_does_not_exist_can_not_be_ignored():
    with pytest.raises(UnknownCodeError, match="HPL777"):
        found(ignore=("HPL777",))


def test_a_value_of_a_wrong_type_is_all_that_is_said_of_an_object():
    text = MANIFEST.replace("hostProcess: true", 'hostProcess: "true"')
    assert [(each.code, each.line) for each in found(text)] == [("HPA001", 20)]


def test_a_stateful_set_that_is_taken_is_told_that_its_pods_are_not():
    text = MANIFEST.replace("kind: DaemonSet", "kind: StatefulSet").partition("---\n")[2]
    by_version = [[each.code for each in found(text, kubernetes_version=version)] for version in ("1.33", "1.34")]
    assert by_version == [["HPA004", "HPL003"], ["HPA001", "HPL003"]]


def test_workloads_are_looked_at_together():
    ports = "          ports: [{containerPort: 9000}]\n"
    other = (MANIFEST + ports).partition("---\n")[2]
    assert [each.code for each in found(other + "---\n" + other.replace("name: agent", "name: other"))].count(
        "HPL029"
    ) == 2


@pytest.mark.parametrize(
    ("fail_on", "codes"),
    [
        ("error", ["HPA001", "HPA002"]),
        ("warning", ["HPA001", "HPA002"]),
        ("info", ["HPA001", "HPA002", "HPL003"]),
        ("never", []),
    ],
)
def test_what_fails_is_as_bad_as_was_asked_or_worse(fail_on, codes):
    assert [each.code for each in failing(found(), fail_on)] == codes


def test_severities_are_counted():
    assert counts(found()) == {"error": 2, "warning": 0, "info": 1}


# What the fact sheet says about workloads as projects publish them: no limits but in one, no operating system named but
# in one, no toleration in some; all run as SYSTEM.
ALL_RUN_AS_SYSTEM = {"HPL003", "HPL012"}
PUBLISHED = {
    "kube-proxy-windows": {"HPL011", "HPL017"},
    "csi-proxy": {"HPL011", "HPL017", "HPL018"},
    "containerd-logger": {"HPL011", "HPL017", "HPL018"},
    "cni-windows": {"HPL011", "HPL017"},
    "csi-file-node-win": {"HPL011", "HPL017", "HPL018"},
    "windows-exporter": {"HPL011", "HPL017", "HPL018"},
    "hpc-win1-7x2lq": {"HPL011"},
    "packet-capture-win1": {"HPL011", "HPL017", "HPL018"},
    "overlay-windows": {"HPL011", "HPL017"},
}
SHAPES = Path(__file__).parents[1] / "cluster" / "published_shapes.yaml"


@pytest.mark.parametrize(("name", "gaps"), PUBLISHED.items())
def test_published_workloads_show_the_gaps_they_are_known_for(name, gaps):
    findings = check(documents.from_file(str(SHAPES)), settings())
    assert {each.code for each in findings if each.name == name} == gaps | ALL_RUN_AS_SYSTEM


def test_every_published_workload_has_its_row():
    assert {document.body["metadata"]["name"] for document in documents.from_file(str(SHAPES))} == set(PUBLISHED)


def test_a_plugin_that_talks_to_the_csi_proxy_through_its_pipes_is_no_hostprocess_workload():
    """The older shape of a CSI node plugin: an ordinary container, for which mounted pipes are right."""
    pipe = {"name": "proxy", "hostPath": {"path": "\\\\.\\pipe\\csi-proxy-volume-v1"}}
    container = {
        "name": "driver",
        "image": "registry.example/csi-file:v1",
        "volumeMounts": [{"name": "proxy", "mountPath": "\\\\.\\pipe\\csi-proxy-volume-v1"}],
    }
    spec = {"nodeSelector": {"kubernetes.io/os": "windows"}, "containers": [container], "volumes": [pipe]}
    labels = {"app": "csi-file"}
    body = {
        "apiVersion": "apps/v1",
        "kind": "DaemonSet",
        "metadata": {"name": "csi-file"},
        "spec": {"selector": {"matchLabels": labels}, "template": {"metadata": {"labels": labels}, "spec": spec}},
    }
    assert check(documents.from_value(body, "definition"), settings()) == []
    spec |= {"hostNetwork": True, "securityContext": {"windowsOptions": {"hostProcess": True}}}
    assert "HPL021" in {each.code for each in check(documents.from_value(body, "definition"), settings())}


# What these workloads gain on nodes whose containerd has no bind mounts (containerd 1.6): who mounts something without
# reaching it through the mount point's variable.
ON_OLD_CONTAINERD = {"containerd-logger", "cni-windows", "packet-capture-win1"}


def test_nodes_without_bind_mounts_have_published_mounts_elsewhere():
    old = settings(target=make_target("1.36", containerd_version="1.6.39", windows_build=20348))
    findings = check(documents.from_file(str(SHAPES)), old)
    assert {each.name for each in findings if each.code == "HPL023"} == ON_OLD_CONTAINERD


def test_two_exporters_on_one_port_keep_each_other_away():
    shapes = documents.from_file(str(SHAPES))
    [exporter] = [document for document in shapes if document.body["metadata"]["name"] == "windows-exporter"]
    other = copy.deepcopy(exporter.body)
    other["metadata"]["name"] = "node-metrics"
    both = documents.from_value([exporter.body, other], "definition")
    told = [each for each in check(both, settings()) if each.code == "HPL029"]
    assert {each.name for each in told} == {"windows-exporter", "node-metrics"}
    assert all("9182" in each.message for each in told)


def test_an_old_kubelet_misses_the_agent_that_says_it_on_containers_only():
    findings = check(documents.from_file(str(SHAPES)), settings(target=make_target("1.24")))
    assert [each.name for each in findings if each.code == "HPL001"] == ["cni-windows"]


# --- forms --------------------------------------------------------------------------------------------------------


def test_a_person_reads_where_what_and_what_to_do():
    text = report.render(found(), "human")
    assert text.startswith(
        "a.yaml:14: error HPA001: DaemonSet guarded/agent\n"
        "  spec.template.spec.hostNetwork: Invalid value: false: hostNetwork must be true if pod contains any"
        " hostProcess containers\n"
        "  fix: Change the field as the message says.\n"
    )
    assert text.endswith("2 error, 1 info\n")
    assert report.render([], "human") == "nothing found\n"


def test_a_program_reads_every_field():
    made = json.loads(report.render(found(), "json"))
    assert made["summary"] == {"error": 2, "warning": 0, "info": 1}
    assert [set(each) for each in made["findings"]] == [{*Finding._fields, "link"}] * 3


def test_code_review_reads_sarif():
    made = json.loads(report.render(found(), "sarif"))
    assert (made["version"], len(made["runs"])) == ("2.1.0", 1)
    run = made["runs"][0]
    rules = run["tool"]["driver"]["rules"]
    assert [rule["id"] for rule in rules] == ["HPA001", "HPA002", "HPL003"]
    for result, finding in zip(run["results"], found(), strict=True):
        assert rules[result["ruleIndex"]]["id"] == result["ruleId"] == finding.code
        place = result["locations"][0]["physicalLocation"]
        assert place == {"artifactLocation": {"uri": "a.yaml"}, "region": {"startLine": finding.line}}
    assert [result["level"] for result in run["results"]] == ["error", "error", "note"]


def test_in_sarif_data_without_a_file_has_only_a_logical_place():
    body = documents.from_text(MANIFEST, "")[1].body
    made = json.loads(report.render(check(documents.from_value(body, "definition"), settings()), "sarif"))
    assert all(set(result["locations"][0]) == {"logicalLocations"} for result in made["runs"][0]["results"])


def test_in_sarif_a_path_is_a_uri():
    named = check(documents.from_text(MANIFEST, "my manifests\\a#1.yaml"), settings())
    made = json.loads(report.render(named, "sarif"))
    uri = made["runs"][0]["results"][0]["locations"][0]["physicalLocation"]["artifactLocation"]["uri"]
    assert uri == "my%20manifests/a%231.yaml"


# --- target -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("containerd", "build", "mode"),
    [
        ("1.6.39", 20348, "symlink"),
        ("1.6.39", None, "symlink"),
        ("2.2.9", 20348, "bind"),
        ("2.2.9", 18363, "fallback"),
        ("2.2.9", 17763, None),
        ("2.2.9", None, None),
        (None, 20348, None),
        ("2.2.9", 14393, None),
        ("1.6.39", 14393, None),
    ],
)
def test_how_mounts_appear_takes_containerd_and_the_build(containerd, build, mode):
    assert make_target("1.36", containerd, build).mount_mode == mode


def test_what_is_not_given_stays_unknown():
    target = make_target("1.30")
    assert target.release == (1, 30)
    assert target[1:] == (None, None, None, None, None, (), "")


@given(st.integers(-5, matrix.MINIMUM_WINDOWS_BUILD - 1), st.sampled_from([None, *matrix.CONTAINERD]))
def test_of_windows_that_is_too_old_only_that_is_said(build, line):
    target = make_target("1.30", line and matrix.CONTAINERD[line]["latest_patch"], build)
    assert target.unsupported.startswith(windows_build(build).reason)
    assert (target.mount_mode, target.image_match) == (None, None)


SERVER_2016 = (
    "Windows Server 2016 (build 14393) can't run HostProcess containers: they need Windows Server 2019 (build 17763) or"
    " later"
)
TOO_OLD_FOR_1_36 = "containerd 1.6.10 can't run HostProcess containers with Kubernetes 1.36: it takes 1.6.15"
NONE_YET = (
    "containerd 1.5.3 has no HostProcess containers; containerd 1.5.3 can't run HostProcess containers with Kubernetes"
    " 1.22: it takes 1.5.4"
)
NEWER_SHIM = "The release of containerd 1.5.10 carries a shim without HostProcess containers (hcsshim v0.8.23)"


@pytest.mark.parametrize(
    ("kubernetes", "containerd", "build", "reason"),
    [
        ("1.36", None, 14393, SERVER_2016),
        ("1.36", "2.2.9", 14393, SERVER_2016),
        ("1.22", "1.5.10", 20348, NEWER_SHIM),
        ("1.22", "1.5.3", None, NONE_YET),
        ("1.36", "1.6.10", 20348, TOO_OLD_FOR_1_36),
        ("1.36", "1.6.10", 14393, f"{SERVER_2016}; {TOO_OLD_FOR_1_36}"),
        ("1.25", "1.6.10", 20348, ""),
        ("1.36", "1.6.15", 20348, ""),
        # Not in containerd's table for this Kubernetes, which promises nothing and prevents nothing.
        ("1.36", "1.7.35", 20348, ""),
        ("1.36", "2.2.9", 18363, ""),
        ("1.36", "2.2.9", 30000, ""),
        ("1.99", "2.4.2", 26100, ""),
        ("1.36", None, None, ""),
    ],
)
def test_nodes_that_can_not_run_hostprocess_containers_are_told(kubernetes, containerd, build, reason):
    target = make_target(kubernetes, containerd, build)
    assert target.unsupported == reason
    told = [each for each in found(target=target) if each.code == "HPL034"]
    assert [(each.field, each.message) for each in told] == [("spec.template.spec", reason)] * bool(reason)


@pytest.mark.parametrize(
    ("containerd", "build", "match"),
    [
        (None, 26100, "previous_ltsc_up"),
        ("1.6.22", 26100, "exact"),
        ("1.6.23", 26100, "previous_ltsc_up"),
        ("1.7.5", 25398, "exact"),
        ("1.7.6", 25398, "previous_ltsc_up"),
        ("1.7.2", 20348, "exact"),
        ("2.0.14", 20348, "ltsc2022_up"),
        ("1.5.18", 20348, "exact"),
        ("2.4.2", 17763, "exact"),
        ("1.6.20", 30000, None),
        ("1.6.20", None, None),
    ],
)
def test_an_earlier_releases_image_suits_from_1_6_23_and_1_7_6_on(containerd, build, match):
    assert make_target("1.25", containerd, build).image_match == match


@pytest.mark.parametrize(("containerd", "suits"), [("1.6.20", False), ("1.7.2", False), ("1.6.23", True)])
def test_an_image_of_the_release_before_is_told_where_it_does_not_suit(containerd, suits):
    text = MANIFEST.replace("example/agent:1", "example/agent:1-ltsc2022")
    codes = {each.code for each in found(text, target=make_target("1.30", containerd, 26100))}
    assert ("HPL020" in codes) is not suits


@pytest.mark.parametrize("given_patterns", [None, [], ("microsoft.com/*",)])
def test_no_annotation_is_passed_on_where_none_is_said(given_patterns):
    assert make_target("1.36", pod_annotations=given_patterns).pod_annotations == tuple(given_patterns or ())
