"""Where the tokens of one curve went, budget by budget, with intervals."""

from __future__ import annotations

import msgspec
import numpy as np

from thinkcurve.analysis.allocation.halves import Crossfit, crossfit
from thinkcurve.analysis.allocation.needs import (
    AXIS,
    THRESHOLD,
    certain,
    flips,
    is_ever_right,
    known_costs,
    regressed,
    starved,
    sufficient,
    token_uses,
)
from thinkcurve.analysis.basis.grid import Floats, Grid
from thinkcurve.analysis.basis.interval import UNKNOWN, Interval
from thinkcurve.analysis.basis.means import mean_intervals
from thinkcurve.analysis.basis.ratios import ratios
from thinkcurve.analysis.basis.resample import RESAMPLES
from thinkcurve.budget import Control

OF_TOKENS = ("overthinking", "futile", "lapsed", "short")
OF_SAMPLES = ("lost", "gained", "lost_of_right")


class BudgetUse(msgspec.Struct, frozen=True):
    """One budget, given to all. ``cost`` is the mean of an attempt on the axis: a sum over a sum, as in the curve.

    Shares of tokens are of all that were spent at this budget, sums over sums (`thinkcurve.analysis.allocation.needs.
    token_uses`): ``overthinking`` went beyond b*, ``short`` to problems whose b* is larger, ``futile`` to problems that
    are right at no budget, ``lapsed`` to problems that are right at some and wrong again at larger ones to the end; the
    rest was needed. Shares of problems: of ``needed`` it is b*; ``starved`` are not right here and are at a larger
    budget. ``lost`` and ``gained`` are the shares of samples that turned from right to wrong, and from wrong to right,
    since the next smaller budget; ``lost_of_right`` is the first as a share of those that had been right (`flips`).
    """

    budget: int | None
    effort: str | None
    cost: float | None
    needed: Interval
    overthinking: Interval
    futile: Interval
    lapsed: Interval
    short: Interval
    starved: Interval
    lost: Interval
    gained: Interval
    lost_of_right: Interval


class Allocation(msgspec.Struct, frozen=True):
    """Where the tokens of one curve went; only problems with an attempt at every budget count, ``n_left_out`` do not.

    ``never`` is the share of problems that are right at no budget, ``lapsed`` of those that are at some, but not up to
    the largest: neither have a b*. ``regressed`` is the share of samples that are wrong at the largest budget and were
    right at a smaller one. ``is_in_line`` says whether a sample is one trace at all budgets: where it is not, flips
    hold the chance of another draw. ``crossfit`` is ``None`` where a problem has one sample: then all figures are the
    optimistic ones of the very answers that chose b*.
    """

    axis: str
    threshold: float
    n_problems: int
    n_left_out: int
    n_samples: int
    is_in_line: bool
    never: Interval
    lapsed: Interval
    regressed: Interval
    budgets: tuple[BudgetUse, ...]
    crossfit: Crossfit | None


def allocation_of(
    grid: Grid,
    *,
    axis: str = AXIS,
    threshold: float = THRESHOLD,
    is_in_line: bool | None = None,
    n_splits: int = 20,
    n_resamples: int = RESAMPLES,
    seed: int = 0,
) -> Allocation:
    """Where the tokens of one curve went. Intervals are over problems, or over outer groups where there are any.

    Shares of problems have the interval of `thinkcurve.analysis.basis.accuracy.shares`, sums over sums that of
    `thinkcurve.analysis.basis.ratios.ratios`. ``is_in_line`` says whether a sample is one trace at all budgets; by
    default whether its control allows that.
    """
    is_whole = np.asarray((grid.drawn > 0).all(axis=1))
    kept = grid.only(is_whole)
    n_budgets = len(kept.budgets)
    found = _found(kept, axis, threshold, n_resamples, seed) if kept.problems else {}
    held = crossfit(kept, axis=axis, threshold=threshold, n_splits=n_splits, n_resamples=n_resamples, seed=seed)
    return Allocation(
        axis=axis,
        threshold=threshold,
        n_problems=len(kept.problems),
        n_left_out=int((~is_whole).sum()),
        n_samples=len(kept.samples),
        is_in_line=Control(kept.control).shares_trace if is_in_line is None else is_in_line,
        never=found["never"][0] if found else UNKNOWN,
        lapsed=found["is_lapsed"][0] if found else UNKNOWN,
        regressed=found["regressed"][0] if found and n_budgets > 1 else UNKNOWN,
        budgets=tuple(_use(kept, i, known_costs(kept, axis)[:, i], found) for i in range(n_budgets)),
        crossfit=held,
    )


def _found(grid: Grid, axis: str, threshold: float, n_resamples: int, seed: int) -> dict[str, list[Interval]]:
    """Every figure by name, one a budget or one in all."""
    means = grid.means
    n_budgets = len(grid.budgets)
    places = sufficient(means, threshold=threshold)
    is_ever = is_ever_right(means, threshold=threshold)
    of_problems = {
        "needed": (places[:, None] == np.arange(n_budgets)).astype(float),
        "starved": starved(means, threshold=threshold),
        "never": (~is_ever).astype(float)[:, None],
        "is_lapsed": (is_ever & (places == n_budgets)).astype(float)[:, None],
    }
    found = {name: mean_intervals(values, groups=grid.groups) for name, values in of_problems.items()}
    over, drawn = regressed(grid.is_correct, grid.is_drawn)
    parts = _of_tokens(grid, axis, threshold) | _of_samples(grid) | {"regressed": (over[:, None], drawn[:, None])}
    return found | ratios(parts, groups=grid.groups, n_resamples=n_resamples, seed=seed)


def _of_tokens(grid: Grid, axis: str, threshold: float) -> dict[str, tuple[Floats, Floats]]:
    """Parts of all tokens: those of a mean attempt of a problem times its attempts."""
    uses = token_uses(known_costs(grid, axis), grid.means, threshold=threshold)
    return {name: (uses[name] * grid.drawn, uses["spent"] * grid.drawn) for name in OF_TOKENS}


def _of_samples(grid: Grid) -> dict[str, tuple[Floats, Floats]]:
    turned = flips(grid.is_correct, grid.is_drawn)
    below = dict(zip(OF_SAMPLES, ("pairs", "pairs", "right"), strict=True))
    return {name: (turned[name.partition("_")[0]], turned[part]) for name, part in below.items()}


def _use(grid: Grid, i: int, costs: Floats, found: dict[str, list[Interval]]) -> BudgetUse:
    names = ("needed", *OF_TOKENS, "starved", *OF_SAMPLES)
    own = {name: found[name][i] if found else UNKNOWN for name in names}
    # true by definition, not by these problems: no interval can widen it
    if i == 0:
        own["overthinking"] = certain(own["overthinking"])
    if i == len(grid.budgets) - 1:
        own["starved"], own["short"] = certain(own["starved"]), certain(own["short"])
    drawn = grid.drawn[:, i]
    is_known = len(costs) > 0 and not np.isnan(costs).any()
    cost = float((costs * drawn).sum() / drawn.sum()) if is_known else None
    return BudgetUse(budget=grid.budgets[i], effort=grid.efforts[i], cost=cost, **own)
