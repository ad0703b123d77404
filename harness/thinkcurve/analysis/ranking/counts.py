"""A curve by problem, as counts and sums: all that a ranking needs of a run, and small enough to keep."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

import msgspec
import numpy as np
from numpy.typing import NDArray

from thinkcurve.analysis.basis.axes import AXES, costs_of
from thinkcurve.analysis.basis.grid import Floats, Grid


class Counts(msgspec.Struct, frozen=True, dict=True):
    """P problems at B budgets: ``right`` and ``drawn`` attempts, and sums of the ``costs`` of attempts alone by axis.

    Each is P rows of B. An axis on which nothing is known is left out; where the cost of an attempt is unknown the sum
    is ``None``. ``groups`` names the outer cluster of each problem, where there are as many as
    `thinkcurve.analysis.basis.grid.outer_groups` asks for; one without a name is a cluster of its own.
    """

    problems: tuple[str, ...]
    budgets: tuple[int | None, ...]
    right: tuple[tuple[int, ...], ...]
    drawn: tuple[tuple[int, ...], ...]
    costs: dict[str, tuple[tuple[float | None, ...], ...]]
    groups: tuple[str | None, ...] | None = None

    @cached_property
    def n(self) -> Floats:
        """Attempts, of shape (P, B)."""
        return np.array(self.drawn, dtype=float).reshape(len(self.problems), len(self.budgets))

    @cached_property
    def means(self) -> Floats:
        """Accuracy of each problem at each budget, of shape (P, B); NaN where there is no attempt."""
        right = np.array(self.right, dtype=float).reshape(self.n.shape)
        return np.divide(right, self.n, out=np.full(right.shape, np.nan), where=self.n > 0)

    def sums(self, axis: str) -> Floats:
        """Costs of each problem's attempts, of shape (P, B); NaN where any of them is unknown."""
        if axis not in self._sums:
            known = self.costs.get(axis)
            self._sums[axis] = np.full(self.n.shape, np.nan) if known is None else np.array(known, dtype=float)
        return self._sums[axis].reshape(self.n.shape)

    @cached_property
    def _sums(self) -> dict[str, Floats]:
        """What `sums` gave, by axis."""
        return {}

    @cached_property
    def clusters(self) -> NDArray[np.int64] | None:
        """The outer cluster of each problem as a number, of shape (P,)."""
        return None if self.groups is None else numbered(self.groups)

    def at(self, axis: str) -> Floats:
        """The mean cost of an attempt at each budget, of shape (B,); NaN where any is unknown."""
        n = self.n.sum(axis=0)
        return np.divide(self.sums(axis).sum(axis=0), n, out=np.full(n.shape, np.nan), where=n > 0)


def numbered(names: Sequence[str | None]) -> NDArray[np.int64]:
    """A number for each name, of shape (P,); each ``None`` is one of its own."""
    keys: dict[object, int] = {}
    return np.array([keys.setdefault(name or (i,), len(keys)) for i, name in enumerate(names)], dtype=np.int64)


def counts_of(grid: Grid) -> Counts:
    """The counts of a grid."""
    costs = {axis: _sums(grid, axis) for axis in AXES}
    return Counts(
        grid.problems,
        grid.budgets,
        tuple(map(tuple, grid.right.tolist())),
        tuple(map(tuple, grid.drawn.tolist())),
        {axis: table for axis, table in costs.items() if table is not None},
        _groups(grid),
    )


def _groups(grid: Grid) -> tuple[str | None, ...] | None:
    named = grid.named_groups
    if grid.groups is None or named is None:
        return None
    return tuple(name if isinstance(name, str) else None for name in named)


def _sums(grid: Grid, axis: str) -> tuple[tuple[float | None, ...], ...] | None:
    sums = np.where(grid.is_drawn, costs_of(grid, axis), 0.0).sum(axis=2)
    if np.isnan(sums).any(axis=0).all():
        return None
    return tuple(tuple(None if np.isnan(x) else float(x) for x in row) for row in sums)
