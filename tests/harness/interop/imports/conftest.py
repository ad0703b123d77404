"""What the tests of import share: the runs that the tests of export make, to be read back."""

import asyncio
import sys
from pathlib import Path

import pytest

from thinkcurve.run import Run

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).parents[1] / "exports"))
import exported


@pytest.fixture(scope="session")
def failed(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return asyncio.run(exported.plain_run(tmp_path_factory.mktemp("failed") / "run", exported.fails_at_three))


@pytest.fixture(scope="session")
def private(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return asyncio.run(exported.private_run(tmp_path_factory.mktemp("private") / "run"))
