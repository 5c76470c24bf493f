# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The kubelet's files: what is merged, and what is refused before a kubelet would refuse it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from ansible_collections.kubewin.hostprocess.plugins.module_utils.node.errors import ConfigurationError
from ansible_collections.kubewin.hostprocess.plugins.module_utils.node.kubelet_config import (
    bootstrap_kubeconfig,
    dump,
    merge,
)

GATE = "WindowsHostProcessContainers"
HEADER = {"apiVersion": "kubelet.config.k8s.io/v1beta1", "kind": "KubeletConfiguration"}
ANYTHING = st.recursive(
    st.one_of(st.booleans(), st.integers(-100, 100), st.text(max_size=8)),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=5), inner, max_size=3)),
    max_leaves=6,
)
TAINT = st.fixed_dictionaries({"key": st.sampled_from(["os", "y", "1e9"]), "value": st.sampled_from(["", "n", "08"])})
# What kubelets take, and in fields that none knows, whatever there is.
FIELDS = st.fixed_dictionaries(
    {},
    optional={
        "maxPods": st.integers(0, 2**31 - 1),
        "clusterDomain": st.text(max_size=8),
        "evictionHard": st.dictionaries(st.sampled_from(["memory.available", "pid.available"]), st.just("5%")),
        "registerWithTaints": st.lists(TAINT, max_size=3),
        "logging": st.dictionaries(st.text(max_size=5), ANYTHING, max_size=3),
        "aFieldOfTomorrow": ANYTHING,
        "anotherOne": ANYTHING,
    },
)


@settings(max_examples=40, deadline=None)
@given(FIELDS, FIELDS)
def test_merging_twice_changes_no_more_than_merging_once(found, wanted):
    text = yaml.safe_dump({**HEADER, **found})
    once = merge(text, wanted, {}, "1.36.3")
    assert not merge(once.text, wanted, {}, "1.36.3").changed


@settings(max_examples=40, deadline=None)
@given(FIELDS)
def test_foreign_fields_stay(found):
    text = yaml.safe_dump({**HEADER, **found})
    after = yaml.safe_load(merge(text, {"port": 10250}, {}, "1.36.3").text)
    assert {field: after[field] for field in found} == found


def test_a_file_that_says_it_already_stays_byte_for_byte():
    text = '{"kind": "KubeletConfiguration", "apiVersion": "kubelet.config.k8s.io/v1beta1", "port": 1,\n'
    text += ' "cgroupsPerQOS": false, "enforceNodeAllocatable": []}\n'
    assert merge(text, {"port": 1}, {}, "1.36.3").text == text


def test_null_removes_a_field_and_a_gate():
    text = yaml.safe_dump({**HEADER, "maxPods": 5, "featureGates": {GATE: True}})
    after = yaml.safe_load(merge(text, {"maxPods": None}, {GATE: None}, "1.36.3").text)
    assert "maxPods" not in after
    assert "featureGates" not in after


@pytest.mark.parametrize(("version", "enabled"), [("1.22.17", True), ("1.25.10", False), ("v1.27.7", True)])
def test_the_gate_is_written_where_the_version_knows_it(version, enabled):
    assert yaml.safe_load(merge(None, {}, {GATE: enabled}, version).text)["featureGates"] == {GATE: enabled}


@pytest.mark.parametrize(
    ("version", "enabled", "words"),
    [
        ("1.28.3", True, "has no feature gate WindowsHostProcessContainers .removed in 1.28."),
        ("1.36.3", False, "panics at start: unrecognized feature gate"),
        ("1.26.5", False, "locks feature gate"),
        (1.30, True, "removed in 1.28"),
    ],
)
def test_a_gate_that_stops_the_kubelet_is_refused_with_its_fix(version, enabled, words):
    with pytest.raises(ConfigurationError, match=words) as refused:
        merge(None, {}, {GATE: enabled}, version)
    assert "Remove WindowsHostProcessContainers" in str(refused.value)


def test_a_gate_left_in_the_file_is_refused_as_one_that_is_asked_for():
    text = yaml.safe_dump({**HEADER, "featureGates": {GATE: True}})
    with pytest.raises(ConfigurationError, match=r"removed in 1\.28"):
        merge(text, {}, {}, "1.36.3")


def test_a_gate_that_is_no_truth_value_is_refused():
    with pytest.raises(ConfigurationError, match="write true or false"):
        merge(None, {}, {"NodeLogQuery": "yes"}, "1.36.3")


@pytest.mark.parametrize(
    ("version", "field", "value"),
    [
        ("1.30.14", "cgroupsPerQOS", True),
        ("1.29.6", "enforceNodeAllocatable", ["pods"]),
        ("1.32.13", "singleProcessOOMKill", False),
        ("1.33.13", "userNamespaces", {}),
        ("1.37.2", "defaultPodSysctls", {"a": "b"}),
    ],
)
def test_a_field_that_stops_a_kubelet_on_windows_is_refused(version, field, value):
    with pytest.raises(ConfigurationError, match=f"does not start with {field}"):
        merge(None, {field: value}, {}, version)


