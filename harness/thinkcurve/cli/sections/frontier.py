"""The section ``frontier``: over all runs of a task, which model and budget is best at a cost."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import msgspec
import numpy as np

from thinkcurve.analysis.basis.axes import AXES
from thinkcurve.analysis.basis.grid import grids_of
from thinkcurve.analysis.frontiers.density import Density, densities
from thinkcurve.analysis.frontiers.frontier import CostToReach, OnAxis, SizeComparison, on_axis
from thinkcurve.analysis.frontiers.points import Entry, Points, points_of
from thinkcurve.analysis.frontiers.sizes import Versus
from thinkcurve.budget import format_budget
from thinkcurve.cli.sections import Section
from thinkcurve.cli.sections.axes import WORDS, amount, scaled

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.table import Table

    from thinkcurve.run import Run
    from thinkcurve.store import TaskRecord

LEAST = 0.05
"""Points that are on the frontier in fewer resamples than this share are counted, not printed."""
MOST_PAIRS = 8
"""Pairs of sizes that are printed."""
LONGEST = 18
"""Characters of a curve's name that fit beside the figures."""


class Curve(msgspec.Struct, frozen=True):
    """One curve that takes part. ``label`` tells it from the others of its task."""

    label: str
    model: str
    control: str
    run: str
    active_parameters: int | None
    n_problems: int


class Frontier(msgspec.Struct, frozen=True):
    """All curves of one task. Figures name a curve by its place (``entry``) in ``curves``.

    ``n_common`` problems are those that every point has an attempt on, of ``n_problems`` that any has; all figures are
    of these. ``axis`` is the measure that is printed, ``on`` has all that are known for any curve.
    """

    task: str
    version: str
    n_common: int
    n_problems: int
    curves: tuple[Curve, ...]
    axis: str | None
    on: dict[str, OnAxis]
    densities: tuple[Density, ...]
    notes: tuple[str, ...]


def results(runs: Sequence[Run]) -> list[Frontier]:
    """A frontier for each task of the runs; a task of another version or with other problems is another task."""
    groups: dict[str, list[tuple[TaskRecord, list[Entry]]]] = {}
    for run in runs:
        infos = {record.spec: record.info for record in run.manifest.models}
        records = {record.name: record for record in run.manifest.tasks}
        for grid in grids_of(run.attempts):
            info = infos.get(grid.model, {})
            entry = Entry(grid, run.path.name, str(info.get("name") or grid.model), info.get("active_parameters"))
            alike = groups.setdefault(grid.task, [])
            _group_of(alike, records[grid.task]).append(entry)
    return [
        _frontier(record, entries, is_split=len(alike) > 1) for alike in groups.values() for record, entries in alike
    ]


def _group_of(groups: list[tuple[TaskRecord, list[Entry]]], record: TaskRecord) -> list[Entry]:
    """Where a run of a task belongs: with the first whose version, and problems if as many, are the same."""
    for known, entries in groups:
        is_other = known.n_problems == record.n_problems and known.fingerprint != record.fingerprint
        if known.version == record.version and not is_other:
            return entries
    groups.append((record, []))
    return groups[-1][1]


def _frontier(record: TaskRecord, entries: Sequence[Entry], *, is_split: bool) -> Frontier:
    points = points_of(entries)
    labels = _labels(entries)
    curves = tuple(
        Curve(label, e.grid.model, e.grid.control, e.run, e.active_parameters, len(e.grid.problems))
        for label, e in zip(labels, entries, strict=True)
    )
    notes = _notes(points, labels, record if is_split else None)
    n = len(points.problems)
    if not n:
        return Frontier(record.name, record.version, 0, points.n_problems, curves, None, {}, (), notes)
    known = _known_axes(points)
    found = {axis: on_axis(points, axis) for axis in known}
    axis = next((a for a in ("flops", "thinking_tokens", *known) if known.get(a)), next(iter(known), None))
    return Frontier(record.name, record.version, n, points.n_problems, curves, axis, found, densities(points), notes)


def _known_axes(points: Points) -> dict[str, bool]:
    """The measures that any point has a cost on, and whether all have."""
    is_known = {axis: ~np.isnan(points.cost(points.everything, axis)) for axis in AXES}
    return {axis: bool(known.all()) for axis, known in is_known.items() if known.any()}


def _labels(entries: Sequence[Entry]) -> list[str]:
    """A name for each curve: its model, and whatever more it takes to tell it from the others."""
    from thinkcurve.cli.show import short_model

    parts = [(short_model(e.grid.model), e.grid.control, e.run) for e in entries]
    pairs = [part[:2] for part in parts]
    labels = []
    for model, control, run in parts:
        more = [control] if len({c for m, c, _ in parts if m == model}) > 1 else []
        more += [run] if pairs.count((model, control)) > 1 else []
        labels.append(" ".join([model, *more]))
    return labels


