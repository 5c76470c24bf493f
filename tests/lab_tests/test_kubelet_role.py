"""The kubelet role alone, run by stock ansible-playbook on a modelled node: service, nssm, kubeadm, secrets."""

from __future__ import annotations

import ntpath
from typing import Any

import pytest
import yaml
from lab_tests.test_roles import TOKEN, Node, Outcome, Releases, node_of, releases  # noqa: F401

from lab.errors import HostError
from lab.faults import Fault
from lab.host.interface import Completed, RegistryValue, ServiceConfiguration
from lab.host.model import ModelHost

CONTAINERD = r"C:\Program Files\containerd\containerd.exe"
PARAMETERS = r"HKLM:\SYSTEM\CurrentControlSet\Services\kubelet\Parameters"
FLAGS = r"C:\var\lib\kubelet\kubeadm-flags.env"
FOLDER = r"C:\Windows\System32\config\systemprofile\kubewin\kubeadm"


@pytest.fixture
def node(node_of: Any) -> Node:  # noqa: F811
    """A node on which containerd runs already."""
    node = node_of()
    node.host.write(CONTAINERD, b"MZ model containerd version=2.2.9")
    node.host.create_service(ServiceConfiguration("containerd", "containerd", f'"{CONTAINERD}" --run-service'))
    node.host.start_service("containerd")
    (node.directory / "kubelet.yml").write_text(
        "- hosts: windows\n  gather_facts: false\n  roles: [kubewin.hostprocess.kubelet]\n"
    )
    return node


def run(node: Node, variables: dict[str, Any], *extra: str) -> Any:
    return node.prepare(variables, *extra, playbook=str(node.directory / "kubelet.yml"))


def words(node: Node) -> list[str]:
    return node.host.service("kubelet").configuration.command_line.split()


def test_the_service_is_native_depends_on_containerd_and_its_port_is_open(node: Node, releases: Releases) -> None:  # noqa: F811
    first = run(node, releases.variables()).succeeded()
    configuration = node.host.service("kubelet").configuration
    assert configuration.command_line.startswith(r"C:\k\kubelet.exe --windows-service --config=")
    assert configuration.dependencies == ("containerd",)
    assert [step.type for step in configuration.failure_actions] == ["restart"] * 3
    assert first.modules.count("win_firewall_rule") == 1
    second = run(node, releases.variables()).succeeded()
    assert second.changed() == 0
    assert second.modules == ["node_info"]


def test_the_token_lies_where_only_the_system_reads_and_is_in_no_output(node: Node, releases: Releases) -> None:  # noqa: F811
    outcome = run(node, releases.variables(), "-vvv", "--diff").succeeded()
    path = r"C:\Windows\System32\config\systemprofile\kubewin\bootstrap-kubelet.conf"
    assert TOKEN in node.text(path)
    assert f"--bootstrap-kubeconfig={path}" in words(node)
    assert "kubelet_config" in outcome.text
    assert TOKEN not in outcome.text
    assert TOKEN.split(".")[1] not in outcome.text


def under_nssm(node: Node, application: str, parameters: str) -> None:
    """A node as sig-windows-tools and image-builder leave it: nssm runs the kubelet in the service's name."""
    node.host.make_directory("C:\\k")
    node.host.write(r"C:\k\nssm.exe", b"MZ nssm")
    node.host.write(r"C:\k\kubelet.exe", b"MZ model kubelet version=1.30.4")
    node.host.create_service(ServiceConfiguration("kubelet", "kubelet", r"C:\k\nssm.exe"))
    for name, value in (("Application", application), ("AppParameters", parameters)):
        node.host.registry_create_key(PARAMETERS)
        node.host.registry_set(PARAMETERS, name, RegistryValue("expandstring", value))
    node.host.start_service("kubelet")


@pytest.mark.parametrize(
    ("application", "parameters", "told"),
    [
        (r"C:\k\kubelet.exe", r"--config=C:\old.yaml --v=4 --node-ip=10.0.0.9", "--v=4 --node-ip=10.0.0.9"),
        (
            r"C:\Windows\System32\WindowsPowerShell\v1.0\powershell.exe",
            r"-ExecutionPolicy Bypass -NoProfile C:\k\StartKubelet.ps1",
            r"C:\k\StartKubelet.ps1",
        ),
    ],
    ids=["the kubelet itself", "a script"],
)
def test_a_kubelet_under_nssm_becomes_the_service_itself(
    node: Node,
    releases: Releases,  # noqa: F811
    application: str,
    parameters: str,
    told: str,
) -> None:
    under_nssm(node, application, parameters)
    outcome = run(node, releases.variables()).succeeded()
    service = node.host.service("kubelet")
    assert service.state == "running"
    assert words(node)[0] == r"C:\k\kubelet.exe"
    assert service.configuration.dependencies == ("containerd",)
    assert not node.host.registry_key_exists(PARAMETERS)
    assert told in outcome.text.replace("\\\\", "\\")
    assert "kubelet_extra_arguments" in outcome.text
    assert run(node, releases.variables()).succeeded().changed() == 0


