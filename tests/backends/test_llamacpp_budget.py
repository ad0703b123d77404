"""Control ``server`` on llama.cpp: the engine's own reasoning budget, greedy, is what cutting by us gives."""

import asyncio
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest

from thinkcurve.backend import Continuation, Generation, Request, Sampling, Stop
from thinkcurve.budget import Budget, Control, Cut, Ending, ThinkingFormat
from thinkcurve.opened import Prompt
from thinkcurve.pipeline import answer, cuts, think
from thinkcurve.plugins import load_task
from thinkcurve.problem import Message
from thinkcurve.served import serve
from thinkcurve.session import Session, open_session
from thinkcurve.study import Study
from thinkcurve_backends.embedded import open_backend as open_embedded
from thinkcurve_backends.llamacpp import tokenizer
from thinkcurve_backends.llamacpp.backend import LlamaCpp, open_backend
from thinkcurve_backends.llamacpp.budget import ServerBudget, find_budget

sys.path.insert(0, str(Path(__file__).parent))
import llama_server
import tiny_gguf
from checkpoints import TINY_GGUF

LADDER: tuple[Budget, ...] = (0, 1, 16, 64, 256, None)
THINK = ThinkingFormat("think", "<think>", "</think>", template_opens=True)
FORMATS = {
    "marker": THINK,
    "cue": msgspec.structs.replace(THINK, cue="Final: "),
    "wrap up": msgspec.structs.replace(THINK, wrap_up="\nso\n", empty="\n\n", cue=" "),
    "wrap up in the line": msgspec.structs.replace(THINK, wrap_up=" so", cue="5"),
}


@pytest.fixture(scope="module")
def model_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_gguf.write(tmp_path_factory.mktemp("model") / "random.gguf")


@pytest.fixture
async def embedded() -> AsyncIterator[LlamaCpp]:
    backend = open_embedded(slots=16)
    yield backend
    await backend.aclose()


def with_format(backend: LlamaCpp, thinking: ThinkingFormat) -> LlamaCpp:
    """The same backend with another way to end the thinking, tried out on the engine as a new one would be."""
    backend.model = msgspec.structs.replace(backend.model, thinking=thinking)
    backend._budget = find_budget(backend._wire, backend.tokenizer, thinking, "<|end|>")
    assert backend._budget is not None
    return backend


def sessions(backend: LlamaCpp) -> tuple[Session, Session]:
    study = Study(models=("x",), tasks=("arithmetic",), budgets=LADDER, answer_tokens=32)
    both = [msgspec.structs.replace(study, control=c) for c in (Control.TRUNCATE, Control.SERVER)]
    return open_session("x", backend, both[0]), open_session("x", backend, both[1])


def prompts(session: Session, n: int) -> list[Prompt]:
    task = load_task("arithmetic")
    return [session.prompt(problem, task.prompt(problem)) for problem in list(task.problems())[:n]]


def what(made: Cut, end: Generation) -> tuple[object, ...]:
    return made.thinking_ids, end.token_ids, end.text, end.stop


async def compare(backend: LlamaCpp, n: int) -> dict[tuple[Ending, Ending], int]:
    """Both controls on ``n`` problems at the ladder and at each natural end; how often which ending met which."""
    cutting, serving = sessions(backend)
    met: dict[tuple[Ending, Ending], int] = {}

    async def one(prompt: Prompt) -> None:
        trace = await think(cutting, prompt, 0, None)
        length = trace.thinking_tokens
        ladder = (*sorted({0, 1, 16, 64, 256, length - 1, length, length + 1} - {-1}), None)
        for made, budgets in cuts(trace, ladder):
            end = await answer(cutting, prompt, 0, made)
            for budget in budgets:
                served = await serve(serving, prompt, 0, budget)
                assert what(served.made, served.answer) == what(made, end), (prompt.problem.id, budget)
                pair = (made.ending, served.made.ending)
                met[pair] = met.get(pair, 0) + 1

    await asyncio.gather(*(one(prompt) for prompt in prompts(cutting, n)))
    return met


