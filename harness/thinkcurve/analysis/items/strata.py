"""Accuracy at each budget by level, by outer group (a subject, a contest) and by fifths of empirical difficulty.

Strata are small: each cell has its own interval, and beside it the same drawn toward what all strata have in common
(`pooling`). Fifths of difficulty are cross-fitted (`difficulty`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import msgspec
import numpy as np
from numpy.typing import NDArray

from thinkcurve.analysis.basis.grid import Floats, Grid
from thinkcurve.analysis.basis.proportions import wilson
from thinkcurve.analysis.items.difficulty import FIFTHS, difficulty_of
from thinkcurve.analysis.items.pooling import pooled

By = Literal["level", "group", "difficulty"]
NOT_POSSIBLE = (
    "not possible: it needs a second sample of the problems, or a second model on them, to tell how hard each is "
    "apart from the attempts that are scored; and 10 problems"
)


class Cell(msgspec.Struct, frozen=True):
    """A stratum at a budget. ``n_problems`` and ``n_attempts`` count what was scored (in fifths, by share).

    ``se`` is clustered by problem, ``None`` for fewer than two; the interval is Wilson's on the effective number.
    ``pooled`` and its interval are drawn toward the other strata; ``None`` for fewer than three strata.
    """

    accuracy: float
    se: float | None
    ci_low: float
    ci_high: float
    pooled: float | None
    pooled_low: float | None
    pooled_high: float | None
    n_problems: float
    n_attempts: float


class Stratum(msgspec.Struct, frozen=True):
    """One stratum: its name as in the table (of fifths: ``1`` is the hardest), its cell at each budget."""

    name: str
    n_problems: float
    cells: tuple[Cell | None, ...]


class Strata(msgspec.Struct, frozen=True):
    """The strata of one (model, task, control) by one thing.

    ``source`` says what told the difficulty: other ``samples`` or other ``models``; where neither is there ``strata``
    is empty and ``reason`` says why. ``n_unplaced`` problems belong to no stratum.
    """

    model: str
    task: str
    control: str
    by: By
    budgets: tuple[int | None, ...]
    efforts: tuple[str | None, ...] | None
    strata: tuple[Stratum, ...]
    n_unplaced: int = 0
    source: str | None = None
    reason: str | None = None


def strata_of(grid: Grid, others: Sequence[Grid] = ()) -> list[Strata]:
    """The strata of a grid: by level and by group where problems have any, and by difficulty.

    ``others`` are grids of other models on the same problems: they tell the difficulty where there is one sample.
    """
    found = []
    for by, labels in (("level", grid.levels), ("group", grid.named_groups)):
        if labels is not None:
            found.append(_by_label(grid, by, labels))  # type: ignore[arg-type]  # a literal, which the loop forgets
    return [*found, _by_difficulty(grid, others)]


def _by_label(grid: Grid, by: By, labels: NDArray[Any]) -> Strata:
    is_named = np.array([label is not None and label == label for label in labels])
    values = {_plain(label): label for label in labels[is_named]}
    names = sorted(values, key=_order)
    written = np.array([_plain(label) if named else "" for label, named in zip(labels, is_named, strict=True)])
    membership = np.array([(written == name) & is_named for name in names], dtype=float).T
    whole = np.repeat(membership[:, None, :], len(grid.samples), axis=1)
    return _strata(grid, by, names, whole, n_unplaced=int((~is_named).sum()))


def _plain(label: object) -> str:
    """A level without the ``.0`` that a column with gaps gives it."""
    return str(int(label)) if isinstance(label, float) and label.is_integer() else str(label)


def _order(name: str) -> tuple[int, float, str]:
    try:
        return (0, float(name), name)
    except ValueError:
        return (1, 0.0, name)


def _by_difficulty(grid: Grid, others: Sequence[Grid]) -> Strata:
    found = difficulty_of(grid, others)
    if found is None:
        return Strata(*grid.name, "difficulty", grid.budgets, _efforts(grid), (), reason=NOT_POSSIBLE)
    names = [str(fifth + 1) for fifth in range(FIFTHS)]
    return _strata(grid, "difficulty", names, found.membership, n_unplaced=found.n_unplaced, source=found.source)


def _efforts(grid: Grid) -> tuple[str | None, ...] | None:
    return grid.efforts if any(grid.efforts) else None


def _strata(grid: Grid, by: By, names: Sequence[str], membership: Floats, **more: Any) -> Strata:
    """The strata of a membership of shape (P, S, J)."""
    columns = [_cells(grid, membership, at) for at in range(len(grid.budgets))]
    has_any = grid.is_drawn.any(axis=1).astype(float)
    n_samples = np.maximum(has_any.sum(axis=1), 1)
    sizes = np.einsum("psj,ps->j", membership, has_any / n_samples[:, None])
    strata = tuple(
        Stratum(name, float(sizes[j]), tuple(column[j] for column in columns)) for j, name in enumerate(names)
    )
    return Strata(*grid.name, by, grid.budgets, _efforts(grid), strata, **more)


def _cells(grid: Grid, membership: Floats, at: int) -> list[Cell | None]:
    """The cell of each stratum at a budget.

    A problem counts once, shared among its samples: its weight in a stratum is the share of its samples that lie
    there, and the stratum's accuracy a ratio of two sums over problems, with the usual linearised standard error.
    """
    drawn, right = grid.is_drawn[:, at], grid.is_correct[:, at]
    each = drawn / np.maximum(drawn.sum(axis=1, keepdims=True), 1)
    weights = np.einsum("psj,ps->pj", membership, each)
    sums = np.einsum("psj,ps->pj", membership, each * right)
    n_attempts = np.einsum("psj,ps->j", membership, drawn.astype(float))
    n_problems = weights.sum(axis=0)
    means = np.divide(sums.sum(axis=0), n_problems, out=np.zeros(len(n_problems)), where=n_problems > 0)
    squares = ((sums - weights * means) ** 2).sum(axis=0)
    n_in = (weights > 0).sum(axis=0)
    with_factor = squares * n_in / np.maximum(n_in - 1, 1)
    se = np.divide(np.sqrt(with_factor), n_problems, out=np.zeros(len(n_problems)), where=n_problems > 0)
    effective = _effective(means, se, n_problems, n_attempts)
    drawn_in = pooled(means * effective, effective)
    cells: list[Cell | None] = []
    for j, mean in enumerate(means):
        if n_problems[j] == 0:
            cells.append(None)
            continue
        low, high = (float(end) for end in wilson(float(mean), float(effective[j])))
        shrunk: tuple[float | None, ...] = (None, None, None)
        if drawn_in is not None:
            shrunk = (float(drawn_in.mean[j]), float(drawn_in.low[j]), float(drawn_in.high[j]))
        own_se = float(se[j]) if n_in[j] > 1 else None
        cells.append(
            Cell(
                float(mean),
                own_se,
                low,
                high,
                shrunk[0],
                shrunk[1],
                shrunk[2],
                float(n_problems[j]),
                float(n_attempts[j]),
            )
        )
    return cells


def _effective(means: Floats, se: Floats, n_problems: Floats, n_attempts: Floats) -> Floats:
    """The number of independent attempts that would have the same error, between problems and attempts."""
    found = np.divide(means * (1 - means), se**2, out=n_problems.copy(), where=se > 0)
    return np.clip(found, n_problems, np.maximum(n_attempts, n_problems))
