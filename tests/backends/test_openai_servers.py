"""OpenAI's own client against real servers on this machine: llama.cpp's and mlx_lm's, with the tiny thinker."""

import asyncio
import contextlib
import importlib.util
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("openai")
pytest.importorskip("aiohttp")

sys.path.insert(0, str(Path(__file__).parent))
import checkpoints
import llama_server

from thinkcurve.backend import Chat, Continuation, Generation, Request, Sampling, Stop, Visibility
from thinkcurve.errors import BackendError, UsageError
from thinkcurve.problem import Message
from thinkcurve_backends.embedded import open_backend as open_embedded
from thinkcurve_backends.llamacpp.client import LlamaCpp
from thinkcurve_backends.openai.backend import OpenAi, open_backend

QUESTION = (Message("user", "Start with 5. Do +3. Do *2. What is the result?"),)
LONG = (Message("user", "Compute a=6,b=a+4,c=b*3,d=c-7,e=d+2,f=e*2,f"),)
BUDGET = "thinking_budget_tokens"


@pytest.fixture(scope="module")
def llama() -> Iterator[str]:
    with llama_server.started(checkpoints.TINY_GGUF, slots=4) as (address, _):
        yield f"{address}/v1"


@pytest.fixture(params=["chat", "responses"])
def interface(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(params=[True, False], ids=["stream", "whole"])
def tiny(llama: str, interface: str, request: pytest.FixtureRequest) -> Iterator[OpenAi]:
    backend = open_backend("thinkcurve-tiny", base_url=llama, api=interface, stream=request.param, budget_field=BUDGET)
    yield backend
    asyncio.run(backend.aclose())


def ask(backend: OpenAi, most: int = 300, messages: tuple[Message, ...] = QUESTION, **chat: Any) -> Generation:
    return asyncio.run(backend.generate(Request(Chat(messages, **chat), most)))


@pytest.fixture(scope="module")
def in_process() -> Iterator[LlamaCpp]:
    shipped = open_embedded(slots=1)
    yield shipped
    asyncio.run(shipped.aclose())


def test_llama_answers_as_the_same_weights_do_in_process(tiny: OpenAi, in_process: LlamaCpp) -> None:
    came = ask(tiny)
    whole = asyncio.run(in_process.generate(Request(Continuation(in_process.tokenizer.render(QUESTION)), 300)))
    assert whole.text == f"{came.thinking}</think>{came.text}"
    assert (came.stop, came.visibility) == (Stop.EOS, Visibility.FULL)
    assert came.served_by
    assert came.served_by.split()[0].endswith("thinkcurve-tiny.gguf")


def test_llama_counts_all_tokens_and_not_the_thinking(tiny: OpenAi) -> None:
    usage = ask(tiny).usage
    assert usage.prompt_tokens == 22
    assert usage.cached_tokens is not None
    assert usage.generated_tokens == 20
    assert (usage.thinking_tokens, usage.answer_tokens, usage.source) == (None, None, "unknown")


def test_a_tokenizer_counts_the_thinking_where_the_server_does_not(
    llama: str, interface: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    pytest.importorskip("transformers")
    folder = checkpoints.tiny_folder(tmp_path_factory.mktemp("model") / "tiny")
    backend = open_backend("thinkcurve-tiny", base_url=llama, api=interface, tokenizer=str(folder))
    usage = ask(backend).usage
    assert (usage.thinking_tokens, usage.answer_tokens, usage.source) == (14, 6, "client")
    asyncio.run(backend.aclose())


def test_a_bound_within_the_thinking_is_length_and_no_answer(tiny: OpenAi) -> None:
    came = ask(tiny, 8)
    assert (came.stop, came.text, came.usage.generated_tokens) == (Stop.LENGTH, "", 8)
    assert came.thinking
    assert len(came.thinking) < len(ask(tiny).thinking or "")


def test_a_budget_in_tokens_is_kept(tiny: OpenAi, in_process: LlamaCpp) -> None:
    counts = []
    for budget in (0, 4, 16, 64):
        came = ask(tiny, messages=LONG, budget_tokens=budget)
        assert came.thinking is not None
        counts.append(len(in_process.tokenizer.encode(came.thinking)))
    assert counts[0] == 0
    assert (
        0 < counts[1] <= 4 < counts[2] <= 16 < counts[3] <= 64
    )  # fewer, where it wrote a text in more tokens than need be


def test_a_request_given_up_leaves_the_server_free(tiny: OpenAi) -> None:
    async def give_up_many() -> None:
        asked = [tiny.generate(Request(Chat(LONG), 900, Sampling(3.0), seed=n)) for n in range(8)]
        tasks = [asyncio.ensure_future(one) for one in asked]
        await asyncio.sleep(0.05)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        begun = time.perf_counter()
        assert (await tiny.generate(Request(Chat(QUESTION), 300))).text
        assert time.perf_counter() - begun < 20

    asyncio.run(give_up_many())


def test_many_at_once_are_answered_each_by_its_own(tiny: OpenAi) -> None:
    questions = [(Message("user", f"Start with {n}. Do +1. What is the result?"),) for n in range(12)]

    async def all_at_once() -> list[Generation]:
        return list(await asyncio.gather(*(tiny.generate(Request(Chat(q), 300)) for q in questions)))

    together = asyncio.run(all_at_once())
    assert [came.text for came in together] == [ask(tiny, messages=question).text for question in questions]


def test_llama_says_what_it_serves(llama: str) -> None:
    with pytest.raises(UsageError, match=r"no model 'gpt-5'. It serves: .*thinkcurve-tiny.gguf"):
        open_backend("gpt-5", base_url=llama)


def test_llama_with_a_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sesame-123456")
    with llama_server.started(checkpoints.TINY_GGUF, key="sesame-123456", slots=1) as (address, _):
        backend = open_backend("thinkcurve-tiny", base_url=f"{address}/v1")
        assert ask(backend).text
        asyncio.run(backend.aclose())
        monkeypatch.setenv("OPENAI_API_KEY", "sesame-654321")
        with pytest.raises(UsageError, match="the key in OPENAI_API_KEY is not accepted") as caught:
            open_backend("thinkcurve-tiny", base_url=f"{address}/v1")
        assert "sesame-654321" not in str(caught.value)


def test_a_prompt_that_does_not_fit_is_that_requests_fault(tiny: OpenAi) -> None:
    with pytest.raises(BackendError) as caught:
        ask(tiny, messages=(Message("user", "12 " * 3000),))
    assert (caught.value.is_retryable, caught.value.is_fatal) == (False, False)


@pytest.fixture(scope="module")
def mlx(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    if importlib.util.find_spec("mlx_lm") is None:
        pytest.skip("the package mlx_lm is not installed")
    folder = checkpoints.tiny_folder(tmp_path_factory.mktemp("model") / "tiny")
    port = llama_server.free_port()
    command = [sys.executable, "-m", "mlx_lm.server", "--model", str(folder), "--port", str(port)]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        _wait_for(f"http://127.0.0.1:{port}/health", server)
        yield f"http://127.0.0.1:{port}/v1", folder
    finally:
        server.kill()
        server.wait()


def _wait_for(address: str, server: subprocess.Popen[bytes]) -> None:
    for _ in range(600):
        with contextlib.suppress(OSError):
            urllib.request.urlopen(address, timeout=5).close()
            return
        assert server.poll() is None, "mlx_lm.server did not start"
        time.sleep(0.1)
    raise AssertionError("mlx_lm.server does not answer")


@pytest.mark.parametrize("stream", [True, False])
def test_mlx_thinks_apart_and_is_cut(mlx: tuple[str, Path], stream: bool) -> None:
    url, folder = mlx
    backend = open_backend(str(folder), base_url=url, stream=stream)
    came, cut = ask(backend), ask(backend, 8)
    assert came.text.startswith("\\boxed{")
    assert (came.stop, came.visibility, came.thinking) == (Stop.EOS, Visibility.FULL, "5; a *5=25; b *5=75;")
    assert (came.usage.prompt_tokens, came.usage.generated_tokens, came.usage.source) == (22, 20, "unknown")
    assert (cut.stop, cut.text, cut.usage.generated_tokens) == (Stop.LENGTH, "", 8)
    assert cut.thinking
    asyncio.run(backend.aclose())


def test_mlx_is_given_up_and_asked_again(mlx: tuple[str, Path]) -> None:
    url, folder = mlx
    backend = open_backend(folder.name, base_url=url) if _lists_models(url) else open_backend(str(folder), base_url=url)

    async def give_up() -> None:
        task = asyncio.ensure_future(backend.generate(Request(Chat(LONG), 800, Sampling(2.0))))
        await asyncio.sleep(0.1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert (await backend.generate(Request(Chat(QUESTION), 300))).text

    asyncio.run(give_up())
    asyncio.run(backend.aclose())


def _lists_models(url: str) -> bool:
    """It sends an empty answer where the hub has no cache on this machine."""
    with urllib.request.urlopen(f"{url}/models", timeout=10) as reply:
        return bool(reply.read())
