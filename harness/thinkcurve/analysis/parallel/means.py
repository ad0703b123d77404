"""Means over problems of chances, with the interval that a share has everywhere: one number, one interval."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from thinkcurve.analysis.basis.accuracy import shares
from thinkcurve.analysis.basis.grid import Floats, outer_groups
from thinkcurve.analysis.basis.interval import FEWEST_UNITS, Interval, known

NOISE = 1e-12
"""How near to 0 or 1 a chance is that: a rounding must not look like a spread."""


def mean_intervals(
    chances: Floats, n_attempts: ArrayLike, *, groups: NDArray[Any] | None = None, level: float = 0.95
) -> list[Interval]:
    """The mean over problems of each chance, with the interval of `thinkcurve.analysis.basis.accuracy.shares`.

    ``chances`` are of shape (P, N): a row a problem, no NaN. ``n_attempts``, of shape (N,) or one for all, is how many
    attempts each mean rests on at most; ``groups`` of shape (P,) are the outer groups, by the rule of `outer_groups`.
    A single problem (or group) has no interval.
    """
    sure = np.rint(chances)
    values = np.where(np.abs(chances - sure) < NOISE, sure, chances)
    most = np.broadcast_to(np.asarray(n_attempts, dtype=float), values.shape[1:])
    found = shares(np.ascontiguousarray(values.T), level=level, groups=outer_groups(groups), most=most)
    rows = zip(found.mean.tolist(), found.low.tolist(), found.high.tolist(), found.n_clusters.tolist(), strict=True)
    return [
        Interval(known(mean), known(low), known(high)) if units >= FEWEST_UNITS else Interval(known(mean), None, None)
        for mean, low, high, units in rows
    ]
