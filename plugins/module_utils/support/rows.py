# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The look-up of a release line in a table of the support matrix."""

from __future__ import annotations

from collections.abc import Mapping

from ansible_collections.kubewin.hostprocess.plugins.module_utils.support.errors import UnknownVersionError


def row_of(table: Mapping[str, dict], product: str, line: str) -> dict:
    """Return the row of a line such as ``"1.36"``; the table's lines are in order, oldest first.

    Raises:
        UnknownVersionError: the table has no row for it.
    """
    if line not in table:
        known = list(table)
        raise UnknownVersionError(
            f"{product} {line} is not in the support matrix, which covers {known[0]} to {known[-1]}."
            " Use one of these, or a newer version of this collection."
        )
    return table[line]
