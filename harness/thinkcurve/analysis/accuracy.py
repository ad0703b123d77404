"""Accuracy and its interval, with the problem as the unit: repeats of a problem are a cluster, never more data."""

from __future__ import annotations

from statistics import NormalDist
from typing import Any

import msgspec
import numpy as np
from numpy.typing import ArrayLike


class Accuracy(msgspec.Struct, frozen=True):
    """An accuracy with its interval. ``se`` is ``None`` for a single problem."""

    mean: float
    se: float | None
    ci_low: float
    ci_high: float


def accuracy(right: ArrayLike, drawn: ArrayLike, *, level: float = 0.95) -> Accuracy:
    """Mean over problems of the mean over samples, with a Wilson interval on the effective number of problems.

    ``right`` and ``drawn`` are arrays of shape (problems,): correct and all samples of each. The standard error is
    clustered by problem (Miller 2024, arXiv 2411.00640, section 2.2), with C/(C-1) as for any sample variance.
    The interval is Wilson's score interval (1927) with n = p(1-p)/se^2, as Korn and Graubard (1998) use it for
    clustered proportions, kept between the number of problems and the number of samples: it stays within 0 and 1,
    and has a width where all or none are right.
    """
    n_right = np.asarray(right, dtype=float)
    n_drawn = np.asarray(drawn, dtype=float)
    if n_right.size == 0:
        raise ValueError("accuracy of no problems is not defined")
    means: np.ndarray[Any, np.dtype[np.float64]] = n_right / n_drawn
    p = float(means.mean())
    se = float(means.std(ddof=1) / np.sqrt(means.size)) if means.size > 1 else None
    n_effective = float(means.size)
    if se:
        n_effective = min(max(p * (1 - p) / se**2, n_effective), float(n_drawn.sum()))
    low, high = wilson(p, n_effective, level=level)
    return Accuracy(p, se, low, high)


def wilson(p: float, n: float, *, level: float = 0.95) -> tuple[float, float]:
    """Wilson's score interval for a proportion ``p`` of ``n`` (not necessarily whole) independent trials.

    Wilson, JASA 22 (1927) 209-212; recommended for small n by Brown, Cai and DasGupta 2001.
    """
    z = NormalDist().inv_cdf((1 + level) / 2)
    centre = (p + z * z / (2 * n)) / (1 + z * z / n)
    half = z * ((p * (1 - p) / n + z * z / (4 * n * n)) ** 0.5) / (1 + z * z / n)
    # where all or none are right one end is p itself; rounding must not put it on the wrong side
    return min(max(0.0, centre - half), p), max(min(1.0, centre + half), p)
