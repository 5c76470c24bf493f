# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What of a node is ours and goes, and what stays."""

from __future__ import annotations

import copy

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.kubewin.hostprocess.plugins.module_utils.node.errors import PlanError
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
        "W32Time": {"state": "stopped", "start_mode": "manual"},
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
    node["services"]["W32Time"] = {"state": "running", "start_mode": "auto"}
    plan = planned(node, tuning={"long_paths": True, "time_service": True})
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


def test_the_time_service_is_taken_back_only_where_it_is_named(node):
    node["services"]["W32Time"] = {"state": "running", "start_mode": "auto"}
    plan = planned(node, tuning={"long_paths": False})
    assert (plan["tune"], plan["tuning"]["services"]) == (False, [])
    [told] = [reason for reason in plan["kept"] if reason.startswith("time_service")]
    assert "windows_node_tuning doesn't name it" in told
    assert not any(reason.startswith("time_service") for reason in planned(node, tuning={"time_service": True})["kept"])
    node["services"]["W32Time"] = {"state": "stopped", "start_mode": "manual"}
    assert not any(reason.startswith("time_service") for reason in planned(node)["kept"])


ELSEWHERE = {
    "kubelet_config_path": r"D:\kube\config.yaml",
    "kubelet_log_directory": r"D:\logs",
    "kubelet_private_directory": r"D:\private",
    "kubelet_kubeconfig_path": r"D:\kube\node.conf",
    "kubelet_bootstrap_kubeconfig_path": r"D:\secrets\join.conf",
    "kubelet_certificate_authority_path": r"D:\authority.crt",
    "kubelet_certificate_directory": r"D:\keys",
    "containerd_config_path": r"D:\containerd\config.toml",
    "containerd_log_file": r"D:\logs\containerd.log",
    "containerd_registry_config_path": r"D:\containerd\certs.d",
    "node_tools_crictl_directory": r"D:\tools",
    "node_tools_cni_directory": r"D:\cni",
    "node_tools_cni_configuration_path": r"D:\net\10-cni.conf",
}
OURS = {
    r"D:\kube": ["config.yaml", "node.conf"],
    r"D:\logs": ["kubelet.log", "containerd.log"],
    r"D:\private": ["bootstrap-kubelet.conf"],
    r"D:\secrets": ["join.conf"],
    "D:\\": ["authority.crt"],
    r"D:\keys": ["kubelet-client-current.pem", "kubelet.key"],
    r"D:\tools": ["crictl.exe", "crictl.yaml", ".crictl.sha256"],
}
CONFIGURATION = {
    r"D:\containerd": ["config.toml", "certs.d"],
    r"D:\cni": ["win-bridge.exe", ".cni.sha256"],
    r"D:\net": ["10-cni.conf"],
}


def moved(node: dict, *also: str) -> dict:
    """The node with what is ours on another drive, and other names in each of those folders."""
    node["directories"] |= {path: [*names, *also] for path, names in {**OURS, **CONFIGURATION}.items()}
    node["directories"][r"C:\var\lib\kubelet"] = None
    node["path_environment"] = ["D:\\tools\\"]
    return node


def removes(plan: dict, path: str) -> bool:
    return any(path == gone or path.startswith(gone.rstrip("\\") + "\\") for gone in plan["paths"])


def paths_in(folders: dict) -> list[str]:
    return [path.rstrip("\\") + "\\" + name for path, names in folders.items() for name in names]


