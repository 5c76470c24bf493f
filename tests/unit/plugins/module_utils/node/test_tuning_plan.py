# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Which tuning of the host differs from what is wanted."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.kubewin.hostprocess.plugins.module_utils.node.errors import NodeError
from ansible_collections.kubewin.hostprocess.plugins.module_utils.node.tuning_plan import (
    never_taken_back,
    tuning_plan,
    tuning_probe,
)

FILE_SYSTEM = r"HKLM:\SYSTEM\CurrentControlSet\Control\FileSystem"
HNS = r"HKLM:\SYSTEM\CurrentControlSet\Services\hns\State"
MEMORY = r"HKLM:\SYSTEM\CurrentControlSet\Control\Session Manager\Memory Management"
POLICY = r"HKLM:\SOFTWARE\Policies\Microsoft\Windows Defender\Exclusions"
NOTHING_ON = {"time_service": False}
LONG_PATHS = {"long_paths": True}
FOLDERS = {"containerd": r"C:\c\2.2.9\bin", "containerd_root": r"C:\c", "kubelet": r"C:\k", "data": r"C:\data"}
NODE = {
    "computer_name": "WIN1",
    "os": {"build": 20348},
    "services": {"W32Time": {"start_mode": "manual", "state": "stopped"}, "WinDefend": {"start_mode": "auto"}},
    "registry": {},
    "dynamic_port_ranges": {"tcp": {"start": 49152, "count": 16384}, "udp": {"start": 49152, "count": 16384}},
    "excluded_port_ranges": {"tcp": [], "udp": []},
}


def node(build: int = 20348, services: dict | None = None, **keys: dict) -> dict:
    """A node; keys as ``{key: {name: (type, data)}}``."""
    registry = {
        key: {"exists": True, "values": {name: {"type": kind, "data": data} for name, (kind, data) in values.items()}}
        for key, values in keys.get("registry", {}).items()
    }
    return {
        **NODE,
        "os": {"build": build},
        "services": {**NODE["services"], **(services or {})},
        "registry": registry,
        **{name: value for name, value in keys.items() if name != "registry"},
    }


def only(name: str, value: object = True) -> dict:
    return {**NOTHING_ON, name: value}


def test_what_is_asked_for_is_wanted_beside_the_defaults():
    plan = tuning_plan(node(registry={FILE_SYSTEM: {"LongPathsEnabled": ("dword", 0)}}), LONG_PATHS)
    [value] = plan["registry"]
    assert (value["path"], value["name"], value["data"], value["state"]) == (
        FILE_SYSTEM,
        "LongPathsEnabled",
        1,
        "present",
    )
    [service] = plan["services"]
    assert (service["name"], service["start_mode"], service["state"]) == ("W32Time", "auto", "started")
    assert (plan["port_ranges"], plan["page_file"], plan["restart"]) == ([], {}, False)


def test_what_is_already_so_is_left_alone():
    found = node(
        registry={FILE_SYSTEM: {"longpathsenabled": ("dword", 1)}},
        services={"W32Time": {"start_mode": "auto", "state": "running"}},
    )
    plan = tuning_plan(found, LONG_PATHS)
    assert not any(plan.values())


def test_a_service_that_windows_does_not_have_is_not_tuned():
    assert tuning_plan(node(services={"W32Time": None}))["services"] == []


@pytest.mark.parametrize(("build", "wanted"), [(17763, 1), (20348, 0), (26100, 0)])
def test_an_entry_for_certain_builds_does_nothing_on_others(build, wanted):
    assert len(tuning_plan(node(build), only("wcifs_stream_fix"))["registry"]) == wanted


