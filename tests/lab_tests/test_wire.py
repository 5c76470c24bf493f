"""The WinRM service: authentication, encryption, shells, faults and power, with stock clients."""

from __future__ import annotations

import base64
import socket
import threading
import time

import pytest
import requests
import xmltodict
from lab_tests.wire_support import CORES, PASSWORD, TRANSPORTS, USER, make_certificates, play
from winrm.exceptions import InvalidCredentialsError, WinRMError, WinRMTransportError
from winrm.protocol import Protocol

from lab.errors import LabError
from lab.faults import Fault
from lab.host.interface import Identity
from lab.host.model import ModelHost
from lab.wire.raw import run_raw
from lab.wire.server import WinRMServer

BOOT_TIME = "(Get-CimInstance -ClassName Win32_OperatingSystem -Property LastBootUpTime).LastBootUpTime.ToFileTime()"
IDENTIFY = (
    '<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope"><s:Header/><s:Body>'
    '<i:Identify xmlns:i="http://schemas.dmtf.org/wbem/wsman/identity/1/wsmanidentity.xsd"/></s:Body></s:Envelope>'
)
PING = [{"name": "ping", "ansible.windows.win_ping": {}}]


class SlowHost(ModelHost):
    """A node on which asking for the boot time takes a while."""

    delay = 0.0

    def boot_time(self) -> float:
        time.sleep(self.delay)
        return super().boot_time()


@pytest.fixture(scope="module")
def certificates(tmp_path_factory):
    return make_certificates(tmp_path_factory.mktemp("certificates"), "127.0.82.1")


@pytest.fixture
def server(certificates):
    files = {"certificate": certificates.certificate, "key": certificates.key}
    host = SlowHost(Identity("win1"), downtime=0.5)
    with WinRMServer(host, "127.0.82.1", accounts={USER: PASSWORD}, **files) as served:
        yield served


def _client(server, transport="ntlm", password=PASSWORD, user=USER, **options) -> Protocol:
    return Protocol(
        f"http://{server.address}:{server.http_port}/wsman", transport=transport, username=user, password=password,
        message_encryption="always" if transport == "ntlm" else "auto", **options,
    )  # fmt: skip


def _raw(client: Protocol, script: str) -> tuple[bytes, bytes, int]:
    shell = client.open_shell(codepage=65001)
    encoded = base64.b64encode(script.encode("utf-16-le")).decode()
    command = client.run_command(shell, "PowerShell", ["-NoProfile", "-EncodedCommand", encoded])
    output = client.get_command_output(shell, command)
    client.cleanup_command(shell, command)
    client.close_shell(shell)
    return output


@pytest.mark.parametrize("transport", TRANSPORTS)
@pytest.mark.parametrize("core", CORES)
def test_stock_ansible_speaks_to_a_node(core, transport, server, certificates, tmp_path):
    run = play(core, tmp_path, server, certificates, PING, transport=transport)
    assert run["ping"]["ping"] == "pong", run.text


@pytest.mark.parametrize("core", CORES)
def test_psrp_carries_files_both_ways_and_errors(core, server, certificates, tmp_path):
    content = bytes(range(256)) * 3000
    (tmp_path / "large.bin").write_bytes(content)
    tasks = [
        {"name": "put", "ansible.windows.win_copy": {"src": str(tmp_path / "large.bin"), "dest": "C:\\large.bin"}},
        {"name": "empty", "ansible.windows.win_copy": {"content": "", "dest": "C:\\empty.txt"}},
        {"name": "fetch", "ansible.builtin.fetch": {"src": "C:\\large.bin", "dest": f"{tmp_path}/got", "flat": True}},
        {"name": "unknown", "ansible.windows.win_whoami": {}, "ignore_errors": True},
        {"name": "raw", "ansible.builtin.raw": "Get-Process", "ignore_errors": True},
        {"name": "reboot", "ansible.windows.win_reboot": {"pre_reboot_delay": 2, "reboot_timeout": 60}},
    ]
    run = play(core, tmp_path, server, certificates, tasks, transport="psrp_http")
    assert run.exit_code == 0, run.text
    assert (tmp_path / "got").read_bytes() == content
    assert server.host.read("C:\\empty.txt") == b""
    assert run["unknown"]["msg"] == "SIMULATOR: module ansible.windows.win_whoami not modelled"
    assert "SIMULATOR: the PowerShell text 'Get-Process" in run["raw"]["stderr"]
    assert run["reboot"]["rebooted"] is True


