# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Compare what check mode foretold with what the run then changed."""

from __future__ import annotations


def compare_changes(foretold, changed, reasons):
    """Sort every change by how well it was foretold.

    Args:
        foretold, changed: lists of {host, task, item}, as the callback changed_tasks writes them.
        reasons: task name to why check mode can't know; None for no reasons.

    Returns:
        a dict of lists: ``agreed`` was foretold and came; ``explained`` and ``unexplained`` came without being foretold
        or were foretold and did not come (``only_in``: "run" or "check"), with and without a reason.
    """
    reasons = reasons or {}
    rows = {"check": _keys(foretold), "run": _keys(changed)}
    agreed = sorted(rows["check"] & rows["run"])
    outcome = {"agreed": [_change(key) for key in agreed], "explained": [], "unexplained": []}
    for only_in, other in (("run", "check"), ("check", "run")):
        for key in sorted(rows[only_in] - rows[other]):
            difference = {**_change(key), "only_in": only_in}
            reason = reasons.get(difference["task"])
            if reason:
                outcome["explained"].append({**difference, "reason": reason})
            else:
                outcome["unexplained"].append(difference)
    return outcome


def _keys(changes):
    return {(change["host"], change["task"], change["item"] or "") for change in changes}


def _change(key):
    host, task, item = key
    return {"host": host, "task": task, "item": item or None}


class FilterModule:
    def filters(self):
        return {"compare_changes": compare_changes}
