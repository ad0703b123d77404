"""Accuracy at each budget by level, by outer group (a subject, a contest) and by fifths of empirical difficulty.

Strata are small: each cell has its own interval, and beside it the same drawn toward what all strata have in common
(`pooling`). Fifths of difficulty are cross-fitted (`difficulty`); problems belong to them in part (`parts`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

import msgspec
import numpy as np
from numpy.typing import NDArray

from thinkcurve.analysis.basis.accuracy import shares
from thinkcurve.analysis.basis.grid import Floats, Grid
from thinkcurve.analysis.basis.interval import UNKNOWN, Interval, known
from thinkcurve.analysis.comparison.sameness import alike, alike_of
from thinkcurve.analysis.items.difficulty import FIFTHS, Difficulty, difficulty_of, moved
from thinkcurve.analysis.items.parts import Parts, parts
from thinkcurve.analysis.items.pooling import pooled

if TYPE_CHECKING:
    from thinkcurve.run import Run

By = Literal["level", "group", "difficulty"]
LABELS: tuple[Literal["level", "group"], ...] = ("level", "group")
"""By what the table itself names."""
FEWEST_POOLED = 2.0
"""Effective problems below which a stratum of twice as many is not pooled: next to nothing of it would be its own."""
NOT_POSSIBLE = (
    "not possible: it needs a second sample of the problems, or a second model on them, to tell how hard each is "
    "apart from the attempts that are scored; and 10 problems"
)


class Cell(msgspec.Struct, frozen=True):
    """A stratum at a budget. ``n_problems`` and ``n_attempts`` count what was scored (in fifths, by share).

    The problem is the cluster, or the outer group where there are any; within a group, the problem. ``se`` is ``None``
    for fewer than two clusters. ``n_effective`` is how many problems the interval is worth: in fifths far fewer than
    they hold where accuracy jumps at a border. ``pooled`` is drawn toward the other strata; unknown for fewer than
    three of them, and where ``n_effective`` is below `FEWEST_POOLED` and half of the problems.
    """

    accuracy: Interval
    se: float | None
    pooled: Interval
    n_problems: float
    n_attempts: float
    n_effective: float | None = None


class Stratum(msgspec.Struct, frozen=True):
    """One stratum: its name as in the table (of fifths: ``1`` is the hardest), its cell at each budget."""

    name: str
    n_problems: float
    cells: tuple[Cell | None, ...]


class Strata(msgspec.Struct, frozen=True):
    """The strata of one (model, task, control) by one thing.

    ``source`` says what told the difficulty: other ``samples`` or other ``models``; where neither is there ``strata``
    is empty and ``reason`` says why. ``n_unplaced`` problems belong to no stratum. ``notes`` say which runs do not tell
    the difficulty, as they asked other problems under the same ids.
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
    notes: tuple[str, ...] = ()


def strata_of(grid: Grid, others: Sequence[Grid] = ()) -> list[Strata]:
    """The strata of a grid: by level and by group where problems have any, and by difficulty.

    ``others`` are grids of other models on the same problems: they tell the difficulty where there is one sample.
    """
    found = [strata for by in LABELS if (strata := strata_by(grid, by)) is not None]
    return [*found, _by_difficulty(grid, others)]


def strata_of_runs(runs: Sequence[Run]) -> list[list[Strata]]:
    """The strata of each run; models of runs that asked the same problems tell each other's difficulty."""
    groups = alike(runs)
    found: list[list[Strata]] = []
    for place, run in enumerate(runs):
        found.append([])
        for grid in run.grids:
            group = alike_of(groups, grid.task, place)
            notes = (group.remark,) if group.remark else ()
            found[-1] += [
                msgspec.structs.replace(strata, notes=notes) if strata.by == "difficulty" else strata
                for strata in strata_of(grid, group.grids(runs))
            ]
    return found


