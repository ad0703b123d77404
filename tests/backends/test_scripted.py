"""The scripted backend: exact prefixes, failures and latency by script."""

import time

import pytest

from thinkcurve.backend import Chat, Continuation, Request, Stop
from thinkcurve.errors import BackendError
from thinkcurve.problem import Message
from thinkcurve_backends.scripted import CLOSE_ID, Asked, ByteTokenizer, ScriptedBackend

QUESTION = [Message("user", "What is 6*7? é")]


def simple(asked: Asked) -> str:
    return "six sevens, é" if asked.wants_thinking else f"42 after {len(asked.thinking)}"


def test_tokenizer_reads_markers_and_bytes_exactly() -> None:
    tokenizer = ByteTokenizer()
    ids = tokenizer.encode("é<think>a</think>")
    assert len(ids) == 5
    assert tokenizer.decode(ids) == "é<think>a</think>"
    assert tokenizer.decode(ids[:1]) == "\ufffd"


async def test_thinking_is_closed_and_answer_ends_the_turn() -> None:
    backend = ScriptedBackend(simple)
    prompt = backend.tokenizer.render(QUESTION)
    trace = await backend.generate(Request(Continuation(prompt), 100, stop_ids=(CLOSE_ID,)))
    assert (trace.text, trace.stop) == ("six sevens, é", Stop.STOP)
    assert trace.token_ids is not None
    answer = await backend.generate(Request(Continuation((*prompt, *trace.token_ids, CLOSE_ID)), 100))
    assert (answer.text, answer.stop) == ("42 after 13", Stop.EOS)


async def test_a_continued_prefix_gives_what_one_request_gives() -> None:
    backend = ScriptedBackend(simple)
    prompt = backend.tokenizer.render(QUESTION)
    whole = await backend.generate(Request(Continuation(prompt), 100))
    first = await backend.generate(Request(Continuation(prompt), 5))
    assert first.stop is Stop.LENGTH
    assert first.token_ids is not None
    rest = await backend.generate(Request(Continuation(prompt + first.token_ids), 100))
    assert rest.token_ids is not None
    assert first.token_ids + rest.token_ids == whole.token_ids


async def test_function_is_told_prompt_seed_and_stage() -> None:
    heard: list[Asked] = []

    async def listen(asked: Asked) -> str:
        heard.append(asked)
        return "x"

    backend = ScriptedBackend(listen)
    prompt = backend.tokenizer.render(QUESTION)
    await backend.generate(Request(Continuation((*prompt, 97, CLOSE_ID)), 9, seed=7))
    assert heard == [Asked("What is 6*7? é", "a", False, "", 7, 9, 0.0)]


async def test_failures_are_scripted_by_raising() -> None:
    def fail(asked: Asked) -> str:
        raise BackendError("overloaded", is_retryable=True)

    backend = ScriptedBackend(fail)
    with pytest.raises(BackendError, match="overloaded"):
        await backend.generate(Request(Continuation((1,)), 9))


async def test_stop_text_context_and_chat() -> None:
    backend = ScriptedBackend(simple, context_tokens=28)
    prompt = backend.tokenizer.render(QUESTION)
    stopped = await backend.generate(Request(Continuation(prompt), 100, stop=("seven",)))
    assert (stopped.text, stopped.stop) == ("six ", Stop.STOP)
    assert (await backend.generate(Request(Continuation(prompt), 100))).stop is Stop.CONTEXT
    assert (await backend.generate(Request(Continuation(prompt), 0))).token_ids == ()
    with pytest.raises(BackendError, match="no room"):
        await backend.generate(Request(Continuation(prompt * 2), 1))
    with pytest.raises(BackendError, match="chat"):
        await backend.generate(Request(Chat(tuple(QUESTION)), 1))


async def test_a_request_costs_far_less_than_a_fifth_of_a_millisecond() -> None:
    backend = ScriptedBackend(simple)
    request = Request(Continuation(backend.tokenizer.render(QUESTION)), 100, stop_ids=(CLOSE_ID,))
    started = time.process_time()
    for _ in range(500):
        await backend.generate(request)
    assert (time.process_time() - started) / 500 < 0.0002
