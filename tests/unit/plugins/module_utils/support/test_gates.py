# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Facts section 1.5."""

from __future__ import annotations

import pytest

from ansible_collections.kubewin.hostprocess.plugins.module_utils.support import gate_history, gates, versions
from ansible_collections.kubewin.hostprocess.plugins.module_utils.support.errors import UnknownVersionError

GATE = "WindowsHostProcessContainers"
HISTORY = {
    "1.21": ("absent", None, False),
    "1.22": ("alpha", False, False),
    "1.23": ("beta", True, False),
    "1.25": ("beta", True, False),
    "1.26": ("ga", True, True),
    "1.27": ("ga", True, True),
    "1.28": ("removed", None, False),
    "1.37": ("removed", None, False),
}


@pytest.mark.parametrize(("version", "stage", "default", "locked"), [(line, *row) for line, row in HISTORY.items()])
def test_the_gate_has_its_history(version, stage, default, locked):
    state = gates.gate_state(GATE, version)
    assert (state.stage, state.default, state.locked) == (stage, default, locked)
    assert state.settable is (stage not in ("absent", "removed"))


@pytest.mark.parametrize("version", ["1.28", "1.31.14", "1.37.2"])
@pytest.mark.parametrize("enabled", [True, False])
def test_a_removed_gate_is_refused_whatever_its_value(version, enabled):
    verdict = gates.check_gate("kubelet", GATE, enabled, version)
    assert not verdict.accepted
    assert "removed in 1.28" in verdict.message
    assert f"Remove {GATE}" in verdict.fix


def test_how_a_kubelet_ends_depends_on_its_version():
    assert "panics" not in gates.check_gate("kubelet", GATE, True, "1.31").message
    assert "panics" in gates.check_gate("kubelet", GATE, True, "1.32").message
    assert "panics" not in gates.check_gate("kube-apiserver", GATE, True, "1.32").message


def test_a_locked_gate_takes_only_its_own_value():
    assert not gates.check_gate("kubelet", GATE, False, "1.26").accepted
    accepted = gates.check_gate("kubelet", GATE, True, "1.26")
    assert accepted.accepted
    assert "anyway" in accepted.message


def test_a_gate_that_matters_is_accepted_without_a_word():
    assert gates.check_gate("kubelet", GATE, True, "1.22") == ("kubelet", GATE, True, "", "")


def test_a_gate_that_is_not_there_yet_is_refused():
    assert "new in 1.32" in gates.check_gate("kubelet", "WindowsGracefulNodeShutdown", True, "1.31").message


@pytest.mark.parametrize(("component", "version"), [("kubelet", "1.28.9"), ("kubelet", "1.38"), ("kube-proxy", "1.36")])
def test_a_gate_nobody_here_knows_is_left_to_the_component(component, version):
    assert gates.check_gate(component, "SomethingElse", True, version) == (component, "SomethingElse", True, "", "")
    assert gates.gate_state("SomethingElse", "1.28").stage == "unknown"


def test_a_gate_that_no_kubelet_of_a_known_version_has_is_refused_with_the_name_that_was_meant():
    verdict = gates.check_gate("kubelet", "WindowsGracefulNodeShutdwn", True, "1.36.3")
    assert not verdict.accepted
    assert "unrecognized feature gate: WindowsGracefulNodeShutdwn" in verdict.message
    assert verdict.fix == "Did you mean WindowsGracefulNodeShutdown?"


def test_a_patch_that_is_newer_than_the_table_may_have_gates_that_the_table_lacks():
    verdict = gates.check_gate("kubelet", "SomethingElse", True, "1.36.99")
    assert verdict.accepted
    assert "not among those of kubelet 1.36.3" in verdict.message


@pytest.mark.parametrize(
    ("gate", "enabled", "version", "words"),
    [
        ("AppArmor", True, "1.30.4", ""),  # beta, then ga and locked
        ("AppArmor", False, "1.31", "locks feature gate AppArmor to true"),
        ("AppArmor", True, "1.33", "removed in 1.33"),
        ("SidecarContainers", False, "1.33.13", "locks"),
        ("WindowsCPUAndMemoryAffinity", True, "1.31", "new in 1.32"),
    ],
)
def test_every_gate_has_its_history_since_1_29(gate, enabled, version, words):
    """Read in pkg/features/kube_features.go of these versions."""
    verdict = gates.check_gate("kubelet", gate, enabled, version)
    assert words in verdict.message
    assert verdict.accepted is not bool(words)


def test_a_gate_is_refused_while_one_that_it_needs_is_off():
    found = gates.check_gates("kubelet", {"GracefulNodeShutdown": False}, "1.36.3")
    refused = {verdict.gate for verdict in found if not verdict.accepted}
    assert "WindowsGracefulNodeShutdown" in refused
    both = {"GracefulNodeShutdown": False, "WindowsGracefulNodeShutdown": False}
    assert "WindowsGracefulNodeShutdown" not in {v.gate for v in gates.check_gates("kubelet", both, "1.36.3")}


def test_the_table_names_a_stage_that_exists_and_gates_that_it_has():
    stages = {"alpha", "beta", "ga", "deprecated"}
    for line in ("1.29", "1.33", "1.37"):
        known = gate_history.gates_at(versions.kubernetes(line))
        assert len(known) > 150
        assert {row.stage for row in known.values()} == stages
        assert {need for row in known.values() for need in row.needs} <= set(known)


def test_a_gate_of_another_component_is_pointed_out():
    assert "kube-proxy does" in gates.check_gate("kubelet", "WinDSR", True, "1.36").message


def test_host_network_is_never_to_be_set():
    verdict = gates.check_gate("kubelet", "WindowsHostNetwork", True, "1.30")
    assert verdict.accepted
    assert "KEP-3503" in verdict.message


def test_only_verdicts_with_something_to_say_are_listed():
    found = gates.check_gates("kubelet", {"MemoryQoS": True, GATE: True, "WindowsCPUAndMemoryAffinity": True}, "1.36")
    assert [verdict.gate for verdict in found] == [GATE]


@pytest.mark.parametrize(
    ("version", "components"), [("1.22", ("kube-apiserver", "kubelet")), ("1.23", ()), ("1.36", ())]
)
def test_only_1_22_needs_the_gate_turned_on(version, components):
    assert gates.components_needing_gate(version) == components


def test_hostprocess_came_with_1_22():
    assert [gates.hostprocess_supported(line) for line in ("1.21", "1.22", "1.37")] == [False, True, True]


def test_a_version_outside_the_matrix_is_an_error_that_names_its_ends():
    with pytest.raises(UnknownVersionError, match=r"1\.21 to 1\.37"):
        gates.kubernetes_line("1.38")
