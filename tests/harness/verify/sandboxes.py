"""A sandbox behind one kind of wall, for the tests that go through all of them."""

from __future__ import annotations

import pytest

from thinkcurve.problem import Case, FunctionTests
from thinkcurve.verify import probes
from thinkcurve.verify.isolation import Wall
from thinkcurve.verify.sandbox import Zygotes, judge_code

HELLO = FunctionTests("f", (Case("[1]", "2"),))


async def strongest(workers: int = 1) -> Zygotes:
    """The best that this machine has; where it has less than Landlock, some tests skip (``needs_walls``)."""
    return Zygotes(workers, (await probes.strongest()).wall)


async def needs_walls() -> None:
    """Skips where nothing stands between an answer and the user's files and network."""
    found = await probes.strongest()
    if found.tier > "B":
        pytest.skip(f"only tier {found.tier} on this machine: {found.problem}")


async def open_sandbox(wall: Wall) -> Zygotes:
    """Started and known to work; skips the test where the machine lacks the wall."""
    sandbox = Zygotes(1, wall)
    outcome = await judge_code(sandbox, HELLO, "def f(x): return x + 1")
    if outcome.verdict != "correct":
        await sandbox.aclose()
        pytest.skip(f"no {wall} on this machine: {outcome.reason}")
    return sandbox
