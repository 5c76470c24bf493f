"""The preparing roles, run by stock ansible-playbook against modelled nodes over the real wire."""

from __future__ import annotations

import contextlib
import datetime
import hashlib
import http.server
import io
import os
import re
import subprocess
import tarfile
import threading
import time
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from lab_tests.wire_support import PASSWORD, ROOT, TRANSPORTS, USER, Certificates, core_or_skip, make_certificates

from lab.faults import Fault
from lab.host.command_line import split
from lab.host.interface import Identity, RegistryValue, ServiceConfiguration
from lab.host.model import ENVIRONMENT_KEY, ModelHost
from lab.wire.server import WinRMServer

CONTAINERD = r"C:\Program Files\containerd"
FOREIGN = "# put here by hand\nversion = 3\ndisabled_plugins = ['io.containerd.snapshotter.v1.cimfs'] # no disks\n"
AUTHORITY = "-----BEGIN CERTIFICATE-----\nmodel\n-----END CERTIFICATE-----"
TOKEN = "abcdef.0123456789abcdef"
SHIM = "containerd-shim-runhcs-v1.exe"
# Modules that run on the node; what prepares a bare node may take this many, a prepared one that many (issue 6).
BARE_AT_MOST, PREPARED_AT_MOST = 20, 1


def archive(version: str) -> bytes:
    """A release archive as containerd publishes it, holding programs that a model understands."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz") as tar:
        for name in ("containerd.exe", SHIM, "ctr.exe"):
            content = f"MZ model {name} version={version}".encode()
            entry = tarfile.TarInfo(f"bin/{name}")
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
    return stream.getvalue()


@dataclass
class Releases:
    """A web server with the files that roles download, and their hashes."""

    url: str
    files: dict[str, bytes]

    def variables(self, containerd: str = "2.2.9", kubelet: str = "1.36.3") -> dict[str, Any]:
        """The roles' variables for two versions."""
        self.files[f"/containerd-{containerd}.tar.gz"] = archive(containerd)
        self.files[f"/kubelet-{kubelet}.exe"] = f"MZ model kubelet version={kubelet}".encode()
        return {
            "containerd_version": containerd,
            "containerd_url": f"{self.url}/containerd-{containerd}.tar.gz",
            "containerd_sha256": self.sha256(f"/containerd-{containerd}.tar.gz"),
            "kubelet_version": f"v{kubelet}",
            "kubelet_url": f"{self.url}/kubelet-{kubelet}.exe",
            "kubelet_sha256": self.sha256(f"/kubelet-{kubelet}.exe"),
            "kubelet_api_server": self.url.replace("http:", "https:"),  # something that a node reaches
            "kubelet_cluster_ca": AUTHORITY,
            "kubelet_bootstrap_token": TOKEN,
        }

    def own_shim(self, hcsshim: str) -> dict[str, Any]:
        """The roles' variables for a shim of one's own."""
        path = f"/shim-{hcsshim}.exe"
        self.files[path] = f"MZ model {SHIM} version={hcsshim}".encode()
        return {
            "containerd_hcsshim_version": hcsshim,
            "containerd_hcsshim_url": self.url + path,
            "containerd_hcsshim_sha256": self.sha256(path),
        }

    def sha256(self, path: str) -> str:
        return hashlib.sha256(self.files[path]).hexdigest()


