"""How much thinking each problem needed, and what the tokens of each budget went to, as arrays over problems.

``b*`` of a problem is the smallest budget that is sufficient for it: from there on it stays solved. It is read from the
answers themselves, so with few samples luck has a part in it: `thinkcurve.analysis.allocation.halves.crossfit` chooses
it on one half of the samples and asks the other.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from thinkcurve.analysis.basis.axes import costs_of
from thinkcurve.analysis.basis.grid import Counts, Floats, Grid
from thinkcurve.analysis.basis.interval import Interval

THRESHOLD = 0.5
"""A problem is right at a budget where at least this share of its samples is correct: more likely than not."""
AXIS = "generated_tokens"
"""Thinking and answer: an answer that grows where thinking is short is paid for too."""


def sufficient(means: Floats, *, threshold: float = THRESHOLD) -> Counts:
    """The place of b* of each problem, of shape (P,); B, the number of budgets, where there is none.

    ``means``, of shape (P, B), are shares of correct samples, NaN where nothing was drawn: such a budget can neither be
    b* nor speak against it. b* is the smallest budget from which on the share is ``threshold`` or more at every larger
    one too, so that a problem which is wrong at its largest budget has none. (Chen et al. 2024, arXiv 2412.21187,
    section 2, take the tokens up to the *first* correct answer; on a ladder that is the more optimistic, the more
    budgets there are.)
    """
    is_right = means >= threshold
    stays = np.logical_and.accumulate((is_right | np.isnan(means))[:, ::-1], axis=1)[:, ::-1]
    holds = is_right & stays
    return np.where(holds.any(axis=1), holds.argmax(axis=1), means.shape[1]).astype(np.int64)


def mean_costs(costs: Floats, is_drawn: NDArray[np.bool_]) -> Floats:
    """Mean cost over samples, of shape (P, B), for costs of shape (P, B, S).

    NaN where nothing was drawn, and where the cost of anything drawn is unknown.
    """
    drawn = is_drawn.sum(axis=2)
    sums = np.where(is_drawn, costs, 0.0).sum(axis=2)
    return np.divide(sums, drawn, out=np.full(sums.shape, np.nan), where=drawn > 0)


def known_costs(grid: Grid, axis: str) -> Floats:
    """`mean_costs` of a grid, NaN at every budget from the first on at which the cost of any attempt is unknown.

    What went beyond b* needs the costs of smaller budgets, and one of the known part alone would flatter.
    """
    costs = mean_costs(costs_of(grid, axis), grid.is_drawn)
    is_unknown = (np.isnan(costs) & (grid.drawn > 0)).any(axis=0)
    return np.where(np.logical_or.accumulate(is_unknown), np.nan, costs)


def token_uses(costs: Floats, means: Floats, *, threshold: float = THRESHOLD) -> dict[str, Floats]:
    """What each problem's tokens at each budget went to, all of shape (P, B); ``needed`` + the others = ``spent``.

    ``costs`` are C(p, b), ``means`` the shares of correct samples that tell b*, both of shape (P, B). At budget b of
    problem p: ``overthinking`` = max(0, C(p, b) - C(p, b*)) where b > b*; ``short`` = C(p, b) where b < b*; ``lapsed``
    = C(p, b) where there is no b*, as the problem is right at some budget and wrong again at a larger one to the end;
    ``futile`` = C(p, b) where it is right at no budget. 1 - overthinking share, where all problems are solved, is the
    outcome efficiency of Chen et al. 2024 (arXiv 2412.21187, equation 2) with sums over sums in place of a mean of
    ratios, and with b* in place of the first correct answer.
    """
    n_problems, n_budgets = costs.shape
    places = sufficient(means, threshold=threshold)
    has_star = places < n_budgets
    at_star = costs[np.arange(n_problems), np.minimum(places, n_budgets - 1)]
    here, star = np.arange(n_budgets)[None, :], places[:, None]
    is_ever = is_ever_right(means, threshold=threshold)
    excess = np.maximum(costs - np.where(has_star, at_star, 0.0)[:, None], 0.0)
    parts: dict[str, Floats] = {
        "overthinking": np.where(here > star, excess, 0.0),
        "short": np.where((here < star) & has_star[:, None], costs, 0.0),
        "lapsed": np.where((is_ever & ~has_star)[:, None], costs, 0.0),
        "futile": np.where(~is_ever[:, None], costs, 0.0),
    }
    told = {name: np.where(np.isnan(costs), np.nan, part) for name, part in parts.items()}
    needed = costs - np.sum(list(told.values()), axis=0)
    return told | {"needed": needed, "spent": costs}


def is_ever_right(means: Floats, *, threshold: float = THRESHOLD) -> NDArray[np.bool_]:
    """Whether a problem is right at any budget, of shape (P,)."""
    return np.asarray((means >= threshold).any(axis=1))


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


def certain(one: Interval) -> Interval:
    """A figure that is so by definition and not by these problems: no interval can widen it."""
    return one if one.value is None else Interval(one.value, one.value, one.value)
