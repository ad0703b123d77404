"""Menus of a router, from answers written out and as arrays."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from thinkcurve.analysis.allocation.menu import Menu, Step
from thinkcurve.analysis.basis.grid import Grid, grids_of

NAN = np.nan


def grid_of(answers: dict[str, list[list[str]]], *, model: str = "m", right: str = "1", **columns: Any) -> Grid:
    """A grid of answers by problem, sample and budget; ``right`` is correct, an empty string is no attempt."""
    cells = [
        (problem, sample, 64 * place, answer)
        for problem, lines in answers.items()
        for sample, line in enumerate(lines)
        for place, answer in enumerate(line)
        if answer
    ]
    thinking = [float(budget) for _, _, budget, _ in cells]
    table = pd.DataFrame(
        {
            "model": model,
            "task": "t",
            "control": "truncate",
            "problem": [p for p, *_ in cells],
            "sample": [s for _, s, *_ in cells],
            "budget": pd.array([b for _, _, b, _ in cells], dtype="Int64"),
            "verdict": ["correct" if a == right else "incorrect" for *_, a in cells],
            "extracted": [a for *_, a in cells],
            "rung": "number/plain",
            "is_forced": [b < 100 for _, _, b, _ in cells],
            "thinking_tokens": thinking,
            "generated_tokens": [t + 10 for t in thinking],
            **columns,
        }
    )
    (found,) = grids_of(table)
    return found


def menu(value: Any, cost: Any, signal: Any, **changed: Any) -> Menu:
    """A menu of arrays of shape (P, n), one trial each, whose steps start anew."""
    parts = [np.asarray(part, dtype=float)[:, None, :] for part in (value, cost, signal)]
    n_problems, _, n = parts[0].shape
    fields: dict[str, Any] = {
        "signal_name": "agreement",
        "axis": "generated_tokens",
        "steps": tuple(Step(0, "m", "truncate", i) for i in range(n)),
        "problems": tuple(map(str, range(n_problems))),
        "levels": None,
        "groups": None,
        "n_left_out": 0,
        "thinking": np.zeros((n_problems, 1, n, 1)),
    }
    return Menu(value=parts[0], cost=parts[1], signal=parts[2], **(fields | changed))


def noisy(n_problems: int = 40, n_samples: int = 3, seed: int = 0) -> Grid:
    """Three budgets whose samples agree the more, the more often they are right."""
    rng = np.random.default_rng(seed)
    chances = rng.random(n_problems)[:, None] * np.array([0.4, 0.8, 1.0])
    return grid_of(
        {
            str(p): [[str(1 if rng.random() < c else rng.integers(2, 6)) for c in chances[p]] for _ in range(n_samples)]
            for p in range(n_problems)
        }
    )