@pytest.fixture(scope="module")
def releases() -> Iterator[Releases]:
    files: dict[str, bytes] = {}

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            content = files.get(self.path)
            self.send_response(404 if content is None else 200)
            self.send_header("Content-Length", str(len(content or b"")))
            self.end_headers()
            self.wfile.write(content or b"")

        def log_message(self, *_arguments: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield Releases(f"http://127.0.0.1:{server.server_address[1]}", files)
    server.shutdown()


@dataclass
class Node:
    """A served model node and how a playbook run on it ends."""

    host: ModelHost
    server: WinRMServer
    certificates: Certificates
    directory: Path
    core: str = "2.19"

    def prepare(self, variables: dict[str, Any], *extra: str, playbook: str = "prepare.yml") -> Outcome:
        """Run a playbook of the collection; returns its end and the modules that it ran on the node."""
        folder = core_or_skip(self.core)
        address = {"ansible_host": self.server.address, "ansible_port": self.server.http_port}
        login = {"ansible_connection": "winrm", "ansible_user": USER, "ansible_password": PASSWORD}
        host = {**address, **login, **TRANSPORTS["ntlm_http"], "ansible_winrm_read_timeout_sec": 60, **variables}
        inventory = self.directory / "inventory.yml"
        inventory.write_text(yaml.safe_dump({"windows": {"hosts": {self.host.identity.computer_name: host}}}))
        configuration = self.directory / "ansible.cfg"
        configuration.write_text("[defaults]\n")
        environment = {
            **os.environ,
            "ANSIBLE_COLLECTIONS_PATH": str(folder / "collections"),
            "ANSIBLE_CONFIG": str(configuration),
            "ANSIBLE_HOME": str(self.directory / "home"),
            "ANSIBLE_STDOUT_CALLBACK": "ansible.builtin.default",
            "ANSIBLE_CALLBACK_RESULT_FORMAT": "yaml",
        }
        before = len(self.server.executions)
        program = str(folder / "venv/bin/ansible-playbook")
        command = [program, "-i", str(inventory), str(ROOT / "playbooks" / playbook), *extra]
        done = subprocess.run(
            command, env=environment, cwd=self.directory, capture_output=True, text=True, timeout=600, check=False
        )
        return Outcome(done.returncode, done.stdout + done.stderr, self.server.executions[before:])

    def text(self, path: str) -> str:
        return self.host.read(path).decode()

    def tree(self) -> dict[str, str]:
        """Every file below the folders that the roles write to, by hash."""
        found = {}
        for root in (CONTAINERD, r"C:\k", r"C:\var"):
            for path in self._walk(root):
                found[path] = hashlib.sha256(self.host.read(path)).hexdigest()
        return found

    def archives(self) -> list[str]:
        """What an unfinished installation leaves."""
        return [path for path in self.tree() if path.endswith(".tar.gz")]

    def machine_path(self) -> list[str]:
        return self.host.environment()["Path"].split(";")

    def _walk(self, path: str) -> Iterator[str]:
        status = self.host.status(path)
        if status is None:
            return
        if not status.is_directory:
            yield path
            return
        for name in self.host.list_directory(path):
            yield from self._walk(f"{path}\\{name}")


@dataclass
class Outcome:
    """How a run ended."""

    exit_code: int
    text: str
    executions: list[dict[str, Any]]

    @property
    def modules(self) -> list[str]:
        return [execution["fqcn"].rsplit(".", 1)[1] for execution in self.executions]

    def succeeded(self) -> Outcome:
        assert self.exit_code == 0, self.text
        return self

    def refused(self, *words: str) -> Outcome:
        """It failed, and says all of these words; folded lines count as one."""
        flat = " ".join(self.text.split())
        assert self.exit_code != 0, self.text
        missing = [word for word in words if word not in flat]
        assert not missing, f"{missing} not in:\n{self.text}"
        return self

    def changed(self) -> int:
        recap = self.text[self.text.index("PLAY RECAP") :]
        return int(recap.split("changed=")[1].split()[0])


def program_of(node: Node, service: str) -> str:
    """The program that a service runs."""
    return split(node.host.service(service).configuration.command_line)[0]


@pytest.fixture
def node_of(tmp_path: Path) -> Iterator[Any]:
    with contextlib.ExitStack() as stack:

        def make(build: int = 20348, product: str = "Windows Server 2022 Datacenter", feature: bool = True) -> Node:
            host = ModelHost(Identity("win1", product_name=product, build=build), downtime=0.0)
            if feature and host.set_feature("Containers", True):
                host.reboot()
            host.make_directory(CONTAINERD)
            host.write(f"{CONTAINERD}\\config.toml", FOREIGN.encode())
            certificates = make_certificates(tmp_path, "127.0.9.1")
            server = stack.enter_context(WinRMServer(host, "127.0.9.1", accounts={USER: PASSWORD}))
            return Node(host, server, certificates, tmp_path)

        yield make


@pytest.fixture
def node(node_of: Any) -> Node:
    """A node that has the feature already, which saves the tests a restart."""
    return node_of()


@pytest.fixture
def bare(node_of: Any) -> Node:
    return node_of(feature=False)


def test_a_bare_node_is_prepared_and_a_second_run_changes_nothing(bare: Node, releases: Releases) -> None:
    node = bare
    variables = releases.variables()
    first = node.prepare(variables).succeeded()
    assert len(first.executions) <= BARE_AT_MOST, first.modules
    containerd, kubelet = node.host.service("containerd"), node.host.service("kubelet")
    assert (containerd.state, kubelet.state) == ("running", "running")
    assert kubelet.configuration.dependencies == ("containerd",)
    assert containerd.configuration.failure_actions[-1].type == "restart"
    assert "# put here by hand" in node.text(f"{CONTAINERD}\\config.toml")
    assert program_of(node, "containerd") == rf"{CONTAINERD}\2.2.9\bin\containerd.exe"
    assert not node.archives()

    before = node.tree()
    second = node.prepare(variables).succeeded()
    assert second.changed() == 0, second.text
    assert len(second.executions) <= PREPARED_AT_MOST, second.modules
    assert node.tree() == before


def test_check_mode_changes_nothing_and_foretells_the_run(node: Node, releases: Releases) -> None:
    variables = releases.variables()
    before = node.tree()
    foretold = node.prepare(variables, "--check", "--diff").succeeded()
    assert node.tree() == before
    assert (node.host.service("containerd"), node.host.service("kubelet")) == (None, None)
    assert "+# put here by hand" not in foretold.text
    assert "cgroupsPerQOS: false" in foretold.text
    assert TOKEN not in foretold.text
    assert foretold.changed() > 0
    node.prepare(variables).succeeded()
    assert node.prepare(variables, "--check").succeeded().changed() == 0


def certificate_that_ended() -> bytes:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "system:node:win1")])
    now = datetime.datetime.now(datetime.UTC)
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    builder = builder.serial_number(1).not_valid_before(now - datetime.timedelta(days=9))
    return (
        builder.not_valid_after(now - datetime.timedelta(days=1))
        .sign(key, hashes.SHA256())
        .public_bytes(serialization.Encoding.PEM)
    )


