# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the roles decide from one probe: everything that they do on a node, and everything that they refuse to do."""

from __future__ import annotations

import copy
import hashlib

import pytest

from ansible_collections.kubewin.hostprocess.plugins.module_utils.node import plan
from ansible_collections.kubewin.hostprocess.plugins.module_utils.node.errors import NodeError

SHA256 = hashlib.sha256(b"release").hexdigest()
DIRECTORY = "C:\\Program Files\\containerd"
KUBELET_SHA256 = hashlib.sha256(b"kubelet").hexdigest()
AUTHORITY = "-----BEGIN CERTIFICATE-----\nmodel\n-----END CERTIFICATE-----\n"
BARE = {
    "computer_name": "WIN1",
    "os": {"product_name": "Windows Server 2022 Datacenter", "build": 20348},
    "features": {"Containers": "disabled"},
    "pending_reboot": {"pending": False, "reasons": []},
    "path_environment": ["C:\\Windows\\System32"],
    "services": {"containerd": None, "kubelet": None},
    "containerd": {
        "path": f"{DIRECTORY}\\containerd.exe",
        "exists": False,
        "version": None,
        "config": {"exists": False, "content": None, "sha256": None},
        "shim_processes": [],
    },
    "kubelet": {
        "path": "C:\\k\\kubelet.exe",
        "exists": False,
        "version": None,
        "sha256": None,
        "config": {"exists": False, "content": None, "sha256": None},
        "bootstrap_kubeconfig_exists": False,
        "bootstrap_kubeconfig_sha256": None,
        "kubeconfig_exists": False,
        "certificate_authority_exists": False,
        "certificate_authority_sha256": None,
    },
    "files": {},
}


@pytest.fixture
def bare() -> dict:
    return copy.deepcopy(BARE)


def containerd_plan(node: dict, **changes) -> dict:
    given = {
        "version": "v2.2.9",
        "sha256": SHA256,
        "directory": DIRECTORY,
        "log_file": f"{DIRECTORY}\\containerd.log",
        "config_path": f"{DIRECTORY}\\config.toml",
    }
    return plan.containerd_plan(node, **{**given, **changes})


def kubelet_plan(node: dict, **changes) -> dict:
    given = {
        "version": "1.36.3",
        "sha256": KUBELET_SHA256,
        "directory": "C:\\k",
        "config_path": "C:\\var\\lib\\kubelet\\config.yaml",
        "kubeconfig_path": "C:\\k\\kubelet.conf",
        "bootstrap_kubeconfig_path": "C:\\k\\bootstrap-kubelet.conf",
        "certificate_authority_path": "C:\\k\\pki\\ca.crt",
        "certificate_directory": "C:\\var\\lib\\kubelet\\pki",
        "api_server": "https://api.example.com:6443",
        "bootstrap_token": "abcdef.0123456789abcdef",
        "cluster_ca": AUTHORITY,
    }
    return plan.kubelet_plan(node, **{**given, **changes})


def running_service(wanted: dict) -> dict:
    """The service that the service manager would hold after win_service was given this."""
    return {
        "name": wanted["name"],
        "state": "running",
        "start_mode": "auto",
        "account": "LocalSystem",
        "command_line": wanted["path"],
        "dependencies": wanted["dependencies"],
        "failure_actions": {
            "reset_seconds": wanted["failure_reset_period_sec"],
            "on_non_crash": True,
            "actions": [
                {"type": step["type"], "delay_milliseconds": step["delay_ms"]} for step in wanted["failure_actions"]
            ],
        },
    }


@pytest.fixture
def prepared(bare: dict) -> dict:
    """A node after its first run, before anything was written into its files."""
    node = bare
    node["features"]["Containers"] = "enabled"
    node["path_environment"].append(DIRECTORY)
    containerd, kubelet = containerd_plan(node), kubelet_plan(node)
    node["services"] = {
        "containerd": running_service(containerd["service"]),
        "kubelet": running_service(kubelet["service"]),
    }
    node["containerd"].update(exists=True, version="v2.2.9")
    node["kubelet"].update(exists=True, version="v1.36.3", sha256=KUBELET_SHA256, kubeconfig_exists=True)
    node["kubelet"].update(
        certificate_authority_exists=True, certificate_authority_sha256=hashlib.sha256(AUTHORITY.encode()).hexdigest()
    )
    return node


# --- versions ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "expected"), [("v1.36.3", "1.36.3"), ("2.2.9", "2.2.9"), ("containerd://2.2.9", "2.2.9")]
)
def test_versions_are_taken_with_and_without_v(given, expected):
    assert plan.full_version(given) == expected


@pytest.mark.parametrize("given", [1.30, 2.2, "1.36", "latest", "", None])
def test_a_version_from_which_nothing_can_be_downloaded_is_refused(given):
    with pytest.raises(NodeError):
        plan.full_version(given)


# --- Windows -----------------------------------------------------------------------------------------------------


def test_missing_features_are_found_without_regard_to_case(bare):
    assert plan.windows_plan(bare, ["containers"])["features"] == ["containers"]
    bare["features"]["Containers"] = "enabled"
    assert plan.windows_plan(bare, ["containers"])["features"] == []


def test_server_2016_is_refused_with_the_reason(bare):
    bare["os"].update(build=14393, product_name="Windows Server 2016 Datacenter")
    with pytest.raises(NodeError, match=r"Windows Server 2016 .* 17763.*Nothing was changed"):
        plan.windows_plan(bare, ["Containers"])


def test_a_pending_restart_is_carried_out_only_before_the_node_is_in_use(bare, prepared):
    bare["pending_reboot"]["pending"] = True
    bare["services"]["kubelet"] = None
    assert plan.windows_plan(bare, [])["reboot"]
    bare["services"]["kubelet"] = {"state": "running"}
    assert not plan.windows_plan(bare, [])["reboot"]


