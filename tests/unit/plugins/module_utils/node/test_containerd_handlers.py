# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Runtime handlers: what has to be written for which containerd, into which table, and what is left alone."""

from __future__ import annotations

import tomllib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ansible_collections.kubewin.hostprocess.plugins.module_utils.node.containerd_config import merge
from ansible_collections.kubewin.hostprocess.plugins.module_utils.node.containerd_handlers import (
    HYPERV,
    MARK,
    PROCESS,
    lets_through,
    own_handlers,
    wanted_handlers,
)

CRI, RUNTIME = "io.containerd.grpc.v1.cri", "io.containerd.cri.v1.runtime"
ONE = ("1.5.18", "1.6.36", "1.7.34", "1.7.36")
TWO = ("2.0.14", "2.1.9", "2.2.9", "2.3.7", "2.4.2")
PATTERNS = st.lists(st.sampled_from(["microsoft.com/*", "io.microsoft.container.*", "a/b", MARK]), max_size=3)
FILE_HANDLERS = st.dictionaries(
    st.sampled_from([PROCESS, HYPERV, "mine"]),
    st.fixed_dictionaries(
        {"runtime_type": st.sampled_from(["io.containerd.runhcs.v1", "io.containerd.other.v1"])},
        optional={
            "pod_annotations": PATTERNS,
            "container_annotations": PATTERNS,
            "options": st.fixed_dictionaries({}, optional={"Debug": st.booleans(), "ScrubLogs": st.booleans()}),
        },
    ),
    max_size=3,
)


def table(text: str) -> dict:
    """The CRI's table of containerd in a file of any version."""
    document = tomllib.loads(text)
    plugin = CRI if document["version"] == 2 else RUNTIME
    return document.get("plugins", {}).get(plugin, {}).get("containerd", {})


def handlers(text: str) -> dict:
    return table(text).get("runtimes", {})


def file_of(runtimes: dict, default: str = "") -> str:
    containerd = {"runtimes": runtimes, **({"default_runtime_name": default} if default else {})}
    return merge(None, {"version": 2, "plugins": {CRI: {"containerd": containerd}}}, "2.2.9").text


def test_nothing_is_written_where_nothing_is_wanted():
    for version in (*ONE[1:], *TWO):
        assert wanted_handlers(version, {}) == {}
        assert handlers(merge(None, {}, version).text) == {}


@pytest.mark.parametrize(
    ("version", "file_version", "plugin"), [("2.2.9", 2, CRI), ("2.2.9", 3, RUNTIME), ("2.4.2", 4, RUNTIME)]
)
def test_containerd_2_gets_the_difference_in_the_table_of_the_files_version(version, file_version, plugin):
    merged = merge(f"version = {file_version}\n", {}, version, pod_annotations=["microsoft.com/*"])
    assert tomllib.loads(merged.text)["plugins"] == {
        plugin: {"containerd": {"runtimes": {PROCESS: {"pod_annotations": ["microsoft.com/*"]}}}}
    }


def test_containerd_1_7_gets_all_of_its_own_handlers_in_full():
    found = handlers(merge(None, {}, "1.7.34", pod_annotations=["microsoft.com/*"]).text)
    limits = ["io.microsoft.container.*"]
    assert found == {
        PROCESS: {
            "runtime_type": "io.containerd.runhcs.v1",
            "container_annotations": limits,
            "pod_annotations": ["microsoft.com/*"],
        },
        HYPERV: {
            "runtime_type": "io.containerd.runhcs.v1",
            "container_annotations": limits,
            "pod_annotations": ["io.microsoft.virtualmachine.*"],
            "options": {"SandboxIsolation": 1, "ScaleCpuLimitsToSandbox": True},
        },
    }


@pytest.mark.parametrize("version", [*ONE[2:], *TWO])
def test_what_containerd_lets_through_by_itself_stays_beside_what_is_asked(version):
    found = handlers(merge(None, {}, version, container_annotations=["a/b"]).text)
    assert found[PROCESS]["container_annotations"] == ["io.microsoft.container.*", "a/b"]


def test_logs_are_scrubbed_by_the_patches_that_do_so_themselves():
    for version, scrubbed in (("1.7.34", False), ("1.7.35", True)):
        found = handlers(merge(None, {}, version, container_annotations=["a/b"]).text)
        assert [handler.get("options", {}).get("ScrubLogs", False) for handler in found.values()] == [scrubbed] * 2


def test_containerd_1_5_lets_the_mark_through_without_being_asked():
    found = handlers(merge(None, {}, "1.5.18").text)
    assert found == {
        PROCESS: {
            "runtime_type": "io.containerd.runhcs.v1",
            "pod_annotations": [MARK],
            "container_annotations": [MARK],
        }
    }
    assert MARK not in merge(None, {}, "1.6.36", pod_annotations=["a/b"]).text


