"""Bootstrap over problems: the interval of everything that has no formula of its own.

A statistic is given weights of shape (R, P), how often each of P problems is drawn in each of R resamples, and returns
its R values, of shape (R, ...). Means over problems are then matrix products: `mean_over`. Where problems lie in named
groups (contests), groups are drawn, with all their problems.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri, stdtrit

from thinkcurve.analysis.basis.grid import Floats, units_of

RESAMPLES = 2000
"""Efron and Tibshirani 1993, section 14.3: a BCa interval needs some thousand."""
MOST_UNITS, BLOCKS = 10_000, 2_000
"""Units that the jackknife leaves out one by one, and the blocks of units that it leaves out where there are more."""
CHUNK_VALUES = 1 << 22
"""Weights that are held at once: 32 MiB."""
FEWEST = 0.9
"""The share of resamples that must have a value for an interval to be given."""

TIE = 1e-12
"""What rounding makes of one sum in two orders."""

Statistic = Callable[[Floats], Floats]


@dataclass(frozen=True, eq=False)
class Estimate:
    """A statistic with its interval; arrays of the statistic's shape, NaN where it has no value or no interval.

    ``se`` is the standard deviation of the resamples; ``n_undefined`` says in how many the statistic had no value.
    """

    value: Floats
    low: Floats
    high: Floats
    se: Floats
    n_undefined: NDArray[np.int64]


def mean_over(weights: Floats, values: Floats) -> Floats:
    """Weighted means over problems: ``values`` of shape (P, ...) by ``weights`` of shape (R, P) is (R, ...).

    A problem whose value is NaN is left out of that mean; NaN where all are.
    """
    flat = values.reshape(len(values), -1)
    is_known = ~np.isnan(flat)
    sums = weights @ np.where(is_known, flat, 0.0)
    n = weights.sum(axis=1, keepdims=True) if is_known.all() else weights @ is_known.astype(float)
    means = np.divide(sums, n, out=np.full(sums.shape, np.nan), where=n > 0)
    return means.reshape(len(weights), *values.shape[1:])


def ratio_over(weights: Floats, above: Floats, below: Floats) -> Floats:
    """Sums over sums: of ``above`` and ``below``, both of shape (P, ...), NaN counting as 0 in both together."""
    is_known = ~(np.isnan(above) | np.isnan(below))
    flat = (len(above), -1)
    a = weights @ np.where(is_known, above, 0.0).reshape(flat)
    b = weights @ np.where(is_known, below, 0.0).reshape(flat)
    return np.divide(a, b, out=np.full(a.shape, np.nan), where=b != 0).reshape(len(weights), *above.shape[1:])


def draws(
    n_problems: int,
    *,
    groups: NDArray[Any] | None = None,
    n_resamples: int = RESAMPLES,
    seed: int = 0,
) -> Iterator[Floats]:
    """Weights of ``n_resamples`` resamples in chunks of shape (r, P). The same seed draws the same, however chunked.

    Two analyses that are to be compared, or figures of one table, take the same seed: then they see the same problems.
    """
    rng = np.random.default_rng(seed)
    units = units_of(n_problems, groups)
    n_units = int(units.max()) + 1 if n_problems else 0
    left = n_resamples
    while left:
        n = min(left, max(1, CHUNK_VALUES // max(n_problems, 1)))
        drawn = np.zeros((n, n_units))
        for row in drawn:
            row += np.bincount(rng.integers(n_units, size=n_units), minlength=n_units)
        yield drawn if groups is None else drawn[:, units]
        left -= n


def bootstrap(
    statistic: Statistic,
    n_problems: int,
    *,
    groups: NDArray[Any] | None = None,
    level: float = 0.95,
    n_resamples: int = RESAMPLES,
    seed: int = 0,
) -> Estimate:
    """The statistic of all problems with its BCa interval (Efron 1987, JASA 82:171-185, by problems or groups).

    Bias correction is by the share of resamples below the value, ties half; acceleration by the jackknife over the
    units. The ends are set out for small samples (`_quantile_t`): without that 95 % intervals of 30 problems cover 90
    to 94 % (docs/statistics.md). Where the resamples all agree the interval is that point. Raises `ValueError` for no
    problems.
    """
    if n_problems < 1:
        raise ValueError("a bootstrap of no problems is not defined")
    value = statistic(np.ones((1, n_problems)))[0]
    found = [statistic(w) for w in draws(n_problems, groups=groups, n_resamples=n_resamples, seed=seed)]
    replicates = np.concatenate(found)
    low, high = _bca(value, replicates, _jackknife(statistic, n_problems, groups), level)
    is_defined = ~np.isnan(replicates)
    n_undefined = (~is_defined).sum(axis=0)
    is_enough = (is_defined.mean(axis=0) >= FEWEST) & ~np.isnan(value)
    se = _spread(replicates)
    return Estimate(
        np.asarray(value, dtype=float),
        np.where(is_enough, low, np.nan),
        np.where(is_enough, high, np.nan),
        np.where(is_enough, se, np.nan),
        n_undefined,
    )


def _spread(replicates: Floats) -> Floats:
    n = (~np.isnan(replicates)).sum(axis=0)
    mean = np.nansum(replicates, axis=0) / np.maximum(n, 1)
    return np.sqrt(np.nansum((replicates - mean) ** 2, axis=0) / np.maximum(n - 1, 1))


def _jackknife(statistic: Statistic, n_problems: int, groups: NDArray[Any] | None) -> Floats:
    """The statistic without each unit, of shape (units, ...): some at a time, never all by all.

    More than `MOST_UNITS` are collected into `BLOCKS` at random, after Efron and Narasimhan 2020 (J. Computational and
    Graphical Statistics 29:608-619): unit by unit the work grows with their square.
    """
    units = units_of(n_problems, groups)
    n_units = int(units.max()) + 1
    if n_units > MOST_UNITS:
        units, n_units = np.random.default_rng(0).permutation(n_units)[units] % BLOCKS, BLOCKS
    step = max(1, CHUNK_VALUES // n_problems)
    parts = []
    for start in range(0, n_units, step):
        left_out = np.arange(start, min(start + step, n_units))
        parts.append(statistic((units[None, :] != left_out[:, None]).astype(float)))
    return np.concatenate(parts)


def _bca(value: Floats, replicates: Floats, jackknife: Floats, level: float) -> tuple[Floats, Floats]:
    """Ends of BCa intervals, for replicates of shape (R, ...)."""
    n = np.maximum((~np.isnan(replicates)).sum(axis=0), 1)
    is_tie = np.abs(replicates - value) <= TIE * np.maximum(np.abs(value), 1)
    below = (((replicates < value) & ~is_tie).sum(axis=0) + 0.5 * is_tie.sum(axis=0)) / n
    bias = ndtri(np.clip(below, 0.5 / n, 1 - 0.5 / n))
    known = np.maximum((~np.isnan(jackknife)).sum(axis=0), 1)
    off = np.nan_to_num(np.nansum(jackknife, axis=0) / known - jackknife)
    squares = (off**2).sum(axis=0)
    acceleration = np.divide((off**3).sum(axis=0), 6 * squares**1.5, out=np.zeros_like(squares), where=squares > 0)
    out = _quantile_t(off, level)
    ends = []
    for side in (-1, 1):
        z = bias + side * out
        share = ndtr(bias + z / (1 - acceleration * z))
        ends.append(_quantile(replicates, share))
    return ends[0], ends[1]


def _quantile_t(off: Floats, level: float) -> Floats:
    """How many standard deviations of the resamples an end lies out, from influences ``off`` of shape (units, ...).

    sqrt(n/(n-1)), as resamples spread too little, times t instead of z (Hesterberg 2015, American Statistician
    69:371-386, "expanded percentile"). Its degrees of freedom are those that the sample variance of the influences has
    by their kurtosis k, 2n/(k-1), n-1 at most (Satterthwaite 1946; for k = 3, a normal, they are n): few where a few
    problems carry most of the spread, as the longest traces do for tokens.
    """
    n = len(off)
    if n < 2:
        return np.full(off.shape[1:], ndtri((1 + level) / 2))
    squares = (off**2).sum(axis=0)
    kurtosis = np.divide(n * (off**4).sum(axis=0), squares**2, out=np.ones_like(squares), where=squares > 0)
    df = np.minimum(2 * n / np.maximum(kurtosis - 1, 1e-9), n - 1)
    return np.sqrt(n / (n - 1)) * stdtrit(df, (1 + level) / 2)


def _quantile(replicates: Floats, share: Floats) -> Floats:
    """The quantile of each column at its own share, NaN left out."""
    flat = np.sort(replicates.reshape(len(replicates), -1), axis=0)  # NaN last
    n = (~np.isnan(flat)).sum(axis=0)
    at = np.clip(share.reshape(-1), 0, 1) * np.maximum(n - 1, 0)
    under = np.floor(at).astype(int)
    over = np.minimum(under + 1, np.maximum(n - 1, 0))
    columns = np.arange(flat.shape[1])
    low, high = flat[under, columns], flat[over, columns]
    found = np.where(low == high, low, low + (at - under) * (high - low))
    return found.reshape(replicates.shape[1:])
