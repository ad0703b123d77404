"""Points to fit a form to, with resamples of them over problems: accuracy over an axis, or pass@k over k."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from thinkcurve.analysis.basis.axes import costs_of
from thinkcurve.analysis.basis.grid import Floats, Grid, units_of
from thinkcurve.analysis.basis.interval import FEWEST_UNITS, ROUNDING, n_units
from thinkcurve.analysis.basis.resample import draws, mean_over, ratio_over
from thinkcurve.analysis.parallel.estimators import pass_at_k
from thinkcurve.budget import format_budget

FIT_RESAMPLES = 1000
"""Efron and Tibshirani 1993, chapter 13: percentile intervals need about a thousand."""
SAME_X = 1e-9
"""Relative difference of two x that are one point: all thinking had ended before the smaller budget."""


@dataclass(frozen=True, eq=False)
class Series:
    """n points in ascending order of x, and R resamples of them over problems.

    ``x``, ``y`` and ``variance`` have shape (n,), ``x_draws`` and ``y_draws`` (R, n): points of a resample belong
    together, as they rest on the same problems and, of a shared trace, on the same thinking. ``variance`` is that of y
    from unit to unit, of which there are ``n_units``: problems, or the outer groups that they lie in. ``left_out`` says
    in words which points and problems of a curve are not among them.
    """

    x: Floats
    y: Floats
    variance: Floats
    x_draws: Floats
    y_draws: Floats
    n_units: int
    left_out: tuple[str, ...] = ()

    @property
    def has_spread(self) -> bool:
        """Whether resamples differ at all: of one unit, or of units that are all alike, they say nothing."""
        if self.n_units < FEWEST_UNITS or not self.y_draws.size:
            return False
        return bool(np.nan_to_num(np.abs(self.y_draws - self.y)).max() > ROUNDING)

    def only(self, places: NDArray[Any], *left_out: str) -> Series:
        """Some of the points, by places or a mask of shape (n,), and what to say of the others."""
        return replace(
            self,
            x=self.x[places],
            y=self.y[places],
            variance=self.variance[places],
            x_draws=self.x_draws[:, places],
            y_draws=self.y_draws[:, places],
            left_out=(*self.left_out, *left_out),
        )


def places_of(grid: Grid) -> NDArray[np.int64]:
    """The places of the budgets at which there is any attempt, ascending."""
    return np.flatnonzero(grid.is_drawn.any(axis=(0, 2)))


def complete(grid: Grid) -> Grid:
    """The grid of the problems that have attempts at every budget that has any; it may have none.

    Failures are not random: long thinking runs out of memory or context, and on hard problems more. A budget's mean
    over those that are left would rise for that alone.
    """
    n_missing = (grid.drawn[:, places_of(grid)] == 0).sum(axis=1)
    return grid.only(np.flatnonzero(n_missing == 0)) if n_missing.any() else grid


def accuracy_series(
    grid: Grid, axis: str = "thinking_tokens", *, n_resamples: int = FIT_RESAMPLES, seed: int = 0
) -> Series:
    """Accuracy over the mean cost per attempt of each budget. Costs are resampled with their problems.

    Left out, and said: budgets without attempts, those whose cost is not known of every attempt, those of no cost at
    all (there is no logarithm of 0), all but one of those with the same cost (all thinking had ended: they are one
    point, not more), and problems that are not `complete`.
    """
    whole, n_all = complete(grid), len(grid.problems)
    if not whole.problems:
        none = np.empty((n_resamples, 0))
        words = "no problem has attempts at every budget: budgets cannot be compared"
        return Series(none[0], none[0], none[0], none, none, 0, (words,))
    found = _of_complete(whole, axis, n_resamples, seed)
    n_left_out = n_all - len(whole.problems)
    if not n_left_out:
        return found
    words = f"{n_left_out} of {n_all} problems left out: no attempt at some budget"
    return replace(found, left_out=(words, *found.left_out))


def _of_complete(grid: Grid, axis: str, n_resamples: int, seed: int) -> Series:
    costs, n = costs_of(grid, axis), grid.drawn.astype(float)
    is_known = np.logical_not((np.isnan(costs) & grid.is_drawn).any(axis=(0, 2)))
    sums = np.where(is_known[:, None], np.nan_to_num(costs), 0.0).sum(axis=2)
    x_draws, y_draws = _resampled(grid.means, sums, n, grid.groups, n_resamples, seed)
    ones = np.ones((1, len(grid.problems)))
    x = np.where(is_known & grid.is_drawn.any(axis=(0, 2)), ratio_over(ones, sums, n)[0], np.nan)
    y = mean_over(ones, grid.means)[0]
    units = n_units(len(grid.problems), grid.groups)
    whole = Series(x, y, spread_of(grid.means, grid.groups), x_draws, y_draws, units)
    names = [f"budget {format_budget(budget, grid.control)}" for budget in grid.budgets]
    return _usable(whole, names, axis)


def coverage_series(
    right: ArrayLike,
    drawn: ArrayLike,
    ks: ArrayLike | None = None,
    *,
    groups: NDArray[Any] | None = None,
    n_resamples: int = FIT_RESAMPLES,
    seed: int = 0,
) -> Series:
    """pass@k over k, from counts of correct and of all samples, both of shape (P,).

    ``ks`` defaults to powers of two and the fewest samples that a problem has; no k may be larger than that, so that
    all points rest on the same problems. ``ks`` may hold a k twice: it then weighs twice.
    """
    n_drawn = np.asarray(drawn)
    fewest = int(n_drawn.min())
    chosen = np.asarray(powers_of_two(fewest) if ks is None else ks, dtype=np.int64)
    if chosen.size == 0 or chosen.min() < 1 or chosen.max() > fewest:
        raise ValueError(f"ks must be 1 to {fewest}, the fewest samples of a problem")
    values = np.asarray(pass_at_k(right, n_drawn, chosen))
    x = chosen.astype(float)
    found = [
        mean_over(weights, values) for weights in draws(len(values), groups=groups, n_resamples=n_resamples, seed=seed)
    ]
    y_draws = np.concatenate(found) if found else np.empty((0, len(x)))
    x_draws = np.broadcast_to(x, y_draws.shape)
    return Series(x, values.mean(axis=0), spread_of(values, groups), x_draws, y_draws, n_units(len(values), groups))


def powers_of_two(most: int) -> list[int]:
    """1, 2, 4, ... and ``most`` itself."""
    ks = [1 << i for i in range(most.bit_length()) if 1 << i <= most]
    return ks if not ks or ks[-1] == most else [*ks, most]


def spread_of(values: Floats, groups: NDArray[Any] | None = None) -> Floats:
    """The variance of the mean of each column of values in 0..1, of shape (P, n), NaN left out: of shape (n,).

    From problem to problem, or from group to group of ``groups`` of shape (P,), with two halves of a made-up problem,
    one right and one wrong: so a point at which all are right is known well, not without error. For single samples of
    problems it is p(1-p)/(P+1) with p = (correct + 1/2)/(P+1), the posterior mean of Jeffreys' prior.
    """
    n = (~np.isnan(values)).sum(axis=0) + 1.0
    mean = (np.nansum(values, axis=0) + 0.5) / n
    units = units_of(len(values), groups)
    off = np.zeros((n_units(len(values), groups), values.shape[1]))
    np.add.at(off, units, np.nan_to_num(values - mean))
    squares = (off**2).sum(axis=0) + 0.5 * (1 - mean) ** 2 + 0.5 * mean**2
    return squares / n**2


def _resampled(
    means: Floats, sums: Floats, n: Floats, groups: NDArray[Any] | None, n_resamples: int, seed: int
) -> tuple[Floats, Floats]:
    xs, ys = [np.empty((0, means.shape[1]))], [np.empty((0, means.shape[1]))]
    for weights in draws(len(means), groups=groups, n_resamples=n_resamples, seed=seed):
        xs.append(ratio_over(weights, sums, n))
        ys.append(mean_over(weights, means))
    return np.concatenate(xs), np.concatenate(ys)


def _usable(series: Series, names: list[str], axis: str) -> Series:
    """The points that a form can be fitted to, in order of x, and words on the others."""
    said: list[str] = []
    kept: list[int] = []
    unknown = [names[i] for i in np.flatnonzero(np.isnan(series.x))]
    none = [names[i] for i in np.flatnonzero(series.x == 0)]
    for i in np.argsort(series.x, kind="stable"):
        if not series.x[i] > 0:
            continue
        if kept and abs(series.x[i] - series.x[kept[-1]]) <= SAME_X * series.x[i]:
            said.append(f"{names[i]} is left out: the same {_words(axis)} as {names[kept[-1]]}, so the same point")
            continue
        kept.append(int(i))
    if unknown:
        said.insert(0, f"{', '.join(unknown)} left out: {_words(axis)} of some attempts are not known")
    if none:
        said.insert(0, f"{', '.join(none)} left out: 0 {_words(axis)} have no logarithm")
    return series.only(np.array(kept, dtype=np.int64), *said)


def _words(axis: str) -> str:
    return axis.replace("_", " ")
