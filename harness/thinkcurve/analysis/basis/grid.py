"""A curve's attempts as arrays: problems x budgets x samples. What every other analysis computes on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from thinkcurve.budget import budget_key, effort_of
from thinkcurve.columns import rows_of

if TYPE_CHECKING:
    from thinkcurve.columns import Table

MISSING, INCORRECT, CORRECT, NO_ANSWER, UNVERIFIED = range(-1, 4)
"""Codes of verdicts. ``MISSING`` is a failure, or an attempt that was never asked for: it is not scored."""
CODES = {"incorrect": INCORRECT, "correct": CORRECT, "no_answer": NO_ANSWER, "unverified": UNVERIFIED}

FEWEST_GROUPS = 10
"""Fewer outer groups say too little of how groups differ, and those of the tasks that ship (subjects, two papers, three
sites) are strata: all of them are in the task, they were not drawn from more."""

Floats = NDArray[np.float64]
Counts = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Grid:
    """One (model, task, control): P problems, B budgets (ascending, the natural end last), S samples.

    ``verdicts`` and ``rows``, of shape (P, B, S), hold the code of each attempt's verdict and its row in ``attempts``,
    -1 where there is none. Sample s of a problem has one place at all budgets, so that what shared a trace is in
    line.
    """

    model: str
    task: str
    control: str
    problems: tuple[str, ...]
    budgets: tuple[int | None, ...]
    samples: tuple[int, ...]
    verdicts: NDArray[np.int8]
    rows: NDArray[np.int64]
    attempts: Table

    @property
    def name(self) -> tuple[str, str, str]:
        """Model, task and control."""
        return (self.model, self.task, self.control)

    @property
    def efforts(self) -> tuple[str | None, ...]:
        """The name of each budget that is a level of effort."""
        return tuple(effort_of(budget, self.control) for budget in self.budgets)

    @cached_property
    def is_drawn(self) -> NDArray[np.bool_]:
        """Whether there is an attempt, of shape (P, B, S)."""
        return self.verdicts != MISSING

    @cached_property
    def is_correct(self) -> NDArray[np.bool_]:
        """Whether there is an attempt that is correct, of shape (P, B, S)."""
        return self.verdicts == CORRECT

    @cached_property
    def drawn(self) -> Counts:
        """How many attempts each problem has at each budget, of shape (P, B)."""
        return self.is_drawn.sum(axis=2, dtype=np.int64)

    @cached_property
    def right(self) -> Counts:
        """How many of them are correct, of shape (P, B)."""
        return self.is_correct.sum(axis=2, dtype=np.int64)

    @cached_property
    def means(self) -> Floats:
        """The mean over samples of each problem at each budget, of shape (P, B); NaN where there is none."""
        return np.divide(self.right, self.drawn, out=np.full(self.right.shape, np.nan), where=self.drawn > 0)

    @cached_property
    def groups(self) -> NDArray[Any] | None:
        """The outer cluster (a contest) of each problem as an integer, of shape (P,), by the rule of `outer_groups`.

        A problem without a group is one of its own.
        """
        return groups_of([self])

    @cached_property
    def named_groups(self) -> NDArray[Any] | None:
        """The group of each problem as written in the table, of shape (P,); ``None`` where no problem has one."""
        return self._of_problems("group")

    @cached_property
    def levels(self) -> NDArray[Any] | None:
        """The level of each problem as written in the table, of shape (P,); ``None`` where no problem has one."""
        return self._of_problems("level")

    def column(self, name: str) -> Floats:
        """A numeric column of the attempts, of shape (P, B, S); NaN where there is no attempt, or nothing is known."""
        values = self.attempts[name].to_numpy(dtype=float, na_value=np.nan)
        return np.where(self.rows >= 0, values[self.rows], np.nan)

    def flags(self, name: str) -> NDArray[np.bool_]:
        """A column of truth values, of shape (P, B, S); false where there is no attempt."""
        return (self.rows >= 0) & self.attempts[name].to_numpy(dtype=bool)[self.rows]

    def at(self, budget: int | None) -> int:
        """The place of a budget. Raises `ValueError` where the grid has no such budget."""
        return self.budgets.index(budget)

    def only(self, problems: NDArray[np.bool_] | NDArray[np.int64]) -> Grid:
        """The grid of some problems: a mask or places, of shape (P,) or fewer."""
        places = np.flatnonzero(problems) if problems.dtype == bool else problems
        names = tuple(self.problems[place] for place in places)
        return Grid(
            *self.name, names, self.budgets, self.samples, self.verdicts[places], self.rows[places], self.attempts
        )

    def _of_problems(self, column: str) -> NDArray[Any] | None:
        """A column whose values are the same for all attempts of a problem, of shape (P,)."""
        if column not in self.attempts:
            return None
        values = self.attempts[column]
        first = self.rows.reshape(len(self.problems), -1).max(axis=1)
        return None if values.isna().all() else values.iloc[first].to_numpy(dtype=object)


def groups_of(grids: Sequence[Grid]) -> NDArray[Any] | None:
    """The outer groups of problems that several grids have in one order, of shape (P,), as `Grid.groups`.

    A problem's group is that of the first grid that names it: a run that does not tell of groups changes none.
    """
    named = known_of([grid.named_groups for grid in grids])
    if named is None:
        return None
    names: dict[object, int] = {}
    is_named = ~_is_null(named)
    keys = [name if is_known else (i,) for i, (name, is_known) in enumerate(zip(named, is_named, strict=True))]
    return outer_groups(np.array([names.setdefault(key, len(names)) for key in keys]))


def known_of(columns: Sequence[NDArray[Any] | None]) -> NDArray[Any] | None:
    """What several grids tell of the same problems, each of shape (P,): of each the first that is known, if any is."""
    found = None
    for column in columns:
        if column is None:
            continue
        found = column.copy() if found is None else np.where(_is_null(found), column, found)
    return found


def outer_groups(groups: NDArray[Any] | None) -> NDArray[Any] | None:
    """The groups, or ``None`` where there are none, or fewer than `FEWEST_GROUPS`: then problems are the clusters."""
    return None if groups is None or len(np.unique(groups)) < FEWEST_GROUPS else groups


def groups_among(groups: NDArray[Any] | None, kept: NDArray[np.bool_] | NDArray[np.int64]) -> NDArray[Any] | None:
    """The outer groups of some of the problems, a mask or places: of these too few may be left (`outer_groups`)."""
    return None if groups is None else outer_groups(groups[kept])


def units_of(n_problems: int, groups: NDArray[Any] | None) -> Counts:
    """The cluster of each problem, of shape (P,), numbered from 0: its outer group, or itself where there are none."""
    return np.arange(n_problems) if groups is None else np.unique(groups, return_inverse=True)[1]


def grids_of(attempts: Table) -> list[Grid]:
    """A grid for each (model, task, control) of an attempts table, in the table's order. Failures are not in it."""
    curve, names = _curves(attempts)
    if len(names) == 1:
        return [_grid(names[0], attempts)]
    places = np.arange(len(curve))
    return [_grid(name, rows_of(attempts, places[curve == i])) for i, name in enumerate(names)]


