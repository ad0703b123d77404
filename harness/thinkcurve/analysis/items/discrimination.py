"""Whether a problem tells who is better: how its answers go with those of all other problems.

A respondent is one sample of a model: its whole ladder, as budgets may share a trace. All that is compared is compared
within a budget, else every problem that is solved later rather than sooner goes with every other one; and what counts
is how many respondents there are, not how many answers. What is said against a problem is held against how many
problems were looked at.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from thinkcurve.analysis.basis.grid import Floats, Grid

FEWEST_RESPONDENTS = 5
"""Respondents below which no correlation is given."""
FALSE_SHARE = 0.05
"""Of the problems that are said to go against the rest, so many may be expected to do so by chance."""
LARGEST = 1 - 1e-9
"""A correlation of 1 has no Fisher transform."""


@dataclass(frozen=True, eq=False)
class Answers:
    """Columns of answers to P problems, of shape (R, P), 0 or 1, NaN where there is none.

    ``respondent`` and ``budget``, of shape (R,), number who gave each column, and at which budget: control, and the
    budget itself.
    """

    columns: Floats
    respondent: NDArray[np.int64]
    budget: NDArray[np.int64]

    @property
    def n_respondents(self) -> int:
        """How many gave an answer."""
        return len(np.unique(self.respondent))


@dataclass(frozen=True, eq=False)
class Discrimination:
    """Of each problem (P,): the correlation with the rest score, NaN where not known, and whether it is surely < 0."""

    correlation: Floats
    is_against: NDArray[np.bool_]


def answers_of(grid: Grid, grids: Sequence[Grid]) -> Answers:
    """The answers in ``grids`` to the problems of ``grid``."""
    place = {name: i for i, name in enumerate(grid.problems)}
    budgets: dict[tuple[str, int | None], int] = {}
    columns, respondents, at = [np.empty((0, len(place)))], [np.empty(0, int)], [np.empty(0, int)]
    n_before = 0
    for each in grids:
        common = np.array([(place[name], i) for i, name in enumerate(each.problems) if name in place], dtype=int)
        if not len(common):
            continue
        ours, theirs = common.T
        answers = np.where(each.is_drawn, each.is_correct, np.nan)[theirs]
        found = np.full((answers[0].size, len(place)), np.nan)
        found[:, ours] = answers.reshape(len(theirs), -1).T
        numbers = [budgets.setdefault((each.control, budget), len(budgets)) for budget in each.budgets]
        is_any = ~np.isnan(found).all(axis=1)
        columns.append(found[is_any])
        respondents.append(np.tile(np.arange(len(each.samples)) + n_before, len(each.budgets))[is_any])
        at.append(np.repeat(numbers, len(each.samples))[is_any])
        n_before += len(each.samples)
    return Answers(np.concatenate(columns), np.concatenate(respondents), np.concatenate(at))


def discrimination_of(answers: Answers) -> Discrimination:
    """The correlation of each problem with the rest score, within budgets, and which are against the rest.

    The rest score of a column is the mean of the other problems' answers, each less that problem's mean at that budget:
    so who was asked easy problems has no higher score. NaN for fewer than `FEWEST_RESPONDENTS` respondents, and without
    any spread.

    A problem is against the rest where Fisher's transform of its correlation, over the respondents that answered it, is
    below 0 by more than chance, as many problems as there are allowed for: of those named a share of `FALSE_SHARE` is
    expected to be by chance (Benjamini and Hochberg 1995, JRSS B 57:289-300).
    """
    n_problems = answers.columns.shape[1]
    products, x_squares, y_squares = (np.zeros(n_problems) for _ in range(3))
    for budget in np.unique(answers.budget):
        x, y = _residuals(answers.columns[answers.budget == budget])
        products += (x * y).sum(axis=0)
        x_squares += (x**2).sum(axis=0)
        y_squares += (y**2).sum(axis=0)
    n = _n_respondents(answers)
    below = np.sqrt(x_squares * y_squares)
    has_spread = (n >= FEWEST_RESPONDENTS) & (below > 1e-9)
    r = np.divide(products, below, out=np.full(n_problems, np.nan), where=has_spread)
    chance = ndtr(np.arctanh(np.clip(r, -LARGEST, LARGEST)) * np.sqrt(np.maximum(n - 3, 1)))
    return Discrimination(r, _are_surely(chance))


def _residuals(columns: Floats) -> tuple[Floats, Floats]:
    """Answers and rest scores of one budget's columns (R, P), each less its mean over who answered; 0 where nobody."""
    asked = ~np.isnan(columns)
    excess = _centred(np.where(asked, columns, 0.0), asked)
    others = asked.sum(axis=1, keepdims=True) - asked
    sums = excess.sum(axis=1, keepdims=True) - excess
    rest = np.divide(sums, others, out=np.zeros(columns.shape), where=others > 0)
    use = asked & (others > 0)
    return _centred(excess, use), _centred(rest, use)


def _centred(values: Floats, use: NDArray[np.bool_]) -> Floats:
    means = np.where(use, values, 0.0).sum(axis=0) / np.maximum(use.sum(axis=0), 1)
    return np.where(use, values - means, 0.0)


def _n_respondents(answers: Answers) -> NDArray[np.int64]:
    """How many respondents answered each problem at a budget at which others did too, (P,)."""
    asked = ~np.isnan(answers.columns)
    is_compared = np.zeros_like(asked)
    for budget in np.unique(answers.budget):
        at = answers.budget == budget
        is_compared[at] = asked[at] & (asked[at].sum(axis=0) > 1)
    counts = np.zeros(asked.shape[1], dtype=np.int64)
    for respondent in np.unique(answers.respondent):
        counts += is_compared[answers.respondent == respondent].any(axis=0)
    return counts


def _are_surely(chance: Floats) -> NDArray[np.bool_]:
    """Which of these chances, NaN left out, are named by Benjamini and Hochberg's rule."""
    known = np.sort(chance[~np.isnan(chance)])
    is_under = known <= FALSE_SHARE * np.arange(1, len(known) + 1) / max(len(known), 1)
    if not is_under.any():
        return np.zeros(len(chance), dtype=bool)
    return chance <= known[np.flatnonzero(is_under)[-1]]
