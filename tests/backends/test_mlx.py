"""MLX on a CPU: exact ids, every way to stop, forks of a cache, seeds, limits, whatever the company."""

import asyncio
import math
import sys
from collections.abc import AsyncIterator
from importlib.util import find_spec
from pathlib import Path

import pytest

if find_spec("mlx_lm") is None:  # not imported: mlx-lm lowers the limit of open files
    pytest.skip('needs pip install "thinkcurve[mlx]"', allow_module_level=True)

from thinkcurve.backend import Chat, Continuation, Generation, Request, Sampling, Stop
from thinkcurve.budget import Control
from thinkcurve.errors import BackendError
from thinkcurve.plugins import load_task
from thinkcurve.problem import Message
from thinkcurve_backends.mlx.backend import Mlx, open_backend

sys.path.insert(0, str(Path(__file__).parent))
from checkpoints import tiny_folder

NEAR_TIE = 0.02
"""Log-probability gap of the first two ids under which engines and batches may differ."""
PROBLEMS = list(load_task("arithmetic").problems())


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_folder(tmp_path_factory.mktemp("mlx") / "tiny")


@pytest.fixture
async def backend(folder: Path) -> AsyncIterator[Mlx]:
    opened = open_backend(str(folder), batch=4)
    yield opened
    await opened.aclose()


def prompt_of(backend: Mlx, number: int) -> tuple[int, ...]:
    return backend.tokenizer.render(load_task("arithmetic").prompt(PROBLEMS[number]))


def asking(prompt: tuple[int, ...], n: int = 60, *settings: Sampling, **more: object) -> Request:
    return Request(Continuation(prompt), n, *settings, **more)  # type: ignore[arg-type]


def ids_of(generation: Generation) -> tuple[int, ...]:
    assert generation.token_ids is not None
    return generation.token_ids


def assert_same(one: Generation, other: Generation) -> None:
    """Equal ids, up to the first place where ``one`` (with two top log-probabilities) was nearly undecided."""
    assert one.top_logprobs is not None
    for place, (left, right) in enumerate(zip(ids_of(one), ids_of(other), strict=False)):
        if left != right:
            second, first = sorted(one.top_logprobs[place].values())
            assert first - second < NEAR_TIE, (place, left, right)
            return
    assert len(ids_of(one)) == len(ids_of(other))


async def test_model_info_comes_from_the_folder(backend: Mlx) -> None:
    from thinkcurve_backends.embedded import open_backend as open_embedded

    embedded = open_embedded()
    model = backend.model
    assert (model.name, model.layers, model.width, model.context_tokens) == ("tiny", 4, 128, 1024)
    assert model.active_parameters == embedded.model.active_parameters
    assert model.thinking is not None
    assert embedded.model.thinking is not None
    assert (model.thinking.open, model.thinking.close, model.thinking.template_opens) == ("<think>", "</think>", True)
    assert model.engine is not None
    assert model.engine.startswith("mlx ")
    assert model.notes == ()
    assert {Control.TRUNCATE, Control.EXTEND, Control.PROMPT} == backend.controls
    assert backend.concurrency == 4
    await embedded.aclose()


async def test_greedy_ids_are_those_of_llama_cpp(folder: Path) -> None:
    from thinkcurve_backends.embedded import open_backend as open_embedded

    embedded, opened = open_embedded(), open_backend(str(folder), batch=20)
    prompts = [prompt_of(opened, n) for n in range(20)]
    assert prompts == [embedded.tokenizer.render(load_task("arithmetic").prompt(p)) for p in PROBLEMS[:20]]
    ours = await asyncio.gather(*(opened.generate(asking(p, 70, top_logprobs=2)) for p in prompts))
    theirs = await asyncio.gather(*(embedded.generate(asking(p, 70)) for p in prompts))
    assert sum(len(ids_of(g)) for g in ours) > 500
    for one, other in zip(ours, theirs, strict=True):
        assert_same(one, other)
    assert [g.stop for g in ours].count(Stop.EOS) >= 5
    assert sum((a.text, a.stop) == (b.text, b.stop) for a, b in zip(ours, theirs, strict=True)) >= 19
    await embedded.aclose()
    await opened.aclose()


