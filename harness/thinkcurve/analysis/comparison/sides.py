"""The two curves of a comparison, brought in line: their common problems, budgets and samples, and what was left out.

Where both runs drew sample s of a problem by the same seed samples are paired: those of one run only are left out, and
those whose partner failed. Each is counted.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from thinkcurve.analysis.basis.grid import Floats, Grid
from thinkcurve.budget import Budget, Control, budget_key
from thinkcurve.columns import digests_of


@dataclass(frozen=True, eq=False)
class Side:
    """The attempts of one curve at the common problems: a `Grid`, and which cells of it count, of shape (P, B, S)."""

    grid: Grid
    is_drawn: NDArray[np.bool_]

    @property
    def means(self) -> Floats:
        """The mean over samples of each problem, of shape (P, B); NaN where there is none."""
        n = self.is_drawn.sum(axis=2)
        right = (self.grid.is_correct & self.is_drawn).sum(axis=2)
        return np.divide(right, n, out=np.full(n.shape, np.nan), where=n > 0)

    def at(self, places: list[int]) -> Side:
        """The side at some of its budgets."""
        grid = self.grid
        budgets = tuple(grid.budgets[i] for i in places)
        few = replace(grid, budgets=budgets, verdicts=grid.verdicts[:, places], rows=grid.rows[:, places])
        return Side(few, self.is_drawn[:, places])


@dataclass(frozen=True, eq=False)
class Sides:
    """Base and new over the same problems in one order.

    ``places`` are those of the common ``budgets`` in each side's grid. ``is_paired`` says that sample s had one seed in
    both; then ``n_dropped`` attempts at the common budgets are left out as their partner failed, and ``n_unpaired`` as
    the other run has no sample of their number at all.
    """

    base: Side
    new: Side
    problems: tuple[str, ...]
    budgets: tuple[Budget, ...]
    places: tuple[list[int], list[int]]
    is_paired: bool
    n_dropped: int
    n_unpaired: int

    @property
    def both(self) -> tuple[Side, Side]:
        """Base and new."""
        return self.base, self.new

    @property
    def means(self) -> tuple[Floats, Floats]:
        """The means of each side's problems at the common budgets, of shape (P, B)."""
        return self.base.means[:, self.places[0]], self.new.means[:, self.places[1]]

    def of_ladder(self) -> tuple[Side, Side]:
        """The sides at their common budgets, where there are two: straight lines between the points of two ladders
        differ even where the models do not."""
        if len(self.budgets) < 2:
            return self.both
        return self.base.at(self.places[0]), self.new.at(self.places[1])


def sides_of(base: Grid, new: Grid, *, is_same_seed: bool = False) -> Sides:
    """Two curves brought in line. Raises `ValueError` where they have no problem in common."""
    theirs = set(new.problems)
    common = tuple(problem for problem in base.problems if problem in theirs)
    if not common:
        raise ValueError("curves without a common problem cannot be compared")
    grids = _only(base, common), _only(new, common)
    budgets = _common_budgets(*grids)
    places = [grids[0].at(b) for b in budgets], [grids[1].at(b) for b in budgets]
    samples = tuple(s for s in base.samples if s in set(new.samples)) if is_same_seed else ()
    if not samples:
        sides = [Side(grid, grid.is_drawn) for grid in grids]
        return Sides(sides[0], sides[1], common, budgets, places, False, 0, 0)
    paired = _of_samples(grids[0], samples), _of_samples(grids[1], samples)
    n_unpaired = _n_drawn(grids, places) - _n_drawn(paired, places)
    first, second = (grid.is_drawn.copy() for grid in paired)
    both = first[:, places[0]] & second[:, places[1]]
    first[:, places[0]], second[:, places[1]] = both, both
    n_dropped = _n_drawn(paired, places) - 2 * int(both.sum())
    return Sides(Side(paired[0], first), Side(paired[1], second), common, budgets, places, True, n_dropped, n_unpaired)


def same_answers(sides: Sides) -> tuple[int, int]:
    """How many attempts with the same problem, budget and sample gave the same answer, and how many such pairs are."""
    base, new = (side.grid for side in sides.both)
    samples = [s for s in base.samples if s in set(new.samples)]
    answers, drawn = [], []
    for grid, at in zip((base, new), sides.places, strict=True):
        columns = [grid.samples.index(s) for s in samples]
        rows = grid.rows[:, at][:, :, columns]
        answers.append(digests_of(grid.attempts, "answer")[rows])
        drawn.append(rows >= 0)
    both = drawn[0] & drawn[1]
    return int(((answers[0] == answers[1]) & both).sum()), int(both.sum())


def _only(grid: Grid, problems: tuple[str, ...]) -> Grid:
    place = {problem: i for i, problem in enumerate(grid.problems)}
    return grid.only(np.array([place[problem] for problem in problems], dtype=np.int64))


def _of_samples(grid: Grid, samples: tuple[int, ...]) -> Grid:
    columns = [grid.samples.index(s) for s in samples]
    return replace(grid, samples=samples, verdicts=grid.verdicts[:, :, columns], rows=grid.rows[:, :, columns])


def _n_drawn(grids: tuple[Grid, Grid], places: tuple[list[int], list[int]]) -> int:
    return sum(int(grid.is_drawn[:, at].sum()) for grid, at in zip(grids, places, strict=True))


def _common_budgets(base: Grid, new: Grid) -> tuple[Budget, ...]:
    """Budgets that both have; a level of effort is never the same as a number of tokens."""
    if (base.control == Control.EFFORT) != (new.control == Control.EFFORT):
        return ()
    return tuple(sorted(set(base.budgets) & set(new.budgets), key=budget_key))
