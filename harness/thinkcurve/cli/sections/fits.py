"""The section ``fits``: forms of the curve, where it saturates, what a doubling brings, and s1's figures."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from thinkcurve.analysis.basis.interval import Interval
from thinkcurve.analysis.fitting.bands import AS_GOOD
from thinkcurve.analysis.fitting.beyond import Beyond
from thinkcurve.analysis.fitting.curve_fits import CurveFits, curve_fits
from thinkcurve.analysis.fitting.fits import TOLERANCE, Extrapolated, Fits, FormFit, Parameter
from thinkcurve.budget import format_budget
from thinkcurve.cli.beyond import check_beyond
from thinkcurve.cli.sections import Section
from thinkcurve.report.fitted import WORTH_SAYING

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.table import Table

    from thinkcurve.run import Run

FEW_DOUBLINGS = 0.25
"""Doublings below which a gain per doubling says more than was measured."""


def results(runs: Sequence[Run], *, axis: str | None = None, extrapolate: Beyond | None = None) -> list[CurveFits]:
    """The fits of each curve of each run, over ``axis`` (by default thinking tokens), no further than was measured.

    With ``extrapolate`` those go on that it is beyond; a `UsageError` where it is beyond none.
    """
    grids = [grid for run in runs for grid in run.grids]
    found = [curve_fits(grid, axis or "thinking_tokens", extrapolate_to=extrapolate) for grid in grids]
    if extrapolate is not None:
        check_beyond(extrapolate, [max(one.accuracy.x, default=0.0) for one in found], axis or "thinking_tokens")
    return found


def lines(found: CurveFits) -> Iterable[RenderableType]:
    """The fits of one curve as tables and lines."""
    from rich.markup import escape

    from thinkcurve.cli.show import short_model, short_task

    title = f"[bold]{escape(short_task(found.task))}[/] · {escape(short_model(found.model))} · {escape(found.control)}"
    yield f"{title} · accuracy over {found.axis.replace('_', ' ')} x"
    yield from _fit_lines(found.accuracy)
    yield from _extrapolated_lines(found.accuracy)
    if found.coverage:
        yield f"{title} · pass@x over x samples, budget {format_budget(found.coverage_budget, found.control)}"
        yield from _fit_lines(found.coverage)
    if found.gains:
        yield f"{title} · gain of a step and for each doubling, points"
        yield _gains_table(found)
        yield from _gains_remarks(found)
    yield from _saturation_lines(found)
    yield from _s1_lines(found)


def _fit_lines(fits: Fits) -> Iterable[RenderableType]:
    if all(form.largest_miss is None for form in fits.forms):
        yield f"[yellow]not identifiable: {fits.forms[0].reason}[/]"
    else:
        yield _forms_table(fits)
        if fits.scatter >= WORTH_SAYING:
            yield (
                f"[yellow]no form describes the points: they lie {100 * fits.scatter:.1f} points off the best of them, "
                "beyond sampling error; weights hold for that scatter[/]"
            )
        for form in fits.forms:
            if form.reason:
                yield f"[yellow]{form.form} is not identifiable: {form.reason}[/]"
            elif form.ceiling and form.saturates_at:
                yield _ceiling_words(form.form, form.ceiling, form.saturates_at)
            if form.n_failed and not form.reason:
                yield f"[yellow]{form.form}: {form.n_failed} of {form.n_resamples} resamples did not converge[/]"
        yield (
            f"[dim]weight: by AICc over {len(fits.x)} points, taken as independent, among forms that these suffice for "
            "(– where not); best: share of resamples of problems in which its AICc was the smallest; off: largest "
            "miss, in points[/]"
        )
    for words in fits.left_out:
        yield f"[yellow]{words}[/]"


def _extrapolated_lines(fits: Fits) -> Iterable[RenderableType]:
    """What forms that are identifiable say of an x beyond the points; nothing where nobody asked."""
    told = [(form, form.extrapolated) for form in fits.forms if form.extrapolated is not None]
    if not told:
        asked = any(form.band is not None and form.band.is_extrapolated[-1] for form in fits.forms)
        if asked:
            yield "[yellow]extrapolated: nothing, as no form is identifiable[/]"
        return
    x, largest = told[0][1].x, max(fits.x)
    yield (
        f"[bold]extrapolated[/] to x = {number(x)}, {number(x / largest)} times the largest measured "
        f"({number(largest)}); no point has tested this"
    )
    yield _extrapolated_table(fits, told)
    yield (
        "[dim]band: by resamples of problems, and wide enough for every form that fits the points about as well "
        f"(weight {AS_GOOD:g} or more); cut at 0 and 100 %[/]"
    )


def _extrapolated_table(fits: Fits, told: Sequence[tuple[FormFit, Extrapolated]]) -> Table:
    from thinkcurve.cli.show import new_table

    table = new_table()
    table.add_column("form", no_wrap=True)
    for name in ("weight", "accuracy, %", "95 % band"):
        table.add_column(name, justify="right", no_wrap=True)
    for form, at in told:
        name = f"[bold]{form.form}[/]" if form.form == fits.best else form.form
        weight = "–" if form.weight is None else f"{form.weight:.2f}"
        value, low, high = (f"{100 * (end or 0.0):.1f}" for end in (at.value, at.ci_low, at.ci_high))
        table.add_row(name, weight, f"{value} extrapolated", f"{low} – {high}")
    return table


def _ceiling_words(form: str, ceiling: Parameter, saturates_at: Parameter) -> str:
    """Where a form that ends has its end, and from which x it is near it."""
    if ceiling.value is None:
        return f"{form}: no end"
    level = f"{form}: ends at {100 * ceiling.value:.1f} %"
    if ceiling.ci_low is not None and ceiling.ci_high is not None:
        level += f" ({100 * ceiling.ci_low:.1f} – {100 * ceiling.ci_high:.1f})"
    if saturates_at.value is None:
        return f"{level}; within {100 * TOLERANCE:g} points of it only beyond the measured range"
    return f"{level}; within {100 * TOLERANCE:g} points of it from x = {number(saturates_at.value)} on"


def _forms_table(fits: Fits) -> Table:
    from thinkcurve.cli.show import new_table

    table = new_table()
    table.add_column("form", no_wrap=True)
    for name in ("weight", "best", "off", "", "value", "95 % interval"):
        table.add_column(name, justify="right", no_wrap=True)
    for form in fits.forms:
        for row in _rows(form, is_best=form.form == fits.best):
            table.add_row(*row)
    return table


def _rows(form: FormFit, *, is_best: bool) -> Iterable[list[str]]:
    """A row for each parameter: the form's name and figures stand in the first, its formula in the second."""
    name = f"[bold]{form.form}[/]" if is_best else form.form
    weight = "–" if form.weight is None else f"{form.weight:.2f}"
    best_in = "–" if form.best_in is None else f"{100 * form.best_in:.0f} %"
    off = "–" if form.largest_miss is None else f"{100 * form.largest_miss:.1f}"
    heads = [[name, weight, best_in, off], [f"[dim]{form.formula}[/]", "", "", ""]]
    if not any(parameter.is_identifiable for parameter in form.parameters):
        yield [*heads[0], "", "", "not identifiable"]
        yield [*heads[1], "", "", ""]
        return
    for i, parameter in enumerate(form.parameters):
        head = heads[i] if i < len(heads) else [""] * 4
        if not parameter.is_identifiable or parameter.value is None:
            yield [*head, parameter.name, "", "not identifiable"]
        else:
            yield [*head, parameter.name, number(parameter.value), span(parameter.ci_low, parameter.ci_high)]


