# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the kubelet role decides from one probe: what it does, and what it refuses to do."""

from __future__ import annotations

import dataclasses
import hashlib
from pathlib import Path

import pytest
import yaml

from ansible_collections.kubewin.hostprocess.plugins.module_utils.node import kubelet_config
from ansible_collections.kubewin.hostprocess.plugins.module_utils.node.errors import NodeError
from ansible_collections.kubewin.hostprocess.plugins.module_utils.node.kubelet_wishes import KubeletWishes

SHA256 = hashlib.sha256(b"release").hexdigest()


def test_a_bare_node_gets_the_kubelet_in_place_and_what_it_joins_with(bare, kubelet_plan):
    found = kubelet_plan(bare)
    assert found["install"]
    assert not found["swap"]
    assert found["download_to"] == found["executable"]
    assert found["folders"] == ["C:\\k"]
    assert [file["path"] for file in found["files"]] == ["C:\\k\\pki\\ca.crt", "C:\\k\\bootstrap-kubelet.conf"]


def test_a_node_that_has_joined_needs_no_token_and_gets_no_bootstrap_file(prepared, kubelet_plan):
    found = kubelet_plan(prepared, bootstrap_token="", api_server="")
    assert found["joined"]
    assert not any(found[what] for what in ("install", "service_differs", "folders"))
    assert [file["path"] for file in found["files"]] == ["C:\\k\\pki\\ca.crt"]


def test_a_running_kubelet_is_swapped_only_after_the_download(prepared, kubelet_plan):
    found = kubelet_plan(prepared, version="1.36.4", sha256=SHA256)
    assert found["swap"] == [{"from": f"{found['executable']}.new", "to": found["executable"]}]
    assert found["download_to"] == f"{found['executable']}.new"


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"bootstrap_token": ""}, "kubelet_bootstrap_token is not set"),
        ({"bootstrap_token": "secret"}, "not a bootstrap token"),
        ({"api_server": ""}, "kubelet_api_server"),
        ({"api_server": "http://api"}, "kubelet_api_server"),
        ({"cluster_ca": ""}, "kubelet_cluster_ca is empty"),
        ({"cluster_ca": "LS0tLS1CRUdJTg=="}, "not the PEM text"),
        ({"sha256": ""}, "kubelet_sha256"),
        ({"hostname_override": "Win_1"}, "can't be a node's name"),
        ({"feature_gates": {"WindowsHostProcessContainers": True}}, "removed in 1.28"),
        ({"configuration": {"singleProcessOOMKill": True}}, "does not start with singleProcessOOMKill"),
        ({"taints": ["os=Windows"]}, "not a taint"),
        ({"configuration": {"maxPods": "many"}}, "maxPods is 'many'"),
        ({"node_labels": {"node-role.kubernetes.io/windows": ""}}, "kubectl label node"),
        ({"node_labels": {"example.k8s.io/a": "b"}}, "kubernetes.core"),
        ({"node_labels": {"a b": "c"}}, "is no label"),
        ({"node_labels": {"a": "b,c=d"}}, "is no label"),
        ({"node_labels": {"a": "x" * 64}}, "is no label"),
        ({"node_ip": "not-an-ip"}, "kubelet_node_ip is 'not-an-ip'"),
        ({"node_ip": "10.0.0.7,10.0.0.8"}, "kubelet_node_ip"),
        ({"log_runner_sha256": "abc"}, "kubelet_log_runner_sha256 is not a SHA-256"),
        ({"log_file_size": "50MB"}, "kubelet_log_file_size is '50MB'"),
        ({"log_file_age": "7d"}, "kubelet_log_file_age is '7d'"),
        ({"log_file_age": "-1h"}, "kubelet_log_file_age"),
    ],
)
def test_what_can_not_work_is_refused_before_anything_is_changed(bare, changes, words, kubelet_plan):
    with pytest.raises(NodeError, match=words) as refused:
        kubelet_plan(bare, **changes)
    assert "secret" not in str(refused.value)