def test_a_field_that_is_only_ignored_is_a_warning():
    merged = merge(None, {"cgroupsPerQOS": True}, {}, "1.36.3")
    assert any("ignores cgroupsPerQOS" in warning for warning in merged.warnings)


VALUES = yaml.safe_load((Path(__file__).parent / "kubelet_values.yml").read_text())


@pytest.mark.parametrize("name", VALUES["refused"])
def test_a_value_with_which_the_kubelet_ends_is_refused_and_named(name):
    """tests/engines asks kubelet.exe about the same values."""
    case = VALUES["refused"][name]
    with pytest.raises(ConfigurationError, match=re.escape(case["says"])):
        merge(None, case["settings"], {}, "1.36.3")
    with pytest.raises(ConfigurationError, match=re.escape(case["says"])):
        merge(yaml.safe_dump({**HEADER, **case["settings"]}), {}, {}, "1.36.3")


@pytest.mark.parametrize("name", VALUES["accepted"])
def test_a_value_that_the_kubelet_takes_is_written_as_it_is(name):
    settings = VALUES["accepted"][name]
    after = yaml.safe_load(merge(None, settings, {}, "1.36.3").text)
    assert {field: after[field] for field in settings} == settings


def test_all_values_that_are_wrong_are_named_at_once():
    with pytest.raises(ConfigurationError) as refused:
        merge(None, {"maxPods": "many", "syncFrequency": "often"}, {}, "1.36.3")
    assert "maxPods is 'many'" in str(refused.value)
    assert "syncFrequency is 'often'" in str(refused.value)


@pytest.mark.parametrize("field", ["maxPods", "runtimeRequestTimeout", "evictionHard", "featureGates"])
def test_null_takes_a_value_out_that_would_be_refused(field):
    text = yaml.safe_dump({**HEADER, field: "many"})
    assert field not in yaml.safe_load(merge(text, {field: None}, {}, "1.36.3").text)


def test_null_in_the_file_is_a_default_but_for_a_duration():
    nulls = dict.fromkeys(("maxPods", "evictionHard", "cpuCFSQuotaPeriod"))
    assert not merge(yaml.safe_dump({**HEADER, **nulls}), {}, {}, "1.36.3").warnings
    with pytest.raises(ConfigurationError, match="syncFrequency is null"):
        merge(yaml.safe_dump({**HEADER, "syncFrequency": None}), {}, {}, "1.36.3")


def test_a_field_that_a_kubelet_does_not_know_yet_is_not_judged():
    settings = {"containerLogMonitorInterval": "often"}
    merge(None, settings, {}, "1.29.6")
    with pytest.raises(ConfigurationError, match="containerLogMonitorInterval is 'often'"):
        merge(None, settings, {}, "1.31.0")


@pytest.mark.parametrize("text", ["y", "N", "1e9", "08", "0o17", "1e+3", ".5"])
def test_text_that_go_would_read_as_something_else_is_put_in_quotes(text):
    assert f"clusterDomain: '{text}'" in merge(None, {"clusterDomain": text}, {}, "1.36.3").text
    assert f"'{text}': 1" in dump({text: 1})


def test_numbers_and_truth_values_are_written_without_quotes():
    assert dump({"a": 5, "b": 1.5, "c": True}) == "a: 5\nb: 1.5\nc: true\n"


@pytest.mark.parametrize("version", ["1.22.17", "1.30.14", "1.36.3"])
def test_what_is_written_without_any_wish_is_taken_by_every_kubelet(version):
    assert merge(None, {}, {}, version).warnings == ()


@pytest.mark.parametrize(
    "text", ["\ufeffkind: KubeletConfiguration", "k\x00i\x00", "- a list", "kind: Pod", "a: [1", "kind: caf\ufffd"]
)
def test_a_file_that_is_none_is_refused(text):
    with pytest.raises(ConfigurationError):
        merge(text, {}, {}, "1.36.3")


def test_the_bootstrap_kubeconfig_names_server_authority_and_token():
    text = bootstrap_kubeconfig("https://api:6443", "C:\\k\\pki\\ca.crt", "abcdef.0123456789abcdef")
    config = yaml.safe_load(text)
    assert config["clusters"][0]["cluster"] == {
        "server": "https://api:6443",
        "certificate-authority": "C:\\k\\pki\\ca.crt",
    }
    assert config["users"][0]["user"] == {"token": "abcdef.0123456789abcdef"}
    assert config["current-context"] == config["contexts"][0]["name"]


def test_a_wrong_token_is_refused_without_being_shown():
    with pytest.raises(ConfigurationError) as refused:
        bootstrap_kubeconfig("https://api:6443", "C:\\ca.crt", "my-secret-token")
    assert "my-secret-token" not in str(refused.value)
