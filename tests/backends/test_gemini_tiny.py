"""Budgets over Google's protocol have a real effect: the shipped model thinks behind a server of ours."""

import asyncio
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("google.genai")
sys.path.insert(0, str(Path(__file__).parent))
from checkpoints import TINY_GGUF
from conformance import conforms, kept
from gemini_server import KEY, GeminiServer, asks, opened, tiny_writer, words_writer

from thinkcurve.testing import CHAT_CHECKS, Subject, run_check
from thinkcurve_backends import embedded
from thinkcurve_backends.gemini.backend import open_backend
from thinkcurve_tasks.arithmetic import Arithmetic

pytestmark = pytest.mark.skipif(not TINY_GGUF.is_file(), reason="thinkcurve-tiny.gguf is not built in this checkout")


async def test_the_tiny_model_is_better_the_longer_it_may_think(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GEMINI_API_KEY", KEY)
    problems = Arithmetic().problems()[:12]
    model = embedded.open_backend("")
    right: dict[int | None, int] = {}
    spent: dict[int | None, list[int]] = {}
    try:
        with GeminiServer(write=tiny_writer(model)) as server:
            async with opened(server) as backend:
                for budget in (0, 8, None):
                    made = [await backend.generate(asks(problem.question, budget)) for problem in problems]
                    gold = [f"\\boxed{{{problem.reference.answer}}}" for problem in problems]
                    right[budget] = sum(want in one.text for want, one in zip(gold, made, strict=True))
                    spent[budget] = [one.usage.thinking_tokens or 0 for one in made]
    finally:
        await model.aclose()
    assert right[0] <= right[8] <= right[None]
    assert right[0] < right[None]
    assert right[None] >= 10
    assert set(spent[0]) == {0}
    assert max(spent[8]) == 8
    assert all(least <= most for least, most in zip(spent[8], spent[None], strict=True))


@pytest.fixture(scope="module")
def tiny() -> Iterator[Subject]:
    """The shipped model behind Google's protocol, asked by the SDK."""
    model = embedded.open_backend("")
    with pytest.MonkeyPatch.context() as environment, GeminiServer(write=tiny_writer(model)) as server:
        environment.setenv("GEMINI_API_KEY", KEY)
        yield from kept(open_backend("gemini-2.5-flash", base_url=server.url))
    asyncio.run(model.aclose())


test_the_kit = conforms(
    "tiny", skipped={"native-budget", "effort", "text-continuation"}, checks=("batch", *CHAT_CHECKS)
)
"""It never thinks for 64 tokens, so `test_controls_have_an_effect` looks for that of budgets and levels."""


@pytest.mark.parametrize(
    ("name", "check"), [("gemini-2.5-flash", "native-budget"), ("gemini-3-flash-preview", "effort")]
)
async def test_controls_have_an_effect(monkeypatch: pytest.MonkeyPatch, name: str, check: str) -> None:
    monkeypatch.setenv("GEMINI_API_KEY", KEY)
    with GeminiServer(write=words_writer(1500)) as server:
        async with opened(server, name, stream=False) as backend:
            outcome = await run_check(check, backend)
    assert outcome.status == "passed", outcome.detail