def _notes(points: Points, labels: Sequence[str], split: TaskRecord | None) -> tuple[str, ...]:
    """What a reader must know before the figures."""
    notes = []
    if split is not None:
        notes.append(
            f"version {split.version}, problems {split.fingerprint[:8]}: runs of a task of this name with others "
            "stand apart"
        )
    if points.empty:
        where = ", ".join(
            f"{labels[i]} at {format_budget(e.grid.budgets[b], e.grid.control)}"
            for i, b in points.empty
            for e in [points.entries[i]]
        )
        notes.append(f"no attempt came about, left out: {where}")
    n = len(points.problems)
    if not n:
        notes.append(f"no problem of {points.n_problems:,} has an attempt at every point: nothing can be compared")
    elif n < points.n_problems:
        notes.append(f"only {n:,} of {points.n_problems:,} problems have an attempt at every point: all rests on these")
    if n == 1:
        notes.append("one problem says nothing of others")
    if len({e.grid.model for e in points.entries}) < 2:
        notes.append("one model: capability density, and small against large, need more")
    return tuple(notes)


def lines(frontier: Frontier) -> Iterable[RenderableType]:
    """A frontier as tables: its points, accuracy at equal cost, cost of an accuracy, sizes, density."""
    from rich.markup import escape

    from thinkcurve.cli.show import short_task

    models = f"{len(frontier.curves)} curve{'s' if len(frontier.curves) > 1 else ''}"
    yield f"[bold]{escape(short_task(frontier.task))}[/] · {models} · {frontier.n_common:,} common problems"
    for note in frontier.notes:
        yield f"[yellow]{escape(note)}[/]"
    if frontier.axis is None:
        if frontier.n_common:
            yield "[yellow]no measure of compute is known: there is no frontier[/]"
        return
    on = frontier.on[frontier.axis]
    yield f"[dim]cost: {_axis_words(on.axis)} of an attempt alone, mean[/]"
    if on.entries_unknown:
        names = ", ".join(frontier.curves[i].label for i in on.entries_unknown)
        yield f"[yellow]{WORDS[on.axis]} not known, left out: {escape(names)}[/]"
    yield from _points(frontier, on)
    if on.at_cost:
        yield from _at_cost(frontier, on)
    if on.to_reach:
        yield _to_reach(frontier, on)
    if on.sizes:
        yield from _sizes(frontier, on)
    if frontier.densities:
        yield _densities(frontier)
    elif len({curve.model for curve in frontier.curves}) > 1:
        yield "[dim]capability density: no two sizes of one family (names alike but for the size) are known[/]"


def _axis_words(axis: str) -> str:
    return axis.replace("_", " ") if axis.endswith("tokens") else WORDS[axis]


def _name(frontier: Frontier, entry: int) -> str:
    from rich.markup import escape

    label = frontier.curves[entry].label
    half = LONGEST // 2
    return escape(label if len(label) <= LONGEST else f"{label[:half]}…{label[-half + 1 :]}")


def _points(frontier: Frontier, on: OnAxis) -> Iterable[RenderableType]:
    from thinkcurve.cli.show import new_table

    table = new_table()
    table.add_column("● on the frontier", no_wrap=True)
    for name in ("budget", WORDS[on.axis], "accuracy", "95 % interval", "chance"):
        table.add_column(name, justify="right", no_wrap=True)
    known = [p for p in on.points if p.cost is not None]
    shown = [p for p in known if p.is_on_frontier or (p.probability or 0) >= LEAST]
    for point in sorted(shown, key=lambda p: (p.cost or 0.0, p.accuracy)):
        table.add_row(
            ("[green]●[/] " if point.is_on_frontier else "  ") + _name(frontier, point.entry),
            format_budget(point.budget, frontier.curves[point.entry].control),
            amount(point.cost, on.axis),
            f"{100 * point.accuracy:.1f} %",
            f"{100 * point.ci_low:.1f} – {100 * point.ci_high:.1f}",
            share(point.probability),
        )
    yield table
    if len(known) > len(shown):
        yield f"[dim]{len(known) - len(shown)} more points are on it in less than {100 * LEAST:.0f} % of resamples[/]"


def share(probability: float | None) -> str:
    """A share of resamples in per cent, never rounded to none or all."""
    if probability is None:
        return "–"
    if 0 < probability < 0.01:
        return "< 1 %"
    return "> 99 %" if 0.99 < probability < 1 else f"{100 * probability:.0f} %"


