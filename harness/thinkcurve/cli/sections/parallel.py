"""Section ``parallel``: what k samples are worth at each budget, by what chooses among them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from rich.console import RenderableType
from rich.markup import escape
from rich.table import Table

from thinkcurve.analysis.basis.interval import Interval
from thinkcurve.analysis.parallel.measures import AtBudget, Measures, measures_of
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


def results(runs: Sequence[Run]) -> list[Measures]:
    """What k samples are worth on each curve of runs."""
    return [measures_of(grid) for run in runs for grid in run.grids]


def lines(found: Measures) -> Iterator[RenderableType]:
    """A table for each measure, budgets down and k across."""
    title = f"[bold]{escape(short_task(found.task))}[/] · {escape(short_model(found.model))} · {escape(found.control)}"
    if found.n_samples < 2:
        yield f"{title}: one sample of each problem, so there is nothing to choose among"
        return
    yield title
    measures = dict.fromkeys(name for at in found.budgets for name in at.chances)
    for name in (name for name in measures if any(_goes_on(at, name) for at in found.budgets)):
        yield f"\n{escape(name)}, %: {WORDS[name.partition(' ')[0]]}"
        yield _table(found, name)
    yield from _remarks(found)


def _goes_on(at: AtBudget, name: str) -> bool:
    """Whether a measure is known of more than one sample."""
    return len(at.chances.get(name, {})) > 1


def _common(found: Measures) -> int:
    """The largest k that every budget has, or else the largest of all."""
    fewest = min(at.n_samples for at in found.budgets)
    return fewest if fewest > 1 else found.n_samples


def shown(n: int) -> list[int]:
    """Powers of two up to n, and n; where those are too many 1 and the last ones."""
    powers = [2**i for i in range(n.bit_length())]
    every = powers if powers[-1] == n else [*powers, n]
    return every if len(every) <= MOST_COLUMNS else [1, *every[1 - MOST_COLUMNS :]]


def _table(found: Measures, name: str) -> Table:
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


def _percent(chance: Interval | None) -> str:
    return "–" if chance is None or chance.value is None else f"{100 * chance.value:.1f}"


def _interval(chance: Interval | None) -> str:
    if chance is None or chance.ci_low is None or chance.ci_high is None:
        return "–"
    return f"{100 * chance.ci_low:.1f} – {100 * chance.ci_high:.1f}"


def _remarks(found: Measures) -> Iterator[str]:
    """What is not known, and what is not exact."""
    yield from different_problems(found.control, {at.budget: at.n_problems for at in found.budgets})
    for name, why in found.unknown.items():
        holed = [at for at in found.budgets if len(at.chances.get(name, {})) < at.n_samples]
        some = ", ".join(format_budget(at.budget, found.control) for at in holed)
        places = "" if len(holed) == len(found.budgets) else f" at {some}"
        beyond = " beyond k = 1, where it is the accuracy" if any(name in at.chances for at in holed) else ""
        yield f"[yellow]{escape(name)} is not known{places}{beyond}: {escape(why)}[/]"
    if _common(found) < found.n_samples:
        yield f"[yellow]some budgets have no more than {_common(found)} samples of every problem; the JSON goes on[/]"
    for name, ks in found.sampled.items():
        some = " to ".join(map(str, sorted({min(ks), max(ks)})))
        yield f"[dim]{escape(name)}: estimated from {found.n_subsets} random subsets a problem at k = {some}[/]"
    if found.n_uncompared + found.n_unsettled:
        n = found.n_uncompared + found.n_unsettled
        words = "1 pair of wrong answers" if n == 1 else f"{n:,} pairs of wrong answers"
        yield f"[yellow]{words} may be the same and count as two: votes are upper bounds[/]"


def different_problems(control: str, n_problems: Mapping[int | None, int]) -> Iterator[str]:
    """A line where the budgets of a table rest on different numbers of problems."""
    if len(set(n_problems.values())) > 1:
        each = ", ".join(f"{n:,} at {format_budget(budget, control)}" for budget, n in n_problems.items())
        yield f"[yellow]the budgets rest on different problems: {each}[/]"


SECTION = Section(results=results, lines=lines)