@given(st.integers(0, 2**32 - 1))
def test_bits_are_set_beside_those_that_are_there_and_taken_back_alone(flags):
    found = node(17763, registry={HNS: {"HNSControlFlag": ("dword", flags)}})
    plan = tuning_plan(found, only("hns_control_flags"))["registry"]
    after = plan[0]["data"] if plan else flags
    assert after & 0x50 == 0x50
    assert after & ~0x50 == flags & ~0x50
    undone = tuning_plan(
        node(17763, registry={HNS: {"HNSControlFlag": ("dword", after)}}), only("hns_control_flags"), undo=True
    )["registry"]
    [action] = undone
    assert (action["data"], action["state"]) == ((flags & ~0x50, "present") if flags & ~0x50 else (0, "absent"))


def test_a_port_range_is_compared_with_what_windows_says():
    [action] = tuning_plan(node(), only("dynamic_tcp_ports"))["port_ranges"]
    assert (action["protocol"], action["start"], action["count"]) == ("tcp", 34000, 31536)
    wide = {"tcp": {"start": 34000, "count": 31536}}
    assert tuning_plan(node(dynamic_port_ranges=wide), only("dynamic_tcp_ports"))["port_ranges"] == []
    own = {"start": 40000, "count": 20000}
    assert tuning_plan(node(), only("dynamic_tcp_ports", own))["port_ranges"][0]["start"] == 40000


def test_a_port_range_that_is_not_known_is_refused_and_not_guessed():
    with pytest.raises(NodeError, match=r"WIN1.*dynamic port range of tcp is not known"):
        tuning_plan(node(dynamic_port_ranges=None), only("dynamic_tcp_ports"))


@pytest.mark.parametrize("figures", [(1024, 300), (40000, 254), (60000, 6000)])
def test_a_range_that_windows_refuses_is_refused_before(figures):
    wanted = dict(zip(("start", "count"), figures, strict=True))
    with pytest.raises(NodeError, match="at least 255 ports"):
        tuning_plan(node(), only("dynamic_udp_ports", wanted))


def test_a_page_file_needs_a_restart():
    plan = tuning_plan(node(), only("page_file"))
    assert plan["page_file"] == {
        "entry": "page_file",
        "automatic": False,
        "drive": "C",
        "initial_megabytes": 8096,
        "maximum_megabytes": 8096,
    }
    assert plan["restart"]
    has = node(registry={MEMORY: {"PagingFiles": ("multistring", [r"c:\pagefile.sys 8096 8096"])}})
    assert tuning_plan(has, only("page_file"))["page_file"] == {}
    assert tuning_plan(has, only("page_file", "absent"))["page_file"] == {"entry": "page_file", "automatic": True}


@pytest.mark.parametrize(
    ("tuning", "words"),
    [
        ({"long_path": True}, "no entry 'long_path'. The entries are long_paths"),
        ({"long_paths": "maybe"}, "long_paths takes true, false or absent, not 'maybe'"),
        ({"long_paths": {"start": 1}}, "long_paths takes true, false or absent"),
        ({"dynamic_tcp_ports": {"start": 34000}}, "a dictionary of count, start"),
        ({"page_file": {"drive": "C", "initial_megabytes": 9, "maximum_megabytes": 1}}, "may not grow to 1 MB"),
        (
            {"page_file": {"drive": "C", "initial_megabytes": "8G", "maximum_megabytes": 9}},
            "initial_megabytes of page_file takes a whole number, not '8G'",
        ),
        ({"dynamic_tcp_ports": {"start": "x", "count": 300}}, "start of dynamic_tcp_ports takes a whole number"),
    ],
)
def test_what_is_not_as_documented_is_refused_with_what_to_write(tuning, words):
    with pytest.raises(NodeError, match=words):
        tuning_plan(node(), tuning)


