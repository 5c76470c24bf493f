# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The catalogue of fixes says for which Windows, from when, why and by whom, and its page says what it says."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from tools.windows_fixes_page import page

from ansible_collections.kubewin.hostprocess.plugins.module_utils.support import host_tuning, matrix, windows_fixes
from ansible_collections.kubewin.hostprocess.plugins.module_utils.support.windows_fixes import FIXES, for_windows, named


def test_no_two_write_the_same_value_of_the_same_build():
    places = Counter((fix.build, fix.path.lower(), fix.value_name.lower()) for fix in FIXES)
    assert [place for place, count in places.items() if count > 1] == []


def test_none_is_in_the_catalogue_of_tuning_too():
    tuned = {
        (entry.target["path"].lower(), entry.target["name"].lower())
        for entry in host_tuning.CATALOGUE
        if {"path", "name"} <= set(entry.target)
    }
    assert tuned & {(fix.path.lower(), fix.value_name.lower()) for fix in FIXES} == set()


@pytest.mark.parametrize("fix", FIXES, ids=lambda fix: f"{fix.build}-{fix.month}-{fix.name}")
def test_each_has_a_source_a_reason_and_a_known_windows(fix):
    assert "Azure/AgentBaker" in fix.source
    assert " at " in fix.source
    assert len(fix.reason) > 20
    assert fix.build in matrix.WINDOWS_BUILDS
    assert fix.path.startswith("HKLM:\\")
    assert (fix.revision > 0) == bool(fix.month)


def test_there_are_as_many_as_the_source_has_beside_the_two_in_the_catalogue_of_tuning():
    assert Counter(fix.build for fix in FIXES) == {windows_fixes.SERVER_2022: 66, windows_fixes.SERVER_23H2: 18}


@pytest.mark.parametrize("build", sorted({fix.build for fix in FIXES}))
def test_a_later_month_has_a_later_revision(build):
    """A slip in a figure would show here."""
    months = sorted({(fix.month, fix.revision) for fix in FIXES if fix.build == build})
    revisions = [revision for _month, revision in months]
    assert revisions == sorted(revisions)
    assert len(set(revisions)) == len(revisions)


def test_a_windows_before_the_update_does_not_have_it():
    [fix] = named("HnsAclUpdateChange")
    assert [for_windows(fix, 20348, revision) for revision in (1667, 1668, 9999)] == [False, True, True]
    assert not for_windows(fix, 25398, 9999)


def test_a_name_has_no_case_and_a_month_has_all_of_its_update():
    assert named("hnsaclupdatechange") == named("HnsAclUpdateChange")
    assert {fix.month for fix in named("2023-04")} == {"2023-04"}
    assert len(named("2023-04")) == 4
    assert named("") == named("2023-4") == ()


def test_the_page_says_what_the_catalogue_says():
    written = Path(__file__).resolve().parents[5] / "docs" / "windows-fixes.md"
    assert written.read_text() == page(), "write it anew: python -m tools.windows_fixes_page > docs/windows-fixes.md"


def test_the_page_has_every_name():
    text = page()
    assert [fix.name for fix in FIXES if f"`{fix.name}`" not in text] == []
