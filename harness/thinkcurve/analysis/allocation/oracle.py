"""The same budget for all against the best budget for each: what could be won by allocating tokens.

Problems choose among n options (the budgets of a ladder, or the steps of a router's menu), each with a value (share
correct) and a cost. *Blind*: the choice does not look at the problem, but may be drawn by lot between two options.
*Oracle*: each problem gets the option that is best for it at a price ``l`` of cost, the maximum of value - l cost; the
frontier over all l is the concave hull of what any assignment reaches (Everett 1963, Operations Research 11:399-417;
for language models Damani et al. 2024, arXiv 2410.04707). With the answers themselves as values this is hindsight: no
router can reach it. With values from other samples of the same problems (`Planned`) it is what knowing each problem's
chances would give.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from thinkcurve.analysis.allocation.hull import hull_prices
from thinkcurve.analysis.basis.grid import Floats
from thinkcurve.analysis.basis.resample import mean_over


@dataclass(frozen=True, eq=False)
class Oracle:
    """The frontier of the best option for each problem, by its dual: exact at every cost, and a product of matrices.

    ``prices`` of shape (L,), ``surplus`` of shape (P, L): the most value - price x cost of each problem. The mean value
    at mean cost c is the minimum over prices of mean surplus + price x c (linear programming duality).
    """

    prices: Floats
    surplus: Floats
    cheapest: Floats

    @classmethod
    def of(cls, values: Floats, costs: Floats) -> Oracle:
        """The oracle of values and costs of shape (P, n), all known."""
        prices = hull_prices(values, costs)
        surplus = np.full((len(values), len(prices)), -np.inf)
        for v, c in zip(values.T, costs.T, strict=True):
            surplus = np.maximum(surplus, v[:, None] - prices * c[:, None])
        return cls(prices, surplus, costs.min(axis=1))

    def value_at(self, weights: Floats, at: Floats) -> Floats:
        """The most mean value at mean cost ``at``, both of shape (R, K), of problems by ``weights`` (R, P)."""
        surplus = mean_over(weights, self.surplus)
        columns = [(surplus + self.prices * cost[:, None]).min(axis=1) for cost in at.T]
        found = np.stack(columns, axis=1)
        return np.where(at < mean_over(weights, self.cheapest[:, None]) * (1 - 1e-12), np.nan, found)

    def cost_at(self, weights: Floats, value: Floats) -> Floats:
        """The least mean cost of mean value ``value``, both (R, K): no less than what everybody's cheapest costs.

        Meaningless for values that no assignment reaches.
        """
        surplus = mean_over(weights, self.surplus)[:, 1:]
        least = mean_over(weights, self.cheapest[:, None])
        if surplus.shape[1] == 0:
            return np.broadcast_to(least, value.shape).copy()
        columns = [((aim[:, None] - surplus) / self.prices[1:]).max(axis=1) for aim in value.T]
        return np.maximum(np.stack(columns, axis=1), least)


@dataclass(frozen=True, eq=False)
class Planned:
    """The oracle's choices by some samples, valued by others: ``values`` and ``costs`` of shape (P, L), one price each.

    Costs fall from left to right.
    """

    values: Floats
    costs: Floats

    @classmethod
    def of(cls, halves: Iterable[tuple[Floats, Floats, Floats, Floats]], n_prices: int = 64) -> Planned | None:
        """Means over splits of (values and costs that choose, values and costs that judge), each of shape (P, n).

        ``None`` for no splits. The prices are those of the first, spread over at most ``n_prices``.
        """
        prices: Floats | None = None
        values, costs, n = np.zeros(0), np.zeros(0), 0
        for chooser, chooser_costs, judge, judge_costs in halves:
            if prices is None:
                found = hull_prices(chooser, chooser_costs)
                dearest = found[-1] * 2 + 1e-300  # at which each takes its cheapest
                places = np.linspace(0, len(found) - 1, min(n_prices, len(found))).astype(int)
                prices = np.append(found[places] * (1 + 1e-9), dearest)  # ties go to the cheaper
                values = costs = np.zeros((len(chooser), len(prices)))
            chosen = _choices(chooser, chooser_costs, prices)
            values = values + np.take_along_axis(judge, chosen, axis=1)
            costs = costs + np.take_along_axis(judge_costs, chosen, axis=1)
            n += 1
        return cls(values / n, costs / n) if n else None

    def value_at(self, weights: Floats, at: Floats) -> Floats:
        """Mean value at mean cost ``at``, both (R, K), straight between neighbouring prices.

        Above the dearest it stays; NaN below the cheapest.
        """
        values = mean_over(weights, self.values)[:, ::-1]
        costs = np.maximum.accumulate(mean_over(weights, self.costs)[:, ::-1], axis=1)
        rows = np.arange(len(weights))
        columns = []
        for cost in at.T:
            n_within = (costs <= cost[:, None] * (1 + 1e-12)).sum(axis=1)
            low = np.maximum(n_within - 1, 0)
            high = np.minimum(low + 1, costs.shape[1] - 1)
            gap = costs[rows, high] - costs[rows, low]
            share = np.divide(cost - costs[rows, low], gap, out=np.zeros(len(cost)), where=gap > 0)
            mixed = values[rows, low] + np.clip(share, 0, 1) * (values[rows, high] - values[rows, low])
            columns.append(np.where(n_within > 0, mixed, np.nan))
        return np.stack(columns, axis=1)


def _choices(values: Floats, costs: Floats, prices: Floats) -> np.ndarray:
    """The place of each problem's best option at each price, of shape (P, L); the cheapest of equals."""
    order = np.argsort(costs, axis=1, kind="stable")
    v, c = np.take_along_axis(values, order, axis=1), np.take_along_axis(costs, order, axis=1)
    best = np.stack([(v - price * c).argmax(axis=1) for price in prices], axis=1)
    return np.take_along_axis(order, best, axis=1)


def efficiency(value: Floats, blind: Floats, oracle: Floats) -> Floats:
    """(value - blind) / (oracle - blind) at equal cost: 0 is no better than looking away, 1 is hindsight.

    NaN where the oracle wins nothing.
    """
    room = oracle - blind
    return np.divide(value - blind, room, out=np.full(np.shape(room), np.nan), where=room > 1e-12)
