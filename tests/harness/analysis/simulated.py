"""Runs of models that are no models: what they get right and what they cost is drawn, so the truth is known."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from msgspec.structs import replace

from records import a_trace, an_attempt
from thinkcurve.budget import Control
from thinkcurve.problem import Verdict
from thinkcurve.run import Run
from thinkcurve.store import SCHEMA_VERSION, Failure, Manifest, ModelRecord, Records, TaskRecord
from thinkcurve.study import Study

LADDER = (0, 64, 256, 1024)


def a_run(
    model: str,
    right: Sequence[float],
    *,
    n: int = 40,
    budgets: Sequence[int | None] = LADDER,
    samples: int = 1,
    parameters: int | None = None,
    seed: int = 0,
    task: str = "sums",
    control: str = "truncate",
    skip: Sequence[int] = (),
    fail: Sequence[tuple[int, int | None]] = (),
    where: str = "runs/one",
    **record: object,
) -> Run:
    """A run in which a model is right with a given chance at each budget; a problem that is hard is so at all.

    Each token costs 2 FLOPs a parameter, unknown without ``parameters``. ``skip`` are problems that it does not have,
    ``fail`` (problem, budget) attempts that did not come about.
    """
    rng, hardness = np.random.default_rng(seed), np.random.default_rng(99).random(1000)
    records = Records()
    for index in (i for i in range(n) if i not in skip):
        for sample in range(samples):
            records.add(replace(a_trace(index, sample), model=model, task=task))
            luck = 0.7 * hardness[index] + 0.3 * rng.random()
            for budget, chance in zip(budgets, right, strict=True):
                if (index, budget) in fail:
                    records.add(Failure(model, task, f"t/test/{index}", sample, budget, control, "answer", "HTTP 500"))
                    continue
                tokens = min(2000 if budget is None else budget, 20 + int(3000 * hardness[index] ** 2))
                flops = None if parameters is None else 2.0 * parameters * (60 + tokens)
                base = an_attempt(index, budget, Verdict.CORRECT if luck < chance else Verdict.INCORRECT, sample)
                costs = {"thinking_tokens": tokens, "generated_tokens": tokens + 10, "total_tokens": tokens + 60}
                records.add(replace(base, model=model, task=task, control=control, flops=flops, **costs))
    known = {} if parameters is None else {"active_parameters": parameters}
    manifest = Manifest(
        SCHEMA_VERSION,
        Study(models=(model,), tasks=(task,), budgets=tuple(budgets), control=Control(control), samples=samples),
        (ModelRecord(model, {"name": model.rpartition(":")[2], **known}),),
        (replace(TaskRecord(task, "1", n - len(skip), f"{n}{skip}"), **record),),
        (),
    )
    return Run(Path(where), manifest, records)


def a_family(n: int = 60) -> list[Run]:
    """Three sizes of a family, each better than the last, and a model of another whose size is not told."""
    return [
        a_run("hf:org/Fam-1B", (0.1, 0.2, 0.35, 0.45), n=n, parameters=10**9, seed=1, where="runs/small"),
        a_run("hf:org/Fam-4B", (0.2, 0.4, 0.55, 0.6), n=n, parameters=4 * 10**9, seed=2, where="runs/middle"),
        a_run("hf:org/Fam-8B", (0.3, 0.5, 0.7, 0.8), n=n, parameters=8 * 10**9, seed=3, where="runs/large"),
        a_run("openai:other", (0.2, 0.4, 0.6, 0.7), n=n, seed=4, where="runs/other"),
    ]
