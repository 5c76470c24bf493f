# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.kubewin.hostprocess.plugins.module_utils.support import versions
from ansible_collections.kubewin.hostprocess.plugins.module_utils.support.errors import SupportError


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("v1.36.3", "1.36.3"),
        ("1.36", "1.36.0"),
        (1.36, "1.36.0"),
        (" 1.7.35 ", "1.7.35"),
        ("containerd://2.2.9", "2.2.9"),
        ("v0.15.0-rc.4", "0.15.0-rc.4"),
        ("v0.9.0-rc0", "0.9.0-rc.0"),
        ("2.4.0-beta.0", "2.4.0-beta.0"),
        ("v1.29.6-gke.1254000", "1.29.6"),
        ("v1.30.4+k3s1", "1.30.4"),
        ("v1.28.5-eks-5e0fdde", "1.28.5"),
    ],
)
def test_a_version_is_read_as_people_and_programs_write_it(text, shown):
    assert str(versions.parse(text)) == shown


@pytest.mark.parametrize("text", ["", "1", 1, True, None, "one.two", "1.2.3.4", "1.2.x", "1.2.3-", "v"])
def test_what_is_no_version_is_refused_with_an_example(text):
    with pytest.raises(SupportError, match=r"1\.36\.3"):
        versions.parse(text)


@pytest.mark.parametrize(("number", "line"), [(1.3, "1.30"), (1.36, "1.36"), ("1.30", "1.30"), (1.25, "1.25")])
def test_a_kubernetes_version_that_yaml_shortened_gets_its_zero_back(number, line):
    assert versions.kubernetes(number).line == line


def test_a_minimum_without_patch_is_a_line():
    assert versions.at_least("1.37.0-rc.1", "1.37")
    assert not versions.at_least("1.37.0-rc.1", "1.37.0")
    assert versions.at_least("1.37.0", "1.37.0")
    assert not versions.at_least("1.9.9", "1.10")


ORDER = ["0.9.0", "0.10.0-alpha.9", "0.10.0-beta.1", "0.10.0-rc.2", "0.10.0-rc.10", "0.10.0", "0.10.1", "1.0.0"]


def test_versions_sort_as_semantic_versions_do():
    assert sorted(set(ORDER), key=versions.parse) == ORDER


@given(st.integers(0, 99), st.integers(0, 99), st.integers(0, 99))
def test_what_is_shown_is_read_again(major, minor, patch):
    version = versions.Version(major, minor, patch)
    assert versions.parse(str(version)) == version == versions.parse(f"v{version}")


@pytest.mark.parametrize(("patch", "found"), [(0, "a"), (2, "a"), (3, "b"), (4, None), (9, "c"), (12, None)])
def test_a_range_holds_both_its_ends(patch, found):
    assert versions.range_value({"0-2": "a", "3": "b", "5-11": "c"}, patch) == found
