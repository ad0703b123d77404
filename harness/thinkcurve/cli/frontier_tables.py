"""A frontier as tables and lines for a terminal of 80 columns."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from thinkcurve.analysis.basis.interval import Interval
from thinkcurve.analysis.frontiers.density import Density
from thinkcurve.analysis.frontiers.frontier import OnAxis, SizeComparison
from thinkcurve.analysis.frontiers.sizes import Versus
from thinkcurve.budget import format_budget
from thinkcurve.cli.sections.axes import WORDS
from thinkcurve.report.run_report.words import amount, scaled

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.table import Table

    from thinkcurve.cli.sections.frontier import Frontier

MOST_POINTS = 40
"""Points that are printed, those on the frontier and the likeliest others; the JSON has all."""
FEW = 200
"""Common problems below which a low share of resamples says little: of points that were on it in less than 5 % of
resamples, 36 of 100 are on the true frontier at 30 problems and 8 at 200 (docs/statistics.md)."""
LONGEST = 18
"""Characters of a curve's name that fit beside the figures."""


def lines(frontier: Frontier) -> Iterable[RenderableType]:
    """A frontier as tables: its points, accuracy at equal cost, cost of an accuracy, sizes, density."""
    from rich.markup import escape

    from thinkcurve.cli.show import short_task
    from thinkcurve.report.labels import plain

    models = f"{len(frontier.curves)} curve{'s' if len(frontier.curves) > 1 else ''}"
    problems = f"{frontier.n_common:,} common problem{'' if frontier.n_common == 1 else 's'}"
    yield f"[bold]{escape(short_task(frontier.task))}[/] · {models} · {problems}"
    for note in frontier.notes:
        yield f"[yellow]{escape(plain(note))}[/]"
    if frontier.on is not None:
        yield from _on_axis(frontier, frontier.on)
    elif frontier.n_common and not frontier.axes:
        yield "[yellow]no measure of compute is known: there is no frontier[/]"
    yield from _density_lines(frontier)


def _on_axis(frontier: Frontier, on: OnAxis) -> Iterable[RenderableType]:
    from rich.markup import escape

    yield f"[dim]cost: {_axis_words(on.axis)} of an attempt alone, mean[/]"
    if others := ", ".join(axis for axis in frontier.axes if axis != on.axis):
        yield f"[dim]--axis: {others}[/]"
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


def _density_lines(frontier: Frontier) -> Iterable[RenderableType]:
    if frontier.densities:
        yield _densities(frontier)
        yield "[dim]a model of that family is measured by its other sizes, if it lies between them[/]"
    elif frontier.n_common and len({curve.model for curve in frontier.curves}) > 1:
        yield (
            "[dim]capability density: needs a model besides two sizes of one family (named alike but for the size, "
            "or --reference) at the same budgets[/]"
        )


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
    for name in ("budget", WORDS[on.axis], "accuracy", "95 % interval", "resamples"):
        table.add_column(name, justify="right", no_wrap=True)
    known = [p for p in on.points if p.cost is not None]
    likeliest = sorted(known, key=lambda p: (not p.is_on_frontier, -(p.resample_share or 0.0)))
    shown = likeliest[:MOST_POINTS]
    for point in sorted(shown, key=lambda p: (p.cost or 0.0, p.accuracy.value or 0.0)):
        table.add_row(
            ("[green]●[/] " if point.is_on_frontier else "  ") + _name(frontier, point.entry),
            format_budget(point.budget, frontier.curves[point.entry].control),
            amount(point.cost, on.axis),
            f"{100 * (point.accuracy.value or 0):.1f} %",
            _percent(point.accuracy),
            share(point.resample_share),
        )
    yield table
    if len(known) > len(shown):
        yield f"[dim]the {len(shown)} likeliest of {len(known)} points; --json has all[/]"
    if any(point.resample_share is not None for point in shown):
        low = f"; of {frontier.n_common} problems a low share says little" if frontier.n_common <= FEW else ""
        yield f"[dim]resamples: share of resamples of problems that have the point on the frontier{low}[/]"


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
            found = cells[entry, cost].accuracy
            if found.value is None:
                row.append("–")
            elif found.ci_low is None or found.ci_high is None:
                row.append(f"{100 * found.value:.0f}" + (" (?)" if frontier.n_common > 1 else ""))
            else:
                row.append(f"{100 * found.value:.0f} ({100 * found.ci_low:.0f}–{100 * found.ci_high:.0f})")
        table.add_row(_name(frontier, entry), *row)
    yield table
    figures = [found.accuracy for found in on.at_cost]
    if any(figure.value is None for figure in figures):
        yield "[dim]–: out of the range of its ladder[/]"
    if frontier.n_common > 1 and any(f.value is not None and f.ci_low is None for f in figures):
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
            ("≤ " if found.is_at_most else "") + amount(found.cost.value, on.axis),
            "–" if found.not_reached is None else _reach_interval(found.cost, on.axis),
            share(found.not_reached),
        )
    return table


