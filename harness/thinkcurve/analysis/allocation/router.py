"""The cheapest cascade of (model, budget) by a signal, chosen on some problems and scored on others.

With levels as the signal nothing is tried: each level has one step. Which cascade is chosen depends on the price of
cost, so that there is one frontier and no single best.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray
from scipy.stats import t

from thinkcurve.analysis.allocation.cascades import Cascade
from thinkcurve.analysis.allocation.choosers import Chooser, chooser_of
from thinkcurve.analysis.allocation.hull import blind_at, hull_prices
from thinkcurve.analysis.allocation.menu import Menu, Step
from thinkcurve.analysis.allocation.oracle import Oracle, efficiency
from thinkcurve.analysis.basis.grid import Counts, Floats, units_of
from thinkcurve.analysis.basis.interval import UNKNOWN, Interval, difference_intervals, intervals, n_units
from thinkcurve.analysis.basis.means import mean_intervals
from thinkcurve.analysis.basis.resample import RESAMPLES, Estimate, bootstrap, mean_over

FEWEST_PROBLEMS = 10
"""Problems below which nothing is left to choose on and to score on."""
N_PRICES = 12
"""Prices of cost that are tried between those at which all is cheap and all is dear."""
SURE_ROOM = 1.96
"""Standard errors that what hindsight gains must be above 0 to divide by it: nearer, the ratio has no bounded interval
(Fieller 1954, J. Royal Statistical Society B 16:175-185)."""


class Routed(msgspec.Struct, frozen=True):
    """One point of a router's frontier: a choice, and how choosing so scores on problems that did not choose.

    ``cascade`` (for levels ``by_level``) is what all problems together choose at this price, and ``own_cost`` its mean
    cost over them. The folds may choose others: ``agreement`` is the share of held-out problems that got what is named
    here. ``cost`` and ``accuracy`` are those of what they got, ``cost`` of all steps taken. ``blind`` and ``oracle``
    are the best choice among the single steps of the same menu at ``cost``, without a look at the problem, and in
    hindsight; ``gain`` is ``accuracy`` - ``blind``, ``is_better`` whether it is above 0 with all points of the frontier
    taken together (Bonferroni, `_is_above`). ``efficiency`` is gain over ``oracle`` - ``blind``, unknown where that
    room is within `SURE_ROOM` standard errors of 0.
    """

    cost: Interval
    own_cost: float
    agreement: float
    accuracy: Interval
    blind: float | None
    oracle: float | None
    gain: Interval
    efficiency: Interval
    is_better: bool
    cascade: Cascade | None = None
    by_level: dict[str, int] | None = None


class Router(msgspec.Struct, frozen=True):
    """A router's frontier, one point a choice. ``steps`` is the menu; ``n_left_out`` problems could not be used.

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
    chooser = chooser_of(menu)
    prices = _prices(menu.value.mean(axis=1), menu.cost.mean(axis=1))
    masks = folds(n_problems, menu.groups, n_folds=n_folds, n_repeats=n_repeats, seed=seed)
    held = _held_out(chooser, prices, masks, n_repeats)
    places = held.distinct()
    names = chooser.named(prices[places])
    points = _points(menu, held, places, n_resamples, seed)
    return Router(
        signal=menu.signal_name,
        axis=menu.axis,
        steps=menu.steps,
        n_problems=n_problems,
        n_left_out=menu.n_left_out,
        n_folds=n_folds,
        n_repeats=n_repeats,
        points=tuple(msgspec.structs.replace(point, **name) for point, name in zip(points, names, strict=True)),
    )


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


def _prices(value: Floats, cost: Floats) -> Floats:
    """Prices of cost, from that of the dearest choice to that of the cheapest: operating points, not choices."""
    found = hull_prices(value, cost)[1:]
    blind = hull_prices(value.mean(axis=0, keepdims=True), cost.mean(axis=0, keepdims=True))[1:]
    found = np.concatenate([found, blind])
    if not found.size:
        return np.zeros(1)
    return np.append(0.0, np.geomspace(found.min() / 2, found.max() * 2, N_PRICES))


