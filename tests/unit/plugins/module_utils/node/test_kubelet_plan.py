# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the kubelet role decides from one probe: what it does, and what it refuses to do."""

from __future__ import annotations

import hashlib

import pytest

from ansible_collections.kubewin.hostprocess.plugins.module_utils.node.errors import NodeError

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
def test_what_can_not_work_is_refused_before_anything_is_changed(bare, changes, words, kubelet_plan):
    with pytest.raises(NodeError, match=words) as refused:
        kubelet_plan(bare, **changes)
    assert "secret" not in str(refused.value)


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
