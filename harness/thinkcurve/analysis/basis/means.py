"""Means over problems of shares as records: one number has one interval, whatever asks for it."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from thinkcurve.analysis.basis.accuracy import shares
from thinkcurve.analysis.basis.grid import Floats, outer_groups
from thinkcurve.analysis.basis.interval import FEWEST_UNITS, UNKNOWN, Interval, known

NOISE = 1e-12
"""How near to 0 or 1 a share is that: a rounding must not look like a spread."""


def mean_intervals(
    values: Floats,
    n_attempts: ArrayLike | None = None,
    *,
    groups: NDArray[Any] | None = None,
    level: float = 0.95,
) -> list[Interval]:
    """The mean over problems of each share, with the interval of `thinkcurve.analysis.basis.accuracy.shares`.

    ``values`` are of shape (P, N): a row a problem, NaN where it is left out. ``n_attempts``, of shape (N,) or one for
    all, is how many attempts each mean rests on at most; without it, as many as problems. ``groups`` of shape (P,) are
    the outer groups, by the rule of `outer_groups`. A single problem (or group) has no interval.
    """
    if not len(values):
        return [UNKNOWN] * values.shape[1]
    sure = np.rint(values)
    columns = np.ascontiguousarray(np.where(np.abs(values - sure) < NOISE, sure, values).T)
    most = (~np.isnan(columns)).sum(axis=1) if n_attempts is None else np.asarray(n_attempts, dtype=float)
    found = shares(columns, level=level, groups=outer_groups(groups), most=np.broadcast_to(most, len(columns)))
    rows = zip(found.mean.tolist(), found.low.tolist(), found.high.tolist(), found.n_clusters.tolist(), strict=True)
    return [
        Interval(known(mean), known(low), known(high)) if units >= FEWEST_UNITS else Interval(known(mean), None, None)
        for mean, low, high, units in rows
    ]
