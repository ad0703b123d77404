"""What allocation could win on one curve: the same budget for all against the oracle's, at equal mean cost."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import msgspec
import numpy as np
from numpy.typing import NDArray

from thinkcurve.analysis.allocation.halves import halves
from thinkcurve.analysis.allocation.needs import AXIS, mean_costs
from thinkcurve.analysis.allocation.oracle import Oracle, Planned
from thinkcurve.analysis.basis.axes import costs_of
from thinkcurve.analysis.basis.grid import Floats, Grid
from thinkcurve.analysis.basis.interval import UNKNOWN, Interval, intervals, n_units
from thinkcurve.analysis.basis.resample import RESAMPLES, bootstrap, mean_over


class Equal(msgspec.Struct, frozen=True):
    """One budget given to all, and what its mean cost buys where each problem gets a budget of its own.

    ``oracle`` is the accuracy of the best assignment at this mean cost, in hindsight; ``gain`` is what it has over
    ``uniform``; ``saving`` is the share of the cost that it could spare at the accuracy of ``uniform``. ``planned`` is
    the oracle that chose on other samples than it is scored on, ``planned_gain`` its gain: unknown with one sample.
    """

    budget: int | None
    effort: str | None
    cost: float
    uniform: Interval
    oracle: Interval
    gain: Interval
    saving: Interval
    planned: Interval
    planned_gain: Interval


class Headroom(msgspec.Struct, frozen=True):
    """The budgets of one curve at equal mean cost on one axis.

    Only problems with an attempt at every budget are in it; ``n_left_out`` are not. ``points`` is empty where no
    problem is in it or a cost is unknown. ``n_planned`` problems have all their samples, so that these can be halved.
    """

    axis: str
    n_problems: int
    n_left_out: int
    n_planned: int
    points: tuple[Equal, ...]


def headroom_of(
    grid: Grid, *, axis: str = AXIS, n_splits: int = 20, n_resamples: int = RESAMPLES, seed: int = 0
) -> Headroom:
    """What the oracle has over one budget for all, at the mean cost of each budget; intervals are BCa over problems."""
    is_whole = np.asarray((grid.drawn > 0).all(axis=1))
    kept = grid.only(is_whole)
    n_left_out = int((~is_whole).sum())
    costs = mean_costs(costs_of(kept, axis), kept.is_drawn)
    if not kept.problems or np.isnan(costs).any():
        return Headroom(axis, len(kept.problems), n_left_out, 0, ())
    groups = kept.groups
    values = kept.means

    def estimate(statistic: Callable[[Floats], Floats], groups: NDArray[np.int64] | None, n: int) -> list[Interval]:
        found = bootstrap(statistic, n, groups=groups, n_resamples=n_resamples, seed=seed)
        return intervals(found, n_units(n, groups))

    found = estimate(_hindsight(values, costs), groups, len(values))
    is_full = np.asarray(kept.is_drawn.all(axis=(1, 2)))
    full = kept.only(is_full)
    planned = Planned.of(_splits(full, axis, n_splits, seed)) if full.problems else None
    held = [UNKNOWN] * (2 * len(kept.budgets))
    if planned:
        full_costs = mean_costs(costs_of(full, axis), full.is_drawn)
        held = estimate(_held_out(full.means, full_costs, planned), full.groups, len(full.problems))
    n = len(kept.budgets)
    points = tuple(
        Equal(
            kept.budgets[i],
            kept.efforts[i],
            float(costs[:, i].mean()),
            *(found[i + k * n] for k in range(4)),
            *(held[i + k * n] for k in range(2)),
        )
        for i in range(n)
    )
    return Headroom(axis, len(kept.problems), n_left_out, len(full.problems) if planned else 0, points)


def _hindsight(values: Floats, costs: Floats) -> Callable[[Floats], Floats]:
    """Uniform, oracle, gain and saving at each budget: (R, P) to (R, 4B)."""
    oracle = Oracle.of(values, costs)

    def statistic(weights: Floats) -> Floats:
        uniform, at = mean_over(weights, values), mean_over(weights, costs)
        best = oracle.value_at(weights, at)
        spared = at - oracle.cost_at(weights, uniform)
        saving = np.divide(spared, at, out=np.full(at.shape, np.nan), where=at > 0)
        return np.concatenate([uniform, best, best - uniform, saving], axis=1)

    return statistic


def _held_out(values: Floats, costs: Floats, planned: Planned) -> Callable[[Floats], Floats]:
    """The planned oracle and its gain at each budget: (R, P) to (R, 2B)."""

    def statistic(weights: Floats) -> Floats:
        best = planned.value_at(weights, mean_over(weights, costs))
        return np.concatenate([best, best - mean_over(weights, values)], axis=1)

    return statistic


def _splits(grid: Grid, axis: str, n_splits: int, seed: int) -> Iterator[tuple[Floats, Floats, Floats, Floats]]:
    for chooser, judge in halves(grid, axis, n_splits=n_splits, seed=seed):
        yield chooser.means, chooser.costs, judge.means, judge.costs
