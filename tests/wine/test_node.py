"""The node probe in a Wine prefix: registry, files, services and programs are real."""

from __future__ import annotations

import datetime
import hashlib
import json
import os
import socket
import subprocess
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from wine.documented import differences, returns
from wine.machine import Machine

from lab import build
from lab.cluster.certificates import Authority

pytestmark = pytest.mark.wine
CURRENT_VERSION = r"HKLM\SOFTWARE\Microsoft\Windows NT\CurrentVersion"
SERVICES = r"HKLM\SYSTEM\CurrentControlSet\Services"
CONTROL = r"HKLM\SYSTEM\CurrentControlSet\Control"


def command(machine: Machine, *words: str | Path) -> None:
    """Run a Windows program to its end; it has to succeed."""
    done = subprocess.run(
        [machine.prefix.wine, *words], env=machine.environment(), stdin=subprocess.DEVNULL, capture_output=True
    )
    assert done.returncode == 0, (words, done.stdout, done.stderr)


def set_value(machine: Machine, key: str, name: str, data: str, kind: str = "REG_SZ") -> None:
    command(machine, "reg.exe", "add", key, "/v", name, "/t", kind, "/d", data, "/f")


@pytest.fixture
def service(machine: Machine) -> Any:
    """Register a service for the test, without starting it."""
    made = []

    def register(name: str, command_line: str, *options: str) -> None:
        command(machine, "sc", "create", name, "binPath=", command_line, "DisplayName=", name, *options)
        made.append(name)

    yield register
    for name in made:
        command(machine, "sc", "delete", name)


def test_the_system_is_what_the_registry_says(machine: Machine) -> None:
    set_value(machine, CURRENT_VERSION, "CurrentMajorVersionNumber", "10", "REG_DWORD")
    set_value(machine, CURRENT_VERSION, "CurrentMinorVersionNumber", "0", "REG_DWORD")
    set_value(machine, CURRENT_VERSION, "CurrentBuildNumber", "17763")
    set_value(machine, CURRENT_VERSION, "UBR", "5458", "REG_DWORD")
    set_value(machine, CURRENT_VERSION, "ProductName", "Windows Server 2019 Standard")
    system = machine.node()["os"]
    assert system["build"] == 17763
    assert system["revision"] == 5458
    assert system["version"] == "10.0.17763.5458"
    assert system["product_name"] == "Windows Server 2019 Standard"


@pytest.mark.parametrize(
    ("reason", "key", "name", "kind"),
    [
        (
            "component_based_servicing",
            r"HKLM\SOFTWARE\Microsoft\Windows\CurrentVersion\Component Based Servicing\RebootPending",
            None,
            None,
        ),
        (
            "windows_update",
            r"HKLM\SOFTWARE\Microsoft\Windows\CurrentVersion\WindowsUpdate\Auto Update\RebootRequired",
            None,
            None,
        ),
        (
            "pending_file_rename_operations",
            rf"{CONTROL}\Session Manager",
            "PendingFileRenameOperations",
            "REG_MULTI_SZ",
        ),
        ("computer_rename", rf"{CONTROL}\ComputerName\ComputerName", "ComputerName", "REG_SZ"),
    ],
)
def test_each_marker_of_a_pending_reboot_is_seen(
    machine: Machine, reason: str, key: str, name: str | None, kind: str | None
) -> None:
    before = machine.node()["pending_reboot"]
    assert before == {"pending": False, "reasons": []}
    active = machine.node()["computer_name"]
    if name is None:
        command(machine, "reg.exe", "add", key, "/f")
    else:
        set_value(machine, key, name, "anothername", kind)
    after = machine.node()["pending_reboot"]
    if name is None:
        command(machine, "reg.exe", "delete", key, "/f")
    elif name == "ComputerName":
        set_value(machine, key, name, active)
    else:
        command(machine, "reg.exe", "delete", key, "/v", name, "/f")
    assert after == {"pending": True, "reasons": [reason]}


