"""job_object_info by WMI over the wire: stock ansible-playbook, real job objects of hcsshim's making, refusals."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
import yaml
from lab_tests.wire_support import CORES, PASSWORD, TRANSPORTS, USER, Certificates, make_certificates, play
from wine import products
from wine.documented import differences, returns
from wine.machine import Machine
from winrm.exceptions import WinRMTransportError
from winrm.protocol import Protocol

from ansible_collections.kubewin.hostprocess.plugins.module_utils.job.cim import QUERIES
from ansible_collections.kubewin.hostprocess.plugins.module_utils.wsman import query as wsman_query
from ansible_collections.kubewin.hostprocess.plugins.module_utils.wsman.errors import WsmanFault
from ansible_collections.kubewin.hostprocess.plugins.module_utils.wsman.requests import (
    Target,
    enumerate_request,
    pull_request,
    release_request,
)
from lab.faults import Fault
from lab.host.interface import Identity
from lab.host.model import ModelHost
from lab.host.toolchain import Toolchain
from lab.host.wine import WineHost
from lab.wire.server import WinRMServer
from lab.wmi.classes import CLASSES
from lab.wmi.node_state import Job

ADDRESS = "127.0.84.1"
GIB, MIB = 2**30, 2**20
LIMITED, HUGE, IDLE, CLOSED = (f"JobContainer_{digit * 64}" for digit in "1234")
NOBODYS_JOB = "WmiProviderSubSystemHostJob"
# What Ansible itself adds to a result.
NOT_OURS = {"changed", "failed", "failed_when_result", "invocation", "outcome", "warnings", "deprecations", "exception"}


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return make_certificates(tmp_path_factory.mktemp("certificates"), ADDRESS)


# ------------------------------------------------------------------------- a binary node with hcsshim's job objects


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[WineHost, Machine]]:
    """A binary node, and a way to run programs in it that keep their handles."""
    directory, tools = tmp_path_factory.mktemp("node"), Toolchain.built()
    host = WineHost.create(directory / "node", Identity("win1"), tools)
    programs = directory / "tools"
    programs.mkdir()
    shutil.copy(products.c_programs() / "jobs.exe", programs)
    shutil.copy(products.hcsshim_jobs(), programs)
    try:
        host.boot()
        gaps = tools.gaps / "probegaps.dll"
        yield host, Machine(host.prefix, gaps, programs, tools.dotnet, tools.harness, tools.mcs, tools.probes)
        assert not host.ended_by_itself()
    finally:
        host.destroy()


@pytest.fixture(scope="module")
def made(machine: tuple[WineHost, Machine]) -> Iterator[dict[str, dict[str, Any]]]:
    """The node's job objects: what hcsshim itself reads back of each, by name; and one that is no container's."""
    _host, programs = machine
    with ExitStack() as stack:
        jobs = stack.enter_context(programs.jobs())
        jobs.tell("create", NOBODYS_JOB, "2b08")
        yield {
            LIMITED: stack.enter_context(programs.hcsshim_job(LIMITED, cpu=2500, memory=200 * MIB, processes=2)),
            HUGE: stack.enter_context(programs.hcsshim_job(HUGE, memory=6 * GIB, processes=1)),
            IDLE: stack.enter_context(programs.hcsshim_job(IDLE)),
        }


@pytest.fixture
def node(machine, made, certificates) -> Iterator[WinRMServer]:
    files = {"certificate": certificates.certificate, "key": certificates.key}
    with WinRMServer(machine[0], ADDRESS, accounts={USER: PASSWORD}, **files) as server:
        yield server


@pytest.fixture
def ask(node, certificates, tmp_path):
    """Return a function that runs job_object_info in a play; its result, with the play's text as `text`."""

    def run(transport: str = "ntlm_http", core: str = CORES[0], **options: Any) -> dict[str, Any]:
        tasks = [{"name": "ask", "kubewin.hostprocess.job_object_info": options, "ignore_errors": True}]
        done = play(core, tmp_path, node, certificates, tasks, transport=transport)
        return {**done["ask"], "text": done.text}

    return run


def by_name(result: dict[str, Any]) -> dict[str, dict[str, Any]]:
    assert result["outcome"] == "ok", result["text"]
    return {job["name"]: job for job in result["job_objects"]}


