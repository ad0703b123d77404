"""Between the points of a curve: accuracy at a cost, the cost of an accuracy, and two curves against each other.

A curve is its points, accuracy running straight over the logarithm of cost between them (compute is read by doublings),
and over cost itself next to a point that cost nothing. Nothing is carried beyond the outermost points: there the answer
is NaN. What an accuracy costs has one rule everywhere: the curve is first made the nearest one that never falls
(`rising`), and the least cost that reaches the accuracy counts.

Everything here works on R resamples at a time: costs (``x``, log2 of them where it says so) and accuracies (``y``) are
of shape (R, B), each row a curve.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from thinkcurve.analysis.basis.grid import Floats
from thinkcurve.analysis.basis.resample import mean_over, ratio_over

LEVELS = 64
"""Accuracies, evenly spaced over what both reach, at which compute is compared and averaged."""
SAME = 1e-9
"""What rounding may take from an accuracy, or the part of a cost by which one may lie outside of a ladder."""
BEYOND = 2.0
"""Stands for an accuracy that is not known, at the end of a row: no mean with it is less than one without."""
Places = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Measured:
    """Attempts of P problems at B budgets, all with a known mean compute above 0.

    ``means`` are the accuracies of each problem, ``costs`` sums of compute and ``counts`` numbers of attempts, all of
    shape (P, B), NaN or 0 where there is no attempt.
    """

    means: Floats
    costs: Floats
    counts: Floats

    def curve(self, weights: Floats) -> tuple[Floats, Floats]:
        """log2 of compute and accuracy, of shape (R, B), compute ascending, for weights of shape (R, P)."""
        compute = ratio_over(weights, self.costs, self.counts)
        x = np.log2(np.where(compute > 0, compute, np.nan))
        y = mean_over(weights, self.means)
        order = np.argsort(x, axis=1, kind="stable")
        return np.take_along_axis(x, order, axis=1), np.take_along_axis(y, order, axis=1)


def measured(means: Floats, costs: Floats, is_drawn: NDArray[np.bool_]) -> tuple[Measured, NDArray[np.bool_]]:
    """The budgets whose mean compute is known and above 0, and which these are (a mask of shape (B,)).

    ``means`` is of shape (P, B); ``costs`` and ``is_drawn`` are of shape (P, B, S), one attempt each. A budget with one
    attempt of unknown compute is left out: a mean over the known part would flatter.
    """
    counts = is_drawn.sum(axis=2).astype(float)
    sums = np.where(is_drawn, costs, 0.0).sum(axis=2)  # NaN where any is unknown
    is_fit = ~np.isnan(sums).any(axis=0) & (np.nan_to_num(sums).sum(axis=0) > 0)
    return Measured(means[:, is_fit], sums[:, is_fit], counts[:, is_fit]), is_fit


def area_between(base: tuple[Floats, Floats], new: tuple[Floats, Floats]) -> Floats:
    """The mean difference in accuracy, new minus base, over the log of the compute that both spent, of shape (R,).

    The area between the curves over log2 compute divided by the width of their common range: exact, by trapezia
    between all knots of both. NaN where there is no such range.
    """
    low = np.maximum(base[0][:, :1], new[0][:, :1])
    high = np.minimum(base[0][:, -1:], new[0][:, -1:])
    knots = np.sort(np.clip(np.hstack([base[0], new[0]]), low, high), axis=1)
    gap = interpolate(knots, *new) - interpolate(knots, *base)
    area = ((gap[:, 1:] + gap[:, :-1]) / 2 * np.diff(knots, axis=1)).sum(axis=1)
    width = (high - low)[:, 0]
    return np.divide(area, width, out=np.full(width.shape, np.nan), where=width > SAME)


def log_ratio(base: tuple[Floats, Floats], new: tuple[Floats, Floats]) -> Floats:
    """log2 of the compute that new needs over that of base, the mean over all accuracies that both reach; (R,).

    Both curves are made to rise first (`rising`): what an accuracy needs is the least compute that reaches it. NaN
    where there is no range of accuracies that both reach.
    """
    risen = rising(base[1]), rising(new[1])
    low = np.maximum(risen[0][:, :1], risen[1][:, :1])
    high = np.minimum(risen[0][:, -1:], risen[1][:, -1:])
    levels = low + (high - low) * (np.arange(LEVELS) + 0.5) / LEVELS
    found = (compute_for(levels, new[0], risen[1]) - compute_for(levels, base[0], risen[0])).mean(axis=1)
    return np.where((high - low)[:, 0] > SAME, found, np.nan)


def common_accuracies(base: tuple[Floats, Floats], new: tuple[Floats, Floats]) -> tuple[float, float] | None:
    """The lowest and highest accuracy that both of two single curves reach, ``None`` where there is no range."""
    risen = rising(base[1])[0], rising(new[1])[0]
    low, high = max(risen[0][0], risen[1][0]), min(risen[0][-1], risen[1][-1])
    return (float(low), float(high)) if high - low > SAME else None


def rising(y: Floats) -> Floats:
    """The nearest curve that never falls: isotonic least squares, each row of shape (R, B) by itself.

    The max-min formula (Robertson, Wright and Dykstra 1988, Order Restricted Statistical Inference, theorem 1.4.4):
    equal weights, as all points of a curve rest on the same problems.
    """
    n = y.shape[1]
    sums = np.concatenate([np.zeros((len(y), 1)), np.cumsum(y, axis=1)], axis=1)
    start, end = np.arange(n)[:, None], np.arange(n)[None, :]
    means = (sums[:, None, 1:] - sums[:, :-1, None]) / np.maximum(end - start + 1, 1)
    means = np.where(end >= start, means, np.inf)
    least = np.minimum.accumulate(means[:, :, ::-1], axis=2)[:, :, ::-1]  # over ends from j on
    least = np.where(end >= start, least, -np.inf)
    return least.max(axis=1)  # over starts up to j


def compute_for(levels: Floats, x: Floats, y: Floats) -> Floats:
    """The least x at which a rising y reaches each level, of shape (R, M); NaN where it never does.

    A level below the first point needs no more than that point.
    """
    before, first, part, is_reached = _crossing(levels, y)
    low, high = (np.take_along_axis(x, at, axis=1) for at in (before, first))
    return np.where(is_reached, low + part * (high - low), np.nan)


def cost_to_reach(costs: Floats, accuracies: Floats, targets: Floats) -> Floats:
    """The least cost at which R curves, made to rise, reach K accuracies: (R, B), (R, B) and (K,) give (R, K).

    Points may stand in any order; unknown ones (NaN) are passed over. It is the cost of the cheapest point where that
    is there already (so an upper bound), infinite where no point reaches the target, NaN where no point is known.
    """
    x, y, n = _in_order(costs, accuracies)
    is_known = np.arange(y.shape[1]) < n[:, None]
    risen = np.where(is_known, rising(np.where(is_known, y, BEYOND)), np.nan)
    before, first, part, is_reached = _crossing(np.broadcast_to(targets, (len(y), len(targets))), risen)
    low, high = (np.take_along_axis(np.nan_to_num(x), at, axis=1) for at in (before, first))
    return np.where(n[:, None] == 0, np.nan, np.where(is_reached, _between(low, high, part), np.inf))


def accuracy_at(costs: Floats, accuracies: Floats, at: Floats) -> Floats:
    """The accuracy of R curves of B points at K costs: two arrays of shape (R, B) and one of shape (K,) give (R, K).

    Points may stand in any order; unknown ones (NaN) are passed over. NaN where a cost is out of a curve's range.
    """
    x, y, n = _in_order(costs, accuracies)
    rows = np.arange(len(x))
    last = np.maximum(n - 1, 0)
    found = np.full((len(x), len(at)), np.nan)
    for k, asked in enumerate(at):
        slack = SAME * abs(asked)
        is_within = (n > 0) & (x[:, 0] <= asked + slack) & (x[rows, last] >= asked - slack)
        below = np.clip((x <= asked).sum(axis=1) - 1, 0, last)
        above = np.minimum(below + 1, last)
        part = _part(np.full(len(x), asked), x[rows, below], x[rows, above])
        value = y[rows, below] + part * (y[rows, above] - y[rows, below])
        found[:, k] = np.where(is_within, value, np.nan)
    return found


def interpolate(at: Floats, x: Floats, y: Floats) -> Floats:
    """y on the lines between points with ascending x, at places of shape (R, M); NaN outside of them."""
    found = np.where(at == x[:, :1], y[:, :1], np.nan)
    for j in range(x.shape[1] - 1):
        left, right = x[:, j : j + 1], x[:, j + 1 : j + 2]
        width = right - left
        share = np.divide(at - left, width, out=np.zeros_like(at), where=width > 0)
        line = y[:, j : j + 1] * (1 - share) + y[:, j + 1 : j + 2] * share
        found = np.where((width > 0) & (at >= left) & (at <= right), line, found)
    return found


def _crossing(levels: Floats, y: Floats) -> tuple[Places, Places, Floats, NDArray[np.bool_]]:
    """Where rising curves (R, B), NaN last, reach levels (R, M): the point before, the first that is there (the same
    where that is the first of all), how far between them, and whether it is reached at all."""
    is_there = y[:, None, :] >= levels[:, :, None] - SAME  # False where NaN
    first, is_reached = is_there.argmax(axis=2), np.asarray(is_there.any(axis=2))
    before = np.maximum(first - 1, 0)
    low, high = (np.take_along_axis(y, at, axis=1) for at in (before, first))
    part = np.divide(levels - low, high - low, out=np.ones(levels.shape), where=high > low)
    return before, first, np.clip(part, 0, 1), is_reached


def _in_order(costs: Floats, accuracies: Floats) -> tuple[Floats, Floats, Places]:
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
