"""Where thinking longer stops paying: the gain from step to step of the ladder, and the budget that is enough."""

from __future__ import annotations

import msgspec
import numpy as np

from thinkcurve.analysis.basis.grid import Floats, Grid
from thinkcurve.analysis.basis.resample import FEWEST, RESAMPLES, bootstrap, draws, mean_over, ratio_over
from thinkcurve.analysis.fitting.fits import TOLERANCE
from thinkcurve.analysis.fitting.s1 import Interval, known
from thinkcurve.analysis.fitting.series import SAME_X


class Gain(msgspec.Struct, frozen=True):
    """What one step of the ladder brings: paired over problems, so it holds more than two intervals side by side.

    ``gain`` is in accuracy; ``doublings`` is log2 of the ratio of measured costs, ``per_doubling`` the gain over it:
    unknown from a point without cost, between points of the same cost, or where a cost is not known.
    """

    start: int | None
    end: int | None
    gain: Interval
    doublings: float | None
    per_doubling: Interval


class Saturation(msgspec.Struct, frozen=True):
    """The smallest budget from which on no accuracy is more than ``tolerance`` below that of the last.

    The last is the natural end, or the largest budget of the ladder: ``is_natural_end`` says which, for what a larger
    budget would bring nobody measured. ``budget``, ``low`` and ``high`` (ends of the percentile interval over problems)
    are ``None`` where only the last budget itself is that good: not reached. ``reached_in`` is the share of resamples
    in which it is reached. ``n_resamples`` had a value at every budget; all is ``None`` where too few had.
    """

    tolerance: float
    is_natural_end: bool
    budget: int | None
    low: int | None
    high: int | None
    reached_in: float | None
    n_resamples: int


def gains_of(
    grid: Grid, axis: str = "thinking_tokens", *, n_resamples: int = RESAMPLES, seed: int = 0
) -> tuple[Gain, ...]:
    """The gain from each budget of a grid to the next, with BCa intervals. Budgets without attempts are left out."""
    places = np.flatnonzero(grid.is_drawn.any(axis=(0, 2)))
    if len(places) < 2:
        return ()
    costs, n = grid.column(axis)[:, places], grid.drawn[:, places].astype(float)
    means = grid.means[:, places]
    sums = np.where(grid.is_drawn[:, places], costs, 0.0).sum(axis=2)  # NaN where a cost is not known
    is_known = ~np.isnan(sums).any(axis=0)
    sums = np.nan_to_num(sums)

    def statistic(weights: Floats) -> Floats:
        x = np.where(is_known, ratio_over(weights, sums, n), np.nan)
        steps = np.diff(np.log2(np.where(x > 0, x, np.nan)), axis=1)
        gain = np.diff(mean_over(weights, means), axis=1)
        is_step = np.isfinite(steps) & (np.abs(steps) > SAME_X)
        per = np.divide(gain, steps, out=np.full(gain.shape, np.nan), where=is_step)
        return np.stack([gain, per, np.where(is_step, steps, np.nan)], axis=2)

    found = bootstrap(statistic, len(grid.problems), groups=grid.groups, n_resamples=n_resamples, seed=seed)

    def interval(step: int, which: int) -> Interval:
        return Interval(*(known(part[step, which]) for part in (found.value, found.low, found.high)))

    return tuple(
        Gain(
            start=grid.budgets[places[step]],
            end=grid.budgets[places[step + 1]],
            gain=interval(step, 0),
            doublings=known(found.value[step, 2]),
            per_doubling=interval(step, 1),
        )
        for step in range(len(places) - 1)
    )


def saturation_of(
    grid: Grid,
    *,
    tolerance: float = TOLERANCE,
    level: float = 0.95,
    n_resamples: int = RESAMPLES,
    seed: int = 0,
) -> Saturation | None:
    """The saturation point of a grid; ``None`` where fewer than two budgets have attempts."""
    places = np.flatnonzero(grid.is_drawn.any(axis=(0, 2)))
    if len(places) < 2:
        return None
    budgets = [grid.budgets[place] for place in places]
    means, n_problems = grid.means[:, places], len(grid.problems)
    step = int(saturation_step(mean_over(np.ones((1, n_problems)), means), tolerance)[0])
    curves = [mean_over(w, means) for w in draws(n_problems, groups=grid.groups, n_resamples=n_resamples, seed=seed)]
    drawn = np.concatenate(curves) if curves else np.empty((0, len(places)))
    whole = drawn[np.isfinite(drawn).all(axis=1)]

    def budget_at(place: int) -> int | None:
        return None if place == len(budgets) - 1 else budgets[place]

    is_natural_end = budgets[-1] is None
    if len(whole) < max(2, FEWEST * n_resamples):
        return Saturation(tolerance, is_natural_end, budget_at(step), None, None, None, len(whole))
    steps = saturation_step(whole, tolerance)
    low, high = np.quantile(steps, [(1 - level) / 2, (1 + level) / 2], method="inverted_cdf").astype(int)
    reached = float((steps < len(budgets) - 1).mean())
    return Saturation(
        tolerance, is_natural_end, budget_at(step), budget_at(int(low)), budget_at(int(high)), reached, len(whole)
    )


def saturation_step(curves: Floats, tolerance: float) -> Floats:
    """The first place from which on each curve, of shape (R, B), is at most ``tolerance`` below its last; (R,)."""
    is_short = curves[:, -1:] - curves > tolerance + 1e-12
    n_budgets = curves.shape[1]
    last_short = np.where(is_short.any(axis=1), n_budgets - 1 - np.argmax(is_short[:, ::-1], axis=1), -1)
    return last_short + 1
