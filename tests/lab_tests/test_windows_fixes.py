"""The registry values for fixes of Windows updates, and the recovery of a service, on a modelled node over the wire."""

# ruff: noqa: F811 - the fixtures of test_roles are taken by their names

from __future__ import annotations

from typing import Any

from lab_tests.test_roles import Node, bare, node, node_of, releases  # noqa: F401
from lab_tests.test_tuning_and_removal import WITHOUT_CLUSTER, alone, value  # noqa: F401

HNS = r"HKLM:\SYSTEM\CurrentControlSet\Services\hns\State"
OVERRIDES = r"HKLM:\SYSTEM\CurrentControlSet\Policies\Microsoft\FeatureManagement\Overrides"
MONTH = {"windows_node_fixes": ["2023-04"], "windows_node_reboot": False}


def fixes_of(node: Node) -> dict[str, Any]:
    keys = [key for key in (HNS, OVERRIDES) if node.host.registry_key_exists(key)]
    return {name: found.data for key in keys for name, found in node.host.registry_values(key).items()}


def test_the_fixes_of_a_month_are_set_once_and_taken_back_by_the_role_remove(node: Node, alone: Any) -> None:
    before = fixes_of(node)
    foretold = alone(MONTH, "--check").succeeded()
    assert fixes_of(node) == before
    first = alone(MONTH).succeeded()
    assert foretold.changed() == first.changed()
    assert first.modules.count("win_regedit") == 4
    names = ("HnsPolicyUpdateChange", "HnsNatAllowRuleUpdateChange", "HnsAclUpdateChange", "3508525708")
    assert fixes_of(node) == {**before, **dict.fromkeys(names, 1)}
    second = alone(MONTH).succeeded()
    assert (second.changed(), second.modules) == (0, ["node_info"])
    node.prepare({**MONTH, **WITHOUT_CLUSTER}, playbook="remove.yml").succeeded()
    assert fixes_of(node) == before


def test_a_month_that_is_not_known_is_refused_before_anything_is_changed(node: Node, alone: Any) -> None:
    refused = alone({"windows_node_fixes": ["2023-01"]}).refused("no fix and no month '2023-01'", "2023-04")
    assert refused.modules == []


def test_the_host_network_service_gets_a_recovery_and_a_second_run_looks_once(node: Node, alone: Any) -> None:
    wanted = {"windows_node_tuning": {"hns_recovery": True}}
    mode = node.host.service("hns").configuration.start_mode
    alone(wanted).succeeded()
    configuration = node.host.service("hns").configuration
    assert [step.delay_milliseconds for step in configuration.failure_actions] == [5_000, 10_000, 30_000]
    assert (configuration.failure_reset_seconds, configuration.start_mode) == (300, mode)
    second = alone(wanted).succeeded()
    assert (second.changed(), second.modules) == (0, ["node_info"])
