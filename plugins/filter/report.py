# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Filters that make reports; documented in the .yml files beside this one."""

from __future__ import annotations

from typing import Any

from ansible.errors import AnsibleFilterError

from ansible_collections.kubewin.hostprocess.plugins.module_utils.report.build import build
from ansible_collections.kubewin.hostprocess.plugins.module_utils.report.junit import junit
from ansible_collections.kubewin.hostprocess.plugins.module_utils.report.table import table


def report(
    results: Any, expected: Any = (), generated: str = "", kubernetes: str = "", accepted: Any = None
) -> dict[str, Any]:
    """Return one report from the check results of many nodes."""
    return _or_fail("report", lambda: build(results, expected, generated, kubernetes, accepted))


def report_table(report: Any) -> str:
    """Return a report's rows as a table for a terminal."""
    return _or_fail("report_table", lambda: table(report["rows"]))


def report_junit(report: Any) -> str:
    """Return a report as JUnit XML."""
    return _or_fail("report_junit", lambda: junit(report))


def _or_fail(name: str, make: Any) -> Any:
    try:
        return make()
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise AnsibleFilterError(
            f"kubewin.hostprocess.{name}: the input isn't shaped as documented ({type(error).__name__}: {error})."
        ) from error


class FilterModule:
    """The filters of this file."""

    def filters(self) -> dict[str, Any]:
        return {"report": report, "report_table": report_table, "report_junit": report_junit}
