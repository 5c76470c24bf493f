"""Wine machines for these tests: one with Wine's gaps filled, one that shows Wine as it is."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from wine.machine import Machine, running_machine

from lab.errors import MissingTool
from lab.products import GO, MCS, MINGW, WINE


@pytest.fixture(scope="session")
def tools() -> None:
    """Skips, saying what is missing and how to get it."""
    try:
        for tool in (WINE, MCS, MINGW, GO):
            tool.require("A test with real job objects")
    except MissingTool as missing:
        pytest.skip(f"JOB OBJECTS ARE NOT TESTED: {missing}")


@pytest.fixture(scope="session")
def completed(tools: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    with running_machine(tmp_path_factory.mktemp("completed"), fill_gaps=True) as machine:
        yield machine


@pytest.fixture(scope="session")
def uncompleted(tools: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    with running_machine(tmp_path_factory.mktemp("uncompleted"), fill_gaps=False) as machine:
        yield machine


@pytest.fixture
def machine(completed: Machine) -> Iterator[Machine]:
    """Wine with its gaps filled as a binary node has them."""
    yield completed
    completed.clear_bundles()


@pytest.fixture
def bare(uncompleted: Machine) -> Iterator[Machine]:
    """Wine as it is: job classes that it does not know are refused."""
    yield uncompleted
    uncompleted.clear_bundles()
