"""What is kept of the attempts and traces of a run, so that a later word on one can take its place in the counts.

Columns of numbers by problem and sample: some twenty bytes an attempt, whatever its texts were.
"""

from __future__ import annotations

from array import array
from typing import NamedTuple

MOST = (1 << 62) - 1
"""Counts beyond are taken to be this: nobody generates so many tokens."""
NOTHING = -1
"""In place of a count or a sum that is not known."""


class Kept(NamedTuple):
    """What is kept of one record: ``code`` is the caller's, 0 to 254."""

    code: int
    thinking: int | None
    spent: int
    usd: float | None


class Column:
    """The records of one model at one budget, by place."""

    def __init__(self) -> None:
        self._codes = bytearray()
        self._thinking = array("q")
        self._spent = array("q")
        self._usd: dict[int, float] = {}

    def get(self, place: int) -> Kept | None:
        """The record at a place, if there is one."""
        if place >= len(self._codes) or not self._codes[place]:
            return None
        thinking = self._thinking[place]
        return Kept(
            self._codes[place] - 1,
            None if thinking == NOTHING else thinking,
            self._spent[place],
            self._usd.get(place),
        )

    def put(self, place: int, record: Kept) -> None:
        """Put a record in its place."""
        if place >= len(self._codes):
            more = max(place + 1 - len(self._codes), len(self._codes) // 4, 64)
            self._codes.extend(bytes(more))
            self._thinking.extend(array("q", bytes(8 * more)))
            self._spent.extend(array("q", bytes(8 * more)))
        self._codes[place] = record.code + 1
        self._thinking[place] = NOTHING if record.thinking is None else min(record.thinking, MOST)
        self._spent[place] = min(record.spent, MOST)
        if record.usd is None:
            self._usd.pop(place, None)
        else:
            self._usd[place] = record.usd


class Places:
    """A number for each (problem, sample), and one for each problem, in the order they come."""

    def __init__(self, samples: int) -> None:
        self._samples = max(samples, 1)
        self._problems: dict[str, int] = {}
        self._rows: dict[int | tuple[int, int], int] = {}

    def problem(self, problem: str) -> int:
        """The number of a problem."""
        return self._problems.setdefault(problem, len(self._problems))

    def place(self, problem: str, sample: int) -> int:
        """The number of a (problem, sample); of samples beyond the study's too."""
        number = self.problem(problem)
        row = number if sample < self._samples else (number, sample // self._samples)
        return self._rows.setdefault(row, len(self._rows)) * self._samples + sample % self._samples


class Tallies:
    """Correct and graded samples by the number of a problem; its length is that of the problems with any."""

    def __init__(self) -> None:
        self._right = array("q")
        self._of = array("q")
        self._n = 0

    def __len__(self) -> int:
        return self._n

    def share(self, problem: int) -> float:
        """The part that is right; 0 of none."""
        if problem >= len(self._of) or not self._of[problem]:
            return 0.0
        return self._right[problem] / self._of[problem]

    def add(self, problem: int, right: int, of: int) -> None:
        """Count samples of a problem, or with negative numbers no longer."""
        if problem >= len(self._of):
            more = max(problem + 1 - len(self._of), len(self._of) // 4, 64)
            self._right.extend(array("q", bytes(8 * more)))
            self._of.extend(array("q", bytes(8 * more)))
        self._n -= self._of[problem] > 0
        self._right[problem] += right
        self._of[problem] += of
        self._n += self._of[problem] > 0
