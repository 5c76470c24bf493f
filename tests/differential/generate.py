# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Objects out of a strategy, reproducible by seed."""

from __future__ import annotations

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis.strategies import SearchStrategy


def generate(strategy: SearchStrategy, count: int, from_seed: int) -> list:
    """Return as many objects as asked for (fewer only if the strategy can't make more), the same for the same seed.

    They are collected first and judged after, because the judges work in parallel and hypothesis does not.
    """
    made: list = []

    @seed(from_seed)
    @settings(
        max_examples=count,
        phases=[Phase.generate],
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(strategy)
    def collect(value: object) -> None:
        made.append(value)

    collect()
    return made
