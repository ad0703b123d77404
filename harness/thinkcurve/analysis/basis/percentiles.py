"""Intervals of figures that may be "never": percentiles of resamples in which infinity is a value like any other.

What an accuracy costs is infinite in a resample that does not reach it. A mean or an acceleration of such figures is
not defined, so that BCa (`thinkcurve.analysis.basis.resample.bootstrap`) cannot serve; the order of them is.
"""

from __future__ import annotations

import numpy as np
from scipy.special import ndtr, stdtrit

from thinkcurve.analysis.basis.grid import Counts, Floats
from thinkcurve.analysis.basis.interval import FEWEST_UNITS
from thinkcurve.analysis.basis.resample import FEWEST, Estimate


def percentiles(value: Floats, draws: Floats, units: int, *, level: float = 0.95) -> Estimate:
    """A figure of shape (...) with the expanded percentile interval of its draws, of shape (R, ...).

    The ends are resamples' own figures, so infinite ones may be among them; NaN (not defined) are left out. They are
    taken as far out as t with n - 1 degrees of freedom and sqrt(n/(n-1)) ask for ``units`` n (Hesterberg 2015,
    American Statistician 69:371-386, "expanded percentile"). NaN where fewer than `FEWEST` of the draws are defined, or
    where there is one unit.
    """
    flat = np.sort(draws.reshape(len(draws), -1), axis=0)  # NaN last
    n = (~np.isnan(flat)).sum(axis=0)
    share = expanded(level, units) if units >= FEWEST_UNITS else 0.5
    low, high = (flat[_place(q, n), np.arange(flat.shape[1])] for q in (share, 1 - share))
    is_enough = (n >= FEWEST * len(flat)) & (units >= FEWEST_UNITS)
    shape = draws.shape[1:]
    low, high = (np.where(is_enough, end, np.nan).reshape(shape) for end in (low, high))
    no_se = np.full(shape, np.nan)  # infinite figures have none
    return Estimate(np.asarray(value, dtype=float), low, high, no_se, (len(flat) - n).reshape(shape))


def expanded(level: float, units: int) -> float:
    """The share of resamples below the lower end, and above the upper one, of an interval of a level."""
    t = stdtrit(units - 1, (1 + level) / 2)
    return float(ndtr(-np.sqrt(units / (units - 1)) * t))


def _place(share: float, n: Counts) -> Counts:
    """The order statistic of a share of n, the first that leaves so many at or below it."""
    return np.clip(np.ceil(share * n).astype(np.int64) - 1, 0, np.maximum(n - 1, 0))
