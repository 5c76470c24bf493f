# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The catalogue of host tuning says why and by whom, and its page says what it says."""

from __future__ import annotations

from pathlib import Path

import pytest
from tools.host_tuning_page import page

from ansible_collections.kubewin.hostprocess.plugins.module_utils.support import host_tuning, matrix

CATALOGUE = host_tuning.CATALOGUE
TARGETS = {
    "registry": {"path", "name", "type"},
    "registry_bits": {"path", "name", "type"},
    "service": {"service"},
    "port_range": {"protocol"},
    "page_file": set(),
    "time_servers": {"path", "service"},
    "power_plan": {"path", "name"},
    "registry_values": set(),
    "port_exclusions": {"protocol"},
}
# What is wanted of these is figures of one's own; true may stand for what Windows has.
FIGURES = ("time_servers", "port_exclusions")


@pytest.mark.parametrize("entry", CATALOGUE, ids=lambda entry: entry.name)
def test_every_entry_has_a_reason_a_source_and_the_target_of_its_kind(entry):
    assert len(entry.reason) > 30
    assert len(entry.source) > 10
    assert set(entry.target) == TARGETS[entry.kind]
    assert set(entry.builds) <= set(matrix.WINDOWS_BUILDS)
    assert entry.kind in FIGURES or entry.value != entry.otherwise


def test_names_are_different():
    assert len({entry.name for entry in CATALOGUE}) == len(CATALOGUE)


def test_few_entries_are_on_and_none_of_them_restarts_windows():
    on = [entry for entry in CATALOGUE if entry.default]
    assert {entry.name for entry in on} == {"time_service"}
    assert not any(entry.restart for entry in on)


@pytest.mark.parametrize("row", host_tuning.DEFENDER_EXCLUSIONS, ids=lambda row: row.path)
def test_every_exclusion_has_a_reason_and_a_source(row):
    assert row.reason
    assert row.source
    assert row.kind in ("Processes", "Paths")


def test_the_minimal_set_holds_programs_only():
    assert {row.kind for row in host_tuning.DEFENDER_EXCLUSIONS if row.minimal} == {"Processes"}


def test_the_page_says_what_the_catalogue_says():
    written = Path(__file__).resolve().parents[5] / "docs" / "host-tuning.md"
    assert written.read_text() == page(), "write it anew: python -m tools.host_tuning_page > docs/host-tuning.md"
