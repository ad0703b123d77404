"""Right answers, against each wall that this machine has: all of them pass."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from thinkcurve.verify.sandbox import Zygotes, judge_code
from verify.attack import WALLS
from verify.honest import HONEST
from verify.honest_answer import Honest
from verify.sandboxes import open_sandbox

pytestmark = [
    pytest.mark.skipif(not hasattr(os, "fork"), reason="the sandbox needs fork"),
    pytest.mark.asyncio(loop_scope="module"),
]


@pytest_asyncio.fixture(loop_scope="module", scope="module", params=WALLS)
async def sandbox(request: pytest.FixtureRequest) -> AsyncIterator[Zygotes]:
    sandbox = await open_sandbox(request.param)
    yield sandbox
    await sandbox.aclose()


@pytest.mark.parametrize("honest", HONEST, ids=lambda honest: honest.name)
async def test_honest_answer_passes(honest: Honest, sandbox: Zygotes) -> None:
    if honest.needs and importlib.util.find_spec(honest.needs) is None:
        pytest.skip(f"{honest.needs} is not installed")
    outcome = await judge_code(sandbox, honest.reference, honest.code)
    assert (outcome.verdict.value, outcome.reason) == ("correct", "")


async def test_honest_answers_are_many_and_named_apart() -> None:
    assert len({honest.name for honest in HONEST}) == len(HONEST) >= 40
