"""How much thinking each problem needed, and where the tokens of each budget went.

``b*`` of a problem is the smallest budget that is sufficient for it. It is read from the answers themselves, so with
few samples it is the best that luck can look: `crossfit` chooses it on one half of the samples and asks the other.
"""

from __future__ import annotations

import msgspec
import numpy as np
from numpy.typing import NDArray

from thinkcurve.analysis.basis.axes import costs_of
from thinkcurve.analysis.basis.grid import Counts, Floats, Grid
from thinkcurve.analysis.basis.interval import UNKNOWN, Interval
from thinkcurve.analysis.basis.ratios import ratios
from thinkcurve.analysis.basis.resample import RESAMPLES
from thinkcurve.budget import Control

THRESHOLD = 0.5
"""A problem is right at a budget where at least this share of its samples is correct: more likely than not."""
AXIS = "generated_tokens"
"""Thinking and answer: an answer that grows where thinking is short is paid for too."""


class Spending(msgspec.Struct, frozen=True):
    """One budget, given to all. Shares of tokens are of all tokens spent at this budget (sums over sums).

    ``needed_first`` and ``needed_lasting`` are the shares of problems whose b* it is, by both readings of `sufficient`.
    Of the tokens, ``overthinking`` went beyond b*, ``futile`` to problems that are right at no budget, ``short`` to
    problems whose b* is larger; the rest was needed (`ledger`). ``starved`` is the share of problems that are not
    right here and right at a larger budget. ``lost`` and ``gained`` are the shares of samples that turned from right
    to wrong, and from wrong to right, since the next smaller budget; ``lost_of_right`` is the first as a share of
    those that had been right (`flips`).
    """

    budget: int | None
    effort: str | None
    n_problems: int
    needed_first: float
    needed_lasting: float
    tokens: float | None
    overthinking: Interval
    futile: Interval
    short: Interval
    starved: Interval
    lost: Interval
    gained: Interval
    lost_of_right: Interval


class Crossfit(msgspec.Struct, frozen=True):
    """b* chosen on one half of a problem's samples and tried on the other, over both halves of ``n_splits`` splits.

    ``right_at_chosen`` is the accuracy at b* of the samples that chose it, ``right_at_held_out`` that of the others:
    the difference is luck. ``overthinking`` and ``futile``, one a budget, count as in `Spending`, but only where the
    other half agrees: that b* is right, or that no budget is.
    """

    n_splits: int
    right_at_chosen: Interval
    right_at_held_out: Interval
    overthinking: tuple[Interval, ...]
    futile: tuple[Interval, ...]


class Allocation(msgspec.Struct, frozen=True):
    """Where the tokens of one curve went.

    ``never_first`` and ``never_lasting`` are the shares of problems without b*. ``regressed`` is the share of samples
    that are wrong at the largest budget and were right at a smaller one. ``is_in_line`` says whether a sample is one
    trace at all budgets: where it is not, flips hold the chance of another draw. ``crossfit`` is ``None`` where a
    problem has one sample: then all figures are the optimistic ones of the very answers that chose b*.
    """

    axis: str
    threshold: float
    n_problems: int
    n_samples: int
    is_in_line: bool
    never_first: Interval
    never_lasting: Interval
    regressed: Interval
    spending: tuple[Spending, ...]
    crossfit: Crossfit | None


def sufficient(means: Floats, *, threshold: float = THRESHOLD, lasting: bool = False) -> Counts:
    """The place of b* of each problem, of shape (P,); B, the number of budgets, where there is none.

    ``means``, of shape (P, B), are shares of correct samples, NaN where nothing was drawn: such a budget can neither be
    b* nor speak against it. First reading: the smallest budget at which the share is ``threshold`` or more. With
    ``lasting``: the smallest from which it is so at every larger budget too, so that a problem which is wrong at its
    largest budget has none. The first is the outcome view of Chen et al. 2024 (arXiv 2412.21187, section 2: tokens up
    to the first correct answer), on budgets in place of solutions within one answer.
    """
    is_right = means >= threshold
    if lasting:
        stays = np.logical_and.accumulate((is_right | np.isnan(means))[:, ::-1], axis=1)[:, ::-1]
        is_right = is_right & stays
    return np.where(is_right.any(axis=1), is_right.argmax(axis=1), means.shape[1]).astype(np.int64)


