"""The best use of a compute allowance: one long sample, many short ones, or a mix of both.

An allowance is the most that one problem may cost on average. A cell (budget, k) fits it where k times the mean cost
alone at that budget is no more. Three ways to spend it differ in the cells that they may take: ``sequential`` one
sample at any budget, ``parallel`` any number of samples at the smallest budget, ``mix`` any cell. Snell et al. 2024
(arXiv 2408.03314) compare the same three.

The best cell is chosen by the accuracies of the very problems that it is then scored on, so its accuracy is
flattered, and the mix, with the most cells to choose from, the most. So there is a cross-fitted figure too: chosen on
one half of the problems, scored on the other; half the problems choose less well, so it errs low (by up to .02 in
the simulations below).

Intervals choose anew in each resample. In 600 simulated studies of 100 problems, 4 samples and three budgets (the slow
test of this module makes 200 of them) those of 95 % held the best accuracy that was truly there in 91 to 95 % of the
studies, and the gain in 92 % and more, but only in 84 to 86 % at an allowance at which two cells are all but equally
good: there the choice is noise, and BCa takes off too much for it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from thinkcurve.analysis.basis.grid import Counts, Floats, units_of
from thinkcurve.analysis.basis.resample import FEWEST, RESAMPLES, Estimate, bootstrap, mean_over, ratio_over

STRATEGIES = ("sequential", "parallel", "mix")
REGIONS = {
    "sequential": (slice(None), slice(0, 1)),
    "parallel": (slice(0, 1), slice(None)),
    "mix": (slice(None), slice(None)),
}
"""The budgets and the ks that each strategy may take."""
SPLITS = 50
"""Halvings of the problems that a cross-fitted figure is the mean of."""
MOST_ALLOWANCES = 24
"""Steps of a ladder: a cell that costs 16 million times the cheapest is beyond any comparison."""
_SLACK = 1e-9
"""What a cost may be above an allowance by rounding; accuracies so close are one, and the cheaper cell is taken."""


@dataclass(frozen=True, eq=False)
class Scored:
    """What P problems score with k samples at B budgets, and what their samples cost.

    ``scores`` of shape (P, B, K): the accuracy of each problem, NaN where a cell is unknown (then for all problems);
    ``ks`` of shape (K,), ascending from 1; ``spent``: the summed cost of a problem's samples at each budget on each
    axis, of shape (P, B), NaN where unknown; ``drawn``: how many samples those are. Each problem has samples at each
    budget. ``groups`` of shape (P,) are the outer groups, if there are any.
    """

    scores: Floats
    ks: Counts
    spent: Mapping[str, Floats]
    drawn: Counts
    groups: NDArray[Any] | None = None

    @cached_property
    def is_known(self) -> NDArray[np.bool_]:
        """Which cells are known, of shape (B, K)."""
        known: NDArray[np.bool_] = np.isnan(self.scores).sum(axis=0) == 0
        return known

    def accuracies(self, weights: Floats) -> Floats:
        """Accuracy of each cell under weights of shape (R, P): (R, B, K)."""
        found = np.full((len(weights), *self.is_known.shape), np.nan)
        found[:, self.is_known] = mean_over(weights, self._known_scores)
        return found

    def costs(self, weights: Floats, axis: str) -> Floats:
        """Mean cost of one sample at each budget, sums over sums: (R, B)."""
        return ratio_over(weights, self.spent[axis], self.drawn.astype(float))

    @cached_property
    def _known_scores(self) -> Floats:
        return self.scores[:, self.is_known]


@dataclass(frozen=True, eq=False)
class BestUse:
    """The best cells at A allowances of one axis, in the order of `STRATEGIES`.

    ``cells`` of shape (A, 3, 2) holds the places of budget and k, -1 where nothing fits. ``accuracy`` has arrays of
    shape (A, 3), ``gain`` (mix less sequential) of shape (A,). ``held_out`` and ``held_out_gain`` are their
    cross-fitted figures, NaN where too few halves have a cell that fits.
    """

    allowances: Floats
    cells: NDArray[np.int64]
    accuracy: Estimate
    gain: Estimate
    held_out: Floats
    held_out_gain: Floats


def ladder(prices: Floats) -> Floats:
    """Powers of two from the cheapest cell that costs anything to the first that pays for every cell.

    ``prices`` are the costs of cells, of any shape. Empty where one is unknown, or all are 0.
    """
    if np.isnan(prices).any() or not (prices > 0).any():
        return np.empty(0)
    low = np.ceil(np.log2(prices[prices > 0].min()) - _SLACK)
    high = np.ceil(np.log2(prices.max()) - _SLACK)
    return 2.0 ** np.arange(low, high + 1)[:MOST_ALLOWANCES]


def best_uses(scored: Scored, *, n_resamples: int = RESAMPLES, n_splits: int = SPLITS, seed: int = 0) -> list[BestUse]:
    """The best use of each step of a ladder of allowances, for each axis of ``scored.spent``, in its order.

    Intervals are BCa over problems (or groups), ``n_resamples`` joint over axes, allowances and strategies: each
    resample has its own accuracies and costs, and its own best cells.
    """
    everyone = np.ones((1, len(scored.scores)))
    prices = {axis: scored.costs(everyone, axis)[0][:, None] * scored.ks for axis in scored.spent}
    ladders = {axis: ladder(of_cells[scored.is_known]) for axis, of_cells in prices.items()}
    ends = np.cumsum([len(steps) for steps in ladders.values()])
    if not ends.size or not ends[-1]:
        return [_nothing(steps) for steps in ladders.values()]

    def statistic(weights: Floats) -> Floats:
        best = _running_best(scored.accuracies(weights))
        parts = [_best(best, scored.costs(weights, axis), scored.ks, steps) for axis, steps in ladders.items()]
        found = np.concatenate(parts, axis=1)
        return np.concatenate([found, found[..., 2:] - found[..., :1]], axis=2)

    estimate = bootstrap(statistic, len(scored.scores), groups=scored.groups, n_resamples=n_resamples, seed=seed)
    halves = _halves(scored, n_splits, seed)
    uses = []
    for (axis, steps), end in zip(ladders.items(), ends, strict=True):
        part = slice(int(end) - len(steps), int(end))
        cells = _choices(scored.accuracies(everyone), scored.costs(everyone, axis), scored.ks, steps)[0]
        held_out, held_out_gain = _cross_fitted(scored, halves, axis, steps)
        accuracy, gain = _part(estimate, (part, slice(0, 3))), _part(estimate, (part, 3))
        uses.append(BestUse(steps, cells, accuracy, gain, held_out, held_out_gain))
    return uses


def _running_best(accuracies: Floats) -> dict[str, Floats]:
    """For each strategy the best accuracy of each budget with up to k samples, of shape (R, budgets, ks)."""
    return {name: np.fmax.accumulate(accuracies[:, budgets, ks], axis=2) for name, (budgets, ks) in REGIONS.items()}


def _best(best: Mapping[str, Floats], costs: Floats, ks: Counts, allowances: Floats) -> Floats:
    """The accuracy of the best cell that fits, for costs of shape (R, B): (R, A, 3), NaN where none fits."""
    found = np.empty((len(costs), len(allowances), len(REGIONS)))
    for place, (name, (budgets, k_part)) in enumerate(REGIONS.items()):
        n_fit = _n_fit(costs[:, budgets], ks[k_part], allowances)  # (R, budgets, A)
        reached = np.take_along_axis(best[name], np.maximum(n_fit - 1, 0), axis=2)
        found[..., place] = np.fmax.reduce(np.where(n_fit > 0, reached, np.nan), axis=1)
    return found


def _n_fit(costs: Floats, ks: Counts, allowances: Floats) -> NDArray[np.int64]:
    """How many of the ks an allowance pays for, for costs of shape (R, B): (R, B, A); 0 where the cost is unknown."""
    most = np.full((*costs.shape, len(allowances)), np.inf)
    np.divide(allowances * (1 + _SLACK), costs[..., None], out=most, where=costs[..., None] != 0)
    return np.where(np.isnan(most), 0, np.searchsorted(ks, most, side="right"))


def _choices(accuracies: Floats, costs: Floats, ks: Counts, allowances: Floats) -> NDArray[np.int64]:
    """The places (budget, k) of the best cells that fit, of shape (R, A, 3, 2): the cheapest of equals; -1 for none."""
    n, n_budgets, n_ks = accuracies.shape
    flat = (n, n_budgets * n_ks)
    prices = costs[:, :, None] * ks
    found = np.full((n, len(allowances), len(REGIONS), 2), -1, dtype=np.int64)
    for a, allowance in enumerate(allowances):
        is_fit = (prices <= allowance * (1 + _SLACK)) & ~np.isnan(accuracies)
        for place, region in enumerate(REGIONS.values()):
            is_open = np.zeros(is_fit.shape, dtype=bool)
            is_open[:, *region] = is_fit[:, *region]
            score = np.where(is_open, accuracies, -np.inf).reshape(flat)
            is_best = is_open.reshape(flat) & (score >= score.max(axis=1, keepdims=True) - _SLACK)
            cell = np.where(is_best, prices.reshape(flat), np.inf).argmin(axis=1)
            chosen = np.stack([cell // n_ks, cell % n_ks], axis=1)
            found[:, a, place] = np.where(is_best.any(axis=1)[:, None], chosen, -1)
    return found


def _halves(scored: Scored, n_splits: int, seed: int) -> Floats:
    """Weights of both halves of ``n_splits`` halvings of the problems (of the groups), of shape (2, splits, P)."""
    n_problems = len(scored.scores)
    groups = scored.groups
    units = units_of(n_problems, groups)
    n_units = int(units.max()) + 1
    rng = np.random.default_rng(seed)
    order = np.argsort(rng.random((n_splits if n_units > 1 else 0, n_units)), axis=1)
    is_first = np.zeros(order.shape, dtype=bool)
    np.put_along_axis(is_first, order[:, : n_units // 2], True, axis=1)
    one = is_first[:, units]
    return np.stack([one, ~one]).astype(float)


def _cross_fitted(scored: Scored, halves: Floats, axis: str, allowances: Floats) -> tuple[Floats, Floats]:
    """Accuracy of cells chosen on one half and scored on the other, (A, 3), and the gain of the mix, (A,)."""
    accuracies = [scored.accuracies(half) for half in halves]
    scores = []
    for own, other in ((0, 1), (1, 0)):
        costs = scored.costs(halves[own], axis)
        cells = _choices(accuracies[own], costs, scored.ks, allowances)
        rows = np.arange(len(cells))[:, None, None]
        there = accuracies[other][rows, cells[..., 0], cells[..., 1]]
        scores.append(np.where(cells[..., 0] >= 0, there, np.nan))
    both = np.concatenate(scores)
    return _mostly(both), _mostly(both[..., 2] - both[..., 0])


def _mostly(values: Floats) -> Floats:
    """The mean of each column, NaN where less than `FEWEST` of it is known."""
    is_known = ~np.isnan(values)
    n = is_known.sum(axis=0)
    means = np.divide(np.nansum(values, axis=0), n, out=np.full(n.shape, np.nan), where=n > 0)
    return np.where(n >= max(1.0, FEWEST * len(values)), means, np.nan)


def _part(estimate: Estimate, at: Any) -> Estimate:
    return Estimate(estimate.value[at], estimate.low[at], estimate.high[at], estimate.se[at], estimate.n_undefined[at])


def _nothing(steps: Floats) -> BestUse:
    """Of an axis without a ladder."""
    accuracy, gain = (Estimate(x, x, x, x, x.astype(np.int64)) for x in (np.empty((0, 3)), np.empty(0)))
    return BestUse(steps, np.empty((0, 3, 2), dtype=np.int64), accuracy, gain, accuracy.value, gain.value)