def test_a_service_is_described(machine: Machine, service: Any) -> None:
    service("containerd", r'"C:\Program Files\containerd\containerd.exe" --run-service', "start=", "auto")
    service("kubelet", r"C:\k\kubelet.exe --windows-service", "start=", "demand")
    # As Windows keeps it; Wine's sc.exe writes this value with what lies behind it in memory.
    set_value(machine, rf"{SERVICES}\kubelet", "DependOnService", "containerd", "REG_MULTI_SZ")
    services = machine.node()["services"]
    assert services["containerd"]["state"] == "stopped"
    assert services["containerd"]["start_mode"] == "auto"
    assert services["containerd"]["account"] == "LocalSystem"
    assert services["containerd"]["command_line"] == r'"C:\Program Files\containerd\containerd.exe" --run-service'
    assert services["containerd"]["dependencies"] == []
    assert services["containerd"]["process_id"] == 0
    assert services["kubelet"]["start_mode"] == "manual"
    assert services["kubelet"]["dependencies"] == ["containerd"]


def test_a_service_that_is_not_there_is_null_and_no_error(machine: Machine) -> None:
    node = machine.node()
    assert node["services"]["kubelet"] is None
    assert node["errors"] == []


def test_failure_actions_are_those_that_windows_keeps_in_the_registry(machine: Machine, service: Any) -> None:
    service("containerd", "C:\\x.exe")
    # SERVICE_FAILURE_ACTIONS as the service manager stores it: reset 86400 s, restart 15 s, restart 15 s, none.
    words = [86400, 0, 0, 3, 20, 1, 15000, 1, 15000, 0, 0]
    stored = b"".join(word.to_bytes(4, "little") for word in words).hex()
    set_value(machine, rf"{SERVICES}\containerd", "FailureActions", stored, "REG_BINARY")
    assert machine.node()["services"]["containerd"]["failure_actions"] == {
        "reset_seconds": 86400,
        "on_non_crash": False,
        "actions": [
            {"type": "restart", "delay_milliseconds": 15000},
            {"type": "restart", "delay_milliseconds": 15000},
            {"type": "none", "delay_milliseconds": 0},
        ],
    }


def test_where_wine_refuses_failure_actions_they_are_null_with_the_error(bare: Machine) -> None:
    command(bare, "sc", "create", "containerd", "binPath=", "C:\\x.exe")
    node = bare.node()
    command(bare, "sc", "delete", "containerd")
    assert node["services"]["containerd"]["failure_actions"] is None
    (error,) = [error for error in node["errors"] if error["what"] == "failure actions of service containerd"]
    assert error["win32_error"] > 0


def test_a_service_under_nssm_shows_what_nssm_runs(machine: Machine, service: Any) -> None:
    service("kubelet", r"C:\k\nssm.exe")
    key = rf"{SERVICES}\kubelet\Parameters"
    set_value(machine, key, "Application", "powershell.exe")
    set_value(machine, key, "AppParameters", "C:\\k\\StartKubelet.ps1")
    assert machine.node()["services"]["kubelet"]["nssm"] == {
        "application": "powershell.exe",
        "parameters": "C:\\k\\StartKubelet.ps1",
    }


def test_files_are_hashed(machine: Machine) -> None:
    content = bytes(range(256)) * 20000
    path = machine.prefix.disk / "some file.bin"
    path.write_bytes(content)
    asked = "%SystemDrive%\\some file.bin"
    files = machine.node(files=[asked, "C:\\windows", "C:\\nowhere\\x"])["files"]
    path.unlink()
    assert files[asked]["path"].casefold() == "c:\\some file.bin"
    assert files[asked]["size"] == len(content)
    assert files[asked]["sha256"] == hashlib.sha256(content).hexdigest()
    assert files["C:\\windows"]["is_directory"] is True
    assert files["C:\\windows"]["sha256"] is None
    assert files["C:\\nowhere\\x"]["exists"] is False


