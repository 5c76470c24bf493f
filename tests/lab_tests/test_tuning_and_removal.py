"""The roles windows_node and remove, run by stock ansible-playbook against modelled nodes over the real wire."""

# ruff: noqa: F811 - the fixtures of test_roles are taken by their names

from __future__ import annotations

from typing import Any

import pytest
import yaml
from lab_tests.test_roles import (  # noqa: F401
    CONTAINERD,
    FOREIGN,
    TOKEN,
    Node,
    Releases,
    bare,
    node,
    node_of,
    releases,
)

from lab.errors import HostError
from lab.host import dynamic_ports, firewall
from lab.host.interface import Completed, Process, RegistryValue, ServiceConfiguration
from lab.host.model import FILE_SYSTEM_KEY, TIME_KEY
from lab.modules import win_power_plan

ALONE = "- hosts: windows\n  gather_facts: false\n  roles: [kubewin.hostprocess.windows_node]\n"
WITHOUT_CLUSTER = {"remove_from_cluster": False}
POLICY = r"HKLM:\SOFTWARE\Policies\Microsoft\Windows Defender\Exclusions"
OLD_TLS = r"HKLM:\SYSTEM\CurrentControlSet\Control\SecurityProviders\SCHANNEL\Protocols\TLS 1.0\Server"
MEMORY = r"HKLM:\SYSTEM\CurrentControlSet\Control\Session Manager\Memory Management"
EVERYTHING = {
    "windows_node_tuning": {
        "long_paths": True,
        "time_service": True,
        "dynamic_tcp_ports": True,
        "page_file": {"drive": "C", "initial_megabytes": 2048, "maximum_megabytes": 4096},
        "smb_names_in_containers": True,
        "winrm_delayed_start": True,
        "time_servers": {"servers": ["ntp1.example.com", "ntp2.example.com"]},
        "power_plan": True,
        "excluded_udp_ports": True,
        "old_tls_off": True,
    },
    "windows_node_registry": [
        {"path": r"HKLM:\SOFTWARE\Example", "name": "Answer", "type": "dword", "data": 42, "reason": "a test"}
    ],
    "windows_node_defender_exclusions": "full",
}


@pytest.fixture
def alone(node: Node) -> Any:
    """Runs the role windows_node alone."""
    playbook = node.directory / "windows_node.yml"
    playbook.write_text(ALONE)

    def run(variables: dict[str, Any], *extra: str) -> Any:
        return node.prepare(variables, *extra, playbook=str(playbook))

    return run


def value(node: Node, key: str, name: str) -> Any:
    if not node.host.registry_key_exists(key):
        return None
    found = node.host.registry_values(key).get(name)
    return None if found is None else found.data


def state(node: Node) -> dict[str, Any]:
    """What a removal has to bring back: services, registry, PATH, firewall, ports and files."""
    keys = (FILE_SYSTEM_KEY, POLICY, f"{POLICY}\\Processes", f"{POLICY}\\Paths", r"HKLM:\SOFTWARE\Example", MEMORY,
            r"HKLM:\SYSTEM\CurrentControlSet\Services\hns\State", TIME_KEY, OLD_TLS)  # fmt: skip
    exist = [key for key in keys if node.host.registry_key_exists(key)]
    return {
        "services": {status.configuration.name: status.configuration.start_mode for status in node.host.services()},
        "registry": {key: values for key in exist if (values := node.host.registry_values(key))},
        "path": node.host.environment()["Path"],
        "firewall": [rule.text for rule in firewall.rules(node.host).values()],
        "power_plan": win_power_plan.active(node.host),
        "ports": (dynamic_ports.ranges(node.host), dynamic_ports.excluded(node.host)),
        "files": node.tree(),
        "folders": {name for name in node.host.list_directory("C:\\") if name != "Windows"},
        "data": node.host.list_directory(r"C:\ProgramData"),
    }


