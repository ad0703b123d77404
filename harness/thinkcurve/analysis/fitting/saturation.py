"""The budget that is enough: from which on the curve is near its end."""

from __future__ import annotations

import msgspec
import numpy as np

from thinkcurve.analysis.basis.grid import Floats, Grid
from thinkcurve.analysis.basis.paired import paired_difference
from thinkcurve.analysis.basis.resample import RESAMPLES, draws, mean_over
from thinkcurve.analysis.fitting.fits import TOLERANCE
from thinkcurve.analysis.fitting.series import complete, places_of


class Saturation(msgspec.Struct, frozen=True):
    """The smallest budget from which on no accuracy is more than ``tolerance`` below that of the last.

    The last is the natural end, or the largest budget of the ladder: ``is_natural_end`` says which, for what a larger
    budget would bring nobody measured. ``budget``, ``ci_low`` and ``ci_high`` (ends of its interval) are ``None`` where
    only the last budget itself is that good: not reached. Under control ``effort`` they are places, and ``effort``,
    ``effort_low`` and ``effort_high`` their names. ``has_interval`` is false where one problem or group cannot tell.
    ``reached_in`` is the share of resamples over problems in which it is reached, ``None`` where too few had a value.
    Only the ``n_problems`` with attempts at every budget are compared; ``n_left_out`` have not.
    """

    tolerance: float
    is_natural_end: bool
    budget: int | None
    ci_low: int | None
    ci_high: int | None
    effort: str | None
    effort_low: str | None
    effort_high: str | None
    has_interval: bool
    reached_in: float | None
    n_problems: int
    n_left_out: int


def saturation_of(
    grid: Grid,
    *,
    tolerance: float = TOLERANCE,
    level: float = 0.95,
    n_resamples: int = RESAMPLES,
    seed: int = 0,
) -> Saturation | None:
    """The saturation point of a grid; ``None`` where fewer than two budgets have attempts, or no problem has at all.

    The interval holds every budget that could be the one, by what the paired difference between the last budget and
    each other may be (`steps_within`). Resampling the point itself would not do: where the ten problems drawn stopped
    changing, all resamples agree, and say nothing of the others.
    """
    whole, places = complete(grid), places_of(grid)
    if len(places) < 2 or not whole.problems:
        return None
    means, n_problems = whole.means[:, places], len(whole.problems)
    step = int(saturation_step(mean_over(np.ones((1, n_problems)), means), tolerance)[0])
    found = steps_within(whole, tolerance, level)
    low, high = found or (len(places) - 1,) * 2
    drawn = [mean_over(w, means) for w in draws(n_problems, groups=whole.groups, n_resamples=n_resamples, seed=seed)]
    steps = saturation_step(np.concatenate(drawn), tolerance) if drawn else np.empty(0)
    # the last budget itself stands for "not reached"
    budgets = [grid.budgets[place] for place in places[:-1]] + [None]
    efforts = [grid.efforts[place] for place in places[:-1]] + [None]
    return Saturation(
        tolerance,
        grid.budgets[places[-1]] is None,
        budgets[step],
        budgets[low],
        budgets[high],
        efforts[step],
        efforts[low],
        efforts[high],
        found is not None,
        float((steps < len(places) - 1).mean()) if len(steps) >= 2 and found is not None else None,
        n_problems,
        len(grid.problems) - n_problems,
    )


def steps_within(grid: Grid, tolerance: float, level: float) -> tuple[int, int] | None:
    """The first and the last place, among the budgets with attempts, at which saturation may be.

    A budget is surely short where its paired difference to the last is above ``tolerance`` at its lower end, and may be
    short where the upper end is. The point lies behind the last that is surely short, and no further than behind the
    last that may be. Of these the second errs in (1 - level) / 2 of studies at most: it takes one true shortfall to be
    missed. The first could err at any budget, so its share of the error is split among them (Bonferroni). ``None``
    where there is one problem or group, which has no interval.
    """
    places = places_of(grid)
    gaps = (grid.means[:, places[-1:]] - grid.means[:, places[:-1]]).T
    alpha = 1 - level
    surely, maybe = -1, -1
    for i, gap in enumerate(gaps):
        is_single = bool((grid.drawn[:, places[[i, -1]]] == 1).all())
        wide, plain = (
            paired_difference(gap, level=1 - error, groups=grid.groups, is_single=is_single)
            for error in (alpha / len(gaps), alpha)
        )
        if wide.ci_low is None or plain.ci_high is None:
            return None
        surely = i if wide.ci_low > tolerance else surely
        maybe = i if plain.ci_high > tolerance else maybe
    return surely + 1, max(maybe, surely) + 1


def saturation_step(curves: Floats, tolerance: float) -> Floats:
    """The first place from which on each curve, of shape (R, B), is at most ``tolerance`` below its last; (R,)."""
    is_short = curves[:, -1:] - curves > tolerance + 1e-12
    n_budgets = curves.shape[1]
    last_short = np.where(is_short.any(axis=1), n_budgets - 1 - np.argmax(is_short[:, ::-1], axis=1), -1)
    return last_short + 1