@pytest.mark.parametrize(
    "labels",
    [
        {"example.com/pool": "win", "tier": ""},
        {"node.kubernetes.io/pool": "win", "team.node.kubernetes.io/a": "b", "kubelet.kubernetes.io/c": "d"},
        {"topology.kubernetes.io/zone": "a", "kubernetes.io/os": "windows", "beta.kubernetes.io/instance-type": "x"},
        {"notkubernetes.io/a": "b"},
    ],
)
def test_labels_that_a_kubelet_may_give_its_node_are_given(bare, kubelet_plan, labels):
    text = ",".join(f"{key}={value}" for key, value in labels.items())
    assert f"--node-labels={text}" in kubelet_plan(bare, node_labels=labels)["service"]["path"]


@pytest.mark.parametrize("address", ["10.0.0.7", "::", "fd00::7", "10.0.0.7,fd00::7"])
def test_addresses_of_a_node_are_taken(bare, kubelet_plan, address):
    assert f"--node-ip={address}" in kubelet_plan(bare, node_ip=address)["service"]["path"]


@pytest.mark.parametrize(("size", "age"), [("50Mi", "168h"), ("52428800", "1h30m"), ("0", "0"), ("50M", "")])
def test_limits_that_the_log_runner_takes_are_taken(bare, kubelet_plan, size, age):
    given = {"log_runner_sha256": SHA256, "log_directory": "C:\\log", "log_file_size": size, "log_file_age": age}
    assert f"-log-file-size={size}" in kubelet_plan(bare, **given)["service"]["path"]


def test_the_checksum_of_another_version_is_refused(prepared, kubelet_plan):
    with pytest.raises(NodeError, match=r"kubelet v1\.36\.3, not 1\.37\.2"):
        kubelet_plan(prepared, version="1.37.2")


@pytest.mark.parametrize("said", [None, "", "a build of our own", "v1.36.3-eks-1"])
def test_a_checksum_is_enough_where_the_program_says_no_other_version(prepared, kubelet_plan, said):
    prepared["kubelet"]["version"] = said
    assert not kubelet_plan(prepared)["install"]


def test_backslashes_too_many_make_no_other_folder(prepared, kubelet_plan):
    folders = {"directory": "C:\\k\\", "log_directory": "C:\\log\\", "kubeconfig_path": "C:\\k\\\\kubelet.conf"}
    found = kubelet_plan(prepared, **folders)
    assert found["service"]["path"] == kubelet_plan(prepared)["service"]["path"]
    assert not found["install"]


def test_a_plan_tells_what_runs_and_is_put_back_when_a_change_fails(prepared, kubelet_plan):
    service = prepared["services"]["kubelet"]
    found = kubelet_plan(prepared, version="1.36.4", sha256=SHA256)
    assert found["before"] == {
        "version": "v1.36.3",
        "command_line": service["command_line"],
        "dependencies": ["containerd"],
        "config": {"exists": False, "content": None},
        "programs": ["C:\\k\\kubelet.exe"],
    }
    assert found["leftovers"] == ["C:\\k\\kubelet.exe.new", "C:\\k\\kubelet.exe.old"]


def test_a_log_runner_that_was_not_there_is_not_kept(prepared, kubelet_plan):
    found = kubelet_plan(prepared, log_runner_sha256=SHA256, log_directory="C:\\log")
    assert (found["before"]["programs"], found["leftovers"]) == ([], ["C:\\k\\kube-log-runner.exe.new"])


def test_a_node_keeps_the_name_that_it_joined_with(prepared, kubelet_plan):
    kubelet_plan(prepared, hostname_override="win1")
    with pytest.raises(NodeError, match="joined the cluster as win1 and can't become other"):
        kubelet_plan(prepared, hostname_override="other")


def test_the_users_fields_win_over_the_roles(bare, kubelet_plan):
    found = kubelet_plan(
        bare,
        base_configuration={"maxPods": 250, "rotateCertificates": True},
        configuration={"maxPods": 10, "rotateCertificates": None},
        taints=["os=Windows:NoSchedule", "gpu:NoExecute"],
    )["configuration"]
    assert found["maxPods"] == 10
    assert found["rotateCertificates"] is None
    assert found["authentication"]["x509"]["clientCAFile"] == "C:\\k\\pki\\ca.crt"
    assert found["registerWithTaints"] == [
        {"key": "os", "value": "Windows", "effect": "NoSchedule"},
        {"key": "gpu", "effect": "NoExecute"},
    ]