def test_a_node_that_is_not_ready_is_refused_whether_or_not_something_differs(node: Node, releases: Releases) -> None:
    variables = releases.variables()
    node.prepare(variables).succeeded()
    node.host.make_directory(r"C:\var\lib\kubelet\pki")
    node.host.write(r"C:\var\lib\kubelet\pki\kubelet-client-current.pem", certificate_that_ended())
    words = ("win1 is not ready for HostProcess containers.", "certificate ended at", "join it again")
    refused = node.prepare(variables).refused(*words)
    assert (refused.changed(), refused.modules) == (0, ["node_info"])
    node.prepare(variables, "--tags", "containerd").succeeded()
    node.prepare(variables, "--check").succeeded()

    impatient = node.directory / "impatient.yml"
    impatient.write_text((ROOT / "playbooks" / "prepare.yml").read_text().replace("delay: 5", "delay: 0"))
    changes = {**variables, "containerd_sandbox_image": "registry.example.com/pause:9"}
    changed = node.prepare(changes, playbook=str(impatient)).refused(*words)
    assert changed.modules.count("node_info") > 2
    assert changed.text.count("fatal:") == 1
    assert "Traceback" not in changed.text


@pytest.mark.parametrize(
    "changes",
    [{"windows_node_tuning": {"long_paths": True}}, {"windows_node_optional_features": ["Microsoft-Hyper-V"]}],
    ids=["tuning", "a feature of DISM"],
)
def test_whatever_was_changed_the_node_is_examined_again(
    node: Node, releases: Releases, changes: dict[str, Any]
) -> None:
    node.prepare(releases.variables()).succeeded()
    drained = {"windows_node_drained": True}
    assert node.prepare({**releases.variables(), **changes, **drained}).succeeded().modules.count("node_info") == 2


