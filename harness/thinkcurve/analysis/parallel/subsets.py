"""Chances over all k-subsets of n samples, without forming a binomial that would overflow.

Each is a running product over k of factors between 0 and 1, so that it holds for n up to 10,000 and beyond.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from thinkcurve.analysis.basis.grid import Floats

CHUNK_VALUES = 1 << 22
"""Values held at once: 32 MiB."""


def all_among(some: ArrayLike, of: ArrayLike, ks: ArrayLike) -> Floats:
    """C(some, k) / C(of, k): the chance that a random k-subset of ``of`` samples lies within ``some`` of them.

    ``some`` and ``of``, whole numbers, broadcast to a shape (...); ``ks`` of shape (K,) gives (..., K). NaN where
    k > of. Relative error below k x 1e-16.
    """
    return np.exp(_log_all_among(some, of, ks))


def any_of(some: ArrayLike, of: ArrayLike, ks: ArrayLike) -> Floats:
    """1 - C(of-some, k) / C(of, k): the chance that a random k-subset holds one of ``some``; shapes as `all_among`."""
    few, n = np.broadcast_arrays(np.asarray(some), np.asarray(of))
    return -np.expm1(_log_all_among(n - few, n, ks))


def _log_all_among(some: ArrayLike, of: ArrayLike, ks: ArrayLike) -> Floats:
    few, n = np.broadcast_arrays(np.asarray(some, dtype=np.int64), np.asarray(of, dtype=np.int64))
    wanted = np.asarray(ks, dtype=np.int64).reshape(-1)
    if wanted.size and wanted.min() < 1:
        raise ValueError(f"k is at least 1, not {wanted.min()}")
    pairs, place = np.unique(np.stack([few.reshape(-1), n.reshape(-1)], axis=1), axis=0, return_inverse=True)
    logs = np.empty((len(pairs), wanted.size))
    most = int(wanted.max(initial=0))
    step = max(1, CHUNK_VALUES // max(most, 1))
    for start in range(0, len(pairs), step):
        logs[start : start + step] = _running(pairs[start : start + step], most)[:, wanted - 1]
    return logs[place.reshape(-1)].reshape(*few.shape, wanted.size)


def _running(pairs: NDArray[np.int64], most: int) -> Floats:
    """log prod_{j<k} (some-j)/(of-j) for k = 1..most, of shape (pairs, most)."""
    some, of = pairs[:, :1], pairs[:, 1:]
    left = of - np.arange(most)
    share = np.divide(of - some, left, out=np.ones(left.shape), where=left > 0)
    with np.errstate(divide="ignore"):  # log 0 where no subset lies within: the chance is 0
        logs = np.cumsum(np.log1p(-np.minimum(share, 1.0)), axis=1)
    return np.where(left > 0, logs, np.nan)