def test_values_of_ones_own_are_compared_by_type_and_data():
    wanted = [
        {"path": r"HKLM:\SOFTWARE\X", "name": "number", "type": "dword", "data": "0x10", "reason": "r"},
        {"path": r"HKLM:\SOFTWARE\X", "name": "bytes", "type": "binary", "data": "hex:be,ef", "reason": "r"},
        {"path": r"HKLM:\SOFTWARE\X", "name": "text", "data": "t", "reason": "r", "restart": True},
        {"path": r"HKLM:\SOFTWARE\X", "name": "gone", "state": "absent", "reason": "r"},
    ]
    has = {"number": ("dword", 16), "bytes": ("binary", "beef"), "text": ("expandstring", "t"), "gone": ("dword", 1)}
    plan = tuning_plan(node(registry={r"HKLM:\SOFTWARE\X": has}), NOTHING_ON, wanted)
    assert [(action["name"], action["state"]) for action in plan["registry"]] == [
        ("text", "present"),
        ("gone", "absent"),
    ]
    assert plan["restart"]
    bare = tuning_plan(node(), NOTHING_ON, wanted)["registry"]
    assert [action["data"] for action in bare] == [16, "hex:be,ef", "t"]


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        ({"path": r"HKLM:\X", "name": "n"}, "entry 1 has no reason"),
        ({"path": r"HKCU:\X", "name": "n", "reason": "r"}, "not below HKLM"),
        ({"path": r"HKLM:\X", "name": "n", "reason": "r", "value": 1}, "unknown keys value"),
        ({"path": r"HKLM:\X", "name": "n", "reason": "r", "type": "dword", "data": "x"}, "'x' is no dword"),
    ],
)
def test_a_registry_entry_that_is_incomplete_is_refused(entry, words):
    with pytest.raises(NodeError, match=words):
        tuning_plan(node(), NOTHING_ON, [entry])


def excluded(plan: dict) -> list[tuple[str, str, str]]:
    return [(action["path"].rpartition("\\")[2], action["name"], action["state"]) for action in plan["registry"]]


@pytest.mark.parametrize("off", ["off", False])
def test_defender_is_left_alone_where_it_is_not_spoken_of(off):
    has = {f"{POLICY}\\Processes": {r"C:\c\2.2.9\bin\containerd.exe": ("string", "0")}}
    assert tuning_plan(node(registry=has), NOTHING_ON, defender_exclusions=off, folders=FOLDERS)["registry"] == []


def test_defender_that_is_not_installed_is_skipped():
    found = node(services={"WinDefend": None})
    assert tuning_plan(found, NOTHING_ON, defender_exclusions="full", folders=FOLDERS)["registry"] == []


def test_the_minimal_exclusions_are_containerd_and_the_shim():
    plan = tuning_plan(node(), NOTHING_ON, defender_exclusions="minimal", folders=FOLDERS)
    assert excluded(plan) == [
        ("Exclusions", "Exclusions_Processes", "present"),
        ("Processes", r"C:\c\2.2.9\bin\containerd.exe", "present"),
        ("Processes", r"C:\c\2.2.9\bin\containerd-shim-runhcs-v1.exe", "present"),
    ]


def test_exclusions_of_an_earlier_version_go_and_foreign_ones_stay():
    has = {
        POLICY: {"Exclusions_Processes": ("dword", 1)},
        f"{POLICY}\\Processes": {
            r"C:\c\2.1.9\bin\containerd.exe": ("string", "0"),
            r"C:\c\2.2.9\bin\containerd.exe": ("string", "0"),
            r"C:\c\2.2.9\bin\containerd-shim-runhcs-v1.exe": ("string", "0"),
            r"C:\backup\backup.exe": ("string", "0"),
        },
    }
    plan = tuning_plan(node(registry=has), NOTHING_ON, defender_exclusions="minimal", folders=FOLDERS)
    assert excluded(plan) == [("Processes", r"C:\c\2.1.9\bin\containerd.exe", "absent")]
    removed = excluded(tuning_plan(node(registry=has), NOTHING_ON, defender_exclusions="absent", folders=FOLDERS))
    assert ("Exclusions", "Exclusions_Processes", "absent") not in removed
    assert len(removed) == 3
    del has[f"{POLICY}\\Processes"][r"C:\backup\backup.exe"]
    removed = excluded(tuning_plan(node(registry=has), NOTHING_ON, defender_exclusions="absent", folders=FOLDERS))
    assert ("Exclusions", "Exclusions_Processes", "absent") in removed