def _gains_table(found: CurveFits) -> Table:
    from thinkcurve.cli.show import new_table

    table = new_table()
    for name in ("from", "to", "gain", "95 % interval", "doublings", "each", "95 % interval"):
        table.add_column(name, justify="right", no_wrap=True)
    for gain in found.gains:
        is_short = gain.doublings is None or abs(gain.doublings) < FEW_DOUBLINGS
        table.add_row(
            format_budget(gain.start, found.control),
            format_budget(gain.end, found.control),
            *_points(gain.gain),
            "–" if gain.doublings is None else f"{gain.doublings:.2f}",
            *(("–", "") if is_short else _points(gain.per_doubling)),
        )
    return table


def _gains_remarks(found: CurveFits) -> Iterable[str]:
    """Steps of which some problems have one end only."""
    for gain in found.gains:
        if gain.n_left_out:
            start, end = (format_budget(budget, found.control) for budget in (gain.start, gain.end))
            n = gain.n_problems + gain.n_left_out
            yield f"[yellow]{start} to {end}: {gain.n_left_out} of {n} problems have attempts at one end only[/]"


def _points(interval: Interval) -> tuple[str, str]:
    """An accuracy and its interval in points of a hundred, with signs."""
    if interval.value is None:
        return "–", ""
    value = f"{100 * interval.value:+.1f}"
    if interval.ci_low is None and interval.ci_high is None:
        return value, "no interval"
    ends = ("?" if end is None else f"{100 * end:+.1f}" for end in (interval.ci_low, interval.ci_high))
    return value, " – ".join(ends)


