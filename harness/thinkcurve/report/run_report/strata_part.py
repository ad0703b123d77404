"""The strata of a report: accuracy by level, group and fifths of difficulty, over the ladder."""

from __future__ import annotations

from thinkcurve.analysis.items.strata import Cell, Strata, Stratum
from thinkcurve.budget import format_budget
from thinkcurve.report.labels import plain
from thinkcurve.report.run_report.contents import Contents
from thinkcurve.report.run_report.heat import heat_cell, heat_table
from thinkcurve.report.run_report.markup import Markup, h, tabs
from thinkcurve.report.run_report.words import named

NAMES = {"level": "by level", "group": "by group", "difficulty": "by difficulty"}
HEADS = {"level": "level", "group": "group", "difficulty": "fifth, hardest first"}
SOURCES = {
    "samples": "A sample is scored in the fifth that the problem's other samples give it, so that luck does not count.",
    "models": "The fifths are by how other models fare on the same problems, so that luck does not count.",
}
MOST_ROWS = 40
"""Strata that are shown, the largest; ``thinkcurve show --tables strata --json`` has all."""


def strata_part(contents: Contents) -> Markup | None:
    """A table for each curve and each thing that its problems differ in."""
    panels = []
    for i, part in enumerate(contents.parts):
        for curve in part.curves:
            label = contents.label(i, curve)
            own = [each for each in part.strata if contents.label(i, each) == label]
            if any(each.strata for each in own):
                panels.append((label, tabs("By", [(NAMES[each.by], _table(each)) for each in own])))
    if not panels:
        return None
    return h(
        "section",
        h("h2", "Accuracy by kind of problem"),
        h(
            "p",
            "Accuracy in % at each budget of the ladder (a column each), with its 95 % interval. The bolder the "
            "colour, the higher.",
            class_="muted",
        ),
        tabs("Curve", panels),
        id="strata",
    )


def _table(strata: Strata) -> Markup:
    if strata.reason:
        return h("p", " ".join([f"{strata.reason}.", *_notes(strata)]), class_="muted note")
    largest = sorted(strata.strata, key=lambda each: -each.n_problems)[:MOST_ROWS]
    shown = [each for each in strata.strata if each in largest]
    heads = [HEADS[strata.by], "problems", *(format_budget(b, strata.control) for b in strata.budgets)]
    rows = [[named(each.name), _count(each.n_problems), *_cells(each)] for each in shown]
    return heat_table(f"Accuracy {NAMES[strata.by]}", heads, rows, _note(strata, len(shown)))


def _cells(stratum: Stratum) -> list[Markup]:
    return [_cell(cell) for cell in stratum.cells]


def _cell(cell: Cell | None) -> Markup:
    if cell is None:
        return heat_cell(None)
    return heat_cell(cell.accuracy.value, cell.accuracy.ci_low, cell.accuracy.ci_high)


def _count(n: float) -> str:
    return f"{n:,.0f}" if abs(n - round(n)) < 0.05 else f"{n:,.1f}"


def _note(strata: Strata, n_shown: int) -> str:
    words = [SOURCES.get(strata.source or "", "")]
    if strata.n_unplaced:
        words.append(f"{strata.n_unplaced:,} problems belong to no stratum.")
    if n_shown < len(strata.strata):
        words.append(f"The {n_shown} largest of {len(strata.strata)}.")
    return " ".join([*(word for word in words if word), *_notes(strata)])


def _notes(strata: Strata) -> list[str]:
    return [f"{plain(note)}." for note in strata.notes]