def test_settings_are_merged_and_restart_containerd_once(node: Node, releases: Releases) -> None:
    node.prepare(releases.variables()).succeeded()
    process = node.host.service("containerd").process_id
    changed = node.prepare({**releases.variables(), "containerd_sandbox_image": "registry.example.com/pause:9"})
    assert changed.succeeded().modules.count("win_service") == 1
    assert 'sandbox = "registry.example.com/pause:9"' in node.text(f"{CONTAINERD}\\config.toml")
    assert "# put here by hand" in node.text(f"{CONTAINERD}\\config.toml")
    assert node.host.service("containerd").process_id != process


def test_a_version_change_swaps_programs_and_starts_everything_again(node: Node, releases: Releases) -> None:
    node.prepare(releases.variables()).succeeded()
    node.host.write(r"C:\k\kubelet.conf", b"joined")
    newer = releases.variables(containerd="2.3.7", kubelet="1.36.4")
    del newer["kubelet_bootstrap_token"]
    node.prepare(newer).succeeded()
    assert program_of(node, "containerd") == rf"{CONTAINERD}\2.3.7\bin\containerd.exe"
    assert "version=2.2.9" in node.text(rf"{CONTAINERD}\2.2.9\bin\containerd.exe")
    assert "version=1.36.4" in node.text(r"C:\k\kubelet.exe")
    assert [node.host.service(name).state for name in ("containerd", "kubelet")] == ["running", "running"]
    assert node.text(r"C:\k\kubelet.conf") == "joined"
    assert node.host.status(r"C:\k\kubelet.exe.new") is None
    assert node.prepare(newer).succeeded().changed() == 0


def test_an_installation_that_was_cut_off_is_done_again(node: Node, releases: Releases) -> None:
    folder = rf"{CONTAINERD}\2.2.9"
    node.host.make_directory(rf"{folder}\bin")
    node.host.write(rf"{folder}\containerd.tar.gz", b"half")
    for name in ("containerd.exe", "containerd-shim-runhcs-v1.exe", "ctr.exe"):
        node.host.write(rf"{folder}\bin\{name}", b"half")
    node.prepare(releases.variables()).succeeded()
    assert node.text(rf"{folder}\bin\ctr.exe").endswith("version=2.2.9")
    assert not node.archives()


ALONE = "- hosts: windows\n  gather_facts: false\n  roles: [kubewin.hostprocess.containerd]\n"


@pytest.fixture
def alone(node: Node) -> Any:
    """The containerd role by itself on a node."""
    playbook = node.directory / "alone.yml"
    playbook.write_text(ALONE)

    def run(variables: dict[str, Any], *extra: str) -> Outcome:
        return node.prepare(variables, *extra, playbook=str(playbook))

    return run


def changed_tasks(outcome: Outcome) -> list[str]:
    """Names of the tasks that changed something, or would."""
    return re.findall(r"TASK \[(?:\S+ : )?([^\]]+)\] \*+\n(?:(?!TASK).*\n)*?changed: \[", outcome.text)


def old_installation(host: ModelHost, program: str) -> None:
    """containerd as its own --register-service leaves it, running, with a shim."""
    folder = program.rpartition("\\")[0]
    host.make_directory(folder)
    for path, name in ((program, "containerd.exe"), (rf"{folder}\{SHIM}", SHIM)):
        host.write(path, f"MZ model {name} version=2.1.9".encode())
    command = f'"{program}" --run-service --service-name containerd --config "{CONTAINERD}\\config.toml"'
    host.create_service(ServiceConfiguration("containerd", "Containerd", command))
    host.start_service("containerd")
    variable = host.registry_values(ENVIRONMENT_KEY)["Path"]
    host.registry_set(ENVIRONMENT_KEY, "Path", RegistryValue("expandstring", f"{variable.data};{folder}"))


