"""The runs that are exported, each made once."""

import asyncio
import sys
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from thinkcurve.run import Run

sys.path.insert(0, str(Path(__file__).parent))
import exported


@pytest.fixture(scope="session")
def make(tmp_path_factory: pytest.TempPathFactory) -> exported.Make:
    """Carries out one of the runs of `exported` in a folder of its own."""

    def made(work: Callable[..., Coroutine[Any, Any, Run]], *args: Any, **fields: Any) -> Run:
        return asyncio.run(work(tmp_path_factory.mktemp("run") / "run", *args, **fields))

    return made


@pytest.fixture(scope="session")
def plain(make: exported.Make) -> Run:
    return make(exported.plain_run)


@pytest.fixture(scope="session")
def failed(make: exported.Make) -> Run:
    return make(exported.plain_run, exported.fails_at_three)


@pytest.fixture(scope="session")
def private(make: exported.Make) -> Run:
    return make(exported.private_run)


@pytest.fixture(scope="session")
def hostile(make: exported.Make) -> Run:
    return make(exported.hostile_run)


@pytest.fixture(scope="session")
def effort(make: exported.Make) -> Run:
    return make(exported.effort_run, counts=False)
