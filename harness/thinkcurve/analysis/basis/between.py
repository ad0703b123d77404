"""Two curves against each other over compute: the area between them, and the compute each needs for equal accuracy.

A curve is its points (log2 of mean compute, accuracy), straight lines between them. Nothing is carried beyond the
outermost points: what both spent, or both reached, is compared, and where that is nothing the answer is NaN. A point
that spent nothing has no logarithm; callers leave it out (`measured`).

Everything here works on R resamples at a time: ``x`` and ``y`` are of shape (R, B), each row a curve.
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
    found = np.where(levels <= y[:, :1], x[:, :1], np.nan)
    for j in range(x.shape[1] - 1):
        rise = y[:, j + 1 : j + 2] - y[:, j : j + 1]
        share = np.divide(levels - y[:, j : j + 1], rise, out=np.zeros_like(levels), where=rise > 0)
        is_here = np.isnan(found) & (levels > y[:, j : j + 1]) & (levels <= y[:, j + 1 : j + 2])
        found = np.where(is_here, x[:, j : j + 1] + share * (x[:, j + 1 : j + 2] - x[:, j : j + 1]), found)
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
