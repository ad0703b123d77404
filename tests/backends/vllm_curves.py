"""What the two real suites compare: one greedy curve under two controls, and from one trace or from separate ones."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from thinkcurve import Study, sweep
from thinkcurve.backend import Backend, Continuation, Request
from thinkcurve.budget import Control
from thinkcurve.problem import Message

BUDGETS = (0, 1, 16, 64, 256, None)
N_PROBLEMS = 20
BLOCK = 32
"""Tokens in a block of the cache, as these suites start vLLM."""


def curve_of(backend: Backend, folder: Path, **fields: Any) -> tuple[Any, Any]:
    """Attempts and traces, as tables, of a greedy run of `arithmetic`; the backend stays open."""
    fields = {"budgets": BUDGETS, "temperature": 0.0, "answer_tokens": 64, **fields}
    study = Study(models=("it",), tasks=("arithmetic",), limit=N_PROBLEMS, **fields)
    run = sweep(study, folder, backends={"it": backend})
    return run.attempts, run.traces


def answers_of(attempts: Any) -> dict[tuple[str, str], tuple[list[int], int, str]]:
    """Answer ids, thinking tokens and verdict by problem and budget."""
    return {
        (row.problem, str(row.budget)): (list(row.answer_ids), row.thinking_tokens, row.verdict)
        for row in attempts.itertuples()
    }


def assert_server_is_truncate(backend: Backend, folder: Path) -> None:
    """Greedy, the engine's own budgets give the ids of ours: thinking and answers, budget 0 included."""
    cut, whole = curve_of(backend, folder / "truncate")
    served, own = curve_of(backend, folder / "server", control=Control.SERVER)
    assert len(answers_of(cut)) == N_PROBLEMS * len(BUDGETS)
    assert answers_of(served) == answers_of(cut)
    traces = {row.problem: list(row.token_ids) for row in whole.itertuples()}
    assert len(own) == N_PROBLEMS * len(BUDGETS)
    for row in own.itertuples():
        assert list(row.token_ids) == traces[row.problem][: len(row.token_ids)]
    assert cut.is_forced.any()
    assert not cut.is_forced.all()


def assert_one_trace_is_separate_traces(backend: Backend, folder: Path) -> None:
    """Greedy, one trace cut at every budget gives what a trace for each budget gives, and costs less."""
    shared, one = curve_of(backend, folder / "shared")
    apart, many = curve_of(backend, folder / "separate", traces="separate")
    assert answers_of(apart) == answers_of(shared)
    assert one.generated_spent.sum() < many.generated_spent.sum()


def assert_prefixes_come_from_the_cache(backend: Backend) -> None:
    """The engine's own count: all whole blocks of a prompt that it has seen, thinking included."""
    assert backend.tokenizer is not None
    text = "Start with 5. " + " ".join(f"Do +{n}." for n in range(60)) + " What is the result?"
    prompt = backend.tokenizer.render([Message("user", text)])

    async def ask(ids: tuple[int, ...], n: int) -> Any:
        return await backend.generate(Request(Continuation(ids), n))

    async def both() -> tuple[Any, Any]:
        first = await ask(prompt, 40)
        return first, await ask(prompt + first.token_ids, 4)

    first, second = asyncio.run(both())
    assert first.usage.cached_tokens < len(prompt)
    known = len(prompt) + len(first.token_ids) - 1  # the last token was chosen and never read
    assert second.usage.prompt_tokens == known + 1
    assert second.usage.cached_tokens >= known // BLOCK * BLOCK > 0
