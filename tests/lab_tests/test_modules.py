"""Every emulated module, through stock ansible-core over NTLM-sealed HTTP, against a model node."""

from __future__ import annotations

import base64
import functools
import hashlib
import http.server
import io
import json
import tarfile
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lab_tests.exercise import exercise
from lab_tests.wire_support import CORES, PASSWORD, USER, core_or_skip, make_certificates, play

from lab.errors import HostError, NotModelled
from lab.host import command_line, windows_updates
from lab.host.interface import Completed, Identity
from lab.host.model import ModelHost
from lab.host.windows_updates import Update
from lab.modules import win_power_plan, win_updates
from lab.modules.archive import tar
from lab.modules.coercion import to_bool, to_list
from lab.modules.documentation import module_file
from lab.modules.emulation import ModuleFailure
from lab.modules.table import PINS, ModuleTable, emulated_names
from lab.wire.payload import ModuleCall
from lab.wire.server import WinRMServer

CUMULATIVE = Update("2026-11 Cumulative Update for Windows Server 2022", "5070001")
PREVIEW = Update("2026-11 Cumulative Update Preview for Windows Server 2022", "5070002")
DRIVER = Update("A driver", "5070003", categories=("Drivers",), restarts=False)
LARGE = bytes(range(256)) * 2800


def _archive() -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for name, content in {"bin/containerd.exe": b"MZ containerd", "bin/ctr.exe": b"MZ ctr"}.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


@pytest.fixture(scope="module")
def web(tmp_path_factory):
    directory = tmp_path_factory.mktemp("web")
    content = _archive()
    (directory / "archive.tar.gz").write_bytes(content)
    digest = hashlib.sha256(content).hexdigest()
    (directory / "archive.tar.gz.sha256sum").write_text(f"{digest}  archive.tar.gz\n")

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_arguments):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=directory))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()


@pytest.fixture(scope="module", params=CORES)
def ran(request, tmp_path_factory, web):
    """The exercise's results on one core, with the node and its server."""
    core_or_skip(request.param)
    directory = tmp_path_factory.mktemp(f"exercise-{request.param}")
    (directory / "template.j2").write_text("host {{ inventory_hostname }}\nü\n")
    (directory / "large.bin").write_bytes(LARGE)
    (directory / "tree" / "deep").mkdir(parents=True)
    (directory / "tree" / "deep" / "ü.txt").write_text("deep")
    (directory / "tree" / "empty").write_text("")
    host = ModelHost(Identity("win1"))
    windows_updates.offer(host, CUMULATIVE, PREVIEW, DRIVER)
    address = "127.0.81.1"
    certificates = make_certificates(directory, address)
    with WinRMServer(
        host, address, certificate=certificates.certificate, key=certificates.key, accounts={USER: PASSWORD}
    ) as server:
        run = play(request.param, directory, server, certificates, exercise(directory, web), timeout=240)
        yield run, host, server, directory


IDEMPOTENT = (
    "folder", "content", "program", "large file", "tree", "remote copy", "template", "service", "registry", "path",
    "environment", "feature", "download", "updates", "cleaned",
)  # fmt: skip


@pytest.mark.parametrize("name", IDEMPOTENT)
def test_check_mode_foresees_a_change_and_a_second_run_makes_none(ran, name):
    run = ran[0]
    outcomes = [run[f"{name}: {step}"]["outcome"] for step in ("check", "apply", "again")]
    assert outcomes == ["ok"] * 3, run.text
    assert [run[f"{name}: {step}"]["changed"] for step in ("check", "apply", "again")] == [True, True, False]


