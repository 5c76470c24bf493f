# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Versions, as users write them."""

from __future__ import annotations

import pytest

from ansible_collections.kubewin.hostprocess.plugins.module_utils.node.errors import NodeError
from ansible_collections.kubewin.hostprocess.plugins.module_utils.node.release import full_version


@pytest.mark.parametrize(
    ("given", "expected"), [("v1.36.3", "1.36.3"), ("2.2.9", "2.2.9"), ("containerd://2.2.9", "2.2.9")]
)
def test_versions_are_taken_with_and_without_v(given, expected):
    assert full_version(given) == expected


@pytest.mark.parametrize("given", [1.30, 2.2, "1.36", "latest", "", None])
def test_a_version_from_which_nothing_can_be_downloaded_is_refused(given):
    with pytest.raises(NodeError):
        full_version(given)
