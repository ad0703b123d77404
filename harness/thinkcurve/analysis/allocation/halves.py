"""Cross-fitting over samples: choose on one half of a problem's samples, score on the other.

What is chosen on the same answers that it is scored on looks better than it is (the winner's curse). Halves are drawn
at random, each serves once as the chooser and once as the judge, and figures are means over the splits.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import msgspec
import numpy as np

from thinkcurve.analysis.allocation.needs import is_ever_right, mean_costs, sufficient, token_uses
from thinkcurve.analysis.basis.axes import costs_of
from thinkcurve.analysis.basis.grid import Counts, Floats, Grid
from thinkcurve.analysis.basis.interval import Interval
from thinkcurve.analysis.basis.ratios import ratios
from thinkcurve.analysis.basis.resample import RESAMPLES


class Crossfit(msgspec.Struct, frozen=True):
    """b* chosen on one half of a problem's samples and tried on the other, over both halves of ``n_splits`` splits.

    ``right_at_chosen`` is the accuracy at b* of the samples that chose it, ``right_at_held_out`` that of the others:
    the difference is luck. ``overthinking`` and ``futile``, one a budget, are shares of all tokens as in
    `thinkcurve.analysis.allocation.uses.BudgetUse`, but only where the other half agrees: that b* is right, or that no
    budget is.
    """

    n_splits: int
    right_at_chosen: Interval
    right_at_held_out: Interval
    overthinking: tuple[Interval, ...]
    futile: tuple[Interval, ...]


@dataclass(frozen=True, eq=False)
class Half:
    """Of one half of the samples, shares of correct ones, mean costs and how many there are, each of shape (P, B)."""

    means: Floats
    costs: Floats
    drawn: Counts


def halves(grid: Grid, axis: str, *, n_splits: int = 20, seed: int = 0) -> Iterator[tuple[Half, Half]]:
    """Chooser and judge of each split, both ways round; none where no problem has two samples at a budget.

    Two samples can be split in one way only, so that there is one split. ``axis`` names the column of costs.
    """
    n_samples = len(grid.samples)
    if n_samples < 2 or grid.drawn.max(initial=0) < 2:
        return
    rng = np.random.default_rng(seed)
    costs = costs_of(grid, axis)
    for _ in range(1 if n_samples == 2 else n_splits):
        order = rng.permutation(n_samples)
        one, two = (_half(grid, costs, part) for part in np.array_split(order, 2))
        yield one, two
        yield two, one


def _half(grid: Grid, costs: Floats, samples: np.ndarray) -> Half:
    is_drawn = grid.is_drawn[:, :, samples]
    drawn, right = is_drawn.sum(axis=2), grid.is_correct[:, :, samples].sum(axis=2)
    means = np.divide(right, drawn, out=np.full(drawn.shape, np.nan), where=drawn > 0)
    return Half(means, mean_costs(costs[:, :, samples], is_drawn), drawn)


def crossfit(
    grid: Grid, *, axis: str, threshold: float, n_splits: int = 20, n_resamples: int = RESAMPLES, seed: int = 0
) -> Crossfit | None:
    """What of b* holds on samples that did not choose it; ``None`` where there are not two samples to split.

    ``axis`` names the column of costs.
    """
    sums: dict[str, Floats] = {}
    n = 0
    for chooser, judge in halves(grid, axis, n_splits=n_splits, seed=seed):
        n += 1
        for name, part in _tried(chooser, judge, threshold).items():
            sums[name] = sums.get(name, np.zeros(part.shape)) + part
    if not n:
        return None
    found = ratios(
        {
            "chosen": (sums["chosen"][:, None], sums["solved"][:, None]),
            "held_out": (sums["held_out"][:, None], sums["solved"][:, None]),
            "overthinking": (sums["overthinking"], sums["spent"]),
            "futile": (sums["futile"], sums["spent"]),
        },
        groups=grid.groups,
        n_resamples=n_resamples,
        seed=seed,
    )
    return Crossfit(
        n_splits=n // 2,
        right_at_chosen=found["chosen"][0],
        right_at_held_out=found["held_out"][0],
        overthinking=tuple(found["overthinking"]),
        futile=tuple(found["futile"]),
    )


def _tried(chooser: Half, judge: Half, threshold: float) -> dict[str, Floats]:
    """Numerators and denominators of one split: of shape (P,), and (P, B) those of tokens."""
    n_problems, n_budgets = judge.means.shape
    places = sufficient(chooser.means, threshold=threshold)
    at = (np.arange(n_problems), np.minimum(places, n_budgets - 1))
    is_solved = places < n_budgets
    is_judged = is_solved & ~np.isnan(judge.means[at])
    holds = is_judged & (judge.means[at] >= threshold)
    is_never = ~(is_ever_right(chooser.means, threshold=threshold) | is_ever_right(judge.means, threshold=threshold))
    uses = token_uses(judge.costs, chooser.means, threshold=threshold)
    tokens = {name: uses[name] * judge.drawn for name in ("overthinking", "futile", "spent")}
    # nothing drawn counts nothing; a cost that is unknown stays so
    is_empty = np.isnan(judge.means) | np.isnan(chooser.means).all(axis=1, keepdims=True)
    return {
        "chosen": np.where(is_judged, chooser.means[at], 0.0),
        "held_out": np.where(is_judged, judge.means[at], 0.0),
        "solved": is_judged.astype(float),
        "overthinking": np.where(holds[:, None] & ~is_empty, tokens["overthinking"], 0.0),
        "futile": np.where(is_never[:, None] & ~is_empty, tokens["futile"], 0.0),
        "spent": np.where(is_empty, 0.0, tokens["spent"]),
    }