def test_kubeadms_flags_are_honoured_where_the_role_says_nothing(node: Node, releases: Releases) -> None:  # noqa: F811
    text = (
        'KUBELET_KUBEADM_ARGS="--container-runtime-endpoint=npipe:////./pipe/other --hostname-override=other'
        ' --pod-infra-container-image=registry.k8s.io/pause:3.9 --max-pods=42"\n'
    )
    node.host.make_directory(ntpath.dirname(FLAGS))
    node.host.write(FLAGS, text.encode())
    outcome = run(node, releases.variables()).succeeded()
    assert "--max-pods=42" in words(node)
    assert "--hostname-override=win1" in words(node)
    assert not [word for word in words(node) if "pause" in word or "endpoint" in word]
    assert "--pod-infra-container-image of kubeadm's flags is left out" in " ".join(outcome.text.split()).replace(
        "''", "'"
    )
    assert run(node, releases.variables()).succeeded().changed() == 0


def test_the_log_is_rotated_by_a_log_runner_that_can(node: Node, releases: Releases) -> None:  # noqa: F811
    releases.files["/runner.exe"] = b"MZ model kube-log-runner version=1.36.3"
    variables = {
        **releases.variables(),
        "kubelet_log_runner_url": f"{releases.url}/runner.exe",
        "kubelet_log_runner_sha256": releases.sha256("/runner.exe"),
    }
    run(node, variables).succeeded()
    assert words(node)[:5] == [
        r"C:\k\kube-log-runner.exe",
        r"-log-file=C:\var\log\kubelet\kubelet.log",
        "-log-file-size=50Mi",
        "-log-file-age=168h",
        r"C:\k\kubelet.exe",
    ]
    assert run(node, variables).succeeded().changed() == 0


class Kubeadm:
    """``kubeadm join`` as far as the role sees it: it wants its files, then the service runs and the node is in."""

    def __init__(self, fails: str = "") -> None:
        self.fails = fails
        self.configurations: list[dict[str, Any]] = []

    def __call__(self, host: ModelHost, arguments: list[str], _stdin: bytes) -> Completed:
        assert arguments[1:3] == ["join", "--config"]
        join = yaml.safe_load(host.read(arguments[3]))
        self.configurations.append(join)
        discovery = "C:" + join["discovery"]["file"]["kubeConfigPath"]
        assert "certificate-authority-data" in host.read(discovery).decode()
        patch = yaml.safe_load(host.read(join["patches"]["directory"] + r"\kubeletconfiguration+merge.yaml"))
        assert host.service("kubelet").state == "stopped"
        if self.fails:
            return Completed(1, b"", f"error: {self.fails} {join['discovery']['tlsBootstrapToken']}".encode())
        cluster = {"apiVersion": "kubelet.config.k8s.io/v1beta1", "kind": "KubeletConfiguration"}
        patched = {**cluster, "cgroupsPerQOS": False, "enforceNodeAllocatable": [], "clusterDomain": "x", **patch}
        host.write(r"C:\var\lib\kubelet\config.yaml", yaml.safe_dump(patched).encode())
        host.write(FLAGS, b'KUBELET_KUBEADM_ARGS=""\n')
        host.make_directory(r"C:\etc\kubernetes\pki")
        host.write(r"C:\etc\kubernetes\pki\ca.crt", b"authority")
        host.write(r"C:\etc\kubernetes\kubelet.conf", b"joined")
        host.start_service("kubelet")
        return Completed(0, b"This node has joined the cluster")


def by_kubeadm(releases: Releases) -> dict[str, Any]:  # noqa: F811
    releases.files["/kubeadm.exe"] = b"MZ model kubeadm version=1.36.3"
    return {
        **releases.variables(),
        "kubelet_join": "kubeadm",
        "kubelet_kubeadm_url": f"{releases.url}/kubeadm.exe",
        "kubelet_kubeadm_sha256": releases.sha256("/kubeadm.exe"),
        "kubelet_taints": ["os=Windows:NoSchedule"],
    }


