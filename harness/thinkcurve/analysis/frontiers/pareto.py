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
    are equal in both are both in the set. A point with an unknown (NaN) figure is not in it, and beats none. One sort
    by cost and running maxima (Kung, Luccio and Preparata 1975, JACM 22:469-476): N log N.
    """
    is_known = ~(np.isnan(costs) | np.isnan(accuracies))
    if not is_known.size:
        return is_known
    cost, accuracy = np.where(is_known, costs, 0.0), np.where(is_known, accuracies, -np.inf)
    order = np.argsort(cost, axis=-1, kind="stable")
    cost, accuracy = (np.take_along_axis(figures, order, axis=-1) for figures in (cost, accuracy))
    first, last = _ends_of_ties(cost)
    best = np.maximum.accumulate(accuracy, axis=-1)
    best_as_cheap = np.take_along_axis(best, last, axis=-1)
    cheaper = np.take_along_axis(best, np.maximum(first - 1, 0), axis=-1)
    best_cheaper = np.where(first > 0, cheaper, -np.inf)
    is_beaten = (best_as_cheap > accuracy + ROUNDING) | (best_cheaper >= accuracy - ROUNDING)
    found = np.empty_like(is_known)
    np.put_along_axis(found, order, ~is_beaten, axis=-1)
    return found & is_known


def _ends_of_ties(cost: Floats) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The first and the last place of the run of equal costs that each place is in; costs ascend, shape (..., N)."""
    n = cost.shape[-1]
    places = np.broadcast_to(np.arange(n), cost.shape)
    is_step = np.diff(cost, axis=-1) > ROUNDING * np.abs(cost[..., 1:])
    edge = np.ones((*cost.shape[:-1], 1), dtype=bool)
    first = np.maximum.accumulate(np.where(np.concatenate([edge, is_step], axis=-1), places, 0), axis=-1)
    ends = np.where(np.concatenate([is_step, edge], axis=-1), places, n - 1)
    return first, np.flip(np.minimum.accumulate(np.flip(ends, axis=-1), axis=-1), axis=-1)


def membership(costs: Floats, accuracies: Floats) -> Floats:
    """The share of resamples in which each point is in the Pareto set; (R, N) arrays give (N,).

    All points of a resample must rest on the same problems, drawn once for all: then what is hard or dear for all
    alike cancels. Two points of equal worth have about one half each, and a point that is never cheaper nor better has
    0. It is no chance of being on the true frontier: of few problems low shares say too little (docs/statistics.md).
    NaN where a cost is never known.
    """
    is_known = ~(np.isnan(costs) | np.isnan(accuracies))
    n = is_known.sum(axis=0)
    times = is_undominated(costs, accuracies).sum(axis=0)
    return np.divide(times, n, out=np.full(costs.shape[-1], np.nan), where=n > 0)
