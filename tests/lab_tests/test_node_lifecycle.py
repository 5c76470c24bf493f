"""A binary node with the vendors' containerd: services, their recovery, reboot, power, and what the node's disk is."""

from __future__ import annotations

import os
import re
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from lab_tests.node_support import CONTAINERD, CONTAINERD_PIPE, install_containerd
from wine.products import c_programs

from lab import build, products
from lab.errors import HostError
from lab.host.interface import FailureAction, Identity, ServiceConfiguration
from lab.host.toolchain import Toolchain
from lab.host.wine import WineHost
from lab.host.wine_probe import CompileError

pytestmark = pytest.mark.nodes
IDENTITY = Identity("cycle", "Windows Server 2022 Datacenter", 20348, 2227)
TIMEOUT = 60.0

ECHO = """
using System;
using System.Collections;
using System.Collections.Generic;
using System.Runtime.InteropServices;
namespace Tests
{
    public static class Echo
    {
        [DllImport("kernel32.dll", CharSet = CharSet.Unicode, SetLastError = true)]
        static extern IntPtr CreateJobObjectW(IntPtr security, string name);
        [DllImport("kernel32.dll", SetLastError = true)]
        static extern bool SetInformationJobObject(IntPtr job, int kind, byte[] information, int length);
        [DllImport("kernel32.dll", SetLastError = true)]
        static extern bool QueryInformationJobObject(IntPtr job, int kind, byte[] information, int size, IntPtr used);

        public static Dictionary<string, object> Collect(IDictionary options)
        {
            Dictionary<string, object> result = new Dictionary<string, object>();
            result["options"] = options;
            result["program_data"] = Environment.GetEnvironmentVariable("ProgramData");
            IntPtr job = CreateJobObjectW(IntPtr.Zero, "tests-" + Guid.NewGuid());
            byte[] rate = new byte[] { 5, 0, 0, 0, 0xc4, 9, 0, 0 };
            result["set"] = SetInformationJobObject(job, 15, rate, 8) ? 0 : Marshal.GetLastWin32Error();
            byte[] read = new byte[8];
            bool answered = QueryInformationJobObject(job, 15, read, 8, IntPtr.Zero);
            result["query"] = answered ? 0 : Marshal.GetLastWin32Error();
            result["rate"] = BitConverter.ToInt32(read, 4);
            return result;
        }
    }
}
"""


@pytest.fixture(scope="module")
def toolchain() -> Toolchain:
    return Toolchain.built()


@pytest.fixture(scope="module")
def host(toolchain: Toolchain, tmp_path_factory: pytest.TempPathFactory) -> Iterator[WineHost]:
    node = WineHost.create(tmp_path_factory.mktemp("cycle") / "node", IDENTITY, toolchain)
    try:
        node.boot()
        install_containerd(node)
        node.start_service("containerd")
        yield node
    finally:
        node.destroy()