@pytest.mark.parametrize(
    ("version", "expected"),
    [
        (
            "1.22.17",
            {"--container-runtime=remote", "--container-runtime-endpoint=npipe:////./pipe/containerd-containerd"},
        ),
        ("1.26.5", {"--container-runtime-endpoint=npipe:////./pipe/containerd-containerd"}),
        ("1.27.7", set()),
    ],
)
def test_the_runtimes_endpoint_is_a_flag_until_it_is_a_field(bare, version, expected, kubelet_plan):
    found = kubelet_plan(bare, version=version)
    flags = {word for word in found["service"]["path"].split() if word.startswith("--container-runtime")}
    assert flags == expected
    assert ("containerRuntimeEndpoint" in found["configuration"]) == (not expected)


def test_the_log_runner_is_put_before_the_kubelet(bare, kubelet_plan):
    found = kubelet_plan(bare, log_runner_sha256=SHA256, log_directory="C:\\var\\log\\kubelet")
    assert found["service"]["path"].startswith("C:\\k\\kube-log-runner.exe -log-file=")
    assert found["log_runner"] == "C:\\k\\kube-log-runner.exe"
    assert found["folders"] == ["C:\\k", "C:\\var\\log\\kubelet"]


def test_a_log_runner_that_runs_is_replaced_once_the_service_is_stopped(prepared, kubelet_plan):
    """It is the service's own program: Windows replaces none that runs."""
    found = kubelet_plan(prepared, log_runner_sha256=SHA256, log_directory="C:\\var\\log\\kubelet")
    assert found["log_runner"] == "C:\\k\\kube-log-runner.exe.new"
    assert found["swap"] == [{"from": "C:\\k\\kube-log-runner.exe.new", "to": "C:\\k\\kube-log-runner.exe"}]
    assert not found["install"]


def test_changes_tells_of_everything_that_a_run_would_do(prepared, kubelet_plan):
    text = kubelet_config.merge(None, kubelet_plan(prepared)["configuration"], {}, "1.36.3").text
    written = {"exists": True, "content": text, "sha256": hashlib.sha256(text.encode()).hexdigest()}
    prepared["kubelet"]["config"] = written
    assert not kubelet_plan(prepared)["changes"]
    for wish in (
        {"configuration": {"maxPods": 7}},
        {"feature_gates": {"WindowsGracefulNodeShutdown": False}},
        {"arguments": ["--v=4"]},
        {"log_runner_sha256": SHA256, "log_directory": "C:\\logs"},
        {"version": "1.36.4", "sha256": SHA256},
        {"cluster_ca": "-----BEGIN CERTIFICATE-----\nother\n-----END CERTIFICATE-----"},
        {"firewall_rule": True},
    ):
        assert kubelet_plan(prepared, **wish)["changes"], wish


FLAGS = 'KUBELET_KUBEADM_ARGS="--hostname-override=other --pod-infra-container-image=pause:3.9 --max-pods=42"\n'


def test_kubeadms_flags_follow_the_roles_own(bare, kubelet_plan):
    bare["kubelet"]["kubeadm_flags"] = {"exists": True, "content": FLAGS}
    found = kubelet_plan(bare, hostname_override="win1", arguments=["--v=4"])
    words = found["service"]["path"].split()
    assert words[-2:] == ["--max-pods=42", "--v=4"]
    assert "--hostname-override=win1" in words
    assert "--pod-infra-container-image" in " ".join(found["warnings"])


def test_a_node_that_kubeadm_joined_keeps_the_name_that_kubeadm_gave_it(prepared, kubelet_plan):
    prepared["kubelet"]["kubeadm_flags"] = {"exists": True, "content": FLAGS}
    kubelet_plan(prepared, hostname_override="other")
    with pytest.raises(NodeError, match="joined the cluster as other"):
        kubelet_plan(prepared, hostname_override="win1")