def test_the_host_is_tuned_as_wanted_and_a_second_run_looks_once(node: Node, alone: Any) -> None:
    node.host.create_service(ServiceConfiguration("WinDefend", "Defender", r"C:\Windows\System32\svchost.exe -k x"))
    foretold = alone(EVERYTHING, "--check", "--diff").succeeded()
    assert foretold.modules.count("win_regedit") == 1 + 1 + 1 + 2 + 5 + 1 + 12
    assert (value(node, FILE_SYSTEM_KEY, "LongPathsEnabled"), value(node, r"HKLM:\SOFTWARE\Example", "Answer")) == (
        0,
        None,
    )
    first = alone(EVERYTHING).succeeded()
    assert foretold.changed() == first.changed()
    assert value(node, FILE_SYSTEM_KEY, "LongPathsEnabled") == 1
    assert value(node, r"HKLM:\SOFTWARE\Example", "Answer") == 42
    assert value(node, POLICY, "Exclusions_Processes") == 1
    assert rf"{CONTAINERD}\containerd.exe" in node.host.registry_values(f"{POLICY}\\Processes")
    assert value(node, MEMORY, "PagingFiles") == [r"C:\pagefile.sys 2048 4096"]
    assert dynamic_ports.ranges(node.host)["tcp"] == {"start": 34000, "count": 31536}
    assert dynamic_ports.excluded(node.host) == {"tcp": [], "udp": [(65330, 1)]}
    assert node.host.service("W32Time").state == "running"
    assert value(node, TIME_KEY, "NtpServer") == "ntp1.example.com,0x8 ntp2.example.com,0x8"
    assert win_power_plan.active(node.host) == win_power_plan.PLANS["High performance"]
    assert (value(node, OLD_TLS, "Enabled"), value(node, OLD_TLS, "DisabledByDefault")) == (0, 1)
    assert node.host.service("WinRM").configuration.start_mode == "delayed"
    second = alone(EVERYTHING).succeeded()
    assert (second.changed(), second.modules) == (0, ["node_info"])


def test_a_running_time_service_starts_anew_for_its_servers(node: Node, alone: Any) -> None:
    node.host.start_service("W32Time")
    before = node.host.service("W32Time").process_id
    servers = {"windows_node_tuning": {"time_servers": {"servers": ["ntp1.example.com"]}}}
    foretold = alone(servers, "--check").succeeded()
    assert node.host.service("W32Time").process_id == before
    first = alone(servers).succeeded()
    assert (first.changed(), first.modules.count("win_service")) == (foretold.changed(), 2)
    assert node.host.service("W32Time").process_id != before
    assert alone(servers).succeeded().modules == ["node_info"]


def test_an_entry_is_taken_back_by_the_word_absent(node: Node, alone: Any) -> None:
    wanted = {"smb_names_in_containers": True, "dynamic_tcp_ports": True}
    alone({"windows_node_tuning": wanted}).succeeded()
    alone({"windows_node_tuning": dict.fromkeys(wanted, "absent")}).succeeded()
    assert value(node, r"HKLM:\SYSTEM\CurrentControlSet\Services\hns\State", "EnableCompartmentNamespace") is None
    assert dynamic_ports.ranges(node.host)["tcp"]["start"] == 49152


def test_an_unknown_entry_is_refused_before_anything_is_changed(node: Node, alone: Any) -> None:
    refused = alone({"windows_node_tuning": {"long_path": True}}).refused("no entry 'long_path'", "long_paths")
    assert refused.modules == []
    assert value(node, FILE_SYSTEM_KEY, "LongPathsEnabled") == 0


def test_dism_installs_hyper_v_and_a_second_run_looks_once(node: Node, alone: Any) -> None:
    wanted = {"windows_node_optional_features": ["Microsoft-Hyper-V"], "windows_node_features": ["Hyper-V-PowerShell"]}
    first = alone(wanted).succeeded()
    assert (first.modules.count("win_optional_feature"), first.modules.count("win_feature")) == (1, 1)
    assert node.host.features()["Hyper-V"].installed
    assert alone(wanted).succeeded().modules == ["node_info"]


def test_a_node_in_use_is_told_of_its_features_and_gets_them_once_drained(node: Node) -> None:
    playbook = node.directory / "windows_node.yml"
    playbook.write_text(ALONE)
    node.host.create_service(ServiceConfiguration("kubelet", "kubelet", r"C:\k\kubelet.exe"))
    booted = node.host.boot_time()
    wanted = {"windows_node_optional_features": ["Microsoft-Hyper-V"]}
    told = node.prepare(wanted, playbook=str(playbook)).succeeded()
    assert not {"win_feature", "win_optional_feature", "win_reboot"} & set(told.modules)
    waiting = "These Windows features wait until kubewin.hostprocess.upgrade has drained it"
    assert f"win1 is in use. {waiting}: Microsoft-Hyper-V." in " ".join(told.text.split())
    assert node.host.boot_time() == booted

    drained = node.prepare({**wanted, "windows_node_drained": True}, playbook=str(playbook)).succeeded()
    assert "is in use" not in drained.text
    assert node.host.features()["Hyper-V"].installed


def test_a_node_that_can_run_no_pod_gets_its_features_although_it_has_a_kubelet(bare: Node) -> None:
    playbook = bare.directory / "windows_node.yml"
    playbook.write_text(ALONE)
    bare.host.create_service(ServiceConfiguration("kubelet", "kubelet", r"C:\k\kubelet.exe"))
    booted = bare.host.boot_time()
    bare.prepare({}, playbook=str(playbook)).succeeded()
    assert bare.host.features()["Containers"].installed
    assert bare.host.boot_time() > booted