@pytest.mark.parametrize("transport", ["ntlm_http", "basic_https", "ntlm_https"])
def test_a_wrong_password_makes_the_node_unreachable(transport, server, certificates, tmp_path):
    run = play(CORES[0], tmp_path, server, certificates, PING, transport=transport, ansible_password="wrong")
    assert run["ping"]["outcome"] == "unreachable"
    assert "the specified credentials were rejected by the server" in run["ping"]["msg"]
    assert server.executions == []


def test_an_unknown_certificate_authority_makes_the_node_unreachable(server, certificates, tmp_path):
    trust = {"ansible_winrm_ca_trust_path": str(certificates.other_authority)}
    run = play(CORES[0], tmp_path, server, certificates, PING, transport="basic_https", **trust)
    assert run["ping"]["outcome"] == "unreachable"
    assert "certificate" in run["ping"]["msg"].lower()


@pytest.mark.parametrize(
    "variables",
    [
        {"ansible_winrm_transport": "basic", "ansible_winrm_scheme": "http"},
        {**TRANSPORTS["ntlm_http"], "ansible_winrm_message_encryption": "never"},
    ],
    ids=["basic", "ntlm without encryption"],
)
def test_nothing_unencrypted_is_accepted_over_http(variables, server, certificates, tmp_path):
    run = play(CORES[0], tmp_path, server, certificates, PING, transport="", **variables)
    assert run["ping"]["outcome"] == "unreachable"


def test_a_node_identifies_itself_to_anyone(server):
    answer = requests.post(
        f"http://{server.address}:{server.http_port}/wsman",
        data=IDENTIFY,
        headers={"WSMANIDENTIFY": "unauthenticated"},
        timeout=5,
    )
    assert "OS: 10.0.20348" in answer.text


def test_without_credentials_the_answer_is_401_with_the_challenges_of_the_listener(server, certificates):
    plain = requests.post(f"http://{server.address}:{server.http_port}/wsman", data="", timeout=5)
    secure = requests.post(
        f"https://{server.address}:{server.https_port}/wsman", verify=str(certificates.authority), timeout=5
    )
    assert (plain.status_code, plain.headers["WWW-Authenticate"]) == (401, "Negotiate")
    assert secure.headers["WWW-Authenticate"] == 'Negotiate, Basic realm="WSMAN"'


@pytest.mark.parametrize("user", ["administrator", ".\\Administrator", "win1\\Administrator"])
def test_account_names_are_compared_without_case_and_may_name_the_computer(user, server):
    assert _raw(_client(server, user=user), BOOT_TIME)[2] == 0


def test_an_account_of_another_computer_is_refused(server):
    with pytest.raises(InvalidCredentialsError):
        _client(server, user="other\\Administrator").open_shell()


def test_accounts_of_one_node_do_not_open_another(server):
    with WinRMServer(ModelHost(Identity("win2")), "127.0.82.2", accounts={USER: "Another-1"}) as other:
        with pytest.raises(InvalidCredentialsError):
            _client(other).open_shell()
        assert _client(other, password="Another-1").open_shell()


def test_a_command_that_takes_longer_than_the_operation_timeout_is_polled(server):
    server.host.delay = 2.5
    client = _client(server, operation_timeout_sec=1, read_timeout_sec=5)
    before = server.requests
    stdout, _stderr, code = _raw(client, BOOT_TIME)
    assert code == 0
    assert stdout.strip().isdigit()
    assert server.requests - before >= 7  # the shell's and the command's own, and at least two polls more


def test_nodes_work_in_parallel(server):
    nodes = [
        WinRMServer(SlowHost(Identity(f"n{i}")), f"127.0.82.{10 + i}", accounts={USER: PASSWORD}) for i in range(8)
    ]
    for node in nodes:
        node.host.delay = 3.0
        node.start()
    started = time.monotonic()
    threads = [threading.Thread(target=_raw, args=(_client(node), BOOT_TIME)) for node in nodes]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    elapsed = time.monotonic() - started
    for node in nodes:
        node.stop()
    assert elapsed < 15  # one after another would take 24


def test_unknown_powershell_fails_with_the_mark_of_the_laboratory(server):
    stdout, stderr, code = _raw(_client(server), "Get-Process | Stop-Process")
    assert (stdout, code) == (b"", 1)
    assert stderr.startswith(b"SIMULATOR: ")
    assert stderr.strip().endswith(b"not modelled")


