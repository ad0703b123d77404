"""maj@k exactly: the chance that a plurality vote over a random k-subset is correct, ties split evenly.

Let n_0 samples be correct, n_j lie in wrong class j and a abstain, N in all. Of the C(N, k) subsets, those in which the
correct class has m votes, none has more and t wrong classes have m too are counted by the coefficient of x^(k-m) y^t in

    C(n_0, m) (1 + x)^a  prod_j ( sum_{i<m} C(n_j, i) x^i  +  y C(n_j, m) x^m ),

and win 1/(t+1) each, which is the integral of y^t over [0, 1]. Gauss-Legendre quadrature is exact for that polynomial.
Classes with n_j < m can neither tie nor win: together with the abstentions they are one factor (1 + x)^rest. All terms
are positive, so nothing cancels.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import gammaln

from thinkcurve.analysis.basis.grid import Floats

WHOLE = 900
"""Samples of a cell up to which C(N, k) 2^-N stays within a double, so that one pass serves every k."""
CHUNK_VALUES = 1 << 16
"""Coefficients worked on at once: what a core's cache holds."""

Ints = NDArray[np.int64]


def majority_at_k(counts: ArrayLike, ks: ArrayLike, n_abstained: ArrayLike | None = None) -> Floats:
    """The chance that a plurality vote over a random k-subset of samples is correct, of shape (N, K).

    ``counts`` of shape (N, C): how many samples of each cell lie in each class, column 0 the correct one (0 where none
    is), the others wrong ones in any order; ``n_abstained`` of shape (N,) are samples that vote for nothing (none where
    left out). Ties are split evenly; a subset in which all abstain is wrong. NaN where k > the cell's samples.
    """
    table = np.asarray(counts, dtype=np.int64)
    wanted = np.asarray(ks, dtype=np.int64).reshape(-1)
    if wanted.size and wanted.min() < 1:
        raise ValueError(f"k is at least 1, not {wanted.min()}")
    silent = np.zeros(len(table), dtype=np.int64) if n_abstained is None else np.asarray(n_abstained, dtype=np.int64)
    rivals = -np.sort(-table[:, 1:], axis=1)
    rivals = rivals[:, : int((rivals > 0).sum(axis=1).max(initial=0))]
    cells, place = np.unique(np.column_stack([table[:, 0], silent, rivals]), axis=0, return_inverse=True)
    return _chances(cells[:, 0], cells[:, 1], cells[:, 2:], wanted)[place.reshape(-1)]


def _chances(right: Ints, silent: Ints, rivals: Ints, ks: Ints) -> Floats:
    total = right + silent + rivals.sum(axis=1)
    found = np.where(ks <= total[:, None], 0.0, np.nan)
    if not ks.size:
        return found
    cells = np.flatnonzero((right > 0) & (total <= WHOLE))
    if cells.size:
        found[cells] += _of_cells(right[cells], silent[cells], rivals[cells], ks, 0.5)
    for column, k in enumerate(ks):
        cells = np.flatnonzero((right > 0) & (total > WHOLE) & (total >= k))
        if cells.size:
            p = (k + 0.5) / (total[cells] + 1)
            found[cells, column] += _of_cells(right[cells], silent[cells], rivals[cells], ks[[column]], p)[:, 0]
    return found


def _of_cells(right: Ints, silent: Ints, rivals: Ints, ks: Ints, p: float | Floats) -> Floats:
    """Subsets won over all subsets, both times p^k (1-p)^(N-k), of shape (cells, K)."""
    odds = np.broadcast_to(p, right.shape)
    total = right + silent + rivals.sum(axis=1)
    won = _won(right, silent, rivals, int(min(ks.max(), total.max())), odds)
    at = np.minimum(ks, total[:, None])
    return np.minimum(np.take_along_axis(won, at, axis=1) / _binomials(total[:, None], at, odds[:, None]), 1.0)


def _won(right: Ints, silent: Ints, rivals: Ints, most: int, p: Floats) -> Floats:
    """Subsets won, by their size 0..most; ``rivals`` in descending order."""
    won = np.zeros((len(right), most + 1))
    below = silent + rivals.sum(axis=1)
    for m in range(1, min(most, int(right.max())) + 1):
        n_big = (rivals >= m).sum(axis=1)
        for n in np.unique(n_big[right >= m]):
            cells = np.flatnonzero((right >= m) & (n_big == n))
            step = max(1, CHUNK_VALUES // ((n // 2 + 1) * (most - m + 1)))
            for start in range(0, cells.size, step):
                some = cells[start : start + step]
                big = rivals[some, :n]
                others = _losing(big, below[some] - big.sum(axis=1), m, most - m + 1, p[some])
                won[some, m:] += _binomials(right[some], m, p[some])[:, None] * others
    return won


def _losing(big: Ints, rest: Ints, m: int, length: int, p: Floats) -> Floats:
    """Choices from the wrong classes by their size 0..length-1, of which none is above m, 1/(t+1) for t at m."""
    y, weight = _quadrature(big.shape[1] // 2 + 1)
    ways = _binomials(rest[:, None], np.arange(length), p[:, None])[:, None, :]
    for j in range(big.shape[1]):
        take = _binomials(big[:, j, None], np.arange(min(m, length - 1) + 1), p[:, None])
        grown = take[:, :1, None] * ways
        for i in range(1, min(m, length)):
            grown[:, :, i:] += take[:, i, None, None] * ways[:, :, :-i]
        if m < length:
            tied = (take[:, m, None] * y)[:, :, None] * ways[:, :, :-m]
            grown = np.broadcast_to(grown, (len(big), y.size, length)).copy() if j == 0 else grown
            grown[:, :, m:] += tied
        ways = grown
    return weight @ ways if ways.shape[1] > 1 else ways[:, 0]


@lru_cache(maxsize=256)
def _quadrature(n: int) -> tuple[Floats, Floats]:
    """Nodes and weights of Gauss-Legendre on [0, 1], exact to degree 2n-1."""
    nodes, weights = np.polynomial.legendre.leggauss(n)
    return (nodes + 1) / 2, weights / 2


def _binomials(n: Ints, i: ArrayLike, p: Floats) -> Floats:
    """C(n, i) p^i (1-p)^(n-i), 0 where i > n."""
    some = np.minimum(i, n)
    logs = _log_factorials(1 << int(n.max(initial=0)).bit_length())
    found = np.exp(logs[n] - logs[some] - logs[n - some] + some * np.log(p) + (n - some) * np.log1p(-p))
    return np.where(np.asarray(i) <= n, found, 0.0)


@lru_cache(maxsize=32)
def _log_factorials(size: int) -> Floats:
    return gammaln(np.arange(1, size + 1, dtype=float))
