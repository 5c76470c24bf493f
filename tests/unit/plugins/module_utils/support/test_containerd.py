# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Facts sections 5.1 to 5.3."""

from __future__ import annotations

import pytest

from ansible_collections.kubewin.hostprocess.plugins.module_utils.support import containerd
from ansible_collections.kubewin.hostprocess.plugins.module_utils.support.errors import (
    SupportError,
    UnknownVersionError,
)


@pytest.mark.parametrize(
    ("kubernetes", "version", "state"),
    [
        ("1.36", "2.2.9", "supported"),
        ("1.36", "2.3.0", "supported"),
        ("1.36", "2.1.9", "unlisted"),
        ("1.36", "1.7.36", "unlisted"),
        ("1.36", "1.6.14", "too_old"),
        ("1.37", "2.2.9", "unlisted"),
        ("1.34", "2.0.5", "unlisted"),
        ("1.34", "2.0.6", "supported"),
        ("1.34", "2.2.0", "unlisted"),
        ("1.30", "1.6.15", "supported"),
        ("1.30", "2.3.0", "supported"),
        ("1.25", "1.5.18", "too_old"),
        ("1.25", "1.6.0", "supported"),
        ("1.22", "1.5.4", "supported"),
        ("1.22", "1.5.3", "too_old"),
        ("1.22", "1.6.0", "unlisted"),
        ("1.22", "1.7.36", "unlisted"),
        ("1.23", "1.7.36", "supported"),
    ],
)
def test_a_pair_is_judged_by_both_projects(kubernetes, version, state):
    pairing = containerd.check_pairing(kubernetes, version)
    assert pairing.state == state
    assert bool(pairing.message) == bool(pairing.fix) == (state != "supported")


def test_what_is_recommended_starts_with_the_newest_line():
    assert containerd.recommended_containerd("1.36") == ["2.3.0", "2.2.0"]
    assert containerd.recommended_containerd("1.31") == ["1.7.0"]
    assert containerd.recommended_containerd("1.22") == []
    assert containerd.minimum_containerd("1.35") == "1.7.28"
    assert containerd.required_containerd("1.35") == "1.6.15"


def test_without_hostprocess_there_is_no_containerd_for_it():
    with pytest.raises(SupportError, match=r"1\.22 or later"):
        containerd.minimum_containerd("1.21")


SHIMS = {
    "1.5.0": "v0.8.16", "1.5.18": "v0.8.25", "1.6.19": "v0.9.7", "1.6.39": "v0.9.12", "1.7.0": "v0.10.0-rc.7",
    "1.7.36": "v0.11.7", "2.0.11": "v0.12.9", "2.0.12": None, "2.0.14": "v0.12.9", "2.1.0": "v0.13.0-rc.3",
    "2.1.9": "v0.13.0", "2.2.2": "v0.14.0-rc.1", "2.2.9": "v0.14.1", "2.3.4": "v0.15.0-rc.3", "2.3.7": "v0.15.0-rc.4",
    "2.4.2": "v0.15.0-rc.4", "2.4.99": None,
}  # fmt: skip


@pytest.mark.parametrize(("version", "shim"), SHIMS.items())
def test_a_release_carries_its_shim(version, shim):
    assert containerd.shim_version(version) == shim


@pytest.mark.parametrize(
    ("version", "feature", "has"),
    [
        ("1.5.18", "job_container", False),
        ("1.6.0", "job_container", True),
        ("1.6.6", "io_attribution", False),
        ("1.6.7", "io_attribution", True),
        ("1.6.39", "bind_mode", False),
        ("1.7.0", "bind_mode", True),
        ("2.3.2", "hyperv_isolated_hostprocess", False),
        ("2.3.3", "hyperv_isolated_hostprocess", True),
        ("2.0.12", "bind_mode", None),
    ],
)
def test_a_feature_comes_with_its_shim(version, feature, has):
    assert containerd.shim_has(version, feature) is has


@pytest.mark.parametrize(
    ("version", "native", "readable", "lost"),
    [
        ("1.7.36", 2, (1, 2), None),
        ("2.0.14", 3, (2, 3), 1),
        ("2.2.9", 3, (2, 3), 1),
        ("2.3.7", 4, (1, 2, 3, 4), None),
        ("2.4.2", 4, (1, 2, 3, 4), None),
    ],
)
def test_config_versions(version, native, readable, lost):
    assert containerd.native_config_version(version) == native
    assert containerd.readable_config_versions(version) == readable
    assert containerd.loses_config_version(version) == lost


@pytest.mark.parametrize(
    ("version", "config_version", "key"),
    [
        ("1.7.36", 2, "bin_dir"),
        ("2.4.2", 2, "bin_dir"),
        ("2.0.14", 3, "bin_dir"),
        ("2.1.9", 3, "bin_dirs"),
        ("2.4.2", 4, "bin_dirs"),
    ],
)
def test_the_key_of_the_cni_folder(version, config_version, key):
    assert containerd.cni_bin_key(version, config_version) == key


def test_support_ends_on_a_day_or_with_a_month():
    assert not containerd.is_end_of_life("2.2.9", "2026-11-06")
    assert containerd.is_end_of_life("2.2.9", "2026-11-07")
    assert not containerd.is_end_of_life("1.7.36", "2026-09-30")
    assert containerd.is_end_of_life("1.7.36", "2026-10-01")


def test_a_byte_order_mark_is_refused_from_2_0_on():
    assert [containerd.refuses_byte_order_mark(version) for version in ("1.7.35", "2.0.14", "2.3.7")] == [
        False,
        True,
        True,
    ]


def test_hostprocess_in_1_5_needs_a_newer_shim():
    assert containerd.hostprocess_support("1.5.3") is False
    assert containerd.hostprocess_support("1.5.18") == "needs_newer_shim"
    assert containerd.hostprocess_support("1.6.0") is True


@pytest.mark.parametrize("version", ["1.4.13", "2.5.0", "3.0.0"])
def test_a_line_outside_the_matrix_is_an_error_that_names_its_ends(version):
    with pytest.raises(UnknownVersionError, match=r"1\.5 to 2\.4"):
        containerd.line(version)
