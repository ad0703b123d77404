"""What each step of the ladder brings, and what it brings for each doubling of compute."""

from __future__ import annotations

from typing import NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from thinkcurve.analysis.basis.axes import costs_of
from thinkcurve.analysis.basis.grid import Floats, Grid, outer_groups
from thinkcurve.analysis.basis.interval import UNKNOWN, Interval, intervals, known, n_units
from thinkcurve.analysis.basis.paired import paired_difference
from thinkcurve.analysis.basis.resample import RESAMPLES, Estimate, bootstrap, mean_over, ratio_over
from thinkcurve.analysis.fitting.series import SAME_X, places_of


class Gain(msgspec.Struct, frozen=True):
    """What one step of the ladder brings: paired over the ``n_problems`` that have attempts at both of its ends.

    ``n_left_out`` problems have attempts at one end only: they would change the mean without any of them changing.
    ``gain`` is in accuracy, with the interval of `thinkcurve.analysis.basis.paired`; ``doublings`` is log2 of the
    ratio of measured costs of the same problems, ``per_doubling`` the gain over it: unknown from a point without cost,
    between points of the same cost, or where a cost is not known. Under control ``effort`` ``start`` and ``end`` are
    places in `thinkcurve.budget.EFFORTS`, and ``start_effort`` and ``end_effort`` their names.
    """

    start: int | None
    end: int | None
    start_effort: str | None
    end_effort: str | None
    gain: Interval
    doublings: float | None
    per_doubling: Interval
    n_problems: int
    n_left_out: int


class _Steps(NamedTuple):
    """Arrays of shape (P, steps), NaN where a problem is not at both ends: differences, then costs and attempts."""

    gain: Floats
    cost: tuple[Floats, Floats]
    n: tuple[Floats, Floats]
    is_both: NDArray[np.bool_]
    is_single: NDArray[np.bool_]


def gains_of(
    grid: Grid, axis: str = "thinking_tokens", *, n_resamples: int = RESAMPLES, seed: int = 0
) -> tuple[Gain, ...]:
    """The gain from each budget of a grid to the next. Budgets without attempts are left out.

    The interval per doubling is BCa over problems (costs are drawn with them), and holds that of the gain over the
    doublings as measured.
    """
    places = places_of(grid)
    if len(places) < 2:
        return ()
    steps = _steps(grid, places, axis)
    found = bootstrap(
        lambda weights: _statistic(steps, weights),
        len(grid.problems),
        groups=grid.groups,
        n_resamples=n_resamples,
        seed=seed,
    )
    return tuple(_gain(grid, steps, found, step, places) for step in range(len(places) - 1))


def _steps(grid: Grid, places: NDArray[np.int64], axis: str) -> _Steps:
    drawn = grid.drawn[:, places]
    is_both = (drawn[:, :-1] > 0) & (drawn[:, 1:] > 0)
    sums = np.where(grid.is_drawn, costs_of(grid, axis), 0.0).sum(axis=2)[:, places]  # NaN where a cost is not known

    def at_both(values: Floats) -> tuple[Floats, Floats]:
        return np.where(is_both, values[:, :-1], np.nan), np.where(is_both, values[:, 1:], np.nan)

    is_one = (drawn[:, :-1] == 1) & (drawn[:, 1:] == 1)
    return _Steps(
        np.diff(grid.means[:, places], axis=1),
        at_both(sums),
        at_both(drawn.astype(float)),
        is_both,
        (is_one | ~is_both).all(axis=0),
    )


def _statistic(steps: _Steps, weights: Floats) -> Floats:
    """Gain per doubling and doublings of each step, of shape (R, steps, 2)."""
    costs = [ratio_over(weights, cost, n) for cost, n in zip(steps.cost, steps.n, strict=True)]
    logs = [np.log2(np.where(cost > 0, cost, np.nan)) for cost in costs]
    is_known = ~(np.isnan(steps.cost[0] + steps.cost[1]) & steps.is_both).any(axis=0)
    doublings = np.where(is_known, logs[1] - logs[0], np.nan)
    is_step = np.isfinite(doublings) & (np.abs(doublings) > SAME_X)
    gain = mean_over(weights, steps.gain)
    per = np.divide(gain, doublings, out=np.full(gain.shape, np.nan), where=is_step)
    return np.stack([per, np.where(is_step, doublings, np.nan)], axis=2)


def _gain(grid: Grid, steps: _Steps, found: Estimate, step: int, places: NDArray[np.int64]) -> Gain:
    has = steps.is_both[:, step]
    is_left_out = ~has & (grid.drawn[:, places[step : step + 2]] > 0).any(axis=1)
    start, end = int(places[step]), int(places[step + 1])
    groups = None if grid.groups is None else outer_groups(grid.groups[has])
    gain = UNKNOWN
    if has.any():
        paired = paired_difference(steps.gain[has, step], groups=groups, is_single=bool(steps.is_single[step]))
        gain = Interval(known(paired.difference), paired.ci_low, paired.ci_high)
    doublings = known(found.value[step, 1])
    per_doubling = intervals(found, n_units(int(has.sum()), groups))[2 * step]
    return Gain(
        grid.budgets[start],
        grid.budgets[end],
        grid.efforts[start],
        grid.efforts[end],
        gain,
        doublings,
        _wide(per_doubling, gain, doublings),
        int(has.sum()),
        int(is_left_out.sum()),
    )


def _wide(drawn: Interval, gain: Interval, doublings: float | None) -> Interval:
    """The gain per doubling, with the outer ends of what resamples say and of the gain's interval over ``doublings``.

    Resamples draw the costs with the problems; the gain's own interval allows for problems that were not drawn.
    """
    if doublings is None or drawn.ci_low is None or drawn.ci_high is None:
        return drawn
    if gain.ci_low is None or gain.ci_high is None:
        return Interval(drawn.value, None, None)
    low, high = sorted((gain.ci_low / doublings, gain.ci_high / doublings))
    return Interval(drawn.value, min(low, drawn.ci_low), max(high, drawn.ci_high))
