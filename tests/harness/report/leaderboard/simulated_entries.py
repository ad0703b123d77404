"""Entries of models that are no models: their curves are drawn, without an attempt, so that a large site is quick."""

from __future__ import annotations

import hashlib

import numpy as np

from thinkcurve.analysis.basis.accuracy import accuracy
from thinkcurve.analysis.curve import Curve, Point
from thinkcurve.analysis.ranking.counts import Counts
from thinkcurve.report.leaderboard.entry import Entry, Model, Task

LADDER = (0, 64, 128, 256, 512, 1024)


def an_entry(
    model: str = "org/Model-1B",
    task: str = "sums",
    *,
    skill: float = 0.5,
    n: int = 50,
    samples: int = 2,
    seed: int = 0,
    parameters: int | None = 10**9,
    budgets: tuple[int | None, ...] = LADDER,
    has_tokens: bool = True,
    control: str = "truncate",
    run: str = "run",
    engine: str = "engine 1.0",
    notes: tuple[str, ...] = (),
) -> Entry:
    """One curve: a model whose accuracy rises with log tokens to ``skill``, on problems of differing hardness."""
    rng, hardness = np.random.default_rng(seed), np.random.default_rng(7).normal(0, 0.15, n)
    steps = np.linspace(0.2, 1.0, len(budgets))
    right = rng.binomial(samples, np.clip(skill * steps[None, :] + hardness[:, None], 0, 1))
    asked = np.array([2048.0 if budget is None else budget for budget in budgets])
    tokens = np.minimum(asked, 40 + 900 * rng.random((n, 1))) * samples
    costs = {"thinking_tokens": tokens, "generated_tokens": tokens + 12.0 * samples} if has_tokens else {}
    if parameters and has_tokens:
        costs["flops"] = 2.0 * parameters * (tokens + 60)
    counts = Counts(
        tuple(f"{task}/test/{i}" for i in range(n)),
        budgets,
        tuple(map(tuple, right.tolist())),
        ((samples,) * len(budgets),) * n,
        {axis: tuple(map(tuple, table.tolist())) for axis, table in costs.items()},
    )
    points = tuple(_point(counts, b, samples, costs) for b in range(len(budgets)))
    return Entry(
        key=f"{_number(model, task, control, run, seed):012x}"[:12],
        run=run,
        model=Model(model, f"hf:{model}", f"f{_number(model):x}"[:12], engine, "main", "", parameters),
        task=Task(task, "1", "196cb3bd13f8d665", n, "drawn here", "", "Apache-2.0"),
        curve=Curve(model, task, control, "accuracy", points),
        counts=counts,
        settings={"samples": samples, "seed": seed, "temperature": 0.7},
        versions={"thinkcurve": "0.1.0"},
        hardware={"system": "Linux"},
        verifier={"sympy": "1.14.0"},
        started="2026-11-22T10:00:00+00:00",
        finished="2026-11-22T11:00:00+00:00",
        notes=notes,
    )


def _number(*parts: object) -> int:
    """The same number for the same parts, on every run."""
    return int.from_bytes(hashlib.sha256(repr(parts).encode()).digest()[:8], "big")


def _point(counts: Counts, b: int, samples: int, costs: dict[str, np.ndarray]) -> Point:
    n = len(counts.problems)
    found = accuracy([row[b] for row in counts.right], [row[b] for row in counts.drawn])
    of = {axis: float(table[:, b].mean() / samples) for axis, table in costs.items()}
    return Point(
        budget=counts.budgets[b],
        accuracy=found.mean,
        ci_low=found.ci_low,
        ci_high=found.ci_high,
        se=found.se,
        n_problems=n,
        n_samples=samples,
        n_attempts=n * samples,
        forced=n * samples // (b + 1) if b < 3 else 3,
        truncated_answers=0,
        no_answer=1,
        unverified=0,
        failures=0,
        thinking_tokens=of.get("thinking_tokens"),
        generated_tokens=of.get("generated_tokens"),
        flops=of.get("flops"),
        **dict.fromkeys(("answer_tokens", "total_tokens", "wall_s", "joules", "usd")),  # type: ignore[arg-type] # None
    )


def many(n_models: int, n_tasks: int) -> list[Entry]:
    """A site's worth of entries: every model on every task."""
    rng = np.random.default_rng(1)
    skills = rng.uniform(0.2, 0.95, n_models)
    families = ("Alder", "Birch", "Cedar", "Dogwood", "Elm")
    return [
        an_entry(
            f"{families[m % 5]}/{families[m % 5]}-{1 + m // 5}B",
            f"task-{t:02d}",
            skill=float(np.clip(skills[m] - 0.02 * t, 0.05, 1)),
            seed=1000 * m + t,
            parameters=(1 + m // 5) * 10**9,
            run=f"run-{m:03d}",
        )
        for m in range(n_models)
        for t in range(n_tasks)
    ]
