"""What an attempt is a vote for: classes of answers that the verifier holds to be the same, never equal strings.

Correct answers are one class: all equal the reference. The wrong ones of a problem, over all budgets and samples, are
put together where they have the same value, form or text (`thinkcurve.analysis.parallel.alike`), or are the same by the
verifier's comparison in this process. What only a killable worker could tell is asked of ``same``, where the caller
gives one. No text of a model is ever evaluated.

Not known here are a task's own rules (a tolerance, rounding): wrong answers that differ only within them stay apart.
Code is no vote: no two wrong programs are known to be the same.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from thinkcurve.analysis.basis.grid import CORRECT, NO_ANSWER, Counts, Grid
from thinkcurve.analysis.parallel.alike import choice_key, compared, key_of

RIGHT, ABSTAINED, UNKNOWN = 0, -1, -2
"""Classes of no wrong answer: correct; no vote (no answer, or no attempt); a vote, but for what is not known."""
CODE, CHOICE = "sandbox", "choice"
"""How rungs of the verifier begin that ran a program, and that compared letters."""
MAX_PAIRS = 400
"""Comparisons for one problem: all pairs of 28 lists, sets, relations or words."""
MAX_COMPARISONS = 4_000
"""Comparisons for one grid, at about a millisecond each."""

Classes = NDArray[np.int32]
Same = Callable[[str, str], bool]


@dataclass(frozen=True, eq=False)
class Votes:
    """The votes of a grid.

    ``classes`` of shape (P, B, S): 0 correct, 1.. the wrong classes of a problem, -1 no vote, -2 not known.
    ``n_compared`` is how many pairs were compared, ``n_unsettled`` how many of them nothing could tell, and
    ``n_uncompared`` how many more there were when a limit stopped it: where these two are not 0 the classes may be too
    many. ``representatives`` names the wrong classes of each problem.
    """

    classes: Classes
    n_compared: int
    n_unsettled: int
    n_uncompared: int
    representatives: tuple[tuple[str, ...], ...]


def classes_of(grid: Grid) -> Classes:
    """The class of each attempt's answer within its problem, of shape (P, B, S).

    0 is correct, 1.. are wrong classes, `ABSTAINED` (-1) no vote: no answer, or no attempt; `UNKNOWN` (-2) a vote for
    something that is not known, as of code.
    """
    return votes_of(grid).classes


def votes_of(
    grid: Grid,
    *,
    same: Same | None = None,
    max_pairs: int = MAX_PAIRS,
    max_comparisons: int = MAX_COMPARISONS,
) -> Votes:
    """The votes of a grid; ``same(a, b)`` is asked of pairs that are not settled without it.

    ``max_pairs`` bounds the comparisons of a problem, ``max_comparisons`` those of the grid. What is found with no more
    than the grid given is kept for as long as the grid is, as several analyses of it ask: 4 s a million attempts.
    """
    if same is not None or (max_pairs, max_comparisons) != (MAX_PAIRS, MAX_COMPARISONS):
        return _votes_of(grid, _Clusters(same, max_pairs, max_comparisons))
    if grid not in _KEPT:
        _KEPT[grid] = _votes_of(grid, _Clusters(None, max_pairs, max_comparisons))
    return _KEPT[grid]


_KEPT: WeakKeyDictionary[Grid, Votes] = WeakKeyDictionary()


def _votes_of(grid: Grid, clusters: _Clusters) -> Votes:
    drawn = grid.is_drawn
    classes = np.where(drawn, UNKNOWN, ABSTAINED).astype(np.int32)
    classes[grid.verdicts == CORRECT] = RIGHT
    classes[grid.verdicts == NO_ANSWER] = ABSTAINED
    runs_code = _has_rung(grid, CODE)[:, None, None]
    classes[runs_code & (classes == RIGHT)] = UNKNOWN
    names = _cluster(grid, classes, (classes == UNKNOWN) & ~runs_code, clusters)
    classes.flags.writeable = False  # it is shared
    return Votes(classes, clusters.n_compared, clusters.n_unsettled, clusters.n_uncompared, names)


def tally(classes: Classes, drawn: Counts) -> tuple[Counts, Counts, NDArray[np.bool_]]:
    """The votes of cells, from classes of shape (..., S) and the number of attempts of each cell, ``drawn`` (...).

    Counts (..., C) hold the correct class first and then the wrong ones by their size, 0 where a cell has fewer;
    abstentions are of shape (...), and so is whether all votes of a cell are known.
    """
    flat = np.sort(classes.reshape(-1, classes.shape[-1]), axis=1)
    starts = np.ones(flat.shape, dtype=bool)
    starts[:, 1:] = flat[:, 1:] != flat[:, :-1]
    run = np.cumsum(starts, axis=1) - 1 + np.arange(len(flat))[:, None] * flat.shape[1]
    sizes = np.bincount(run[flat > RIGHT], minlength=flat.size).reshape(flat.shape)
    sizes = -np.sort(-sizes, axis=1)
    right, n_unknown = (flat == RIGHT).sum(axis=1), (flat == UNKNOWN).sum(axis=1)
    silent = drawn.reshape(-1) - right - n_unknown - sizes.sum(axis=1)
    counts = np.column_stack([right, sizes[:, : int((sizes > 0).sum(axis=1).max(initial=0))]])
    cells = classes.shape[:-1]
    return counts.reshape(*cells, -1), silent.reshape(cells), (n_unknown == 0).reshape(cells)


def _has_rung(grid: Grid, word: str) -> NDArray[np.bool_]:
    """Whether a rung of each problem begins with a word, of shape (P,)."""
    import pandas as pd

    if "rung" not in grid.attempts:
        return np.zeros(len(grid.problems), dtype=bool)
    codes, texts = pd.factorize(grid.attempts["rung"])
    begins = np.array([*(str(text).startswith(word) for text in texts), False], dtype=bool)  # the last: of none
    return np.any(((grid.rows >= 0) & begins[codes][grid.rows]).reshape(len(grid.problems), -1), axis=1)


def _cluster(
    grid: Grid, classes: Classes, is_wrong: NDArray[np.bool_], clusters: _Clusters
) -> tuple[tuple[str, ...], ...]:
    """Put the wrong answers that say something into classes, in place; the first answer of each class by problem."""
    import pandas as pd

    names: list[tuple[str, ...]] = [()] * len(grid.problems)
    if "extracted" not in grid.attempts:
        return tuple(names)
    codes, named = pd.factorize(grid.attempts["extracted"])
    texts = np.asarray(named, dtype=object)
    blank = np.array([*(not str(text).strip() for text in texts), True], dtype=bool)
    cells = np.argwhere(is_wrong & (grid.rows >= 0) & ~blank[codes][grid.rows])
    if not len(cells):
        return tuple(names)
    place = tuple(cells.T)
    pairs = cells[:, 0] * len(texts) + codes[grid.rows[place]]
    found, first, inverse, count = np.unique(pairs, return_index=True, return_inverse=True, return_counts=True)
    problem = found // len(texts)
    order = np.lexsort((first, -count, problem))  # by problem, the most frequent text first
    is_choice = _has_rung(grid, CHOICE)
    ids = np.empty(len(found), dtype=np.int32)
    parts = np.split(order, np.flatnonzero(np.diff(problem[order])) + 1)
    for n_done, part in enumerate(parts):
        p = int(problem[part[0]])
        said = [str(texts[i]) for i in found[part] % len(texts)]
        homes = clusters.of(said, len(parts) - n_done, is_choice=bool(is_choice[p]))
        ids[part] = np.array(homes) + 1
        heads = dict(zip(reversed(homes), reversed(said), strict=True))
        names[p] = tuple(heads[home] for home in range(len(heads)))
    classes[place] = ids[inverse.reshape(-1)]
    return tuple(names)


class _Clusters:
    """The answers of one problem after another, with what is left of the comparisons."""

    def __init__(self, same: Same | None, max_pairs: int, max_comparisons: int) -> None:
        self.same = same
        self.max_pairs = max_pairs
        self.max_comparisons = max_comparisons
        self.n_compared = 0
        self.n_unsettled = 0
        self.n_uncompared = 0

    def of(self, texts: Sequence[str], n_left: int, *, is_choice: bool) -> list[int]:
        """The class of each of a problem's texts, from 0, in order of appearance.

        ``n_left`` problems, this one among them, share what is left of the comparisons.
        """
        first: dict[Hashable, int] = {}
        heads: list[tuple[int, str]] = []  # class and first text of what may equal another key
        places: list[int] = []
        n_classes = 0
        allowed = min(self.max_pairs, (self.max_comparisons - self.n_compared) // n_left)
        for text in texts:
            key = choice_key(text) if is_choice else key_of(text)
            if key.key not in first:
                before, home = self.n_compared, None
                if not key.is_value:
                    home = self._home(text, heads, allowed)
                    allowed -= self.n_compared - before
                first[key.key] = n_classes if home is None else home
                if home is None:
                    n_classes += 1
                    heads += [] if key.is_value else [(first[key.key], text)]
            places.append(first[key.key])
        return places

    def _home(self, text: str, heads: Sequence[tuple[int, str]], allowed: int) -> int | None:
        """The class of the first of ``heads`` that ``text`` equals, after no more comparisons than are allowed."""
        for n, (place, head) in enumerate(heads):
            if n >= allowed:
                self.n_uncompared += len(heads) - n
                return None
            self.n_compared += 1
            if self._is_same(head, text):
                return place
        return None

    def _is_same(self, one: str, other: str) -> bool:
        equal = compared(one, other)
        if equal is None and self.same is not None:
            return self.same(one, other)
        self.n_unsettled += equal is None
        return bool(equal)