def strata_by(grid: Grid, by: Literal["level", "group"]) -> Strata | None:
    """The strata of a grid by level or by group, ``None`` where no problem has one."""
    labels = grid.levels if by == "level" else grid.named_groups
    if labels is None:
        return None
    is_named = np.array([label is not None and label == label for label in labels])
    written = np.array([_plain(label) if named else "" for label, named in zip(labels, is_named, strict=True)])
    names = sorted(set(written[is_named].tolist()), key=_order)
    is_in = np.array([(written == name) & is_named for name in names]).T
    # within one group its problems are all there is to draw; a level lies across groups
    clusters = None if by == "group" else grid.groups
    columns = [_whole_cells(grid, is_in, at, clusters) for at in range(len(grid.budgets))]
    return _strata(grid, by, names, is_in.sum(axis=0).astype(float), columns, n_unplaced=int((~is_named).sum()))


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
    has_any = grid.is_drawn.any(axis=1).astype(float)
    each = has_any / np.maximum(has_any.sum(axis=1, keepdims=True), 1)
    sizes = np.einsum("psj,ps->j", found.membership, each)
    columns = [_part_cells(grid, found, at) for at in range(len(grid.budgets))]
    return _strata(grid, "difficulty", names, sizes, columns, n_unplaced=found.n_unplaced, source=found.source)


def _efforts(grid: Grid) -> tuple[str | None, ...] | None:
    return grid.efforts if any(grid.efforts) else None


def _strata(
    grid: Grid, by: By, names: Sequence[str], sizes: Floats, columns: Sequence[Sequence[Cell | None]], **more: Any
) -> Strata:
    """The strata of cells by budget and stratum."""
    strata = tuple(
        Stratum(name, float(sizes[j]), tuple(column[j] for column in columns)) for j, name in enumerate(names)
    )
    return Strata(*grid.name, by, grid.budgets, _efforts(grid), strata, **more)


def _whole_cells(grid: Grid, is_in: NDArray[np.bool_], at: int, groups: NDArray[Any] | None) -> list[Cell | None]:
    """The cell at a budget of each stratum of whole problems; ``is_in`` of shape (P, J)."""
    drawn = grid.drawn[:, at]
    n_attempts = (is_in * drawn[:, None]).sum(axis=0).astype(float)
    means = np.where(is_in, grid.means[:, at, None], np.nan).T
    found = shares(means, groups=groups, most=n_attempts)
    n_problems = (is_in & (drawn > 0)[:, None]).sum(axis=0).astype(float)
    ends = Parts(found.mean, found.se, found.low, found.high, found.n_effective)
    return _cells(ends, n_problems, n_attempts)


def _part_cells(grid: Grid, of: Difficulty, at: int) -> list[Cell | None]:
    """The cell at a budget of each fifth, to which samples belong.

    A problem counts once, shared among its samples: its weight in a fifth is the share of its samples that lie there.
    """
    drawn, right = grid.is_drawn[:, at], grid.is_correct[:, at]
    each = drawn / np.maximum(drawn.sum(axis=1, keepdims=True), 1)
    weights, sums = (np.einsum("psj,ps->pj", of.membership, by) for by in (each, each * right))
    near, right_near = (np.einsum("psj,ps->j", of.near, by) for by in (each, each * right))
    overall = sums.sum() / max(weights.sum(), 1)
    at_borders = np.divide(right_near, near, out=np.full(len(near), overall), where=near > 0)
    n_attempts = np.einsum("psj,ps->j", of.membership, drawn.astype(float))
    found = parts(sums, weights, n_attempts, moved=moved(sums, weights, at_borders), groups=grid.groups)
    return _cells(found, weights.sum(axis=0), n_attempts)


def _cells(found: Parts, n_problems: Floats, n_attempts: Floats) -> list[Cell | None]:
    """A cell for each stratum, ``None`` where nothing was scored, and pooled on the effective numbers."""
    is_any = n_problems > 0
    n = np.where(is_any, found.n_effective, 0.0)
    together = pooled(np.where(is_any, found.mean, 0.0) * n, n)
    cells: list[Cell | None] = []
    for j in range(len(n)):
        own = Interval(*(known(end[j]) for end in (found.mean, found.low, found.high)))
        drawn_in = UNKNOWN
        is_thin = n[j] < FEWEST_POOLED and 2 * n[j] < n_problems[j]
        if together is not None and not is_thin:
            drawn_in = Interval(*(known(end[j]) for end in (together.mean, together.low, together.high)))
        cell = Cell(own, known(found.se[j]), drawn_in, float(n_problems[j]), float(n_attempts[j]), known(n[j]))
        cells.append(cell if is_any[j] else None)
    return cells
