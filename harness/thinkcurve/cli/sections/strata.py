"""Section ``strata``: accuracy by level, by outer group and by fifths of empirical difficulty."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from rich.console import RenderableType
from rich.markup import escape
from rich.table import Table

from thinkcurve.analysis.basis.interval import Interval
from thinkcurve.analysis.items.strata import Cell, Strata, Stratum, strata_of_runs
from thinkcurve.budget import format_budget
from thinkcurve.cli.sections import Section
from thinkcurve.cli.show import new_table, short_model, short_task
from thinkcurve.report.labels import plain

if TYPE_CHECKING:
    from thinkcurve.run import Run

MOST_COLUMNS = 7
"""Budgets that fit 80 characters; the JSON has all."""
MOST_ROWS = 40
"""Strata of a table that are printed, the largest; the JSON has all."""
LONGEST_NAME = 18
HEADS = {"level": "level", "group": "group", "difficulty": "fifth"}
SOURCES = {
    "samples": "A sample is scored in the fifth that the problem's other samples give it, so that luck does not count.",
    "models": "The fifths are by how other models fare on the same problems, so that luck does not count.",
}
EXPLAINED = (
    "Pooled: drawn toward the other strata, the more the fewer problems it has and the less strata differ "
    "(beta-binomial, 95 % interval)."
)


def results(runs: Sequence[Run]) -> list[Strata]:
    """The strata of runs. Models of runs that asked the same problems tell each other's difficulty."""
    return [strata for of_run in strata_of_runs(runs) for strata in of_run]


def lines(strata: Strata) -> Iterator[RenderableType]:
    """One kind of strata: raw accuracies over the ladder, then the last budget with intervals."""
    what = "difficulty, hardest fifth first" if strata.by == "difficulty" else strata.by
    title = f"[bold]{escape(plain(short_task(strata.task)))}[/] · {escape(plain(short_model(strata.model)))} · "
    yield f"{title}{escape(strata.control)} · by {what}, %"
    for note in strata.notes:
        yield f"[yellow]{escape(plain(note))}[/]"
    if strata.reason:
        yield f"[yellow]{escape(strata.reason)}[/]"
        return
    shown = strata.strata
    if len(shown) > MOST_ROWS:
        largest = sorted(shown, key=lambda stratum: -stratum.n_problems)[:MOST_ROWS]
        shown = tuple(stratum for stratum in shown if stratum in largest)
    yield _ladder(strata, shown)
    at = _furthest_apart(strata, shown)
    if at is not None:
        where = "" if len(strata.budgets) == 1 else ", where they are furthest apart"
        yield f"at budget {format_budget(strata.budgets[at], strata.control)}{where}:"
        yield _with_intervals(strata, shown, at)
    if len(shown) < len(strata.strata):
        yield f"[dim]the {len(shown)} largest of {len(strata.strata)} strata[/]"
    if strata.n_unplaced:
        yield f"[yellow]{strata.n_unplaced:,} problems belong to no stratum[/]"
    if at is not None and _is_pooled(shown):
        thin = [s.name for s in shown if (cell := s.cells[at]) is not None and cell.pooled.value is None]
        if thin:
            names = escape(plain(", ".join(thin)))
            yield f"[yellow]not pooled: {names}, whose problems are worth less than two here[/]"
    source = f"{SOURCES[strata.source]} " if strata.source else ""
    yield f"[dim]{source}{EXPLAINED if _is_pooled(shown) else 'Fewer than three strata: nothing to pool.'}[/]"


def _is_pooled(shown: Sequence[Stratum]) -> bool:
    return any(cell is not None and cell.pooled.value is not None for stratum in shown for cell in stratum.cells)


def _furthest_apart(strata: Strata, shown: Sequence[Stratum]) -> int | None:
    """The place of the budget at which accuracies differ most, the last of several; ``None`` without any."""
    gaps = {}
    for at in range(len(strata.budgets)):
        known = [_value(cell) for stratum in shown if (cell := stratum.cells[at]) is not None]
        if known:
            gaps[at] = max(known) - min(known)
    return max(gaps, key=lambda at: (round(gaps[at], 9), at), default=None)


def _ladder(strata: Strata, shown: Sequence[Stratum]) -> Table:
    places = range(max(0, len(strata.budgets) - MOST_COLUMNS), len(strata.budgets))
    table = new_table()
    _name_column(table, strata)
    table.add_column("problems", justify="right", no_wrap=True)
    for at in places:
        table.add_column(format_budget(strata.budgets[at], strata.control), justify="right", no_wrap=True)
    for stratum in shown:
        cells = (stratum.cells[at] for at in places)
        shares = ("–" if cell is None else f"{100 * _value(cell):.0f}" for cell in cells)
        table.add_row(_short(stratum.name), _count(stratum.n_problems), *shares)
    return table


def _with_intervals(strata: Strata, shown: Sequence[Stratum], at: int) -> Table:
    table = new_table()
    _name_column(table, strata)
    for name in ("problems", "attempts", "raw", "95 % interval", "pooled", "95 % interval"):
        table.add_column(name, justify="right", no_wrap=True)
    for stratum in shown:
        table.add_row(_short(stratum.name), *_cells(stratum.cells[at]))
    return table


def _cells(cell: Cell | None) -> list[str]:
    if cell is None:
        return ["–"] * 6
    counts = [_count(cell.n_problems), _count(cell.n_attempts)]
    return [*counts, *_with_range(cell.accuracy), *_with_range(cell.pooled)]


def _value(cell: Cell) -> float:
    return cell.accuracy.value or 0.0


def _name_column(table: Table, strata: Strata) -> None:
    table.add_column(HEADS[strata.by], justify="left" if strata.by == "group" else "right", no_wrap=True)


def _short(name: str) -> str:
    word = plain(name)
    return escape(word if len(word) <= LONGEST_NAME else word[: LONGEST_NAME - 1] + "…")


def _count(n: float) -> str:
    return f"{n:,.0f}" if abs(n - round(n)) < 0.05 else f"{n:,.1f}"


def _with_range(share: Interval) -> list[str]:
    value = "–" if share.value is None else f"{100 * share.value:.1f}"
    if share.ci_low is None or share.ci_high is None:
        return [value, "–"]
    return [value, f"{100 * share.ci_low:.1f} – {100 * share.ci_high:.1f}"]


SECTION = Section(results, lines)