# --- containerd --------------------------------------------------------------------------------------------------


def test_a_bare_node_gets_containerd_and_stops_nothing(bare):
    found = containerd_plan(bare)
    assert (found["install"], found["stop"], found["service_differs"], found["add_to_path"]) == (True, [], True, True)


def test_a_prepared_node_needs_nothing_of_containerd(prepared):
    found = containerd_plan(prepared, sha256="")
    assert not any(found[what] for what in ("install", "stop", "service_differs", "add_to_path"))


def test_a_version_change_stops_the_kubelet_before_containerd(prepared):
    assert containerd_plan(prepared, version="2.3.7")["stop"] == ["kubelet", "containerd"]


def test_an_archive_left_in_the_staging_folder_means_that_the_installation_is_done_again(prepared):
    archive = containerd_plan(prepared)["archive"]
    prepared["files"][archive.upper()] = {"exists": True}
    assert containerd_plan(prepared)["install"]


def test_a_program_elsewhere_is_not_taken_for_ours(prepared):
    prepared["containerd"]["path"] = "D:\\old\\containerd.exe"
    assert containerd_plan(prepared)["install"]


@pytest.mark.parametrize("sha256", ["", "abc", "g" * 64])
def test_nothing_is_downloaded_without_a_checksum(bare, sha256):
    with pytest.raises(NodeError, match="containerd_sha256"):
        containerd_plan(bare, sha256=sha256)


def test_running_shims_stop_a_version_change_before_it_begins(prepared):
    prepared["containerd"]["shim_processes"] = [{"pid": 4711, "path": f"{DIRECTORY}\\containerd-shim-runhcs-v1.exe"}]
    with pytest.raises(NodeError, match=r"4711.*[Dd]rain"):
        containerd_plan(prepared, version="2.3.7")
    assert not containerd_plan(prepared)["install"]


def test_a_file_that_the_new_containerd_would_misread_is_refused_before_anything_stops(prepared):
    prepared["containerd"]["config"] = {"exists": True, "content": "version = 4\n", "sha256": None}
    with pytest.raises(NodeError, match="can't read"):
        containerd_plan(prepared)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("state", "stopped"),
        ("start_mode", "manual"),
        ("account", "NT AUTHORITY\\LocalService"),
        ("command_line", "C:\\other.exe"),
        ("dependencies", ["x"]),
        ("failure_actions", None),
        ("failure_actions", {"reset_seconds": 86400, "on_non_crash": False, "actions": []}),
    ],
)
def test_a_service_in_any_other_state_differs(prepared, field, value):
    prepared["services"]["containerd"][field] = value
    assert containerd_plan(prepared)["service_differs"]


def test_a_service_never_gives_up(bare):
    for service in (containerd_plan(bare)["service"], kubelet_plan(bare)["service"]):
        assert service["failure_actions"][-1]["type"] == "restart"


def test_paths_with_spaces_are_quoted(bare):
    assert containerd_plan(bare)["service"]["path"].startswith(f'"{DIRECTORY}\\containerd.exe" --run-service ')


# --- the kubelet -------------------------------------------------------------------------------------------------


def test_a_bare_node_gets_the_kubelet_in_place_and_what_it_joins_with(bare):
    found = kubelet_plan(bare)
    assert found["install"]
    assert not found["swap"]
    assert found["download_to"] == found["executable"]
    assert found["folders"] == ["C:\\k"]
    assert [file["path"] for file in found["files"]] == ["C:\\k\\pki\\ca.crt", "C:\\k\\bootstrap-kubelet.conf"]


def test_a_node_that_has_joined_needs_no_token_and_gets_no_bootstrap_file(prepared):
    found = kubelet_plan(prepared, bootstrap_token="", api_server="")
    assert found["joined"]
    assert not any(found[what] for what in ("install", "service_differs", "folders"))
    assert [file["path"] for file in found["files"]] == ["C:\\k\\pki\\ca.crt"]


def test_a_running_kubelet_is_swapped_only_after_the_download(prepared):
    found = kubelet_plan(prepared, version="1.36.4", sha256=SHA256)
    assert found["swap"]
    assert found["download_to"] != found["executable"]


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
    ],
)
def test_what_can_not_work_is_refused_before_anything_is_changed(bare, changes, words):
    with pytest.raises(NodeError, match=words) as refused:
        kubelet_plan(bare, **changes)
    assert "secret" not in str(refused.value)


def test_a_node_keeps_the_name_that_it_joined_with(prepared):
    kubelet_plan(prepared, hostname_override="win1")
    with pytest.raises(NodeError, match="joined the cluster as win1 and can't become other"):
        kubelet_plan(prepared, hostname_override="other")


def test_the_users_fields_win_over_the_roles(bare):
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
def test_the_runtimes_endpoint_is_a_flag_until_it_is_a_field(bare, version, expected):
    found = kubelet_plan(bare, version=version)
    flags = {word for word in found["service"]["path"].split() if word.startswith("--container-runtime")}
    assert flags == expected
    assert ("containerRuntimeEndpoint" in found["configuration"]) == (not expected)


def test_the_log_runner_is_put_before_the_kubelet(bare):
    found = kubelet_plan(bare, log_runner_sha256=SHA256, log_directory="C:\\var\\log\\kubelet")
    assert found["service"]["path"].startswith("C:\\k\\kube-log-runner.exe -log-file=")
    assert found["log_runner"] == "C:\\k\\kube-log-runner.exe"
    assert found["folders"] == ["C:\\k", "C:\\var\\log\\kubelet"]
