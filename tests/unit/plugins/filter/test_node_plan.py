# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""How the filters of the roles' plans say what is wrong."""

from __future__ import annotations

import pytest
from ansible.errors import AnsibleFilterError

from ansible_collections.kubewin.hostprocess.plugins.filter.node_plan import FilterModule

FILTERS = FilterModule().filters()


def test_an_error_is_said_once():
    """ansible-core puts the text of every cause behind the message."""
    with pytest.raises(AnsibleFilterError, match=r"^.*'one' is no version.*$|one") as refused:
        FILTERS["full_version"]("one")
    assert refused.value.__cause__ is None
    assert refused.value.__suppress_context__


def test_an_input_of_another_shape_is_told_with_its_filter():
    with pytest.raises(AnsibleFilterError, match=r"kubewin\.hostprocess\.windows_plan: the input isn't shaped"):
        FILTERS["windows_plan"]({}, features=[])
