"""What k samples are worth at each budget of a curve, measure by measure, with intervals: the table behind a section.

The formulas are in `parallel.estimators` and `parallel.best_of`; here they are averaged over problems. A measure is
unknown at a k that some problem has not as many samples for, where failures took them, and where what it rests on is
not known of every attempt: a mean over the rest would flatter. A vote of one sample is that sample's answer, so maj@1
is the accuracy, known or not what others would have voted for.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from thinkcurve.analysis.basis.grid import Counts, Floats, Grid
from thinkcurve.analysis.basis.interval import Interval
from thinkcurve.analysis.basis.means import mean_intervals
from thinkcurve.analysis.parallel.best_of import N_SUBSETS, best_of_k, weighted_vote_at_k, weights_of
from thinkcurve.analysis.parallel.estimators import majority_of, pass_at_k, pass_hat_k
from thinkcurve.analysis.parallel.votes import Votes, votes_of

SCORES = ("mean_logprob", "self_certainty", "reward")
"""Columns that are looked for where no score is named."""


class AtBudget(msgspec.Struct, frozen=True):
    """One budget: its problems, the fewest samples that one of them has, and each measure at each k up to those.

    ``chances`` holds the mean over problems of each chance, by measure and k; what is not known is not in it.
    """

    budget: int | None
    effort: str | None
    n_problems: int
    n_samples: int
    chances: dict[str, dict[str, Interval]]


class Measures(msgspec.Struct, frozen=True):
    """What k samples are worth on one (model, task, control).

    ``unknown`` says why a measure is not known at some budgets or ks, or at any. ``n_subsets`` is how many subsets were
    drawn for those k of a weighted vote that are in ``sampled``, by measure; all else is exact over all subsets.
    ``n_unsettled`` is how many pairs of wrong answers could not be told apart or equal, ``n_uncompared`` how many were
    not compared because a limit was reached: where they are not 0, answers of one value may count as two, and maj@k is
    an upper bound.
    """

    model: str
    task: str
    control: str
    n_samples: int
    budgets: tuple[AtBudget, ...]
    unknown: dict[str, str] = {}
    sampled: dict[str, tuple[int, ...]] = {}
    n_subsets: int = N_SUBSETS
    n_unsettled: int = 0
    n_uncompared: int = 0


def measures_of(
    grid: Grid,
    *,
    scores: Sequence[str] | None = None,
    votes: Votes | None = None,
    level: float = 0.95,
    seed: int = 0,
) -> Measures:
    """pass@k, pass^k, maj@k, and best-of-k and a weighted vote by each of ``scores``, for every k at every budget.

    ``scores`` are columns of the attempts: those of `SCORES` that are there where none are named. Intervals are
    those of `thinkcurve.analysis.basis.accuracy.shares`, by problem or by group.
    """
    cast = votes or votes_of(grid)
    most = max(_fewest(drawn) for drawn in grid.drawn.T)
    ks = np.arange(1, most + 1)
    unknown: dict[str, str] = {}
    sampled: dict[str, tuple[int, ...]] = {}
    found = {
        "pass@k": pass_at_k(grid.right, grid.drawn, ks),
        "pass^k": pass_hat_k(grid.right, grid.drawn, ks),
        "maj@k": majority_of(grid, ks, cast.classes),
    }
    for name in _named(grid, scores):
        found |= _by_score(grid, cast, name, ks, seed, sampled)
    points = tuple(
        _at(grid, b, {name: of[:, b] for name, of in found.items()}, level, unknown) for b in range(len(grid.budgets))
    )
    return Measures(
        *grid.name,
        n_samples=most,
        budgets=points,
        unknown=unknown,
        sampled={name: of for name, of in sampled.items() if of},
        n_unsettled=cast.n_unsettled,
        n_uncompared=cast.n_uncompared,
    )


def _fewest(drawn: Counts) -> int:
    """The fewest samples of a problem that has any."""
    return int(drawn[drawn > 0].min()) if drawn.any() else 0


def _named(grid: Grid, scores: Sequence[str] | None) -> list[str]:
    """The columns asked for, or those that are there and say anything. Raises `KeyError` for one that is not there."""
    if scores is None:
        return [name for name in SCORES if name in grid.attempts and grid.attempts[name].notna().any()]
    for name in scores:
        if name not in grid.attempts:
            raise KeyError(f"the attempts have no column {name!r}; there are {', '.join(map(str, grid.attempts))}")
    return list(scores)


def _by_score(
    grid: Grid, votes: Votes, name: str, ks: NDArray[np.int64], seed: int, sampled: dict[str, tuple[int, ...]]
) -> dict[str, Floats]:
    """Best-of-k and the weighted vote, of shape (P, B, K) each."""
    scores = grid.column(name)
    shape, flat = (*grid.drawn.shape, ks.size), (-1, len(grid.samples))
    drawn = grid.is_drawn.reshape(flat)
    best = best_of_k(scores.reshape(flat), grid.is_correct.reshape(flat), drawn, ks)
    vote = f"vote by {name}"
    weighted = weighted_vote_at_k(
        votes.classes.reshape(flat), weights_of(scores, name).reshape(flat), drawn, ks, seed=seed
    )
    sampled[vote] = tuple(int(k) for k in ks[~weighted.is_exact])
    return {f"best-of-k by {name}": best.reshape(shape), vote: weighted.chances.reshape(shape)}


def _at(
    grid: Grid,
    b: int,
    values: Mapping[str, Floats],
    level: float,
    unknown: dict[str, str],
) -> AtBudget:
    """One budget, from each measure's values of shape (P, K)."""
    problems = np.flatnonzero(grid.drawn[:, b])
    n = _fewest(grid.drawn[:, b])
    known: dict[tuple[str, str], Floats] = {}
    for name, value in values.items():
        of = value[problems, :n]
        is_known = ~np.isnan(of).any(axis=0)
        if not is_known.all():
            unknown.setdefault(name, _why(name))
        known |= {(name, str(i + 1)): of[:, i] for i in np.flatnonzero(is_known)}
    groups = None if grid.groups is None else grid.groups[problems]
    chances = _chances(known, groups, int(grid.drawn[:, b].sum()), level) if known else {}
    return AtBudget(grid.budgets[b], grid.efforts[b], int(problems.size), n, chances)


def _why(name: str) -> str:
    if name == "maj@k":
        return "which wrong answers are the same is not known (programs, or answers that were not kept)"
    score = name.rpartition(" by ")[2]
    return f"not every attempt has a {score}" + (" that can weigh a vote" if name.startswith("vote") else "")


def _chances(
    values: Mapping[tuple[str, str], Floats], groups: NDArray[Any] | None, n_attempts: int, level: float
) -> dict[str, dict[str, Interval]]:
    """The mean over problems, with its interval, of each (measure, k), by measure and then k."""
    found = mean_intervals(np.stack(list(values.values()), axis=1), n_attempts, groups=groups, level=level)
    chances: dict[str, dict[str, Interval]] = {}
    for (name, k), of in zip(values, found, strict=True):
        chances.setdefault(name, {})[k] = of
    return chances
