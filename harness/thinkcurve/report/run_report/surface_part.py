"""The surface of a report: accuracy over budget and number of samples, and the best use of an allowance."""

from __future__ import annotations

from thinkcurve.analysis.parallel.surface import Allowance, Choice, Surface, Uses
from thinkcurve.budget import Control, format_budget
from thinkcurve.report.run_report.contents import Contents
from thinkcurve.report.run_report.heat import heat_cell, heat_table
from thinkcurve.report.run_report.markup import Markup, h, joined, table, tabs
from thinkcurve.report.run_report.words import AXES, UNKNOWN, amount, percent, signed, signed_span, span

WAYS = {
    "pass@k": "one of k samples is correct, and an oracle picks it",
    "maj@k": "the most frequent answer of k samples is correct",
    "best-of-k": "the one of k samples with the highest score is correct",
}
MOST_COLUMNS = 10
MOST_ROWS = 8
"""Allowances that are shown, the largest."""
EXPLAINED = (
    "Sequential is one sample at any budget, parallel so many at the largest one, the mix so many at any. The gain is "
    "of the mix over sequential; its interval chooses anew in each resample. Held out: chosen on one half of the "
    "problems and scored on the other, so that the choice does not flatter."
)


def surface_part(contents: Contents) -> Markup | None:
    """A heat map for each curve and way of making one answer of k; nothing where every problem has one sample."""
    found = [(contents.label(i, s), s) for i, part in enumerate(contents.parts) for s in part.surfaces]
    order = [contents.label(i, c) for i, part in enumerate(contents.parts) for c in part.curves]
    found.sort(key=lambda one: order.index(one[0]) if one[0] in order else len(order))
    panels = [(label, _surface(surface)) for label, surface in found if surface.n_samples > 1]
    if not panels:
        return None
    return h(
        "section",
        h("h2", "Longer or more: budget against samples"),
        h(
            "p",
            "Accuracy in % of one answer made of k samples, with its 95 % interval over problems. The bolder the "
            "colour, the higher.",
            class_="muted",
        ),
        tabs("Curve", panels),
        id="surface",
    )


def _surface(surface: Surface) -> Markup:
    return tabs("Way", [(way, _way(surface, way)) for way in surface.ways if _goes_on(surface, way)])


def _goes_on(surface: Surface, way: str) -> bool:
    return any(cell.k > 1 and way in cell.accuracy for cell in surface.cells)


def _way(surface: Surface, way: str) -> Markup:
    columns = _columns(surface.n_samples)
    cells = {(cell.budget, cell.k): cell.accuracy.get(way) for cell in surface.cells}
    first = "effort" if surface.control == Control.EFFORT else "budget"
    rows = []
    for budget in dict.fromkeys(cell.budget for cell in surface.cells):
        found = [cells.get((budget, k)) for k in columns]
        row = [heat_cell(None) if one is None else heat_cell(one.value, one.ci_low, one.ci_high) for one in found]
        rows.append([format_budget(budget, surface.control), *row])
    heads = [first, *(f"k = {k}" for k in columns)]
    note = f"{way}: {WAYS.get(way.partition(' ')[0], 'one answer is made of k samples')}."
    uses = next((one for one in surface.uses if one.way == way and one.allowances), None)
    return joined([heat_table(f"{way} over budget and k", heads, rows, note), _uses(uses, surface) if uses else None])


def _columns(n: int) -> list[int]:
    """Powers of two up to n, and n; where those are too many 1 and the last ones."""
    powers = [2**i for i in range(n.bit_length())]
    every = powers if powers[-1] == n else [*powers, n]
    return every if len(every) <= MOST_COLUMNS else [1, *every[1 - MOST_COLUMNS :]]


def _uses(uses: Uses, surface: Surface) -> Markup:
    shown = uses.allowances[-MOST_ROWS:]
    heads = ["up to", "sequential", "parallel", "mix", "gain of the mix, points", "held out"]
    rows = [
        [
            amount(one.cost, uses.axis),
            *(_choice(choice, surface.control) for choice in (one.sequential, one.parallel, one.mix)),
            *_gain(one),
        ]
        for one in shown
    ]
    left = f" {uses.n_left_out:,} problems without all budgets are left out." if uses.n_left_out else ""
    return joined(
        [
            h("h3", f"Best use of an allowance of {AXES[uses.axis].name} a problem, as budget × samples"),
            table("Best use of an allowance", heads, rows, note=EXPLAINED + left),
        ]
    )


def _choice(choice: Choice | None, control: str) -> Markup:
    if choice is None:
        return h("td", UNKNOWN, class_="num")
    of = choice.accuracy
    ends = f"{percent(of.value)} ({span(of.ci_low, of.ci_high)})"
    return h("td", f"{format_budget(choice.budget, control)} × {choice.k}", h("small", ends), class_="num")


def _gain(row: Allowance) -> list[str | Markup]:
    if row.gain is None or row.gain.value is None:
        return [UNKNOWN, UNKNOWN]
    ends = h("small", signed_span(row.gain.ci_low, row.gain.ci_high))
    return [h("td", signed(row.gain.value), ends, class_="num"), signed(row.held_out_gain)]