def test_what_a_file_of_1_5_lets_through_by_a_pattern_is_left_alone():
    passing = {"pod_annotations": ["microsoft.com/*"], "container_annotations": ["microsoft.com/*"]}
    text = file_of({PROCESS: {"runtime_type": "io.containerd.runhcs.v1", **passing}})
    assert not merge(text, {}, "1.5.18").changed


def test_the_settings_have_the_last_word():
    chosen = {"plugins": {CRI: {"containerd": {"runtimes": {PROCESS: {"pod_annotations": []}}}}}}
    found = handlers(merge(None, chosen, "1.5.18").text)
    assert (found[PROCESS]["pod_annotations"], found[PROCESS]["container_annotations"]) == ([], [MARK])


def test_the_patterns_are_those_of_the_default_handler():
    text = file_of({"mine": {"runtime_type": "io.containerd.runhcs.v1"}}, default="mine")
    for version in ("1.7.36", "2.2.9"):
        found = handlers(merge(text, {}, version, pod_annotations=["a/b"]).text)
        assert list(found) == ["mine"]
        assert found["mine"]["pod_annotations"] == ["a/b"]


@pytest.mark.parametrize(
    ("version", "written"), [("1.5.18", True), ("1.6.36", True), ("1.7.36", False), ("2.4.2", False)]
)
def test_the_handler_for_hyper_v_is_written_where_containerd_has_none(version, written):
    found = handlers(merge(None, {}, version, hyperv_handler=True).text)
    assert (HYPERV in found) == written
    if written:
        assert found[HYPERV]["options"] == {"SandboxIsolation": 1, "ScaleCpuLimitsToSandbox": True}
        assert found[PROCESS]["runtime_type"] == "io.containerd.runhcs.v1"


def test_a_handler_that_the_file_of_a_containerd_1_left_out_comes_back_only_when_asked_for():
    text = file_of({PROCESS: {"runtime_type": "io.containerd.runhcs.v1"}})
    assert list(handlers(merge(text, {}, "1.7.36", pod_annotations=["a/b"]).text)) == [PROCESS]
    assert list(handlers(merge(text, {}, "1.7.36", hyperv_handler=True).text)) == [PROCESS, HYPERV]


def test_a_difference_written_for_containerd_2_is_made_whole_for_containerd_1():
    text = merge("version = 2\n", {}, "2.2.9", pod_annotations=["a/b"]).text
    assert "runtime_type" not in text
    found = handlers(merge(text, {}, "1.7.36", pod_annotations=["a/b"]).text)
    assert found[PROCESS]["runtime_type"] == "io.containerd.runhcs.v1"
    assert found[PROCESS]["pod_annotations"] == ["a/b"]


@pytest.mark.parametrize(
    ("patterns", "passes"),
    [
        ([MARK], True),
        (["microsoft.com/*"], True),
        (["*/*"], True),
        (["*"], False),
        (["microsoft.com/host*"], True),
        (["io.microsoft.container.*"], False),
        ([], False),
    ],
)
def test_a_pattern_fits_as_in_go(patterns, passes):
    """path.Match: no asterisk goes over a slash."""
    assert lets_through(patterns, MARK) is passes


@settings(max_examples=60, deadline=None)
@given(st.sampled_from([*ONE, *TWO]), FILE_HANDLERS, PATTERNS, PATTERNS, st.booleans())
def test_whatever_a_file_says_the_wish_is_met_once_and_all_else_stays(version, there, pods, containers, hyperv):
    wishes = {"pod_annotations": pods, "container_annotations": containers, "hyperv_handler": hyperv}
    there = {PROCESS: {"runtime_type": "io.containerd.runhcs.v1"}, **there} if there else there
    text = file_of(there) if there else "version = 2\n"
    merged = merge(text, {}, version, **wishes)
    found = handlers(merged.text)
    assert not merge(merged.text, {}, version, **wishes).changed
    own = own_handlers(version)
    # What containerd makes of the file: 2 lays it over its own, 1 takes it alone, unless it says nothing.
    effective = {**own, **found} if version.startswith("2") else found or own
    default = {**own.get(PROCESS, {}), **found.get(PROCESS, {})}
    assert set(pods) <= set(default.get("pod_annotations", []))
    assert set(containers) <= set(default.get("container_annotations", []))
    assert not hyperv or effective[HYPERV]
    if version.startswith("1.5"):
        assert lets_through(default["pod_annotations"], MARK)
        assert lets_through(default["container_annotations"], MARK)
    if version.startswith("1"):
        assert all("runtime_type" in handler for handler in found.values())
    for name, handler in there.items():
        for key, value in handler.items():
            asked = name == PROCESS and key in ("pod_annotations", "container_annotations")
            if key == "options":
                assert value.items() <= found[name].get(key, {}).items()
            elif value and not asked:
                assert found[name][key] == value