def _curves(attempts: Table) -> tuple[Counts, list[tuple[str, ...]]]:
    """The curve that each attempt is of, of shape (R,), and the names of the curves, in the table's order."""
    import pandas as pd

    curve = np.zeros(len(attempts), dtype=np.int64)
    names: list[tuple[str, ...]] = [()] if len(attempts) else []
    for column in ("model", "task", "control"):
        codes, found = pd.factorize(attempts[column])
        words = [str(word) for word in found]
        curve, pairs = pd.factorize(curve * len(words) + codes)
        names = [(*names[pair // len(words)], words[pair % len(words)]) for pair in pairs.tolist()]
    return curve, names


def _grid(name: tuple[str, ...], attempts: Table) -> Grid:
    """One grid. Beside the columns of its key, read one by one, what grows with the attempts is one array of places."""
    import pandas as pd

    cell, problems = pd.factorize(attempts["problem"])
    place, budgets = _ladder(attempts)
    cell *= len(budgets)
    cell += place
    sample, samples = pd.factorize(attempts["sample"], sort=True)
    cell *= len(samples)
    cell += sample
    shape = (len(problems), len(budgets), len(samples))
    verdicts = np.full(shape, MISSING, dtype=np.int8)
    rows = np.full(shape, -1, dtype=np.int64)
    code, words = pd.factorize(attempts["verdict"])
    verdicts.reshape(-1)[cell] = np.array([CODES[str(word)] for word in words], dtype=np.int8)[code]
    rows.reshape(-1)[cell] = np.arange(len(attempts))
    model, task, control = name
    return Grid(
        model, task, control, tuple(map(str, problems)), budgets, tuple(map(int, samples)), verdicts, rows, attempts
    )


def _ladder(attempts: Table) -> tuple[NDArray[np.int16], tuple[int | None, ...]]:
    """The place of each attempt's budget in the ladder, of shape (R,), and the ladder: ascending, natural end last."""
    values = attempts["budget"].to_numpy(dtype=float, na_value=np.nan)
    asked = {None if np.isnan(value) else int(value) for value in np.unique(values)}
    budgets = tuple(sorted(asked, key=budget_key))
    place = np.full(len(values), len(budgets) - 1, dtype=np.int16)  # of the natural end, where there is one
    for i, budget in enumerate(budgets):
        if budget is not None:
            place[values == budget] = i
    return place, budgets


def _is_null(values: NDArray[Any]) -> NDArray[np.bool_]:
    import pandas as pd

    return pd.isna(values)
