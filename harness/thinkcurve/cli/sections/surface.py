"""Section ``surface``: accuracy over budget and k, and the best use of an allowance of compute."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from rich.console import RenderableType
from rich.markup import escape
from rich.table import Table

from thinkcurve.analysis.basis.grid import grids_of
from thinkcurve.analysis.parallel.surface import Allowance, Choice, Figure, Surface, Uses, surface_of
from thinkcurve.budget import Control, format_budget
from thinkcurve.cli.sections import Section
from thinkcurve.cli.show import new_table, short_model, short_task

if TYPE_CHECKING:
    from thinkcurve.run import Run

WAYS = {
    "pass@k": "one of k is correct, and an oracle picks it",
    "maj@k": "the most frequent answer of k is correct",
    "best-of-k": "the one of k with the highest score is correct",
}
AXES = ("thinking_tokens", "generated_tokens", "total_tokens")
"""Axes for allowances, the first on which every cell is known to cost something; the JSON has all."""
MOST_COLUMNS = 8
"""Columns of k that fit 80 characters."""
MOST_ROWS = 8
"""Allowances that are printed; the JSON has all."""

EXPLAINED = (
    "Accuracy in % with its 95 % interval. Sequential is one sample at any budget of the ladder, parallel k samples at "
    "its first. The gain is over sequential; held out: the cells are chosen on one half of the problems and scored on "
    "the other, so that the choice does not flatter."
)


def results(runs: Sequence[Run]) -> list[Surface]:
    """The surfaces of runs."""
    return [surface_of(grid) for run in runs for grid in grids_of(run.attempts)]


def lines(surface: Surface) -> Iterator[RenderableType]:
    """A surface as a table for each way of making one answer of k, and one of allowances after it."""
    title = f"[bold]{escape(short_task(surface.task))}[/] · {escape(short_model(surface.model))}"
    yield f"{title} · {escape(surface.control)}"
    if surface.n_samples < 2:
        yield "a surface needs more than one sample of each problem at some budget"
        return
    for way in surface.ways:
        yield f"\n{escape(way)}, %: {WAYS[way.partition(' ')[0]]}"
        yield _cells_table(surface, way)
        yield from _uses_lines(surface, way)
    yield f"[dim]{EXPLAINED}[/]"


def _cells_table(surface: Surface, way: str) -> Table:
    table = new_table()
    columns = _columns(surface.n_samples)
    for name in (_budget_word(surface), *(f"k = {columns[0]}", *map(str, columns[1:]))):
        table.add_column(name, justify="right", no_wrap=True)
    found = {(cell.budget, cell.k): cell.accuracy.get(way) for cell in surface.cells}
    for budget in dict.fromkeys(cell.budget for cell in surface.cells):
        shares = [found.get((budget, k)) for k in columns]
        table.add_row(format_budget(budget, surface.control), *("–" if s is None else _percent(s.mean) for s in shares))
    return table


def _columns(n: int) -> list[int]:
    """Powers of two up to n, and n; where those are too many the last ones."""
    powers = [2**i for i in range(n.bit_length())]
    every = powers if powers[-1] == n else [*powers, n]
    return every if len(every) <= MOST_COLUMNS else [1, *every[1 - MOST_COLUMNS :]]


def _uses_lines(surface: Surface, way: str) -> Iterator[RenderableType]:
    of_way = {uses.axis: uses for uses in surface.uses if uses.way == way}
    axis = next((axis for axis in AXES if _is_priced(surface, axis) and of_way[axis].allowances), None)
    if axis is None:
        yield "the best use of an allowance is not known: no count of tokens is known at every budget"
        return
    uses = of_way[axis]
    shown = uses.allowances[-MOST_ROWS:]
    yield f"Best use of so many {axis.replace('_', ' ')} a problem, as budget x k:"
    yield _uses_table(shown, surface)
    yield from _remarks(surface, uses, len(shown))


def _is_priced(surface: Surface, axis: str) -> bool:
    return all(cell.costs[axis] for cell in surface.cells)


def _uses_table(allowances: Sequence[Allowance], surface: Surface) -> Table:
    table = new_table()
    for name in ("up to", "sequential", "parallel", "mix", "gain of the mix"):
        table.add_column(name, justify="right", no_wrap=True)
    for row in allowances:
        choices = (_choice(choice, surface.control) for choice in (row.sequential, row.parallel, row.mix))
        table.add_row(f"{row.cost:,.0f}", *choices, _gain(row))
    return table


def _choice(choice: Choice | None, control: str) -> str:
    if choice is None:
        return "–"
    return f"{format_budget(choice.budget, control)} x {choice.k}\n{_with_interval(choice.accuracy)}"


def _gain(row: Allowance) -> str:
    if row.gain is None:
        return "–"
    held_out = "–" if row.held_out_gain is None else _signed(row.held_out_gain)
    return f"{_with_interval(row.gain, is_gain=True)}\nheld out {held_out}"


def _signed(share: float) -> str:
    return f"{100 * share:+z.1f}"


def _with_interval(figure: Figure, *, is_gain: bool = False) -> str:
    mean = _signed(figure.mean) if is_gain else _percent(figure.mean)
    if figure.ci_low is None or figure.ci_high is None:
        return mean
    return f"{mean} ({100 * figure.ci_low:z.0f}–{100 * figure.ci_high:z.0f})"


def _remarks(surface: Surface, uses: Uses, n_shown: int) -> Iterator[str]:
    n_problems = max(cell.n_problems for cell in surface.cells)
    if uses.n_problems < n_problems:
        of = f"{uses.n_problems:,} of {n_problems:,} problems"
        yield f"[yellow]allowances rest on the {of} that have attempts at every budget[/]"
    if n_left := len(uses.allowances) - n_shown:
        yield f"[dim]{n_left} smaller {'allowance is' if n_left == 1 else 'allowances are'} in the JSON only[/]"


def _percent(share: float) -> str:
    return f"{100 * share:.1f}"


def _budget_word(surface: Surface) -> str:
    return "effort" if surface.control == Control.EFFORT else "budget"


SECTION = Section(results=results, lines=lines)