def eventually(condition: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + TIMEOUT
    while not condition():
        assert time.monotonic() < deadline, f"{what}: not within {TIMEOUT:.0f} s"
        time.sleep(0.1)


def containerd_process(host: WineHost) -> int:
    status = host.service("containerd")
    assert status is not None
    return status.process_id if status.state == "running" else 0


def containerd_answers(host: WineHost) -> bool:
    ctr = host.prefix.windows_path(build.ensure("ctr"))
    done = host.run([ctr, "--address", CONTAINERD_PIPE, "--connect-timeout", "2s", "version"], timeout=30)
    return done.exit_code == 0 and f"Version:  v{products.CONTAINERD}" in done.stdout.decode()


def test_a_bare_node_has_neither_containerd_nor_kubelet(toolchain: Toolchain, tmp_path: Path) -> None:
    bare = WineHost.create(tmp_path / "bare", Identity("bare"), toolchain)
    try:
        bare.boot()
        assert [bare.service(name) for name in ("containerd", "kubelet", "hns", "vmcompute")] == [None] * 4
        assert bare.list_directory(CONTAINERD) == ["cni", "config.toml"]
        assert not bare.features()["Containers"].installed
        assert bare.run(["hostname.exe"]).stdout.split() == [b"BARE"]
    finally:
        bare.destroy()


def test_a_node_of_a_busy_machine_has_the_server_that_was_started_for_it(toolchain: Toolchain, tmp_path: Path) -> None:
    # A program that finds no server starts one of its own; then the node would look as if it had ended by itself.
    node = WineHost.create(tmp_path / "slow", Identity("slow"), toolchain)
    slow = tmp_path / "wineserver"
    slow.write_text(f'#!/bin/sh\nsleep 3\nexec {node.prefix.wineserver} "$@"\n')
    slow.chmod(0o755)
    node.prefix.wineserver = slow
    try:
        node.boot()
        time.sleep(3)
        assert node.is_up()
        assert not node.ended_by_itself()
    finally:
        node.destroy()


def test_a_boot_without_an_agent_is_begun_once_more_aloud(
    toolchain: Toolchain, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    node = WineHost.create(tmp_path / "mute", Identity("mute"), toolchain)
    waits, wait = [], node._agent.wait

    def silent_at_first(timeout: float) -> None:
        waits.append(node.prefix._server.pid)
        if len(waits) == 1:
            raise HostError("boot of MUTE", 21, "no agent answered")
        wait(timeout)

    monkeypatch.setattr(node._agent, "wait", silent_at_first)
    try:
        with pytest.warns(UserWarning, match="boot of MUTE.*started once more"):
            node.boot()
        assert node.is_up()
        assert len(set(waits)) == 2, "the same prefix went on"
    finally:
        node.destroy()


def test_the_vendor_s_containerd_answers_on_its_pipe(host: WineHost) -> None:
    eventually(lambda: containerd_answers(host), "containerd's pipe")


def test_containerd_uses_the_node_s_own_snapshotter(host: WineHost) -> None:
    ctr = host.prefix.windows_path(build.ensure("ctr"))
    listed = host.run([ctr, "--address", CONTAINERD_PIPE, "plugins", "ls"], timeout=30).stdout.decode()
    assert re.search(r"io\.containerd\.snapshotter\.v1\s+plainfolder\s+.*\bok\b", listed)
    assert re.search(r"io\.containerd\.cri\.v1\s+images\s+.*\bok\b", listed)


def test_a_killed_service_is_restarted_by_its_recovery_actions(host: WineHost) -> None:
    before = containerd_process(host)
    host.terminate(before)
    eventually(lambda: containerd_process(host) not in (0, before), "restart of containerd")
    eventually(lambda: containerd_answers(host), "containerd's pipe")


def test_a_stopped_service_stays_stopped(host: WineHost) -> None:
    host.stop_service("containerd")
    time.sleep(2)
    assert containerd_process(host) == 0
    host.start_service("containerd")
    eventually(lambda: containerd_answers(host), "containerd's pipe")


def test_a_service_that_ends_before_it_has_answered_is_stopped_and_stays_so(host: WineHost) -> None:
    # As the kubelet on a busy machine: its main function returns while its handler still answers the service manager.
    command = host.prefix.windows_path(c_programs() / "hasty.exe")
    recovery = (FailureAction("restart", 100),)
    host.create_service(ServiceConfiguration("hasty", "hasty", command, "manual", failure_actions=recovery))
    try:
        host.start_service("hasty")
        host.stop_service("hasty")
        time.sleep(1)
        assert host.service("hasty").state == "stopped"
        host.start_service("hasty")
        killed = host.service("hasty").process_id
        host.terminate(killed)
        eventually(lambda: host.service("hasty").process_id not in (0, killed), "restart of hasty")
        host.stop_service("hasty")
    finally:
        host.delete_service("hasty")


def test_a_running_program_is_not_replaced_but_may_be_moved_away(host: WineHost) -> None:
    program = rf"{CONTAINERD}\containerd.exe"
    with pytest.raises(HostError) as refused:
        host.write(program, b"another version")
    assert refused.value.code == 32
    host.move(program, program + ".old")
    host.move(program + ".old", program)


def test_containerd_registers_itself_as_a_service(host: WineHost) -> None:
    arguments = ["--register-service", "--service-name", "containerd-own", "--log-file", r"C:\own.log"]
    try:
        done = host.run([rf"{CONTAINERD}\containerd.exe", *arguments])
        assert done.exit_code == 0, done.stderr
        status = host.service("containerd-own")
        assert status is not None
        # cmd/containerd/command/service_windows.go of 2.2.9, registerService
        assert status.configuration.start_mode == "auto"
        assert "--run-service" in status.configuration.command_line
        steps = [(step.type, step.delay_milliseconds) for step in status.configuration.failure_actions]
        assert steps == [("restart", 15_000), ("restart", 15_000), ("none", 0)]
    finally:
        if host.service("containerd-own"):
            host.delete_service("containerd-own")


def test_a_probe_sees_the_gaps_filled_or_wine_as_it_is(host: WineHost) -> None:
    options = {"text": "a", "numbers": [1, 2**40], "nothing": None}
    filled = host.run_probe({"Echo.cs": ECHO}, "Tests.Echo", options)
    assert filled["options"] == options
    assert filled["program_data"] == r"C:\ProgramData"
    assert (filled["set"], filled["query"], filled["rate"]) == (0, 0, 2500)
    plain = host.run_probe({"Echo.cs": ECHO}, "Tests.Echo", options, fill_gaps=False)
    assert plain["set"] != 0
    assert plain["query"] != 0


def test_a_probe_that_is_not_csharp_5_is_refused_by_the_compiler(host: WineHost) -> None:
    with pytest.raises(CompileError, match=r"Echo\.cs"):
        host.run_probe({"Echo.cs": ECHO.replace('result["set"]', "result[nameof(options)]")}, "Tests.Echo", {})


def test_a_reboot_brings_the_automatic_services_back(host: WineHost) -> None:
    host.reboot()
    assert not host.is_up()
    host.wait_until_up()
    eventually(lambda: containerd_process(host) != 0, "containerd after the reboot")
    eventually(lambda: containerd_answers(host), "containerd's pipe")


def test_a_role_cannot_write_into_wine_s_own_files(host: WineHost) -> None:
    with pytest.raises(HostError) as refused:
        host.write(r"C:\Windows\System32\kernel32.dll", b"x")
    assert refused.value.code == 5


def test_power_off_leaves_no_process(toolchain: Toolchain, tmp_path: Path) -> None:
    node = WineHost.create(tmp_path / "node", Identity("off"), toolchain)
    node.boot()
    assert node.prefix.process_ids()
    node.power_off()
    assert node.prefix.process_ids() == []
    assert not node.is_up()
    node.destroy()
    assert not (tmp_path / "node").exists()


def test_a_node_whose_agent_alone_has_died_is_down(toolchain: Toolchain, tmp_path: Path) -> None:
    node = WineHost.create(tmp_path / "node", Identity("dumb"), toolchain)
    try:
        node.boot()
        names = {process: Path(f"/proc/{process}/comm").read_text() for process in node.prefix.process_ids()}
        agents = [process for process, name in names.items() if name.startswith("nodeagent")]
        assert agents
        for process in agents:
            os.kill(process, signal.SIGKILL)
        with pytest.raises(HostError):
            node.services()
        assert not node.is_up()
        assert node.ended_by_itself()
    finally:
        node.destroy()


def test_a_node_that_ends_by_itself_is_noticed(toolchain: Toolchain, tmp_path: Path) -> None:
    node = WineHost.create(tmp_path / "node", Identity("dead"), toolchain)
    try:
        node.boot()
        assert not node.ended_by_itself()
        for process in node.prefix.process_ids():
            os.kill(process, signal.SIGKILL)
        eventually(lambda: not node.is_up(), "the end of the node")
        assert node.ended_by_itself()
        with pytest.raises(HostError, match="ended by itself"):
            node.services()
    finally:
        node.destroy()
