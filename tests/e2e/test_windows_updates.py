"""Windows updates on a node in use: told by the preparation, installed by the upgrade once the node is drained.

The node is tuned besides, so that every look at it finds on a real registry what the first run wrote.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from demo.playbook import PlaybookRun, run_playbook
from kubernetes import client

from lab.host import dynamic_ports, windows_updates
from lab.host.windows_updates import Update
from lab.laboratory import Laboratory, NodeSpec
from lab.modules import win_power_plan

pytestmark = [pytest.mark.nodes, pytest.mark.controlplane]

NODE = "win1"
CUMULATIVE = Update("2026-11 Cumulative Update for Windows Server 2022", "5070001")
CORDON, DRAIN, INSTALL, GIVE_BACK = "Cordon the node", "Drain the node", "Install updates", "Give the node back"
TUNING = {
    "time_servers": {"servers": ["ntp1.example.com", "ntp2.example.com"]},
    "power_plan": True,
    "old_tls_off": True,
    "excluded_udp_ports": True,
}
RESTART = "Restart Windows, because its updates ask for it"


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Laboratory]:
    with Laboratory(tmp_path_factory.mktemp("updates") / "lab", [NodeSpec(NODE, 20348)]) as lab:
        yield lab
        assert lab.ended_by_themselves() == []


def play(lab: Laboratory, playbook: str, folder: Path, *extra: str, **variables: Any) -> PlaybookRun:
    wanted = {"windows_node_update_categories": ["SecurityUpdates"], "windows_node_tuning": TUNING}
    given = json.dumps({**wanted, **variables})
    return run_playbook(
        playbook, lab.inventory, work=folder, kubeconfig=lab.kubeconfig, extra=["-e", given, *extra], echo=None
    )


def changed(run: PlaybookRun) -> list[str]:
    assert run.exit_code == 0, run.explanation
    return [task.task.rpartition(" : ")[2] for task in run.tasks if task.changed]


def test_a_node_in_use_is_drained_for_its_updates_and_given_back(lab: Laboratory, tmp_path: Path) -> None:
    host = lab.nodes[NODE].host
    prepared = play(lab, "prepare", tmp_path / "prepare")
    assert prepared.exit_code == 0, prepared.explanation
    assert dynamic_ports.excluded(host)["udp"] == [(65330, 1)]
    assert win_power_plan.active(host) == win_power_plan.PLANS["High performance"]
    windows_updates.offer(host, CUMULATIVE)

    told = play(lab, "prepare", tmp_path / "told")
    assert changed(told) == []
    assert CUMULATIVE.title in " ".join(told.output.split())

    booted = host.boot_time()
    foretold = changed(play(lab, "upgrade", tmp_path / "foretold", "--check"))
    assert (windows_updates.offered(host), host.boot_time()) == ([CUMULATIVE], booted)
    upgraded = play(lab, "upgrade", tmp_path / "upgrade")
    done = changed(upgraded)
    # Draining and giving back report nothing in check mode: so it is with kubernetes.core.
    assert [task for task in foretold if task in (INSTALL, RESTART)] == [INSTALL, RESTART]
    assert [task for task in done if task in (CORDON, INSTALL, RESTART, GIVE_BACK)] == [
        CORDON, INSTALL, RESTART, GIVE_BACK,
    ]  # fmt: skip
    ran = [task.task.rpartition(" : ")[2] for task in upgraded.tasks if task.outcome == "ok"]
    assert [task for task in ran if task in (CORDON, DRAIN, INSTALL)] == [CORDON, DRAIN, INSTALL]
    assert (windows_updates.offered(host), host.pending_reboot()) == ([], [])
    assert host.boot_time() > booted
    with lab.cluster.api() as api:
        assert not client.CoreV1Api(api).read_node(NODE).spec.unschedulable

    assert changed(play(lab, "upgrade", tmp_path / "again")) == []