@pytest.mark.parametrize("place", [CONTAINERD, rf"{CONTAINERD}\bin", r"D:\runtime"])
def test_an_installation_elsewhere_is_taken_over_and_its_files_stay(
    node: Node, releases: Releases, alone: Any, place: str
) -> None:
    old = rf"{place}\containerd.exe"
    old_installation(node.host, old)
    foretold = changed_tasks(alone(releases.variables(), "--check").succeeded())
    assert program_of(node, "containerd") == old
    done = changed_tasks(alone(releases.variables()).succeeded())
    # What needs the unpacked folder can't run in check mode; everything else is foretold.
    assert [task for task in done if task not in foretold] == [
        "Download and verify the file",
        "Unpack the archive",
        "Remove the archive",
    ]
    assert set(foretold) <= set(done)
    assert program_of(node, "containerd") == rf"{CONTAINERD}\2.2.9\bin\containerd.exe"
    assert "version=2.1.9" in node.text(old)
    assert rf"{CONTAINERD}\2.2.9\bin" in node.machine_path()
    assert place not in node.machine_path()
    assert alone(releases.variables()).succeeded().changed() == 0


def test_running_shims_stand_in_no_versions_way(node: Node, releases: Releases, alone: Any) -> None:
    alone(releases.variables()).succeeded()
    node.host.in_use.add(rf"{CONTAINERD}\2.2.9\bin\{SHIM}")
    alone(releases.variables(containerd="2.3.7")).succeeded()
    back = alone({**releases.variables(), "containerd_url": "http://127.0.0.1:9/gone"}).succeeded()
    assert "win_get_url" not in back.modules
    assert program_of(node, "containerd") == rf"{CONTAINERD}\2.2.9\bin\containerd.exe"


class Unstartable(dict):
    """Win32 errors of services, for one version of a service only."""

    def __init__(self, host: ModelHost, service: str, version: str) -> None:
        self.host, self.service, self.version = host, service, version

    def get(self, name: str, default: Any = None) -> Any:
        command = self.host.service(name).configuration.command_line
        return 1053 if name == self.service and f"\\{self.version}\\" in command else default


def test_a_version_that_does_not_start_is_taken_back(node: Node, releases: Releases) -> None:
    node.prepare(releases.variables()).succeeded()
    before, command = node.text(rf"{CONTAINERD}\config.toml"), node.host.service("containerd").configuration
    path = node.machine_path()
    node.host.broken_services = Unstartable(node.host, "containerd", "2.3.7")
    variables = {**releases.variables(containerd="2.3.7"), "containerd_sandbox_image": "registry.example.com/pause:9"}
    node.prepare(variables).refused("containerd 2.3.7 was not taken into use", "Run the service", "2.2.9 runs again")
    assert node.text(rf"{CONTAINERD}\config.toml") == before
    assert node.host.service("containerd").configuration == command
    assert [node.host.service(name).state for name in ("containerd", "kubelet")] == ["running", "running"]
    assert node.machine_path() == path

    node.host.broken_services = {}
    done = node.prepare(variables).succeeded()
    assert "win_get_url" not in done.modules
    assert program_of(node, "containerd") == rf"{CONTAINERD}\2.3.7\bin\containerd.exe"


def test_a_way_back_that_is_blocked_is_gone_to_its_end_and_told(node: Node, releases: Releases) -> None:
    node.prepare(releases.variables()).succeeded()

    class Blocked(Unstartable):
        """The new containerd doesn't start, from then on the disk is full, and the kubelet doesn't start either."""

        def get(self, name: str, default: Any = None) -> Any:
            if name == "kubelet":
                return 1053
            code = super().get(name, default)
            if code:
                fault(node, "full_disk", "config.toml")
            return code

    node.host.broken_services = Blocked(node.host, "containerd", "2.3.7")
    changes = {**releases.variables(containerd="2.3.7"), "containerd_sandbox_image": "registry.example.com/pause:9"}
    node.prepare(changes).refused(
        "containerd 2.3.7 was not taken into use",
        "containerd 2.2.9 runs again.",
        r"config.toml is not what it was before:",
        "There is not enough space on the disk",
        "The kubelet did not start:",
    )
    assert program_of(node, "containerd") == rf"{CONTAINERD}\2.2.9\bin\containerd.exe"
    assert node.host.service("containerd").state == "running"


def test_the_next_source_is_tried_where_one_fails_or_serves_something_else(
    node: Node, releases: Releases, alone: Any
) -> None:
    variables = releases.variables()
    releases.files["/other.tar.gz"] = archive("2.2.8")
    sources = [f"{releases.url}/gone.tar.gz", f"{releases.url}/other.tar.gz", variables["containerd_url"]]
    alone({**variables, "containerd_url": sources}).succeeded()
    assert node.text(rf"{CONTAINERD}\2.2.9\bin\ctr.exe").endswith("version=2.2.9")


