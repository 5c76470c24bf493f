# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What of a node is ours and goes, and what stays."""

from __future__ import annotations

import copy

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.kubewin.hostprocess.plugins.module_utils.node.firewall_plan import KUBELET_RULE
from ansible_collections.kubewin.hostprocess.plugins.module_utils.node.remove_plan import (
    HNS_NETWORKS,
    remove_plan,
    remove_probe,
)

CONTAINERD = r"C:\Program Files\containerd"
OPTIONS = {
    "containerd_directory": CONTAINERD,
    "kubelet_directory": "C:\\k",
    "kubelet_config_path": r"C:\var\lib\kubelet\config.yaml",
    "kubelet_log_directory": r"C:\var\log\kubelet",
}
PROGRAM = rf"{CONTAINERD}\2.2.9\bin\containerd.exe"
NODE = {
    "computer_name": "WIN1",
    "os": {"build": 20348, "revision": 2227},
    "paths": {"program_data": r"C:\ProgramData"},
    "path_environment": [r"C:\Windows\System32", rf"{CONTAINERD}\2.2.9\bin", r"C:\kx", "C:\\k\\"],
    "features": {"Containers": "enabled"},
    "services": {
        "containerd": {"state": "running", "command_line": f'"{PROGRAM}" --run-service'},
        "kubelet": {"state": "running", "command_line": r"C:\k\kubelet.exe --windows-service"},
        "W32Time": {"state": "running", "start_mode": "auto"},
    },
    "containerd": {"path": PROGRAM, "shim_processes": [], "pipe": {"answers": True}},
    "registry": {},
    "firewall_rules": {KUBELET_RULE: ["v2.30|..."]},
    "files": {},
    "directories": {
        CONTAINERD: ["2.2.9", "config.toml", "containerd.log", "certs.d"],
        r"%ProgramData%\containerd": ["root", "state"],
        r"C:\hpc": None,
        "C:\\k": ["kubelet.exe", "kubelet.conf", "pki"],
        r"C:\var\lib\kubelet": ["config.yaml", "pods"],
        r"C:\var\log\kubelet": None,
        r"C:\var\log\pods": [],
        r"C:\var\log\containers": [],
        r"C:\etc\kubernetes": None,
        r"C:\Windows\System32\config\systemprofile\kubewin": None,
        r"C:\var\lib": ["kubelet"],
        r"C:\var\log": ["pods", "containers"],
        r"C:\var": ["lib", "log"],
        r"C:\etc": None,
    },
}


@pytest.fixture
def node() -> dict:
    return copy.deepcopy(NODE)


def planned(node: dict, **changes) -> dict:
    return remove_plan(node, **{**OPTIONS, **changes})


def test_everything_of_ours_goes_and_the_configuration_stays(node):
    plan = planned(node)
    assert plan["services"] == ["kubelet", "containerd"]
    assert plan["path_entries"] == [rf"{CONTAINERD}\2.2.9\bin", "C:\\k\\"]
    assert plan["firewall_rules"] == [KUBELET_RULE]
    assert sorted(plan["paths"]) == sorted(
        [
            rf"{CONTAINERD}\2.2.9",
            rf"{CONTAINERD}\containerd.log",
            r"%ProgramData%\containerd",
            "C:\\k",
            r"C:\var",
        ]
    )
    assert plan["kept"] == [rf"{CONTAINERD}\config.toml", rf"{CONTAINERD}\certs.d"]
    assert plan["images"] == rf"{CONTAINERD}\2.2.9\bin\ctr.exe"
    assert plan["features"] == []


def test_with_the_configuration_the_whole_folder_goes(node):
    plan = planned(node, configuration=True)
    assert CONTAINERD in plan["paths"]
    assert plan["kept"] == []


def test_a_file_that_nobody_knows_stays_with_its_folder(node):
    node["directories"]["C:\\k"].append("mine.ps1")
    node["directories"][r"C:\var"].append("www")
    plan = planned(node, configuration=True)
    assert "C:\\k" not in plan["paths"]
    assert r"C:\k\kubelet.exe" in plan["paths"]
    assert plan["kept"] == [r"C:\k\mine.ps1"]
    assert r"C:\var" not in plan["paths"]
    assert {r"C:\var\lib", r"C:\var\log"} <= set(plan["paths"])


@given(
    st.lists(st.sampled_from(["mine.ps1", "notes", "kubelet.exe", "pki", "www", "config.toml", "2.2.9"]), unique=True)
)
def test_nothing_is_removed_that_holds_something_unknown(names):
    node = copy.deepcopy(NODE)
    node["directories"]["C:\\k"] = names
    plan = planned(node)
    unknown = {name for name in names if name not in ("kubelet.exe", "pki")}
    assert {path.rpartition("\\")[2] for path in plan["kept"] if path.startswith("C:\\k\\")} == unknown
    assert ("C:\\k" in plan["paths"]) is (not unknown)


