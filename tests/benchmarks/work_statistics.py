"""The statistics of a large run: ``work_statistics.py make|analyse FILE``.

``make`` writes a table of attempts of 1,954 problems x 8 budgets x 64 samples, 1,000,448 in all, with every column
that a run's table has: problems differ in difficulty, wrong answers gather on a few popular ones of each problem.
``analyse`` reads it back and computes the curve, and the surface of every k up to 64 by pass@k and maj@k with the best
uses of allowances on all axes; intervals from 2,000 resamples. It prints what each step took and the peak of memory.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
from measure import Clock, own_peak_mb

from thinkcurve.store import Attempt

N_PROBLEMS, N_SAMPLES = 1_954, 64
BUDGETS = (0, 128, 256, 512, 1024, 2048, 4096, 8192)
SAME = {
    "model": "made",
    "task": "made",
    "control": "truncate",
    "rung": "number",
    "reason": "",
    "ending": "closed",
    "thinking_source": "ids",
}


def make(path: Path, n_problems: int = N_PROBLEMS, seed: int = 0) -> None:
    """Write the table to ``path``."""
    import pandas as pd

    rng = np.random.default_rng(seed)
    n = n_problems * len(BUDGETS) * N_SAMPLES
    problem, sample, place = np.unravel_index(np.arange(n), (n_problems, N_SAMPLES, len(BUDGETS)))
    budget = np.array(BUDGETS)[place]
    ability = rng.normal(scale=1.5, size=n_problems)[problem] + 0.5 * place - 2
    is_right = rng.random(n) < 1 / (1 + np.exp(-ability))
    popular = np.minimum(rng.geometric(0.35, size=n), 12)
    thinking = np.minimum(budget, rng.exponential(1500, size=n).astype(int))
    said = np.where(is_right, 0, popular).astype(str).astype(object)
    prompt, answer = 60 + problem % 40, 20 + popular
    known = {
        "problem": np.char.add("made/test/", problem.astype(str)).astype(object),
        "index": problem,
        "level": problem % 5 + 1,
        "sample": sample,
        "budget": budget,
        "verdict": np.where(is_right, "correct", "incorrect").astype(object),
        "extracted": said,
        "is_forced": thinking == budget,
        "answer": "\\boxed{" + said + "}",
        "prompt_tokens": prompt,
        "thinking_tokens": thinking,
        "answer_tokens": answer,
        "generated_tokens": thinking + answer,
        "total_tokens": thinking + answer + prompt,
        "flops": 2e9 * (thinking + answer + prompt),
        "wall_s": (thinking + answer) / 50,
        "joules": (thinking + answer) * 0.3,
        "usd": (thinking + answer) * 6e-7,
    }
    rest = {name: SAME.get(name) for name in Attempt.__struct_fields__ if name not in known}
    flags = dict.fromkeys(("is_truncated_answer", "is_shared_answer"), False)
    columns = {**rest, **flags, **known}
    table = pd.DataFrame({name: columns[name] for name in Attempt.__struct_fields__}, index=np.arange(n))
    table.to_parquet(path, index=False)


def analyse(path: Path, n_resamples: int = 2_000) -> dict[str, float]:
    """What each step took, the peak of memory, and two figures that show that the work was done."""
    import pandas as pd

    from thinkcurve.analysis.basis.grid import grids_of
    from thinkcurve.analysis.curve import curves_of
    from thinkcurve.analysis.parallel.surface import surface_of

    imported_mb, clock, steps = own_peak_mb(), Clock(), {}
    last_s = 0.0

    def lap(name: str) -> None:
        nonlocal last_s
        now_s = clock.read()["wall_s"]
        steps[f"{name}_s"], last_s = now_s - last_s, now_s

    attempts = pd.read_parquet(path)
    lap("read")
    read_mb = own_peak_mb()
    (curve,) = curves_of(attempts, attempts.iloc[:0])
    lap("curve")
    (grid,) = grids_of(attempts)
    lap("grid")
    surface = surface_of(grid, n_resamples=n_resamples)
    lap("surface")
    return {
        "n": len(attempts),
        "accuracy": curve.points[-1].accuracy or 0.0,
        "n_cells": len(surface.cells),
        "n_allowances": sum(len(uses.allowances) for uses in surface.uses),
        **steps,
        **clock.read(),
        "imported_mb": imported_mb,
        "read_mb": read_mb,
        "peak_mb": own_peak_mb(),
    }


def main(what: str, path: str) -> None:
    if what == "make":
        make(Path(path))
    else:
        print(json.dumps(analyse(Path(path))))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
