"""A full disk and a power cut, as a module meets them on either kind of node."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from lab_tests.wire_support import PASSWORD, USER, make_certificates, play

from lab.errors import HostError
from lab.faults import Fault, Faults
from lab.host.faulty import FaultyHost, PowerLost
from lab.host.interface import Host, Identity
from lab.host.model import ModelHost
from lab.host.toolchain import Toolchain
from lab.host.wine import WineHost
from lab.wire.server import WinRMServer

IDENTITY = Identity("faulty")
MODULE = "ansible.windows.win_copy"
FOLDER = r"C:\work"
UP_SECONDS = 90.0


def model_node(_directory: Path) -> Iterator[Host]:
    yield ModelHost(IDENTITY, downtime=0.2)


def wine_node(directory: Path) -> Iterator[Host]:
    host = WineHost.create(directory / "node", IDENTITY, Toolchain.built())
    try:
        host.boot()
        yield host
    finally:
        host.destroy()


KINDS = [pytest.param(model_node, id="model"), pytest.param(wine_node, id="binary", marks=pytest.mark.nodes)]


@pytest.fixture(scope="module", params=KINDS)
def node(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Host]:
    yield from request.param(tmp_path_factory.mktemp("faulty"))


@pytest.fixture
def host(node: Host) -> Host:
    """The node with an empty folder."""
    if node.status(FOLDER):
        node.remove(FOLDER)
    node.make_directory(FOLDER)
    return node


def wait_until_up(host: Host) -> None:
    deadline = time.monotonic() + UP_SECONDS
    while not host.is_up():
        assert time.monotonic() < deadline, "the node does not come up"
        time.sleep(0.05)


def test_a_full_disk_takes_half_a_file_and_fails_with_windows_own_code(host: Host) -> None:
    faulty = FaultyHost(host, Faults(Fault("full_disk", times=None)), MODULE)
    with pytest.raises(HostError, match="There is not enough space on the disk") as refused:
        faulty.write(rf"{FOLDER}\a.txt", b"12345678")
    assert refused.value.code == 112
    assert host.read(rf"{FOLDER}\a.txt") == b"1234"


def test_a_large_file_is_cut_too(host: Host, tmp_path: Path) -> None:
    (tmp_path / "large").write_bytes(b"x" * 3001)
    faulty = FaultyHost(host, Faults(Fault("full_disk")), MODULE)
    with pytest.raises(HostError):
        faulty.write(rf"{FOLDER}\large.bin", tmp_path / "large")
    assert host.status(rf"{FOLDER}\large.bin").size == 1500


def test_a_disk_is_full_for_the_named_file_only_and_has_room_again(host: Host) -> None:
    faults = Faults(Fault("full_disk", "KUBELET.exe", times=None))
    FaultyHost(host, faults, MODULE).write(rf"{FOLDER}\other.exe", b"MZ")
    with pytest.raises(HostError):
        FaultyHost(host, faults, MODULE).write(rf"{FOLDER}\kubelet.exe", b"MZ")
    faults.clear()
    FaultyHost(host, faults, MODULE).write(rf"{FOLDER}\kubelet.exe", b"MZ")
    assert [host.read(rf"{FOLDER}\{name}.exe") for name in ("other", "kubelet")] == [b"MZ", b"MZ"]


def test_power_goes_in_the_middle_of_a_write_and_comes_back(host: Host) -> None:
    before = host.boot_time()
    with pytest.raises(PowerLost):
        FaultyHost(host, Faults(Fault("power_cut")), MODULE).write(rf"{FOLDER}\a.txt", b"12345678")
    assert not host.is_up()
    wait_until_up(host)
    assert host.boot_time() > before
    assert host.read(rf"{FOLDER}\a.txt") == b"1234"


def test_power_goes_before_anything_else_than_a_write(host: Host) -> None:
    with pytest.raises(PowerLost):
        FaultyHost(host, Faults(Fault("power_cut")), MODULE).make_directory(rf"{FOLDER}\new")
    wait_until_up(host)
    assert host.status(rf"{FOLDER}\new") is None


def test_modules_are_counted_at_their_first_change(host: Host) -> None:
    faults = Faults(Fault("power_cut", after=2))
    for _ in range(2):
        module = FaultyHost(host, faults, MODULE)
        assert module.status(FOLDER).is_directory
        module.write(rf"{FOLDER}\a.txt", b"a")
        module.write(rf"{FOLDER}\b.txt", b"b")
    looking = FaultyHost(host, faults, MODULE)
    looking.read(rf"{FOLDER}\a.txt")
    assert faults.struck == []
    with pytest.raises(PowerLost):
        FaultyHost(host, faults, MODULE).remove(rf"{FOLDER}\a.txt")
    assert faults.struck == ["power_cut"]
    wait_until_up(host)


def test_reboots_take_as_long_as_the_node_is_told(host: Host) -> None:
    usual, host.downtime = host.downtime, 3.0
    started = time.monotonic()
    try:
        host.reboot()
        wait_until_up(host)
        assert time.monotonic() - started >= 3.0
    finally:
        host.downtime = usual


def test_a_node_in_a_long_reboot_can_be_switched_off_at_once(tmp_path: Path) -> None:
    pytest.importorskip("lab.host.wine")
    host = WineHost(tmp_path / "node", IDENTITY, Toolchain.built())
    host.downtime = 600.0
    host._expected_up = True
    host._finish_features = lambda: None
    host.prefix.is_running = lambda: True
    host.prefix.stop = lambda: None
    started = time.monotonic()
    host.reboot()
    host.power_off()
    assert time.monotonic() - started < 60


def test_nobody_gets_the_answer_of_a_module_under_which_the_power_went(tmp_path: Path) -> None:
    host = ModelHost(IDENTITY, downtime=0.5)
    host.make_directory(FOLDER)
    certificates = make_certificates(tmp_path, "127.0.9.40")
    faults = Faults(Fault("power_cut", "win_copy"))
    with WinRMServer(host, "127.0.9.40", accounts={USER: PASSWORD}, faults=faults) as server:
        copy = {"name": "copy", "ansible.windows.win_copy": {"content": "12345678", "dest": rf"{FOLDER}\a.txt"}}
        run = play("2.19", tmp_path, server, certificates, [copy])
        assert run.exit_code != 0
        assert "Connection" in run["copy"]["msg"], run["copy"]  # and not a word of the module
        wait_until_up(host)
        assert play("2.19", tmp_path, server, certificates, [copy]).exit_code == 0
        assert host.read(rf"{FOLDER}\a.txt") == b"12345678"
