"""Both kinds of node behave the same through `Host`. Where they disagree, the model is wrong."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from lab.errors import HostError, MissingTool
from lab.host import windows_updates
from lab.host.interface import FailureAction, Host, Identity, RegistryValue, ServiceConfiguration
from lab.host.model import ModelHost
from lab.host.toolchain import Toolchain
from lab.host.windows_updates import Update
from lab.host.wine import WineHost

IDENTITY = Identity("conform", "Windows Server 2025 Datacenter", 26100, 1742)
FOLDER = r"C:\conformance"
KEY = r"HKLM:\SOFTWARE\conformance"
# A program that is a service on a binary node; a model takes any file that exists.
SERVICE_PROGRAM = r"C:\ProgramData\kubewin-lab\nodeagent.exe"
REBOOT_TIMEOUT = 90.0


def model_node(_directory: Path) -> Iterator[Host]:
    host = ModelHost(IDENTITY)
    host.make_directory(r"C:\ProgramData\kubewin-lab")
    host.write(SERVICE_PROGRAM, b"MZ")
    yield host


def wine_node(directory: Path) -> Iterator[Host]:
    try:
        toolchain = Toolchain.built()
    except MissingTool as missing:
        pytest.skip(str(missing))
    host = WineHost.create(directory / "node", IDENTITY, toolchain)
    try:
        host.boot()
        yield host
        assert not host.ended_by_itself()
    finally:
        host.destroy()


KINDS = [pytest.param(model_node, id="model"), pytest.param(wine_node, id="binary", marks=pytest.mark.nodes)]


@pytest.fixture(scope="module", params=KINDS)
def node(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Host]:
    yield from request.param(tmp_path_factory.mktemp("conformance"))


@pytest.fixture
def host(node: Host) -> Host:
    """The node with an empty folder and no key of ours."""
    if node.status(FOLDER):
        node.remove(FOLDER)
    node.make_directory(FOLDER)
    if node.registry_key_exists(KEY):
        node.registry_delete(KEY)
    return node


@pytest.fixture
def make_service(host: Host) -> Iterator[Callable[..., ServiceConfiguration]]:
    made: list[str] = []

    def make(name: str, **fields: object) -> ServiceConfiguration:
        command = f"{SERVICE_PROGRAM} idle {name}"
        configuration = replace(ServiceConfiguration(name, f"{name} of tests", command, "manual"), **fields)
        host.create_service(configuration)
        made.append(name)
        return configuration

    yield make
    for name in reversed(made):
        if host.service(name):
            host.stop_service(name)
            host.delete_service(name)


def code_of(action: Callable[..., object], *arguments: object) -> int:
    with pytest.raises(HostError) as refused:
        action(*arguments)
    return refused.value.code


def state_of(host: Host, name: str) -> str:
    status = host.service(name)
    assert status is not None
    return status.state


# Files.


def test_a_written_file_is_read_back_whatever_the_case_of_its_name(host: Host) -> None:
    host.write(rf"{FOLDER}\Config.toml", b"version = 3\n")
    assert host.read(rf"{FOLDER.upper()}\CONFIG.TOML") == b"version = 3\n"


def test_a_file_of_the_laboratory_s_machine_is_written_by_its_path(host: Host, tmp_path: Path) -> None:
    source = tmp_path / "big"
    source.write_bytes(bytes(range(256)) * 4096)
    host.write(rf"{FOLDER}\big.bin", source)
    assert host.read(rf"{FOLDER}\big.bin") == source.read_bytes()


def test_a_part_of_a_file_is_read(host: Host) -> None:
    host.write(rf"{FOLDER}\a", b"0123456789")
    assert host.read(rf"{FOLDER}\a", offset=3, length=4) == b"3456"


def test_a_shorter_content_leaves_nothing_of_the_longer_one(host: Host) -> None:
    host.write(rf"{FOLDER}\a", b"a long content")
    host.write(rf"{FOLDER}\a", b"short")
    assert host.read(rf"{FOLDER}\a") == b"short"


def test_status_tells_kind_and_size(host: Host) -> None:
    host.write(rf"{FOLDER}\a", b"12345")
    status, folder = host.status(rf"{FOLDER}\A"), host.status(FOLDER)
    assert status is not None
    assert folder is not None
    assert (status.is_directory, status.size, folder.is_directory) == (False, 5, True)


def test_status_of_what_is_not_there_is_none(host: Host) -> None:
    assert host.status(rf"{FOLDER}\nothing") is None


def test_a_folder_with_its_parents_is_made_and_may_exist(host: Host) -> None:
    host.make_directory(rf"{FOLDER}\x\y")
    host.make_directory(rf"{FOLDER}\x\Y")
    assert host.list_directory(rf"{FOLDER}\x") == ["y"]


def test_names_are_listed_without_case_in_order(host: Host) -> None:
    for name in ("b", "C", "a"):
        host.write(rf"{FOLDER}\{name}", b"")
    assert host.list_directory(FOLDER) == ["a", "b", "C"]


def test_a_folder_goes_with_all_that_is_in_it(host: Host) -> None:
    host.make_directory(rf"{FOLDER}\x\y")
    host.write(rf"{FOLDER}\x\y\a", b"1")
    host.remove(rf"{FOLDER}\x")
    assert host.list_directory(FOLDER) == []


def test_a_file_moves_over_another(host: Host) -> None:
    host.write(rf"{FOLDER}\new", b"new")
    host.write(rf"{FOLDER}\old", b"old")
    host.move(rf"{FOLDER}\new", rf"{FOLDER}\old")
    assert (host.list_directory(FOLDER), host.read(rf"{FOLDER}\old")) == (["old"], b"new")


def test_a_folder_moves_with_its_files(host: Host) -> None:
    host.make_directory(rf"{FOLDER}\x")
    host.write(rf"{FOLDER}\x\a", b"1")
    host.move(rf"{FOLDER}\x", rf"{FOLDER}\y")
    assert host.read(rf"{FOLDER}\y\a") == b"1"


@pytest.mark.parametrize(
    ("action", "arguments", "code"),
    [
        pytest.param("write", (rf"{FOLDER}\no\a", b""), 3, id="write where no folder is"),
        pytest.param("write", (FOLDER, b""), 5, id="write over a folder"),
        pytest.param("read", (rf"{FOLDER}\a",), 2, id="read what is not there"),
        pytest.param("read", (FOLDER,), 5, id="read a folder"),
        pytest.param("remove", (rf"{FOLDER}\a",), 2, id="remove what is not there"),
        pytest.param("list_directory", (rf"{FOLDER}\a",), 3, id="list what is not there"),
        pytest.param("move", (rf"{FOLDER}\a", rf"{FOLDER}\b"), 2, id="move what is not there"),
    ],
)
def test_a_file_call_is_refused_with_windows_error(host: Host, action: str, arguments: tuple, code: int) -> None:
    assert code_of(getattr(host, action), *arguments) == code


# Registry.


@pytest.mark.parametrize(
    "value",
    [
        RegistryValue("string", "text with ünïcode"),
        RegistryValue("string", ""),
        RegistryValue("expandstring", r"%SystemRoot%\x"),
        RegistryValue("dword", 4294967295),
        RegistryValue("qword", 2**40),
        RegistryValue("multistring", ["a", "b"]),
        RegistryValue("multistring", []),
        RegistryValue("binary", b"\x00\xff"),
    ],
    ids=lambda value: f"{value.type} {value.data!r}",
)
def test_a_registry_value_comes_back_with_its_type(host: Host, value: RegistryValue) -> None:
    host.registry_set(KEY, "Value", value)
    assert host.registry_values(KEY) == {"Value": value}


def test_the_default_value_has_no_name(host: Host) -> None:
    host.registry_set(KEY, "", RegistryValue("string", "default"))
    assert host.registry_values(KEY)[""].data == "default"


def test_keys_are_found_whatever_their_case(host: Host) -> None:
    host.registry_create_key(rf"{KEY}\Sub")
    assert host.registry_key_exists(rf"{KEY.lower()}\SUB")
    assert host.registry_subkeys(KEY) == ["Sub"]


def test_one_value_is_deleted_and_the_others_stay(host: Host) -> None:
    for name in ("a", "b"):
        host.registry_set(KEY, name, RegistryValue("dword", 1))
    host.registry_delete(KEY, "a")
    assert list(host.registry_values(KEY)) == ["b"]


def test_a_key_goes_with_all_below(host: Host) -> None:
    host.registry_create_key(rf"{KEY}\x\y")
    host.registry_delete(rf"{KEY}\x")
    assert host.registry_subkeys(KEY) == []


def test_what_is_not_in_the_registry_is_refused_with_2(host: Host) -> None:
    assert not host.registry_key_exists(KEY)
    assert code_of(host.registry_values, KEY) == 2
    host.registry_create_key(KEY)
    assert code_of(host.registry_delete, KEY, "no such value") == 2


def test_the_version_in_the_registry_is_the_identity_s(host: Host) -> None:
    values = host.registry_values(r"HKLM:\SOFTWARE\Microsoft\Windows NT\CurrentVersion")
    found = (values["ProductName"].data, values["CurrentBuildNumber"].data, values["UBR"].data)
    assert found == (IDENTITY.product_name, str(IDENTITY.build), IDENTITY.revision)


def test_the_environment_has_what_roles_ask_for(host: Host) -> None:
    variables = {name.lower(): value for name, value in host.environment().items()}
    assert (variables["programdata"], variables["programfiles"]) == (r"C:\ProgramData", r"C:\Program Files")
    assert {"path", "systemroot", "systemdrive", "temp"} <= set(variables)


# Services.


def test_a_service_keeps_its_whole_configuration(host: Host, make_service: Callable) -> None:
    wanted = make_service(
        "conform-a",
        description="for tests",
        start_mode="delayed",
        dependencies=("EventLog",),
        failure_actions=(FailureAction("restart", 5000), FailureAction("none", 0)),
        failure_reset_seconds=86400,
        failure_actions_on_non_crash=True,
    )
    status = host.service("CONFORM-A")
    assert status is not None
    assert status.configuration == wanted
    assert (status.state, status.process_id) == ("stopped", 0)


def test_a_changed_service_is_as_told(host: Host, make_service: Callable) -> None:
    wanted = replace(make_service("conform-a"), start_mode="disabled", description="changed")
    host.change_service(wanted)
    status = host.service("conform-a")
    assert status is not None
    assert status.configuration == wanted


def test_a_started_service_has_a_process(host: Host, make_service: Callable) -> None:
    make_service("conform-a")
    host.start_service("conform-a")
    status = host.service("conform-a")
    assert status is not None
    assert status.state == "running"
    images = {process.id: process.image.lower() for process in host.processes()}
    assert images[status.process_id] == SERVICE_PROGRAM.lower()


def test_starting_twice_and_stopping_twice_is_fine(host: Host, make_service: Callable) -> None:
    make_service("conform-a")
    host.start_service("conform-a")
    host.start_service("conform-a")
    host.stop_service("conform-a")
    host.stop_service("conform-a")
    assert state_of(host, "conform-a") == "stopped"


def test_a_service_starts_what_it_depends_on(host: Host, make_service: Callable) -> None:
    make_service("conform-a")
    make_service("conform-b", dependencies=("conform-a",))
    host.start_service("conform-b")
    assert state_of(host, "conform-a") == "running"


def test_a_service_that_another_needs_is_not_stopped(host: Host, make_service: Callable) -> None:
    make_service("conform-a")
    make_service("conform-b", dependencies=("conform-a",))
    host.start_service("conform-b")
    assert code_of(host.stop_service, "conform-a") == 1051
    assert state_of(host, "conform-a") == "running"


def test_a_deleted_service_is_gone(host: Host, make_service: Callable) -> None:
    make_service("conform-a")
    host.delete_service("conform-a")
    assert host.service("conform-a") is None
    assert "conform-a" not in {status.configuration.name for status in host.services()}


def test_a_terminated_service_without_recovery_is_stopped(host: Host, make_service: Callable) -> None:
    make_service("conform-a")
    host.start_service("conform-a")
    status = host.service("conform-a")
    assert status is not None
    host.terminate(status.process_id)
    assert state_of(host, "conform-a") == "stopped"


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        pytest.param({"start_mode": "disabled"}, 1058, id="disabled"),
        pytest.param({"command_line": r"C:\no\such.exe"}, 2, id="program missing"),
        pytest.param({"dependencies": ("no-such-service",)}, 1068, id="dependency missing"),
    ],
)
def test_a_service_that_cannot_start_says_why(host: Host, make_service: Callable, fields: dict, code: int) -> None:
    make_service("conform-a", **fields)
    assert code_of(host.start_service, "conform-a") == code
    assert state_of(host, "conform-a") == "stopped"


def test_unknown_and_double_services_are_refused(host: Host, make_service: Callable) -> None:
    assert host.service("no-such-service") is None
    for action in (host.start_service, host.stop_service, host.delete_service):
        assert code_of(action, "no-such-service") == 1060
    assert code_of(host.create_service, make_service("conform-a")) == 1073


def test_the_file_of_a_running_program_is_in_use(host: Host, make_service: Callable) -> None:
    make_service("conform-a")
    host.start_service("conform-a")
    assert code_of(host.write, SERVICE_PROGRAM, b"new") == 32


def test_no_process_no_end(host: Host) -> None:
    assert code_of(host.terminate, 999_996) == 87


def test_a_program_that_is_not_there_does_not_run(host: Host) -> None:
    assert code_of(host.run, [rf"{FOLDER}\such.exe"]) == 2


# Features and power; last, since the node reboots.


def test_a_feature_without_services_needs_no_reboot(host: Host) -> None:
    assert host.set_feature("Telnet-Client", True) is False
    assert host.features()["Telnet-Client"].installed
    assert host.set_feature("telnet-client", False) is False
    assert not host.features()["Telnet-Client"].installed


def test_an_unknown_feature_is_refused(host: Host) -> None:
    assert code_of(host.set_feature, "No-Such-Feature", True) == 2


def test_containers_ask_for_a_reboot_that_brings_their_services(host: Host, make_service: Callable) -> None:
    make_service("conform-a", start_mode="auto")
    make_service("conform-b", start_mode="manual")
    host.start_service("conform-b")
    assert host.set_feature("Containers", True) is True
    assert host.set_feature("Containers", True) is False
    assert host.pending_reboot() == ["component_based_servicing"]
    update = Update("Cumulative Update", "5070001")
    windows_updates.offer(host, update)
    assert windows_updates.offered(host) == [update]
    windows_updates.install(host, update)
    assert host.pending_reboot() == ["component_based_servicing", "windows_update"]
    assert host.service("hns") is None
    before = host.boot_time()
    host.reboot()
    assert not host.is_up()
    assert code_of(host.services) == 21
    deadline = time.monotonic() + REBOOT_TIMEOUT
    while not host.is_up():
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert host.boot_time() > before
    assert (host.pending_reboot(), windows_updates.offered(host)) == ([], [])
    assert host.features()["Containers"].installed
    states = {name: state_of(host, name) for name in ("hns", "vmcompute", "conform-a", "conform-b")}
    assert states == {"hns": "running", "vmcompute": "running", "conform-a": "running", "conform-b": "stopped"}
