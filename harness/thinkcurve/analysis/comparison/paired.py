"""Paired differences between two sets of attempts at the same problems: their mean, its interval, and its tests.

The unit is the problem, or the outer group that problems lie in. A difference is the mean over samples of the new
minus that of the base, so that what makes a problem easy for both is gone from it (Miller 2024, arXiv 2411.00640,
section 4.2). Where both drew their samples by the same seeds the differences hold that too: a mean of differences
is the difference of means, so pairing samples changes no estimate, only where its variance lies (`power`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import msgspec
import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import binom, t

from thinkcurve.analysis.basis.grid import Floats
from thinkcurve.analysis.basis.proportions import bonett_price

FLIPS = 9999
"""Random sign patterns: with 9,999 a p-value of .05 is known to within .004 (one standard error .002)."""
CHUNK_SIGNS = 1 << 22
"""Signs that are held at once."""
TIE = 1e-9
"""Statistics that differ by less are equal: what rounding makes of one sum in two orders."""
FEW_PROBLEMS = 300
"""Below this many problems the interval of single right-or-wrong attempts is adjusted ("a few hundred")."""


class PairedDifference(msgspec.Struct, frozen=True):
    """A mean difference, new minus base. ``se`` and the interval are ``None`` where a single unit cannot tell.

    ``n_units`` is the number of independent units: problems, or the outer groups that they lie in.
    """

    difference: float
    se: float | None
    ci_low: float | None
    ci_high: float | None
    n_problems: int
    n_units: int


@dataclass(frozen=True, eq=False)
class SignFlips:
    """What flipping signs tells of B budgets. ``p`` is of shape (B,), NaN where no problem has a difference to tell.

    ``p_curve`` is that of the whole curve, ``None`` where there is nothing to test. ``is_exact`` says that all sign
    patterns were tried and not ``n_flips`` drawn ones.
    """

    p: Floats
    p_curve: float | None
    n_flips: int
    is_exact: bool


def paired_difference(
    differences: ArrayLike, *, level: float = 0.95, groups: NDArray[Any] | None = None, is_single: bool = False
) -> PairedDifference:
    """The mean of differences of shape (P,), NaN left out, with a clustered standard error and a t-interval.

    The standard error is that of Liang and Zeger 1986 over ``groups`` of shape (P,) with G/(G-1), without groups that
    of a sample mean; the interval takes t with one degree of freedom less than there are units. ``is_single`` says that
    every difference is of one attempt each, so -1, 0 or 1: below `FEW_PROBLEMS` problems without groups the interval is
    then that of Bonett and Price 2012 (J. Educ. Behav. Stat. 37:479-488), which adds one problem to each side. So is
    the width where all differences are equal: that no problem differed does not prove that none would. Raises
    `ValueError` where every difference is NaN.
    """
    values = np.asarray(differences, dtype=float)
    is_known = ~np.isnan(values)
    d = values[is_known]
    if d.size == 0:
        raise ValueError("a mean difference over no problem is not defined")
    mean = float(d.mean())
    sums, n_units = _unit_sums(d - mean, None if groups is None else groups[is_known])
    if n_units < 2:
        return PairedDifference(mean, None, None, None, d.size, n_units)
    se = float(np.sqrt(n_units / (n_units - 1) * (sums**2).sum())) / d.size
    if is_single and groups is None and d.size < FEW_PROBLEMS:
        low, high = bonett_price(int((d > 0).sum()), int((d < 0).sum()), d.size, level=level)
    elif np.ptp(d) <= TIE:
        low, high = bonett_price(0, 0, n_units, level=level)
        low, high = mean + low, mean + high
    else:
        half = float(t.ppf((1 + level) / 2, n_units - 1)) * se
        low, high = mean - half, mean + half
    return PairedDifference(mean, se, max(-1.0, low), min(1.0, high), d.size, n_units)


def sign_flips(
    differences: Floats, *, groups: NDArray[Any] | None = None, n_flips: int = FLIPS, seed: int = 0
) -> SignFlips:
    """Permutation tests of differences of shape (P, B), NaN where a problem is not in both.

    Were base and new two samples of one model, each unit's differences could as well have the other sign, at all
    budgets together (so points that share a trace stay together): the test is exact then (Fisher 1935), and for equal
    accuracy alone it holds asymptotically, its statistic being studentised (Janssen 1997, Stat. Probab. Lett.
    36:9-21). At each budget the statistic is |sum| / sqrt(sum of squares), which orders signs as |t| does, two-sided.
    Over the whole curve it is the largest of them, ties broken by the sum of their squares, so that one test at
    ``alpha`` stands for all budgets. All patterns are tried where they are no more than ``n_flips``; else that many are
    drawn, and p is (1 + as extreme) / (1 + drawn) (Phipson and Smyth 2010).
    """
    known = np.nan_to_num(np.asarray(differences, dtype=float))
    sums, _ = _unit_sums(known, groups)
    sums = sums[(sums != 0).any(axis=1)]
    scale = np.sqrt((sums**2).sum(axis=0))
    has_any = ~np.isnan(np.asarray(differences, dtype=float)).all(axis=0)
    p = np.where(has_any, 1.0, np.nan)
    is_told = scale > 0
    if not is_told.any():
        return SignFlips(p, 1.0 if has_any.any() else None, 0, True)
    unit = sums[:, is_told] / scale[is_told]
    is_exact = len(unit) <= 30 and 1 << (len(unit) - 1) <= n_flips
    signs = _all_signs(len(unit)) if is_exact else _drawn_signs(len(unit), n_flips, seed)
    seen = np.abs(unit.sum(axis=0))
    top, power = seen.max(), (seen**2).sum()
    above, above_curve, n = np.zeros(len(seen)), 0, 0
    for chunk in signs:
        z = np.abs(chunk @ unit)
        above += (z >= seen - TIE).sum(axis=0)
        peak = z.max(axis=1)
        is_tied = np.abs(peak - top) <= TIE
        above_curve += int(((peak > top + TIE) | (is_tied & ((z**2).sum(axis=1) >= power - TIE))).sum())
        n += len(z)
    extra = 0 if is_exact else 1
    p[is_told] = (above + extra) / (n + extra)
    return SignFlips(p, (above_curve + extra) / (n + extra), n, is_exact)


def holm(p: ArrayLike) -> Floats:
    """Adjusted p-values of shape (B,), after Holm 1979 (Scand. J. Statist. 6:65-70); NaN is no test and stays."""
    values = np.asarray(p, dtype=float)
    adjusted = np.full(values.shape, np.nan)
    places = np.flatnonzero(~np.isnan(values))
    order = places[np.argsort(values[places], kind="stable")]
    steps = (len(order) - np.arange(len(order))) * values[order]
    adjusted[order] = np.minimum(np.maximum.accumulate(steps), 1.0) if len(order) else steps
    return adjusted


def mcnemar(n_better: int, n_worse: int) -> float:
    """The exact two-sided p-value for ``n_better`` problems that only the new one solves and ``n_worse`` that only the
    base solves (McNemar 1947, by the binomial): what all sign patterns of single attempts give."""
    n = n_better + n_worse
    return 1.0 if n == 0 else min(1.0, 2 * float(binom.cdf(min(n_better, n_worse), n, 0.5)))


def _unit_sums(values: Floats, groups: NDArray[Any] | None) -> tuple[Floats, int]:
    """Sums within each unit, of shape (units, ...)."""
    if groups is None:
        return values, len(values)
    _, unit = np.unique(groups, return_inverse=True)
    n_units = int(unit.max()) + 1
    sums = np.zeros((n_units, *values.shape[1:]))
    np.add.at(sums, unit, values)
    return sums, n_units


def _all_signs(n: int) -> list[Floats]:
    """Every pattern of n signs whose first is +, of shape (2^(n-1), n): the others only turn these around."""
    patterns = np.arange(1 << (n - 1))[:, None] >> np.arange(n - 1)[None, :]
    signs = np.ones((len(patterns), n))
    signs[:, 1:] -= 2.0 * (patterns & 1)
    return [signs]


def _drawn_signs(n: int, n_flips: int, seed: int) -> Any:
    """Random patterns in chunks of shape (r, n)."""
    rng = np.random.default_rng(seed)
    left = n_flips
    while left:
        size = min(left, max(1, CHUNK_SIGNS // n))
        yield 1.0 - 2.0 * rng.integers(2, size=(size, n), dtype=np.int8)
        left -= size