@pytest.mark.parametrize("name", FORMATS)
async def test_server_is_truncate(embedded: LlamaCpp, name: str) -> None:
    n = 20 if name == "marker" else 5
    met = await compare(with_format(embedded, FORMATS[name]), n)
    assert met[(Ending.BUDGET, Ending.BUDGET)] > 3 * n
    assert met[(Ending.CLOSED, Ending.CLOSED)] > 2 * n
    # Where nothing but the marker is written, a natural end at exactly the budget and a forced one are the same ids.
    assert set(met) <= {(e, e) for e in Ending} | ({(Ending.CLOSED, Ending.BUDGET)} if name == "marker" else set())


async def by_hand(backend: LlamaCpp, prompt: tuple[int, ...], budget: int, most: int) -> tuple[int, ...]:
    """What truncation gives, all in one: thinking, its end, answer."""
    thinking, encode = backend.model.thinking, backend.tokenizer.encode
    assert thinking is not None
    end = encode(thinking.ends_with)
    stops = {"stop_ids": end} if len(end) == 1 else {"stop": (thinking.ends_with,)}
    trace = await backend.generate(Request(Continuation(prompt), budget + 1, **stops))  # type: ignore[arg-type]
    assert trace.token_ids is not None
    if trace.stop is Stop.EOS:
        return trace.token_ids
    ids = trace.token_ids[:budget] + encode(thinking.close)
    rest = await backend.generate(Request(Continuation(prompt + ids), most - len(ids)))
    assert rest.token_ids is not None
    return ids + rest.token_ids


async def test_the_budget_is_exact_inside_characters(model_file: Path) -> None:
    """A random model writes broken UTF-8 all the time; the engine alone would think on until a character is whole."""
    backend = open_backend(str(model_file), slots=4, threads=1)
    budgets = (1, 2, 3, 5, 8, 13)
    n_above = 0

    async def one(number: int, budget: int) -> None:
        nonlocal n_above
        prompt = (tiny_gguf.USER, *(256 + (number * 37 + i * 11) % 200 for i in range(6)), tiny_gguf.THINK)
        request = Request(Continuation(prompt), 40, thinking_budget=budget)
        served = await backend.generate(request)
        assert served.token_ids == await by_hand(backend, prompt, budget, 40)
        assert served.text == backend.tokenizer.decode(served.token_ids)
        raw = (await backend._ask(prompt, request, 40, budget)).tokens
        n_above += tiny_gguf.END_THINK in raw and raw.index(tiny_gguf.END_THINK) > budget

    await asyncio.gather(*(one(number, budget) for number in range(20) for budget in budgets))
    assert n_above > 3  # else this shows nothing
    await backend.aclose()


async def test_a_marker_of_several_tokens_ends_thinking_however_the_model_spells_it(model_file: Path) -> None:
    plain = open_backend(str(model_file), slots=2, threads=1)
    n_seen = 0
    for number in range(12):
        prompt = (tiny_gguf.USER, *(256 + (number * 37 + i * 11) % 200 for i in range(6)), tiny_gguf.THINK)
        free = await plain.generate(Request(Continuation(prompt), 40))
        text = free.text
        place = next((i for i in range(6, len(text) - 3) if text[i : i + 3].isascii() and text[i : i + 3].isalpha()), 0)
        close = text[place : place + 3]
        if not place or len(plain.tokenizer.encode(close)) < 2:
            continue
        assert plain.model.thinking is not None
        thinking = msgspec.structs.replace(plain.model.thinking, name="custom", close=close)
        backend = with_format(plain, thinking)
        for budget in (4, 8, 12, 20, 30):
            served = await backend.generate(Request(Continuation(prompt), 40, thinking_budget=budget))
            assert served.token_ids is not None
            trace = await backend.generate(Request(Continuation(prompt), budget + 1, stop=(close,)))
            assert trace.token_ids is not None
            if len(trace.token_ids) < budget and trace.stop is Stop.STOP:
                assert served.text.startswith(trace.text + close)  # the model's own end, and nothing forced after it
                assert served.token_ids == ids_of(free)
                n_seen += 1
            else:
                closing = backend.tokenizer.encode(close)
                assert served.token_ids[: budget + len(closing)] == trace.token_ids[:budget] + closing
    assert n_seen > 3
    await plain.aclose()