def test_what_is_taken_back_is_only_what_is_still_as_it_was_set():
    ours = node(
        registry={FILE_SYSTEM: {"LongPathsEnabled": ("dword", 1)}},
        services={"W32Time": {"start_mode": "auto", "state": "running"}},
    )
    plan = tuning_plan(ours, LONG_PATHS, undo=True)
    assert [(action["data"], action["state"]) for action in plan["registry"]] == [(0, "present")]
    assert [(action["name"], action["start_mode"]) for action in plan["services"]] == [("W32Time", "manual")]
    assert not any(tuning_plan(ours, NOTHING_ON, undo=True).values())
    changed = node(registry={FILE_SYSTEM: {"LongPathsEnabled": ("dword", 0)}})
    assert not any(tuning_plan(changed, LONG_PATHS, undo=True).values())


def test_the_probe_is_asked_for_no_more_than_is_compared():
    assert tuning_probe(NOTHING_ON) == {"registry": [], "services": [], "dynamic_ports": False}
    asked = tuning_probe(only("dynamic_udp_ports"), [{"path": r"HKLM:\X", "name": "n", "reason": "r"}], "minimal")
    assert asked["dynamic_ports"]
    assert asked["services"] == ["WinDefend"]
    assert r"HKLM:\X" in asked["registry"]
    assert POLICY in asked["registry"]


def hns(*delays: int, reset: int = 300) -> dict:
    """The host network service, which runs, with its recovery as node_info tells it."""
    steps = [{"type": "restart", "delay_milliseconds": delay} for delay in delays]
    recovery = {"reset_seconds": reset, "actions": steps, "on_non_crash": False}
    return {"hns": {"start_mode": "manual", "state": "running", "failure_actions": recovery}}


@pytest.mark.parametrize(
    "found",
    [hns(), hns(5000, 10000, 30000, reset=0), hns(5000, 10000), {"hns": hns()["hns"] | {"failure_actions": None}}],
)
def test_the_recovery_of_the_host_network_service_is_set_where_it_differs(found):
    [action] = tuning_plan(node(services=found), only("hns_recovery"))["services"]
    assert action == {
        "entry": "hns_recovery",
        "name": "hns",
        "failure_actions": [{"type": "restart", "delay_ms": delay} for delay in (5000, 10000, 30000)],
        "failure_reset_period_sec": 300,
    }


def test_a_recovery_that_is_so_is_left_alone_and_never_taken_back():
    """What Windows has without it is not published."""
    found = node(services=hns(5000, 10000, 30000))
    assert tuning_plan(found, only("hns_recovery"))["services"] == []
    assert tuning_plan(found, only("hns_recovery"), undo=True)["services"] == []
    assert tuning_plan(node(services=hns()), NOTHING_ON)["services"] == []
    with pytest.raises(NodeError, match=r"hns_recovery can't be absent.*service hns"):
        tuning_plan(found, only("hns_recovery", "absent"))


W32TIME = r"HKLM:\SYSTEM\CurrentControlSet\Services\W32Time\Parameters"
FRESH = {"NtpServer": ("string", "time.windows.com,0x8"), "Type": ("string", "NTP")}
RUNNING = {"W32Time": {"start_mode": "auto", "state": "running"}}


def timed(values: dict, servers: object, undo: bool = False, services: dict | None = None) -> dict:
    wanted = servers if isinstance(servers, str) else {"servers": servers}
    found = node(registry={W32TIME: values}, services=services or RUNNING)
    return tuning_plan(found, only("time_servers", wanted), undo=undo)


