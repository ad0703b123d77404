"""Models ranked at an allowance of compute, and tied where their problems do not tell them apart.

The accuracy of a model within an allowance is that of its curve at that cost (`thinkcurve.analysis.basis.between`); of
a ladder that ends below it, that of its dearest point: it spends less. A ladder that begins above it takes no part.

Two models are told apart by the paired difference over the problems that both have, Holm's correction over all pairs:
were all of one worth, any order at all would be claimed in one table of twenty. A rank is then a range: 1 + those that
are better, to N - those that are worse.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtr, stdtrit

from thinkcurve.analysis.basis.accuracy import clusters_of, shares
from thinkcurve.analysis.basis.between import accuracy_at
from thinkcurve.analysis.basis.grid import Floats
from thinkcurve.analysis.basis.paired import ALIKE
from thinkcurve.analysis.comparison.permutation import TIE, holm
from thinkcurve.analysis.frontiers.frontier import round_costs
from thinkcurve.analysis.ranking.counts import Counts, numbered

ALPHA = 0.05
"""Chance of claiming any order among models of equal worth, in one table."""
STEP = 1e-4
"""Part of a cost by which it is moved to see what the accuracy does."""


class Standing(msgspec.Struct, frozen=True):
    """One model in a ranking. ``entry`` is its place among those that were ranked, ``cost`` what it spends.

    ``rank_low`` to ``rank_high`` is the range of its rank; ``accuracy`` has a 95 % interval.
    """

    entry: int
    rank_low: int
    rank_high: int
    accuracy: float
    ci_low: float
    ci_high: float
    cost: float


class Ranking(msgspec.Struct, frozen=True):
    """All that can be ranked within ``allowance`` of ``axis``, by accuracy; ``n_out`` begin above it."""

    axis: str
    allowance: float
    standings: tuple[Standing, ...]
    n_out: int


@dataclass(frozen=True, eq=False)
class Within:
    """A curve within an allowance: its accuracy and what it spends.

    ``means``, of shape (P,), are the accuracies of problems there. ``pulls``, of the same shape, add what each moves
    the mean by through the cost: their spread is the error of both.
    """

    accuracy: float
    cost: float
    means: Floats
    pulls: Floats


def rankings(entries: Sequence[Counts], axis: str, *, alpha: float = ALPHA) -> list[Ranking]:
    """Rankings of curves of one task at a few round allowances of an axis; none where no cost is known."""
    costs = np.concatenate([np.zeros(0), *(entry.at(axis) for entry in entries)])
    known = costs[~np.isnan(costs)]
    return [ranking(entries, axis, at, alpha=alpha) for at in round_costs(known)]


def ranking(entries: Sequence[Counts], axis: str, allowance: float, *, alpha: float = ALPHA) -> Ranking:
    """The ranking of curves of one task within an allowance of an axis."""
    found = [within(entry, axis, allowance) for entry in entries]
    taking = [i for i, one in enumerate(found) if one is not None]
    held = [one for one in found if one is not None]
    is_better = told_apart([(entries[i], one.pulls) for i, one in zip(taking, held, strict=True)], alpha=alpha)
    standings = []
    for place, (i, one) in enumerate(zip(taking, held, strict=True)):
        low, high = interval(one, entries[i].clusters)
        first, last = 1 + int(is_better[:, place].sum()), len(held) - int(is_better[place].sum())
        standings.append(Standing(i, first, last, one.accuracy, low, high, one.cost))
    standings.sort(key=lambda s: (-s.accuracy, s.cost, s.entry))
    return Ranking(axis, allowance, tuple(standings), len(entries) - len(held))


def within(entry: Counts, axis: str, allowance: float) -> Within | None:
    """A curve within an allowance; ``None`` where its ladder begins above it, or its costs are not known."""
    costs = entry.at(axis)
    is_known = ~np.isnan(costs)
    if not is_known.any():
        return None
    costs, means, n = costs[is_known], entry.means[:, is_known], entry.n[:, is_known]
    spent = min(allowance, float(costs.max()))
    weights = _weights(costs, spent)
    if np.isnan(weights).any():
        return None
    at = np.where(weights > 0, means, 0.0) @ weights
    off = (entry.sums(axis)[:, is_known] - costs * n) / n.mean(axis=0)
    points = np.nanmean(means, axis=0)
    return Within(float(points @ weights), spent, at, at + off @ _slopes(costs, points, spent))


def _weights(costs: Floats, at: float) -> Floats:
    """What part each of B points has in the accuracy at a cost."""
    n = len(costs)
    return accuracy_at(np.broadcast_to(costs, (n, n)), np.eye(n), np.array([at]))[:, 0]


def _slopes(costs: Floats, accuracies: Floats, at: float) -> Floats:
    """How the accuracy at a cost goes with the cost of each of B points; 0 where it cannot be told."""
    step = STEP * max(at, TIE)
    moved = costs + step * np.concatenate([np.eye(len(costs)), -np.eye(len(costs))])
    up, down = np.split(accuracy_at(moved, np.broadcast_to(accuracies, moved.shape), np.array([at]))[:, 0], 2)
    slopes: Floats = np.nan_to_num((up - down) / (2 * step))
    return slopes


def interval(one: Within, groups: NDArray[np.int64] | None, *, level: float = 0.95) -> tuple[float, float]:
    """The interval of an accuracy within an allowance: that of a share at the cost of the data
    (`thinkcurve.analysis.basis.accuracy.shares`), no narrower than t on what cost and accuracy do together."""
    fixed = shares(one.means, groups=groups, level=level)
    of = clusters_of(one.pulls, groups)
    n = float(of.n_problems)
    df, se = float(of.df), float(np.sqrt((of.pulls**2).sum())) / n
    half = float(stdtrit(max(df, 1.0), (1 + level) / 2)) * se if of.n_clusters > 1 else 1.0
    low, high = min(float(fixed.low), one.accuracy - half), max(float(fixed.high), one.accuracy + half)
    return max(0.0, low), min(1.0, high)


def told_apart(held: Sequence[tuple[Counts, Floats]], *, alpha: float = ALPHA) -> NDArray[np.bool_]:
    """Which of N curves is better than which: [i, j] says that i is. Each comes with a value for every problem."""
    n = len(held)
    values, groups = _side_by_side(held)
    p, better = np.full((n, n), np.nan), np.zeros((n, n), dtype=bool)
    for i in range(n - 1):
        difference, found = differences(values[i] - values[i + 1 :], groups)
        p[i, i + 1 :], better[i, i + 1 :] = found, difference > 0
    upper = np.triu_indices(n, 1)
    is_told = np.zeros((n, n), dtype=bool)
    is_told[upper] = np.nan_to_num(holm(p[upper]), nan=1.0) <= alpha
    first: NDArray[np.bool_] = is_told & better
    return np.asarray(first | (is_told & ~better).T)


def _side_by_side(held: Sequence[tuple[Counts, Floats]]) -> tuple[Floats, NDArray[Any] | None]:
    """The values on all problems of any, of shape (N, P), NaN where a curve has none; and outer groups."""
    names: dict[str, int] = {}
    for entry, _ in held:
        for problem in entry.problems:
            names.setdefault(problem, len(names))
    values = np.full((len(held), len(names)), np.nan)
    groups: dict[int, str | None] = {}
    for row, (entry, own) in enumerate(held):
        places = [names[problem] for problem in entry.problems]
        values[row, places] = own
        if entry.groups is not None:
            for place, group in zip(places, entry.groups, strict=True):
                groups.setdefault(place, group)
    return values, numbered([groups.get(at) for at in range(len(names))]) if groups else None


def differences(values: Floats, groups: NDArray[Any] | None) -> tuple[Floats, Floats]:
    """Mean and two-sided p-value of paired differences of shape (N, P), NaN left out; each of shape (N,).

    As `thinkcurve.analysis.basis.paired.paired_difference`, many at once: clustered, never surer than one problem
    that changed altogether would be, degrees of freedom by the kurtosis. NaN where fewer than two units are common.
    """
    of = clusters_of(values, groups)
    squared = of.pulls * of.pulls
    squares, fourths = squared.sum(axis=-1), (squared * squared).sum(axis=-1)
    made_up = np.maximum(0.0, (of.n_problems / (of.n_problems + ALIKE)) ** 2 - squares) / 2
    squares, fourths = squares + 2 * made_up, fourths + 2 * made_up**2
    n = of.n_clusters
    kurtosis = (n + 2) * fourths / np.maximum(squares, TIE) ** 2
    df = np.clip(2 * n / np.maximum(kurtosis - 1, TIE), 1.0, np.maximum(n - 1.0, 1.0))
    df = np.minimum(df, np.maximum(of.df, 1e-3))
    se = np.sqrt(squares) / np.maximum(of.n_problems, 1)
    t = np.divide(of.mean, se, out=np.zeros(len(se)), where=se > 0)
    return of.mean, np.where(n >= 2, 2 * stdtr(df, -np.abs(t)), np.nan)
