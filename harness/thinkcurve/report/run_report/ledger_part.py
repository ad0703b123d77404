"""The ledger of a report: what an attempt costs alone at each budget, and what the run really spent."""

from __future__ import annotations

from thinkcurve.analysis.basis.axes import AXES as AXIS_NAMES
from thinkcurve.analysis.basis.axes import Ledger
from thinkcurve.budget import Control, format_budget
from thinkcurve.report.run_report.contents import Contents
from thinkcurve.report.run_report.markup import Markup, h, joined, table, tabs
from thinkcurve.report.run_report.words import AXES, UNKNOWN, amount, percent

EXPLAINED = (
    "Alone is what an attempt would cost if one ran only it; spent is what this run used: a trace that serves several "
    "budgets was made once. Below 1 is what sharing saved. A total with an unknown part is unknown."
)


def ledger_part(contents: Contents) -> Markup | None:
    """Two tables for each curve."""
    panels = [(contents.label(i, one), _tables(one)) for i, part in enumerate(contents.parts) for one in part.ledgers]
    if not panels:
        return None
    return h("section", h("h2", "What it cost"), tabs("Curve", panels), id="costs")


def _tables(ledger: Ledger) -> Markup:
    known = [axis for axis in AXIS_NAMES if any(point.alone[axis] is not None for point in ledger.budgets)]
    unknown = [AXES[axis].name for axis in AXIS_NAMES if axis not in known]
    first = "effort" if ledger.control == Control.EFFORT else "budget"
    heads = [first, "attempts", "accuracy", *(AXES[axis].short for axis in known)]
    rows = [
        [
            format_budget(point.budget, ledger.control),
            f"{point.n_attempts:,}",
            percent(point.accuracy),
            *(amount(point.alone[axis], axis) for axis in known),
        ]
        for point in ledger.budgets
    ]
    return joined(
        [
            h("h3", "Mean cost of an attempt alone"),
            table(
                "Mean cost of an attempt alone",
                heads,
                rows,
                note=f"Not known: {', '.join(unknown)}." if unknown else None,
            ),
            h("h3", "In all"),
            _spending(ledger),
        ]
    )


def _spending(ledger: Ledger) -> Markup:
    heads = ["measure", "alone", "spent", "on traces", "on answers", "spent / alone"]
    rows = [
        [
            AXES[one.axis].name,
            *(amount(figure, one.axis) for figure in (one.alone, one.spent, one.traces, one.answers)),
            UNKNOWN if one.ratio is None else f"{one.ratio:.2f}",
        ]
        for one in ledger.spending
        if one.alone is not None or one.spent is not None
    ]
    return table("What all attempts cost", heads, rows, note=EXPLAINED)
