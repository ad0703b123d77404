"""Section ``items``: each problem, and models ranked where they were not all asked the same ones."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, TypeVar

import msgspec
from rich.console import RenderableType
from rich.markup import escape
from rich.table import Table

from thinkcurve.analysis.comparison.sameness import Alike, alike, alike_of
from thinkcurve.analysis.items.abilities import Abilities, abilities_of
from thinkcurve.analysis.items.discrimination import FEWEST_RESPONDENTS
from thinkcurve.analysis.items.items import Item, ItemTable, items_of
from thinkcurve.budget import format_budget
from thinkcurve.cli.sections import Section
from thinkcurve.cli.show import new_table, short_model, short_task
from thinkcurve.report.labels import plain

if TYPE_CHECKING:
    from thinkcurve.run import Run

Told = TypeVar("Told", ItemTable, Abilities)
MOST_ITEMS = 20
MOST_RANKS = 20
"""Rows that are printed; the JSON has all."""
LONGEST_NAME, LONGEST_LEVEL, LONGEST_MODEL = 18, 8, 22
FLAGS = {
    "never_right": "never right",
    "always_right": "always right",
    "right_then_wrong": "right, then wrong",
    "against_the_rest": "against the rest",
}
EXPLAINED = (
    "✓ all samples right, x wrong, . no answer, ! unverified, – none; a digit is tenths of samples right. b*: from "
    "there on at least half are right. Falls and rises are as drawn: with few samples much of it is luck. "
)
CORRELATED = (
    "r: correlation with the other problems within budgets, over {n} samples of models. Against the rest: where r is "
    "below 0 by more than chance explains; of those named one in twenty may be chance."
)
UNCORRELATED = "r needs {n} samples of one model or of several: there are fewer."


def results(runs: Sequence[Run]) -> list[ItemTable | Abilities]:
    """The problems of each grid, then a ranking for each task that more than one model or run was given."""
    groups = alike(runs)
    tables: list[ItemTable | Abilities] = []
    for place, run in enumerate(runs):
        for grid in run.grids:
            group = alike_of(groups, grid.task, place)
            tables.append(_noted(items_of(grid, group.grids(runs)), group))
    ranked = [(group, group.grids(runs)) for group in groups]
    return [*tables, *(_noted(abilities_of(grids), group) for group, grids in ranked if len(grids) > 1)]


def _noted(table: Told, group: Alike) -> Told:
    return msgspec.structs.replace(table, notes=(group.remark,)) if group.remark else table


def lines(record: ItemTable | Abilities) -> Iterator[RenderableType]:
    """The most telling problems of a grid, or a ranking."""
    yield from _ranking(record) if isinstance(record, Abilities) else _items(record)
    for note in record.notes:
        yield f"[yellow]{escape(plain(note))}[/]"


def _items(found: ItemTable) -> Iterator[RenderableType]:
    title = f"[bold]{escape(plain(short_task(found.task)))}[/] · {escape(plain(short_model(found.model)))}"
    yield f"{title} · {escape(found.control)} · {len(found.items):,} problems"
    counts = {flag: sum(flag in item.flags for item in found.items) for flag in FLAGS}
    solved = sum(item.is_solved for item in found.items)
    flagged = "; ".join(f"{words} {counts[flag]:,}" for flag, words in FLAGS.items() if counts[flag])
    yield f"solved in the end {solved:,}" + (f"; {flagged}" if flagged else "")
    if len(found.items) > MOST_ITEMS:
        yield f"The {MOST_ITEMS} that fall most as the budget grows, then those that rise most:"
    yield _items_table(found)
    has_r = any(item.discrimination is not None for item in found.items)
    of_r = CORRELATED if has_r else UNCORRELATED
    yield f"[dim]{EXPLAINED}{of_r.format(n=f'{found.n_respondents:,}' if has_r else FEWEST_RESPONDENTS)}[/]"


def _items_table(found: ItemTable) -> Table:
    shown = found.items[:MOST_ITEMS]
    table = new_table()
    table.add_column("problem", no_wrap=True)
    has_level, has_group = any(item.level for item in shown), any(item.group for item in shown)
    for name in ["level"] * has_level + ["group"] * has_group:
        table.add_column(name, no_wrap=True)
    first, last = (format_budget(budget, found.control) for budget in (found.budgets[0], found.budgets[-1]))
    table.add_column(f"{first}…{last}" if len(found.budgets) > 1 else first, no_wrap=True)
    for name in ("last %", "b*", "r"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("")
    for item in shown:
        names = [_short(item.level, LONGEST_LEVEL)] * has_level + [_short(item.group, LONGEST_LEVEL)] * has_group
        table.add_row(_name(item.problem, found.task), *names, *_cells(item, found))
    return table


def _cells(item: Item, found: ItemTable) -> list[str]:
    last = item.accuracies[-1]
    return [
        item.pattern,
        "–" if last is None else f"{100 * last:.0f}",
        format_budget(item.sufficient_budget, found.control) if item.is_solved else "–",
        "–" if item.discrimination is None else f"{item.discrimination:+.2f}",
        ", ".join(FLAGS[flag] for flag in item.flags),
    ]


def _name(problem: str, task: str) -> str:
    """A problem without the name of its task, which the title has."""
    word = plain(problem.removeprefix(f"{task}/"))
    return escape(word if len(word) <= LONGEST_NAME else f"…{word[1 - LONGEST_NAME :]}")


def _short(text: str | None, longest: int) -> str:
    word = "–" if text is None else plain(text)
    return escape(word if len(word) <= longest else word[: longest - 1] + "…")


def _ranking(found: Abilities) -> Iterator[RenderableType]:
    yield f"[bold]{escape(plain(short_task(found.task)))}[/] · ranking by ability, {found.n_problems:,} problems"
    if found.reason:
        yield f"[yellow]no ranking: {escape(found.reason)}[/]"
        return
    yield _ranking_table(found)
    if len(found.ranking) > MOST_RANKS:
        yield f"[dim]the first {MOST_RANKS} of {len(found.ranking)}[/]"
    if not found.has_converged:
        yield "[yellow]the fit did not settle: take the order as rough[/]"
    if found.n_common < found.n_problems:
        yield f"[yellow]only {found.n_common:,} of {found.n_problems:,} problems were asked of all[/]"
    slopes = (
        "2PL: a slope for each problem"
        if found.fitted == "2pl"
        else f"Rasch: one slope for all problems, as {len(found.ranking)} respondents are too few for one of each"
    )
    yield (
        f"[dim]{slopes}. Raw: over the problems asked. Expected: over all, with its 95 % interval. > next: the chance "
        "of being better than the next. Without enough problems in common abilities are drawn together.[/]"
    )


def _ranking_table(found: Abilities) -> Table:
    table = new_table()
    table.add_column("model", no_wrap=True)
    table.add_column("budget", justify="right", no_wrap=True)
    for name in ("asked", "raw", "expected", "95 % interval", "> next"):
        table.add_column(name, justify="right", no_wrap=True)
    repeated = {one.model for one in found.ranking if one.place > 1}
    for one in found.ranking[:MOST_RANKS]:
        number = f" ({one.place})" if one.model in repeated else ""
        name = _short(short_model(one.model), LONGEST_MODEL - len(number)) + number
        interval = f"{_percent(one.expected.ci_low)} – {_percent(one.expected.ci_high)}"
        better = "–" if one.better_than_next is None else f"{100 * one.better_than_next:.0f} %"
        shares = (_percent(one.raw), _percent(one.expected.value), interval, better)
        table.add_row(name, format_budget(one.budget, one.control), f"{one.n_problems:,}", *shares)
    return table


def _percent(share: float | None) -> str:
    return "–" if share is None else f"{100 * share:.1f}"


SECTION = Section(results, lines)