@pytest.mark.wine
@pytest.mark.parametrize("core", CORES)
@pytest.mark.parametrize("transport", ["ntlm_http", "ntlm_https", "psrp_http", "psrp_https"])
def test_wmi_tells_of_hcsshims_jobs_what_hcsshim_reads_itself(transport, core, ask, made, node):
    result = ask(transport, core, source="cim")
    jobs = by_name(result)
    assert (result["source"], result["changed"]) == ("cim", False)
    assert set(jobs) == set(made), "a container's jobs and no others"
    limited = jobs[LIMITED]
    assert limited["wmi_name"] == rf"\job\container_{'1' * 64}"
    assert limited["limits"]["flags"] == 0x2200
    assert limited["limits"]["job_memory_bytes"] == made[LIMITED]["memory"]
    assert sorted(process["pid"] for process in limited["processes"]) == sorted(made[LIMITED]["processes"])
    assert all(process["command_line"].endswith("sleep 1") for process in limited["processes"])
    assert (limited["kill_on_close"], limited["breakaway"], limited["state"]) == (True, False, "running")
    assert (jobs[IDLE]["state"], jobs[IDLE]["limits"]["flags"]) == ("created", 0x2000)
    assert node.executions == [], "no code runs on the node"


@pytest.mark.wine
@pytest.mark.parametrize("transport", ["ntlm_https", "psrp_http"])
def test_all_queries_of_a_task_go_over_one_session_which_is_closed(transport, ask, node):
    ask(transport, source="cim")
    assert node.connections == 1
    assert node.verbs["Create"] == node.verbs["Delete"] == 1
    assert node.verbs["Enumerate"] == len(QUERIES)
    assert node.open_queries == 0


@pytest.mark.wine
@pytest.mark.parametrize("source", ["win32", "cim"])
def test_both_witnesses_return_what_the_documentation_says(source, ask):
    result = ask(source=source)
    answer = {name: value for name, value in result.items() if name not in NOT_OURS | {"text"}}
    assert differences(returns("job_object_info"), {k: v for k, v in answer.items() if k[0] != "_"}) == []


@pytest.mark.wine
@pytest.mark.parametrize("source", ["win32", "cim"])
def test_both_witnesses_keep_the_same_invariants(source, ask, made):
    result = ask(source=source)
    jobs = by_name(result)
    assert set(made) <= set(jobs)
    assert result["logical_processors"] >= 1
    for job in jobs.values():
        used, memory = job["accounting"], job["memory"]
        assert used["active_processes"] <= used["total_processes"]
        assert used["active_processes"] == sum(process["in_job"] for process in job["processes"])
        assert (job["state"] == "running") == bool(job["processes"])
        if memory and memory["current_bytes"] is not None:
            assert memory["current_bytes"] <= memory["peak_bytes"]
        for field in ("cpu_rate", "silo", "io", "memory", "limits", "accounting"):
            assert job[field] is not None or job["errors"][field]["message"], f"{field} is null without a reason"


@pytest.mark.wine
def test_a_cross_check_reports_exactly_what_wmi_cannot_open(ask, machine):
    """A limit of 6 GiB reads as 2 GiB in WMI's 32 bits: what one witness can't know is no difference."""
    with machine[1].jobs() as jobs:
        jobs.tell("denied", CLOSED)
        result = ask(cross_check=True)
    assert by_name(result)[HUGE]["limits"]["job_memory_bytes"] == 6 * GIB
    assert result["source"] == "win32"
    assert result["differences"] == [{"name": CLOSED, "field": "listed", "win32": True, "cim": False}]


@pytest.mark.wine
def test_auto_asks_the_kernel_where_it_may(ask, node):
    result = ask(source="auto")
    assert by_name(result)[LIMITED]["cpu_rate"]["rate"] == 2500
    assert result["source"] == "win32"
    assert node.verbs["Enumerate"] == 0


@pytest.mark.wine
@pytest.mark.parametrize("transport", ["ntlm_https", "psrp_http"])
def test_auto_asks_wmi_where_application_control_forbids_code_and_says_what_is_missing(transport, ask, node):
    node.faults.add(Fault("application_control", target="job_object_info", times=None))
    result = ask(transport, source="auto")
    jobs = by_name(result)
    assert result["source"] == "cim"
    assert jobs[LIMITED]["cpu_rate"] is None
    warned = " ".join(result["text"].split())
    assert "not supported in this language mode" in warned
    assert "does not know CPU rates, silos, limits of 4 GiB and more" in warned
    assert node.verbs["Create"] == node.verbs["Delete"]


@pytest.mark.wine
def test_the_kernel_alone_is_refused_there_and_the_way_out_is_named(ask, node):
    node.faults.add(Fault("application_control", times=None))
    result = ask(source="win32")
    assert result["outcome"] == "failed"
    assert "source=auto" in result["msg"]
    assert node.verbs["Enumerate"] == 0


