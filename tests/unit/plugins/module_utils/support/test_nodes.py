# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Windows builds (facts section 6) and kubelet fields (facts section 1.6)."""

from __future__ import annotations

import pytest

from ansible_collections.kubewin.hostprocess.plugins.module_utils.support import kubelet_fields, windows


@pytest.mark.parametrize(
    ("build", "name", "supported", "bind_mode"),
    [
        (14393, "Windows Server 2016", False, False),
        (17763, "Windows Server 2019", True, "probe"),
        ("20348", "Windows Server 2022", True, True),
        (26100, "Windows Server 2025", True, True),
    ],
)
def test_a_build_is_known(build, name, supported, bind_mode):
    found = windows.windows_build(build)
    assert (found.name, found.supported, found.bind_mode) == (name, supported, bind_mode)
    assert bool(found.reason) is not supported


def test_an_old_build_is_refused_with_what_it_takes():
    assert "Windows Server 2019 (build 17763) or later" in windows.windows_build(14393).reason


@pytest.mark.parametrize(("build", "supported"), [(17762, False), (17764, True), (30000, True)])
def test_an_unlisted_build_is_judged_by_the_minimum(build, supported):
    found = windows.windows_build(build)
    assert found.supported is supported
    assert str(build) in found.reason


def test_a_retired_build_works_and_says_so():
    found = windows.windows_build(19042)
    assert found.supported
    assert "support" in found.reason


def test_up_to_1_30_two_fields_must_be_written():
    assert kubelet_fields.required_fields("1.30") == {"cgroupsPerQOS": False, "enforceNodeAllocatable": []}
    assert kubelet_fields.required_fields("1.31") == {}


def test_what_is_required_can_not_be_changed_by_its_reader():
    kubelet_fields.required_fields("1.30")["enforceNodeAllocatable"].append("pods")
    assert kubelet_fields.required_fields("1.30")["enforceNodeAllocatable"] == []


BOTH_REFUSED = {"cgroupsPerQOS": "refused", "enforceNodeAllocatable": "refused"}
BOTH_IGNORED = {"cgroupsPerQOS": "ignored", "enforceNodeAllocatable": "ignored"}
DEFAULTS = {"cgroupsPerQOS": True, "enforceNodeAllocatable": ["pods"]}


def states(configuration, version):
    return {verdict.field: verdict.state for verdict in kubelet_fields.check_fields(configuration, version)}


@pytest.mark.parametrize(
    ("configuration", "version", "expected"),
    [
        ({}, "1.30", BOTH_REFUSED),
        ({"cgroupsPerQOS": False, "enforceNodeAllocatable": []}, "1.30", {}),
        ({}, "1.31", {}),
        (DEFAULTS, "1.31", BOTH_IGNORED),
        ({"enforceNodeAllocatable": ["none"]}, "1.36", {}),
        ({"enforceNodeAllocatable": ["none"]}, "1.30", BOTH_REFUSED),
        ({"singleProcessOOMKill": False}, "1.31", {}),
        ({"singleProcessOOMKill": False}, "1.32", {"singleProcessOOMKill": "refused"}),
        ({"userNamespaces": {}}, "1.33", {"userNamespaces": "refused"}),
        ({"defaultPodSysctls": {}}, "1.37", {}),
        ({"defaultPodSysctls": {"a": "b"}}, "1.36", {}),
        ({"defaultPodSysctls": {"a": "b"}}, "1.37", {"defaultPodSysctls": "refused"}),
        ({"singleProcessOOMKill": None}, "1.37", {}),
    ],
)
def test_a_field_is_refused_or_ignored_by_release(configuration, version, expected):
    assert states(configuration, version) == expected


def test_a_verdict_says_what_to_write():
    (verdict,) = kubelet_fields.check_fields({"cgroupsPerQOS": True, "enforceNodeAllocatable": []}, "1.29")
    assert verdict.fix == "Set cgroupsPerQOS to false."
