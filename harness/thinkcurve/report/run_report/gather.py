"""What a report prints, gathered of runs: the same records that ``thinkcurve show`` and ``compare`` print."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from thinkcurve.analysis.basis.axes import ledgers_of
from thinkcurve.analysis.basis.grid import Grid
from thinkcurve.analysis.behaviour.diagnostics import diagnostics_of
from thinkcurve.analysis.comparison.compare import Comparison, compare
from thinkcurve.analysis.items.strata import strata_of_runs
from thinkcurve.analysis.parallel.surface import Surface, surface_of
from thinkcurve.errors import UsageError
from thinkcurve.report.run_report.contents import Compared, Contents, RunPart, labels_of, names_of

if TYPE_CHECKING:
    from thinkcurve.run import Run

PREFERRED = ("thinking_tokens", "generated_tokens", "total_tokens")
"""Axes for the best use of an allowance, the first that is known of every attempt and costs something everywhere."""
MOST_SHOWN = 5_000
"""Attempts of a large run that its report shows one by one."""
MOST_PAIRS = 12
"""Pairs of curves that a report compares; ``thinkcurve compare`` compares any."""
Key = tuple[int, str, str, str]


def contents_of(runs: Sequence[Run], *, title: str = "") -> Contents:
    """The contents of a report of some runs. With several curves of one task each is compared with the first."""
    parts = [
        RunPart(
            run=run,
            name=name,
            curves=run.curves(),
            surfaces=[_surface(grid) for grid in run.grids],
            ledgers=ledgers_of(run.tables.attempts, run.tables.traces, run.grids),
            strata=strata,
            diagnostics=[diagnostics_of(grid, None if run.is_large else run.traces) for grid in run.grids],
            shown=_shown(run) if run.is_large else None,
        )
        for run, name, strata in zip(runs, names_of(runs), strata_of_runs(runs), strict=True)
    ]
    labels = labels_of(parts)
    pairs = list(_pairs(labels))
    return Contents(parts, _compared(parts, labels, pairs[:MOST_PAIRS]), title, labels, len(pairs))


def _shown(run: Run) -> tuple[str, ...]:
    """The problems of a large run that its report shows: of each curve some that are spread evenly over it."""
    found: dict[str, None] = {}
    for grid in run.grids:
        n = min(
            len(grid.problems), max(1, MOST_SHOWN // max(1, len(run.grids) * len(grid.samples) * len(grid.budgets)))
        )
        found |= dict.fromkeys(grid.problems[i * len(grid.problems) // n] for i in range(n))
    return tuple(found)


def _surface(grid: Grid) -> Surface:
    first = next((axis for axis in PREFERRED if _is_priced(grid, axis)), PREFERRED[-1])
    return surface_of(grid, axes=(first,))


def _is_priced(grid: Grid, axis: str) -> bool:
    costs = grid.column(axis)
    return all(costs[:, at][grid.is_drawn[:, at]].sum() > 0 for at in range(len(grid.budgets)))


def _compared(parts: Sequence[RunPart], labels: dict[Key, str], pairs: Sequence[tuple[Key, Key]]) -> list[Compared]:
    """The second curve of each pair against the first."""
    made: dict[tuple[int, int, str, str], Comparison | str] = {}
    found = []
    for base, new in pairs:
        key = (base[0], new[0], base[1], new[1])
        if key not in made:
            made[key] = _comparison(parts[base[0]].run, parts[new[0]].run, base[1], new[1])
        result = made[key]
        names = (labels[base], labels[new])
        if isinstance(result, str):
            found.append(Compared(*names, refusal=result))
        else:
            contrast = next((one for one in result.comparisons if one.task == base[2]), None)
            found.append(Compared(*names, contrast, "" if contrast else "they have no graded attempts in common"))
    return found


def _pairs(labels: dict[Key, str]) -> Iterator[tuple[Key, Key]]:
    """The first curve of each task with each other one of it."""
    first: dict[str, Key] = {}
    for key in labels:
        if key[2] in first:
            yield first[key[2]], key
        else:
            first[key[2]] = key


def _comparison(base: Run, new: Run, base_model: str, new_model: str) -> Comparison | str:
    """Two runs compared, or why they cannot be."""
    try:
        return compare(base, new, base_model=base_model, new_model=new_model)
    except UsageError as error:
        return str(error)
