"""What each step of the ladder brings, and what it brings for each doubling of compute."""

from __future__ import annotations

from typing import Any, NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from thinkcurve.analysis.basis.axes import costs_of
from thinkcurve.analysis.basis.grid import Floats, Grid, groups_among
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

    def only(self, has: NDArray[np.bool_], steps: list[int]) -> _Steps:
        """Of some problems, a mask of shape (P,), and some steps."""
        cost, n = (tuple(part[has][:, steps] for part in parts) for parts in (self.cost, self.n))
        return _Steps(
            self.gain[has][:, steps],
            (cost[0], cost[1]),
            (n[0], n[1]),
            self.is_both[has][:, steps],
            self.is_single[steps],
        )

    def per_doubling(self, weights: Floats) -> Floats:
        """Gain per doubling and doublings of each step in resamples (R, P), of shape (R, steps, 2)."""
        costs = [ratio_over(weights, cost, n) for cost, n in zip(self.cost, self.n, strict=True)]
        logs = [np.log2(np.where(cost > 0, cost, np.nan)) for cost in costs]
        is_known = ~(np.isnan(self.cost[0] + self.cost[1]) & self.is_both).any(axis=0)
        doublings = np.where(is_known, logs[1] - logs[0], np.nan)
        is_step = np.isfinite(doublings) & (np.abs(doublings) > SAME_X)
        gain = mean_over(weights, self.gain)
        per = np.divide(gain, doublings, out=np.full(gain.shape, np.nan), where=is_step)
        return np.stack([per, np.where(is_step, doublings, np.nan)], axis=2)


def gains_of(
    grid: Grid, axis: str = "thinking_tokens", *, n_resamples: int = RESAMPLES, seed: int = 0
) -> tuple[Gain, ...]:
    """The gain from each budget of a grid to the next. Budgets without attempts are left out.

    The interval per doubling is BCa over the problems at both ends (costs are drawn with them), and holds that of the
    gain over the doublings as measured.
    """
    places = places_of(grid)
    if len(places) < 2:
        return ()
    steps = _steps(grid, places, axis)
    gains: dict[int, Gain] = {}
    for together in _of_one_set(steps.is_both):
        has = steps.is_both[:, together[0]]
        own, groups, found = steps.only(has, together), groups_among(grid.groups, has), None
        if has.any():
            found = bootstrap(own.per_doubling, int(has.sum()), groups=groups, n_resamples=n_resamples, seed=seed)
        for i, step in enumerate(together):
            gains[step] = _gain(grid, own, found, (i, step), groups, places)
    return tuple(gains[step] for step in range(len(places) - 1))


def _of_one_set(is_both: NDArray[np.bool_]) -> list[list[int]]:
    """Steps by the problems that they are of, (P, steps): those of the same are resampled together."""
    sets: dict[bytes, list[int]] = {}
    for step, has in enumerate(is_both.T):
        sets.setdefault(has.tobytes(), []).append(step)
    return list(sets.values())


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


def _gain(
    grid: Grid,
    steps: _Steps,
    found: Estimate | None,
    at: tuple[int, int],
    groups: NDArray[Any] | None,
    places: NDArray[np.int64],
) -> Gain:
    """The gain of one of the steps that are of the same problems: its place among them, and in the ladder."""
    i, step = at
    n = len(steps.gain)
    n_any = int((grid.drawn[:, places[step : step + 2]] > 0).any(axis=1).sum())
    start, end = int(places[step]), int(places[step + 1])
    gain, doublings, per_doubling = UNKNOWN, None, UNKNOWN
    if found is not None:
        paired = paired_difference(steps.gain[:, i], groups=groups, is_single=bool(steps.is_single[i]))
        gain = Interval(known(paired.difference), paired.ci_low, paired.ci_high)
        doublings = known(found.value[i, 1])
        per_doubling = intervals(found, n_units(n, groups))[2 * i]
    return Gain(
        grid.budgets[start],
        grid.budgets[end],
        grid.efforts[start],
        grid.efforts[end],
        gain,
        doublings,
        _wide(per_doubling, gain, doublings),
        n,
        n_any - n,
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
