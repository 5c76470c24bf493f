# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Figures of one's own for entries of the tuning catalogue."""

from __future__ import annotations

from typing import Any

from ansible_collections.kubewin.hostprocess.plugins.module_utils.node.errors import PlanError


def whole_number(entry: str, figure: str, given: Any) -> int:
    """Return a figure, which Ansible may give as text.

    Raises:
        PlanError: it is no whole number.
    """
    text = str(given).strip()
    if not (text.isascii() and text.isdecimal()):
        raise PlanError(f"windows_node_tuning: {figure} of {entry} takes a whole number, not {given!r}.")
    return int(text)