def ids_of(generation: Generation) -> tuple[int, ...]:
    assert generation.token_ids is not None
    return generation.token_ids


async def test_stops_logprobs_limits_and_seeds_hold_under_a_budget(embedded: LlamaCpp) -> None:
    prompt = prompts(sessions(embedded)[0], 1)[0].token_ids
    whole = await embedded.generate(Request(Continuation(prompt), 60, thinking_budget=8))
    close = embedded.tokenizer.encode("</think>")[0]
    assert ids_of(whole)[8] == close
    stopped = await embedded.generate(Request(Continuation(prompt), 60, thinking_budget=8, stop=("boxed",)))
    assert (stopped.text, stopped.stop) == (whole.text[: whole.text.index("boxed")], Stop.STOP)
    by_id = await embedded.generate(Request(Continuation(prompt), 60, thinking_budget=8, stop_ids=(close,)))
    assert (ids_of(by_id), by_id.stop) == (ids_of(whole)[:8], Stop.STOP)
    short = await embedded.generate(Request(Continuation(prompt), 9, thinking_budget=8))
    assert (ids_of(short), short.stop) == (ids_of(whole)[:9], Stop.LENGTH)
    told = await embedded.generate(Request(Continuation(prompt), 60, thinking_budget=8, top_logprobs=1))
    assert ids_of(told) == ids_of(whole)
    assert told.logprobs is not None
    assert len(told.logprobs) == len(ids_of(whole))
    warm = Request(Continuation(prompt), 60, Sampling(1.5), seed=3, thinking_budget=8)
    drawn = [ids_of(await embedded.generate(r)) for r in (warm, warm, msgspec.structs.replace(warm, seed=4))]
    assert drawn[0] == drawn[1] != drawn[2]
    await asyncio.sleep(0)


async def test_a_server_elsewhere_ends_thinking_by_its_chat_or_by_ids() -> None:
    for armed_by, kind in (("", "ChatBudget"), ("<|end|>", "ServerBudget")):
        with llama_server.started(TINY_GGUF, armed_by=armed_by) as (address, _):
            backend = open_backend(address)
            assert Control.SERVER in backend.controls
            assert type(backend._budget).__name__ == kind
            ids = backend.tokenizer.render([Message("user", "hi")])
            assert (backend.tokenizer.messages_of(ids) is not None) == (kind == "ChatBudget")  # no other needs them
            met = await compare(backend, 4)
            assert met[(Ending.BUDGET, Ending.BUDGET)] > 10
            await backend.aclose()


async def test_a_server_with_a_cue_is_gone_on_with_where_its_chat_writes_none() -> None:
    with llama_server.started(TINY_GGUF) as (address, _):
        backend = open_backend(address, cue="Final: ")
        assert Control.SERVER in backend.controls
        await compare(backend, 3)
        await backend.aclose()


async def test_only_the_latest_prompts_are_remembered(embedded: LlamaCpp, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tokenizer, "MOST_REMEMBERED", 2)
    ours = embedded.tokenizer

    prompts = [ours.render([Message("user", word)]) for word in "abc"]
    assert [ours.messages_of(ids) for ids in prompts] == [None] * 3
    ours.remember()
    for word in "abac":  # "a" is the later one of the two when "c" comes
        ours.render([Message("user", word)])
    assert [ours.messages_of(ids) for ids in prompts] == [
        [{"role": "user", "content": "a"}],
        None,
        [{"role": "user", "content": "c"}],
    ]
    ours.remember(wanted=False)
    assert [ours.messages_of(ids) for ids in prompts] == [None] * 3


def test_an_engine_that_splits_marker_and_cue_otherwise_has_no_server_control(embedded: LlamaCpp) -> None:
    budget = embedded._budget
    assert isinstance(budget, ServerBudget)
    assert find_budget(embedded._wire, embedded.tokenizer, THINK, "") is None
    assert find_budget(embedded._wire, embedded.tokenizer, THINK, "two tokens") is None