def test_a_shell_that_is_gone_is_a_fault(server):
    client = _client(server)
    shell = client.open_shell()
    client.close_shell(shell)
    with pytest.raises(WinRMError, match="2150858843"):
        client.run_command(shell, "PowerShell", ["-EncodedCommand", "AAAA"])


def test_another_resource_than_a_shell_is_not_modelled(server):
    client = _client(server)
    resource = "http://schemas.microsoft.com/wbem/wsman/1/wmi/root/cimv2/Win32_Service"
    header = client.build_wsman_header("http://schemas.xmlsoap.org/ws/2004/09/transfer/Get", resource)
    with pytest.raises(WinRMError, match=r"SIMULATOR: the WS-Management resource .* not modelled"):
        client.send_message(xmltodict.unparse({"env:Envelope": {**header, "env:Body": {}}}))


def test_a_reply_that_breaks_off_is_a_connection_error(server):
    client = _client(server)
    shell = client.open_shell()
    server.faults.add(Fault("drop_body", target="Command"))
    with pytest.raises(requests.RequestException):
        client.run_command(shell, "PowerShell", ["-EncodedCommand", "AAAA"])
    assert server.faults.struck == ["drop_body"]


def test_a_401_in_the_middle_makes_ansible_report_the_node_unreachable(server, certificates, tmp_path):
    server.faults.add(Fault("unauthorized", target="Create", times=None))
    run = play(CORES[0], tmp_path, server, certificates, PING, transport="basic_https")
    assert run["ping"]["outcome"] == "unreachable"
    assert "rejected by the server" in run["ping"]["msg"]


def test_a_slow_link_takes_its_time(server):
    server.faults.add(Fault("slow", times=None, bytes_per_second=10_000))
    started = time.monotonic()
    _raw(_client(server), BOOT_TIME)
    assert time.monotonic() - started > 1.0


def _refused(server) -> bool:
    try:
        socket.create_connection((server.address, server.http_port), timeout=2).close()
    except ConnectionRefusedError:
        return True
    return False


def _until(condition, timeout: float = 20.0) -> None:
    deadline = time.monotonic() + timeout
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.05)


def test_a_node_that_reboots_refuses_connections_and_comes_back(server):
    client = _client(server)
    shell = client.open_shell()
    server.host.downtime = 2.0
    server.host.reboot()
    _until(lambda: _refused(server))
    _until(lambda: not _refused(server))
    # The old connection's sealed body means nothing on a new one: 400, as a real service answers.
    with pytest.raises(WinRMTransportError, match="400"):
        client.run_command(shell, "PowerShell", [])
    assert _raw(_client(server), BOOT_TIME)[2] == 0


def test_a_reboot_is_scheduled_once_and_can_be_aborted():
    host = ModelHost(Identity("win1"))
    shutdown = r"$stderr = . { C:\Windows\System32\shutdown.exe /r /t 30 /c 'go' | Set-Variable stdout }"
    assert b'"rc": 0' in run_raw(host, shutdown).stdout
    assert b"1190" in run_raw(host, shutdown).stdout
    assert run_raw(host, r"C:\Windows\System32\shutdown.exe /a").exit_code == 0
    assert run_raw(host, r"C:\Windows\System32\shutdown.exe /a").exit_code == 1116
    assert host.is_up()


@pytest.mark.parametrize(
    ("text", "exists"),
    [
        (r"Remove-Item 'C:\it''s' -Force -Recurse;", False),
        (r"Remove-Item C:\plain -Force -Recurse", False),
        (r"exit -not (Test-Path -LiteralPath C:\plain)", True),
    ],
)
def test_paths_are_read_as_the_shell_plugins_quote_them(text, exists):
    host = ModelHost(Identity("win1"))
    path = r"C:\it's" if "'" in text else r"C:\plain"
    host.make_directory(path)
    assert run_raw(host, text).exit_code == 0
    assert (host.status(path) is not None) is exists


def test_a_certificate_that_is_none_is_a_laboratory_error(tmp_path):
    nonsense = tmp_path / "nonsense.pem"
    nonsense.write_text("nonsense")
    with pytest.raises(LabError, match="cannot be used"):
        WinRMServer(ModelHost(Identity("win1")), "127.0.82.3", certificate=nonsense, key=nonsense)