_UNSUPPORTED = "Unsupported parameters for (ansible.windows."
BAD_INPUT = {
    "bad option": _UNSUPPORTED + "win_ping) module: dato. Supported parameters include: data",
    "unmodelled module": "SIMULATOR: module ansible.windows.win_whoami not modelled",
    "bad choice, legacy": "Get-AnsibleParam: Argument state needs to be one of absent,directory,file,touch "
    "but was folder.",
    "slurp of nothing": r"Path C:\k\missing is not found",
    "service missing": "Service 'nothing' is not installed, need to set 'path' to create a new service",
    "service bad choice": "value of start_mode must be one of: auto, delayed, disabled, manual. "
    "Got no match for: sometimes",
    "service bad suboption": _UNSUPPORTED
    + "win_service) module: kind found in failure_actions. Supported parameters include: delay, delay_ms, type",
    "service not modelled": "SIMULATOR: win_service with sid_info='restricted' not modelled",
    "environment without name": "one of the following is required: name, variables",
    "updates logged": r"SIMULATOR: win_updates with log_path='C:\\k\\updates.log' not modelled",
    "power plan unknown": "Defined power_plan: (fast) is not available",
    "unknown program": "SIMULATOR: win_command with the program net.exe not modelled",
}


@pytest.mark.parametrize(("task", "message"), BAD_INPUT.items())
def test_bad_input_fails_with_the_real_message(ran, task, message):
    result = ran[0][task]
    assert result["outcome"] == "failed"
    # The real module writes choices in its own order, the documentation in another.
    assert sorted(result["msg"].replace(",", " ").replace(".", " ").split()) == sorted(
        message.replace(",", " ").replace(".", " ").split()
    )


def test_everything_else_succeeded(ran):
    run = ran[0]
    expected = {task for task, result in run.results.items() if result["outcome"] == "failed"}
    assert expected == {
        "bad option", "unmodelled module", "bad choice, legacy", "slurp of nothing", "service missing",
        "service bad choice", "service bad suboption", "service not modelled", "environment without name",
        "feature unknown", "download of nothing", "download corrupt", "unknown program", "updates logged",
        "power plan unknown",
    }, run.text  # fmt: skip
    assert run.exit_code == 0
    assert run["ping after"]["ping"] == "pong"


def test_files_arrive_byte_for_byte_and_come_back(ran):
    run, _host, _server, directory = ran
    assert (directory / "got" / "large.bin").read_bytes() == LARGE
    assert base64.b64decode(run["slurp"]["content"]).decode().splitlines() == ["host win", "ü"]
    stat = run["stat"]["stat"]
    assert (stat["checksum"], stat["size"]) == (hashlib.sha256(b"hello\n").hexdigest(), 6)
    assert run["stat of nothing"]["stat"] == {"exists": False}


def test_a_template_shows_its_difference_where_its_action_plugin_has_one(ran):
    run, _host, _server, directory = ran
    if "2.19" in directory.name:
        assert "diff" not in run["template: apply"]  # ansible.windows 3.3.0
    else:
        assert "host win" in str(run["template: apply"]["diff"])


def test_a_service_is_registered_as_asked(ran):
    facts = ran[0]["service info"]["services"][0]
    assert facts["path"] == r"C:\k\agent.exe --config C:\ProgramData\agent.yaml"
    assert facts["failure_actions"] == [
        {"type": "restart", "delay_ms": 5000},
        {"type": "restart", "delay_ms": 10000},
    ]
    assert facts["failure_reset_period_sec"] == 86400
    assert facts["failure_actions_on_non_crash_failure"] is True
    assert facts["dependencies"] == ["EventLog"]
    assert (facts["start_mode"], facts["state"]) == ("delayed", "started")
    assert ran[0]["service: apply"]["username"] == "LocalSystem"
    assert ran[0]["service changed"]["diff"]["before"]["start_mode"] == "auto"
    assert ran[0]["service changed"]["diff"]["after"]["start_mode"] == "delayed"


def test_the_registry_keeps_numbers_and_shows_them_in_hexadecimal(ran):
    after = ran[0]["registry: apply"]["diff"]["after"]
    assert after == {r"HKLM:\SOFTWARE\Kube": {"Count": {"type": "DWord", "value": "0x00000010"}}}


def test_containers_ask_for_a_reboot_which_brings_its_services(ran):
    run, host, _server, _directory = ran
    assert run["feature: apply"]["reboot_required"] is True
    assert run["feature: apply"]["exitcode"] == "SuccessRestartRequired"
    assert run["feature: again"]["exitcode"] == "NoChangeNeeded"
    assert run["optional feature"]["changed"] is False
    assert run["reboot"]["rebooted"] is True
    assert host.pending_reboot() == []
    assert host.service("hns").state == "running"


