"""What allocation could win on one curve: the same budget for all against the oracle's, at equal mean cost."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import msgspec
import numpy as np

from thinkcurve.analysis.allocation.halves import halves
from thinkcurve.analysis.allocation.needs import AXIS, certain, mean_costs
from thinkcurve.analysis.allocation.oracle import Oracle, Planned
from thinkcurve.analysis.basis.axes import costs_of
from thinkcurve.analysis.basis.grid import Floats, Grid
from thinkcurve.analysis.basis.interval import UNKNOWN, Interval, difference_intervals, n_units, share_intervals
from thinkcurve.analysis.basis.means import mean_intervals
from thinkcurve.analysis.basis.resample import RESAMPLES, Estimate, bootstrap, mean_over


class Equal(msgspec.Struct, frozen=True):
    """One budget given to all, and what its mean cost buys where each problem gets a budget of its own.

    ``cost_per_problem`` is the mean over problems of a sample's mean cost: a plan gives a problem its budget whatever
    its samples are, so that problems weigh alike here. ``uniform`` is the accuracy with the interval that a curve has;
    ``oracle`` that of the best assignment at this mean cost, in hindsight; ``gain`` is what it has over ``uniform``;
    ``saving`` is the share of the cost that it could spare at the accuracy of ``uniform``. ``planned`` is the oracle
    that chose on other samples than it is scored on, ``planned_gain`` its gain: unknown with one sample.
    """

    budget: int | None
    effort: str | None
    cost_per_problem: float
    uniform: Interval
    oracle: Interval
    gain: Interval
    saving: Interval
    planned: Interval
    planned_gain: Interval


class Headroom(msgspec.Struct, frozen=True):
    """The budgets of one curve at equal mean cost on one axis.

    Only problems with an attempt at every budget are in it; ``n_left_out`` are not. ``points`` is empty where no
    problem is in it or a cost is unknown. ``n_planned`` problems have all their samples, so that these can be halved:
    ``planned`` and its gain are theirs.
    """

    axis: str
    n_problems: int
    n_left_out: int
    n_planned: int
    points: tuple[Equal, ...]


def headroom_of(
    grid: Grid, *, axis: str = AXIS, n_splits: int = 20, n_resamples: int = RESAMPLES, seed: int = 0
) -> Headroom:
    """What the oracle has over one budget for all, at the mean cost of each budget.

    Intervals but those of ``uniform`` are BCa over problems, or outer groups. Where no resample differs, oracle and
    saving have Wilson's at 0 and 1 (between them a saving has none), and gains that of Bonett and Price: a bootstrap
    cannot know what it has never seen.
    Where a budget is the cheapest of every problem nothing can be spared there by definition, and a gain of 0 is sure.
    """
    is_whole = np.asarray((grid.drawn > 0).all(axis=1))
    kept = grid.only(is_whole)
    n_left_out = int((~is_whole).sum())
    costs = mean_costs(costs_of(kept, axis), kept.is_drawn)
    if not kept.problems or np.isnan(costs).any():
        return Headroom(axis, len(kept.problems), n_left_out, 0, ())
    n = len(kept.budgets)
    uniform = mean_intervals(kept.means, groups=kept.groups, n_attempts=kept.drawn.sum(axis=0))
    found = _estimate(_hindsight(kept.means, costs), kept, n_resamples, seed)
    units = n_units(len(kept.problems), kept.groups)
    oracle = share_intervals(_columns(found, 0, n), units)
    saving = [_seen(one) for one in share_intervals(_columns(found, 2 * n, n), units)]
    gain = [_not_below(0.0, one) for one in difference_intervals(_columns(found, n, n), units)]
    n_planned, planned, planned_gain = _planned(kept, axis, n_splits, n_resamples, seed)
    for i in np.flatnonzero((costs <= costs.min(axis=1, keepdims=True)).all(axis=0)):
        if gain[i].value == 0:
            oracle[i], gain[i], saving[i] = uniform[i], certain(gain[i]), certain(saving[i])
        if planned_gain[i].value == 0:
            planned_gain[i] = certain(planned_gain[i])
    names = zip(kept.budgets, kept.efforts, costs.mean(axis=0).tolist(), strict=True)
    figures = zip(uniform, oracle, gain, saving, planned, planned_gain, strict=True)
    points = tuple(Equal(*name, *own) for name, own in zip(names, figures, strict=True))
    return Headroom(axis, len(kept.problems), n_left_out, n_planned, points)


def _planned(
    grid: Grid, axis: str, n_splits: int, n_resamples: int, seed: int
) -> tuple[int, list[Interval], list[Interval]]:
    """How many problems can be halved; the planned oracle and its gain at each budget."""
    n = len(grid.budgets)
    full = grid.only(np.asarray(grid.is_drawn.all(axis=(1, 2))))
    planned = Planned.of(_splits(full, axis, n_splits, seed)) if full.problems else None
    if planned is None:
        return 0, [UNKNOWN] * n, [UNKNOWN] * n
    costs = mean_costs(costs_of(full, axis), full.is_drawn)
    found = _estimate(_held_out(full.means, costs, planned), full, n_resamples, seed)
    units = n_units(len(full.problems), full.groups)
    gain = difference_intervals(_columns(found, n, n), units)
    return len(full.problems), share_intervals(_columns(found, 0, n), units), gain


def _estimate(statistic: Callable[[Floats], Floats], grid: Grid, n_resamples: int, seed: int) -> Estimate:
    return bootstrap(statistic, len(grid.problems), groups=grid.groups, n_resamples=n_resamples, seed=seed)


def _columns(found: Estimate, first: int, n: int) -> Estimate:
    at = slice(first, first + n)
    return Estimate(found.value[at], found.low[at], found.high[at], found.se[at], found.n_undefined[at])


def _seen(one: Interval) -> Interval:
    """A share of cost, without an interval where no resample differs: what others would spare is not known."""
    return one if one.ci_low != one.ci_high else Interval(one.value, None, None)


def _not_below(least: float, one: Interval) -> Interval:
    """A figure that cannot be below ``least``, as an oracle is never worse."""
    return one if one.ci_low is None else Interval(one.value, max(one.ci_low, least), one.ci_high)


def _hindsight(values: Floats, costs: Floats) -> Callable[[Floats], Floats]:
    """Oracle, gain and saving at each budget: (R, P) to (R, 3B)."""
    oracle = Oracle.of(values, costs)

    def statistic(weights: Floats) -> Floats:
        uniform, at = mean_over(weights, values), mean_over(weights, costs)
        best = np.maximum(oracle.value_at(weights, at), uniform)  # a thinned frontier or rounding
        spared = at - oracle.cost_at(weights, uniform)
        saving = np.divide(spared, at, out=np.full(at.shape, np.nan), where=at > 0)
        return np.concatenate([best, best - uniform, saving], axis=1)

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
