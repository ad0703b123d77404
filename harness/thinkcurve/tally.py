"""Verdicts counted, attempt by attempt: how many there are of each, and the accuracy of each point, exactly.

For who goes through a run without holding it; intervals and costs are `thinkcurve.analysis.curve`'s.
"""

from __future__ import annotations

import copy
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from fractions import Fraction

from thinkcurve.budget import Budget
from thinkcurve.problem import Verdict
from thinkcurve.records import Attempt

Cell = tuple[str, str, str, Budget]
"""(model, task, control, budget): what one point is of."""


def cell_of(attempt: Attempt) -> Cell:
    """The point that an attempt belongs to."""
    return (attempt.model, attempt.task, attempt.control, attempt.budget)


def drawn_of(attempts: Iterable[Attempt]) -> Mapping[Cell, int]:
    """How many samples of each point there are among the attempts at one problem."""
    return Counter(map(cell_of, attempts))


class Tally:
    """The verdicts of a run. Accuracy is the mean over problems of the mean over samples."""

    def __init__(self) -> None:
        self.verdicts: Counter[Verdict] = Counter()
        self._problems: Counter[Cell] = Counter()
        self._right: defaultdict[Cell, Counter[int]] = defaultdict(Counter)
        """Correct attempts by how many samples their problem has."""

    def add(self, attempts: Sequence[Attempt]) -> None:
        """Count all attempts at one problem."""
        drawn = drawn_of(attempts)
        self._problems.update(drawn.keys())
        for attempt in attempts:
            self._count(attempt, drawn[cell_of(attempt)], 1)

    def change(self, old: Attempt, new: Attempt, drawn: int) -> None:
        """Count an attempt as another one; its problem has so many samples of its point."""
        self._count(old, drawn, -1)
        self._count(new, drawn, 1)

    def copy(self) -> Tally:
        """One that goes its own way from here."""
        return copy.deepcopy(self)

    def accuracy(self, cell: Cell) -> Fraction:
        """The accuracy of a point that has attempts."""
        right = sum((Fraction(n, drawn) for drawn, n in self._right[cell].items()), Fraction())
        return right / self._problems[cell]

    @property
    def cells(self) -> list[Cell]:
        """The points that have attempts, in the order they were met."""
        return list(self._problems)

    def _count(self, attempt: Attempt, drawn: int, n: int) -> None:
        self.verdicts[attempt.verdict] += n
        if attempt.verdict is Verdict.CORRECT:
            self._right[cell_of(attempt)][drawn] += n
