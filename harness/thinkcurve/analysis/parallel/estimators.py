"""k samples at once: pass@k, pass^k and the plurality vote maj@k, each exact over all k-subsets of the n samples.

Never "the first k": each figure is the expectation over a random k-subset, for every k up to n. What an answer is a
vote for comes from `thinkcurve.analysis.parallel.votes`, choice by a score from `thinkcurve.analysis.parallel.best_of`.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from thinkcurve.analysis.basis.grid import Floats, Grid
from thinkcurve.analysis.parallel.majority import majority_at_k
from thinkcurve.analysis.parallel.subsets import all_among, any_of
from thinkcurve.analysis.parallel.votes import Classes, classes_of, tally

__all__ = ["majority_at_k", "majority_of", "pass_at_k", "pass_hat_k"]


def pass_at_k(right: ArrayLike, drawn: ArrayLike, ks: ArrayLike) -> Floats:
    """pass@k: the chance that one of k samples is correct, 1 - C(n-c, k)/C(n, k).

    ``right`` (c) and ``drawn`` (n), of one shape (...), and ``ks`` of shape (K,) give (..., K); NaN where k > n.
    Unbiased: Chen et al. 2021 (arXiv 2107.03374), equation 1. Stable for n up to 10,000.
    """
    return any_of(right, drawn, ks)


def pass_hat_k(right: ArrayLike, drawn: ArrayLike, ks: ArrayLike) -> Floats:
    """pass^k: the chance that all of k samples are correct, C(c, k)/C(n, k); shapes as `pass_at_k`.

    Yao et al. 2024 (tau-bench, arXiv 2406.12045), section 4.
    """
    return all_among(right, drawn, ks)


def majority_of(grid: Grid, ks: ArrayLike, classes: Classes | None = None) -> Floats:
    """maj@k of each problem at each budget, of shape (P, B, K); NaN where k > n, or a vote is not known (code).

    One sample is right or not whatever others say: maj@1 is the accuracy, also where votes are not known.
    ``classes`` are those of `thinkcurve.analysis.parallel.votes.classes_of`, where they have been made already.
    """
    found = classes_of(grid) if classes is None else classes
    counts, silent, is_known = tally(found, grid.drawn)
    chances = majority_at_k(counts.reshape(-1, counts.shape[-1]), ks, silent.reshape(-1))
    shares = np.where(is_known[..., None], chances.reshape(*grid.drawn.shape, -1), np.nan)
    shares[..., np.asarray(ks).reshape(-1) == 1] = grid.means[..., None]
    return shares
