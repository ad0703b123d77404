"""How a router chooses at a price of cost: one cascade for all problems, or a step for each level."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from thinkcurve.analysis.allocation.cascades import cascades_of, run_cascade
from thinkcurve.analysis.allocation.menu import LEVEL, Menu
from thinkcurve.analysis.basis.grid import Counts, Floats


class Chooser(Protocol):
    """Chooses among options: ``value`` and ``cost`` of each for each problem, both of shape (P, n)."""

    value: Floats
    cost: Floats

    def picked(self, train: NDArray[np.bool_], prices: Floats) -> Counts:
        """The option that every problem gets at each price by what the training problems tell, of shape (P, L)."""
        ...

    def named(self, prices: Floats) -> list[dict[str, Any]]:
        """What all problems together choose at each price, as fields of a router's point."""
        ...


def chooser_of(menu: Menu) -> Chooser:
    """By level where levels are the signal, else by cascade."""
    return ByLevel(menu) if menu.signal_name == LEVEL else ByCascade(menu)


class ByCascade:
    """Chooses the cascade of the largest mean value - price x cost; of equals the cheapest, then the shortest."""

    def __init__(self, menu: Menu) -> None:
        self.cascades = cascades_of(menu)
        outcomes = [run_cascade(menu, cascade) for cascade in self.cascades]
        self.value = np.stack([v for v, _ in outcomes], axis=1)
        self.cost = np.stack([c for _, c in outcomes], axis=1)

    def picked(self, train: NDArray[np.bool_], prices: Floats) -> Counts:
        """The place of the cascade, the same for all problems, of shape (P, L)."""
        best = _argbest(self.value[train], self.cost[train], prices)
        return np.broadcast_to(best, (len(self.value), len(prices)))

    def named(self, prices: Floats) -> list[dict[str, Any]]:
        """The cascade of all problems at each price."""
        best = self.picked(np.ones(len(self.value), dtype=bool), prices)[0]
        return [{"cascade": self.cascades[i]} for i in best]


class ByLevel:
    """Chooses a step for each level; a level that no problem of the training fold has gets what is best for all."""

    def __init__(self, menu: Menu) -> None:
        self.value, self.cost = menu.value.mean(axis=1), menu.cost.mean(axis=1)
        levels = np.zeros(len(self.value), dtype=object) if menu.levels is None else menu.levels
        self.names = sorted({_level_name(level) for level in levels}, key=_rank)
        self.level = np.array([self.names.index(_level_name(level)) for level in levels])

    def picked(self, train: NDArray[np.bool_], prices: Floats) -> Counts:
        """The place of the step of each problem's level, of shape (P, L)."""
        return self._best(train, prices)[self.level]

    def named(self, prices: Floats) -> list[dict[str, Any]]:
        """The step of each level at each price."""
        best = self._best(np.ones(len(self.value), dtype=bool), prices)
        return [{"by_level": {name: int(best[i, p]) for i, name in enumerate(self.names)}} for p in range(len(prices))]

    def _best(self, train: NDArray[np.bool_], prices: Floats) -> Counts:
        """The step of each level at each price, of shape (levels, L)."""
        rows = []
        for i in range(len(self.names)):
            own = train & (self.level == i)
            own = own if own.any() else train
            rows.append(_argbest(self.value[own], self.cost[own], prices))
        return np.stack(rows)


def _level_name(level: object) -> str:
    if level is None or level != level:
        return "none"
    return str(int(level)) if isinstance(level, float) and level.is_integer() else str(level)


def _rank(name: str) -> tuple[bool, int, str]:
    """Numbers by size, then words."""
    return (False, int(name), "") if name.isdecimal() else (True, 0, name)


def _argbest(values: Floats, costs: Floats, prices: Floats) -> Counts:
    """The place of the option of the most worth at each price, of shape (L,); of equals (to rounding) the cheapest."""
    value, cost = values.mean(axis=0), costs.mean(axis=0)
    order = np.argsort(cost, kind="stable")
    ordered = (value[None, :] - prices[:, None] * cost[None, :])[:, order]
    best = ordered.max(axis=1, keepdims=True)
    return order[(ordered >= best - 1e-12 * np.maximum(1.0, np.abs(best))).argmax(axis=1)]
