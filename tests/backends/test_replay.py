"""Replay: the recorded traces and answers, whole or cut, and nothing that was not recorded."""

from pathlib import Path

import msgspec
import pytest

from records import a_trace, an_attempt
from thinkcurve.backend import Chat, Continuation, Generation, ModelInfo, Request, Stop
from thinkcurve.budget import THINK_TAGS, Control, Ending
from thinkcurve.errors import BackendError, UsageError
from thinkcurve.problem import Message
from thinkcurve.store import Attempt, Trace
from thinkcurve_backends.replay import CLOSE, OURS, Replay, open_backend

QUESTION = [Message("user", "2+2?")]
PROMPT = tuple(OURS + byte for byte in b"user: 2+2?")


def replay(traces: list[Trace], attempts: list[Attempt]) -> Replay:
    model = ModelInfo(name="m", thinking=THINK_TAGS)
    return Replay(model, {PROMPT: ["t/test/0", "t/test/1"]}, traces, attempts)


async def ask(backend: Replay, *rest: int, n: int = 100, seed: int = 1) -> Generation:
    prefix = (*backend.tokenizer.render(QUESTION), *rest)
    return await backend.generate(Request(Continuation(prefix), n, seed=seed, stop_ids=(CLOSE,)))


async def test_a_trace_comes_back_with_its_ending() -> None:
    trace = a_trace()
    backend = replay([trace], [])
    whole = await ask(backend)
    assert (whole.text, whole.token_ids, whole.stop) == (trace.text, trace.token_ids, Stop.STOP)
    cut = await ask(backend, n=3)
    assert (cut.token_ids, cut.stop) == (trace.token_ids[:3], Stop.LENGTH)
    rest = await ask(backend, *trace.token_ids[:3])
    assert rest.token_ids == trace.token_ids[3:]


async def test_an_answer_comes_back_for_its_cut() -> None:
    trace, attempt = a_trace(), an_attempt()
    backend = replay([trace], [attempt])
    answer = await ask(backend, *trace.token_ids[:8], CLOSE)
    assert (answer.text, answer.token_ids, answer.stop) == (attempt.answer, attempt.answer_ids, Stop.EOS)


async def test_samples_with_a_common_beginning_are_told_apart_by_seed() -> None:
    traces = [a_trace(sample=0), msgspec.structs.replace(a_trace(sample=1, text="so 4"), seed=2)]
    attempts = [
        msgspec.structs.replace(an_attempt(sample=s), thinking_tokens=0, answer=str(s), seed=10 + s) for s in range(2)
    ]
    backend = replay(traces, attempts)
    assert [(await ask(backend, seed=s)).text for s in (1, 2)] == [t.text for t in traces]
    assert [(await ask(backend, CLOSE, seed=s)).text for s in (10, 11)] == ["0", "1"]


async def test_problems_that_ask_the_same_are_told_apart_by_seed() -> None:
    other = msgspec.structs.replace(a_trace(text="so 4"), problem="t/test/1", seed=2)
    answers = [
        msgspec.structs.replace(an_attempt(), thinking_tokens=0, answer="one", seed=10),
        msgspec.structs.replace(an_attempt(), problem="t/test/1", thinking_tokens=0, answer="two", seed=11),
    ]
    backend = replay([a_trace(), other], answers)
    assert [(await ask(backend, seed=s)).text for s in (1, 2)] == [a_trace().text, "so 4"]
    assert [(await ask(backend, CLOSE, seed=s)).text for s in (10, 11)] == ["one", "two"]
    with pytest.raises(BackendError, match="no such trace of t/test/0 or t/test/1"):
        await ask(backend, seed=3)


async def test_problems_that_ask_and_think_the_same_need_no_seed() -> None:
    backend = replay([a_trace(), msgspec.structs.replace(a_trace(), problem="t/test/1", seed=2)], [])
    assert (await ask(backend, seed=99)).text == a_trace().text


async def test_what_was_not_recorded_is_refused() -> None:
    trace = msgspec.structs.replace(a_trace(), ending=Ending.BUDGET)
    backend = replay([trace], [])
    at_its_budget = await ask(backend, n=len(trace.token_ids) + 1)
    assert (at_its_budget.token_ids, at_its_budget.stop) == (trace.token_ids, Stop.LENGTH)
    with pytest.raises(BackendError, match="no more is known"):
        await ask(backend, n=100)
    with pytest.raises(BackendError, match="no answer of t/test/0 after 2 thinking tokens"):
        await ask(backend, *trace.token_ids[:2], CLOSE)
    with pytest.raises(BackendError, match="no such trace of"):
        await ask(backend, 1, 2, 3)
    other = backend.tokenizer.render([Message("user", "3+3?")])
    with pytest.raises(BackendError, match="not one of the replayed run"):
        await backend.generate(Request(Continuation(other), 9))
    with pytest.raises(BackendError, match="nothing else"):
        await backend.generate(Request(Chat(tuple(QUESTION)), 9))


def test_what_is_no_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="is not a run"):
        open_backend(str(tmp_path))
    with pytest.raises(UsageError, match="needs a run"):
        open_backend("")
    with pytest.raises(UsageError, match="takes no options"):
        open_backend(str(tmp_path), slots=1)


async def test_what_wraps_a_cut_up_is_no_thinking() -> None:
    """A format may write words of its own between the thinking and its close."""
    backend = replay([a_trace()], [an_attempt()])
    wrap_up = backend.tokenizer.encode("\nTime is up.\n")
    answer = await ask(backend, *a_trace().token_ids[:8], *wrap_up, CLOSE)
    assert answer.text == an_attempt().answer


def test_a_run_of_another_control_is_refused(tmp_path: Path) -> None:
    from thinkcurve import Study, sweep

    sweep(Study(tasks=("arithmetic",), limit=1, budgets=(8,), control=Control.SERVER), tmp_path)
    with pytest.raises(UsageError, match="made with control 'server'; replay plays back truncate and extend by token"):
        open_backend(str(tmp_path))