def _at_cost(frontier: Frontier, on: OnAxis) -> Iterable[RenderableType]:
    from thinkcurve.cli.show import new_table

    costs = sorted({found.cost for found in on.at_cost})
    cells = {(found.entry, found.cost): found for found in on.at_cost}
    table = new_table()
    table.add_column("accuracy, %, at", no_wrap=True)
    for cost in costs:
        table.add_column(amount(cost, on.axis), justify="right", no_wrap=True)
    for entry in dict.fromkeys(found.entry for found in on.at_cost):
        row = []
        for cost in costs:
            found = cells[entry, cost]
            if found.accuracy is None:
                row.append("–")
            elif found.ci_low is None or found.ci_high is None:
                row.append(f"{100 * found.accuracy:.0f} (?)")
            else:
                row.append(f"{100 * found.accuracy:.0f} ({100 * found.ci_low:.0f}–{100 * found.ci_high:.0f})")
        table.add_row(_name(frontier, entry), *row)
    yield table
    if any(found.accuracy is None for found in on.at_cost):
        yield "[dim]–: out of the range of its ladder[/]"
    if any(found.accuracy is not None and found.ci_low is None for found in on.at_cost):
        yield "[dim](?): at the edge of its ladder, no interval[/]"


def _to_reach(frontier: Frontier, on: OnAxis) -> Table:
    from thinkcurve.cli.show import new_table

    table = new_table()
    table.add_column("cost to reach", no_wrap=True)
    for name in ("accuracy", WORDS[on.axis], "95 % interval", "not reached"):
        table.add_column(name, justify="right", no_wrap=True)
    for found in on.to_reach:
        table.add_row(
            _name(frontier, found.entry),
            f"{round(100 * found.target, 2):g} %",
            ("≤ " if found.is_at_most else "") + amount(found.cost, on.axis),
            _reach_interval(found, on.axis),
            share(found.not_reached),
        )
    return table


def _reach_interval(found: CostToReach, axis: str) -> str:
    if found.ci_low is None:
        return "never"
    return f"{amount(found.ci_low, axis)} – {_or_never(found.ci_high, axis)}"


def _sizes(frontier: Frontier, on: OnAxis) -> Iterable[RenderableType]:
    yield f"[bold]small thinking long, large thinking short[/] at equal {_axis_words(on.axis)}, % of resamples"
    if on.axis.endswith("tokens"):
        yield "[yellow]equal tokens are not equal cost: those of a large model cost more[/]"
    for pair in on.sizes[:MOST_PAIRS]:
        yield from _pair(frontier, on.axis, pair)
    if len(on.sizes) > MOST_PAIRS:
        yield f"[dim]and {len(on.sizes) - MOST_PAIRS} more pairs: --json[/]"


def _pair(frontier: Frontier, axis: str, pair: SizeComparison) -> Iterable[str]:
    found = pair.result
    yield f"{_name(frontier, pair.small)} against {_name(frontier, pair.large)}"
    ends = found.extremes
    if found.low is None or found.high is None:
        cheaper = "small" if ends.large_cost > ends.small_cost else "large"
        yield f"  no cost in common: the {cheaper} one is always the cheaper"
    else:
        yield f"  {amount(found.low, axis)} – {amount(found.high, axis)}: {_verdict(found, axis)}"
    yield (
        f"  longest small: {amount(ends.small_cost, axis)}, {100 * ends.small_accuracy:.0f} %; "
        f"shortest large: {amount(ends.large_cost, axis)}, {100 * ends.large_accuracy:.0f} %; "
        f"large better {share(ends.p_larger_better)}"
    )


def _verdict(found: Versus, axis: str) -> str:
    chance = share(found.p_larger_at_end)
    if found.larger_from is None:
        return f"large not better at the end ({chance} better there)"
    where = "throughout" if found.larger_from == found.low else f"from {amount(found.larger_from, axis)} on"
    low, high = (_or_never(end, axis) for end in (found.larger_from_low, found.larger_from_high))
    begins = "" if low == high else f" (from {low} – {high})"
    return f"large better {where}{begins}, {chance}"


def _or_never(cost: float | None, axis: str) -> str:
    return "never" if cost is None else amount(cost, axis)


def _densities(frontier: Frontier) -> Table:
    from rich.markup import escape

    from thinkcurve.cli.show import new_table

    table = new_table()
    table.add_column("capability density", no_wrap=True)
    for name in ("budget", "active", "effective", "density", "95 % interval"):
        table.add_column(name, justify="right", no_wrap=True)
    for found in _last_budget(frontier.densities):
        size = frontier.curves[found.entry].active_parameters
        effective = "off below" if found.is_below else "off above" if found.is_above else _number(found.effective)
        ends = ["?" if end is None else f"{end:.2f}" for end in (found.ci_low, found.ci_high)]
        table.add_row(
            _name(frontier, found.entry),
            format_budget(found.budget, frontier.curves[found.entry].control),
            _number(size),
            effective,
            "–" if found.density is None else f"{found.density:.2f}",
            "–" if found.ci_low is found.ci_high is None else f"{ends[0]} – {ends[1]}",
        )
    table.caption = f"reference family: {escape(frontier.densities[0].family)}"
    return table


def _last_budget(densities: Sequence[Density]) -> list[Density]:
    """Each entry at the largest budget that it has a density at."""
    return list({found.entry: found for found in densities}.values())


def _number(value: float | None) -> str:
    return "–" if value is None else scaled(value)


SECTION = Section(results, lines)