@pytest.mark.parametrize(
    ("version", "gates", "words"),
    [
        ("1.31.0", {}, "1.31 on Windows has no graceful node shutdown"),
        ("1.32.2", {}, "while WindowsGracefulNodeShutdown is off"),
        ("1.36.3", {"WindowsGracefulNodeShutdown": False}, "while WindowsGracefulNodeShutdown is off"),
    ],
)
def test_a_graceful_shutdown_that_would_not_happen_is_refused(bare, kubelet_plan, version, gates, words):
    with pytest.raises(NodeError, match=words):
        kubelet_plan(bare, version=version, feature_gates=gates, shutdown_grace_period="60s")


@pytest.mark.parametrize(
    ("version", "gates"), [("1.32.2", {"WindowsGracefulNodeShutdown": True}), ("1.34.4", {}), ("1.37.2", {})]
)
def test_a_graceful_shutdown_is_two_fields_of_the_configuration(bare, kubelet_plan, version, gates):
    times = {"shutdown_grace_period": "1m30s", "shutdown_grace_period_critical_pods": "20s"}
    found = kubelet_plan(bare, version=version, feature_gates=gates, **times)["configuration"]
    assert (found["shutdownGracePeriod"], found["shutdownGracePeriodCriticalPods"]) == ("1m30s", "20s")


@pytest.mark.parametrize(
    ("period", "critical", "words"),
    [("20s", "60s", "can't be longer"), ("sixty", "", "write a duration"), ("500ms", "", "less than a second")],
)
def test_times_that_the_kubelet_would_refuse_are_refused(bare, kubelet_plan, period, critical, words):
    times = {"shutdown_grace_period": period, "shutdown_grace_period_critical_pods": critical}
    with pytest.raises(NodeError, match=words):
        kubelet_plan(bare, **times)


@pytest.mark.parametrize(("version", "rotates"), [("1.33.13", False), ("1.34.0", True), ("1.36.3", True)])
def test_only_a_log_runner_since_1_34_rotates(bare, kubelet_plan, version, rotates):
    given = {"log_runner_sha256": SHA256, "log_directory": "C:\\log", "log_file_size": "50Mi", "log_file_age": "168h"}
    found = kubelet_plan(bare, version="1.31.0", log_runner_version=version, **given)
    assert ("-log-file-size=50Mi -log-file-age=168h" in found["service"]["path"]) is rotates
    assert bool(found["warnings"]) is not rotates


def test_a_service_under_nssm_differs_and_names_what_is_lost(prepared, kubelet_plan):
    prepared["services"]["kubelet"]["nssm"] = {"application": "C:\\k\\kubelet.exe", "parameters": "--v=4 --config=x"}
    found = kubelet_plan(prepared)
    assert found["service_differs"]
    assert found["nssm_registry_key"].endswith("Services\\kubelet\\Parameters")
    assert "--v=4" in found["warnings"][0]
    assert "--config" not in found["warnings"][0]


def kubeadm(plan, node, **changes) -> dict:
    given = {"join": "kubeadm", "kubeadm_sha256": SHA256, "kubeadm_directory": "C:\\private\\kubeadm"}
    return plan(node, **{**given, **changes})


@pytest.mark.parametrize(("version", "dialect"), [("1.30.4", "v1beta3"), ("1.31.0", "v1beta4"), ("1.37.2", "v1beta4")])
def test_kubeadm_gets_its_configuration_in_its_versions_form(bare, kubelet_plan, version, dialect):
    found = kubeadm(kubelet_plan, bare, version=version, hostname_override="win1")
    files = {file["path"]: yaml.safe_load(file["content"]) for file in found["files"]}
    join = files["C:\\private\\kubeadm\\join.yaml"]
    assert join["apiVersion"] == f"kubeadm.k8s.io/{dialect}"
    assert join["discovery"]["file"]["kubeConfigPath"] == "\\private\\kubeadm\\discovery.conf"
    assert join["nodeRegistration"]["name"] == "win1"
    assert files["C:\\private\\kubeadm\\patches\\kubeletconfiguration+merge.yaml"]["authentication"]
    assert found["kubeadm"]["command"] == "C:\\k\\kubeadm.exe join --config C:\\private\\kubeadm\\join.yaml"
    assert found["kubeadm"]["download_to"] == "C:\\k\\kubeadm.exe"


class Tagged(str):
    """A text as Ansible hands it over: a subclass that YAML's writer refuses, with the text in its error."""


