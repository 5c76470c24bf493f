# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Names that a node can join with."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.kubewin.hostprocess.plugins.module_utils.node.errors import PlanError
from ansible_collections.kubewin.hostprocess.plugins.module_utils.node.node_name import LONGEST, require_node_name

LABELS = st.from_regex(r"[a-z0-9]([-a-z0-9]{0,8}[a-z0-9])?", fullmatch=True)
NAMES = st.lists(LABELS, min_size=1, max_size=8).map(".".join)


@given(NAMES)
def test_a_subdomain_is_taken_up_to_the_length_of_a_labels_value(name):
    if len(name) <= LONGEST:
        require_node_name(name, "WIN1")
    else:
        with pytest.raises(PlanError, match=rf"has {len(name)} characters.*takes 63"):
            require_node_name(name, "WIN1")


@given(st.text(st.sampled_from("aZ0-._ ü\n"), min_size=1, max_size=12))
def test_whatever_is_no_subdomain_is_refused(name):
    good = all(re.fullmatch(r"[a-z0-9]+(-+[a-z0-9]+)*", label) for label in name.split("."))
    if good:
        require_node_name(name, "WIN1")
    else:
        with pytest.raises(PlanError, match="can't be a node's name"):
            require_node_name(name, "WIN1")


@pytest.mark.parametrize(("length", "fits"), [(63, True), (64, False)])
def test_the_longest_name_has_63_characters(length, fits):
    if fits:
        require_node_name("a" * length, "WIN1")
    else:
        with pytest.raises(PlanError, match=r"kubernetes\.io/hostname"):
            require_node_name("a" * length, "WIN1")


def test_without_a_name_the_computers_has_to_do():
    require_node_name("", "WIN1")
    with pytest.raises(PlanError, match=r"computer's name 'WIN_1'.*rename the computer"):
        require_node_name("", "WIN_1")
    require_node_name("win1", "WIN_1")
