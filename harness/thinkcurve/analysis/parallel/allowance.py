"""The best use of a compute allowance: one sample that thinks long, many full ones, or a mix of both.

An allowance is the most that one problem may cost on average. A cell (budget, k) fits it where k times the mean cost
alone at that budget is no more. Three ways to spend it differ in the cells that they may take: ``sequential`` one
sample at any budget, ``parallel`` any number of full samples, those of the largest budget (or the natural end), ``mix``
any number at any budget. An allowance that pays for no full sample leaves nothing to ``parallel``.

Snell et al. 2024 (arXiv 2408.03314) ask how to split an allowance between sequential and parallel compute. Their
sequential samples are revisions of earlier answers, and their mixes so many chains of so many revisions: that is
theirs, and not measured here, where no sample sees another.

What a sample costs is a mean over the problems too, and drawn anew in each resample with what they score: of few
problems nobody knows well what an allowance pays for. The best cell is chosen by the accuracies of the very problems
that it is then scored on, so its accuracy is flattered, and the mix, with the most cells to choose from, the most. So
there is a cross-fitted figure too: chosen on one half of the problems, scored on the other; half the problems choose
less well, so it errs low (by up to .02 in the simulations below).

Intervals choose anew in each resample: they are of the best at an allowance, not of the cell that was chosen. They
are BCa as they are here; `thinkcurve.analysis.parallel.chosen` says why that is not enough, and widens them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from thinkcurve.analysis.basis.grid import Counts, Floats, units_of
from thinkcurve.analysis.basis.resample import FEWEST, RESAMPLES, Estimate, bootstrap, mean_over

STRATEGIES = ("sequential", "parallel", "mix")
REGIONS = {
    "sequential": (slice(None), slice(0, 1)),
    "parallel": (slice(-1, None), slice(None)),
    "mix": (slice(None), slice(None)),
}
"""The budgets and the ks that each strategy may take."""
SPLITS = 50
"""Halvings of the problems that a cross-fitted figure is the mean of."""
MOST_ALLOWANCES = 24
"""Allowances of one axis: a cell that costs 16 million times the cheapest is beyond any comparison."""
_SLACK = 1e-9
"""What a cost may be above an allowance by rounding; accuracies so close are one, and the cheaper cell is taken."""


@dataclass(frozen=True, eq=False)
class Scored:
    """What P problems score with k samples at B budgets, ascending, and what a sample costs.

    ``scores`` of shape (P, B, K): the accuracy of each problem, NaN where a cell is unknown (then for all problems);
    ``ks`` of shape (K,), ascending from 1; ``prices``: the mean cost of one sample at each budget on each axis, of
    shape (B,), NaN where unknown. ``groups`` of shape (P,) are the outer groups, if there are any. ``spent``, by axis
    and of shape (P, B), is what the samples of each problem cost in sum, and ``drawn`` how many there are: ``prices``
    are their ratio. Without them prices are a list, the same in all resamples.
    """

    scores: Floats
    ks: Counts
    prices: Mapping[str, Floats]
    groups: NDArray[Any] | None = None
    spent: Mapping[str, Floats] | None = None
    drawn: Floats | None = None

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

    def costs(self, axis: str) -> Floats:
        """What each cell costs, of shape (B, K)."""
        return self.prices[axis][:, None] * self.ks

    def n_fit(self, axis: str, allowances: Floats, weights: Floats) -> Counts:
        """How many cells, the first, fit each of A allowances at each budget under weights of shape (R, P): (R, A, B).

        Costs grow with k, so what fits at a budget are its first cells.
        """
        if self.spent is None or self.drawn is None:
            prices = np.broadcast_to(self.prices[axis], (len(weights), len(self.prices[axis])))
        else:
            n = weights @ self.drawn
            prices = np.divide(weights @ self.spent[axis], n, out=np.full(n.shape, np.nan), where=n > 0)
        with np.errstate(divide="ignore"):  # what costs nothing always fits
            most = allowances[:, None] * (1 + _SLACK) / prices[:, None, :]
        found = np.searchsorted(self.ks, np.where(np.isnan(most), 0.0, most), side="right")
        return np.minimum(found, self.is_known.sum(axis=1))

    def fits(self, axis: str, allowances: Floats) -> NDArray[np.bool_]:
        """Whether a cell is known and costs no more than each of A allowances, of shape (A, B, K)."""
        fits: NDArray[np.bool_] = self.costs(axis) <= allowances[:, None, None] * (1 + _SLACK)  # of NaN it is false
        return fits & self.is_known

    @cached_property
    def _known_scores(self) -> Floats:
        return self.scores[:, self.is_known]


@dataclass(frozen=True, eq=False)
class BestUse:
    """The best cells at A allowances of one axis, in the order of `STRATEGIES`.

    ``cells`` of shape (A, 3, 2) holds the places of budget and k, -1 where nothing fits. ``best``, arrays of shape
    (A, 3), is the accuracy of the best cell that fits, and ``gain``, of shape (A,), that of the mix less that of the
    sequential: both choose anew in each resample. ``has_choice``, of shape (A,), is whether the mix may take anything
    but one sample: where not, its gain is 0 by definition. ``held_out`` and ``held_out_gain`` are the cross-fitted
    figures, NaN where too few halves have a cell that fits.
    """

    allowances: Floats
    cells: NDArray[np.int64]
    best: Estimate
    gain: Estimate
    has_choice: NDArray[np.bool_]
    held_out: Floats
    held_out_gain: Floats


def allowances_of(costs: Floats) -> Floats:
    """Powers of two from the cheapest cell that costs anything to the first that pays for every cell.

    ``costs`` are those of cells, of any shape. Empty where one is unknown, or all are 0.
    """
    if np.isnan(costs).any() or not (costs > 0).any():
        return np.empty(0)
    low = np.ceil(np.log2(costs[costs > 0].min()) - _SLACK)
    high = np.ceil(np.log2(costs.max()) - _SLACK)
    return 2.0 ** np.arange(low, high + 1)[:MOST_ALLOWANCES]


def best_uses(scored: Scored, *, n_resamples: int = RESAMPLES, n_splits: int = SPLITS, seed: int = 0) -> list[BestUse]:
    """The best use of each of a range of allowances, for each axis of ``scored.prices``, in its order.

    Intervals are BCa over problems (or groups), ``n_resamples`` joint over axes, allowances and strategies: each
    resample has its own accuracies, and its own best cells.
    """
    asked = {axis: allowances_of(scored.costs(axis)[scored.is_known]) for axis in scored.prices}
    ends = np.cumsum([len(allowances) for allowances in asked.values()])
    if not ends.size or not ends[-1]:
        return [_nothing(allowances) for allowances in asked.values()]

    def statistic(weights: Floats) -> Floats:
        n_fit = np.concatenate([scored.n_fit(axis, found, weights) for axis, found in asked.items()], axis=1)
        found = _best(scored.accuracies(weights), n_fit)
        return np.concatenate([found, found[..., 2:] - found[..., :1]], axis=2)

    estimate = bootstrap(statistic, len(scored.scores), groups=scored.groups, n_resamples=n_resamples, seed=seed)
    halves = _halves(scored, n_splits, seed)
    everyone = scored.accuracies(np.ones((1, len(scored.scores))))
    uses = []
    for (axis, allowances), end in zip(asked.items(), ends, strict=True):
        part = slice(int(end) - len(allowances), int(end))
        costs, of_axis = scored.costs(axis), scored.fits(axis, allowances)
        cells = _choices(everyone, costs, of_axis)[0]
        held_out, held_out_gain = _cross_fitted(scored, halves, costs, of_axis)
        best, gain = part_of(estimate, (part, slice(0, 3))), part_of(estimate, (part, 3))
        has_choice: NDArray[np.bool_] = np.any(of_axis[:, :, 1:], axis=(1, 2))
        uses.append(BestUse(allowances, cells, best, gain, has_choice, held_out, held_out_gain))
    return uses


def _best(accuracies: Floats, n_fit: Counts) -> Floats:
    """The accuracy of the best cell that fits by each strategy, of shape (R, A, 3); NaN where none does.

    ``accuracies`` are of shape (R, B, K), and the first ``n_fit``, of shape (R, A, B), of each budget fit: the best of
    them is a running maximum.
    """
    found = np.empty((*n_fit.shape[:2], len(REGIONS)))
    for place, (budgets, ks) in enumerate(REGIONS.values()):
        running = np.fmax.accumulate(accuracies[:, budgets, ks], axis=2)
        n = np.minimum(n_fit[:, :, budgets], running.shape[2])
        last = np.maximum(n - 1, 0).transpose(0, 2, 1)
        reached = np.take_along_axis(running, last, axis=2).transpose(0, 2, 1)  # (R, A, budgets)
        found[..., place] = np.fmax.reduce(np.where(n > 0, reached, np.nan), axis=2)
    return found


def _choices(accuracies: Floats, costs: Floats, fits: NDArray[np.bool_]) -> NDArray[np.int64]:
    """The places (budget, k) of the best cells that fit, of shape (R, A, 3, 2): the cheapest of equals; -1 for none."""
    n, n_budgets, n_ks = accuracies.shape
    scores = accuracies.reshape(n, n_budgets * n_ks)
    found = np.full((n, len(fits), len(REGIONS), 2), -1, dtype=np.int64)
    for a, of_allowance in enumerate(fits):
        for place, region in enumerate(REGIONS.values()):
            is_open = np.zeros(of_allowance.shape, dtype=bool)
            is_open[region] = of_allowance[region]
            if not is_open.any():
                continue
            score = np.where(is_open.reshape(-1), scores, -np.inf)
            is_best = score >= score.max(axis=1, keepdims=True) - _SLACK
            cell = np.where(is_best, costs.reshape(-1), np.inf).argmin(axis=1)
            found[:, a, place] = np.stack([cell // n_ks, cell % n_ks], axis=1)
    return found


def _halves(scored: Scored, n_splits: int, seed: int) -> Floats:
    """Weights of both halves of ``n_splits`` halvings of the problems (of the groups), of shape (2, splits, P)."""
    units = units_of(len(scored.scores), scored.groups)
    n_units = int(units.max()) + 1
    rng = np.random.default_rng(seed)
    order = np.argsort(rng.random((n_splits if n_units > 1 else 0, n_units)), axis=1)
    is_first = np.zeros(order.shape, dtype=bool)
    np.put_along_axis(is_first, order[:, : n_units // 2], True, axis=1)
    one = is_first[:, units]
    return np.stack([one, ~one]).astype(float)


def _cross_fitted(scored: Scored, halves: Floats, costs: Floats, fits: NDArray[np.bool_]) -> tuple[Floats, Floats]:
    """Accuracy of cells chosen on one half and scored on the other, (A, 3), and the gain of the mix, (A,)."""
    accuracies = [scored.accuracies(half) for half in halves]
    scores = []
    for own, other in ((0, 1), (1, 0)):
        cells = _choices(accuracies[own], costs, fits)
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


def part_of(estimate: Estimate, at: Any) -> Estimate:
    """Some of an estimate's figures, by any index of its arrays."""
    return Estimate(estimate.value[at], estimate.low[at], estimate.high[at], estimate.se[at], estimate.n_undefined[at])


def _nothing(allowances: Floats) -> BestUse:
    """Of an axis on which there is no allowance to speak of."""
    best, gain = (Estimate(x, x, x, x, x.astype(np.int64)) for x in (np.empty((0, 3)), np.empty(0)))
    cells, has_choice = np.empty((0, 3, 2), dtype=np.int64), np.empty(0, dtype=bool)
    return BestUse(allowances, cells, best, gain, has_choice, best.value, gain.value)
