# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Durations as Go's time.ParseDuration reads them, which the kubelet and its log runner do.

* ``seconds(text) -> float | None``    ``"2m30s"`` is 150.0; None for what is no duration
"""

from __future__ import annotations

import re

_PART = re.compile(r"(\d+\.?\d*|\.\d+)(ns|us|µs|μs|ms|s|m|h)", re.ASCII)
_SECONDS = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "μs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}
# Go counts nanoseconds in 64 bits.
_LONGEST = 2**63 / 1e9


def seconds(text: str) -> float | None:
    """Return the length of a duration, or None."""
    unsigned = text[1:] if text[:1] in ("+", "-") else text
    if unsigned == "0":
        return 0.0
    parts = _PART.findall(unsigned)
    if not parts or "".join(number + unit for number, unit in parts) != unsigned:
        return None
    total = sum(float(number) * _SECONDS[unit] for number, unit in parts)
    if total >= _LONGEST:
        return None
    return -total if text.startswith("-") else total