@pytest.mark.parametrize(
    ("content", "text", "marked"),
    [
        (b"version = 3\r\n# \xc3\xa4\n", "version = 3\r\n# ä\n", False),
        (b"\xef\xbb\xbfversion = 3\n", "version = 3\n", True),
        (b"", "", False),
        (b"x" * (1024 * 1024 + 1), None, None),
    ],
)
def test_a_configuration_is_read_as_text(
    machine: Machine, content: bytes, text: str | None, marked: bool | None
) -> None:
    folder = machine.prefix.disk / "Program Files" / "containerd"
    folder.mkdir(exist_ok=True)
    (folder / "config.toml").write_bytes(content)
    node = machine.node()
    (folder / "config.toml").unlink()
    configuration = node["containerd"]["config"]
    assert configuration["content"] == text
    assert configuration["byte_order_mark"] == marked
    assert configuration["sha256"] == hashlib.sha256(content).hexdigest()
    assert bool(node["errors"]) == (text is None)


@pytest.mark.parametrize("layout", [".", "bin"])
def test_versions_are_what_the_programs_say(machine: Machine, layout: str) -> None:
    folder = machine.prefix.disk / "tools" / layout
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "containerd.exe").symlink_to(build.ensure("containerd", "2.2.9"))
    (folder / "containerd-shim-runhcs-v1.exe").write_bytes(b"shim")
    found = machine.node(containerd_directory="C:\\tools")["containerd"]
    for file in folder.iterdir():
        if not file.is_dir():
            file.unlink()
    assert found["exists"] is True
    assert found["version"] == "2.2.9"
    assert found["version_text"].startswith("containerd github.com/containerd/containerd")
    assert found["shim"]["sha256"] == hashlib.sha256(b"shim").hexdigest()


@pytest.mark.parametrize(
    ("service_runs", "found_at"),
    [
        (r"C:\tools\2.1.9\bin\containerd.exe", r"C:\tools\2.1.9\bin\containerd.exe"),
        (r"C:\old\containerd.exe", r"C:\tools\bin\containerd.exe"),  # NRD031 tells of the service
        (r"C:\tools\gone\bin\containerd.exe", r"C:\tools\bin\containerd.exe"),
        (r"C:\toolsbox\containerd.exe", r"C:\tools\bin\containerd.exe"),
    ],
)
def test_a_version_in_a_folder_of_its_own_is_found_by_the_service(
    machine: Machine, service: Any, service_runs: str, found_at: str
) -> None:
    """Programs that are none, so that nothing is started: only where they lie is looked at."""
    for place in ("tools/bin", "tools/2.1.9/bin", "old", "toolsbox"):
        folder = machine.prefix.disk / place
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "containerd.exe").write_text(place)
    service("containerd", f"{service_runs} --run-service")
    found = machine.node(containerd_directory="C:\\tools\\", containerd_config_path=r"C:\other\c.toml")["containerd"]
    for place in ("tools/bin", "tools/2.1.9/bin", "old", "toolsbox"):
        (machine.prefix.disk / place / "containerd.exe").unlink()
    assert found["path"] == found_at
    assert found["shim"]["path"] == found_at.replace("containerd.exe", "containerd-shim-runhcs-v1.exe")
    assert found["config"]["path"] == r"C:\other\c.toml"


def test_a_program_that_is_none_has_no_version_and_says_why(machine: Machine) -> None:
    folder = machine.prefix.disk / "k"
    folder.mkdir(exist_ok=True)
    (folder / "kubelet.exe").write_text("not a program")
    node = machine.node()
    (folder / "kubelet.exe").unlink()
    assert node["kubelet"]["exists"] is True
    assert node["kubelet"]["version"] is None
    assert [error["what"] for error in node["errors"]] == ["C:\\k\\kubelet.exe --version"]
    assert node["errors"][0]["win32_error"] == 193  # ERROR_BAD_EXE_FORMAT