@pytest.mark.parametrize("also", [(), ("mine.txt",)])
@pytest.mark.parametrize("configuration", [False, True])
def test_what_was_put_elsewhere_goes_and_nothing_beside_it(node, also, configuration):
    options = {**OPTIONS, **ELSEWHERE}
    moved(node, *also)
    assert set(OURS) | set(CONFIGURATION) <= set(remove_probe(**options)["directories"])
    plan = planned(node, **ELSEWHERE, configuration=configuration)
    assert [path for path in paths_in(OURS) if not removes(plan, path)] == []
    assert [removes(plan, path) for path in paths_in(CONFIGURATION)] == [configuration] * 5
    beside = paths_in(dict.fromkeys([*OURS, *CONFIGURATION], also))
    assert [path for path in beside if removes(plan, path)] == []
    assert "D:\\" not in plan["paths"]
    if not configuration:
        told = (r"D:\containerd\config.toml", r"D:\containerd\certs.d", r"D:\cni", r"D:\net\10-cni.conf")
        node["directories"]["D:\\"].append("cni")
        assert set(told) <= set(planned(node, **ELSEWHERE)["kept"])


def test_the_entry_of_crictl_s_folder_goes_with_the_folder(node):
    assert planned(moved(node), **ELSEWHERE)["path_entries"] == ["D:\\tools\\"]
    plan = planned(moved(node, "mine.exe"), **ELSEWHERE)
    assert plan["path_entries"] == []
    assert "D:\\tools\\ on the machine's PATH: other files are in that folder" in plan["kept"]


def test_somebody_elses_kubelet_keeps_its_keys(node):
    moved(node)["services"]["kubelet"]["command_line"] = r"C:\other\kubelet.exe"
    plan = planned(node, **ELSEWHERE)
    assert not any(
        removes(plan, path) for path in (r"D:\keys\kubelet.key", r"D:\secrets\join.conf", r"D:\authority.crt")
    )


def test_a_registry_folder_of_another_name_stays(node):
    node["directories"]["D:\\"] = ["mirrors"]
    plan = planned(node, containerd_registry_config_path=r"D:\mirrors", configuration=True)
    assert not removes(plan, r"D:\mirrors")
    assert r"D:\mirrors" in plan["kept"]


FOLDERS = [
    "containerd_directory",
    "kubelet_directory",
    *(name for name in {**OPTIONS, **ELSEWHERE} if name.endswith("directory") and name not in OPTIONS),
    "kubelet_log_directory",
    "containerd_registry_config_path",
]


@pytest.mark.parametrize("name", FOLDERS)
@pytest.mark.parametrize(
    "path",
    [
        "C:\\",
        "d:/",
        r"C:\Windows",
        "c:\\WINDOWS\\system32\\",
        r"C:\Program Files",
        r"C:\Program Files (x86)",
        r"C:\ProgramData",
        r"C:\Users",
        r"C:\Users\Administrator",
        r"C:\k\..",
        r"C:\Windows\System32\config\systemprofile",
    ],
)
def test_a_folder_that_holds_more_than_what_is_ours_is_refused(node, name, path):
    with pytest.raises(PlanError, match=f"remove_{name} is .* holds more than what the roles put there"):
        planned(node, **{name: path})
    with pytest.raises(PlanError, match=f"remove_{name} is "):
        remove_probe(**{**OPTIONS, name: path})


@pytest.mark.parametrize("name", [*FOLDERS, "kubelet_bootstrap_kubeconfig_path", "containerd_log_file"])
@pytest.mark.parametrize(
    "path",
    [
        "k",
        "C:",
        "C:k",
        r"\k",
        r"..\k",
        r"\\server\share\k",
        r"\\?\C:\k",
        "%ProgramFiles%",
        "C:\\k\\*",
        "C:\\k?",
        "C:\\PROGRA~1",
        "C:\\Windows.",
        "C:\\Windows \\System32",
        "C:\\k\n",
    ],
)
def test_a_path_that_leads_nobody_knows_where_is_refused(node, name, path):
    with pytest.raises(PlanError, match=f"(?s)remove_{name} is .* doesn't say for certain"):
        planned(node, **{name: path})


def test_a_file_in_a_folder_of_windows_goes_alone(node):
    node["directories"]["C:\\"] = ["Windows", "config.yaml", "Users"]
    plan = planned(node, kubelet_config_path=r"C:\config.yaml")
    assert r"C:\config.yaml" in plan["paths"]
    assert not removes(plan, r"C:\Windows")
    assert not any("Users" in reason for reason in plan["kept"])