@pytest.mark.parametrize(
    "sources", [{"containerd_url": []}, {"containerd_archive": "containerd.tar.gz"}], ids=["none", "no full path"]
)
def test_a_source_that_can_not_be_one_is_refused(
    node: Node, releases: Releases, alone: Any, sources: dict[str, Any]
) -> None:
    alone({**releases.variables(), **sources}).refused("There is nothing to put to", "full path")
    assert node.host.service("containerd") is None


def test_without_any_source_that_serves_it_nothing_is_installed(node: Node, releases: Releases, alone: Any) -> None:
    sources = [f"{releases.url}/gone.tar.gz", f"{releases.url}/gone-too.tar.gz"]
    alone({**releases.variables(), "containerd_url": sources}).refused("gone-too.tar.gz")
    assert node.host.service("containerd") is None


def test_no_part_of_a_url_that_may_be_secret_is_shown(node: Node, releases: Releases, alone: Any) -> None:
    releases.files["/other.tar.gz?sig=c2VjcmV0%20c2lnbmF0dXJl"] = archive("2.2.8")
    server = releases.url.replace("://", "://reader:c2VjcmV0@")
    sources = [f"{server}/{file}?sig=c2VjcmV0%20c2lnbmF0dXJl" for file in ("gone.tar.gz", "other.tar.gz")]
    variables = {**releases.variables(), "download_retry_delay": 0}
    refused = alone({**variables, "containerd_url": sources}, "-vvv").refused(
        f"{releases.url}/gone.tar.gz: The remote server returned an error: (404) Not Found",
        f"{releases.url}/other.tar.gz: its SHA-256 did not match",
    )
    assert "c2VjcmV0" not in refused.text
    assert "c2lnbmF0dXJl" not in refused.text
    assert node.host.service("containerd") is None


def test_a_node_without_a_way_out_gets_the_controllers_files(node: Node, releases: Releases, alone: Any) -> None:
    file, shim = node.directory / "containerd.tar.gz", node.directory / SHIM
    file.write_bytes(archive("2.2.9"))
    shim.write_bytes(b"MZ model shim of our own")
    offline = {
        **releases.variables(),
        "containerd_url": "http://127.0.0.1:9/gone",
        "containerd_archive": str(file),
        "containerd_hcsshim_version": "0.14.1",
        "containerd_hcsshim_file": str(shim),
        "containerd_hcsshim_sha256": hashlib.sha256(shim.read_bytes()).hexdigest(),
    }
    alone({**offline, "containerd_sha256": "0" * 64}).refused("has SHA-256", "is wanted")
    alone(offline).succeeded()
    assert node.text(rf"{CONTAINERD}\hcsshim-0.14.1\bin\{SHIM}") == "MZ model shim of our own"
    assert rf"path = '{CONTAINERD}\hcsshim-0.14.1'" in node.text(rf"{CONTAINERD}\config.toml")
    second = alone(offline).succeeded()
    assert (second.changed(), second.modules) == (0, ["node_info"])


def test_mirrors_are_written_by_the_transfer_of_the_configuration_and_restart_nothing_later(
    node: Node, releases: Releases, alone: Any
) -> None:
    mirrors = {"docker.io": {"host": {"https://mirror.example.com": {"capabilities": ["pull"]}}}}
    variables = {**releases.variables(), "containerd_registry_mirrors": mirrors}
    first = alone(variables).succeeded()
    process = node.host.service("containerd").process_id
    plain = first.modules.count("win_copy")
    file = rf"{CONTAINERD}\certs.d\docker.io\hosts.toml"
    assert tomllib.loads(node.text(file)) == mirrors["docker.io"]
    assert f"config_path = '{CONTAINERD}\\certs.d'" in node.text(rf"{CONTAINERD}\config.toml")

    mirrors["docker.io"]["host"]["https://mirror.example.com"]["capabilities"].append("resolve")
    changed = alone(variables).succeeded()
    assert (changed.changed(), changed.modules.count("win_copy")) == (1, plain)
    assert tomllib.loads(node.text(file)) == mirrors["docker.io"]
    assert node.host.service("containerd").process_id == process
    assert alone(variables).succeeded().changed() == 0