def _percent(figure: Interval) -> str:
    if figure.ci_low is None or figure.ci_high is None:
        return "–"
    return f"{100 * figure.ci_low:.1f} – {100 * figure.ci_high:.1f}"


def _reach_interval(found: Interval, axis: str) -> str:
    if found.ci_low is None:
        return "never"
    return f"{amount(found.ci_low, axis)} – {_or_never(found.ci_high, axis)}"


def _sizes(frontier: Frontier, on: OnAxis) -> Iterable[RenderableType]:
    yield f"[bold]small thinking long, large thinking short[/] at equal {_axis_words(on.axis)}, % of resamples"
    if on.axis.endswith("tokens"):
        yield "[yellow]equal tokens are not equal cost: those of a large model cost more[/]"
    for pair in on.sizes:
        yield from _pair(frontier, on.axis, pair)
    if on.n_pairs > len(on.sizes):
        yield f"[dim]{on.n_pairs - len(on.sizes)} more pairs, of models off the frontier or of sizes further apart[/]"


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
    chance, start = share(found.p_larger_at_end), found.larger_from
    if start.value is None:
        return "large not better at the end" + ("" if chance == "–" else f" ({chance} better there)")
    where = "throughout" if start.value == found.low else f"from {amount(start.value, axis)} on"
    if found.p_larger_at_end is None:
        return f"large better {where}"
    low, high = (_or_never(end, axis) for end in (start.ci_low, start.ci_high))
    begins = "" if low == high else f" (from {low} – {high})"
    return f"large better {where}{begins}, {chance}"


def _or_never(cost: float | None, axis: str) -> str:
    return "never" if cost is None else amount(cost, axis)


def _densities(frontier: Frontier) -> Table:
    from rich.markup import escape

    from thinkcurve.cli.show import new_table
    from thinkcurve.report.labels import plain

    table = new_table()
    table.add_column("capability density", no_wrap=True)
    for name in ("budget", "active", "effective", "density", "95 % interval"):
        table.add_column(name, justify="right", no_wrap=True)
    for found in _last_budget(frontier.densities):
        size = frontier.curves[found.entry].active_parameters
        effective = "off below" if found.is_below else "off above" if found.is_above else _number(found.effective)
        density = found.density
        ends = ["?" if end is None else f"{end:.2f}" for end in (density.ci_low, density.ci_high)]
        table.add_row(
            _name(frontier, found.entry),
            format_budget(found.budget, frontier.curves[found.entry].control),
            _number(size),
            effective,
            "–" if density.value is None else f"{density.value:.2f}",
            "–" if density.ci_low is density.ci_high is None else f"{ends[0]} – {ends[1]}",
        )
    table.caption = f"reference family: {escape(plain(frontier.densities[0].family))}"
    return table


def _last_budget(densities: Sequence[Density]) -> list[Density]:
    """Each entry at the largest budget that it has a density at."""
    return list({found.entry: found for found in densities}.values())


def _number(value: float | None) -> str:
    return "–" if value is None else scaled(value)
