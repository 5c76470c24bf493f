# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a task came to, object by object; also when it failed half way, so that no partial state stays hidden."""

from __future__ import annotations

from .convergence import Outcome
from .errors import ClusterError
from .target import Target

FAILED, NOT_REACHED = "failed", "not_reached"


def actions(
    definitions: list[dict], outcomes: list[Outcome], failed_as: str = FAILED, refused: Target | None = None
) -> list[dict]:
    """A row for each object: what became of it.

    Args:
        refused: the object that failed, where it failed before its turn; else it is the first one without an outcome.
    """
    targets = [Target.of(definition) for definition in definitions]
    became = [outcome.action for outcome in outcomes] + [NOT_REACHED] * (len(targets) - len(outcomes))
    failed = targets.index(refused, len(outcomes)) if refused else len(outcomes)
    if failed < len(targets):
        became[failed] = failed_as
    return [_row(target, action) for target, action in zip(targets, became, strict=True)]


def failed_half_way(error: ClusterError, definitions: list[dict], outcomes: list[Outcome]) -> ClusterError:
    """The error with what was done before it and what was not reached, in its message and in its result."""
    result = dict(error.result)
    failed_as = result.pop("action", FAILED)
    rows = actions(definitions, outcomes, failed_as, result.pop("refused", None))
    changed = any(outcome.changed for outcome in outcomes) or failed_as != FAILED
    return ClusterError(
        f"{error}{_summary(outcomes, rows)}",
        error.status,
        error.body,
        error.transient,
        {**result, "changed": changed, "actions": rows},
    )


def _summary(outcomes: list[Outcome], rows: list[dict]) -> str:
    if len(rows) == 1:
        return ""
    done = ", ".join(f"{outcome.target} ({outcome.action})" for outcome in outcomes if outcome.changed) or "none"
    unreached = [row for row in rows if row["action"] == NOT_REACHED]
    left = ", ".join(str(Target(row["kind"], row["name"], row["namespace"])) for row in unreached) or "none"
    return f" Of {len(rows)} objects, changed before that: {done}; not reached: {left}."


def _row(target: Target, action: str) -> dict:
    return {"kind": target.kind, "namespace": target.namespace, "name": target.name, "action": action}
