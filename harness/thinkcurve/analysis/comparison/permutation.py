"""Permutation tests of paired differences, by problem or outer group: at each budget, and over the whole curve."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import binom

from thinkcurve.analysis.basis.grid import Floats, units_of

FLIPS = 9999
"""Random sign patterns: with 9,999 a p-value of .05 is known to within .004 (one standard error .002)."""
CHUNK_SIGNS = 1 << 22
"""Signs that are held at once."""
TIE = 1e-9
"""Statistics that differ by less are equal: what rounding makes of one sum in two orders."""


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
    sums = _unit_sums(known, groups)
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


def _unit_sums(values: Floats, groups: NDArray[Any] | None) -> Floats:
    """Sums within each unit, of shape (units, B)."""
    if groups is None:
        return values
    unit = units_of(len(values), groups)
    sums = np.zeros((int(unit.max()) + 1, values.shape[1]))
    np.add.at(sums, unit, values)
    return sums


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