def mean_costs(costs: Floats, is_drawn: NDArray[np.bool_]) -> Floats:
    """Mean cost over samples, of shape (P, B), for costs of shape (P, B, S).

    NaN where nothing was drawn, and where the cost of anything drawn is unknown.
    """
    drawn = is_drawn.sum(axis=2)
    sums = np.where(is_drawn, costs, 0.0).sum(axis=2)
    return np.divide(sums, drawn, out=np.full(sums.shape, np.nan), where=drawn > 0)


def ledger(costs: Floats, places: Counts) -> dict[str, Floats]:
    """What each problem's tokens at each budget went to, all of shape (P, B); ``needed`` + the others = ``spent``.

    ``costs`` of shape (P, B) are C(p, b), ``places`` those of b* from `sufficient`. At budget b of problem p:
    ``overthinking`` = max(0, C(p, b) - C(p, b*)) where b > b*; ``short`` = C(p, b) where b < b*; ``futile`` = C(p, b)
    where there is no b*. 1 - overthinking share, where all problems are solved, is the outcome efficiency of Chen et
    al. 2024 (arXiv 2412.21187, equation 2) with sums over sums in place of a mean of ratios.
    """
    n_problems, n_budgets = costs.shape
    is_never = places == n_budgets
    at_star = costs[np.arange(n_problems), np.minimum(places, n_budgets - 1)]
    here, star = np.arange(n_budgets)[None, :], places[:, None]
    is_known = ~np.isnan(costs)
    excess = np.maximum(costs - np.where(is_never, 0.0, at_star)[:, None], 0.0)
    parts = {
        "overthinking": np.where(here > star, excess, 0.0),
        "short": np.where((here < star) & ~is_never[:, None], costs, 0.0),
        "futile": np.where(is_never[:, None], costs, 0.0),
    }
    parts = {name: np.where(is_known, part, np.nan) for name, part in parts.items()}
    parts["needed"] = costs - parts["overthinking"] - parts["short"] - parts["futile"]
    return parts | {"spent": costs}


def starved(means: Floats, *, threshold: float = THRESHOLD) -> Floats:
    """Whether a problem is not right at a budget but is at a larger one: 0 or 1, (P, B); NaN where it was not drawn."""
    is_right = means >= threshold
    later = np.zeros(is_right.shape, dtype=bool)
    later[:, :-1] = np.logical_or.accumulate(is_right[:, :0:-1], axis=1)[:, ::-1]
    return np.where(np.isnan(means), np.nan, later & ~is_right)


def flips(is_correct: NDArray[np.bool_], is_drawn: NDArray[np.bool_]) -> dict[str, Floats]:
    """Counts of samples of each problem that changed between budget b - 1 and b of the ladder, of shape (P, B).

    Both of shape (P, B, S). ``pairs`` are samples drawn at both, ``right`` those of them correct at b - 1, ``lost``
    correct at b - 1 and not at b, ``gained`` the other way round; all 0 in the first column. That accuracy can fall as
    thinking grows: "When more is less" (arXiv 2502.07266).
    """
    both = is_drawn[:, 1:] & is_drawn[:, :-1]
    was, now = is_correct[:, :-1] & both, is_correct[:, 1:] & both
    counts = {"pairs": both, "right": was, "lost": was & ~now, "gained": ~was & now}
    return {name: np.pad(n.sum(axis=2).astype(float), ((0, 0), (1, 0))) for name, n in counts.items()}