def test_a_difference_shows_no_password(node: Node, releases: Releases, alone: Any) -> None:
    host = {"header": {"authorization": "Basic c2VjcmV0"}, "capabilities": ["pull"]}
    registry = {"configs": {"registry.example.com": {"auth": {"username": "builder", "password": "c2VjcmV0"}}}}
    variables = {
        **releases.variables(),
        "containerd_registry_mirrors": {"docker.io": {"host": {"https://mirror.example.com": host}}},
        "containerd_config": {"plugins": {"io.containerd.cri.v1.images": {"registry": registry}}},
    }
    shown = alone(variables, "--diff").succeeded().text
    assert "c2VjcmV0" not in shown
    assert '+authorization = "(hidden)"' in shown
    assert '+username = "builder"' in shown
    for file in (r"config.toml", r"certs.d\docker.io\hosts.toml"):
        assert "c2VjcmV0" in node.text(rf"{CONTAINERD}\{file}")
    second = alone(variables, "--diff").succeeded()
    assert (second.changed(), "(hidden)" in second.text) == (0, False)


def test_a_program_with_another_hash_is_refused_before_anything_stops(
    node: Node, releases: Releases, alone: Any
) -> None:
    alone(releases.variables()).succeeded()
    process = node.host.service("containerd").process_id
    wrong = {**releases.variables(containerd="2.3.7"), "containerd_program_sha256": {"containerd.exe": "0" * 64}}
    alone(wrong).refused("has SHA-256", "Nothing was stopped")
    assert node.host.service("containerd").process_id == process
    assert node.archives(), "the next run has to see that it isn't finished"


def test_a_wrong_checksum_leaves_nothing_installed(node: Node, releases: Releases) -> None:
    wrong = {**releases.variables(), "containerd_sha256": "0" * 64}
    node.prepare(wrong).refused("did not match")
    assert set(node.tree()) == {f"{CONTAINERD}\\config.toml"}
    assert node.host.service("containerd") is None
    node.prepare(releases.variables()).succeeded()


def test_a_wrong_checksum_of_the_kubelet_leaves_the_running_one_alone(node: Node, releases: Releases) -> None:
    node.prepare(releases.variables()).succeeded()
    node.prepare({**releases.variables(kubelet="1.36.4"), "kubelet_sha256": "0" * 64}).refused("did not match")
    assert "version=1.36.3" in node.text(r"C:\k\kubelet.exe")
    assert node.host.service("kubelet").state == "running"


REFUSALS = {
    "no checksum": ({"containerd_sha256": ""}, ["containerd_sha256 is not set", "not downloaded without a checksum"]),
    "removed gate": (
        {"kubelet_feature_gates": {"WindowsHostProcessContainers": True}},
        ["WindowsHostProcessContainers", "removed in 1.28", "Remove WindowsHostProcessContainers"],
    ),
    "no token": ({"kubelet_bootstrap_token": ""}, ["kubelet_bootstrap_token is not set", "kubeadm token create"]),
    "no patch": ({"kubelet_version": 1.36}, ["names no patch"]),
    "too long a name": ({"kubelet_hostname_override": "a" * 64}, ["has 64 characters", "kubernetes.io/hostname"]),
    "a server without an address": (
        {"kubelet_api_server": "https://nobody.invalid:6443"},
        ["https://nobody.invalid:6443: its name does not resolve", "DNS servers"],
    ),
    "a server that is silent": (
        {"kubelet_api_server": "https://127.0.0.1:9"},
        ["https://127.0.0.1:9: 127.0.0.1 does not answer", "firewalls"],
    ),
    "settings of another version": ({"containerd_config": {"version": 2}}, ["config.toml is version 3", "version 2"]),
}


