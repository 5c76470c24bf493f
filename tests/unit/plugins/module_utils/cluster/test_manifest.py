# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.kubewin.hostprocess.plugins.module_utils.cluster.hostprocess_pods import pod_template
from ansible_collections.kubewin.hostprocess.plugins.module_utils.cluster.manifest import (
    API_VERSIONS,
    KIND_OPTIONS,
    OptionError,
    build_namespace,
    build_workload,
)
from ansible_collections.kubewin.hostprocess.plugins.module_utils.rules.validation import validate

NEEDED = {"CronJob": {"schedule": "15 3 * * *"}}


def options(kind: str = "DaemonSet", **chosen) -> dict:
    base = {"kind": kind, "name": "agent", "namespace": "logs", "image": "registry.example/agent:1"}
    return {**base, **NEEDED.get(kind, {}), **chosen}


def pod(kind: str = "DaemonSet", **chosen) -> dict:
    return pod_template(build_workload(options(kind, **chosen)))


@pytest.mark.parametrize("kind", API_VERSIONS)
def test_every_kind_holds_a_pod_that_is_hostprocess_as_a_whole(kind):
    spec = pod(kind)["spec"]
    assert spec["securityContext"]["windowsOptions"]["hostProcess"] is True
    assert spec["hostNetwork"] is True
    assert spec["os"] == {"name": "windows"}
    assert spec["nodeSelector"]["kubernetes.io/os"] == "windows"


@given(
    kind=st.sampled_from(sorted(API_VERSIONS)),
    chosen=st.fixed_dictionaries(
        {},
        optional={
            "run_as": st.sampled_from(["NT AUTHORITY\\SYSTEM", "NT AUTHORITY\\Local service", "agents"]),
            "node_selector": st.dictionaries(st.sampled_from(["pool", "zone"]), st.text("ab", min_size=1)),
            "tolerate_windows_taint": st.booleans(),
            "env": st.dictionaries(st.text("ABC", min_size=1), st.integers() | st.booleans() | st.text()),
            "command": st.lists(st.text()),
            "resources": st.fixed_dictionaries({"limits": st.just({"cpu": "1"}), "requests": st.none()}),
            "restart_policy": st.sampled_from(["OnFailure", "Never"]),
            "termination_grace_period_seconds": st.integers(0, 300),
        },
    ),
)
def test_no_choice_of_options_builds_what_the_api_server_would_refuse(kind, chosen):
    assert validate(build_workload(options(kind, **chosen))) == []


@pytest.mark.parametrize("kind", sorted(set(API_VERSIONS) - {"Pod", "Job", "CronJob"}))
def test_a_workload_selects_its_own_pods_even_with_more_labels(kind):
    built = build_workload(options(kind, labels={"team": "edge"}))
    selector = built["spec"]["selector"]["matchLabels"]
    assert selector.items() <= pod_template(built)["metadata"]["labels"].items()
    assert "team" not in selector, "labels can change, a selector can't"


@pytest.mark.parametrize(
    ("kind", "option", "value"),
    [
        (kind, option, 1)
        for kind in API_VERSIONS
        for option in sorted(set().union(*KIND_OPTIONS.values()) - KIND_OPTIONS[kind])
    ],
)
def test_an_option_of_another_kind_is_refused_with_the_kinds_that_have_it(kind, option, value):
    with pytest.raises(OptionError, match=rf"{option} does not apply to kind {kind}; it applies to \w+"):
        build_workload(options(kind, **{option: value}))


@pytest.mark.parametrize(
    ("kind", "option", "value", "path"),
    [
        ("DaemonSet", "update_strategy", {"type": "OnDelete"}, ("spec", "updateStrategy")),
        ("Deployment", "update_strategy", {"type": "Recreate"}, ("spec", "strategy")),
        ("Deployment", "replicas", 0, ("spec", "replicas")),
        ("StatefulSet", "service_name", "agent", ("spec", "serviceName")),
        ("Job", "backoff_limit", 0, ("spec", "backoffLimit")),
        ("CronJob", "completions", 3, ("spec", "jobTemplate", "spec", "completions")),
        ("CronJob", "time_zone", "Europe/Vienna", ("spec", "timeZone")),
        ("Pod", "priority_class", "system-node-critical", ("spec", "priorityClassName")),
        ("Job", "restart_policy", None, ("spec", "template", "spec", "restartPolicy")),
    ],
)
def test_an_option_goes_where_its_kind_has_the_field(kind, option, value, path):
    found = build_workload(options(kind, **{option: value}))
    for key in path:
        found = found[key]
    assert found == ("Never" if value is None else value)


def test_environment_values_become_text_and_dictionaries_become_sources():
    source = {"fieldRef": {"fieldPath": "spec.nodeName"}}
    environment = pod(env={"COUNT": 3, "DEBUG": True, "EMPTY": "", "NODE": source})["spec"]["containers"][0]["env"]
    assert environment == [
        {"name": "COUNT", "value": "3"},
        {"name": "DEBUG", "value": "true"},
        {"name": "EMPTY", "value": ""},
        {"name": "NODE", "valueFrom": source},
    ]


def test_the_windows_taint_is_tolerated_unless_not_wanted():
    mine = {"key": "gpu", "operator": "Exists"}
    assert {"key": "os", "operator": "Exists", "effect": "NoSchedule"} in pod(tolerations=[mine])["spec"]["tolerations"]
    assert pod(tolerations=[mine], tolerate_windows_taint=False)["spec"]["tolerations"] == [mine]


def test_nothing_is_written_for_what_is_not_set():
    container = pod(resources={"limits": {"cpu": "1"}, "requests": None}, command=[])["spec"]["containers"][0]
    assert container == {
        "name": "agent",
        "image": "registry.example/agent:1",
        "resources": {"limits": {"cpu": "1"}},
    }


def test_a_missing_image_is_named():
    with pytest.raises(OptionError, match="image is required to build a Job"):
        build_workload(options("Job", image=None))


def test_a_namespace_admits_hostprocess_pods_in_all_three_modes():
    labels = build_namespace("logs", {"team": "edge"})["metadata"]["labels"]
    assert labels == {
        "pod-security.kubernetes.io/enforce": "privileged",
        "pod-security.kubernetes.io/audit": "privileged",
        "pod-security.kubernetes.io/warn": "privileged",
        "team": "edge",
    }


def test_a_list_is_no_environment_variable():
    with pytest.raises(OptionError, match="env A is a list"):
        build_workload({"kind": "Pod", "name": "a", "image": "i", "env": {"A": [1, 2]}})
