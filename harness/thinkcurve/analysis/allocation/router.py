"""The cheapest cascade of (model, budget) by a signal, chosen on some problems and scored on others.

A cascade asks its steps in ascending cost and stops at the first whose signal reaches a threshold (FrugalGPT, Chen,
Zaharia and Zou 2023, arXiv 2305.05176); all steps that were taken are paid. With levels as the signal nothing is tried:
each level has one step. Which cascade is chosen depends on the price of cost, so that there is one frontier and no
single best. All cascades of up to three steps with one threshold are tried, so that on the problems that choose there
is no better one; on those that score, there may be.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from thinkcurve.analysis.allocation.menu import LEVEL, Menu, Step
from thinkcurve.analysis.allocation.oracle import Oracle, blind_at, efficiency, hull_prices
from thinkcurve.analysis.basis.grid import Floats, units_of
from thinkcurve.analysis.basis.interval import Interval, intervals, n_units
from thinkcurve.analysis.basis.resample import RESAMPLES, bootstrap, mean_over

MOST_STEPS = 3
MOST_THRESHOLDS = 9
MOST_CASCADES = 2000
"""Where there are more of three steps, only those of two are tried."""
FEWEST_PROBLEMS = 10
"""Problems below which nothing is left to choose on and to score on."""
N_PRICES = 12
"""Prices of cost that are tried between those at which all is cheap and all is dear."""


class Cascade(msgspec.Struct, frozen=True):
    """Steps in ascending cost, by their place in the menu, and the signal from which on one is content."""

    steps: tuple[int, ...]
    threshold: float


class Routed(msgspec.Struct, frozen=True):
    """One point of a router's frontier, scored on problems that did not choose it.

    ``cost`` is the mean of all steps taken. ``blind`` and ``oracle`` are the best choice among the single steps of the
    same menu at this mean cost, without a look at the problem, and in hindsight; ``gain`` is ``accuracy`` - ``blind``,
    with its 95 % interval, ``is_better`` whether it is above 0 with all points of the frontier taken together
    (Bonferroni). ``efficiency`` is gain over ``oracle`` - ``blind``. ``cascade`` (for levels ``by_level``) is what all
    problems together choose at this price.
    """

    cost: Interval
    accuracy: Interval
    blind: float | None
    oracle: float | None
    gain: Interval
    efficiency: Interval
    is_better: bool
    cascade: Cascade | None = None
    by_level: dict[str, int] | None = None


class Router(msgspec.Struct, frozen=True):
    """A router's frontier. ``steps`` is the menu; ``n_left_out`` problems could not be used.

    Intervals hold the choices as they fell and resample the problems, so that they leave out how the choices would
    have fallen on others. Where choices are about equal, a fold takes what the held-out problems like least, as cross-
    validation does: a router that sees nothing comes out a little below ``blind``, never above it by luck.
    """

    signal: str
    axis: str
    steps: tuple[Step, ...]
    n_problems: int
    n_left_out: int
    n_folds: int
    n_repeats: int
    points: tuple[Routed, ...]

    @property
    def is_better(self) -> bool:
        """Whether any point of the frontier is better than looking away."""
        return any(point.is_better for point in self.points)


def cascades_of(menu: Menu) -> list[Cascade]:
    """Every single step, and every cascade of two or three with a threshold that the signal can tell apart.

    Only a step that shows a signal on every problem can be other than the last.
    """
    shows = [i for i in range(len(menu.steps)) if not np.isnan(menu.signal[:, :, i]).any()]
    found = [Cascade((i,), 0.0) for i in range(len(menu.steps))]
    thresholds = _thresholds(menu.signal[:, :, shows]) if shows else []
    for n in range(2, MOST_STEPS + 1):
        chains = [c for c in combinations(range(len(menu.steps)), n) if all(i in shows for i in c[:-1])]
        if n > 2 and len(chains) * len(thresholds) > MOST_CASCADES:
            break
        found += [Cascade(steps, threshold) for steps in chains for threshold in thresholds]
    return found


def _thresholds(signal: Floats) -> list[float]:
    """Values at which the signal splits what there is: all of them, or quantiles where they are many."""
    values = np.unique(signal)
    if len(values) > MOST_THRESHOLDS:
        values = np.unique(np.quantile(signal, np.linspace(0, 1, MOST_THRESHOLDS + 1)[1:-1]))
    return [float(v) for v in values] if len(values) > 1 else []


def run_cascade(menu: Menu, cascade: Cascade) -> tuple[Floats, Floats]:
    """Probability of a right answer, and cost of all steps taken, of each problem: means over trials, both (P,).

    A step does not pay for thinking that an earlier step of its model has left to go on from (`Menu.thinking`).
    """
    going = np.ones(menu.value.shape[:2], dtype=bool)
    value, cost = np.zeros(going.shape), np.zeros(going.shape)
    made: dict[int, Floats] = {}
    for i in cascade.steps:
        curve, thinking = menu.steps[i].curve, menu.thinking[:, :, i]
        there = made.get(curve, np.zeros(thinking.shape))
        cost += np.where(going, menu.cost[:, :, i] - np.minimum(there, thinking).sum(axis=2), 0.0)
        made[curve] = np.maximum(there, thinking)
        stops = going & ((menu.signal[:, :, i] >= cascade.threshold) | (i == cascade.steps[-1]))
        value += np.where(stops, menu.value[:, :, i], 0.0)
        going &= ~stops
    return value.mean(axis=1), cost.mean(axis=1)


def folds(
    n_problems: int, groups: NDArray[Any] | None, *, n_folds: int, n_repeats: int, seed: int
) -> Iterator[NDArray[np.bool_]]:
    """Masks of held-out problems, ``n_folds`` a repeat: each problem is in one of them; a group stays together."""
    units = units_of(n_problems, groups)
    n = int(units.max()) + 1
    rng = np.random.default_rng(seed)
    for _ in range(n_repeats):
        fold_of = rng.permutation(n) % n_folds
        for fold in range(n_folds):
            yield fold_of[units] == fold


def route(
    menu: Menu,
    *,
    n_folds: int = 5,
    n_repeats: int = 10,
    n_resamples: int = RESAMPLES,
    seed: int = 0,
) -> Router | None:
    """The cross-validated frontier of a menu; ``None`` for fewer than `FEWEST_PROBLEMS` problems, or groups."""
    n_problems = len(menu.problems)
    if n_units(n_problems, menu.groups) < FEWEST_PROBLEMS:
        return None
    value, cost = menu.value.mean(axis=1), menu.cost.mean(axis=1)
    prices = _prices(value, cost)
    chooser = _ByLevel(menu, value, cost) if menu.signal_name == LEVEL else _ByCascade(menu)
    held_value, held_cost = np.zeros((n_problems, len(prices))), np.zeros((n_problems, len(prices)))
    for held_out in folds(n_problems, menu.groups, n_folds=n_folds, n_repeats=n_repeats, seed=seed):
        v, c = chooser.on(~held_out, held_out, prices)
        held_value[held_out] += v / n_repeats
        held_cost[held_out] += c / n_repeats
    # prices that choose alike are one point
    _, distinct = np.unique((held_cost.sum(axis=0) / held_cost.sum()).round(9), return_index=True)
    places = [int(i) for i in sorted(distinct, key=lambda i: held_cost[:, i].sum())]
    points = _points(menu, value, cost, held_value[:, places], held_cost[:, places], n_resamples, seed)
    told = chooser.chosen(prices[places])
    return Router(
        signal=menu.signal_name,
        axis=menu.axis,
        steps=menu.steps,
        n_problems=n_problems,
        n_left_out=menu.n_left_out,
        n_folds=n_folds,
        n_repeats=n_repeats,
        points=tuple(msgspec.structs.replace(point, **own) for point, own in zip(points, told, strict=True)),
    )


def _prices(value: Floats, cost: Floats) -> Floats:
    """Prices of cost, from that of the dearest choice to that of the cheapest: operating points, not choices."""
    found = hull_prices(value, cost)[1:]
    blind = hull_prices(value.mean(axis=0, keepdims=True), cost.mean(axis=0, keepdims=True))[1:]
    found = np.concatenate([found, blind])
    if not found.size:
        return np.zeros(1)
    return np.append(0.0, np.geomspace(found.min() / 2, found.max() * 2, N_PRICES))


class _ByCascade:
    """Chooses the cascade of the largest mean value - price x cost; of equals the cheapest, then the shortest."""

    def __init__(self, menu: Menu) -> None:
        self.cascades = cascades_of(menu)
        outcomes = [run_cascade(menu, cascade) for cascade in self.cascades]
        self.value = np.stack([v for v, _ in outcomes], axis=1)
        self.cost = np.stack([c for _, c in outcomes], axis=1)

    def on(self, train: NDArray[np.bool_], test: NDArray[np.bool_], prices: Floats) -> tuple[Floats, Floats]:
        """Value and cost of the test problems at each price, both (n_test, L)."""
        best = self._best(train, prices)
        return self.value[np.ix_(test, best)], self.cost[np.ix_(test, best)]

    def chosen(self, prices: Floats) -> list[dict[str, Any]]:
        """What all problems choose at each price, as fields of `Routed`."""
        best = self._best(np.ones(len(self.value), dtype=bool), prices)
        return [{"cascade": self.cascades[i]} for i in best]

    def _best(self, train: NDArray[np.bool_], prices: Floats) -> NDArray[np.int64]:
        value, cost = self.value[train].mean(axis=0), self.cost[train].mean(axis=0)
        return _argbest(value[None, :] - prices[:, None] * cost[None, :], cost)


class _ByLevel:
    """Chooses a step for each level; a level that no problem of the training fold has gets what is best for all."""

    def __init__(self, menu: Menu, value: Floats, cost: Floats) -> None:
        levels = np.zeros(len(value), dtype=object) if menu.levels is None else menu.levels
        self.names = sorted({_level_name(level) for level in levels})
        self.level = np.array([self.names.index(_level_name(level)) for level in levels])
        self.value, self.cost = value, cost

    def on(self, train: NDArray[np.bool_], test: NDArray[np.bool_], prices: Floats) -> tuple[Floats, Floats]:
        """Value and cost of the test problems at each price, both (n_test, L)."""
        picked = self._best(train, prices)[self.level[test]]
        return np.take_along_axis(self.value[test], picked, axis=1), np.take_along_axis(self.cost[test], picked, axis=1)

    def chosen(self, prices: Floats) -> list[dict[str, Any]]:
        """What all problems choose at each price, as fields of `Routed`."""
        best = self._best(np.ones(len(self.value), dtype=bool), prices)
        return [{"by_level": {name: int(best[i, p]) for i, name in enumerate(self.names)}} for p in range(len(prices))]

    def _best(self, train: NDArray[np.bool_], prices: Floats) -> NDArray[np.int64]:
        """The step of each level at each price, of shape (levels, L)."""
        rows = []
        for i in range(len(self.names)):
            own = train & (self.level == i)
            own = own if own.any() else train
            value, cost = self.value[own].mean(axis=0), self.cost[own].mean(axis=0)
            rows.append(_argbest(value[None, :] - prices[:, None] * cost[None, :], cost))
        return np.stack(rows)


def _level_name(level: object) -> str:
    if level is None or level != level:
        return "none"
    return str(int(level)) if isinstance(level, float) and level.is_integer() else str(level)


def _argbest(worth: Floats, cost: Floats) -> NDArray[np.int64]:
    """The place of the most worth in each row; of equals (to rounding) the cheapest."""
    order = np.argsort(cost, kind="stable")
    ordered = worth[:, order]
    best = ordered.max(axis=1, keepdims=True)
    return order[(ordered >= best - 1e-12 * np.maximum(1.0, np.abs(best))).argmax(axis=1)]


def _points(
    menu: Menu, value: Floats, cost: Floats, held_value: Floats, held_cost: Floats, n_resamples: int, seed: int
) -> list[Routed]:
    """The frontier with intervals over problems: everything at the router's own mean cost in each resample."""
    oracle = Oracle.of(value, cost)
    n_points = held_cost.shape[1]

    def statistic(weights: Floats) -> Floats:
        at, routed = mean_over(weights, held_cost), mean_over(weights, held_value)
        values, costs = mean_over(weights, value), mean_over(weights, cost)
        blind = np.stack([blind_at(values, costs, column) for column in at.T], axis=1)
        best = oracle.value_at(weights, at)
        share = efficiency(routed, blind, best)
        return np.concatenate([at, routed, blind, best, routed - blind, share], axis=1)

    units = n_units(len(value), menu.groups)

    def estimate(level: float) -> list[list[Interval]]:
        found = bootstrap(statistic, len(value), groups=menu.groups, level=level, n_resamples=n_resamples, seed=seed)
        flat = intervals(found, units)
        return [flat[i * n_points : (i + 1) * n_points] for i in range(6)]

    at, routed, blind, best, gain, share = estimate(0.95)
    together = estimate(1 - 0.05 / n_points)[4]
    return [
        Routed(at[i], routed[i], blind[i].value, best[i].value, gain[i], share[i], (together[i].ci_low or 0.0) > 1e-12)
        for i in range(n_points)
    ]
