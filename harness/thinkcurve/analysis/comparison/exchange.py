"""Two curves over measured compute, with intervals: what the same compute gives, and what the same accuracy costs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from thinkcurve.analysis.basis.axes import costs_of
from thinkcurve.analysis.basis.between import (
    area_between,
    common_accuracies,
    compute_for,
    log_ratio,
    measured,
    rising,
)
from thinkcurve.analysis.basis.grid import Floats
from thinkcurve.analysis.basis.resample import RESAMPLES, bootstrap

if TYPE_CHECKING:
    from thinkcurve.analysis.comparison.contrast import Side

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
    that both reach, ``accuracy_low`` to ``accuracy_high``. ``None`` and ``why`` as in `Area`."""

    axis: str
    value: float | None
    ci_low: float | None
    ci_high: float | None
    accuracy_low: float | None
    accuracy_high: float | None
    undefined_share: float | None
    at: tuple[AtAccuracy, ...] = ()
    why: str | None = None


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

    Problems are resampled for both together, their compute with them. Budgets whose compute is unknown, or nothing, are
    left out. A curve that falls is first made the nearest one that does not (isotonic), for the ratio only. Intervals
    are BCa (`thinkcurve.analysis.basis.resample.bootstrap`).
    """
    curves = []
    for name, side in (("base", base), ("new", new)):
        found, is_fit = measured(side.means, costs_of(side.grid, axis), side.is_drawn)
        if not is_fit.any():
            why = f"{axis} of {name} is unknown or nothing at every budget"
            return _no_area(axis, why), _no_ratio(axis, why)
        curves.append(found)
    n_units = len(base.is_drawn) if groups is None else len(np.unique(groups))
    first, second = curves
    all_once = np.ones((1, len(base.is_drawn)))
    points = first.curve(all_once), second.curve(all_once)
    reached = common_accuracies(*points)
    at = round_accuracies(*reached) if reached else np.zeros(0)

    def statistic(weights: Floats) -> Floats:
        one, other = first.curve(weights), second.curve(weights)
        overall = [area_between(one, other)[:, None], log_ratio(one, other)[:, None]]
        return np.hstack([*overall, _at(at, other) - _at(at, one)])

    value, low, high, undefined = _estimate(statistic, len(base.is_drawn), groups, n_units, level, n_resamples, seed)
    area = _area(axis, points, value[0], (low[0], high[0]), undefined[0])
    if reached is None:
        return area, _no_ratio(axis, _no_common_accuracy(*points))
    ratio = Ratio(
        axis,
        2.0 ** float(value[1]),
        _power(low[1]),
        _power(high[1]),
        *reached,
        float(undefined[1]),
        tuple(_rows(at, points, value[2:], low[2:], high[2:])),
    )
    return area, ratio


def round_accuracies(low: float, high: float) -> Floats:
    """A few round accuracies between two, or their middle."""
    for step in STEPS:
        found = np.arange(np.ceil(low / step), np.floor(high / step) + 1) * step
        found = found[(found > low) & (found < high)]
        if len(found) >= 3:
            return np.round(found[:: int(np.ceil(len(found) / MOST_ROWS))], 4)
    return np.array([(low + high) / 2])


def _estimate(
    statistic: Any, n: int, groups: NDArray[Any] | None, n_units: int, level: float, n_resamples: int, seed: int
) -> tuple[Floats, Floats, Floats, Floats]:
    """The statistic, its interval and the share of resamples without a value; one unit has no interval."""
    if n_units < 2:
        value = statistic(np.ones((1, n)))[0]
        return value, np.full(value.shape, np.nan), np.full(value.shape, np.nan), np.zeros(value.shape)
    found = bootstrap(statistic, n, groups=groups, level=level, n_resamples=n_resamples, seed=seed)
    return found.value, found.low, found.high, found.n_undefined / n_resamples


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


def _area(axis: str, points: Any, value: float, ends: tuple[float, float], undefined: float) -> Area:
    low = max(float(curve[0][0, 0]) for curve in points)
    high = min(float(curve[0][0, -1]) for curve in points)
    if np.isnan(value):
        spans = [f"{2 ** curve[0][0, 0]:,.4g} to {2 ** curve[0][0, -1]:,.4g}" for curve in points]
        return _no_area(axis, f"no range of compute that both spent: base {spans[0]}, new {spans[1]} {axis}")
    ci_low, ci_high = (None if np.isnan(end) else float(end) for end in ends)
    return Area(axis, float(value), ci_low, ci_high, 2.0**low, 2.0**high, float(undefined))


def _no_common_accuracy(base: tuple[Floats, Floats], new: tuple[Floats, Floats]) -> str:
    spans = []
    for curve in (base, new):
        y = rising(curve[1])[0]
        spans.append(f"{100 * y[0]:.1f} to {100 * y[-1]:.1f} %")
    return f"no accuracy that both reach: base {spans[0]}, new {spans[1]}"


def _no_area(axis: str, why: str) -> Area:
    return Area(axis, None, None, None, None, None, None, why)


def _no_ratio(axis: str, why: str) -> Ratio:
    return Ratio(axis, None, None, None, None, None, None, (), why)


def _power(exponent: float) -> float | None:
    return None if np.isnan(exponent) else 2.0 ** float(exponent)
