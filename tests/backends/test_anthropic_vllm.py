"""The real SDK against vLLM's ``/v1/messages``: slow, and only where ``THINKCURVE_VLLM`` names an environment with it.

vLLM takes no budget under 1,024 tokens on this API, and the tiny thinker's context holds no more than that. Here it is
given 2,048 positions: beyond 1,024 it babbles, which is all that a test of budgets needs.
"""

import asyncio
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("anthropic")
pytest.importorskip("aiohttp")
sys.path.insert(0, str(Path(__file__).parent))
import checkpoints
from conformance import conforms
from vllm_real import BUDGETS, COUNTS, needs_vllm, serving

from thinkcurve.backend import Chat, Generation, Request, Stop, Visibility
from thinkcurve.budget import Control
from thinkcurve.errors import BackendError, UsageError
from thinkcurve.problem import Message
from thinkcurve.testing import CHAT_CHECKS, Subject
from thinkcurve_backends.anthropic.backend import open_backend

pytestmark = pytest.mark.slow
QUESTION = "Start with 6. Do 2 steps: a +4, b *3. What is the result?"
THINKING = "6; a +4=10; b *3=30;"
ENDLESS = "Compute a=6,b=a+4,c=b*3,c"
PARSER = ("--reasoning-parser", "deepseek_r1")


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    needs_vllm()
    folder = checkpoints.tiny_folder(tmp_path_factory.mktemp("model") / "tiny")
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, "max_position_embeddings": 2048}))
    with serving(folder, *BUDGETS, *COUNTS, *PARSER, "--max-model-len", "2048") as (url, _):
        yield url


@pytest.fixture
def subject(address: str) -> Iterator[Subject]:
    backend = open_backend("tiny", base_url=address)
    yield Subject(backend, patience_s=120)
    asyncio.run(backend.aclose())


def ask(address: str, request: Request, **options: Any) -> Generation:
    async def go() -> Generation:
        backend = open_backend("tiny", base_url=address, **options)
        try:
            return await backend.generate(request)
        finally:
            await backend.aclose()

    return asyncio.run(go())


def chat(text: str = QUESTION, *, max_tokens: int = 400, **more: Any) -> Request:
    stop = more.pop("stop", ())
    return Request(Chat((Message("user", text),), **more), max_tokens=max_tokens, stop=stop)


NOT_HERE = {"text-continuation"}
TOO_EASY = {"native-budget"}
"""The kit's questions make the tiny thinker think too little; `test_budgets_are_kept` has another one."""
CHECKS = [check for check in CHAT_CHECKS if check != "effort"]
"""The tiny thinker's template has no levels of effort: what is measured of them is chance."""
test_conformance = conforms("subject", skipped=NOT_HERE | TOO_EASY, checks=CHECKS)


def test_the_server_is_known_by_what_it_says(address: str) -> None:
    backend = open_backend("tiny", base_url=address)
    asyncio.run(backend.aclose())
    assert backend.controls == {Control.NATIVE, Control.EFFORT, Control.PROMPT}
    assert backend.model.native is not None
    assert (backend.model.native.least, backend.model.context_tokens) == (1024, 2048)
    with pytest.raises(UsageError, match="'tinny' is not served there"):
        open_backend("tinny", base_url=address)


@pytest.mark.parametrize("stream", [True, False])
def test_thinking_comes_apart_from_the_answer(address: str, stream: bool) -> None:
    found = ask(address, chat(), stream=stream)
    assert (found.thinking, found.text, found.stop) == (THINKING, r"\boxed{30}", Stop.EOS)
    assert (found.visibility, found.served_by) == (Visibility.FULL, "tiny")
    assert (found.usage.prompt_tokens, found.usage.generated_tokens, found.usage.cached_tokens) == (27, 20, 0)


@pytest.mark.parametrize("stream", [True, False])
def test_a_limit_inside_the_thinking_leaves_no_answer(address: str, stream: bool) -> None:
    found = ask(address, chat(max_tokens=8), stream=stream)
    assert (found.thinking, found.text, found.stop) == ("6; a +4=10;", "", Stop.LENGTH)


@pytest.mark.parametrize(("budget", "least", "most"), [(1024, 1025, 1150), (1200, 1201, 1320)])
def test_budgets_are_kept(address: str, budget: int, least: int, most: int) -> None:
    found = ask(address, chat(ENDLESS, budget_tokens=budget, max_tokens=1500))
    assert found.stop is Stop.EOS
    assert found.text
    assert least <= (found.usage.generated_tokens or 0) <= most


def test_without_a_budget_the_same_question_is_thought_about_for_ever(address: str) -> None:
    found = ask(address, chat(ENDLESS, max_tokens=1500))
    assert (found.stop, found.text, found.usage.generated_tokens) == (Stop.LENGTH, "", 1500)


def test_without_a_limit_the_option_is_asked_for(address: str) -> None:
    with pytest.raises(BackendError, match="set option max_tokens"):
        ask(address, chat(max_tokens=0))
    assert ask(address, chat(max_tokens=0), max_tokens=500).text == r"\boxed{30}"


def test_a_budget_that_it_refuses_is_refused_before(address: str) -> None:
    with pytest.raises(BackendError, match="the budget is 64 tokens for thinking; the least that is taken is 1024"):
        ask(address, chat(budget_tokens=64))


def test_a_template_that_cannot_turn_thinking_off_is_found_out(address: str) -> None:
    with pytest.raises(BackendError, match="was told not to think"):
        ask(address, chat(budget_tokens=0))


def test_a_stop_text_is_known_as_such(address: str) -> None:
    found = ask(address, chat(stop=("{",)))
    assert (found.stop, found.text, found.thinking) == (Stop.STOP, r"\boxed", THINKING)


def test_a_prompt_that_is_too_long_concerns_that_request_only(address: str) -> None:
    with pytest.raises(BackendError) as caught:
        ask(address, chat("again " * 3000))
    assert not caught.value.is_retryable
    assert not caught.value.is_fatal


def test_cancelled_requests_leave_room_for_others(address: str) -> None:
    async def go() -> None:
        backend = open_backend("tiny", base_url=address)
        many = [asyncio.create_task(backend.generate(chat(ENDLESS, max_tokens=1900))) for _ in range(8)]
        await asyncio.sleep(0.5)
        for task in many:
            task.cancel()
        await asyncio.gather(*many, return_exceptions=True)
        found = await asyncio.wait_for(backend.generate(chat()), 30)
        await backend.aclose()
        assert found.text == r"\boxed{30}"

    asyncio.run(go())