def regressed(is_correct: NDArray[np.bool_], is_drawn: NDArray[np.bool_]) -> tuple[Floats, Floats]:
    """Samples that are wrong at the largest budget and right at a smaller one, and samples drawn there: both (P,)."""
    last = is_drawn[:, -1]
    overthought = last & ~is_correct[:, -1] & is_correct[:, :-1].any(axis=1)
    return overthought.sum(axis=1).astype(float), last.sum(axis=1).astype(float)


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
    """Where the tokens of one curve went. Intervals are BCa over problems, or over outer groups where there are any.

    ``is_in_line`` says whether a sample is one trace at all budgets; by default whether its control allows that.
    """
    from thinkcurve.analysis.allocation.halves import crossfit

    means, costs = grid.means, known_costs(grid, axis)
    first = sufficient(means, threshold=threshold)
    lasting = sufficient(means, threshold=threshold, lasting=True)
    n_budgets = len(grid.budgets)
    parts = _shares(ledger(costs, first))
    hungry = starved(means, threshold=threshold)
    parts["starved"] = (hungry, np.where(np.isnan(hungry), np.nan, 1.0))
    turned = flips(grid.is_correct, grid.is_drawn)
    parts["lost"] = (turned["lost"], turned["pairs"])
    parts["gained"] = (turned["gained"], turned["pairs"])
    parts["lost_of_right"] = (turned["lost"], turned["right"])
    for name, places in (("never_first", first), ("never_lasting", lasting)):
        never = (places == n_budgets).astype(float)[:, None]
        parts[name] = (never, np.ones_like(never))
    over, drawn = regressed(grid.is_correct, grid.is_drawn)
    parts["regressed"] = (over[:, None], drawn[:, None])
    found = ratios(parts, groups=grid.groups, n_resamples=n_resamples, seed=seed)
    spending = tuple(_spending(grid, i, costs, first, lasting, found) for i in range(n_budgets))
    return Allocation(
        axis=axis,
        threshold=threshold,
        n_problems=len(grid.problems),
        n_samples=len(grid.samples),
        is_in_line=Control(grid.control).shares_trace if is_in_line is None else is_in_line,
        never_first=found["never_first"][0],
        never_lasting=found["never_lasting"][0],
        regressed=found["regressed"][0] if n_budgets > 1 else UNKNOWN,
        spending=spending,
        crossfit=crossfit(grid, axis=axis, threshold=threshold, n_splits=n_splits, n_resamples=n_resamples, seed=seed),
    )


def known_costs(grid: Grid, axis: str) -> Floats:
    """`mean_costs` of a grid, NaN at every budget from the first on at which the cost of any attempt is unknown.

    A ledger needs the costs of smaller budgets, and one of the known part alone would flatter.
    """
    costs = mean_costs(costs_of(grid, axis), grid.is_drawn)
    is_unknown = (np.isnan(costs) & (grid.drawn > 0)).any(axis=0)
    return np.where(np.logical_or.accumulate(is_unknown), np.nan, costs)


def _shares(parts: dict[str, Floats]) -> dict[str, tuple[Floats, Floats]]:
    return {name: (parts[name], parts["spent"]) for name in ("overthinking", "futile", "short")}


def _spending(
    grid: Grid, i: int, costs: Floats, first: Counts, lasting: Counts, found: dict[str, list[Interval]]
) -> Spending:
    spent = costs[:, i][~np.isnan(costs[:, i])]
    names = ("overthinking", "futile", "short", "starved", "lost", "gained", "lost_of_right")
    own = {name: found[name][i] for name in names}
    # true by definition, not by these problems: no interval can widen it
    if i == 0:
        own["overthinking"] = _certain(own["overthinking"])
    if i == len(grid.budgets) - 1:
        own["starved"], own["short"] = _certain(own["starved"]), _certain(own["short"])
    return Spending(
        budget=grid.budgets[i],
        effort=grid.efforts[i],
        n_problems=int((grid.drawn[:, i] > 0).sum()),
        needed_first=float((first == i).mean()),
        needed_lasting=float((lasting == i).mean()),
        tokens=float(spent.mean()) if spent.size else None,
        **own,
    )


def _certain(one: Interval) -> Interval:
    return one if one.value is None else Interval(one.value, one.value, one.value)
