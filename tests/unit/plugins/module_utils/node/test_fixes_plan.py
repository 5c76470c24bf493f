# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Which fixes of Windows updates are set, left alone and taken back."""

from __future__ import annotations

import copy

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.kubewin.hostprocess.plugins.module_utils.node import fixes_plan
from ansible_collections.kubewin.hostprocess.plugins.module_utils.node.errors import NodeError
from ansible_collections.kubewin.hostprocess.plugins.module_utils.node.tuning_plan import tuning_plan, tuning_probe
from ansible_collections.kubewin.hostprocess.plugins.module_utils.support.windows_fixes import FIXES, MONTHS, named

HNS = r"HKLM:\SYSTEM\CurrentControlSet\Services\hns\State"
NOTHING_ON = {"time_service": False}
BUILDS = st.sampled_from([17763, 20348, 25398, 26100])
REVISIONS = st.integers(0, 6000)
WORDS = st.lists(st.sampled_from([*MONTHS, *(fix.name for fix in FIXES)]), max_size=6)
CHOICES = st.one_of(st.sampled_from(["off", "all", "absent", False]), WORDS)
# What may be there already: nothing, the value that the catalogue has, another one, another type.
PLACES = sorted({(fix.path, fix.value_name) for fix in FIXES})
FOUND = st.dictionaries(
    st.sampled_from(PLACES), st.tuples(st.sampled_from(["dword", "string"]), st.sampled_from([0, 1, 2, 7]))
)


def node(build: int = 20348, revision: int | None = 9999, found: dict | None = None) -> dict:
    registry: dict = {}
    for (path, name), (kind, data) in (found or {}).items():
        key = registry.setdefault(path, {"exists": True, "values": {}})
        key["values"][name] = {"type": kind, "data": data}
    return {"os": {"build": build, "revision": revision}, "registry": registry}


def written(before: dict, actions: list[dict]) -> dict:
    """The node after win_regedit did as it was told."""
    after = copy.deepcopy(before)
    for action in actions:
        values = after["registry"].setdefault(action["path"], {"exists": True, "values": {}})["values"]
        if action["state"] == "present":
            values[action["name"]] = {"type": action["type"], "data": action["data"]}
        else:
            del values[action["name"]]
    return after


def values(of: dict) -> dict:
    """Values by place, without keys that have none."""
    return {(path, name): one for path, key in of["registry"].items() for name, one in key["values"].items()}


@given(BUILDS, REVISIONS, FOUND, CHOICES)
def test_what_was_applied_is_not_planned_again(build, revision, found, choice):
    before = node(build, revision, found)
    after = written(before, fixes_plan.differing(before, choice))
    assert fixes_plan.differing(after, choice) == []


@given(BUILDS, REVISIONS, CHOICES)
def test_undo_brings_a_node_back_that_had_none(build, revision, choice):
    before = node(build, revision)
    after = written(before, fixes_plan.differing(before, choice))
    assert values(written(after, fixes_plan.differing(after, choice, undo=True))) == values(before)


@given(BUILDS, REVISIONS, FOUND, CHOICES)
def test_nothing_but_the_catalogues_own_values_of_this_build_is_removed(build, revision, found, choice):
    ours = {(fix.path, fix.value_name, fix.value) for fix in FIXES if fix.build == build}
    for undo in (False, True):
        removed = [one for one in fixes_plan.differing(node(build, revision, found), choice, undo=undo)
                   if one["state"] == "absent"]  # fmt: skip
        assert all(found[one["path"], one["name"]] == ("dword", one["data"]) for one in removed)
        assert all((one["path"], one["name"], one["data"]) in ours for one in removed)
        assert not removed or undo or choice == "absent"


@given(BUILDS, REVISIONS, FOUND)
def test_after_absent_no_value_is_as_the_catalogue_has_it_for_this_build(build, revision, found):
    before = node(build, revision, found)
    after = values(written(before, fixes_plan.differing(before, "absent")))
    ours = [fix for fix in FIXES if fix.build == build]
    assert not any(after.get((fix.path, fix.value_name)) == {"type": "dword", "data": fix.value} for fix in ours)


@given(BUILDS, REVISIONS)
def test_all_sets_what_this_windows_has_and_nothing_else(build, revision):
    names = {(one["path"], one["name"]) for one in fixes_plan.differing(node(build, revision), "all")}
    assert names == {(fix.path, fix.value_name) for fix in FIXES if fix.build == build and fix.revision <= revision}