def test_updates_are_chosen_installed_once_and_ask_for_a_restart(ran):
    run, host, _, _ = ran
    foretold, applied, again = (run[f"updates: {step}"] for step in ("check", "apply", "again"))
    assert (foretold["found_update_count"], foretold["installed_update_count"]) == (1, 0)
    assert list(foretold["updates"]) == [CUMULATIVE.id]
    assert foretold["filtered_updates"][PREVIEW.id]["filtered_reasons"] == ["reject_list"]
    assert foretold["filtered_updates"][DRIVER.id]["filtered_reasons"] == ["category_names"]
    assert (foretold["reboot_required"], applied["reboot_required"]) == (False, True)
    assert (applied["installed_update_count"], again["found_update_count"]) == (1, 0)
    assert applied["updates"][CUMULATIVE.id]["kb"] == ["5070001"]
    searched = run["updates searched"]
    assert (searched["changed"], searched["found_update_count"]) == (False, 2)
    assert windows_updates.offered(host) == [PREVIEW, DRIVER]
    assert host.pending_reboot() == []  # the exercise has restarted the node since


def test_the_power_plan_is_the_one_that_the_registry_names(ran):
    run, host, _, _ = ran
    assert (run["power plan"]["changed"], run["power plan again"]["changed"]) == (True, False)
    assert run["power plan again"]["all_available_plans"]["High performance"]
    assert win_power_plan.active(host) == win_power_plan.PLANS["High performance"]


def test_an_update_that_fails_is_told_with_its_code_and_a_process_ends_with_its_node():
    host = ModelHost(Identity("win1"), downtime=0.0)
    windows_updates.offer(host, Update("Broken", "1", failure=-2145124318))
    table = {"category_names": ["*"], "accept_list": None, "reject_list": None, "skip_optional": False,
             "state": "installed", "log_path": None, "server_selection": "default",
             "_operation": "start", "_operation_options": None}  # fmt: skip
    started = win_updates.EMULATION.run(host, table, False, False)
    poll = {**table, "_operation": "poll", "_operation_options": started["poll_options"]}
    told = win_updates.EMULATION.run(host, poll, False, False)["output"]
    assert [progress["task"] for progress in told] == ["search_result", "download_result", "install_result", "exit"]
    assert told[2]["result"]["info"][0]["hresult"] == -2145124318
    assert (told[3]["result"]["failed"], told[3]["result"]["changed"]) == (True, True)
    assert windows_updates.offered(host)[0].title == "Broken"
    started = win_updates.EMULATION.run(host, table, False, False)
    host.reboot()
    assert host.is_up()
    with pytest.raises(ModuleFailure, match="server pipe"):
        win_updates.EMULATION.run(host, {**poll, "_operation_options": started["poll_options"]}, False, False)


def test_a_download_is_verified_and_nothing_is_left_of_a_corrupt_one(ran):
    run, host, _server, _directory = ran
    assert run["download: apply"]["checksum_dest"] == run["download: apply"]["checksum_src"]
    assert "did not match '00'" in run["download corrupt"]["msg"]
    assert host.status(r"C:\k\x") is None
    assert "(404)" in run["download of nothing"]["msg"]


def test_unpacking_is_skipped_when_done(ran):
    run = ran[0]
    assert run["unpack"]["changed"] is True
    assert run["unpack again"]["outcome"] == "skipped" or run["unpack again"]["changed"] is False


def test_every_module_run_is_counted_with_its_bytes(ran):
    run, _host, server, _directory = ran
    pings = [row for row in server.executions if row["fqcn"] == "ansible.windows.win_ping"]
    assert len(pings) == 3
    assert all(row["bytes_in"] > 100_000 and row["requests"] >= 4 for row in pings)
    assert any(row["check_mode"] for row in server.executions)
    assert len(server.executions) >= len(run.results) - 3  # fetch, reboot and the folder of win_copy are none


