"""Fixtures shared by all tests: the cluster, the artifact server, a laboratory; and what skips, with its reason."""

from __future__ import annotations

import functools
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from lab import build
from lab.errors import MissingTool

if TYPE_CHECKING:  # imported by the fixtures that need them: most tests need neither a cluster nor a web server
    from lab.artifacts.server import ArtifactServer
    from lab.cluster import ClusterInterface
    from lab.laboratory import Laboratory

# A shell starts a background command, as CI may start this one, with Ctrl-C ignored, and a program inherits that. Tests
# that press Ctrl-C start programs as a terminal does.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# What tests with a marker need; it is built when it is missing, so what can be missing is a tool.
BINARY_NODE = ("agent", "dotnet", "probe-harness", "snapshotter", "tar", "wine-dlls", "wine-prefix")
NEEDS = {
    "controlplane": ("controlplane",),
    "nodes": ("controlplane", "kubelet-release", "containerd-release", *BINARY_NODE),
    "wine": BINARY_NODE,
}
NEED_WINE = ("nodes", "wine")


@functools.cache
def _missing(marker: str) -> str | None:
    """Why tests with a marker can't run here; None when they can. Builds what is missing, once."""
    from lab import products

    try:
        if marker in NEED_WINE:
            for tool in (products.WINE, products.MCS):
                tool.require(f"Every test marked {marker}")
        for name in NEEDS[marker]:
            build.ensure(name)
    except MissingTool as error:
        return str(error)
    return None


def pytest_runtest_setup(item: pytest.Item) -> None:
    for marker in NEEDS:
        if item.get_closest_marker(marker) and (reason := _missing(marker)):
            pytest.skip(reason)


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ClusterInterface]:
    """A control plane that all tests of a session share: leave nothing behind in it but what you made."""
    from lab.cluster import open_cluster

    with open_cluster(tmp_path_factory.mktemp("cluster")) as started:
        yield started


@pytest.fixture(scope="session")
def artifacts() -> Iterator[ArtifactServer]:
    """The artifact server; a test that adds faults to it clears them."""
    from lab.artifacts.server import ArtifactServer

    with ArtifactServer() as server:
        yield server


@pytest.fixture(scope="session")
def laboratory(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Laboratory]:
    """Three bare binary nodes and a control plane."""
    from lab.laboratory import Laboratory, NodeSpec

    specs = [NodeSpec("win2019", 17763), NodeSpec("win2022", 20348), NodeSpec("win2025", 26100)]
    with Laboratory(tmp_path_factory.mktemp("lab") / "state", specs) as started:
        yield started
        assert started.ended_by_themselves() == [], "these nodes ended by themselves"


@pytest.fixture
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty build cache."""
    monkeypatch.setenv("KUBEWIN_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"
