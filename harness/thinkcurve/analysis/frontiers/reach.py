"""Between the points of a ladder: accuracy at a cost, and the cost of an accuracy. Never beyond the ladder.

Accuracy runs straight over the logarithm of cost from point to point (compute is read by doublings), and over cost
itself next to a point that cost nothing.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from thinkcurve.analysis.basis.grid import Floats

EDGE = 1e-9
"""The part of a cost by which a cost asked for may lie outside the ladder, for rounding."""


def accuracy_at(costs: Floats, accuracies: Floats, at: Floats) -> Floats:
    """The accuracy of R curves of B points at K costs: two arrays of shape (R, B) and one of shape (K,) give (R, K).

    Points may stand in any order; unknown ones (NaN) are passed over. NaN where a cost is out of a curve's range.
    """
    x, y, n = _in_order(costs, accuracies)
    rows = np.arange(len(x))
    last = np.maximum(n - 1, 0)
    found = np.full((len(x), len(at)), np.nan)
    for k, asked in enumerate(at):
        slack = EDGE * abs(asked)
        is_within = (n > 0) & (x[:, 0] <= asked + slack) & (x[rows, last] >= asked - slack)
        below = np.clip((x <= asked).sum(axis=1) - 1, 0, last)
        above = np.minimum(below + 1, last)
        part = _part(np.full(len(x), asked), x[rows, below], x[rows, above])
        value = y[rows, below] + part * (y[rows, above] - y[rows, below])
        found[:, k] = np.where(is_within, value, np.nan)
    return found


def cost_to_reach(costs: Floats, accuracies: Floats, targets: Floats) -> Floats:
    """The least cost at which R curves reach K accuracies; shapes as for `accuracy_at`.

    It is the cost of the cheapest point where that is there already (so an upper bound), infinite where no point
    reaches the target, NaN where no point is known. As the first crossing counts, a ragged curve crosses early: read
    the interval.
    """
    x, y, n = _in_order(costs, accuracies)
    rows = np.arange(len(x))
    found = np.empty((len(x), len(targets)))
    for k, target in enumerate(targets):
        is_there = y >= target - EDGE  # False where NaN
        first = is_there.argmax(axis=1)
        before = np.maximum(first - 1, 0)
        low, high = y[rows, before], y[rows, first]
        part = np.divide(target - low, high - low, out=np.ones(len(x)), where=(first > 0) & (high > low))
        cost = _between(x[rows, before], x[rows, first], np.clip(part, 0, 1))
        cost = np.where(first == 0, x[:, 0], cost)
        found[:, k] = np.where(n == 0, np.nan, np.where(is_there.any(axis=1), cost, np.inf))
    return found


def _in_order(costs: Floats, accuracies: Floats) -> tuple[Floats, Floats, NDArray[np.int64]]:
    """Points by cost, NaN last, and how many are known in each row."""
    x = np.where(np.isnan(accuracies), np.nan, costs)
    order = np.argsort(x, axis=1, kind="stable")
    x = np.take_along_axis(x, order, axis=1)
    return x, np.take_along_axis(accuracies, order, axis=1), (~np.isnan(x)).sum(axis=1)


def _part(at: Floats, low: Floats, high: Floats) -> Floats:
    """How far ``at`` lies from ``low`` to ``high``, in logarithms where ``low`` is above 0; 0 where they are equal."""
    is_log = (low > 0) & (high > low) & (at > 0)
    above = np.log(np.divide(at, low, out=np.ones_like(at), where=is_log))
    below = np.log(np.divide(high, low, out=np.full_like(at, np.e), where=is_log))
    straight = np.divide(at - low, high - low, out=np.zeros_like(at), where=high > low)
    return np.clip(np.where(is_log, above / below, straight), 0, 1)


def _between(low: Floats, high: Floats, part: Floats) -> Floats:
    """The inverse of `_part`."""
    is_log = low > 0
    ratio = np.divide(high, low, out=np.ones_like(low), where=is_log)
    return np.where(is_log, low * ratio**part, low + part * (high - low))