async def test_greedy_does_not_depend_on_company_or_on_a_cache(folder: Path) -> None:
    single = open_backend(str(folder), batch=1, cache_tokens=0)
    crowd = open_backend(str(folder), batch=5, cache_tokens=0)
    prompts = [prompt_of(single, n) for n in range(7)]
    alone = [await single.generate(asking(p, 30, top_logprobs=2)) for p in prompts]

    async def come_late(number: int) -> Generation:
        await asyncio.sleep(0.03 * number)
        return await crowd.generate(asking(prompts[number], 30))

    for one, other in zip(alone, await asyncio.gather(*map(come_late, range(7))), strict=True):
        assert_same(one, other)
        assert other.usage.cached_tokens == 0
    await single.aclose()
    await crowd.aclose()


async def test_answers_start_from_the_cache_of_their_trace(backend: Mlx, folder: Path) -> None:
    cold = open_backend(str(folder), batch=1, cache_tokens=0)
    close = backend.tokenizer.encode("</think>")
    prompt = prompt_of(backend, 2)
    thought = await backend.generate(asking(prompt, 200, stop_ids=close))
    trace = ids_of(thought)
    assert (thought.stop, thought.usage.cached_tokens) == (Stop.STOP, 0)
    cuts = [0, 1, len(trace) // 2, len(trace) - 1, len(trace)]
    asked = [asking((*prompt, *trace[:cut], *close), 12) for cut in cuts]
    answers = await asyncio.gather(*map(backend.generate, asked))
    for cut, request, answer in zip(cuts, asked, answers, strict=True):
        assert answer.usage.prompt_tokens == len(prompt) + cut + 1
        assert answer.usage.cached_tokens == len(prompt) + cut
        fresh = await cold.generate(
            asking(request.prompt.token_ids or (), 12, top_logprobs=2)  # type: ignore[union-attr]
        )
        assert fresh.usage.cached_tokens == 0
        assert_same(fresh, answer)
    whole = await backend.generate(asking((*prompt, *trace, *close), 12))
    assert ids_of(whole) == ids_of(answers[-1])
    await cold.aclose()


async def test_budgets_of_every_size(backend: Mlx) -> None:
    prompt, close = prompt_of(backend, 0), backend.tokenizer.encode("</think>")
    natural = await backend.generate(asking(prompt, 200, stop_ids=close))
    n = len(ids_of(natural))
    none = await backend.generate(asking(prompt, 0, stop_ids=close))
    assert (none.text, none.token_ids, none.stop, none.usage.prompt_tokens) == ("", (), Stop.LENGTH, len(prompt))
    for budget, stop in [
        (1, Stop.LENGTH),
        (n - 1, Stop.LENGTH),
        (n, Stop.LENGTH),
        (n + 1, Stop.STOP),
        (500, Stop.STOP),
    ]:
        found = await backend.generate(asking(prompt, budget, stop_ids=close))
        assert (ids_of(found), found.stop) == (ids_of(natural)[:budget], stop), budget
        assert found.text == backend.tokenizer.decode(ids_of(found))


async def test_pieces_make_the_whole(backend: Mlx) -> None:
    prompt = prompt_of(backend, 2)
    whole = ids_of(await backend.generate(asking(prompt, 20)))
    pieces: tuple[int, ...] = ()
    while len(pieces) < 20:
        piece = await backend.generate(asking((*prompt, *pieces), min(7, 20 - len(pieces))))
        assert piece.stop is Stop.LENGTH
        pieces += ids_of(piece)
    assert pieces == whole


async def test_stop_text_may_cross_tokens(backend: Mlx) -> None:
    prompt = prompt_of(backend, 1)
    free = await backend.generate(asking(prompt, 40))
    assert free.stop is Stop.EOS
    assert "<|end|>" not in free.text
    start = next(i for i in range(6, 30) if backend.tokenizer.encode(free.text[i : i + 4])[0] not in ids_of(free)[:40])
    for wanted in (free.text[start : start + 4], free.text[4:6], free.text[-1]):
        stopped = await backend.generate(asking(prompt, 40, stop=("never", wanted), top_logprobs=1))
        assert (stopped.stop, stopped.text) == (Stop.STOP, free.text[: free.text.index(wanted)])
        kept = ids_of(stopped)
        assert kept == ids_of(free)[: len(kept)]
        assert stopped.text.startswith(backend.tokenizer.decode(kept))
        assert len(backend.tokenizer.decode(ids_of(free)[: len(kept) + 1])) > len(stopped.text)
        assert stopped.logprobs is not None
        assert stopped.top_logprobs is not None
        assert len(stopped.logprobs) == len(stopped.top_logprobs) == len(kept)
    unmet = await backend.generate(asking(prompt, 40, stop=("never",)))
    assert (ids_of(unmet), unmet.text, unmet.stop) == (ids_of(free), free.text, Stop.EOS)


async def test_an_end_of_turn_that_is_asked_for_is_a_stop(backend: Mlx) -> None:
    found = await backend.generate(asking(prompt_of(backend, 0), 60, stop_ids=backend.tokenizer.encode("<|end|>")))
    assert found.stop is Stop.STOP
    assert found.text.endswith("}")


async def test_seeds_decide_whatever_the_company(folder: Path) -> None:
    opened = open_backend(str(folder), batch=8)
    prompt, warm = prompt_of(opened, 2), Sampling(temperature=3.0)
    alone = [ids_of(await opened.generate(asking(prompt, 15, warm, seed=s))) for s in (1, 1, 2, 2**63 + 1)]
    assert alone[0] == alone[1]
    assert len({*alone}) == 3
    company = [asking(prompt_of(opened, n), 15, Sampling(n / 3), seed=n) for n in range(4)]
    mixed = [asking(prompt, 15, warm, seed=s) for s in (2**63 + 1, 2, 1)]
    together = [ids_of(g) for g in await asyncio.gather(*map(opened.generate, [*company, *mixed]))]
    assert together[4:] == [alone[3], alone[2], alone[0]]
    greedy = ids_of(await opened.generate(asking(prompt, 15, seed=9)))
    for narrow in (Sampling(1.0, top_k=1), Sampling(3.0, top_p=1e-6), Sampling(3.0, min_p=0.999)):
        assert ids_of(await opened.generate(asking(prompt, 15, narrow, seed=5))) == greedy
    await opened.aclose()


async def test_logprobs_are_one_a_token(backend: Mlx) -> None:
    prompt = prompt_of(backend, 2)
    told = await backend.generate(asking(prompt, 15, Sampling(2.0), seed=3, top_logprobs=2))
    assert told.logprobs is not None
    assert told.top_logprobs is not None
    assert len(told.logprobs) == len(told.top_logprobs) == len(ids_of(told))
    assert all(
        len(top) == 2 and max(top.values()) >= one for top, one in zip(told.top_logprobs, told.logprobs, strict=True)
    )
    everything = await backend.generate(asking(prompt, 1, top_logprobs=577))
    assert everything.top_logprobs is not None
    assert sum(map(math.exp, everything.top_logprobs[0].values())) == pytest.approx(1, abs=1e-4)
    without = await backend.generate(asking(prompt, 5, top_logprobs=0))
    assert without.logprobs is not None
    assert without.top_logprobs is None
    assert (await backend.generate(asking(prompt, 5))).logprobs is None


async def test_context_is_what_the_model_says(folder: Path) -> None:
    opened = open_backend(str(folder), context_tokens=40, batch=2)
    prompt = (prompt_of(opened, 2) * 2)[:37]
    full = await opened.generate(asking(prompt, 20))
    assert (len(ids_of(full)), full.stop) == (3, Stop.CONTEXT)
    exact = await opened.generate(asking(prompt, 3))
    assert (len(ids_of(exact)), exact.stop) == (3, Stop.LENGTH)
    with pytest.raises(BackendError, match="prompt of 40 tokens leaves no room in the context of 40") as caught:
        await opened.generate(asking((*prompt, 1, 1, 1), 1))
    assert not caught.value.is_retryable
    assert not caught.value.is_fatal
    await opened.aclose()


async def test_wrong_requests_are_refused_and_hurt_nobody(backend: Mlx) -> None:
    for prompt, says in [
        (Chat((Message("user", "hi"),)), "chat"),
        (Continuation(()), "empty"),
        (Continuation((577,)), "outside of the vocabulary of 577"),
        (Continuation((-1,)), "outside"),
    ]:
        with pytest.raises(BackendError, match=says) as caught:
            await backend.generate(Request(prompt, 3))
        assert not caught.value.is_fatal
    assert ids_of(await backend.generate(Request(Continuation(text="<|bos|><|user|>"), 3)))


async def test_cancelling_frees_the_row(folder: Path) -> None:
    opened = open_backend(str(folder), batch=1)
    for number in range(4):
        task = asyncio.create_task(opened.generate(asking(prompt_of(opened, number), 900, Sampling(3.0))))
        await asyncio.sleep(0.05 * number)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    after = await asyncio.wait_for(opened.generate(asking(prompt_of(opened, 0), 3)), timeout=120)
    assert len(ids_of(after)) == 3
    await opened.aclose()


async def test_closing_ends_open_requests_with_an_error(folder: Path) -> None:
    opened = open_backend(str(folder), batch=2)
    asked = [asking(prompt_of(opened, n), 900, Sampling(3.0)) for n in range(5)]
    tasks = [asyncio.create_task(opened.generate(request)) for request in asked]
    await asyncio.sleep(0.1)
    await opened.aclose()
    await opened.aclose()
    ended = await asyncio.wait_for(asyncio.gather(*tasks, return_exceptions=True), timeout=120)
    assert any(isinstance(end, BackendError) and end.is_fatal for end in ended)
    assert all(isinstance(end, BackendError | Generation) for end in ended)
    with pytest.raises(BackendError, match="closed") as caught:
        await opened.generate(asked[0])
    assert caught.value.is_fatal


def test_one_event_loop_after_another(folder: Path) -> None:
    opened = open_backend(str(folder), batch=2)
    request = asking(prompt_of(opened, 0), 8)
    found = [asyncio.run(opened.generate(request)) for _ in range(2)]  # type: ignore[arg-type,var-annotated]
    assert ids_of(found[0]) == ids_of(found[1])
    asyncio.run(opened.aclose())


@pytest.mark.parametrize("part", ["fork", "add"])
async def test_no_request_waits_for_ever_where_mlx_fails(
    backend: Mlx, monkeypatch: pytest.MonkeyPatch, part: str
) -> None:
    came = await failing(backend, monkeypatch, part, "a bug")
    assert all(isinstance(error, BackendError) and error.is_fatal for error in came), came


async def test_what_there_is_no_memory_to_keep_is_not_kept(backend: Mlx, monkeypatch: pytest.MonkeyPatch) -> None:
    came = await failing(backend, monkeypatch, "add", "[metal::malloc] Unable to allocate 9 bytes.")
    assert all(isinstance(generation, Generation) and generation.token_ids for generation in came), came


async def failing(
    backend: Mlx, monkeypatch: pytest.MonkeyPatch, part: str, reason: str
) -> list[Generation | BaseException]:
    """What comes of six requests where a part of the cache of prefixes raises."""
    from thinkcurve_backends.mlx import worker

    def fail(*given: object) -> None:
        raise RuntimeError(reason)

    monkeypatch.setattr(worker.Prefixes, part, fail)
    asked = (backend.generate(asking(prompt_of(backend, number), 8)) for number in range(6))
    return await asyncio.wait_for(asyncio.gather(*asked, return_exceptions=True), 60)