def test_a_client_edition_gets_its_features_from_dism(node_of: Any) -> None:
    client = node_of(build=26100, product="Windows 11 Enterprise", feature=False)
    playbook = client.directory / "windows_node.yml"
    playbook.write_text(ALONE)
    first = client.prepare({}, playbook=str(playbook)).succeeded()
    assert "win_feature" not in first.modules
    assert first.modules.count("win_optional_feature") == 1
    assert client.host.features()["Containers"].installed


def test_a_prepared_node_is_given_back_as_it_was(node: Node, releases: Releases) -> None:
    node.host.create_service(ServiceConfiguration("WinDefend", "Defender", r"C:\Windows\System32\svchost.exe -k x"))
    before = state(node)
    variables = {**releases.variables(), **EVERYTHING, **WITHOUT_CLUSTER, "windows_node_reboot": False}
    asked_of_ctr: list[list[str]] = []
    node.host.programs["ctr.exe"] = lambda _host, words, _input: asked_of_ctr.append(words) or Completed(0)
    node.prepare(variables).succeeded()
    node.host.make_directory(r"C:\ProgramData\containerd\root")
    node.host.make_directory(r"C:\var\log\pods")
    prepared = state(node)
    assert prepared != before

    foretold = node.prepare(variables, "--check", "--diff", playbook="remove.yml").succeeded()
    assert state(node) == prepared
    removed = node.prepare(variables, playbook="remove.yml").succeeded()
    assert foretold.changed() == removed.changed()
    assert [words[1:] for words in asked_of_ctr] == [["--namespace", "k8s.io", "images", "prune", "--all"]]
    after = state(node)
    # Whether a domain gave the time before is not known: the servers stay, and that is told.
    assert after["registry"].pop(TIME_KEY) == prepared["registry"][TIME_KEY] != before["registry"].pop(TIME_KEY)
    assert "time_servers of the service W32Time" in " ".join(removed.text.split())
    # The merged configuration stays: it may hold what others wrote.
    assert set(after["files"]) == {rf"{CONTAINERD}\config.toml"}
    assert {**after, "files": before["files"], "registry": comparable(after)} == {
        **before,
        "registry": comparable(before),
    }

    second = node.prepare(variables, playbook="remove.yml").succeeded()
    assert (second.changed(), second.modules) == (0, ["node_info"])


def comparable(found: dict[str, Any]) -> dict[str, Any]:
    """Windows writes its own page files' line again once it manages them; on a new node it isn't there yet."""
    automatic = RegistryValue("multistring", [r"?:\pagefile.sys"])
    registry = {key: dict(values) for key, values in found["registry"].items()}
    if registry.get(MEMORY, {}).get("PagingFiles") == automatic:
        del registry[MEMORY]
    return registry


def test_with_the_configuration_the_folder_goes_and_what_nobody_knows_stays(node: Node, releases: Releases) -> None:
    variables = {**releases.variables(), **WITHOUT_CLUSTER, "remove_configuration": True}
    node.prepare(variables).succeeded()
    node.host.write(r"C:\k\mine.ps1", b"keep")
    removed = node.prepare(variables, playbook="remove.yml").succeeded()
    assert node.host.status(CONTAINERD) is None
    assert node.tree() == {path: digest for path, digest in node.tree().items() if path == r"C:\k\mine.ps1"}
    assert node.host.read(r"C:\k\mine.ps1") == b"keep"
    assert r"C:\k\mine.ps1" in removed.text


def test_running_containers_are_refused_before_anything_is_stopped(node: Node, releases: Releases) -> None:
    variables = {**releases.variables(), **WITHOUT_CLUSTER}
    node.prepare(variables).succeeded()
    shim = rf"{CONTAINERD}\2.2.9\bin\containerd-shim-runhcs-v1.exe"
    node.host._processes[4321] = Process(4321, 4, shim, shim)
    before = node.tree()
    node.prepare(variables, playbook="remove.yml").refused("Containers still run", "4321", "remove_restart")
    assert node.tree() == before
    assert node.host.service("kubelet").state == "running"
    node.prepare({**variables, "remove_restart": True}, playbook="remove.yml").succeeded()
    assert node.host.service("containerd") is None
    assert node.host.status(rf"{CONTAINERD}\2.2.9") is None


def test_features_and_networks_go_when_asked_for(node: Node, releases: Releases) -> None:
    data = r"C:\ProgramData\Microsoft\Windows\HNS"
    node.host.make_directory(data)
    node.host.write(rf"{data}\HNS.data", b"networks")
    variables = {**WITHOUT_CLUSTER, "remove_hns_networks": True}
    node.prepare(variables, playbook="remove.yml").succeeded()
    assert node.host.status(rf"{data}\HNS.data") is None
    assert node.host.service("hns").state == "running"
    node.prepare({**variables, "remove_features": ["Containers"]}, playbook="remove.yml").succeeded()
    assert not node.host.features()["Containers"].installed


