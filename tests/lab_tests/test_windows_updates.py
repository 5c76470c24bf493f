"""Windows updates by the role windows_node: installed where a node is free, only told where it is in use."""

# ruff: noqa: F811 - the fixtures of test_roles are taken by their names

from __future__ import annotations

from typing import Any

import pytest
from lab_tests.test_roles import Node, Releases, bare, node, node_of, releases  # noqa: F401
from lab_tests.test_tuning_and_removal import alone  # noqa: F401
from lab_tests.wire_support import CORES

from lab.host import windows_updates
from lab.host.interface import ServiceConfiguration
from lab.host.windows_updates import Update

CUMULATIVE = Update("2026-11 Cumulative Update for Windows Server 2022", "5070001")
DEFINITIONS = Update("Security Intelligence Update", "2267602", categories=("Definition Updates",), restarts=False)
PREVIEW = Update("2026-11 Cumulative Update Preview for Windows Server 2022", "5070002")
SECURITY = {"windows_node_update_categories": ["SecurityUpdates"], "windows_node_update_reject": ["preview"]}
SEARCH = ["win_updates"] * 3  # start, poll, cancel


def booted_at(node: Node) -> float:
    return node.host.boot_time()


def use(node: Node) -> None:
    node.host.create_service(ServiceConfiguration("kubelet", "kubelet", r"C:\k\kubelet.exe"))


def test_a_free_node_gets_what_is_asked_for_and_one_restart(node: Node, alone: Any) -> None:
    windows_updates.offer(node.host, CUMULATIVE, DEFINITIONS, PREVIEW)
    booted = booted_at(node)
    foretold = alone(SECURITY, "--check", "--diff").succeeded()
    assert windows_updates.offered(node.host) == [PREVIEW, CUMULATIVE, DEFINITIONS]
    assert booted_at(node) == booted
    first = alone(SECURITY).succeeded()
    assert first.changed() == foretold.changed()
    assert windows_updates.offered(node.host) == [PREVIEW, DEFINITIONS]
    assert booted_at(node) > booted
    assert node.host.pending_reboot() == []
    booted = booted_at(node)
    second = alone(SECURITY).succeeded()
    assert (second.changed(), second.modules) == (0, ["node_info", *SEARCH])
    assert booted_at(node) == booted


def test_without_categories_nothing_is_looked_for(node: Node, alone: Any) -> None:
    windows_updates.offer(node.host, CUMULATIVE)
    assert "win_updates" not in alone({}).succeeded().modules
    assert windows_updates.offered(node.host) == [CUMULATIVE]


def test_an_update_that_asks_for_no_restart_gets_none(node: Node, alone: Any) -> None:
    windows_updates.offer(node.host, DEFINITIONS)
    booted = booted_at(node)
    alone({"windows_node_update_categories": ["Definition Updates"]}).succeeded()
    assert windows_updates.offered(node.host) == []
    assert booted_at(node) == booted


def test_a_restart_that_waits_comes_before_the_updates(bare: Node, releases: Releases) -> None:
    """Windows installs none while a restart is due, which the feature that is new here asks for as well."""
    windows_updates.offer(bare.host, CUMULATIVE)
    bare.host.registry_create_key(windows_updates.REBOOT_REQUIRED_KEY)
    bare.prepare({**releases.variables(), **SECURITY}).succeeded()
    assert windows_updates.offered(bare.host) == []
    assert bare.host.service("kubelet").state == "running"


def test_a_node_in_use_is_only_told_of_them(node: Node, alone: Any) -> None:
    use(node)
    windows_updates.offer(node.host, CUMULATIVE)
    booted = booted_at(node)
    told = alone(SECURITY).succeeded()
    assert told.modules == ["node_info", "win_service", *SEARCH]
    waiting = f"These updates wait until kubewin.hostprocess.upgrade has drained it: {CUMULATIVE.title}."
    assert f"win1 is in use. {waiting}" in " ".join(told.text.split())
    assert windows_updates.offered(node.host) == [CUMULATIVE]
    assert booted_at(node) == booted


@pytest.mark.parametrize("core", CORES)
def test_a_drained_node_gets_them_though_it_has_a_kubelet(node: Node, alone: Any, core: str) -> None:
    node.core = core
    use(node)
    windows_updates.offer(node.host, CUMULATIVE)
    booted = booted_at(node)
    alone({**SECURITY, "windows_node_drained": True}).succeeded()
    assert windows_updates.offered(node.host) == []
    assert booted_at(node) > booted


def test_a_restart_that_is_not_allowed_is_left_to_somebody_else(node: Node, alone: Any) -> None:
    windows_updates.offer(node.host, CUMULATIVE)
    booted = booted_at(node)
    alone({**SECURITY, "windows_node_reboot": False}).succeeded()
    assert (booted_at(node), node.host.pending_reboot()) == (booted, ["windows_update"])


def test_an_update_that_fails_stops_the_run_with_its_code(node: Node, alone: Any) -> None:
    windows_updates.offer(node.host, Update("Broken", "1", failure=-2145124318))
    alone(SECURITY).refused(
        "The updates of win1 are not all installed: Failed to install all updates",
        "Broken:",
        "WU_E_ALL_UPDATES_FAILED 0x80240022",
    )


def test_updates_that_take_too_long_end_the_run(node: Node, alone: Any) -> None:
    slow = Update("Slow", "1", restarts=False, seconds=600)
    windows_updates.offer(node.host, slow)
    alone({**SECURITY, "windows_node_update_timeout": 4}).refused(
        "The updates of win1 are not all installed", "has 4 seconds (windows_node_update_timeout)"
    )
    assert [update.title for update in windows_updates.offered(node.host)] == ["Slow"]
