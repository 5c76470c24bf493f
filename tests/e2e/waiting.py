"""Wait for what a node or the cluster comes to by itself."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any


def wait_until(reached: Callable[[], Any], seconds: float = 90.0) -> Any:
    """Ask until the answer is true, and return it."""
    deadline = time.monotonic() + seconds
    while not (answer := reached()):
        assert time.monotonic() < deadline, f"not reached within {seconds} s"
        time.sleep(0.3)
    return answer