@dataclass(frozen=True, eq=False)
class _Held:
    """What each problem got while it was held out, means over repeats of shape (P, L), one column a price.

    ``agreed`` is how often that was what all problems together choose: ``named`` (P, L), of cost ``own_cost`` (L,).
    """

    value: Floats
    cost: Floats
    agreed: Floats
    named: Counts
    own_cost: Floats

    def distinct(self) -> list[int]:
        """One price for each choice that is named, the one whose folds agree with it most, by ascending cost."""
        _, choice = np.unique(self.named, axis=1, return_inverse=True)
        agreement, choice = self.agreed.mean(axis=0), choice.reshape(-1)
        best = []
        for i in range(int(choice.max()) + 1):
            own = np.flatnonzero(choice == i)
            most = own[agreement[own] >= agreement[own].max() - 1e-9]
            best.append(int(most[len(most) // 2]))
        return sorted(best, key=lambda place: (float(self.own_cost[place]), float(self.cost[:, place].mean())))


def _held_out(chooser: Chooser, prices: Floats, masks: Iterator[NDArray[np.bool_]], n_repeats: int) -> _Held:
    n_problems = len(chooser.value)
    named = chooser.picked(np.ones(n_problems, dtype=bool), prices)
    value, cost, agreed = np.zeros(named.shape), np.zeros(named.shape), np.zeros(named.shape)
    for held_out in masks:
        picked = chooser.picked(~held_out, prices)[held_out]
        value[held_out] += np.take_along_axis(chooser.value[held_out], picked, axis=1) / n_repeats
        cost[held_out] += np.take_along_axis(chooser.cost[held_out], picked, axis=1) / n_repeats
        agreed[held_out] += (picked == named[held_out]) / n_repeats
    return _Held(value, cost, agreed, named, np.take_along_axis(chooser.cost, named, axis=1).mean(axis=0))


def _points(menu: Menu, held: _Held, places: list[int], n_resamples: int, seed: int) -> list[Routed]:
    """The frontier with intervals over problems: everything at the router's own mean cost in each resample."""
    value, cost = menu.value.mean(axis=1), menu.cost.mean(axis=1)
    held_value, held_cost = held.value[:, places], held.cost[:, places]
    oracle = Oracle.of(value, cost)
    n = len(places)

    def statistic(weights: Floats) -> Floats:
        at, routed = mean_over(weights, held_cost), mean_over(weights, held_value)
        blind = blind_at(mean_over(weights, value), mean_over(weights, cost), at)
        best = oracle.value_at(weights, at)
        return np.stack([at, blind, best, routed - blind, efficiency(routed, blind, best), best - blind], axis=1)

    found = bootstrap(statistic, len(value), groups=menu.groups, n_resamples=n_resamples, seed=seed)
    units = n_units(len(value), menu.groups)
    at, blind, best, sure_gain, share = (intervals(_part(found, i), units) for i in range(5))
    gain = difference_intervals(_part(found, 3), units)
    has_room = found.value[5] > SURE_ROOM * found.se[5]
    right = mean_intervals(held_value, groups=menu.groups, n_attempts=np.full(n, value.shape[0] * menu.value.shape[1]))
    is_single = [_is_single(held_value[:, i], held_cost[:, i], value, cost) for i in range(n)]
    return [
        Routed(
            cost=at[i],
            own_cost=float(held.own_cost[place]),
            agreement=float(held.agreed[:, place].mean()),
            accuracy=right[i],
            blind=blind[i].value,
            oracle=best[i].value,
            gain=sure_gain[i] if is_single[i] else gain[i],
            efficiency=share[i] if has_room[i] else UNKNOWN,
            is_better=_is_above(sure_gain[i], n, units),
        )
        for i, place in enumerate(places)
    ]


def _is_above(gain: Interval, n: int, units: int) -> bool:
    """Whether one of ``n`` gains is above 0 at 95 % for all of them together.

    Its 95 % interval, set out below by how much farther t's quantile is for a level of 1 - .05/n: the end itself would
    rest on the outermost few of the resamples.
    """
    if gain.value is None or gain.ci_low is None:
        return False
    wider = t.ppf(1 - 0.025 / n, units - 1) / t.ppf(0.975, units - 1)
    return bool(gain.value - wider * (gain.value - gain.ci_low) > 1e-12)


def _part(found: Estimate, i: int) -> Estimate:
    return Estimate(found.value[i], found.low[i], found.high[i], found.se[i], found.n_undefined[i])


def _is_single(held_value: Floats, held_cost: Floats, value: Floats, cost: Floats) -> bool:
    """Whether every problem got the same single step: then the router is a blind choice by definition."""
    is_same = np.isclose(held_value[:, None], value) & np.isclose(held_cost[:, None], cost)
    return bool(is_same.all(axis=0).any())