# ------------------------------------------------------------------------------- model nodes: refusals and wrong hosts


def model(name: str, digit: str) -> ModelHost:
    """A model node with one job container, whose id is one digit."""
    host = ModelHost(Identity(name))
    host.job_objects = [Job(f"JobContainer_{digit * 64}", limit_flags=0x2000, process_ids=[host.processes()[0].id])]
    return host


@pytest.fixture
def served(certificates) -> Iterator[WinRMServer]:
    files = {"certificate": certificates.certificate, "key": certificates.key}
    with WinRMServer(model("win1", "a"), ADDRESS, accounts={USER: PASSWORD}, **files) as server:
        yield server


ASK = [{"name": "ask", "kubewin.hostprocess.job_object_info": {"source": "cim"}}]


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("wmi_no_class", ["2150858778", "CannotProcessFilter", "class does not exist", "Win32_NamedJobObjectActgInfo"]),
        ("wmi_denied", ["AccessDenied 5", "Access is denied"]),
        ("wmi_quota", ["2150859174", "concurrent operations"]),
    ],
)
@pytest.mark.parametrize("transport", ["ntlm_http", "psrp_https"])
def test_a_refusal_is_told_with_everything_the_provider_said(transport, kind, words, served, certificates, tmp_path):
    served.faults.add(Fault(kind, target="ActgInfo"))
    run = play(CORES[0], tmp_path, served, certificates, ASK, transport=transport)
    assert run["ask"]["outcome"] == "failed"
    for word in [ADDRESS, *words]:
        assert word in run["ask"]["msg"]
    assert served.verbs["Create"] == served.verbs["Delete"] == 1


def test_a_reply_that_breaks_off_makes_the_node_unreachable(served, certificates, tmp_path):
    served.faults.add(Fault("drop_body", target="Enumerate"))
    run = play(CORES[0], tmp_path, served, certificates, ASK)
    assert run["ask"]["outcome"] == "unreachable"


# How to ask a node for itself with WS-Man messages and with a module, and where the answer names it.
QUESTIONS = {
    "cim": (ASK[0], lambda answer: answer["job_objects"][0]["container_id"][0]),
    "module": ({"name": "ask", "kubewin.hostprocess.node_info": {}}, lambda answer: answer["node"]["computer_name"]),
}


@pytest.mark.parametrize("question", QUESTIONS)
@pytest.mark.parametrize("transport", ["ntlm_http", "psrp_http"])
@pytest.mark.parametrize("addresses", [(ADDRESS, ADDRESS), (ADDRESS, "127.0.84.2")], ids=["one address", "two"])
@pytest.mark.parametrize("core", CORES)
def test_in_a_loop_with_delegation_each_host_answers_for_itself(
    core, addresses, transport, question, certificates, tmp_path
):
    """ansible-core gives an open connection to the next host of a loop when only the address is the same."""
    accounts = {USER: PASSWORD}
    with WinRMServer(model("a", "a"), addresses[0], accounts=accounts) as first:  # noqa: SIM117
        with WinRMServer(model("b", "b"), addresses[1], accounts=accounts) as second:
            others = {
                name: {
                    "ansible_host": server.address, "ansible_port": server.http_port, "ansible_connection": "winrm",
                    "ansible_user": USER, "ansible_password": PASSWORD, **TRANSPORTS[transport],
                }
                for name, server in (("a", first), ("b", second))
            }  # fmt: skip
            inventory = tmp_path / "others.yml"
            inventory.write_text(yaml.safe_dump({"others": {"hosts": others}}))
            task, name_in = QUESTIONS[question]
            tasks = [{**task, "delegate_to": "{{ item }}", "loop": ["a", "b", "a", "b"]}]
            run = play(core, tmp_path, first, certificates, tasks, transport=transport, extra=["-i", str(inventory)])
            assert run.exit_code == 0, run.text
            answers = [name_in(item) for item in run["ask"]["results"]]
            assert answers == ["a", "b", "a", "b"]
            for server in (first, second):
                assert server.verbs["Create"] == server.verbs["Delete"] == 2, "a shell is left on the node"


# ------------------------------------------------------------------------------------------- the service's own shapes


