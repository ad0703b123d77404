"""Runs of which the truth is known: ladders of four budgets on shared traces, as the arrays that analyses take."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from worlds import Floats

from thinkcurve.analysis.basis.grid import Grid

LADDER = (64, 256, 1024, 4096)
MANY = 400_000
"""Problems that truths of ladders are averaged over: the error is a twentieth of a study's of 1,000 problems."""
PART = 50_000
"""Problems that are drawn at once."""


@dataclass(frozen=True, eq=False)
class Ladder:
    """Attempts of one model: ``right`` and ``spent`` (thinking tokens), both of shape (problems, budgets, samples)."""

    right: NDArray[np.bool_]
    spent: Floats

    @property
    def means(self) -> Floats:
        """Accuracy of each problem at each budget, of shape (problems, budgets)."""
        return self.right.mean(axis=2)

    @property
    def costs(self) -> Floats:
        """Mean tokens of each problem at each budget, of shape (problems, budgets)."""
        return self.spent.mean(axis=2)

    def grid(
        self,
        model: str = "model",
        budgets: Sequence[int] = LADDER,
        *,
        levels: NDArray[Any] | None = None,
        of_task: NDArray[np.int64] | None = None,
    ) -> Grid:
        """The grid of these attempts. ``levels`` of shape (problems,) are written beside them, and ``of_task`` says
        which problems of the task these are, where they are not the first."""
        shape = self.right.shape
        columns: dict[str, Any] = {"thinking_tokens": self.spent.reshape(-1)}
        if levels is not None:
            columns["level"] = np.repeat(levels, shape[1] * shape[2])
        numbers = np.arange(shape[0]) if of_task is None else of_task
        return Grid(
            model,
            "task",
            "truncate",
            tuple(f"p{number}" for number in numbers),
            tuple(budgets),
            tuple(range(shape[2])),
            self.right.astype(np.int8),
            np.arange(self.right.size).reshape(shape),
            pd.DataFrame(columns),
        )


def two_models(
    rng: np.random.Generator, n: int, n_samples: int, budgets: Sequence[int] = LADDER
) -> tuple[Ladder, Ladder]:
    """Two models on n problems. The second needs two thirds of the thinking, and both find the same problems hard.

    What a problem needs is log-normal; a trace that got there costs no more.
    """
    hard, chance = rng.normal(6, 1.1, n), rng.beta(4, 1, n)[:, None]
    found = []
    for pace in (1, 2 / 3):
        own = np.exp(hard + rng.normal(0, 0.5, n))[:, None]
        needed = pace * own * np.exp(rng.normal(0, 0.5, (n, n_samples)))
        is_able = rng.random((n, n_samples)) < chance
        right = np.stack([(needed <= b) & is_able for b in budgets], axis=1)
        found.append(Ladder(right, np.stack([np.minimum(needed, b) for b in budgets], axis=1)))
    return found[0], found[1]


@cache
def many(n_samples: int) -> tuple[Ladder, Ladder]:
    """Both models on very many problems."""
    parts = [two_models(np.random.default_rng((7, n_samples, i)), PART, n_samples) for i in range(MANY // PART)]
    return tuple(  # type: ignore[return-value]  # two of them
        Ladder(np.concatenate([p[i].right for p in parts]), np.concatenate([p[i].spent for p in parts]))
        for i in range(2)
    )


@cache
def true_curves() -> tuple[tuple[Floats, Floats], tuple[Floats, Floats]]:
    """Tokens and accuracies of both models at each budget, each of shape (budgets,)."""
    first, second = ((model.costs.mean(axis=0), model.means.mean(axis=0)) for model in many(1))
    return first, second


def line(rng: np.random.Generator, n: int, n_samples: int, chances: Floats, budgets: Sequence[int]) -> Ladder:
    """Attempts with given chances, of shape (n, budgets), where all thinking is as long as its budget.

    Of one sample the same luck serves all budgets, as on a shared trace.
    """
    luck = rng.random((n, 1, n_samples))
    spent = np.broadcast_to(np.asarray(budgets, dtype=float)[None, :, None], (n, len(budgets), n_samples))
    return Ladder(luck < chances[:, :, None], spent)
