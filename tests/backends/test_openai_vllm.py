"""OpenAI's own client against a real ``vllm serve``: both interfaces, with the tiny thinker.

Slow, and only where ``THINKCURVE_VLLM`` names the Python of an environment with vLLM (`vllm_environment.md`).
"""

import asyncio
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("openai")
pytest.importorskip("aiohttp")

sys.path.insert(0, str(Path(__file__).parent))
import checkpoints
from vllm_real import BUDGETS, COUNTS, needs_vllm, serving

from thinkcurve.backend import Chat, Generation, Request, Sampling, Stop, Visibility
from thinkcurve.errors import BackendError, UsageError
from thinkcurve.problem import Message
from thinkcurve_backends.openai.backend import OpenAi, open_backend

pytestmark = pytest.mark.slow

QUESTION = (Message("user", "Start with 5. Do +3. Do *2. What is the result?"),)
LONG = (Message("user", "Compute a=6,b=a+4,c=b*3,d=c-7,e=d+2,f=e*2,f"),)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    needs_vllm()
    pytest.importorskip("transformers")  # counts the thinking
    return checkpoints.tiny_folder(tmp_path_factory.mktemp("model") / "tiny")


@pytest.fixture(scope="module")
def url(folder: Path) -> Iterator[str]:
    with serving(folder, *BUDGETS, *COUNTS, "--reasoning-parser", "deepseek_r1") as (address, _):
        yield f"{address}/v1"


@pytest.fixture(params=[True, False], ids=["stream", "whole"])
def stream(request: pytest.FixtureRequest) -> bool:
    return bool(request.param)


@pytest.fixture(params=["chat", "responses"])
def tiny(url: str, folder: Path, stream: bool, request: pytest.FixtureRequest) -> Iterator[OpenAi]:
    backend = open_backend("tiny", base_url=url, api=request.param, stream=stream, tokenizer=str(folder))
    yield backend
    asyncio.run(backend.aclose())


@pytest.fixture
def budgeted(url: str, folder: Path, stream: bool) -> Iterator[OpenAi]:
    options: dict[str, Any] = {"stream": stream, "budget_field": "thinking_token_budget", "tokenizer": str(folder)}
    backend = open_backend("tiny", base_url=url, **options)
    yield backend
    asyncio.run(backend.aclose())


def ask(backend: OpenAi, most: int = 300, messages: tuple[Message, ...] = QUESTION, **chat: Any) -> Generation:
    return asyncio.run(backend.generate(Request(Chat(messages, **chat), most)))


def test_thinking_comes_apart(tiny: OpenAi) -> None:
    came = ask(tiny)
    assert came.text.strip().startswith("\\boxed{")
    assert (came.stop, came.visibility, came.thinking) == (Stop.EOS, Visibility.FULL, "5; a *5=25; b *5=75;")
    assert (came.usage.prompt_tokens, came.usage.generated_tokens) == (22, 20)
    assert tiny.model.context_tokens == 1024


def test_thinking_is_counted_by_us_where_its_parser_says_none(tiny: OpenAi) -> None:
    """vLLM 0.32 counts 0 tokens of thinking where the chat template opens it."""
    came = ask(tiny)
    assert came.raw is not None
    details = came.raw.get("completion_tokens_details") or came.raw.get("output_tokens_details")
    assert not details or details["reasoning_tokens"] == 0
    assert (came.usage.source, came.usage.thinking_tokens, came.usage.answer_tokens) == ("client", 14, 6)


def test_a_bound_within_the_thinking_is_length_and_no_answer(tiny: OpenAi) -> None:
    came = ask(tiny, 8)
    assert (came.stop, came.text, came.usage.generated_tokens) == (Stop.LENGTH, "", 8)
    assert came.thinking


def test_a_budget_in_tokens_is_kept(budgeted: OpenAi) -> None:
    counts = [
        ask(budgeted, messages=LONG, budget_tokens=budget).usage.thinking_tokens or 0 for budget in (0, 4, 16, 64)
    ]
    assert counts[0] == 0
    assert 0 < counts[1] <= 4 < counts[2] <= 16 < counts[3] <= 64  # fewer, where it wrote a text in more than need be


def test_a_request_given_up_leaves_the_server_free(tiny: OpenAi) -> None:
    async def give_up_many() -> None:
        asked = [tiny.generate(Request(Chat(LONG), 900, Sampling(2.0), seed=n)) for n in range(8)]
        tasks = [asyncio.ensure_future(one) for one in asked]
        await asyncio.sleep(0.1)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        assert (await tiny.generate(Request(Chat(QUESTION), 300))).text

    asyncio.run(give_up_many())


def test_a_prompt_that_does_not_fit_is_that_requests_fault(tiny: OpenAi) -> None:
    with pytest.raises(BackendError) as caught:
        ask(tiny, messages=(Message("user", "12 " * 3000),))
    assert (caught.value.is_retryable, caught.value.is_fatal) == (False, False)


def test_a_model_that_is_not_served_is_refused(url: str) -> None:
    with pytest.raises(UsageError, match="It serves: tiny"):
        open_backend("tyni", base_url=url)
