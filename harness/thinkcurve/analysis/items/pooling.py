"""Partial pooling: the accuracies of small strata drawn toward what they have in common.

Stratum j is right r_j times of n_j; its chance is a draw from a Beta distribution with mean m and size k that all
strata share (the beta-binomial model; Efron and Morris 1975, JASA 70:311-319, for why this errs less in sum). m and k
are not plugged in but averaged over, on a grid, with the prior of Gelman et al., Bayesian Data Analysis (3rd ed.,
section 5.3): uniform on (m, 1/sqrt(k)). With few strata a plugged-in k is often infinite, and the intervals then too
narrow. A stratum is drawn the more, the smaller it is, and the less strata differ.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import betainc, betaln

from thinkcurve.analysis.basis.grid import Floats

COARSE, FINE = 40, 12
"""Points on each side of the grid over (m, 1/sqrt(k)), first over all of it and then where the posterior lies."""
LEAST = 3e-3
"""Points less likely than this share of the likeliest are left out."""
HALVINGS = 14
"""Of 1: ends are right to 0.01 %."""


@dataclass(frozen=True, eq=False)
class Pooled:
    """Of each of J strata (J,): the pooled accuracy and its interval, and ``weight``, how much of it is its own.

    ``centre`` is what they are drawn toward. NaN for a stratum of nothing (n = 0).
    """

    mean: Floats
    low: Floats
    high: Floats
    weight: Floats
    centre: float


def pooled(right: Floats, n: Floats, *, level: float = 0.95) -> Pooled | None:
    """Pool strata with ``right`` of ``n`` each, (J,), not necessarily whole (an effective n).

    ``None`` for fewer than three strata with anything in them: two say nothing of how strata differ. Ends of the
    interval are quantiles of the posterior, a mixture of Beta distributions.
    """
    is_known = n > 0
    if is_known.sum() < 3:
        return None
    r, total = right[is_known], n[is_known]
    edges = np.array([[0.0, 1.0], [0.0, 1.0]])
    for points in (COARSE, FINE):  # where the posterior lies, then a closer look there
        mean, spread, share = _posterior(r, total, edges, points)
        is_likely = share > share.max() * LEAST
        half = (edges[:, 1] - edges[:, 0]) / (2 * points)
        edges = np.array([[axis[is_likely].min(), axis[is_likely].max()] for axis in (mean, spread)])
        edges += half[:, None] * [-1, 1]
    mean, size, share = mean[is_likely], spread[is_likely] ** -2.0, share[is_likely] / share[is_likely].sum()
    a, b = (mean * size)[:, None] + r, ((1 - mean) * size)[:, None] + total - r
    own = share @ (total / (size[:, None] + total))
    low, high = (_quantile(a, b, share, (1 + side * level) / 2) for side in (-1, 1))
    columns = [np.full(len(n), np.nan) for _ in range(4)]
    for column, values in zip(columns, (share @ (a / (a + b)), low, high, own), strict=True):
        column[is_known] = values
    own_mean, own_low, own_high, own_weight = columns
    return Pooled(own_mean, own_low, own_high, own_weight, centre=float(share @ mean))


def _posterior(right: Floats, n: Floats, edges: Floats, points: int) -> tuple[Floats, Floats, Floats]:
    """Points (m, 1/sqrt(k)) in the middle of squares between the edges, and the share of the posterior at each."""
    steps = (np.arange(points) + 0.5) / points
    m, spread = (axis.ravel() for axis in np.meshgrid(*(low + (high - low) * steps for low, high in edges)))
    size = spread**-2.0
    a, b = (m * size)[:, None], ((1 - m) * size)[:, None]
    logs = (betaln(a + right, b + n - right) - betaln(a, b)).sum(axis=1)
    share = np.exp(logs - logs.max())
    return m, spread, share / share.sum()


def _quantile(a: Floats, b: Floats, share: Floats, level: float) -> Floats:
    """The quantile of a mixture of Beta distributions with parameters (G, J) and shares (G,), by bisection: (J,)."""
    low, high = np.zeros(a.shape[1]), np.ones(a.shape[1])
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        is_below = share @ betainc(a, b, middle) < level
        low, high = np.where(is_below, middle, low), np.where(is_below, high, middle)
    return np.where(low == 0, 0.0, np.where(high == 1, 1.0, (low + high) / 2))
