"""Whether a new run is worse anywhere on the curve: one test for all budgets, in one direction."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from thinkcurve.analysis.basis.grid import Floats, units_of
from thinkcurve.analysis.comparison.permutation import CHUNK_SIGNS, FLIPS, TIE

MOST_EXACT = 13
"""Problems that differ up to which all sign patterns are tried: 2^13 are fewer than `FLIPS`."""


def p_worse_anywhere(
    worse: Floats, *, groups: NDArray[Any] | None = None, n_flips: int = FLIPS, seed: int = 0
) -> float | None:
    """The p-value of "worse at some budget" for worsenings of shape (P, B), NaN where a problem is not in both.

    The test of `thinkcurve.analysis.comparison.permutation.sign_flips`, one-sided: each unit's worsenings could as well
    have the other sign, at all budgets together; the statistic is the largest over budgets of sum / sqrt(sum of
    squares). Points that share a trace stay together, so alpha is not divided by the number of budgets.
    ``None`` where there is nothing to test.
    """
    if np.isnan(worse).all():
        return None
    values = np.nan_to_num(worse)
    unit = units_of(len(values), groups)
    sums = np.zeros((int(unit.max()) + 1, values.shape[1]))
    np.add.at(sums, unit, values)
    sums = sums[(sums != 0).any(axis=1)]
    scale = np.sqrt((sums**2).sum(axis=0))
    is_told = scale > 0
    if not is_told.any():
        return 1.0
    scaled = sums[:, is_told] / scale[is_told]
    seen = scaled.sum(axis=0).max()
    n = len(scaled)
    if n <= MOST_EXACT:
        patterns = 1.0 - 2.0 * ((np.arange(1 << n)[:, None] >> np.arange(n)) & 1)
        return float(((patterns @ scaled).max(axis=1) >= seen - TIE).mean())
    rng, above, left = np.random.default_rng(seed), 0, n_flips
    while left:
        size = min(left, max(1, CHUNK_SIGNS // n))
        signs = 1.0 - 2.0 * rng.integers(2, size=(size, n), dtype=np.int8)
        above += int(((signs @ scaled).max(axis=1) >= seen - TIE).sum())
        left -= size
    return (1 + above) / (1 + n_flips)
