"""Intervals of proportions of independent trials, of means by t, and of the difference of two paired proportions."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import betaincinv, ndtri, stdtrit

from thinkcurve.analysis.basis.grid import Floats


def wilson(p: ArrayLike, n: ArrayLike, *, level: float = 0.95) -> tuple[Floats, Floats]:
    """Wilson's score interval for a proportion ``p`` of ``n`` (not necessarily whole) independent trials.

    Wilson, JASA 22 (1927) 209-212; recommended for small n by Brown, Cai and DasGupta 2001.
    """
    p, n = np.asarray(p, dtype=float), np.asarray(n, dtype=float)
    z = ndtri((1 + level) / 2)
    centre = (p + z * z / (2 * n)) / (1 + z * z / n)
    half = z * np.sqrt(p * (1 - p) / n + z * z / (4 * n * n)) / (1 + z * z / n)
    return _around(p, centre - half, centre + half)


def clopper_pearson(p: ArrayLike, n: ArrayLike, *, level: float = 0.95) -> tuple[Floats, Floats]:
    """Clopper and Pearson's exact interval (Biometrika 26 (1934) 404-413): covers at least its level, mostly more."""
    p, n = np.asarray(p, dtype=float), np.asarray(n, dtype=float)
    return _beta_ends(p, p * n, n - p * n + 1, p * n + 1, n - p * n, level)


def jeffreys(p: ArrayLike, n: ArrayLike, *, level: float = 0.95) -> tuple[Floats, Floats]:
    """Jeffreys's interval: quantiles of Beta(x + 1/2, n - x + 1/2), 0 and 1 at the ends (Brown and others 2001)."""
    p, n = np.asarray(p, dtype=float), np.asarray(n, dtype=float)
    a, b = p * n + 0.5, n - p * n + 0.5
    return _beta_ends(p, a, b, a, b, level)


def t_interval(mean: ArrayLike, se: ArrayLike, df: ArrayLike, *, level: float = 0.95) -> tuple[Floats, Floats]:
    """Mean ± t standard errors, cut at 0 and 1; 0 to 1 where there is no standard error, NaN where there is no mean."""
    mean, df = np.asarray(mean, dtype=float), np.asarray(df, dtype=float)
    half = np.nan_to_num(stdtrit(np.maximum(df, 1), (1 + level) / 2) * np.asarray(se, dtype=float), nan=1.0)
    return np.maximum(mean - half, 0.0), np.minimum(mean + half, 1.0)


def bonett_price(n_better: int, n_worse: int, n: int, *, level: float = 0.95) -> tuple[float, float]:
    """The interval of Bonett and Price 2012 for a difference of two paired proportions over ``n`` problems.

    A Wald interval after one problem was added that only the new one solves, and one that only the base solves.
    """
    better, worse = (n_better + 1) / (n + 2), (n_worse + 1) / (n + 2)
    z = float(ndtri((1 + level) / 2))
    centre = better - worse
    half = z * float(np.sqrt((better + worse - centre**2) / (n + 2)))
    return centre - half, centre + half


PROPORTIONS = {"wilson": wilson, "clopper_pearson": clopper_pearson, "jeffreys": jeffreys}
"""Intervals of a proportion of independent trials, by the name of the method."""


def _around(p: Floats, low: Floats, high: Floats) -> tuple[Floats, Floats]:
    """Ends within 0 and 1 that hold ``p``: where all or none are right an end is p itself, rounding or not."""
    return np.minimum(np.maximum(0.0, low), p), np.maximum(np.minimum(1.0, high), p)


def _beta_ends(
    p: Floats, low_a: Floats, low_b: Floats, high_a: Floats, high_b: Floats, level: float
) -> tuple[Floats, Floats]:
    tail = (1 - level) / 2
    with np.errstate(invalid="ignore"):
        low = np.where(p <= 0, 0.0, betaincinv(low_a, low_b, tail))
        high = np.where(p >= 1, 1.0, betaincinv(high_a, high_b, 1 - tail))
    return _around(p, low, high)
