"""Section ``parallel``: what k samples are worth at each budget, by what chooses among them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from rich.console import RenderableType
from rich.markup import escape
from rich.table import Table

from thinkcurve.analysis.basis.grid import grids_of
from thinkcurve.analysis.parallel.measures import Chance, Parallel, parallel_of
from thinkcurve.budget import Control, format_budget
from thinkcurve.cli.sections import Section
from thinkcurve.cli.show import new_table, short_model, short_task

if TYPE_CHECKING:
    from thinkcurve.run import Run

WORDS = {
    "pass@k": "one of k is correct",
    "pass^k": "all of k are correct",
    "maj@k": "the most frequent answer of k is correct, ties split",
    "best-of-k": "the one of k with the highest score is correct",
    "vote": "the answer with most weight among k is correct",
}
MOST_COLUMNS = 7
"""Columns of k that fit 80 characters beside an interval."""


def results(runs: Sequence[Run]) -> list[Parallel]:
    """What k samples are worth on each curve of runs."""
    return [parallel_of(grid) for run in runs for grid in grids_of(run.attempts)]


def lines(found: Parallel) -> Iterator[RenderableType]:
    """A table for each measure, budgets down and k across."""
    title = f"[bold]{escape(short_task(found.task))}[/] · {escape(short_model(found.model))} · {escape(found.control)}"
    if found.n_samples < 2:
        yield f"{title}: one sample of each problem, so there is nothing to choose among"
        return
    yield title
    measures = dict.fromkeys(name for at in found.budgets for name in at.chances)
    for name in measures:
        yield f"\n{escape(name)}, %: {WORDS[name.partition(' ')[0]]}"
        yield _table(found, name)
    yield from _remarks(found)


def _common(found: Parallel) -> int:
    """The largest k that every budget has, or else the largest of all."""
    fewest = min(at.n_samples for at in found.budgets)
    return fewest if fewest > 1 else found.n_samples


def shown(n: int) -> list[int]:
    """Powers of two up to n, and n; where those are too many 1 and the last ones."""
    powers = [2**i for i in range(n.bit_length())]
    every = powers if powers[-1] == n else [*powers, n]
    return every if len(every) <= MOST_COLUMNS else [1, *every[1 - MOST_COLUMNS :]]


def _table(found: Parallel, name: str) -> Table:
    table = new_table()
    columns = shown(_common(found))
    budget = "effort" if found.control == Control.EFFORT else "budget"
    for head in (budget, f"k = {columns[0]}", *map(str, columns[1:]), f"95 % at {columns[-1]}"):
        table.add_column(head, justify="right", no_wrap=True)
    for at in found.budgets:
        chances = at.chances.get(name, {})
        cells = [chances.get(str(k)) for k in columns]
        table.add_row(format_budget(at.budget, found.control), *map(_percent, cells), _interval(cells[-1]))
    return table


def _percent(chance: Chance | None) -> str:
    return "–" if chance is None else f"{100 * chance.mean:.1f}"


def _interval(chance: Chance | None) -> str:
    if chance is None or chance.ci_low is None or chance.ci_high is None:
        return "–"
    return f"{100 * chance.ci_low:.1f} – {100 * chance.ci_high:.1f}"


def _remarks(found: Parallel) -> Iterator[str]:
    """What is not known, and what is not exact."""
    for name, why in found.unknown.items():
        where = [format_budget(at.budget, found.control) for at in found.budgets if name not in at.chances]
        places = "" if len(where) == len(found.budgets) else f" at {', '.join(where)}"
        yield f"[yellow]{escape(name)} is not known{places}: {escape(why)}[/]"
    if _common(found) < found.n_samples:
        yield f"[yellow]some budgets have no more than {_common(found)} samples of every problem; the JSON goes on[/]"
    for name, ks in found.sampled.items():
        some = " to ".join(map(str, sorted({min(ks), max(ks)})))
        yield f"[dim]{escape(name)}: estimated from {found.n_subsets} random subsets a problem at k = {some}[/]"
    if found.n_uncompared + found.n_unsettled:
        n = found.n_uncompared + found.n_unsettled
        words = "1 pair of wrong answers" if n == 1 else f"{n:,} pairs of wrong answers"
        yield f"[yellow]{words} may be the same and count as two: votes are upper bounds[/]"


SECTION = Section(results=results, lines=lines)