def test_registry_keys_are_read_with_types_and_data(machine: Machine) -> None:
    key = r"HKLM\SOFTWARE\kubewin-test"
    set_value(machine, key, "number", "4294967295", "REG_DWORD")
    set_value(machine, key, "large", "0xffffffffffffffff", "REG_QWORD")
    set_value(machine, key, "text", "a|b")
    set_value(machine, key, "path", "%SystemRoot%\\x", "REG_EXPAND_SZ")
    set_value(machine, key, "list", "one\\0two", "REG_MULTI_SZ")
    set_value(machine, key, "bytes", "00ff10", "REG_BINARY")
    set_value(machine, key, r"C:\Program Files\x.exe", "0")
    asked = [r"HKLM:\SOFTWARE\kubewin-test", r"hklm:\SOFTWARE\nowhere", r"HKCU:\Software"]
    node = machine.node(registry=asked)
    command(machine, "reg.exe", "delete", key, "/f")
    found, missing, refused = (node["registry"][key] for key in asked)
    assert found == {
        "exists": True,
        "values": {
            "number": {"type": "dword", "data": 4294967295},
            "large": {"type": "qword", "data": 2**64 - 1},
            "text": {"type": "string", "data": "a|b"},
            "path": {"type": "expandstring", "data": "%SystemRoot%\\x"},
            "list": {"type": "multistring", "data": ["one", "two"]},
            "bytes": {"type": "binary", "data": "00ff10"},
            r"C:\Program Files\x.exe": {"type": "string", "data": "0"},
        },
    }
    assert missing == refused == {"exists": False, "values": {}}
    assert [error["what"] for error in node["errors"]] == [r"registry key HKCU:\Software"]


def test_firewall_rules_are_found_by_their_names(machine: Machine) -> None:
    key = rf"{SERVICES}\SharedAccess\Parameters\FirewallPolicy\FirewallRules"
    rules = {
        "{1}": "v2.30|Action=Allow|Active=TRUE|Dir=In|Protocol=6|LPort=10250|Name=Kubelet|",
        "{2}": "v2.30|Action=Block|Active=TRUE|Dir=In|Protocol=6|LPort=10250|Name=kubelet|Desc=x|",
        "{3}": "v2.30|Action=Allow|Active=TRUE|Dir=In|Protocol=6|LPort=22|Name=kubelet of another|",
    }
    for name, rule in rules.items():
        set_value(machine, key, name, rule)
    node = machine.node(firewall_rules=["kubelet", "sshd"])
    command(machine, "reg.exe", "delete", key, "/f")
    assert sorted(node["firewall_rules"]["kubelet"]) == sorted([rules["{1}"], rules["{2}"]])
    assert node["firewall_rules"]["sshd"] == []
    assert machine.node(firewall_rules=["kubelet"])["firewall_rules"] == {"kubelet": []}


def test_folders_are_listed(machine: Machine) -> None:
    folder = machine.prefix.disk / "listed"
    (folder / "below").mkdir(parents=True)
    (folder / "file").write_bytes(b"x")
    (folder / "below" / "deeper").write_bytes(b"x")
    asked = [r"%SystemDrive%\listed", r"C:\listed\file", r"C:\nowhere"]
    found = machine.node(directories=asked)["directories"]
    for path in (folder / "below" / "deeper", folder / "file"):
        path.unlink()
    assert sorted(found[asked[0]]) == ["below", "file"]
    assert (found[asked[1]], found[asked[2]]) == (None, None)


def test_services_beside_the_nodes_own_are_described_when_asked_for(machine: Machine, service: Any) -> None:
    service("W32Time", r"C:\x.exe", "start=", "demand")
    services = machine.node(services=["W32Time", "nothing"])["services"]
    assert services["W32Time"]["start_mode"] == "manual"
    assert services["nothing"] is None
    assert "W32Time" not in machine.node()["services"]


def test_port_ranges_are_the_callers(machine: Machine) -> None:
    ranges = {"tcp": {"start": 49152, "count": 16384}}
    assert machine.node(dynamic_port_ranges=ranges)["dynamic_port_ranges"] == ranges
    assert machine.node()["dynamic_port_ranges"] is None


# As public outputs show it, once in another language; the second row is a reservation of a program.
EXCLUDED = """
Protocole tcp Plages d'exclusion de ports

Port de début Port de fin
------------- -----------
      5357        5357
     50000       50059     *

* - Exclusions de ports administrés.
"""


def test_excluded_ports_are_read_from_netsh_s_table_in_any_language(machine: Machine) -> None:
    lines = {"tcp": EXCLUDED.splitlines(), "udp": []}
    assert machine.node(excluded_port_lines=lines)["excluded_port_ranges"] == {
        "tcp": [
            {"start": 5357, "count": 1, "administered": False},
            {"start": 50000, "count": 60, "administered": True},
        ],
        "udp": [],
    }
    assert machine.node()["excluded_port_ranges"] is None


