"""The ascending concave hull of points of cost and value: what a lot between two options reaches at a mean cost."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from thinkcurve.analysis.basis.grid import Counts, Floats

MOST_PRICES = 512
"""Prices at which a frontier is held. Where there are more corners, some are left out, and the frontier between the
others is a tangent above it, never below."""
SLACK = 1e-12
"""The part of a cost by which two sums of the same numbers may differ."""


@dataclass(frozen=True, eq=False)
class Hulls:
    """R hulls at once: corners by ascending cost and value, both of shape (R, n), the first ``n_corners`` (R,) of each.

    Behind them stand infinite costs. Past its last corner a hull is level.
    """

    costs: Floats
    values: Floats
    n_corners: Counts

    @classmethod
    def of(cls, values: Floats, costs: Floats) -> Hulls:
        """The hulls of n points each, of shape (R, n), all known: Andrew's monotone chain, all rows at once."""
        by_value = np.argsort(-values, axis=1, kind="stable")
        order = np.take_along_axis(
            by_value, np.argsort(np.take_along_axis(costs, by_value, axis=1), axis=1, kind="stable"), axis=1
        )
        x, y = np.take_along_axis(costs, order, axis=1), np.take_along_axis(values, order, axis=1)
        n_rows, n = x.shape
        cs, vs = np.full((n_rows, n), np.inf), np.zeros((n_rows, n))
        top = np.zeros(n_rows, dtype=np.int64)
        rows = np.arange(n_rows)
        for j in range(n):
            left = rows[(top == 0) | (y[:, j] > vs[rows, top - 1])]  # what costs more and is worth no more is no corner
            more = left
            while more.size:
                more = more[top[more] > 1]
                more = more[_is_below(cs, vs, top, more, x[more, j], y[more, j])]
                top[more] -= 1
                cs[more, top[more]] = np.inf
            cs[left, top[left]], vs[left, top[left]] = x[left, j], y[left, j]
            top[left] += 1
        return cls(cs, vs, top)

    def value_at(self, at: Floats) -> Floats:
        """The most value at mean cost ``at``, of shape (R, K), as is the result; NaN below the first corner."""
        found = np.empty(at.shape)
        rows, last = np.arange(len(self.costs)), self.n_corners - 1
        for i, cost in enumerate(at.T):
            n_within = (self.costs <= (cost + SLACK * np.abs(cost))[:, None]).sum(axis=1)
            low = np.maximum(n_within - 1, 0)
            high = np.minimum(low + 1, last)
            gap = self.costs[rows, high] - self.costs[rows, low]
            share = np.divide(cost - self.costs[rows, low], gap, out=np.zeros(len(cost)), where=gap > 0)
            rise = self.values[rows, high] - self.values[rows, low]
            value = self.values[rows, low] + np.clip(share, 0.0, 1.0) * rise
            found[:, i] = np.where(n_within > 0, value, np.nan)
        return found

    def slopes(self) -> Floats:
        """The slopes of all edges of all hulls, flat."""
        is_edge = np.arange(1, self.costs.shape[1])[None, :] < self.n_corners[:, None]
        run = np.where(is_edge, self.costs[:, 1:], 1.0) - np.where(is_edge, self.costs[:, :-1], 0.0)
        return ((self.values[:, 1:] - self.values[:, :-1])[is_edge]) / run[is_edge]


def _is_below(cs: Floats, vs: Floats, top: Counts, rows: Counts, x: Floats, y: Floats) -> NDArray[np.bool_]:
    """Whether the last corner of a row lies on or below the line from the corner before it to the point (x, y)."""
    c0, v0 = cs[rows, top[rows] - 2], vs[rows, top[rows] - 2]
    c1, v1 = cs[rows, top[rows] - 1], vs[rows, top[rows] - 1]
    return np.asarray((v1 - v0) * (x - c1) <= (y - v1) * (c1 - c0))


def blind_at(values: Floats, costs: Floats, at: Floats) -> Floats:
    """The best mean value of a blind choice that costs ``at`` or less, by lot between two options where need be.

    ``values`` and ``costs`` of shape (R, n) are mean value and mean cost of each option, ``at`` is (R, K), and so is
    the result. NaN where even the cheapest costs more.
    """
    return Hulls.of(values, costs).value_at(at)


def hull_prices(values: Floats, costs: Floats) -> Floats:
    """The prices at which some problem changes its option: slopes of each problem's hull, ascending, with 0.

    ``values`` and ``costs`` are of shape (P, n). At most `MOST_PRICES` + 1, spread over their ranks.
    """
    prices = np.unique(np.append(Hulls.of(values, costs).slopes(), 0.0))
    if len(prices) > MOST_PRICES:
        prices = np.unique(prices[np.linspace(0, len(prices) - 1, MOST_PRICES).round().astype(int)])
    return prices