def written(plan: dict) -> dict:
    return {action["name"]: action["data"] if action["state"] == "present" else None for action in plan["registry"]}


def test_time_servers_are_written_in_client_mode_and_the_service_starts_anew():
    plan = timed(FRESH, ["ntp1.example.com", "10.0.0.1,0x9"])
    assert written(plan) == {"NtpServer": "ntp1.example.com,0x8 10.0.0.1,0x9"}
    assert [restart["name"] for restart in plan["service_restarts"]] == ["W32Time"]
    assert not plan["restart"]
    stopped = timed(FRESH, ["ntp1.example.com"], services={"W32Time": {"start_mode": "manual", "state": "stopped"}})
    assert (bool(stopped["registry"]), stopped["service_restarts"]) == (True, [])


def test_without_servers_the_time_comes_from_the_domain():
    assert written(timed(FRESH, [])) == {"NtpServer": None, "Type": "NT5DS"}
    assert not any(timed({"Type": ("string", "NT5DS")}, []).values())


OWN_SERVERS = {"NtpServer": ("string", "a.example.com,0x8"), "Type": ("string", "NTP")}
FROM_DOMAIN = {"Type": ("string", "NT5DS")}


def test_time_servers_go_back_to_what_windows_has_outside_a_domain():
    assert written(timed(OWN_SERVERS, "absent")) == {"NtpServer": "time.windows.com,0x1"}
    assert not any(timed(FRESH, "absent").values())


@pytest.mark.parametrize("server", [{}, {"NtpServer": ("string", "time.windows.com,0x9")}])
def test_a_member_of_a_domain_goes_on_taking_its_time_from_there(server):
    assert not any(timed({**FROM_DOMAIN, **server}, "absent").values())


@pytest.mark.parametrize(
    ("found", "servers", "told"),
    [
        (OWN_SERVERS, ["a.example.com"], True),
        (OWN_SERVERS, ["b.example.com"], False),
        (OWN_SERVERS, "absent", False),
        (FRESH, "true", True),
        (FROM_DOMAIN, [], False),
    ],
)
def test_time_servers_are_left_and_told_for_nobody_knows_of_a_domain_before(found, servers, told):
    assert not any(timed(found, servers, undo=True).values())
    wanted = servers if isinstance(servers, str) else {"servers": servers}
    left = never_taken_back(node(registry={W32TIME: found}, services=RUNNING), only("time_servers", wanted))
    assert [text.startswith("time_servers of the service W32Time: whether a domain") for text in left] == [True] * told


@given(st.lists(st.from_regex(r"[a-z][a-z0-9.-]{0,10}", fullmatch=True), min_size=1, unique=True, max_size=5))
def test_what_was_written_of_time_servers_is_what_is_wanted(servers):
    values = written(timed({}, servers))
    after = {name: ("string", data) for name, data in values.items()}
    assert not any(timed(after, servers).values())


@pytest.mark.parametrize(
    ("servers", "words"),
    [
        ("time.example.com", "as a list"),
        (["a b"], "no name or address"),
        (["a", "A,0x9"], "named twice"),
        ([""], "no name"),
    ],
)
def test_servers_that_are_none_are_refused(servers, words):
    with pytest.raises(NodeError, match=words):
        tuning_plan(node(), only("time_servers", {"servers": servers}))


SCHEMES = r"HKLM:\SYSTEM\CurrentControlSet\Control\Power\User\PowerSchemes"
BALANCED, FAST = "381b4222-f694-41f0-9685-ff5bb260df2e", "8c5e7fda-e8bf-4a96-9a85-a6e23a8c635c"


