"""The frontier of many runs: which model and budget is best at a cost, and what an accuracy costs.

All points of a task rest on the same problems, which are drawn together in every resample: an interval of a
difference knows that what is hard for one is hard for the other. Costs are drawn too, as sums over sums.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import msgspec
import numpy as np
from numpy.typing import NDArray

from thinkcurve.analysis.basis.accuracy import accuracy, shares
from thinkcurve.analysis.basis.axes import AXES
from thinkcurve.analysis.basis.between import accuracy_at, cost_to_reach
from thinkcurve.analysis.basis.grid import Floats
from thinkcurve.analysis.basis.interval import FEWEST_UNITS, Interval, intervals, known
from thinkcurve.analysis.basis.percentiles import percentiles
from thinkcurve.analysis.basis.resample import RESAMPLES, Estimate, bootstrap, mean_over, ratio_over
from thinkcurve.analysis.frontiers.pareto import is_undominated, membership
from thinkcurve.analysis.frontiers.points import Points
from thinkcurve.analysis.frontiers.sizes import Versus, compare_sizes
from thinkcurve.budget import effort_of

N_COSTS, N_TARGETS = 4, 4
"""Costs and accuracies that are chosen where none are asked for."""
EVEN = (0.05, 0.02, 0.01, 0.005, 0.002, 0.001)
"""Steps of accuracy on which chosen targets lie."""
MOST_PAIRS = 8
"""Pairs of sizes that are compared: a hundred models have 4,950."""
STEPS = 8
"""Steps between two points of a ladder at which the interval of the accuracy is found."""


class Candidate(msgspec.Struct, frozen=True):
    """One point: a model at a budget. ``cost`` is the mean of an attempt alone, ``None`` where unknown.

    ``is_on_frontier`` says whether no other point costs no more and is no less accurate, ``resample_share`` in what
    share of resamples that is so (`thinkcurve.analysis.frontiers.pareto.membership`), ``None`` where there is one
    problem (or outer group): it says nothing of others.
    """

    entry: int
    budget: int | None
    effort: str | None
    n_attempts: int
    accuracy: Interval
    cost: float | None
    is_on_frontier: bool
    resample_share: float | None


class AtEqualCost(msgspec.Struct, frozen=True):
    """The accuracy of an entry at a cost, between its points; no value where its ladder does not reach that cost.

    The interval is BCa, costs drawn with the problems, and no narrower than that of the problems' accuracies at the
    costs of the data (`thinkcurve.analysis.basis.accuracy.shares`), which allows for problems that were not drawn. It
    is ``None`` where more than a tenth of the resamples do not reach that cost.
    """

    entry: int
    cost: float
    accuracy: Interval


class CostToReach(msgspec.Struct, frozen=True):
    """What it costs an entry to reach an accuracy, its curve made to rise (isotonic, as where two runs are compared).

    ``cost`` has no value where it does not, and the ends of its interval are ``None`` where that one does not. The
    interval is of percentiles of the resamples, and no narrower than where the ends of the accuracy's own interval
    reach the target, at the costs of the data: they allow for problems that were not drawn. ``not_reached`` is the
    share of resamples that do not reach it, ``None`` where there is one problem. ``is_at_most``: its cheapest point is
    there already, so the cost is an upper bound.
    """

    entry: int
    target: float
    cost: Interval
    not_reached: float | None
    is_at_most: bool


class SizeComparison(msgspec.Struct, frozen=True):
    """A smaller and a larger model, by their entries."""

    small: int
    large: int
    result: Versus


class OnAxis(msgspec.Struct, frozen=True):
    """The frontier on one measure of compute. ``entries_unknown`` have no known cost on it and take no part.

    ``sizes`` are up to `MOST_PAIRS` of ``n_pairs`` pairs: those of models near the frontier and of sizes next to each
    other first.
    """

    axis: str
    points: tuple[Candidate, ...]
    at_cost: tuple[AtEqualCost, ...]
    to_reach: tuple[CostToReach, ...]
    sizes: tuple[SizeComparison, ...]
    n_pairs: int
    entries_unknown: tuple[int, ...]


def on_axis(
    points: Points,
    axis: str,
    *,
    costs: Sequence[float] | None = None,
    targets: Sequence[float] | None = None,
    level: float = 0.95,
    n_resamples: int = RESAMPLES,
    seed: int = 0,
) -> OnAxis:
    """The frontier of some points on one of `AXES`; ``costs`` and ``targets`` (accuracies) are chosen where not given.

    Raises `ValueError` where the entries have no problem in common.
    """
    _check(points, axis)
    cost, value = points.cost(points.everything, axis), points.accuracy(points.everything)
    drawn = points.resamples(axis, n_resamples=n_resamples, seed=seed)
    unknown = tuple(i for i in range(len(points.entries)) if np.isnan(cost[0, points.of(i)]).all())
    priced = [i for i in range(len(points.entries)) if i not in unknown]
    at = np.asarray(round_costs(cost[0]) if costs is None else costs, dtype=float)
    to = np.asarray(round_targets(value[0][~np.isnan(cost[0])]) if targets is None else targets, dtype=float)
    candidates = _candidates(points, cost, value, drawn, level)
    pairs = _pairs(points, candidates, priced)
    compared = sorted(pairs[:MOST_PAIRS], key=lambda pair: [points.entries[i].active_parameters or 0 for i in pair])
    return OnAxis(
        axis,
        candidates,
        _at_cost(points, priced, axis, at, level, n_resamples, seed),
        tuple(r for i in priced for r in _to_reach(points, i, (cost, value), drawn, to, level)),
        tuple(_versus(points, pair, (cost, value), drawn, level) for pair in compared),
        len(pairs),
        unknown,
    )


def _check(points: Points, axis: str) -> None:
    if axis not in AXES:
        raise ValueError(f"axis {axis!r} is not one of {', '.join(AXES)}")
    if not points.problems:
        raise ValueError("the entries have no problem in common")


def _candidates(
    points: Points, cost: Floats, value: Floats, drawn: tuple[Floats, Floats], level: float
) -> tuple[Candidate, ...]:
    is_on = is_undominated(cost, value)[0]
    chances = membership(*drawn)
    found = []
    for n, (member, place) in enumerate(zip(points.member, points.place, strict=True)):
        grid = points.entries[member].grid
        got = accuracy(grid.right[:, place], grid.drawn[:, place], level=level, groups=points.groups)
        found.append(
            Candidate(
                int(member),
                grid.budgets[place],
                effort_of(grid.budgets[place], grid.control),
                int(grid.drawn[:, place].sum()),
                Interval(got.mean, got.ci_low, got.ci_high),
                known(cost[0, n]),
                bool(is_on[n]),
                known(chances[n]) if points.n_units >= FEWEST_UNITS else None,
            )
        )
    return tuple(found)


def _at_cost(
    points: Points, entries: Sequence[int], axis: str, at: Floats, level: float, n_resamples: int, seed: int
) -> tuple[AtEqualCost, ...]:
    if not len(at) or not entries:
        return ()
    sums, drawn, means = points.costs(axis), points.drawn.astype(float), points.means
    own = [points.of(entry) for entry in entries]

    def statistic(weights: Floats) -> Floats:
        costs, accuracies = ratio_over(weights, sums, drawn), mean_over(weights, means)
        return np.stack([accuracy_at(costs[:, n], accuracies[:, n], at) for n in own], axis=1)

    found = bootstrap(
        statistic, len(points.problems), groups=points.groups, level=level, n_resamples=n_resamples, seed=seed
    )
    costs = points.cost(points.everything, axis)
    fixed = [_at_costs_of_the_data(points, n, costs[:, n], at, level) for n in own]
    low = np.minimum(found.low, np.stack([ends[0] for ends in fixed]))
    high = np.maximum(found.high, np.stack([ends[1] for ends in fixed]))
    widened = Estimate(found.value, low, high, found.se, found.n_undefined)
    shown = iter(intervals(widened, points.n_units))
    return tuple(AtEqualCost(entry, float(cost), next(shown)) for entry in entries for cost in at)


def _at_costs_of_the_data(
    points: Points, own: NDArray[np.int64], costs: Floats, at: Floats, level: float
) -> tuple[Floats, Floats]:
    """The interval of the accuracies of problems at costs ``at`` of shape (K,), as if those of points, of shape (1, B),
    were certain. Between two points a problem has the attempts of both."""
    means = points.means[:, own]
    of_problems = accuracy_at(np.broadcast_to(costs, means.shape), means, at).T
    most = 2.0 * points.drawn[:, own].sum(axis=0).max()
    found = shares(of_problems, groups=points.groups, level=level, most=most)
    return found.low, found.high


def _finely(costs: Floats) -> Floats:
    """The known costs of a ladder with `STEPS` steps from each to the next, even as accuracy is straight over them."""
    known_costs = np.unique(costs[~np.isnan(costs)])
    steps = [
        np.geomspace(low, high, STEPS + 1) if low > 0 else np.linspace(low, high, STEPS + 1)
        for low, high in pairwise(known_costs)
    ]
    return np.unique(np.concatenate([known_costs, *steps]))


def _to_reach(
    points: Points,
    entry: int,
    data: tuple[Floats, Floats],
    drawn: tuple[Floats, Floats],
    targets: Floats,
    level: float,
) -> list[CostToReach]:
    own = points.of(entry)
    value = cost_to_reach(data[0][:, own], data[1][:, own], targets)[0]
    draws = cost_to_reach(drawn[0][:, own], drawn[1][:, own], targets)
    found = percentiles(value, draws, points.n_units, level=level)
    at = _finely(data[0][0, own])
    band = _at_costs_of_the_data(points, own, data[0][:, own], at, level)
    last, first = (cost_to_reach(at[None], end[None], targets)[0] for end in band)
    low, high = np.minimum(found.low, first), np.maximum(found.high, last)
    costs = intervals(Estimate(value, low, high, found.se, found.n_undefined), points.n_units)
    cheapest = np.nanmin(data[0][0, own])
    never = [known(share) if points.n_units >= FEWEST_UNITS else None for share in np.isinf(draws).mean(axis=0)]
    return [
        CostToReach(entry, float(target), costs[k], never[k], bool(value[k] == cheapest))
        for k, target in enumerate(targets)
    ]


def _pairs(points: Points, candidates: Sequence[Candidate], priced: Sequence[int]) -> list[tuple[int, int]]:
    """The pairs of entries under one control whose models are known to be of different size, smaller first.

    In the order in which they are worth a look: first those whose models are both on the frontier, and of these those
    of sizes next to each other. Shares of resamples do not count: of few problems a low one says little (`pareto`).
    """
    by_size = sorted((size, i) for i in priced if (size := points.entries[i].active_parameters) is not None)
    rank = {size: place for place, size in enumerate(sorted({size for size, _ in by_size}))}
    on = {c.entry for c in candidates if c.is_on_frontier}
    found = [
        (small not in on or large not in on, rank[other] - rank[size], place, small, large)
        for place, (size, small) in enumerate(by_size)
        for other, large in by_size[place + 1 :]
        if other != size and points.entries[small].grid.control == points.entries[large].grid.control
    ]
    return [pair[-2:] for pair in sorted(found)]


def _versus(
    points: Points,
    pair: tuple[int, int],
    data: tuple[Floats, Floats],
    drawn: tuple[Floats, Floats],
    level: float,
) -> SizeComparison:
    own = [n[~np.isnan(data[0][0, n])] for n in map(points.of, pair)]
    value, draws = ([(both[0][:, n], both[1][:, n]) for n in own] for both in (data, drawn))
    return SizeComparison(*pair, compare_sizes(*value, *draws, units=points.n_units, level=level))


def round_costs(costs: Floats) -> tuple[float, ...]:
    """Up to `N_COSTS` costs of two digits, evenly over the logarithms of those above 0; none where there are none."""
    positive = costs[costs > 0]
    if not len(positive):
        return ()
    low, high = float(positive.min()), float(positive.max())
    if low == high:
        return (low,)
    steps = np.geomspace(low, high, N_COSTS + 2)[1:-1]
    return tuple(sorted({cost for step in steps if low <= (cost := float(f"{step:.1e}")) <= high}))


def round_targets(accuracies: Floats) -> tuple[float, ...]:
    """Up to `N_TARGETS` round accuracies between the lowest and the highest."""
    if not len(accuracies) or accuracies.min() == accuracies.max():
        return ()
    low, high = float(accuracies.min()), float(accuracies.max())
    step = next((s for s in EVEN if (high - low) / s >= N_TARGETS + 1), EVEN[-1])
    steps = np.linspace(low, high, N_TARGETS + 2)[1:-1]
    return tuple(sorted({t for x in steps if low < (t := round(round(x / step) * step, 4)) <= high}))
