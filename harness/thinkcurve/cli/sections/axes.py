"""The section ``axes``: each budget against every measure of compute, and what the run really spent."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from thinkcurve.analysis.basis.axes import AXES, BudgetCosts, Ledger, ledgers_of
from thinkcurve.budget import format_budget
from thinkcurve.cli.sections import Section
from thinkcurve.report.run_report.words import amount

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.table import Table

    from thinkcurve.run import Run

WORDS = {
    "thinking_tokens": "thinking",
    "generated_tokens": "generated",
    "total_tokens": "total",
    "flops": "FLOPs",
    "wall_s": "seconds",
    "joules": "joules",
    "usd": "dollars",
}
"""Short names of `AXES`, for the head of a table."""
MOST = 6
"""Measures that fit 80 columns; thinking and total tell what was generated."""


def results(runs: Sequence[Run]) -> list[Ledger]:
    """A ledger for each curve of each run."""
    return [ledger for run in runs for ledger in ledgers_of(run.tables.attempts, run.tables.traces, run.grids)]


def lines(ledger: Ledger) -> Iterable[RenderableType]:
    """A ledger as two tables and a remark."""
    from rich.markup import escape

    from thinkcurve.cli.show import short_model, short_task

    yield (
        f"[bold]{escape(short_task(ledger.task))}[/] · {escape(short_model(ledger.model))} · {escape(ledger.control)}"
        " · mean cost of an attempt alone"
    )
    known = [axis for axis in AXES if any(point.alone[axis] is not None for point in ledger.budgets)]
    yield _alone(ledger, known if len(known) <= MOST else [axis for axis in known if axis != "generated_tokens"])
    if unknown := [WORDS[axis] for axis in AXES if axis not in known]:
        yield f"[yellow]not known: {', '.join(unknown)}[/]"
    spending = [spent for spent in ledger.spending if spent.alone is not None or spent.spent is not None]
    if spending:
        yield _spent(ledger)


def _alone(ledger: Ledger, known: Sequence[str]) -> Table:
    from thinkcurve.cli.show import new_table

    table = new_table()
    first = "effort" if any(point.effort for point in ledger.budgets) else "budget"
    for name in (first, "right, %", *(WORDS[axis] for axis in known)):
        table.add_column(name, justify="right", no_wrap=True)
    for point in ledger.budgets:
        table.add_row(*_cells(point, ledger.control, known))
    return table


def _cells(point: BudgetCosts, control: str, known: Sequence[str]) -> list[str]:
    accuracy = "–" if point.accuracy is None else f"{100 * point.accuracy:.1f}"
    return [format_budget(point.budget, control), accuracy, *(amount(point.alone[axis], axis) for axis in known)]


def _spent(ledger: Ledger) -> Table:
    from thinkcurve.cli.show import new_table

    table = new_table()
    table.add_column("in all", no_wrap=True)
    for name in ("alone", "spent", "on traces", "on answers", "spent / alone"):
        table.add_column(name, justify="right", no_wrap=True)
    for spent in ledger.spending:
        if spent.alone is not None or spent.spent is not None:
            figures = (spent.alone, spent.spent, spent.traces, spent.answers)
            ratio = "–" if spent.ratio is None else f"{spent.ratio:.2f}"
            table.add_row(WORDS[spent.axis], *(amount(figure, spent.axis) for figure in figures), ratio)
    return table


SECTION = Section(results, lines)