@pytest.mark.parametrize("join", ["bootstrap_token", "kubeadm"])
def test_texts_of_ansibles_own_kind_are_written_as_they_are(bare, kubelet_plan, join):
    tagged = {
        "bootstrap_token": Tagged("abcdef.0123456789abcdef"),
        "api_server": Tagged("https://api.example.com:6443"),
        "hostname_override": Tagged("win1"),
        "runtime_endpoint": Tagged("npipe:////./pipe/x"),
        "kubeadm_directory": Tagged("C:\\private"),
        "kubeadm_ignored_checks": [Tagged("SystemVerification")],
        "feature_gates": {Tagged("NodeLogQuery"): True},
    }
    found = kubeadm(kubelet_plan, bare, join=Tagged(join), **tagged)
    assert "abcdef.0123456789abcdef" in "".join(file["content"] for file in found["files"])


def test_a_joined_node_needs_no_kubeadm(prepared, kubelet_plan):
    found = kubeadm(kubelet_plan, prepared, kubeadm_sha256="", bootstrap_token="")
    assert (found["kubeadm"], found["files"]) == ({}, [])


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"kubeadm_sha256": ""}, "kubelet_kubeadm_sha256"),
        ({"version": "1.28.3"}, "1.29 and later"),
        ({"bootstrap_token": ""}, "kubelet_bootstrap_token is not set"),
        ({"bootstrap_token": "secret"}, "not a bootstrap token"),
        ({"cluster_ca": ""}, "kubelet_cluster_ca is empty"),
        ({"join": "by hand"}, "write bootstrap_token or kubeadm"),
    ],
)
def test_a_join_by_kubeadm_that_can_not_work_is_refused(bare, kubelet_plan, changes, words):
    with pytest.raises(NodeError, match=words) as refused:
        kubeadm(kubelet_plan, bare, **changes)
    assert "secret" not in str(refused.value)


@pytest.mark.parametrize(
    ("version", "accepted"),
    [("1.22.17", True), ("1.23.1", True), ("1.27.7", True), ("1.28.3", False), ("1.37.2", False)],
)
def test_the_gate_of_hostprocess_containers_is_a_kubelets_up_to_1_27_only(bare, kubelet_plan, version, accepted):
    """Facts 1.5: needed on the kubelet of 1.22, on by default from 1.23, locked in 1.26 and 1.27, gone in 1.28."""
    gates = {"WindowsHostProcessContainers": True}
    if not accepted:
        with pytest.raises(NodeError, match=r"removed in 1\.28"):
            kubelet_plan(bare, version=version, feature_gates=gates)
        return
    kubelet_plan(bare, version=version, feature_gates=gates)


def test_the_wishes_are_the_options_that_the_filter_documents():
    root = Path(__file__).resolve().parents[5]
    documented = yaml.safe_load((root / "plugins/filter/kubelet_plan.yml").read_text())["DOCUMENTATION"]["options"]
    wishes = {field.name: field for field in dataclasses.fields(KubeletWishes)}
    assert set(wishes) == set(documented) - {"_input"}
    needed = {name for name, wish in wishes.items() if wish.default is dataclasses.MISSING}
    assert needed == {name for name in wishes if documented[name].get("required")}


def test_the_token_is_in_no_text_of_the_wishes():
    given = dict.fromkeys(("sha256", "directory", "config_path", "kubeconfig_path", "bootstrap_kubeconfig_path"), "")
    given |= dict.fromkeys(("certificate_authority_path", "certificate_directory"), "")
    assert "0123456789abcdef" not in repr(
        KubeletWishes(version="1", bootstrap_token="abcdef.0123456789abcdef", **given)
    )


@pytest.mark.parametrize(("version", "gates"), [("1.22.17", {"WindowsHostProcessContainers": True}), ("1.23.17", None)])
def test_the_gate_of_hostprocess_is_turned_on_where_it_is_off(bare, kubelet_plan, version, gates):
    assert kubelet_plan(bare, version=version)["configuration"].get("featureGates") == gates
    off = {"featureGates": {"WindowsHostProcessContainers": False}}
    assert (
        kubelet_plan(bare, version=version, configuration=off)["configuration"]["featureGates"] == off["featureGates"]
    )
