"""`make matrix`: every containerd line and kubelet that the module proxy serves judges what we write."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

if __name__ == "__main__":
    os.environ["ENGINES"] = "all"
    sys.exit(pytest.main(["-q", str(Path(__file__).parent), *sys.argv[1:]]))