def test_kubeadm_joins_the_node_and_leaves_no_token_behind(node: Node, releases: Releases) -> None:  # noqa: F811
    kubeadm = node.host.programs["kubeadm.exe"] = Kubeadm()
    outcome = run(node, by_kubeadm(releases), "-vvv").succeeded()
    assert kubeadm.configurations[0]["apiVersion"] == "kubeadm.k8s.io/v1beta4"
    assert kubeadm.configurations[0]["nodeRegistration"]["name"] == "win1"
    assert kubeadm.configurations[0]["nodeRegistration"]["taints"] == [
        {"key": "os", "value": "Windows", "effect": "NoSchedule"}
    ]
    assert r"--kubeconfig=C:\etc\kubernetes\kubelet.conf" in words(node)
    assert node.host.service("kubelet").state == "running"
    assert node.host.status(FOLDER) is None
    assert TOKEN.split(".")[1] not in outcome.text
    second = run(node, {**by_kubeadm(releases), "kubelet_bootstrap_token": ""}).succeeded()
    assert (second.changed(), len(kubeadm.configurations)) == (0, 1), second.text
    assert second.modules == ["node_info"]


def test_a_join_that_fails_says_why_without_the_token_and_can_be_done_again(
    node: Node,
    releases: Releases,  # noqa: F811
) -> None:
    node.host.programs["kubeadm.exe"] = Kubeadm(fails="couldn't validate the identity of the API Server")
    outcome = run(node, by_kubeadm(releases), "-vvv").refused("couldn't validate the identity", "(token)")
    assert TOKEN.split(".")[1] not in outcome.text
    assert node.host.status(FOLDER) is None
    node.host.programs["kubeadm.exe"] = Kubeadm()
    run(node, by_kubeadm(releases)).succeeded()
    assert node.host.service("kubelet").state == "running"


def test_a_join_that_can_not_begin_says_why(node: Node, releases: Releases) -> None:  # noqa: F811
    """win_command has no stderr where the program can't be started."""

    def blocked(_host: ModelHost, arguments: list[str], _stdin: bytes) -> Completed:
        raise HostError(f"run {arguments[0]}", 1260, "This program is blocked by group policy")

    node.host.programs["kubeadm.exe"] = blocked
    run(node, by_kubeadm(releases)).refused("kubeadm join failed on win1", "blocked by group policy")


def test_kubeadm_without_a_checksum_is_refused_before_anything_is_changed(node: Node, releases: Releases) -> None:  # noqa: F811
    before = node.tree()
    variables = {**by_kubeadm(releases), "kubelet_kubeadm_sha256": ""}
    run(node, variables).refused("kubelet_kubeadm_sha256 is not set")
    assert node.tree() == before


def test_check_mode_of_a_join_changes_nothing(node: Node, releases: Releases) -> None:  # noqa: F811
    before = node.tree()
    outcome = run(node, by_kubeadm(releases), "--check", "--diff").succeeded()
    assert node.tree() == before
    assert node.host.service("kubelet") is None
    assert outcome.changed() > 0
    assert TOKEN not in outcome.text


def test_a_folder_with_a_backslash_behind_it_is_the_same_folder(node: Node, releases: Releases) -> None:  # noqa: F811
    variables = {**releases.variables(), "kubelet_directory": "C:\\k\\", "kubelet_log_directory": "C:\\log\\"}
    run(node, variables).succeeded()
    assert words(node)[0] == r"C:\k\kubelet.exe"
    assert not [word for word in words(node) if "\\\\" in word]
    second = run(node, variables).succeeded()
    assert second.changed() == 0, second.text
    assert second.modules == ["node_info"]
    assert run(node, {**variables, "kubelet_directory": r"C:\k"}).succeeded().changed() == 0


def test_a_new_version_with_the_old_checksum_is_refused(node: Node, releases: Releases) -> None:  # noqa: F811
    run(node, releases.variables()).succeeded()
    before = node.tree()
    run(node, {**releases.variables(), "kubelet_version": "1.37.2"}).refused(
        "kubelet_sha256 is the checksum of", "1.36.3, not 1.37.2"
    )
    assert node.tree() == before


# ------------------------------------------------------------------------------- a change that fails half way

OLD, NEW = "version=1.36.3", "version=1.36.4"
PROGRAM, CONFIGURATION = r"C:\k\kubelet.exe", r"C:\var\lib\kubelet\config.yaml"


