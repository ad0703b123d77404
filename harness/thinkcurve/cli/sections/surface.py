"""Section ``surface``: accuracy over budget and k, and the best use of an allowance of compute."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from rich.console import RenderableType
from rich.markup import escape
from rich.table import Table

from thinkcurve.analysis.basis.axes import AXES
from thinkcurve.analysis.basis.interval import Interval
from thinkcurve.analysis.parallel.surface import Allowance, Choice, Surface, Uses, surface_of
from thinkcurve.budget import Control, format_budget
from thinkcurve.cli.sections import Section
from thinkcurve.cli.sections.parallel import different_problems
from thinkcurve.cli.show import new_table, short_model, short_task
from thinkcurve.report.run_report.words import amount

if TYPE_CHECKING:
    from thinkcurve.run import Run

WAYS = {
    "pass@k": "one of k is correct, and an oracle picks it",
    "maj@k": "the most frequent answer of k is correct",
    "best-of-k": "the one of k with the highest score is correct",
}
PRINTED = ("thinking_tokens", "generated_tokens", "total_tokens")
"""Axes for allowances, the first on which every cell is known to cost something; the JSON has all. ``--axis`` asks for
one."""
MOST_COLUMNS = 8
"""Columns of k that fit 80 characters."""
MOST_ROWS = 8
"""Allowances that are printed; the JSON has all."""

EXPLAINED = (
    "Accuracy in % with the 95 % interval of that cell. Sequential is one sample at any budget, parallel so many at "
    "the largest one, each in full (–: the allowance pays for none), the mix so many at any. The gain is of the mix "
    "over sequential, and its interval chooses anew in each resample, at that resample's prices; – where the mix can "
    "be one sample only. Held out: chosen on one half of the problems and scored on the other, so that the choice does "
    "not flatter. Snell et al. 2024 (arXiv 2408.03314) set samples against revisions of them; here no sample sees "
    "another."
)


def results(runs: Sequence[Run], *, axis: str | None = None) -> list[Surface]:
    """The surfaces of runs, with allowances on one axis, or on all."""
    return [surface_of(grid, axes=AXES if axis is None else (axis,)) for run in runs for grid in run.grids]


def lines(surface: Surface) -> Iterator[RenderableType]:
    """A surface as a table for each way of making one answer of k, and one of allowances after it."""
    title = f"[bold]{escape(short_task(surface.task))}[/] · {escape(short_model(surface.model))}"
    yield f"{title} · {escape(surface.control)}"
    if surface.n_samples < 2:
        yield "a surface needs more than one sample of each problem at some budget"
        return
    chosen = dict.fromkeys(uses.way for uses in surface.uses)
    for way in chosen:
        yield f"\n{escape(way)}, %: {WAYS[way.partition(' ')[0]]}"
        yield _cells_table(surface, way)
        yield from _uses_lines(surface, way)
    for way in (way for way in surface.ways if way not in chosen):
        yield f"[yellow]{escape(way)} is not known of more than one sample[/]"
    yield from different_problems(surface.control, {cell.budget: cell.n_problems for cell in surface.cells})
    if any(uses.allowances for uses in surface.uses):
        yield f"[dim]{EXPLAINED}[/]"


def _cells_table(surface: Surface, way: str) -> Table:
    table = new_table()
    columns = _columns(surface.n_samples)
    for name in (_budget_word(surface), *(f"k = {columns[0]}", *map(str, columns[1:]))):
        table.add_column(name, justify="right", no_wrap=True)
    found = {(cell.budget, cell.k): cell.accuracy.get(way) for cell in surface.cells}
    for budget in dict.fromkeys(cell.budget for cell in surface.cells):
        shares = [found.get((budget, k)) for k in columns]
        table.add_row(format_budget(budget, surface.control), *(_percent(share) for share in shares))
    return table


def _columns(n: int) -> list[int]:
    """Powers of two up to n, and n; where those are too many the last ones."""
    powers = [2**i for i in range(n.bit_length())]
    every = powers if powers[-1] == n else [*powers, n]
    return every if len(every) <= MOST_COLUMNS else [1, *every[1 - MOST_COLUMNS :]]


def _uses_lines(surface: Surface, way: str) -> Iterator[RenderableType]:
    of_way = {uses.axis: uses for uses in surface.uses if uses.way == way}
    axes = tuple(of_way) if len(of_way) == 1 else PRINTED
    axis = next((axis for axis in axes if _is_priced(surface, axis) and of_way[axis].allowances), None)
    if axis is None:
        why = f"its {_words(axes[0])} are not" if len(axes) == 1 else "no count of tokens is"
        yield f"the best use of an allowance is not known: {why} known at every budget"
        return
    uses = of_way[axis]
    shown = uses.allowances[-MOST_ROWS:]
    yield f"Best use of so many {_words(axis)} a problem, as budget x k:"
    yield _uses_table(shown, surface, axis)
    yield from _remarks(uses, len(shown))


def _words(axis: str) -> str:
    return {"flops": "FLOPs", "wall_s": "seconds", "usd": "dollars"}.get(axis, axis.replace("_", " "))


def _is_priced(surface: Surface, axis: str) -> bool:
    return all(cell.costs[axis] for cell in surface.cells)


def _uses_table(allowances: Sequence[Allowance], surface: Surface, axis: str) -> Table:
    table = new_table()
    for name in ("up to", "sequential", "parallel", "mix", "gain of the mix"):
        table.add_column(name, justify="right", no_wrap=True)
    for row in allowances:
        choices = (_choice(choice, surface.control) for choice in (row.sequential, row.parallel, row.mix))
        table.add_row(amount(row.cost, axis), *choices, _gain(row))
    return table


def _choice(choice: Choice | None, control: str) -> str:
    if choice is None:
        return "–"
    of_cell = choice.accuracy
    return f"{format_budget(choice.budget, control)} x {choice.k}\n{_percent(of_cell)}{_ends(of_cell)}"


def _gain(row: Allowance) -> str:
    if row.gain is None or row.gain.value is None:
        return "–"
    held_out = "–" if row.held_out_gain is None else _signed(row.held_out_gain)
    return f"{_signed(row.gain.value)}{_ends(row.gain)}\nheld out {held_out}"


def _signed(share: float) -> str:
    return f"{100 * share:+z.1f}"


def _ends(of: Interval) -> str:
    if of.ci_low is None or of.ci_high is None:
        return ""
    return f" ({100 * of.ci_low:z.0f}–{100 * of.ci_high:z.0f})"


def _remarks(uses: Uses, n_shown: int) -> Iterator[str]:
    if uses.n_left_out:
        of = f"{uses.n_problems:,} of {uses.n_problems + uses.n_left_out:,} problems"
        yield f"[yellow]allowances rest on the {of} that have attempts at every budget[/]"
    if n_left := len(uses.allowances) - n_shown:
        yield f"[dim]{n_left} smaller {'allowance is' if n_left == 1 else 'allowances are'} in the JSON only[/]"


def _percent(share: Interval | None) -> str:
    return "–" if share is None or share.value is None else f"{100 * share.value:.1f}"


def _budget_word(surface: Surface) -> str:
    return "effort" if surface.control == Control.EFFORT else "budget"


SECTION = Section(results=results, lines=lines, options=("axis",))