def _saturation_lines(found: CurveFits) -> Iterable[str]:
    saturation = found.saturation
    if saturation is None:
        return
    end = "the natural end" if saturation.is_natural_end else "the largest budget"
    points = f"{100 * saturation.tolerance:g} points"
    if saturation.budget is None:
        text = f"not reached: the last step, to {end}, still gains more than {points}"
    else:
        text = f"from budget {format_budget(saturation.budget, found.control)} on, within {points} of {end}"
    if not saturation.has_interval:
        yield f"saturation: {text}; no interval from one problem or group"
        return
    ends = [
        "not reached" if budget is None else format_budget(budget, found.control)
        for budget in (saturation.ci_low, saturation.ci_high)
    ]
    span = ends[0] if ends[0] == ends[1] else f"{ends[0]} – {ends[1]}"
    often = "" if saturation.reached_in is None else f"; reached in {100 * saturation.reached_in:.0f} % of resamples"
    yield f"saturation: {text} (95 %: {span}{often})"


def _s1_lines(found: CurveFits) -> Iterable[str]:
    s1 = found.s1
    control = "–" if s1.control is None else f"{100 * s1.control:.0f} %"
    if s1.control_attempts is not None:
        control += f" of budgets, {100 * s1.control_attempts:.1f} % of attempts"
    per_doubling = s1.scaling_per_doubling
    scaling = "–" if per_doubling.value is None else "{} ({}) per doubling".format(*_points(per_doubling))
    top = "–"
    if s1.performance is not None:
        top = f"{100 * s1.performance:.1f} % at {format_budget(s1.performance_budget, found.control)}"
    yield f"s1: Control {control}"
    yield f"    Scaling {scaling}"
    yield from _per_token_lines(found)
    yield f"    Performance {top}"


def _per_token_lines(found: CurveFits) -> Iterable[str]:
    """Scaling as printed in s1's paper, with its unit; what it would be over more than was measured is no accuracy."""
    per_token = found.s1.scaling_per_token
    if per_token.value is None:
        return
    value = signed(1e5 * per_token.value)
    ends = "no interval"
    if per_token.ci_low is not None and per_token.ci_high is not None:
        ends = f"{signed(1e5 * per_token.ci_low)} – {signed(1e5 * per_token.ci_high)}"
    yield f"            {value} ({ends}) points of accuracy per 1,000 tokens"
    if abs(1e3 * per_token.value) > 1:
        yield (
            "[yellow]more than 100 points per 1,000 tokens: a mean of slopes over few tokens, ruled by the points that "
            "lie closest; the one per doubling says more[/]"
        )


def number(value: float) -> str:
    """Three digits that count: ``1,234``, ``12.3``, ``3.00``, ``0.0123``."""
    size = abs(value)
    if 1000 <= size < 1e6:
        return f"{value:,.0f}"
    return "0" if value == 0 else f"{value:#.3g}".rstrip(".")


def signed(value: float) -> str:
    """The same with its sign."""
    return ("+" if value >= 0 else "") + number(value)


def span(low: float | None, high: float | None) -> str:
    """An interval; an end that is not known, or beyond the points, is a question mark."""
    return " – ".join("?" if end is None else number(end) for end in (low, high))


SECTION = Section(results, lines, ("axis", "extrapolate"))