class Unstartable(dict):
    """Win32 errors of services: the kubelet of one version does not start."""

    def __init__(self, host: ModelHost, version: str) -> None:
        self.host, self.version = host, version

    def get(self, name: str, default: Any = None) -> Any:
        return 1053 if name == "kubelet" and self.version in self.host.read(PROGRAM).decode() else default


def is_held(node: Node) -> None:
    node.host.in_use.add(PROGRAM)


def has_no_room_for_the_program(node: Node) -> None:
    """The download and the copy of the former one fit; the new one in its place doesn't, however often it is tried."""
    node.server.faults.add(Fault("full_disk", PROGRAM, times=TRIES, after=2))


def has_no_room_for_the_former_program(node: Node) -> None:
    node.server.faults.add(Fault("full_disk", f"{PROGRAM}.old", times=None))


def has_no_room_for_the_configuration(node: Node) -> None:
    node.server.faults.add(Fault("full_disk", CONFIGURATION, times=1))


def does_not_start(node: Node) -> None:
    node.host.broken_services = Unstartable(node.host, NEW)


TRIES = 2


def upgrade(node: Node, releases: Releases) -> Outcome:  # noqa: F811
    variables = {**releases.variables(kubelet="1.36.4"), "kubelet_configuration": {"maxPods": 42}}
    return run(node, variables, "-e", f"kubelet_copy_retries={TRIES - 1}")


@pytest.mark.parametrize(
    ("fails", "said"),
    [
        (is_held, "Put the program into place: "),
        (has_no_room_for_the_program, "Put the program into place: "),
        (has_no_room_for_the_former_program, "Keep the program that runs: "),
        (has_no_room_for_the_configuration, "Write the kubelet's configuration"),
        (does_not_start, "Run the service: "),
    ],
)
def test_a_kubelet_that_can_not_be_taken_into_use_is_taken_back(
    node: Node,
    releases: Releases,  # noqa: F811
    fails: Any,
    said: str,
) -> None:
    run(node, releases.variables()).succeeded()
    service, configuration = node.host.service("kubelet").configuration, node.text(CONFIGURATION)
    fails(node)
    upgrade(node, releases).refused(
        "kubelet 1.36.4 was not taken into use", said, "kubelet 1.36.3 runs as before, with its own configuration"
    )
    assert node.host.service("kubelet").state == "running"
    assert node.host.service("kubelet").configuration.command_line == service.command_line
    assert node.host.service("kubelet").configuration.dependencies == service.dependencies
    assert OLD in node.text(PROGRAM)
    assert node.text(CONFIGURATION) == configuration

    node.server.faults.clear()
    node.host.broken_services = {}
    node.host.in_use.clear()
    upgrade(node, releases).succeeded()
    assert NEW in node.text(PROGRAM)
    assert not [name for name in node.host.list_directory(r"C:\k") if name.endswith((".new", ".old"))]
    assert upgrade(node, releases).succeeded().changed() == 0


def test_a_former_kubelet_that_does_not_come_back_is_told(node: Node, releases: Releases) -> None:  # noqa: F811
    run(node, releases.variables()).succeeded()
    node.host.broken_services = {"kubelet": 1053}
    upgrade(node, releases).refused("Run the service: ", "kubelet 1.36.3 did not come back either")
    assert OLD in node.text(PROGRAM)


def test_a_node_without_a_kubelet_is_told_that_none_ran_before(node: Node, releases: Releases) -> None:  # noqa: F811
    node.host.broken_services = {"kubelet": 1053}
    run(node, releases.variables()).refused(
        "kubelet 1.36.3 was not taken into use. Run the service: ", "No kubelet ran on win1 before", "none runs now"
    )
    node.host.broken_services = {}
    run(node, releases.variables()).succeeded()
    assert node.host.service("kubelet").state == "running"


def test_a_program_that_is_held_a_moment_longer_is_only_a_delay(node: Node, releases: Releases) -> None:  # noqa: F811
    run(node, releases.variables()).succeeded()
    node.server.faults.add(Fault("full_disk", PROGRAM, times=1, after=2))
    upgrade(node, releases).succeeded()
    assert NEW in node.text(PROGRAM)


def test_check_mode_of_an_upgrade_changes_nothing(node: Node, releases: Releases) -> None:  # noqa: F811
    run(node, releases.variables()).succeeded()
    before, process = node.tree(), node.host.service("kubelet").process_id
    variables = {**releases.variables(kubelet="1.36.4"), "kubelet_configuration": {"maxPods": 42}}
    assert run(node, variables, "--check", "--diff").succeeded().changed() > 0
    assert node.tree() == before
    assert node.host.service("kubelet").process_id == process
