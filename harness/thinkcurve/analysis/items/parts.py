"""The accuracy of strata to which problems belong in part, as to a fifth of difficulty that each sample tells anew.

Where every problem belongs wholly or not at all this is `thinkcurve.analysis.basis.accuracy.shares`, which is what
other strata take.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtrit

from thinkcurve.analysis.basis.accuracy import MADE_UP
from thinkcurve.analysis.basis.grid import Floats, units_of
from thinkcurve.analysis.basis.proportions import wilson


@dataclass(frozen=True, eq=False)
class Parts:
    """Means with Wilson intervals on ``n_effective``, each of shape (J,); NaN for a stratum of nothing, and ``se`` for
    one of a single problem (or group)."""

    mean: Floats
    se: Floats
    low: Floats
    high: Floats
    n_effective: Floats


def parts(
    sums: Floats,
    weights: Floats,
    n_attempts: Floats,
    *,
    moved: Floats | None = None,
    groups: NDArray[Any] | None = None,
    level: float = 0.95,
) -> Parts:
    """The mean of each stratum: the sum of ``sums`` over that of ``weights``, both of shape (P, J).

    A weight is the share of a problem, 0 to 1, that lies in the stratum, its sum the share that is also right.
    ``n_attempts`` (J,) is how many were scored, ``groups`` (P,) the outer clusters. ``moved``, of shape (P, J), is what
    each problem takes from a stratum's sum as it moves the borders between strata (`difficulty.moved`).

    The standard error is that of a ratio, linearised: CR2 with a cluster's leverage its share of the weight, and Bell
    and McCaffrey's degrees of freedom, as in `accuracy.shares`; and as there n is the effective one, counted with a
    made-up problem that is half right and made smaller for the uncertainty of the standard error.
    """
    units = units_of(len(weights), groups)
    right, size = (_by_unit(values, units) for values in (sums, weights))
    shift = np.zeros(size.shape) if moved is None else _by_unit(moved, units)
    total, n_units = size.sum(axis=0), (size > 0).sum(axis=0)
    is_any = total > 0
    mean = np.divide(right.sum(axis=0), total, out=np.full(len(total), np.nan), where=is_any)
    squares, df = _of_clusters(right - size * np.nan_to_num(mean) - shift, size, total)
    se = np.divide(np.sqrt(squares), total, out=np.full(len(total), np.nan), where=n_units > 1)
    trials = _with_made_up(sums - (0.0 if moved is None else moved), weights, total)
    if groups is not None:  # groups tell of no more trials than their problems do
        variance = mean * (1 - mean)
        by_group = np.divide(variance, se**2, out=np.full(len(total), np.inf), where=(variance > 0) & (se > 0))
        trials = np.minimum(trials, by_group)
    least = total if groups is None and moved is None else np.ones(len(total))
    n = trials * (_t(n_attempts - 1, level) / _t(df, level)) ** 2
    n = np.clip(n, least, np.maximum(n_attempts, least))
    is_told = (mean > 0) & (mean < 1) & (n_units > 1)
    of_one_kind = np.minimum(total, n_units) if groups is None else n_units  # all right, or none: as if alike
    n = np.where(is_told, n, np.where(is_any, np.maximum(of_one_kind, 1), np.nan))
    low, high = wilson(mean, n, level=level)
    return Parts(mean, se, low, high, n)


def _by_unit(values: Floats, units: NDArray[np.int64]) -> Floats:
    sums = np.zeros((int(units.max()) + 1, values.shape[1]))
    np.add.at(sums, units, values)
    return sums


def _of_clusters(residuals: Floats, size: Floats, total: Floats) -> tuple[Floats, Floats]:
    """CR2's sum of squares, and Bell and McCaffrey's degrees of freedom, for clusters (G, J) of these weights."""
    others = total - size
    leverage = np.divide(total, others, out=np.zeros_like(size), where=others > 1e-9)
    b = size**2 * leverage
    off_diagonal = (b.sum(axis=0) ** 2 - (b**2).sum(axis=0)) / np.maximum(total, 1e-9) ** 2
    below = (size**2).sum(axis=0) + off_diagonal
    df = np.divide(total**2, below, out=np.zeros_like(total), where=below > 0)
    return (residuals**2 * leverage).sum(axis=0), df


def _with_made_up(right: Floats, size: Floats, total: Floats) -> Floats:
    """How many independent trials are as certain, `MADE_UP` problems more counted."""
    n = total + MADE_UP
    centre = (right.sum(axis=0) + MADE_UP / 2) / n
    spread = ((right - size * centre) ** 2).sum(axis=0) + MADE_UP / 2 * (centre**2 + (1 - centre) ** 2)
    return centre * (1 - centre) * n**2 / spread


def _t(df: Floats, level: float) -> Floats:
    return np.asarray(stdtrit(np.maximum(df, 1), (1 + level) / 2))
