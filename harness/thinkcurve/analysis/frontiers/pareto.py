"""The Pareto set of points that cost something and get some accuracy, and how sure it is."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from thinkcurve.analysis.basis.grid import Floats

ROUNDING = 1e-12
"""The part of a figure by which two sums of the same numbers may differ."""


def is_undominated(costs: Floats, accuracies: Floats) -> NDArray[np.bool_]:
    """Which of N points no other beats; both arrays of shape (..., N), as is the answer.

    A point is beaten by one that costs no more and is no less accurate, and is better in one of the two. Points that
    are equal in both are both in the set. A point with an unknown (NaN) figure is not in it, and beats none.
    """
    slack = ROUNDING * np.abs(costs)
    found = ~(np.isnan(costs) | np.isnan(accuracies))
    for j in range(costs.shape[-1]):  # the pairs at once would be N^2 arrays
        cost, accuracy = costs[..., j, None], accuracies[..., j, None]
        is_no_worse = (cost <= costs + slack) & (accuracy >= accuracies - ROUNDING)
        is_better = (cost < costs - slack) | (accuracy > accuracies + ROUNDING)
        found &= ~(is_no_worse & is_better)
    return found


def membership(costs: Floats, accuracies: Floats) -> Floats:
    """The share of resamples in which each point is in the Pareto set; (R, N) arrays give (N,).

    All points of a resample must rest on the same problems, drawn once for all: then what is hard or dear for all
    alike cancels. It is the probability of *this* design finding the point undominated, so two points of equal worth
    have about one half each, and a point that is never cheaper nor better has 0. NaN where a cost is never known.
    """
    is_known = ~(np.isnan(costs) | np.isnan(accuracies))
    n = is_known.sum(axis=0)
    times = is_undominated(costs, accuracies).sum(axis=0)
    return np.divide(times, n, out=np.full(costs.shape[-1], np.nan), where=n > 0)
