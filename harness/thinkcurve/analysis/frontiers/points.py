"""The points of all runs of one task, on the problems that they have in common, drawn together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from thinkcurve.analysis.basis.axes import costs_of
from thinkcurve.analysis.basis.grid import Counts, Floats, Grid, groups_of
from thinkcurve.analysis.basis.interval import n_units
from thinkcurve.analysis.basis.resample import RESAMPLES, draws, mean_over, ratio_over


@dataclass(frozen=True, eq=False)
class Entry:
    """One curve that takes part: ``run`` says where it is from, ``active_parameters`` how large its model is, and
    ``name`` what the model calls itself (`thinkcurve.backend.ModelInfo`)."""

    grid: Grid
    run: str = ""
    name: str = ""
    active_parameters: int | None = None


@dataclass(frozen=True, eq=False)
class Points:
    """N points, each one budget of one entry, on P problems that all of them have attempts on.

    ``member`` and ``place``, of shape (N,), say which entry a point is of and which budget of it. ``n_problems`` is how
    many problems the entries have in all, so that what was left out can be said. Points without any attempt are not
    among them: ``empty`` names them as (entry, place).
    """

    entries: tuple[Entry, ...]
    member: NDArray[np.int64]
    place: NDArray[np.int64]
    problems: tuple[str, ...]
    n_problems: int
    empty: tuple[tuple[int, int], ...]

    def __len__(self) -> int:
        return len(self.member)

    @cached_property
    def means(self) -> Floats:
        """Accuracy of each problem at each point, of shape (P, N)."""
        return self._columns([entry.grid.means for entry in self.entries])

    @cached_property
    def drawn(self) -> Counts:
        """Attempts of each problem at each point, of shape (P, N)."""
        return self._columns([entry.grid.drawn for entry in self.entries])

    @cached_property
    def groups(self) -> NDArray[Any] | None:
        """The outer group of each problem, as the first entry that names it tells."""
        if not self.problems:
            return None
        return groups_of([entry.grid for entry in self.entries])

    @property
    def n_units(self) -> int:
        """How many units a resample draws: outer groups where there are any, else problems."""
        return n_units(len(self.problems), self.groups)

    def of(self, entry: int) -> NDArray[np.int64]:
        """The points of an entry."""
        return np.flatnonzero(self.member == entry)

    def costs(self, axis: str) -> Floats:
        """Summed cost of each problem's attempts at each point, of shape (P, N).

        NaN throughout a point where the cost of any attempt is unknown: its mean would be one of the known part.
        """
        sums = self._columns([self._sums(entry.grid, axis) for entry in self.entries])
        return np.where(np.isnan(sums).any(axis=0), np.nan, sums)

    def accuracy(self, weights: Floats) -> Floats:
        """Accuracy of each point in resamples: weights (R, P) give (R, N)."""
        return mean_over(weights, self.means)

    def cost(self, weights: Floats, axis: str) -> Floats:
        """Mean cost of an attempt at each point in resamples, sums over sums: weights (R, P) give (R, N)."""
        return ratio_over(weights, self.costs(axis), self.drawn.astype(float))

    def resamples(self, axis: str, *, n_resamples: int = RESAMPLES, seed: int = 0) -> tuple[Floats, Floats]:
        """Costs and accuracies of all points in resamples of the common problems, both of shape (R, N)."""
        weights = list(draws(len(self.problems), groups=self.groups, n_resamples=n_resamples, seed=seed))
        costs = np.concatenate([self.cost(w, axis) for w in weights])
        return costs, np.concatenate([self.accuracy(w) for w in weights])

    @property
    def everything(self) -> Floats:
        """The weights of all problems once, of shape (1, P)."""
        return np.ones((1, len(self.problems)))

    def _columns(self, tables: Sequence[NDArray[Any]]) -> NDArray[Any]:
        if not len(self):
            return np.zeros((len(self.problems), 0))
        return np.stack([tables[m][:, b] for m, b in zip(self.member, self.place, strict=True)], axis=1)

    @staticmethod
    def _sums(grid: Grid, axis: str) -> Floats:
        """Costs summed over samples; NaN where that of an attempt is unknown."""
        costs = costs_of(grid, axis)
        return np.where(grid.is_drawn, costs, 0.0).sum(axis=2)


def points_of(entries: Sequence[Entry]) -> Points:
    """The points of entries of one task, each grid cut to the problems that every point has an attempt on.

    Raises `ValueError` for entries of several tasks.
    """
    if len({entry.grid.task for entry in entries}) > 1:
        raise ValueError("points of several tasks cannot be compared")
    filled = [np.asarray(entry.grid.drawn.any(axis=0)) for entry in entries]
    known = [_complete(entry.grid, f) for entry, f in zip(entries, filled, strict=True) if f.any()]
    common = set.intersection(*known) if known else set()
    order = [p for p in entries[0].grid.problems if p in common] if entries else []
    cut = tuple(
        Entry(_in_order(entry.grid, order), entry.run, entry.name, entry.active_parameters) for entry in entries
    )
    pairs = [(i, int(b)) for i, f in enumerate(filled) for b in np.flatnonzero(f)]
    empty = tuple((i, int(b)) for i, f in enumerate(filled) for b in np.flatnonzero(~f))
    everywhere = {p for entry in entries for p in entry.grid.problems}
    member = np.array([i for i, _ in pairs], dtype=np.int64)
    place = np.array([b for _, b in pairs], dtype=np.int64)
    return Points(cut, member, place, tuple(order), len(everywhere), empty)


def _complete(grid: Grid, budgets: NDArray[np.bool_]) -> set[str]:
    """The problems that have an attempt at each of some budgets."""
    is_there = np.asarray((grid.drawn[:, budgets] > 0).all(axis=1))
    return {problem for problem, there in zip(grid.problems, is_there, strict=True) if there}


def _in_order(grid: Grid, problems: Sequence[str]) -> Grid:
    at = {problem: i for i, problem in enumerate(grid.problems)}
    return grid.only(np.array([at[problem] for problem in problems if problem in at], dtype=np.int64))