@pytest.mark.parametrize(
    ("now", "value", "undo", "guid"),
    [
        (None, True, False, FAST),
        (BALANCED, True, False, FAST),
        (FAST.upper(), True, False, None),
        (FAST, "absent", False, BALANCED),
        (FAST, True, True, BALANCED),
        ("a1841308-3541-4fab-bc81-f71556f20b4a", True, True, None),
        (None, "absent", False, None),
    ],
)
def test_the_power_plan_is_compared_by_its_identifier(now, value, undo, guid):
    registry = {SCHEMES: {"ActivePowerScheme": ("string", now)}} if now else {}
    plan = tuning_plan(node(registry=registry), only("power_plan", value), undo=undo)
    assert plan["power_plan"].get("guid") == guid
    assert plan["tune"] == (guid is not None)


def test_old_versions_of_tls_are_turned_off_on_both_sides_and_come_back_alone():
    off = tuning_plan(node(), only("old_tls_off"))["registry"]
    assert len(off) == 3 * 2 * 2
    assert {(action["name"], action["data"]) for action in off} == {("Enabled", 0), ("DisabledByDefault", 1)}
    assert {action["path"].split("Protocols\\")[1] for action in off} == {
        f"{protocol}\\{side}" for protocol in ("SSL 3.0", "TLS 1.0", "TLS 1.1") for side in ("Client", "Server")
    }
    registry: dict = {}
    for action in off:
        registry.setdefault(action["path"], {})[action["name"]] = ("dword", action["data"])
    assert not any(tuning_plan(node(registry=registry), only("old_tls_off")).values())
    registry[off[0]["path"]]["Enabled"] = ("dword", 1)  # somebody else's since
    undone = tuning_plan(node(registry=registry), only("old_tls_off"), undo=True)["registry"]
    assert len(undone) == len(off) - 1
    assert {action["state"] for action in undone} == {"absent"}
    assert len(tuning_plan(node(registry=registry), only("old_tls_off", "absent"))["registry"]) == len(off)


def excluded_udp(*found: tuple[int, int, bool]) -> dict:
    ranges = [{"start": start, "count": count, "administered": by_hand} for start, count, by_hand in found]
    return node(excluded_port_ranges={"tcp": [], "udp": ranges})


def test_ports_are_excluded_unless_they_are_for_good():
    [action] = tuning_plan(excluded_udp((65330, 1, False)), only("excluded_udp_ports"))["port_exclusions"]
    assert (action["protocol"], action["start"], action["count"], action["state"]) == ("udp", 65330, 1, "present")
    assert not any(tuning_plan(excluded_udp((65330, 1, True)), only("excluded_udp_ports")).values())
    assert not any(tuning_plan(excluded_udp((65000, 500, True)), only("excluded_udp_ports")).values())
    assert tuning_plan(excluded_udp((65000, 330, True)), only("excluded_udp_ports"))["port_exclusions"]
    own = {"ranges": [{"start": 50051, "count": 2}]}
    assert tuning_plan(node(), only("excluded_tcp_ports", own))["port_exclusions"][0]["protocol"] == "tcp"
    assert not any(tuning_plan(node(), only("excluded_tcp_ports")).values())


@pytest.mark.parametrize(("value", "undo"), [("absent", False), (True, True)])
def test_only_the_very_exclusion_is_taken_back(value, undo):
    ours, other = excluded_udp((65330, 1, True)), excluded_udp((65000, 500, True), (65330, 1, False))
    [action] = tuning_plan(ours, only("excluded_udp_ports", value), undo=undo)["port_exclusions"]
    assert (action["start"], action["state"]) == (65330, "absent")
    assert not any(tuning_plan(other, only("excluded_udp_ports", value), undo=undo).values())