def test_a_month_and_a_name_choose_and_both_together_choose_once():
    [by_name] = fixes_plan.differing(node(), ["HnsAclUpdateChange"])
    assert by_name == {
        "path": HNS,
        "name": "HnsAclUpdateChange",
        "type": "dword",
        "data": 1,
        "state": "present",
        "entry": "HnsAclUpdateChange",
        "restart": True,
    }
    assert len(fixes_plan.differing(node(), ["2023-04"])) == 4
    assert len(fixes_plan.differing(node(), ["2023-04", "HnsAclUpdateChange"])) == 4


@pytest.mark.parametrize("revision", [1667, None])
def test_a_node_that_lacks_the_update_or_does_not_tell_is_left_alone(revision):
    assert fixes_plan.differing(node(revision=revision), ["2023-04"]) == []


@pytest.mark.parametrize("build", [17763, 25398, 26100])
@pytest.mark.parametrize("choice", ["all", "absent", ["2024-04"], ["EnableCertPaddingCheck"]])
@pytest.mark.parametrize("undo", [False, True])
def test_a_hardening_that_is_no_fix_of_this_build_is_never_removed(build, choice, undo):
    """Security baselines set it against CVE-2013-3900."""
    hardened = {(fix.path, fix.value_name): ("dword", 1) for fix in named("EnableCertPaddingCheck")}
    assert len(hardened) == 2
    actions = fixes_plan.differing(node(build, found=hardened), choice, undo=undo)
    assert not [one for one in actions if one["state"] == "absent"]


def test_a_list_removes_no_fix_that_it_does_not_name():
    kept = {(HNS, "FwPerfImprovementChange"): ("dword", 1)}
    actions = fixes_plan.differing(node(25398, found=kept), ["2024-08"])
    assert [one["state"] for one in actions] == ["present"] * 4


def test_what_another_build_left_stays():
    before = node(20348, 9999)
    upgraded = written(before, fixes_plan.differing(before, "all"))
    upgraded["os"] = {"build": 25398, "revision": 9999}
    left = values(written(upgraded, fixes_plan.differing(upgraded, "absent")))
    assert set(left) == {
        (fix.path, fix.value_name)
        for fix in FIXES
        if fix.build == 20348 and fix.value_name != "FwPerfImprovementChange"
    }


def test_a_value_that_the_user_speaks_of_is_left_to_him():
    mine = [{"path": HNS.lower(), "name": "HNSACLUPDATECHANGE", "type": "dword", "data": 0, "reason": "r"}]
    plan = tuning_plan(node(), NOTHING_ON, mine, fixes=["HnsAclUpdateChange"])
    assert [(one["name"], one["data"]) for one in plan["registry"]] == [("HNSACLUPDATECHANGE", 0)]
    ours = node(found={(HNS, "HnsAclUpdateChange"): ("dword", 1)})
    assert fixes_plan.differing(ours, "absent", mine) == []


def test_the_plan_of_the_host_has_them_and_asks_for_a_restart():
    plan = tuning_plan(node(), NOTHING_ON, fixes="all")
    assert len(plan["registry"]) == len([fix for fix in FIXES if fix.build == 20348])
    assert plan["tune"]
    assert plan["restart"]
    assert not any(tuning_plan(node(), NOTHING_ON).values())


def test_the_keys_are_asked_for_only_when_fixes_are_spoken_of():
    assert tuning_probe(NOTHING_ON, fixes="off")["registry"] == []
    for choice in ("all", "absent", ["2024-04"]):
        assert set(tuning_probe(NOTHING_ON, fixes=choice)["registry"]) == {fix.path for fix in FIXES}


@pytest.mark.parametrize(
    ("choice", "words"),
    [
        ("everything", "off, all, absent, or a list of names and months, not 'everything'"),
        (True, "a list of names and months, not True"),
        (["2024-05"], "no fix and no month '2024-05'. The months are 2022-10, 2023-04"),
        (["HnsAclUpdateChange", "nothing"], "no month 'nothing'"),
        ([""], "no month ''"),
    ],
)
def test_what_is_not_as_documented_is_refused_with_what_to_write(choice, words):
    with pytest.raises(NodeError, match=words.replace(".", r"\.")):
        fixes_plan.differing(node(), choice)


def test_every_name_can_be_chosen():
    assert all(named(fix.name) for fix in FIXES)
