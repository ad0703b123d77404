"""The surface: accuracy and cost of k samples at each budget, and the best use of an allowance of compute.

All of it comes from the samples of one run, after the fact. What k samples score depends on how they become one
answer: ``pass@k`` (an oracle finds a correct one if there is one; real verifiers fall short of it), ``maj@k``
(plurality vote), ``best-of-k`` (the sample with the highest score). Each is exact over all k-subsets
(`thinkcurve.analysis.parallel.estimators`, `thinkcurve.analysis.parallel.best_of`).

Their cost is k times the mean cost alone at that budget: costs alone add up. So the prompt counts k times, in FLOPs as
in tokens, although an engine that shares it between samples computes it once; and seconds are those of a device that
makes one sample after the other, not the latency of k at once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from thinkcurve.analysis.basis.axes import AXES, costs_of
from thinkcurve.analysis.basis.grid import Counts, Floats, Grid, outer_groups
from thinkcurve.analysis.basis.interval import Interval, known, n_units
from thinkcurve.analysis.basis.means import mean_intervals
from thinkcurve.analysis.basis.resample import RESAMPLES
from thinkcurve.analysis.parallel.allowance import SPLITS, BestUse, Scored, best_uses, part_of
from thinkcurve.analysis.parallel.best_of import best_of_k
from thinkcurve.analysis.parallel.chosen import best_intervals, gain_intervals
from thinkcurve.analysis.parallel.estimators import majority_of, pass_at_k
from thinkcurve.analysis.parallel.measures import SCORES

EVERY_K = 64
"""Up to here every k has a cell; beyond, powers of two and the largest."""


class Cell(msgspec.Struct, frozen=True):
    """k samples at one budget: what they score by each way of making one answer of them, and what they cost.

    ``costs`` holds k times the mean cost alone, by axis; ``None`` where any attempt's is unknown.
    """

    budget: int | None
    effort: str | None
    k: int
    n_problems: int
    accuracy: dict[str, Interval]
    costs: dict[str, float | None]


class Choice(msgspec.Struct, frozen=True):
    """The best cell that fits an allowance.

    ``accuracy`` is that of the cell, as if nobody had chosen it. ``best`` is the accuracy of the best that fits: of the
    same value, with an interval that chooses anew in each resample. ``held_out`` is its accuracy when one half of the
    problems chooses and the other scores, so that it is not flattered by the choice.
    """

    budget: int | None
    effort: str | None
    k: int
    cost: float
    accuracy: Interval
    best: Interval
    held_out: float | None


class Allowance(msgspec.Struct, frozen=True):
    """The best use of at most ``cost`` a problem by each strategy; ``None`` where nothing fits.

    ``gain`` is the mix less the sequential, each the best that fits in each resample, ``held_out_gain`` the same from
    held-out halves. One sample is among the mixes, so ``gain`` is never below 0; ``held_out_gain`` may be. Both are
    ``None`` where the mix may take nothing but one sample.
    """

    cost: float
    sequential: Choice | None
    parallel: Choice | None
    mix: Choice | None
    gain: Interval | None
    held_out_gain: float | None


class Uses(msgspec.Struct, frozen=True):
    """Allowances on one axis, for one way of making one answer of k.

    They rest on the ``n_problems`` that have attempts at every budget; ``n_left_out`` have them at some only.
    """

    way: str
    axis: str
    n_problems: int
    n_left_out: int
    allowances: tuple[Allowance, ...]


class Surface(msgspec.Struct, frozen=True):
    """One (model, task, control): cells by budget and k, and the best uses of allowances.

    ``n_samples`` is the largest k of any cell. Where no way is known beyond one sample there is nothing to choose, and
    it has no ``uses``.
    """

    model: str
    task: str
    control: str
    n_samples: int
    ways: tuple[str, ...]
    cells: tuple[Cell, ...]
    uses: tuple[Uses, ...]


@dataclass(frozen=True, eq=False)
class _Scores:
    """What each problem scores: for each way an array (P, B, K), NaN where a problem has no attempt, and for all
    problems where it is unknown for one that has. ``deepest``, of shape (B,), is the fewest samples of any problem with
    an attempt at a budget: there is no larger k."""

    ks: Counts
    deepest: Counts
    ways: Mapping[str, Floats]


def surface_of(
    grid: Grid,
    *,
    scores: Sequence[str] | None = None,
    axes: Sequence[str] = AXES,
    n_resamples: int = RESAMPLES,
    n_splits: int = SPLITS,
    seed: int = 0,
) -> Surface:
    """The surface of a grid. ``scores`` name numeric columns by which the best of k is chosen (highest first): those of
    `thinkcurve.analysis.parallel.measures.SCORES` that are there where none are named. ``axes`` are
    those on which there are allowances.

    k goes up to the fewest samples that a problem with any attempt has at a budget, so that all cells of a budget rest
    on the same problems. Intervals of cells are those of a share (`thinkcurve.analysis.basis.accuracy.shares`); what is
    chosen anew in each resample has BCa intervals. Both are over problems, or groups by the rule of `outer_groups`; a
    single one has none.
    """
    found = _scores(grid, scores)
    cells = _cells(grid, found)
    uses: list[Uses] = []
    for way, values in found.ways.items():
        if not np.isnan(values[..., 1:]).all():
            uses += _uses(grid, found, way, axes, n_resamples, n_splits, seed)
    return Surface(*grid.name, int(found.ks[-1]), tuple(found.ways), cells, tuple(uses))


def ks_up_to(n: int) -> Counts:
    """The ks of a surface of n samples: every one up to `EVERY_K`, then powers of two, and n."""
    more = [2**i for i in range(EVERY_K.bit_length(), n.bit_length()) if 2**i < n]
    return np.array([*range(1, min(n, EVERY_K) + 1), *more, *([n] if n > EVERY_K else [])], dtype=np.int64)


def _scores(grid: Grid, columns: Sequence[str] | None) -> _Scores:
    fewest = np.where(grid.drawn > 0, grid.drawn, np.iinfo(np.int64).max).min(axis=0)
    deepest = np.where((grid.drawn > 0).any(axis=0), fewest, 0)
    ks = ks_up_to(max(1, int(deepest.max())))
    ways = {"pass@k": pass_at_k(grid.right, grid.drawn, ks), "maj@k": majority_of(grid, ks)}
    if columns is None:
        columns = [name for name in SCORES if name in grid.attempts]
    ways |= {f"best-of-k by {name}": _best_of(grid, name, ks) for name in columns}
    is_there = (grid.drawn > 0)[:, :, None]
    for values in ways.values():
        one = values[..., 0]
        one[~np.isnan(one)] = grid.means[~np.isnan(one)]  # one sample, by any way, to the last bit
        values[:, (np.isnan(values) & is_there).any(axis=0)] = np.nan
    return _Scores(ks, deepest, {way: values for way, values in ways.items() if not np.isnan(values).all()})


def _best_of(grid: Grid, score: str, ks: Counts) -> Floats:
    if score not in grid.attempts:
        raise ValueError(f"the attempts have no column {score!r} to choose the best of k by")
    flat = (-1, grid.rows.shape[2])
    chances = best_of_k(
        grid.column(score).reshape(flat), grid.is_correct.reshape(flat), grid.is_drawn.reshape(flat), ks
    )
    return chances.reshape(*grid.drawn.shape, -1)


def _prices(grid: Grid, axes: Sequence[str]) -> dict[str, Floats]:
    """Mean cost of one attempt alone at each budget by axis, sums over sums: (B,); NaN where any of it is unknown."""
    n = grid.drawn.sum(axis=0)
    sums = {axis: np.where(grid.is_drawn, costs_of(grid, axis), 0.0).sum(axis=(0, 2)) for axis in axes}
    return {axis: np.divide(spent, n, out=np.full(n.shape, np.nan), where=n > 0) for axis, spent in sums.items()}


def _cells(grid: Grid, scores: _Scores) -> tuple[Cell, ...]:
    prices = _prices(grid, AXES)
    cells = []
    for b, deepest in enumerate(scores.deepest):
        is_there = grid.drawn[:, b] > 0
        groups = None if grid.groups is None else grid.groups[is_there]
        n_ks = int(np.searchsorted(scores.ks, deepest, side="right"))
        of_ways = {way: values[is_there, b, :n_ks] for way, values in scores.ways.items()}
        found = _accuracies(of_ways, int(grid.drawn[:, b].sum()), groups)
        for i, k in enumerate(scores.ks[:n_ks].tolist()):
            accuracy = {way: found[way, i] for way in of_ways if (way, i) in found}
            costs = {axis: known(k * price[b]) for axis, price in prices.items()}
            cells.append(Cell(grid.budgets[b], grid.efforts[b], k, int(is_there.sum()), accuracy, costs))
    return tuple(cells)


def _accuracies(
    of_ways: Mapping[str, Floats], n_attempts: int, groups: NDArray[Any] | None
) -> dict[tuple[str, int], Interval]:
    """The accuracy at each place of k that is known, from what problems score with each way, of shape (P, K)."""
    places = [(way, i) for way, of in of_ways.items() for i in np.flatnonzero(~np.isnan(of).any(axis=0)).tolist()]
    if not places:
        return {}
    values = np.stack([of_ways[way][:, i] for way, i in places], axis=1)
    return dict(zip(places, mean_intervals(values, n_attempts, groups=groups), strict=True))


def _uses(
    grid: Grid, scores: _Scores, way: str, axes: Sequence[str], n_resamples: int, n_splits: int, seed: int
) -> list[Uses]:
    live = np.flatnonzero(scores.deepest > 0)
    there: NDArray[np.bool_] = np.all(grid.drawn[:, live] > 0, axis=1)
    n_problems, n_left_out = int(there.sum()), int((~there).sum())
    if not n_problems:
        return [Uses(way, axis, 0, n_left_out, ()) for axis in axes]
    whole = grid.only(there)
    values = scores.ways[way][there][:, live]
    groups = outer_groups(whole.groups)
    prices = {axis: price[live] for axis, price in _prices(whole, axes).items()}
    spent = {axis: np.where(whole.is_drawn, costs_of(whole, axis), 0.0).sum(axis=2)[:, live] for axis in axes}
    scored = Scored(values, scores.ks, prices, groups, spent, whole.drawn[:, live].astype(float))
    found = best_uses(scored, n_resamples=n_resamples, n_splits=n_splits, seed=seed)
    of_cells = [_accuracies({way: values[:, i]}, int(whole.drawn[:, b].sum()), groups) for i, b in enumerate(live)]
    names = [(grid.budgets[b], grid.efforts[b]) for b in live]
    uses = []
    for axis, use in zip(axes, found, strict=True):
        made = _Made(way, names, scores.ks, prices[axis], of_cells)
        uses.append(Uses(way, axis, n_problems, n_left_out, _allowances(use, made, n_units(n_problems, groups))))
    return uses


@dataclass(frozen=True, eq=False)
class _Made:
    """What choices are made of: the names of budgets that have an attempt (and of their efforts), what a sample costs
    at each, and the accuracy of cells by budget."""

    way: str
    budgets: Sequence[tuple[int | None, str | None]]
    ks: Counts
    prices: Floats
    accuracies: Sequence[Mapping[tuple[str, int], Interval]]

    def accuracy(self, cell: Sequence[int]) -> Interval | None:
        """That of the cell at places of budget and k; ``None`` where they are -1."""
        b, i = cell
        return None if b < 0 else self.accuracies[b][self.way, i]

    def choice(self, cell: Sequence[int], best: Interval, held_out: float) -> Choice | None:
        """The cell at places of budget and k; ``None`` where they are -1."""
        accuracy = self.accuracy(cell)
        if accuracy is None:
            return None
        b, k = cell[0], int(self.ks[cell[1]])
        return Choice(*self.budgets[b], k, float(self.prices[b] * k), accuracy, best, known(held_out))


def _allowances(use: BestUse, made: _Made, units: int) -> tuple[Allowance, ...]:
    gains = gain_intervals(use.gain, units)
    rows = []
    for a, cost in enumerate(use.allowances.tolist()):
        cells = use.cells[a].tolist()
        best = best_intervals(part_of(use.best, a), [made.accuracy(cell) for cell in cells], units)
        of_row = zip(cells, best, use.held_out[a].tolist(), strict=True)
        sequential, parallel, mix = (made.choice(*one) for one in of_row)
        has_gain = bool(use.has_choice[a]) and sequential is not None
        held_out_gain = known(use.held_out_gain[a]) if has_gain else None
        rows.append(Allowance(cost, sequential, parallel, mix, gains[a] if has_gain else None, held_out_gain))
    return tuple(rows)