@pytest.mark.parametrize(
    "command_line",
    [r"C:\tools\containerd.exe --config C:\k\x", r'"C:\Program Files\containerd-old\containerd.exe"', ""],
)
def test_somebody_elses_service_stays_with_its_folders(node, command_line):
    node["services"]["containerd"]["command_line"] = command_line
    plan = planned(node, configuration=True)
    assert plan["services"] == ["kubelet"]
    assert not any("containerd" in path for path in plan["paths"])
    assert any("service containerd runs a program that is not below" in reason for reason in plan["kept"])


def test_programs_in_a_folder_with_spaces_need_no_quotes(node):
    node["services"]["containerd"]["command_line"] = f"{PROGRAM} --run-service"
    assert planned(node)["services"] == ["kubelet", "containerd"]


def test_what_was_tuned_goes_back_to_what_windows_has(node):
    key = r"HKLM:\SYSTEM\CurrentControlSet\Control\FileSystem"
    node["registry"] = {key: {"exists": True, "values": {"LongPathsEnabled": {"type": "dword", "data": 1}}}}
    plan = planned(node, tuning={"long_paths": True})
    assert [(action["name"], action["data"]) for action in plan["tuning"]["registry"]] == [("LongPathsEnabled", 0)]
    assert [service["name"] for service in plan["tuning"]["services"]] == ["W32Time"]
    kept = planned(node, tuning={"time_service": False})
    assert (kept["tune"], kept["tuning"]["registry"], kept["tuning"]["services"]) == (False, [], [])


def test_fixes_of_windows_updates_are_taken_back(node):
    key = r"HKLM:\SYSTEM\CurrentControlSet\Services\hns\State"
    found = {name: {"type": "dword", "data": 1} for name in ("HnsAclUpdateChange", "HnsNpmRefresh", "Another")}
    node["registry"][key] = {"exists": True, "values": found}
    assert key in remove_probe(**OPTIONS, fixes=["2023-04"])["registry"]
    removed = planned(node, fixes=["2023-04"], tuning={"time_service": False})["tuning"]["registry"]
    assert [(value["name"], value["state"]) for value in removed] == [("HnsAclUpdateChange", "absent")]
    assert planned(node, tuning={"time_service": False})["tuning"]["registry"] == []


def test_what_nobody_can_take_back_is_told(node):
    tuning = {"hns_recovery": True}
    left = "hns_recovery of the service hns: what Windows has without it is not known"
    assert left not in planned(node, tuning=tuning)["kept"]
    recovery = {"reset_seconds": 300, "actions": []}
    node["services"]["hns"] = {"state": "running", "start_mode": "manual", "failure_actions": recovery}
    assert left not in planned(node, tuning=tuning)["kept"]
    recovery["actions"] = [{"type": "restart", "delay_milliseconds": delay} for delay in (5000, 10000, 30000)]
    plan = planned(node, tuning=tuning)
    assert left in plan["kept"]
    assert not any(service["name"] == "hns" for service in plan["tuning"]["services"])
    assert left not in planned(node)["kept"]


def test_only_shims_of_our_containerd_stand_in_the_way(node):
    shims = {1: rf"{CONTAINERD}\2.1.9\bin\containerd-shim-runhcs-v1.exe", 2: None, 3: r"C:\docker\shim.exe"}
    node["containerd"]["shim_processes"] = [{"pid": pid, "path": path} for pid, path in shims.items()]
    assert planned(node)["shims"] == [1, 2]


def test_features_and_networks_go_only_when_asked_for(node):
    node["files"][HNS_NETWORKS] = {"exists": True}
    assert planned(node)["hns_networks"] == ""
    plan = planned(node, features=["Containers", "Hyper-V"], hns_networks=True)
    assert plan["features"] == ["Containers"]
    assert plan["hns_networks"] == HNS_NETWORKS


def test_a_node_without_anything_of_ours_needs_nothing(node):
    node["services"].update(containerd=None, kubelet=None, W32Time=None)
    node["path_environment"] = [r"C:\Windows\System32"]
    node["firewall_rules"] = {KUBELET_RULE: []}
    node["directories"] = {
        **dict.fromkeys(node["directories"]),
        CONTAINERD: ["config.toml"],
        r"C:\var": ["www"],
        r"C:\etc": [],
    }
    plan = planned(node)
    assert not plan["changes"]
    assert plan["kept"] == [rf"{CONTAINERD}\config.toml"]


def test_the_probe_is_asked_for_every_folder_that_is_looked_at(node):
    asked = remove_probe([], True, **OPTIONS)
    assert set(asked["directories"]) == set(node["directories"])
    assert asked["files"] == [HNS_NETWORKS]
    assert asked["firewall_rules"] == [KUBELET_RULE]
