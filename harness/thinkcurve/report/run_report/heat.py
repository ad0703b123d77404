"""Tables whose cells are coloured by a share: the surface, and strata over the ladder."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from thinkcurve.report.run_report.markup import Markup, h, table
from thinkcurve.report.run_report.words import UNKNOWN, percent, span

STEPS = 10


def heat_cell(share: float | None, low: float | None = None, high: float | None = None) -> Markup:
    """A share as a cell, darker the larger it is, with its interval below it in small figures where there is one."""
    if share is None:
        return h("td", UNKNOWN, class_="num")
    ends = h("small", span(low, high)) if low is not None and high is not None else None
    step = min(STEPS, max(0, round(share * STEPS)))
    return h("td", percent(share).removesuffix(" %"), ends, class_=f"num heat q{step}")


def heat_table(label: str, heads: Sequence[str], rows: Iterable[Sequence[object]], note: str = "") -> Markup:
    """A table of such cells; the first column names the row."""
    return h("div", table(label, heads, rows, note=note or None), class_="heats")
