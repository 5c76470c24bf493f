"""Which engines judge: three containerd lines and the lab's kubelet, or all of them with ENGINES=all."""

from __future__ import annotations

import os

from lab import products

ALL = os.environ.get("ENGINES") == "all"
# The oldest line that HostProcess is recommended with, the lab's, the newest. All: one of each line that is served.
CONTAINERDS = (
    ("1.5.18", "1.6.36", "1.7.35", "2.0.14", "2.1.9", "2.2.9", "2.3.7", "2.4.2")
    if ALL
    else ("1.7.35", products.CONTAINERD, "2.4.2")
)
# 1.29.6 is the oldest that the module proxy serves whole; what is said of older ones rests on their sources.
KUBELETS = ("1.29.6", "1.31.0", "1.34.4", "1.36.3", "1.37.2") if ALL else (products.KUBERNETES,)


def line(version: str) -> tuple[int, int]:
    major, minor = version.split(".")[:2]
    return int(major), int(minor)
