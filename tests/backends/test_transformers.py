"""transformers on a CPU: the ids of `generate`, whatever the company; every way to stop, forks, seeds, cancelling."""

import asyncio
import random
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch", reason='needs pip install "thinkcurve[transformers]"')
pytest.importorskip("accelerate", reason='needs pip install "thinkcurve[transformers]"')

sys.path.insert(0, str(Path(__file__).parent))
import torch
from checkpoints import tiny_folder

from thinkcurve.backend import Chat, Continuation, Generation, Request, Sampling, Stop
from thinkcurve.budget import Control
from thinkcurve.errors import BackendError
from thinkcurve.plugins import load_task
from thinkcurve.problem import Message
from thinkcurve_backends.transformers.backend import Transformers, open_backend

TASK = load_task("arithmetic")
PROBLEMS = list(TASK.problems())[:24]
ROWS = 6


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_folder(tmp_path_factory.mktemp("transformers") / "tiny")


@pytest.fixture(scope="module")
def opened(folder: Path) -> Iterator[Transformers]:
    found = open_backend(str(folder), threads=1, batch=ROWS, cache_gib=0.1)
    yield found
    asyncio.run(found.aclose())


@pytest.fixture
def backend(opened: Transformers) -> Transformers:
    """The same one for all tests, as if new."""
    opened.engine.store.clear()  # type: ignore[attr-defined]
    opened.engine.n_forward_tokens = 0
    return opened


@pytest.fixture(scope="module")
def reference(folder: Path) -> Any:
    """The same model as transformers itself runs it."""
    from transformers import AutoModelForCausalLM

    return AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()


def prompt_of(backend: Transformers, number: int) -> tuple[int, ...]:
    return backend.tokenizer.render(TASK.prompt(PROBLEMS[number]))


def generated(reference: Any, prompt: tuple[int, ...], n: int) -> tuple[int, ...]:
    """What `model.generate` gives for one prompt by itself, without the end of the turn."""
    ids = torch.tensor([prompt])
    with torch.inference_mode():
        out = reference.generate(ids, attention_mask=torch.ones_like(ids), max_new_tokens=n, do_sample=False)
    new = out[0, len(prompt) :].tolist()
    return tuple(new[: new.index(576)] if 576 in new else new)


def ids_of(generation: Generation) -> tuple[int, ...]:
    assert generation.token_ids is not None
    return generation.token_ids


async def ask(backend: Transformers, prompt: tuple[int, ...], n: int = 60, **more: Any) -> Generation:
    return await backend.generate(Request(Continuation(prompt), n, **more))


def test_model_info_comes_from_the_folder(backend: Transformers, folder: Path) -> None:
    model = backend.model
    assert (model.name, model.layers, model.width, model.context_tokens) == ("tiny", 4, 128, 1024)
    assert model.active_parameters == 926_976  # embedding tied to the output, so counted
    assert model.thinking is not None
    assert model.thinking.template_opens
    assert (model.notes, model.sampling) == ((), Sampling())
    assert backend.controls == {Control.TRUNCATE, Control.EXTEND, Control.PROMPT}
    assert backend.concurrency == ROWS


async def test_greedy_ids_are_those_of_generate_one_by_one(backend: Transformers, reference: Any) -> None:
    for number in range(4):
        prompt = prompt_of(backend, number)
        assert ids_of(await ask(backend, prompt, 80)) == generated(reference, prompt, 80)


@pytest.fixture(scope="module")
def ragged(opened: Transformers, reference: Any) -> list[tuple[tuple[int, ...], int, tuple[int, ...]]]:
    """20 prompts, how many tokens are asked for (3 to 117, in no order), and what `generate` gives for each alone."""
    limits = [3 + 6 * number for number in range(20)]
    random.Random(0).shuffle(limits)
    prompts = [prompt_of(opened, number) for number in range(20)]
    return [(p, n, generated(reference, p, n)) for p, n in zip(prompts, limits, strict=True)]


@pytest.mark.parametrize("worth_one_by_one", [0, 128, None])
async def test_greedy_ids_are_the_same_in_ragged_company(
    backend: Transformers, ragged: list[tuple[tuple[int, ...], int, tuple[int, ...]]], worth_one_by_one: int | None
) -> None:
    """20 requests over 6 places, attention for each row by itself or for all at once."""
    backend.engine.worth_one_by_one = worth_one_by_one  # type: ignore[attr-defined]
    came = await asyncio.gather(*(ask(backend, prompt, n) for prompt, n, _ in ragged))
    for (_, limit, expected), generation in zip(ragged, came, strict=True):
        assert ids_of(generation) == expected
        assert generation.stop is (Stop.LENGTH if len(expected) == limit else Stop.EOS)
        assert generation.text == backend.tokenizer.decode(expected)


