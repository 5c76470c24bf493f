# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The matrix doesn't contradict itself."""

from __future__ import annotations

import itertools

import pytest

from ansible_collections.kubewin.hostprocess.plugins.module_utils.support import containerd, matrix, versions


def lines(table):
    return [versions.parse(line) for line in table]


@pytest.mark.parametrize("table", [matrix.KUBERNETES, matrix.CONTAINERD], ids=["kubernetes", "containerd"])
def test_lines_are_in_order(table):
    assert lines(table) == sorted(lines(table))


def test_kubernetes_lines_have_no_gap():
    minors = [version.minor for version in lines(matrix.KUBERNETES)]
    assert minors == list(range(minors[0], minors[-1] + 1))


def test_the_gate_says_the_same_in_both_tables():
    gate = matrix.FEATURE_GATES["WindowsHostProcessContainers"]
    for line, row in matrix.KUBERNETES.items():
        reached = [stage for since, stage in gate["stages"].items() if versions.at_least(line, since)]
        assert row["gate"] == (reached[-1] if reached else "absent"), line


def test_every_recommended_containerd_is_in_the_matrix_and_not_below_the_minimum():
    for line, row in matrix.KUBERNETES.items():
        for listed, oldest in row.get("containerd_lines", {}).items():
            assert versions.parse(oldest).line == listed
            assert listed in matrix.CONTAINERD
            assert versions.at_least(oldest, row["minimum_containerd"]), line


def test_a_minimum_never_falls_and_is_never_below_what_is_required():
    rows = [row for row in matrix.KUBERNETES.values() if row["hostprocess"]]
    minima = [versions.parse(row["minimum_containerd"]) for row in rows]
    assert minima == sorted(minima)
    assert all(versions.at_least(row["minimum_containerd"], row["required_containerd"]) for row in rows)


@pytest.mark.parametrize(("line", "row"), matrix.CONTAINERD.items())
def test_a_containerd_line_is_whole(line, row):
    latest = versions.parse(row["latest_patch"])
    assert latest.line == line
    assert row["native_config_version"] in row["config_versions"]
    assert versions.at_least(latest, matrix.CONFIG_VERSION_SINCE[row["native_config_version"]])
    assert containerd.shim_version(row["latest_patch"])
    patches = [
        patch
        for key in row["shims"]
        for first, last in [(key.split("-") * 2)[:2]]
        for patch in range(int(first), int(last) + 1)
    ]
    assert patches == sorted(set(patches))
    assert patches[-1] == latest.patch


def test_shims_never_get_older():
    shims = [versions.parse(shim) for row in matrix.CONTAINERD.values() for shim in row["shims"].values()]
    assert all(older <= newer for older, newer in itertools.pairwise(shims))


def test_a_gate_has_stages_in_order_and_a_default_where_it_lives():
    for gate, row in matrix.FEATURE_GATES.items():
        assert lines(row["stages"]) == sorted(lines(row["stages"])), gate
        assert next(iter(row["stages"])) == next(iter(row["default"])), gate


def test_builds_below_the_minimum_have_no_hostprocess_and_no_other_lacks_it():
    for build, row in matrix.WINDOWS_BUILDS.items():
        assert row["hostprocess"] is (build >= matrix.MINIMUM_WINDOWS_BUILD)