def test_a_module_whose_source_changed_is_refused():
    call = ModuleCall("ansible.windows.win_ping", {}, {}, b"#!powershell\n# another release\n")
    with pytest.raises(Exception, match=r"SIMULATOR: ansible.windows.win_ping changed \(sha256 [0-9a-f]{64}\)"):
        ModuleTable().run(ModelHost(Identity("win1")), call)


@pytest.mark.parametrize("core", CORES)
def test_every_emulated_module_is_pinned_to_the_installed_source(core):
    folder = core_or_skip(core) / "collections" / "ansible_collections"
    pins = json.loads(PINS.read_text())
    for fqcn in emulated_names():
        source = module_file(folder, fqcn)
        if source.is_file():
            assert hashlib.sha256(source.read_bytes()).hexdigest() in pins[fqcn], f"{fqcn} of core {core} is not pinned"


def test_booleans_and_lists_are_read_as_ansible_basic_reads_them():
    assert [to_bool(text) for text in ("yes", "No", " 1.0 ", False)] == [True, False, True, False]
    with pytest.raises(ValueError, match="is not a valid boolean"):
        to_bool("perhaps")
    assert to_list("a, b") == ["a", "b"]
    assert to_list(3) == [3]


def _tar(*members: tuple[str, bytes], kind: bytes = tarfile.REGTYPE) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name, content in members:
            info = tarfile.TarInfo(name)
            info.size, info.type = len(content), kind
            archive.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


def _extract(content: bytes, *arguments: str) -> tuple[ModelHost, Completed]:
    host = ModelHost(Identity("win1"))
    host.make_directory("C:\\k")
    host.write("C:\\a.tar", content)
    return host, tar(host, ["-xf", "C:\\a.tar", "-C", "C:\\k", *arguments], "")


def test_a_member_outside_the_folder_is_refused_and_the_others_arrive():
    host, completed = _extract(_tar(("../evil", b"x"), ("good", b"y")))
    assert completed.exit_code == 1
    assert b"Path contains '..'" in completed.stderr
    assert host.read("C:\\k\\good") == b"y"
    assert host.status("C:\\evil") is None


@pytest.mark.parametrize("name", ["nul", "a:b", "con.txt", "trailing.", "what?"])
def test_a_member_that_windows_cannot_name_is_not_modelled(name):
    with pytest.raises(NotModelled, match="no Windows file name"):
        _extract(_tar((name, b"x")))


def test_members_and_stripped_components_are_chosen_as_bsdtar_does():
    content = _tar(("top/bin/a.exe", b"a"), ("top/doc/b", b"b"))
    host, completed = _extract(content, "--strip-components", "1", "top/bin")
    assert completed.exit_code == 0
    assert host.list_directory("C:\\k") == ["bin"]
    assert b"Not found in archive" in _extract(content, "missing")[1].stderr


def test_what_is_no_archive_fails_as_tar_does():
    assert b"Unrecognized archive format" in _extract(b"no tar")[1].stderr


@given(st.lists(st.text(alphabet='ab \\\\"\t', max_size=8)))
def test_a_command_line_gives_back_the_arguments_it_was_made_of(arguments):
    assert command_line.split(command_line.join(arguments)) == arguments


def test_a_full_disk_and_a_file_in_use_fail_with_windows_codes():
    host = ModelHost(Identity("win1"))
    host.free_bytes = 3
    with pytest.raises(HostError, match="Win32 error 112"):
        host.write("C:\\big", b"four")
    host.write("C:\\small", b"abc")
    host.in_use.add("c:\\SMALL")
    with pytest.raises(HostError, match="Win32 error 32"):
        host.remove("C:\\small")
    assert host.read("C:\\small") == b"abc"


def test_a_clock_decides_when_a_modelled_node_is_up_again():
    now = [1000.0]
    host = ModelHost(Identity("win1"), clock=lambda: now[0], downtime=60)
    host.reboot()
    assert not host.is_up()
    with pytest.raises(HostError, match="the node is down"):
        host.services()
    now[0] += 60
    assert host.is_up()
    assert host.boot_time() == 1060