def test_nobody_answers_where_containerd_does_not_run(machine: Machine) -> None:
    assert machine.node()["containerd"]["pipe"] == {"path": "\\\\.\\pipe\\containerd-containerd", "answers": False}


def test_features_are_the_callers(machine: Machine) -> None:
    assert machine.node(windows_features={"Containers": "disabled"})["features"] == {"Containers": "disabled"}
    assert machine.node()["features"] == {}


def test_what_is_returned_is_what_is_documented(machine: Machine, service: Any) -> None:
    service("containerd", r"C:\x.exe")
    node = machine.node(files=["C:\\windows"])
    assert node["services"]["containerd"]["failure_actions"]
    assert differences({"node": returns("node_info")["node"]}, {"node": node}) == []


def test_drives_have_their_room(machine: Machine) -> None:
    [system] = [volume for volume in machine.node()["volumes"] if volume["drive"] == "C:"]
    room = os.statvfs(machine.prefix.directory)
    assert system["size_bytes"] == room.f_blocks * room.f_frsize
    assert 0 < system["free_bytes"] <= system["size_bytes"]


def test_a_server_is_reached_or_said_why_not(machine: Machine) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        open_port = server.getsockname()[1]
        with socket.create_server(("127.0.0.1", 0)) as other:
            closed_port = other.getsockname()[1]
        asked = [f"https://127.0.0.1:{open_port}", f"127.0.0.1:{closed_port}", "nobody.invalid:6443", "no port"]
        endpoints = machine.node(endpoints=asked)["endpoints"]
    reached, closed, nameless, wrong = (endpoints[endpoint] for endpoint in asked)
    assert reached == {"addresses": ["127.0.0.1"], "reached": True, "error": None}
    assert (closed["addresses"], closed["reached"]) == (["127.0.0.1"], False)
    assert closed["error"]
    # A name below .invalid never resolves (RFC 6761).
    assert (nameless["addresses"], nameless["reached"]) == ([], False)
    assert nameless["error"]
    assert wrong == {"addresses": None, "reached": False, "error": "This is neither a URL nor host:port."}


def test_a_server_with_an_address_of_ipv6_only_is_reached(machine: Machine) -> None:
    with socket.create_server(("::1", 0), family=socket.AF_INET6) as server:
        asked = f"https://[::1]:{server.getsockname()[1]}"
        found = machine.node(endpoints=[asked])["endpoints"][asked]
    assert found == {"addresses": ["::1"], "reached": True, "error": None}


def test_the_kubelets_certificate_is_read_and_its_key_is_not(machine: Machine, tmp_path: Path) -> None:
    pair = Authority(tmp_path, "cluster").issue("node", "system:node:win1", organizations=["system:nodes"])
    issued = x509.load_pem_x509_certificate(pair.certificate.read_bytes())
    (tmp_path / "kubelet-client-current.pem").write_bytes(pair.certificate.read_bytes() + pair.key.read_bytes())
    node = machine.node(kubelet_certificate_directory=machine.prefix.windows_path(tmp_path))
    certificate = node["kubelet"]["client_certificate"]
    assert sorted(certificate["subject"].split(", ")) == ["CN=system:node:win1", "O=system:nodes"]
    assert datetime.datetime.fromisoformat(certificate["not_before"]) == issued.not_valid_before_utc
    assert datetime.datetime.fromisoformat(certificate["not_after"]) == issued.not_valid_after_utc
    now = datetime.datetime.now(datetime.UTC)
    assert abs(datetime.datetime.fromisoformat(node["time"]) - now) < datetime.timedelta(minutes=5)
    assert pair.key.read_text().splitlines()[1] not in json.dumps(node)


def test_a_certificate_that_is_none_is_told_as_an_error(machine: Machine, tmp_path: Path) -> None:
    text = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"
    (tmp_path / "kubelet-client-current.pem").write_text(text)
    node = machine.node(kubelet_certificate_directory=machine.prefix.windows_path(tmp_path))
    certificate = node["kubelet"]["client_certificate"]
    assert certificate["not_after"] is None
    assert [error["what"] for error in node["errors"]] == [f"certificate {certificate['path']}"]
