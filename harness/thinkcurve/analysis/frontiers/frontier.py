"""The frontier of many runs: which model and budget is best at a cost, and what an accuracy costs.

All points of a task rest on the same problems, which are drawn together in every resample: an interval of a
difference knows that what is hard for one is hard for the other. Costs are drawn too, as sums over sums.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import numpy as np

from thinkcurve.analysis.basis.accuracy import accuracy
from thinkcurve.analysis.basis.axes import AXES
from thinkcurve.analysis.basis.grid import Floats
from thinkcurve.analysis.basis.resample import RESAMPLES, bootstrap, mean_over, ratio_over
from thinkcurve.analysis.frontiers.pareto import is_undominated, membership
from thinkcurve.analysis.frontiers.points import Points
from thinkcurve.analysis.frontiers.reach import accuracy_at, cost_to_reach
from thinkcurve.analysis.frontiers.sizes import Versus, compare_sizes
from thinkcurve.budget import effort_of

N_COSTS, N_TARGETS = 4, 4
"""Costs and accuracies that are chosen where none are asked for."""
EVEN = (0.05, 0.02, 0.01, 0.005, 0.002, 0.001)
"""Steps of accuracy on which chosen targets lie."""


class Candidate(msgspec.Struct, frozen=True):
    """One point: a model at a budget. ``cost`` is the mean of an attempt alone, ``None`` where unknown.

    ``is_on_frontier`` says whether no other point costs no more and is no less accurate, ``probability`` in what share
    of resamples that is so (`thinkcurve.analysis.frontiers.pareto.membership`).
    """

    entry: int
    budget: int | None
    effort: str | None
    n_attempts: int
    accuracy: float
    ci_low: float
    ci_high: float
    cost: float | None
    is_on_frontier: bool
    probability: float | None


class AtEqualCost(msgspec.Struct, frozen=True):
    """The accuracy of an entry at a cost, between its points; ``None`` where its ladder does not reach that cost.

    The interval (BCa) is ``None`` too where more than a tenth of the resamples do not.
    """

    entry: int
    cost: float
    accuracy: float | None
    ci_low: float | None
    ci_high: float | None


class CostToReach(msgspec.Struct, frozen=True):
    """What it costs an entry to reach an accuracy.

    ``cost`` is ``None`` where it does not, and the ends of the interval (percentiles of the resamples) are where that
    one does not; ``not_reached`` is the share of resamples that do not. ``is_at_most``: its cheapest point is there
    already, so the cost is an upper bound.
    """

    entry: int
    target: float
    cost: float | None
    ci_low: float | None
    ci_high: float | None
    not_reached: float
    is_at_most: bool


class SizeComparison(msgspec.Struct, frozen=True):
    """A smaller and a larger model, by their entries."""

    small: int
    large: int
    result: Versus


class OnAxis(msgspec.Struct, frozen=True):
    """The frontier on one measure of compute. ``entries_unknown`` have no known cost on it and take no part."""

    axis: str
    points: tuple[Candidate, ...]
    at_cost: tuple[AtEqualCost, ...]
    to_reach: tuple[CostToReach, ...]
    sizes: tuple[SizeComparison, ...]
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
    known = [i for i in range(len(points.entries)) if i not in unknown]
    at = np.asarray(round_costs(cost[0]) if costs is None else costs, dtype=float)
    to = np.asarray(round_targets(value[0][~np.isnan(cost[0])]) if targets is None else targets, dtype=float)
    return OnAxis(
        axis,
        _candidates(points, cost, value, drawn, level),
        _at_cost(points, known, axis, at, level, n_resamples, seed),
        tuple(r for i in known for r in _to_reach(points, i, (cost, value), drawn, to, level)),
        _sizes(points, (cost, value), drawn, level),
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
    shares = membership(*drawn)
    found = []
    for n, (member, place) in enumerate(zip(points.member, points.place, strict=True)):
        grid = points.entries[member].grid
        got = accuracy(grid.right[:, place], grid.drawn[:, place], level=level, groups=points.groups)
        budget = grid.budgets[place]
        found.append(
            Candidate(
                int(member),
                budget,
                effort_of(budget, grid.control),
                int(grid.drawn[:, place].sum()),
                got.mean,
                got.ci_low,
                got.ci_high,
                _known(cost[0, n]),
                bool(is_on[n]),
                _known(shares[n]),
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
    return tuple(
        AtEqualCost(entry, float(cost), _known(found.value[e, k]), _known(found.low[e, k]), _known(found.high[e, k]))
        for e, entry in enumerate(entries)
        for k, cost in enumerate(at)
    )


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
    cheapest = np.nanmin(data[0][0, own])
    found = []
    for k, target in enumerate(targets):
        ends = [np.quantile(draws[:, k], q, method="inverted_cdf") for q in ((1 - level) / 2, (1 + level) / 2)]
        found.append(
            CostToReach(
                entry,
                float(target),
                _known(value[k]),
                _known(ends[0]),
                _known(ends[1]),
                float(np.isinf(draws[:, k]).mean()),
                bool(value[k] == cheapest),
            )
        )
    return found


def _sizes(
    points: Points, data: tuple[Floats, Floats], drawn: tuple[Floats, Floats], level: float
) -> tuple[SizeComparison, ...]:
    """Every pair of entries under one control whose models are known to be of different size."""
    by_size = sorted(
        (entry.active_parameters, i) for i, entry in enumerate(points.entries) if entry.active_parameters is not None
    )

    def of(entry: int, pair: tuple[Floats, Floats]) -> tuple[Floats, Floats]:
        own = points.of(entry)
        own = own[~np.isnan(data[0][0, own])]
        return pair[0][:, own], pair[1][:, own]

    found = []
    for place, (size, small) in enumerate(by_size):
        for other, large in by_size[place + 1 :]:
            is_alike = points.entries[small].grid.control == points.entries[large].grid.control
            if other == size or not is_alike or not all(of(i, data)[0].size for i in (small, large)):
                continue
            result = compare_sizes(of(small, data), of(large, data), of(small, drawn), of(large, drawn), level=level)
            found.append(SizeComparison(small, large, result))
    return tuple(found)


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


def _known(figure: float) -> float | None:
    return float(figure) if np.isfinite(figure) else None