@pytest.mark.parametrize("case", REFUSALS)
def test_what_can_not_work_is_refused_before_anything_is_changed(node: Node, releases: Releases, case: str) -> None:
    changes, words = REFUSALS[case]
    before = node.tree()
    refused = node.prepare({**releases.variables(), **changes}).refused(*words)
    assert node.tree() == before
    assert refused.modules == ["node_info"]
    assert TOKEN not in refused.text


def test_server_2016_is_refused_with_the_reason(node_of: Any, releases: Releases) -> None:
    node = node_of(build=14393, product="Windows Server 2016 Datacenter")
    refused = node.prepare(releases.variables()).refused("Windows Server 2016", "17763", "Nothing was changed")
    assert refused.modules == ["node_info"]


def test_a_file_with_a_byte_order_mark_is_refused(node: Node, releases: Releases) -> None:
    content = b"\xef\xbb\xbf" + FOREIGN.encode()
    node.host.write(f"{CONTAINERD}\\config.toml", content)
    node.prepare(releases.variables()).refused("byte order mark")
    assert node.host.read(f"{CONTAINERD}\\config.toml") == content


def test_one_role_works_alone(node: Node, releases: Releases) -> None:
    playbook = node.directory / "alone.yml"
    playbook.write_text("- hosts: windows\n  gather_facts: false\n  roles: [kubewin.hostprocess.containerd]\n")
    node.prepare(releases.variables(), playbook=str(playbook)).succeeded()
    assert node.host.service("containerd").state == "running"
    assert node.prepare(releases.variables(), playbook=str(playbook)).succeeded().changed() == 0


@pytest.mark.parametrize("core", ["2.21"])
def test_the_newest_core_prepares_a_node_too(node: Node, releases: Releases, core: str) -> None:
    node.core = core
    node.prepare(releases.variables()).succeeded()
    assert node.prepare(releases.variables()).succeeded().changed() == 0


CONFIGURATIONS = {"containerd": rf"{CONTAINERD}\config.toml", "kubelet": r"C:\var\lib\kubelet\config.yaml"}


def fault(node: Node, kind: str, target: str) -> None:
    node.host.downtime = 1.0  # long enough for its connections to end
    node.server.faults.add(Fault(kind, target, times=None if kind == "full_disk" else 1))


def up_again(node: Node) -> None:
    assert node.server.faults.struck == ["power_cut"]
    deadline = time.monotonic() + 30
    while not node.host.is_up():
        assert time.monotonic() < deadline
        time.sleep(0.05)


@pytest.mark.parametrize("file", CONFIGURATIONS.values(), ids=CONFIGURATIONS)
def test_a_disk_that_is_full_for_a_configuration_leaves_the_old_one_or_a_beginning_that_heals(
    node: Node, releases: Releases, file: str
) -> None:
    variables = {**releases.variables(), "containerd_sandbox_image": "registry.example/pause:1"}
    fault(node, "full_disk", file.rpartition("\\")[2])
    node.prepare(variables).refused("There is not enough space on the disk")
    node.server.faults.clear()
    if file == CONFIGURATIONS["containerd"]:
        assert node.text(file) == FOREIGN
    node.prepare(variables).succeeded()
    assert node.prepare(variables).succeeded().changed() == 0
    assert not [path for path in node.tree() if path.endswith(".new")]


@pytest.mark.parametrize("module", ["win_copy", "win_command"])
def test_a_power_cut_while_a_changed_configuration_is_written_leaves_it_whole(
    node: Node, releases: Releases, module: str
) -> None:
    node.prepare(releases.variables()).succeeded()
    before = node.text(CONFIGURATIONS["kubelet"])
    own = before + "clusterDomain: ours.example\n"  # known nowhere else
    node.host.write(CONFIGURATIONS["kubelet"], own.encode())
    variables = {**releases.variables(), "kubelet_configuration": {"maxPods": 7}}
    fault(node, "power_cut", module)
    assert node.prepare(variables).exit_code != 0
    up_again(node)
    assert node.text(CONFIGURATIONS["kubelet"]) == own
    node.prepare(variables).succeeded()
    written = yaml.safe_load(node.text(CONFIGURATIONS["kubelet"]))
    assert (written["maxPods"], written["clusterDomain"]) == (7, "ours.example")
    assert not [path for path in node.tree() if path.endswith(".new")]