@pytest.fixture
def speak(served):
    """Return a function that sends one message and returns the body's content; a fault raises."""
    url = f"http://{served.address}:{served.http_port}/wsman"
    client = Protocol(url, transport="ntlm", username=USER, password=PASSWORD, message_encryption="always")

    def send(message: bytes) -> bytes:
        try:
            answer = client.transport.send_message(message)
        except WinRMTransportError as error:
            answer = error.response_text
        return answer.encode() if isinstance(answer, str) else answer

    send.target = Target(url)
    return send


N, W = "{http://schemas.xmlsoap.org/ws/2004/09/enumeration}", "{http://schemas.dmtf.org/wbem/wsman/1/wsman.xsd}"


def body(answer: bytes) -> ElementTree.Element:
    return ElementTree.fromstring(answer).find("{http://www.w3.org/2003/05/soap-envelope}Body")[0]


def test_one_row_comes_first_and_the_others_by_pull(speak, served):
    served.host.job_objects = [Job(f"JobContainer_{digit * 64}") for digit in "abc"]
    first = body(speak(enumerate_request(speak.target, QUERIES["jobs"])))
    context = first.findtext(f"{N}EnumerationContext")
    assert (len(first.find(f"{W}Items")), first.find(f"{W}EndOfSequence")) == (1, None)
    rest = body(speak(pull_request(speak.target, context)))
    assert len(rest.find(f"{N}Items")) == 2
    assert rest.find(f"{N}EnumerationContext").text is None
    assert rest.find(f"{N}EndOfSequence") is not None
    assert served.open_queries == 0


def test_replies_stay_below_the_envelope_that_the_client_asks_for(speak, served):
    served.host.job_objects = [Job(f"JobContainer_{number:064d}") for number in range(300)]
    request = enumerate_request(speak.target, QUERIES["limits"]).replace(b">512000<", b">153600<")
    context, rows, sizes = body(speak(request)).findtext(f"{N}EnumerationContext"), 1, []
    while context:
        answer = speak(pull_request(speak.target, context).replace(b">512000<", b">153600<"))
        sizes.append(len(answer))
        rows += len(body(answer).find(f"{N}Items"))
        context = body(answer).findtext(f"{N}EnumerationContext")
    assert rows == 300
    assert len(sizes) > 2
    assert max(sizes) <= 153600 / 2


def test_a_released_query_is_gone(speak, served):
    served.host.job_objects = [Job(f"JobContainer_{digit * 64}") for digit in "abc"]
    context = body(speak(enumerate_request(speak.target, QUERIES["jobs"]))).findtext(f"{N}EnumerationContext")
    assert served.open_queries == 1
    speak(release_request(speak.target, context))
    assert served.open_queries == 0
    assert b"InvalidEnumerationContext" in speak(pull_request(speak.target, context))


def test_numbers_of_32_bits_wrap_and_null_is_nil(speak, served):
    served.host.job_objects = [Job("JobContainer_X", job_memory_limit=6 * GIB, user_time=6 * GIB)]
    [limits] = wsman_query.query(speak, speak.target, QUERIES["limits"])
    [used] = wsman_query.query(speak, speak.target, QUERIES["accounting"])
    assert (limits["JobMemoryLimit"], limits["Caption"]) == (str(2 * GIB), None)
    assert (limits["SettingID"], used["TotalUserTime"]) == (r"\job\container_\x", str(6 * GIB))


@pytest.mark.parametrize(
    "wql",
    [
        "SELECT * FROM Win32_Service",
        "SELECT * FROM Win32_Process",
        "SELECT WorkingSetSize FROM Win32_Process",
        "SELECT * FROM Win32_NamedJobObject WHERE CollectionID = 'x'",
        "SELECT * FROM Win32_NamedJobObject WITHIN 1",
        "ASSOCIATORS OF {Win32_Process.Handle='4'}",
        "DELETE Win32_NamedJobObject",
        "",
    ],
)
def test_a_query_that_is_not_modelled_never_succeeds(wql, speak):
    with pytest.raises(WsmanFault, match=r"SIMULATOR: .* not modelled"):
        wsman_query.query(speak, speak.target, wql)


def test_every_class_that_the_collection_asks_is_modelled_and_none_besides():
    asked = {query.split(" FROM ")[1].lower() for query in QUERIES.values()}
    assert asked == set(CLASSES)


def test_the_reader_of_the_laboratory_shares_nothing_with_the_probe_under_test():
    root = Path(__file__).resolve().parents[2]
    reader = (root / "tests/lab/wmi/NodeState.cs").read_text()
    probe = (root / "plugins/module_utils/JobObject.cs").read_text()
    assert "NtQueryInformationJobObject" in probe
    assert "NtQueryInformationJobObject" not in reader
