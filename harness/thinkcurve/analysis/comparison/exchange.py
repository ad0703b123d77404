"""Two curves over measured compute, with intervals: what the same compute gives, and what the same accuracy costs."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray
from scipy.stats import t

from thinkcurve.analysis.basis.axes import costs_of
from thinkcurve.analysis.basis.between import (
    Measured,
    area_between,
    common_accuracies,
    compute_for,
    log_ratio,
    measured,
    rising,
)
from thinkcurve.analysis.basis.grid import Floats, groups_among
from thinkcurve.analysis.basis.interval import FEWEST_UNITS, known, n_units
from thinkcurve.analysis.basis.paired import filled, least_pull
from thinkcurve.analysis.basis.resample import RESAMPLES, Estimate, Statistic, bootstrap
from thinkcurve.analysis.comparison.sides import Side

STEPS = (0.1, 0.05, 0.02, 0.01)
"""Round accuracies that a table may show; the first step with three or more of them is taken."""
MOST_ROWS = 6


class Area(msgspec.Struct, frozen=True):
    """The mean difference in accuracy, new minus base, over log2 of the compute that both spent.

    The area between the curves divided by its width, over ``compute_low`` to ``compute_high`` of ``axis``. ``value`` is
    ``None`` where that is not defined, and ``why`` says so. ``undefined_share`` of the resamples had no value; where
    it is above a tenth there is no interval.
    """

    axis: str
    value: float | None
    ci_low: float | None
    ci_high: float | None
    compute_low: float | None
    compute_high: float | None
    undefined_share: float | None
    why: str | None = None
    n_left_out: int = 0


class AtAccuracy(msgspec.Struct, frozen=True):
    """The compute that each needs for one accuracy, and their ratio, new over base."""

    accuracy: float
    base: float
    new: float
    ratio: float
    ci_low: float | None
    ci_high: float | None


class Ratio(msgspec.Struct, frozen=True):
    """The compute that new needs for the accuracy of base, over that of base: the geometric mean over all accuracies
    that both reach, ``accuracy_low`` to ``accuracy_high``. ``None``, ``why`` and ``n_left_out`` as in `Area`."""

    axis: str
    value: float | None
    ci_low: float | None
    ci_high: float | None
    accuracy_low: float | None
    accuracy_high: float | None
    undefined_share: float | None
    at: tuple[AtAccuracy, ...] = ()
    why: str | None = None
    n_left_out: int = 0


def over_compute(
    base: Side,
    new: Side,
    axis: str,
    *,
    groups: NDArray[Any] | None = None,
    level: float = 0.95,
    n_resamples: int = RESAMPLES,
    seed: int = 0,
) -> tuple[Area, Ratio]:
    """The area between two curves and the ratio of compute at equal accuracy, on one axis of compute.

    Only problems with attempts of both at all budgets count. They are resampled for both together, their compute with
    them. Budgets whose compute is unknown, or nothing, are left out. A curve that falls is first made the nearest one
    that does not (isotonic), for the ratio only. Intervals are BCa (`thinkcurve.analysis.basis.resample.bootstrap`),
    and no narrower than one problem that changed altogether would make them, as that of a paired difference is
    (`thinkcurve.analysis.basis.paired.least_pull`).
    """
    sides = base, new
    fits = [measured(side.means, costs_of(side.grid, axis), side.is_drawn)[1] for side in sides]
    is_complete: NDArray[np.bool_] = np.ones(len(base.is_drawn), dtype=np.bool_)
    for side, fit in zip(sides, fits, strict=True):
        is_complete &= np.all(np.any(side.is_drawn[:, fit], axis=2), axis=1)
    if all(fit.any() for fit in fits) and not is_complete.any():
        why = "no problem has attempts of both at all budgets"
        return _no_area(axis, why, len(is_complete)), _no_ratio(axis, why, len(is_complete))
    first, second = (_complete(side, axis, is_complete, fit) for side, fit in zip(sides, fits, strict=True))
    for name, found in (("base", first), ("new", second)):
        if not found.means.shape[1]:
            why = f"{axis} of {name} is unknown or nothing at every budget"
            return _no_area(axis, why), _no_ratio(axis, why)
    n, n_left_out = int(is_complete.sum()), int((~is_complete).sum())
    groups = groups_among(groups, is_complete)
    all_once = np.ones((1, n))
    points = first.curve(all_once), second.curve(all_once)
    reached = common_accuracies(*points)
    at = round_accuracies(*reached) if reached else np.zeros(0)

    estimate = _estimate(first, second, at, groups, level, n_resamples, seed)
    value, low, high = estimate.value, estimate.low, estimate.high
    undefined = estimate.n_undefined / n_resamples
    area = _area(axis, points, value[0], (low[0], high[0]), undefined[0], n_left_out)
    if reached is None:
        return area, _no_ratio(axis, _no_common_accuracy(*points), n_left_out)
    ratio = Ratio(
        axis,
        2.0 ** float(value[1]),
        _power(low[1]),
        _power(high[1]),
        *reached,
        float(undefined[1]),
        tuple(_rows(at, points, value[2:], low[2:], high[2:])),
        n_left_out=n_left_out,
    )
    return area, ratio


def _complete(side: Side, axis: str, is_complete: NDArray[np.bool_], is_fit: NDArray[np.bool_]) -> Measured:
    """The curve of the complete problems at the budgets that fit, where their compute is something."""
    drawn, costs = side.is_drawn[is_complete][:, is_fit], costs_of(side.grid, axis)[is_complete][:, is_fit]
    return measured(side.means[is_complete][:, is_fit], costs, drawn)[0]


def round_accuracies(low: float, high: float) -> Floats:
    """A few round accuracies between two, or their middle."""
    for step in STEPS:
        found = np.arange(np.ceil(low / step), np.floor(high / step) + 1) * step
        found = found[(found > low) & (found < high)]
        if len(found) >= 3:
            return np.round(found[:: int(np.ceil(len(found) / MOST_ROWS))], 4)
    return np.array([(low + high) / 2])


def _statistic(base: Measured, new: Measured, at: Floats) -> Statistic:
    """Weights of shape (R, P) to the area, log2 of the ratio, and that at each accuracy: (R, 2 + accuracies)."""

    def found(weights: Floats) -> Floats:
        one, other = base.curve(weights), new.curve(weights)
        overall = [area_between(one, other)[:, None], log_ratio(one, other)[:, None]]
        return np.hstack([*overall, _at(at, other) - _at(at, one)])

    return found


def _estimate(
    base: Measured,
    new: Measured,
    at: Floats,
    groups: NDArray[Any] | None,
    level: float,
    n_resamples: int,
    seed: int,
) -> Estimate:
    """The statistic with its interval; one unit has none."""
    n, statistic = len(base.means), _statistic(base, new, at)
    units = n_units(n, groups)
    if units < FEWEST_UNITS:
        value = statistic(np.ones((1, n)))[0]
        unknown = np.full(value.shape, np.nan)
        return Estimate(value, unknown, unknown, unknown, np.zeros(value.shape, dtype=np.int64))
    found = bootstrap(statistic, n, groups=groups, level=level, n_resamples=n_resamples, seed=seed)
    moved = (_moved(base, new, at) - found.value) * (n + 1) * least_pull(n)
    return _no_surer_than_one_problem(found, moved, units, level)


def _moved(base: Measured, new: Measured, at: Floats) -> Floats:
    """The statistic with one problem more, of shape (2, 2 + accuracies): one that base never solves and new always
    does, and the other way round, as `thinkcurve.analysis.basis.paired.least_pull` has it."""
    never, always = np.eye(2)
    first, second = (
        _with_more(side, np.tile(solved[:, None], side.means.shape[1]))
        for side, solved in ((base, never), (new, always))
    )
    return _statistic(first, second, at)(np.hstack([np.ones((2, len(base.means))), np.eye(2)]))


def _with_more(side: Measured, means: Floats) -> Measured:
    """The curve with problems more, of these ``means`` and average compute."""
    costs, counts = (np.tile(part.mean(axis=0), (len(means), 1)) for part in (side.costs, side.counts))
    return Measured(np.vstack([side.means, means]), np.vstack([side.costs, costs]), np.vstack([side.counts, counts]))


def _no_surer_than_one_problem(found: Estimate, moved: Floats, units: int, level: float) -> Estimate:
    """The estimate with ends no nearer than one problem that changed altogether would set them (see `ALIKE`).

    ``moved`` of shape (2, ...) says what such a problem changes, either way. What was never drawn is in no resample.
    """
    ends = []
    for sign, end in ((-1, found.low), (1, found.high)):
        least = np.max(np.where(np.isnan(moved), 0.0, sign * moved), axis=0)
        half = np.array([_half(*pair, units, level) for pair in zip(least.ravel(), found.se.ravel(), strict=True)])
        out = found.value + sign * half.reshape(end.shape)
        is_bound = least > found.se
        ends.append(np.where(is_bound, sign * np.maximum(sign * out, sign * end), end))
    return replace(found, low=ends[0], high=ends[1])


def _half(least: float, se: float, units: int, level: float) -> float:
    """How far out an end lies whose standard error is filled up to ``least`` by two made-up problems."""
    if not least > se:  # NaN too
        return 0.0
    squares, df = filled(se**2, 0.0, least**2, units)
    return float(t.ppf((1 + level) / 2, df) * np.sqrt(squares))


def _at(levels: Floats, curve: tuple[Floats, Floats]) -> Floats:
    """log2 of the compute for each accuracy, of shape (R, M); NaN where a curve begins above it or never reaches it."""
    y = rising(curve[1])
    wanted = np.broadcast_to(levels, (len(y), len(levels)))
    return np.where(wanted < y[:, :1], np.nan, compute_for(wanted, curve[0], y))


def _rows(at: Floats, points: Any, value: Floats, low: Floats, high: Floats) -> list[AtAccuracy]:
    base, new = (_at(at, curve)[0] for curve in points)
    return [
        AtAccuracy(
            float(at[i]),
            2.0 ** float(base[i]),
            2.0 ** float(new[i]),
            2.0 ** float(value[i]),
            _power(low[i]),
            _power(high[i]),
        )
        for i in range(len(at))
    ]


def _area(axis: str, points: Any, value: float, ends: tuple[float, float], undefined: float, n_left_out: int) -> Area:
    low = max(float(curve[0][0, 0]) for curve in points)
    high = min(float(curve[0][0, -1]) for curve in points)
    if np.isnan(value):
        spans = [f"{2 ** curve[0][0, 0]:,.4g} to {2 ** curve[0][0, -1]:,.4g}" for curve in points]
        return _no_area(
            axis, f"no range of compute that both spent: base {spans[0]}, new {spans[1]} {axis}", n_left_out
        )
    ci_low, ci_high = known(np.clip(ends[0], -1, 1)), known(np.clip(ends[1], -1, 1))
    return Area(axis, known(value), ci_low, ci_high, 2.0**low, 2.0**high, float(undefined), n_left_out=n_left_out)


def _no_common_accuracy(base: tuple[Floats, Floats], new: tuple[Floats, Floats]) -> str:
    spans = []
    for curve in (base, new):
        y = rising(curve[1])[0]
        spans.append(f"{100 * y[0]:.1f} to {100 * y[-1]:.1f} %")
    return f"no accuracy that both reach: base {spans[0]}, new {spans[1]}"


def _no_area(axis: str, why: str, n_left_out: int = 0) -> Area:
    return Area(axis, None, None, None, None, None, None, why, n_left_out)


def _no_ratio(axis: str, why: str, n_left_out: int = 0) -> Ratio:
    return Ratio(axis, None, None, None, None, None, None, (), why, n_left_out)


def _power(exponent: float) -> float | None:
    return None if np.isnan(exponent) else 2.0 ** float(exponent)
