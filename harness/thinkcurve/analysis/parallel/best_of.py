"""Choosing among k samples by a score: best-of-k, and the vote in which each sample has a weight.

A score is any number of an attempt: the mean log-probability of its tokens, self-certainty (Kang et al. 2025, arXiv
2502.18581), what a reward model says. A score that is not known makes its cell's figure unknown, never a default.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from math import comb

import numpy as np
from numpy.typing import ArrayLike, NDArray

from thinkcurve.analysis.basis.grid import Floats
from thinkcurve.analysis.parallel.subsets import all_among
from thinkcurve.analysis.parallel.votes import RIGHT, UNKNOWN, Classes

MAX_SUBSETS = 512
"""Subsets of one size up to which each is formed: up to 11 samples all of them, at 64 those of k = 1, 63 and 64."""
N_SUBSETS = 200
"""Subsets drawn beyond that. A cell's chance then has a standard error of at most .036, a mean over P problems
1/sqrt(P) of that."""
CHUNK_VALUES = 1 << 18
"""Sums of weights held at once."""
TIE = 1e-12
"""Sums of weights this near, relatively, are equal: they differ by the order of addition."""
LEAST = 1e-300
"""A weight that exp would round to nothing is still a vote."""


@dataclass(frozen=True, eq=False)
class Weighted:
    """Chances of shape (N, K), and for each k whether all its subsets were formed or ``n_subsets`` were drawn."""

    chances: Floats
    is_exact: NDArray[np.bool_]
    n_subsets: int


def best_of_k(scores: ArrayLike, is_correct: ArrayLike, is_drawn: ArrayLike, ks: ArrayLike) -> Floats:
    """The chance that the sample with the highest score in a random k-subset is correct, of shape (N, K).

    ``scores``, ``is_correct`` and ``is_drawn`` are of shape (N, S). Exact by rank: the best of the subset lies among
    g samples of one score, above b others, with chance [C(b+g, k) - C(b, k)] / C(n, k), and each of the g is then as
    likely to be chosen: ties are split evenly. NaN where k > n or a score is NaN.
    """
    wanted = np.asarray(ks, dtype=np.int64).reshape(-1)
    drawn = np.asarray(is_drawn, dtype=bool)
    values, right = np.asarray(scores, dtype=float), np.asarray(is_correct, dtype=bool)
    found = np.full((len(values), wanted.size), np.nan)
    for n, cells, samples in _of_equal_size(drawn, ~np.isnan(values)):
        score = np.take_along_axis(values[cells], samples, axis=1)
        order = np.argsort(score, axis=1, kind="stable")
        score = np.take_along_axis(score, order, axis=1)
        correct = np.take_along_axis(np.take_along_axis(right[cells], samples, axis=1), order, axis=1)
        found[cells] = _by_rank(score, correct) @ all_among(np.arange(n + 1), n, wanted)
    return found


def weighted_vote_at_k(
    classes: Classes,
    weights: ArrayLike,
    is_drawn: ArrayLike,
    ks: ArrayLike,
    *,
    n_subsets: int = N_SUBSETS,
    seed: int = 0,
) -> Weighted:
    """The chance that the class with the largest sum of weights in a random k-subset is the correct one.

    ``classes`` (`parallel.votes.classes_of`), ``weights`` (`weights_of`) and ``is_drawn`` are of shape (N, S). Ties are
    split evenly; a weight of 0 is no vote, and a subset without a vote is wrong. All subsets are formed where a k has
    at most `MAX_SUBSETS`, otherwise ``n_subsets`` are drawn with ``seed``: of positions among a cell's samples, the
    same for all cells of as many. NaN where k > n, or a weight or a vote is not known.
    """
    wanted = np.asarray(ks, dtype=np.int64).reshape(-1)
    drawn, values = np.asarray(is_drawn, dtype=bool), np.asarray(weights, dtype=float)
    found = np.full((len(values), wanted.size), np.nan)
    is_exact = np.ones(wanted.size, dtype=bool)
    is_known = (values >= 0) & (classes != UNKNOWN)
    for n, cells, samples in _of_equal_size(drawn, is_known):
        ballots = _ballots(
            np.take_along_axis(classes[cells], samples, axis=1), np.take_along_axis(values[cells], samples, axis=1)
        )
        for column, k in enumerate(wanted):
            if k <= n:
                is_exact[column] &= comb(n, int(k)) <= MAX_SUBSETS
                found[cells, column] = _won(_subsets(n, int(k), n_subsets, seed), ballots)
    return Weighted(found, is_exact, n_subsets)


def weights_of(scores: Floats, name: str) -> Floats:
    """The weight of each sample in a vote, of shape (..., S), by what the score is.

    A log-probability (its name ends in ``logprob``) weighs as its exponential, over the largest of its cell, which
    changes no vote; any other score weighs as it is. A negative weight is no weight: NaN.
    """
    if name.endswith("logprob"):
        known = np.where(np.isnan(scores), -np.inf, scores)
        most = known.max(axis=-1, keepdims=True)
        return np.where(np.isnan(scores), np.nan, np.maximum(np.exp(known - np.where(most > -np.inf, most, 0)), LEAST))
    return np.where(scores < 0, np.nan, scores)


def _of_equal_size(
    drawn: NDArray[np.bool_], is_known: NDArray[np.bool_]
) -> list[tuple[int, NDArray[np.int64], NDArray[np.int64]]]:
    """Number of samples, cells that have as many, all known, and the places of their samples, of shape (cells, n)."""
    sizes = np.where((is_known | ~drawn).all(axis=1), drawn.sum(axis=1), 0)
    parts = []
    for n in np.unique(sizes[sizes > 0]):
        cells = np.flatnonzero(sizes == n)
        parts.append((int(n), cells, np.argsort(~drawn[cells], axis=1, kind="stable")[:, :n]))
    return parts


def _by_rank(score: Floats, correct: NDArray[np.bool_]) -> Floats:
    """What C(r, k)/C(n, k) counts for at each r = 0..n, of shape (N, n+1), from scores in ascending order."""
    n_cells, n = score.shape
    starts = np.ones(score.shape, dtype=bool)
    starts[:, 1:] = score[:, 1:] != score[:, :-1]
    run = (np.cumsum(starts, axis=1) - 1 + np.arange(n_cells)[:, None] * n).reshape(-1)
    size = np.bincount(run, minlength=n_cells * n).reshape(n_cells, n)
    right = np.bincount(run, weights=correct.reshape(-1), minlength=n_cells * n).reshape(n_cells, n)
    share = np.divide(right, size, out=np.zeros(size.shape), where=size > 0)
    above = np.cumsum(size, axis=1)
    ranks = np.zeros((n_cells, n + 1))
    rows = np.broadcast_to(np.arange(n_cells)[:, None], size.shape)
    np.add.at(ranks, (rows, above), share)
    np.add.at(ranks, (rows, above - size), -share)
    return ranks


def _ballots(classes: Classes, weights: Floats) -> Floats:
    """The weight of each sample for each class of its cell, of shape (C, n, N): the correct one first."""
    order = np.argsort(classes, axis=1, kind="stable")
    found = np.take_along_axis(classes, order, axis=1)
    is_new = (found > RIGHT) & (np.concatenate([np.full((len(found), 1), RIGHT), found[:, :-1]], axis=1) != found)
    label = np.where(found > RIGHT, np.cumsum(is_new, axis=1), found)
    ballots = np.zeros((int(label.max(initial=0)) + 1, classes.shape[1], len(classes)))
    cell, place = np.nonzero(label >= RIGHT)
    sample = order[cell, place]
    ballots[label[cell, place], sample, cell] = weights[cell, sample]
    return ballots


def _subsets(n: int, k: int, n_subsets: int, seed: int) -> Floats:
    """Members of k-subsets of n as rows of 0 and 1: all of them, or as many as are to be drawn."""
    if comb(n, k) <= MAX_SUBSETS:
        chosen = np.array(list(combinations(range(n), k)))
    else:
        chosen = np.argsort(np.random.default_rng((seed, n, k)).random((n_subsets, n)), axis=1)[:, :k]
    members = np.zeros((len(chosen), n))
    np.put_along_axis(members, chosen, 1.0, axis=1)
    return members


def _won(members: Floats, ballots: Floats) -> Floats:
    """The share of subsets that each cell wins, of shape (N,)."""
    n_classes, _, n_cells = ballots.shape
    won = np.empty(n_cells)
    step = max(1, CHUNK_VALUES // (len(members) * n_classes))
    for start in range(0, n_cells, step):
        sums = members @ ballots[:, :, start : start + step]  # (C, subsets, cells)
        most = sums.max(axis=0)
        is_top = sums >= most * (1 - TIE)
        won[start : start + step] = ((most > 0) * is_top[0] / is_top.sum(axis=0)).mean(axis=0)
    return won
