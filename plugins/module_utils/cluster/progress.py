# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a task came to, object by object; also when it failed half way, so that no partial state stays hidden."""

from __future__ import annotations

from .convergence import Outcome
from .errors import ClusterError
from .target import Target

FAILED, NOT_REACHED = "failed", "not_reached"


def actions(definitions: list[dict], outcomes: list[Outcome], failed_as: str = FAILED) -> list[dict]:
    """A row for each object: what became of it. The first one without an outcome is the one that failed."""
    missing = [failed_as, *[NOT_REACHED] * len(definitions)][: len(definitions) - len(outcomes)]
    became = [outcome.action for outcome in outcomes] + missing
    return [_row(Target.of(definition), action) for definition, action in zip(definitions, became, strict=True)]


def failed_half_way(error: ClusterError, definitions: list[dict], outcomes: list[Outcome]) -> ClusterError:
    """The error with what was done before it and what was not reached, in its message and in its result."""
    result = dict(error.result)
    failed_as = result.pop("action", FAILED)
    rows = actions(definitions, outcomes, failed_as)
    changed = any(outcome.changed for outcome in outcomes) or failed_as != FAILED
    return ClusterError(
        f"{error}{_summary(definitions, outcomes)}",
        error.status,
        error.body,
        error.transient,
        {**result, "changed": changed, "actions": rows},
    )


def _summary(definitions: list[dict], outcomes: list[Outcome]) -> str:
    if len(definitions) == 1:
        return ""
    done = ", ".join(f"{outcome.target} ({outcome.action})" for outcome in outcomes if outcome.changed) or "none"
    left = ", ".join(str(Target.of(definition)) for definition in definitions[len(outcomes) + 1 :]) or "none"
    return f" Of {len(definitions)} objects, changed before that: {done}; not reached: {left}."


def _row(target: Target, action: str) -> dict:
    return {"kind": target.kind, "namespace": target.namespace, "name": target.name, "action": action}
