"""Two runs of models that are no models, as a gate sees them: the truth of each is known."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import ndtr

from thinkcurve.analysis.basis.grid import CORRECT, INCORRECT, Grid
from thinkcurve.analysis.comparison.matches import Match
from thinkcurve.analysis.gate.pair import Pair, pair_of

LADDER = (64, 256, 1024)
RISE = (0.5, 0.8, 1.0)
"""What share of a problem's best chance each budget gives."""

Floats = NDArray[np.float64]


def a_grid(chances: Floats, rng: np.random.Generator, samples: int, *, dearer: float = 1.0, model: str = "m") -> Grid:
    """Samples that are right with ``chances`` of shape (P, B), one trace a sample: what a budget solves a larger one
    mostly does too. A trace's tokens are log-normal, hard problems think longer, and ``dearer`` is a factor on them."""
    n, n_budgets = chances.shape
    luck = 0.9 * rng.standard_normal((n, 1, samples)) + 0.19**0.5 * rng.standard_normal((n, n_budgets, samples))
    right = ndtr(luck) < chances[..., None]
    length = 800 * dearer * np.exp(0.5 * rng.standard_normal((n, 1, samples)) + 1 - chances[:, -1:, None])
    tokens = np.minimum(length, np.array(LADDER[:n_budgets], dtype=float)[None, :, None])
    attempts = pd.DataFrame(
        {"thinking_tokens": tokens.ravel(), "answer": "", "total_tokens": length.repeat(n_budgets, 1).ravel()}
    )
    rows = np.arange(tokens.size).reshape(tokens.shape)
    return Grid(
        model,
        "sums",
        "truncate",
        tuple(f"sums/test/{i}" for i in range(n)),
        LADDER[:n_budgets],
        tuple(range(samples)),
        np.where(right, CORRECT, INCORRECT).astype(np.int8),
        rows,
        attempts,
    )


def a_pair(
    seed: int, losses: Sequence[float] = (0, 0, 0), *, n: int = 200, samples: int = 4, dearer: float = 1.0
) -> Pair:
    """Base and new over problems whose best chance is from Beta(2, 1); new loses so much on average at each budget.

    What new loses differs from problem to problem: it is in proportion to the chance there is, and to a draw.
    """
    rng = np.random.default_rng(seed)
    best = rng.beta(2, 1, n)
    chances = best[:, None] * np.array(RISE[: len(losses)])
    hit = 2 * rng.random((n, 1))  # mean 1, whoever the problem
    mean = np.array(RISE[: len(losses)]) * 2 / 3
    new = chances * (1 - hit * np.array(losses) / mean)
    grids = a_grid(chances, rng, samples), a_grid(new, rng, samples, dearer=dearer)
    return pair_of(Match(*grids, is_same_seed=False, notes=()))