def test_the_host_network_service_runs_again_when_its_file_can_t_be_removed(
    node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = r"C:\ProgramData\Microsoft\Windows\HNS"
    node.host.make_directory(data)
    node.host.write(rf"{data}\HNS.data", b"networks")
    remove = node.host.remove

    def refuse(path: str) -> None:
        if path.endswith("HNS.data"):
            raise HostError("The file is being used by another process.", 32)
        remove(path)

    monkeypatch.setattr(node.host, "remove", refuse)
    node.host.start_service("hns")
    variables = {**WITHOUT_CLUSTER, "remove_hns_networks": True}
    node.prepare(variables, playbook="remove.yml").refused("being used by another process")
    assert node.host.service("hns").state == "running"
    node.host.stop_service("hns")
    node.prepare(variables, playbook="remove.yml").refused("being used by another process")
    assert node.host.service("hns").state == "stopped"


def test_what_the_inventory_put_elsewhere_goes_too(node: Node, releases: Releases) -> None:
    places = {
        "kubelet_private_directory": r"C:\private",
        "kubelet_bootstrap_kubeconfig_path": r"C:\private\join.conf",
        "kubelet_certificate_authority_path": r"C:\trust\authority.crt",
        "kubelet_certificate_directory": r"C:\keys",
        "kubelet_config_path": r"C:\kube\config.yaml",
        "containerd_config_path": r"C:\engine\config.toml",
        "containerd_log_file": r"C:\engine\containerd.log",
    }
    variables = {**releases.variables(), **places, **WITHOUT_CLUSTER}
    node.prepare(variables).succeeded()
    node.host.make_directory(r"C:\keys")
    node.host.write(r"C:\keys\kubelet-client-current.pem", b"key")
    node.host.write(r"C:\keys\mine.pem", b"mine")
    assert TOKEN in node.text(places["kubelet_bootstrap_kubeconfig_path"])
    removed = node.prepare(variables, playbook="remove.yml").succeeded()
    gone = [path for name, path in places.items() if name.endswith("path") and name != "containerd_config_path"]
    assert [path for path in (*gone, r"C:\keys\kubelet-client-current.pem") if node.host.status(path)] == []
    assert node.host.read(r"C:\keys\mine.pem") == b"mine"
    told = " ".join(removed.text.split())
    assert places["containerd_config_path"] in told
    assert r"C:\keys\mine.pem" in told
    second = node.prepare(variables, playbook="remove.yml").succeeded()
    assert (second.changed(), second.modules) == (0, ["node_info"])


def test_a_folder_of_windows_is_refused_before_anything_is_removed(node: Node, releases: Releases) -> None:
    node.prepare(releases.variables()).succeeded()
    before = node.tree()
    variables = {**releases.variables(), **WITHOUT_CLUSTER, "kubelet_certificate_directory": r"C:\Windows"}
    refused = node.prepare(variables, playbook="remove.yml")
    refused.refused("remove_kubelet_certificate_directory is C:\\Windows", "nothing is removed")
    assert (refused.modules, node.tree()) == ([], before)


def test_a_time_service_that_nobody_named_stays_and_is_told(node: Node, releases: Releases) -> None:
    variables = {**releases.variables(), **WITHOUT_CLUSTER}
    node.prepare(variables).succeeded()
    removed = node.prepare(variables, playbook="remove.yml").succeeded()
    assert node.host.service("W32Time").configuration.start_mode == "auto"
    assert "time_service of the service W32Time" in " ".join(removed.text.split())


def test_somebody_elses_containerd_stays(node: Node) -> None:
    node.host.make_directory(r"C:\tools")
    node.host.write(r"C:\tools\containerd.exe", b"MZ model containerd.exe version=1.7.29")
    node.host.create_service(ServiceConfiguration("containerd", "containerd", r"C:\tools\containerd.exe --run-service"))
    removed = node.prepare(WITHOUT_CLUSTER, playbook="remove.yml").succeeded()
    assert node.host.service("containerd") is not None
    assert "service containerd runs a program that is not below" in " ".join(removed.text.split())
    assert node.text(rf"{CONTAINERD}\config.toml") == FOREIGN


def test_the_catalogue_is_spelled_in_the_roles_example_as_it_is() -> None:
    """The README's YAML is what a user copies."""
    from lab_tests.wire_support import ROOT

    text = (ROOT / "roles" / "windows_node" / "README.md").read_text()
    [play] = yaml.safe_load(text.split("```yaml\n")[1].split("```")[0])
    from ansible_collections.kubewin.hostprocess.plugins.module_utils.node.tuning_plan import tuning_probe

    given = play["roles"][0]["vars"]
    assert tuning_probe(given["windows_node_tuning"], given["windows_node_registry"])["dynamic_ports"]