@pytest.mark.parametrize(
    ("ranges", "words"),
    [
        ("65330", "as a list"),
        ([65330], "not 65330"),
        ([{"start": 65330}], "as a list of"),
        ([{"start": 65330, "count": 0}], "between 1 and 65535"),
        ([{"start": 65000, "count": 600}], "between 1 and 65535"),
        ([{"start": "x", "count": 1}], "start of excluded_udp_ports takes a whole number, not 'x'"),
        ([{"start": 50051, "count": None}], "count of excluded_udp_ports takes a whole number, not None"),
        ([{"start": 50051, "count": 2}] * 2, "start 50051, count 2 and start 50051, count 2 overlap"),
        ([{"start": 50052, "count": 1}, {"start": 50051, "count": 2}], "count 2 and start 50052, count 1 overlap"),
    ],
)
def test_exclusions_that_are_no_ports_are_refused(ranges, words):
    with pytest.raises(NodeError, match=words):
        tuning_plan(node(), only("excluded_udp_ports", {"ranges": ranges}))


@pytest.mark.parametrize("found", [[(50051, 2)], [(50054, 1)], [(50052, 1)], [(50000, 52)], [(50054, 100)]])
def test_an_exclusion_that_overlaps_another_is_refused_because_netsh_refuses_it(found):
    wanted = only("excluded_udp_ports", {"ranges": [{"start": 50051, "count": 4}]})
    (start, count) = found[0]
    words = rf"WIN1: excluded_udp_ports can't exclude start 50051, count 4.*startport={start} numberofports={count} "
    with pytest.raises(NodeError, match=words):
        tuning_plan(excluded_udp((start, count, True)), wanted)
    assert tuning_plan(excluded_udp((start, count, False)), wanted)["port_exclusions"]


def test_exclusions_side_by_side_are_no_overlap_and_cover_together():
    wanted = only("excluded_udp_ports", {"ranges": [{"start": "50051", "count": 2}, {"start": 50053, "count": 2}]})
    assert len(tuning_plan(excluded_udp((50050, 1, True), (50055, 1, True)), wanted)["port_exclusions"]) == 2
    both = only("excluded_udp_ports", {"ranges": [{"start": 50051, "count": 4}]})
    assert not any(tuning_plan(excluded_udp((50053, 2, True), (50051, 2, True)), both).values())


def test_ports_of_which_the_catalogue_has_none_cannot_be_absent():
    with pytest.raises(NodeError, match=r"excluded_tcp_ports can't be absent.*role remove and the same ranges"):
        tuning_plan(node(), only("excluded_tcp_ports", "absent"))
    own = only("excluded_tcp_ports", {"ranges": [{"start": 50051, "count": 2}]})
    excluded = {"udp": [], "tcp": [{"start": 50051, "count": 2, "administered": True}]}
    [action] = tuning_plan(node(excluded_port_ranges=excluded), own, undo=True)["port_exclusions"]
    assert (action["start"], action["count"], action["state"]) == (50051, 2, "absent")


PORTS = st.tuples(st.integers(1, 40), st.integers(1, 10))


@given(st.lists(PORTS, max_size=4), st.lists(PORTS, max_size=4))
def test_exclusions_exclude_what_is_wanted_and_no_port_twice(found, ranges):
    wanted = only("excluded_udp_ports", {"ranges": [{"start": start, "count": count} for start, count in ranges]})
    now = {port for one in found for port in ports_of(*one)}
    asked = [port for one in ranges for port in ports_of(*one)]
    try:
        plan = tuning_plan(excluded_udp(*((*one, True) for one in found)), wanted)["port_exclusions"]
    except NodeError:
        assert len({*asked}) < len(asked) or now & {*asked}
        return
    added = [port for action in plan for port in ports_of(action["start"], action["count"])]
    assert len(added) == len({*added} - now)
    assert {*asked} <= {*added, *now}


def ports_of(start: int, count: int) -> range:
    return range(start, start + count)


def test_exclusions_that_are_not_known_are_refused_and_not_guessed():
    with pytest.raises(NodeError, match=r"WIN1: what is excluded of udp ports is not known"):
        tuning_plan(node(excluded_port_ranges=None), only("excluded_udp_ports"))
    assert tuning_probe(only("excluded_udp_ports"))["dynamic_ports"]
