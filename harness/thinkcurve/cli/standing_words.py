"""A standing in words, and in a table for a terminal: what ``run`` and ``watch`` show of a run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from thinkcurve.budget import Budget, format_budget
from thinkcurve.cli.verify import printable
from thinkcurve.report.watch.standing import Pace, Standing
from thinkcurve.tariff import format_usd

if TYPE_CHECKING:
    from rich.console import Group
    from rich.table import Table

BAR_WIDTH = 20
COLUMNS = 80


def status(standing: Standing, pace: Pace, *, is_going: bool = True) -> str:
    """How much is done, how fast, what it cost and, of a run that is going on, how long it may take, in a line."""
    words = [f"{standing.done:,} of {standing.total:,} attempts"]
    speed = pace.per_second()
    if speed:
        words.append(f"{speed[1]:,.0f} tokens/s")
    if dollars := dollars_of(standing):
        words.append(dollars)
    left_s = pace.left_s(standing)
    if is_going and left_s is not None and standing.left:
        words.append(f"{clock(left_s)} left")
    if standing.failures:
        words.append(f"{len(standing.failures):,} failed")
    return "   ".join(words)


def scores(standing: Standing) -> str:
    """The accuracy so far at the largest budget that has any, by task; of several models, the one heard last."""
    if not standing.cells:
        return ""
    model, _, _ = next(reversed(standing.cells))
    for budget in reversed(standing.study.budgets):
        found = []
        for task in standing.tasks:
            cell = standing.cells.get((model, task, budget))
            if cell is not None and cell.accuracy is not None:
                found.append(f"{printable(task)} {cell.accuracy:.0%}")
        if found:
            of = f"{printable(model)}: " if len(standing.models) > 1 else ""
            return f"{of}{', '.join(found)} at {format_budget(budget, standing.study.control)}"
    return ""


def dollars_of(standing: Standing) -> str | None:
    """What was paid so far, where anything of it is known."""
    if standing.usd_spent is None:
        return None
    so_far = ("over " if standing.n_unpriced else "") + format_usd(max(0.0, standing.usd_spent))
    limit = standing.study.max_usd
    return so_far if limit is None else f"{so_far} of {format_usd(limit)}"


def clock(seconds: float) -> str:
    """``1:05``, ``2:03:10``, ``3 d 4 h``."""
    minutes, rest = divmod(round(seconds), 60)
    if minutes >= 48 * 60:
        return f"{minutes // 1440} d {minutes % 1440 // 60} h"
    return f"{minutes // 60}:{minutes % 60:02}:{rest:02}" if minutes >= 60 else f"{minutes}:{rest:02}"


def rendered(standing: Standing, pace: Pace, *, below: str = "", is_going: bool = True) -> Group:
    """A bar a budget with the accuracy so far of each task; of several models each has its bars or, done, a line."""
    from rich.console import Group
    from rich.text import Text

    parts: list[Any] = []
    for model in standing.models:
        begun = any(of == model for of, _, _ in standing.cells)
        done = sum(standing.done_at(budget, model) for budget in standing.study.budgets)
        each = standing.total // len(standing.models)
        if len(standing.models) > 1:
            parts.append(
                Text(f"{printable(model)}   {done:,} of {each:,}", style="bold", overflow="ellipsis", no_wrap=True)
            )
        if len(standing.models) == 1 or (begun and done < each):
            parts.append(_bars(standing, model))
    words = [status(standing, pace, is_going=is_going), below]
    return Group(*parts, *(Text(word, overflow="ellipsis", no_wrap=True) for word in words if word))


def _bars(standing: Standing, model: str) -> Table:
    from rich.progress_bar import ProgressBar
    from rich.table import Table
    from rich.text import Text

    each = standing.total // len(standing.models) // len(standing.study.budgets)
    table = Table.grid(padding=(0, 1))
    for budget in standing.study.budgets:
        bar = ProgressBar(total=max(each, 1), completed=standing.done_at(budget, model), width=BAR_WIDTH)
        cells = [Text(_score(standing, model, task, budget), no_wrap=True) for task in _that_fit(standing)]
        table.add_row(Text(format_budget(budget, standing.study.control), justify="right"), bar, *cells)
    return table


def _that_fit(standing: Standing) -> list[str]:
    """As many tasks as stand beside the bars in 80 columns, three at most."""
    fit: list[str] = []
    room = COLUMNS - BAR_WIDTH - 8
    for task in standing.tasks[:3]:
        room -= len(printable(task)) + 8
        if room < 0 and fit:
            break
        fit.append(task)
    return fit


def _score(standing: Standing, model: str, task: str, budget: Budget) -> str:
    cell = standing.cells.get((model, task, budget))
    share = "–" if cell is None or cell.accuracy is None else f"{100 * cell.accuracy:.0f} %"
    return f"{printable(task)} {share:>5}"
