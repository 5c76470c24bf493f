# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Facts section 1.5."""

from __future__ import annotations

import pytest

from ansible_collections.kubewin.hostprocess.plugins.module_utils.support import gates
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


def test_a_gate_nobody_here_knows_is_left_to_the_component():
    assert gates.check_gate("kubelet", "SomethingElse", True, "1.36") == ("kubelet", "SomethingElse", True, "", "")
    assert gates.gate_state("SomethingElse", "1.36").stage == "unknown"


def test_a_gate_of_another_component_is_pointed_out():
    assert "kube-proxy does" in gates.check_gate("kubelet", "WinDSR", True, "1.36").message


def test_host_network_is_never_to_be_set():
    verdict = gates.check_gate("kubelet", "WindowsHostNetwork", True, "1.30")
    assert verdict.accepted
    assert "KEP-3503" in verdict.message


def test_only_verdicts_with_something_to_say_are_listed():
    found = gates.check_gates("kubelet", {"Unknown": True, GATE: True, "WindowsCPUAndMemoryAffinity": True}, "1.36")
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
