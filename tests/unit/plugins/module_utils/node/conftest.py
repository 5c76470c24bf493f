# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A bare node and a prepared one as node_info tells of them, and the plans with the values that every test shares."""

from __future__ import annotations

import copy
import hashlib

import pytest

from ansible_collections.kubewin.hostprocess.plugins.module_utils.node import containerd_plan as containerd
from ansible_collections.kubewin.hostprocess.plugins.module_utils.node import kubelet_plan as kubelet

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


def planned_containerd(node: dict, **changes) -> dict:
    given = {
        "version": "v2.2.9",
        "sha256": SHA256,
        "directory": DIRECTORY,
        "log_file": f"{DIRECTORY}\\containerd.log",
        "config_path": f"{DIRECTORY}\\config.toml",
    }
    return containerd.containerd_plan(node, **{**given, **changes})


@pytest.fixture
def containerd_plan():
    return planned_containerd


def planned_kubelet(node: dict, **changes) -> dict:
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
    return kubelet.kubelet_plan(node, **{**given, **changes})


@pytest.fixture
def kubelet_plan():
    return planned_kubelet


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
    programs = f"{DIRECTORY}\\2.2.9\\bin"
    node["path_environment"].append(programs)
    containerd_wanted, kubelet_wanted = planned_containerd(node), planned_kubelet(node)
    node["services"] = {
        "containerd": running_service(containerd_wanted["service"]),
        "kubelet": running_service(kubelet_wanted["service"]),
    }
    node["containerd"].update(exists=True, version="v2.2.9", path=f"{programs}\\containerd.exe")
    node["containerd"]["shim"] = {"path": f"{programs}\\containerd-shim-runhcs-v1.exe", "exists": True}
    node["kubelet"].update(exists=True, version="v1.36.3", sha256=KUBELET_SHA256, kubeconfig_exists=True)
    node["kubelet"].update(
        certificate_authority_exists=True, certificate_authority_sha256=hashlib.sha256(AUTHORITY.encode()).hexdigest()
    )
    return node
