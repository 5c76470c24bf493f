"""One running prefix for all tests; without Wine, Go or a compiler they are skipped, saying what is missing."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from engines.judge import Judge
from lab.errors import MissingTool


@pytest.fixture(scope="session")
def judge(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Judge]:
    directory: Path = tmp_path_factory.mktemp("judge") / "prefix"
    try:
        ready = Judge(directory)
    except MissingTool as missing:
        pytest.skip(str(missing))
    with ready:
        yield ready