async def test_an_answer_is_forked_from_its_trace(backend: Transformers) -> None:
    """No token of a prefix goes through the model twice; the last one of a prompt does, for its logits."""
    engine = backend.engine
    prompt = prompt_of(backend, 0)
    trace = await ask(backend, prompt, 40)
    n = len(ids_of(trace))
    assert n >= 12
    assert (trace.usage.cached_tokens, engine.n_forward_tokens) == (0, len(prompt) + n - (trace.stop is not Stop.EOS))
    for cut in (n - 3, n // 2, 4):
        joined = (*prompt, *ids_of(trace)[:cut], *backend.tokenizer.encode("</think>\\boxed{"))
        before = engine.n_forward_tokens
        answer = await ask(backend, joined, 3)
        cached = len(prompt) + cut
        assert answer.usage.cached_tokens == cached
        assert engine.n_forward_tokens - before == len(joined) - cached + len(ids_of(answer)) - (
            answer.stop is not Stop.EOS
        )
    again = await ask(backend, (*prompt, *ids_of(trace)[:9]), 31)
    assert ids_of(again) == ids_of(trace)[9:]
    assert again.usage.cached_tokens == len(prompt) + 8


async def test_samples_of_one_prompt_read_it_once(backend: Transformers) -> None:
    prompt = prompt_of(backend, 3) * 4
    came = await asyncio.gather(*(ask(backend, prompt, 1) for _ in range(5)))
    assert backend.engine.n_forward_tokens == len(prompt) + 4
    assert sorted(g.usage.cached_tokens or 0 for g in came) == [0, *[len(prompt) - 1] * 4]


async def test_without_a_cache_nothing_is_kept(folder: Path) -> None:
    backend = open_backend(str(folder), threads=1, cache_gib=0)
    prompt = prompt_of(backend, 0)
    assert [(await ask(backend, prompt, 5)).usage.cached_tokens for _ in range(2)] == [0, 0]
    await backend.aclose()


async def test_a_seed_gives_the_same_tokens_in_any_company(backend: Transformers) -> None:
    sampling = Sampling(1.5, top_p=0.98, top_k=50, min_p=0.001)
    alone = [await ask(backend, prompt_of(backend, n), 40, sampling=sampling, seed=n) for n in range(3)]
    others = [
        ask(backend, prompt_of(backend, n), 10 + 5 * n, sampling=Sampling(1.3), seed=100 + n) for n in range(3, 12)
    ]
    together = await asyncio.gather(
        *others[:4],
        *(ask(backend, prompt_of(backend, n), 40, sampling=sampling, seed=n) for n in range(3)),
        *others[4:],
    )
    assert [ids_of(g) for g in together[4:7]] == [ids_of(g) for g in alone]
    seeds = {ids_of(await ask(backend, prompt_of(backend, 0), 40, sampling=Sampling(2.0), seed=n)) for n in range(6)}
    assert len(seeds) > 1


async def test_temperature_zero_is_greedy_whatever_the_rest(backend: Transformers) -> None:
    plain = await ask(backend, prompt_of(backend, 1))
    odd = await ask(backend, prompt_of(backend, 1), sampling=Sampling(0.0, 0.1, 3, 0.5), seed=9)
    assert ids_of(odd) == ids_of(plain)


async def test_logprobs_are_those_of_a_plain_forward(backend: Transformers, reference: Any) -> None:
    prompt = prompt_of(backend, 2)
    asked = [ask(backend, prompt, 30, top_logprobs=3), ask(backend, prompt, 12, top_logprobs=0, sampling=Sampling(1.0))]
    for generation in await asyncio.gather(*asked, ask(backend, prompt_of(backend, 5), 25)):
        if generation.logprobs is None:
            continue
        ids = ids_of(generation)
        with torch.inference_mode():
            logs = reference(torch.tensor([(*prompt, *ids)])).logits[0].log_softmax(-1)
        for place, (token, value) in enumerate(zip(ids, generation.logprobs, strict=True)):
            assert value == pytest.approx(float(logs[len(prompt) + place - 1, token]), abs=1e-4)
        if generation.top_logprobs is None:
            continue
        for token, top in zip(ids, generation.top_logprobs, strict=True):
            assert len(top) == 3
            assert max(top, key=lambda key: top[key]) == token  # greedy


async def test_stop_ids_and_limits(backend: Transformers) -> None:
    prompt = prompt_of(backend, 0)
    whole = ids_of(await ask(backend, prompt))
    close = backend.tokenizer.encode("</think>")[0]
    stopped = await ask(backend, prompt, stop_ids=(close,))
    assert (ids_of(stopped), stopped.stop) == (whole[: whole.index(close)], Stop.STOP)
    short = await ask(backend, prompt, 4)
    assert (ids_of(short), short.stop) == (whole[:4], Stop.LENGTH)
    none = await ask(backend, prompt, 0)
    assert (ids_of(none), none.text, none.stop) == ((), "", Stop.LENGTH)


async def test_a_stop_text_may_cross_tokens(backend: Transformers) -> None:
    prompt = prompt_of(backend, 0)
    whole = await ask(backend, prompt, top_logprobs=0)
    text = whole.text
    for start in range(3, len(text) - 3, 5):
        wanted = text[start : start + 3]
        stopped = await ask(backend, prompt, stop=("never", wanted), top_logprobs=0)
        kept = ids_of(stopped)
        assert (stopped.text, stopped.stop) == (text[: text.index(wanted)], Stop.STOP)
        assert kept == ids_of(whole)[: len(kept)]
        assert stopped.logprobs is not None
        assert len(stopped.logprobs) == len(kept)
        assert stopped.text.startswith(backend.tokenizer.decode(kept))
        after = backend.tokenizer.decode(ids_of(whole)[: len(kept) + 1])
        assert len(after) > len(stopped.text)


async def test_the_context_is_filled_and_not_exceeded(folder: Path) -> None:
    backend = open_backend(str(folder), threads=1, context_tokens=64)
    assert backend.model.context_tokens == 64
    prompt = (prompt_of(backend, 0) * 5)[:60]
    full = await ask(backend, prompt, 10, top_logprobs=None)
    assert (len(ids_of(full)), full.stop) in ((4, Stop.CONTEXT), (len(ids_of(full)), Stop.EOS))
    for bad in ((prompt * 2)[:64], (), (10_000,), (-1,)):
        with pytest.raises(BackendError) as caught:
            await ask(backend, bad, 4)
        assert not caught.value.is_fatal
        assert not caught.value.is_retryable
    with pytest.raises(BackendError, match="chat request"):
        await backend.generate(Request(Chat((Message("user", "hi"),)), 4))
    await backend.aclose()


async def test_cancelled_requests_leave_their_places(backend: Transformers, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backend.scheduler, "_eos_ids", frozenset())  # nothing ends by itself
    running = [asyncio.create_task(ask(backend, (7,) * (5 + n), 900)) for n in range(2 * ROWS)]
    await asyncio.sleep(0.3)
    for task in running:
        task.cancel()
    assert all(isinstance(r, asyncio.CancelledError) for r in await asyncio.gather(*running, return_exceptions=True))
    assert len(ids_of(await asyncio.wait_for(ask(backend, prompt_of(backend, 0), 5), 20))) == 5
    for _ in range(100):
        if not backend.engine.rows:  # type: ignore[attr-defined]
            return
        await asyncio.sleep(0.05)
    raise AssertionError("cancelled rows are still in the batch")


def test_it_serves_several_event_loops_and_closes_twice(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    backend = open_backend(str(folder), threads=1)
    found = [ids_of(asyncio.run(ask(backend, prompt_of(backend, 0), 8))) for _ in range(2)]
    assert found[0] == found[1]

    monkeypatch.setattr(backend.scheduler, "_eos_ids", frozenset())

    async def closed_in_mid_run() -> list[Any]:
        tasks = [asyncio.create_task(ask(backend, (7,) * (5 + n), 900)) for n in range(30)]
        await asyncio.sleep(0.2)
        await backend.aclose()
        return await asyncio.gather(*tasks, return_exceptions=True)

    came = asyncio.run(closed_in_mid_run())
    assert all(isinstance(error, BackendError) and error.is_fatal for error in came)
    asyncio.run(backend.aclose())
    with pytest.raises(BackendError, match="closed") as caught:
        asyncio.run(ask(backend, (1, 2), 4))
    assert caught.value.is_fatal
