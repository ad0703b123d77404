"""Curves of a report set against each other: differences at each budget with their intervals, and what they come to."""

from __future__ import annotations

from collections.abc import Iterator

from thinkcurve.analysis.comparison.contrast import Contrast, Difference
from thinkcurve.analysis.comparison.exchange import Area, Ratio
from thinkcurve.budget import format_budget
from thinkcurve.report.contrast_words import probability, remarks
from thinkcurve.report.run_report.contents import Compared, Contents
from thinkcurve.report.run_report.markup import Markup, h, joined, table, tabs
from thinkcurve.report.run_report.words import (
    AXES,
    UNKNOWN,
    amount,
    count,
    percent,
    signed,
    signed_span,
)

PLOT_WIDTH, PLOT_HEIGHT, PLOT_PAD = 180, 22, 8
EXPLAINED = (
    "New less base, in points, on the problems that both have. p is of the sign-flip test at that budget, Holm's "
    "adjusted over all of them; up and down count problems. Detectable: the smallest difference that this many "
    "problems would show 4 times in 5."
)


def comparison_part(contents: Contents) -> Markup | None:
    """A panel for each pair of curves; nothing where there is only one curve of every task."""
    if not contents.compared:
        return None
    panels = [(f"{one.new} against {one.base}", _pair(one)) for one in contents.compared]
    return h("section", h("h2", "Comparison"), _left_out(contents), tabs("Pair", panels), id="comparison")


def _left_out(contents: Contents) -> Markup | None:
    """How many pairs there are, where not all are shown."""
    shown = len(contents.compared)
    if contents.n_pairs <= shown:
        return None
    words = f"{shown:,} of {contents.n_pairs:,} pairs are shown; "
    return h("p", words, h("code", "thinkcurve compare"), " has the others.", class_="notice")


def _pair(one: Compared) -> Markup:
    lead = h("p", h("strong", one.new), " (new) against ", h("strong", one.base), " (base)")
    if one.contrast is None:
        return joined([lead, h("p", f"Not compared: {named_reason(one.refusal)}", class_="notice")])
    contrast = one.contrast
    words = [_verdict(contrast), *_mean(contrast), _area(contrast.area), _ratio(contrast.ratio)]
    return joined(
        [
            lead,
            h("ul", [h("li", each) for each in words]),
            _differences(contrast) if contrast.points else None,
            [h("p", note, class_="muted note") for note in (*_remarks(contrast), *contrast.notes)],
        ]
    )


def named_reason(refusal: str) -> str:
    """A refusal as one sentence, whatever names stand in it."""
    return refusal if len(refusal) <= 400 else f"{refusal[:400]}…"


def _differences(contrast: Contrast) -> Markup:
    level = f"{100 * (1 - contrast.alpha):g} % interval"
    heads = ["budget", "base", "new", "difference", level, "", "p", "p, Holm", "up / down", "detectable"]
    reach = max(0.01, *(abs(end) for point in contrast.points for end in _ends(point)))
    rows = [
        [
            format_budget(point.budget, contrast.base_control),
            percent(point.base),
            percent(point.new),
            _bold(signed(point.difference), is_told=point.p_holm <= contrast.alpha),
            signed_span(point.ci_low, point.ci_high),
            h("td", _plot(point, reach, is_told=point.p_holm <= contrast.alpha), class_="forest"),
            probability(point.p),
            probability(point.p_holm),
            f"{point.n_better:,} / {point.n_worse:,}",
            UNKNOWN if point.detectable is None else f"{100 * point.detectable:.1f}",
        ]
        for point in contrast.points
    ]
    return table("Differences at each budget", heads, rows, note=EXPLAINED)


def _bold(words: str, *, is_told: bool) -> str | Markup:
    return h("strong", words) if is_told else words


def _ends(point: Difference) -> Iterator[float]:
    yield point.difference
    yield from (end for end in (point.ci_low, point.ci_high) if end is not None)


def _plot(point: Difference, reach: float, *, is_told: bool) -> Markup:
    """A difference on a line about nothing, its interval as a bar; in colour where Holm's test tells them apart."""

    def x(value: float) -> float:
        return round(PLOT_PAD + (value + reach) / (2 * reach) * (PLOT_WIDTH - 2 * PLOT_PAD), 1)

    middle = PLOT_HEIGHT / 2
    kind = "none" if not is_told else "good" if point.difference > 0 else "bad"
    marks = [h("line", class_="zero", x1=x(0), x2=x(0), y1=0, y2=PLOT_HEIGHT)]
    if point.ci_low is not None and point.ci_high is not None:
        marks.append(h("line", class_="range", x1=x(point.ci_low), x2=x(point.ci_high), y1=middle, y2=middle))
    marks.append(h("circle", cx=x(point.difference), cy=middle, r=4))
    return h(
        "svg",
        marks,
        class_=kind,
        width=PLOT_WIDTH,
        height=PLOT_HEIGHT,
        viewBox=f"0 0 {PLOT_WIDTH} {PLOT_HEIGHT}",
        aria_hidden="true",
    )


def _verdict(contrast: Contrast) -> Markup:
    if contrast.p_curve is None:
        return h("strong", "No budget in common, so there is no test of the whole curve.")
    p = f"p {'' if contrast.p_curve < 0.001 else '= '}{probability(contrast.p_curve)}"
    is_told = contrast.p_curve <= contrast.alpha
    words = "The curves differ" if is_told else f"No difference seen at alpha {contrast.alpha:g}"
    return joined(
        [h("strong", words), f" ({p}, one test of the whole curve, {count(contrast.n_problems, 'problem')})."]
    )


def _mean(contrast: Contrast) -> Iterator[str]:
    mean = contrast.mean
    if mean is not None and len(contrast.points) > 1:
        yield f"Mean over budgets: {_points(mean.difference, mean.ci_low, mean.ci_high)}."


def _area(area: Area) -> str:
    if area.value is None or area.compute_low is None or area.compute_high is None:
        return f"At equal compute: not defined: {area.why}."
    ends = f"{amount(_whole(area.compute_low), area.axis)} to {amount(_whole(area.compute_high), area.axis)}"
    return f"At equal compute ({ends} {_unit(area.axis)}): {_points(area.value, area.ci_low, area.ci_high)}."


def _ratio(ratio: Ratio) -> str:
    if ratio.value is None or ratio.accuracy_low is None or ratio.accuracy_high is None:
        return f"At equal accuracy: the compute ratio is not defined: {ratio.why}."
    ends = f"{100 * ratio.accuracy_low:.1f} to {percent(ratio.accuracy_high)}"
    interval = "no interval" if ratio.ci_low is None else f"{ratio.ci_low:.2f} to {ratio.ci_high:.2f}"
    return f"At equal accuracy ({ends}): {ratio.value:.2f} x the {_unit(ratio.axis)} ({interval})."


def _whole(value: float) -> float:
    return round(value) if value >= 10 else value


def _unit(axis: str) -> str:
    return AXES[axis].name if axis in AXES else axis


def _points(value: float, low: float | None, high: float | None) -> str:
    interval = "no interval" if low is None or high is None else signed_span(low, high)
    return f"{signed(value)} points ({interval})"


def _remarks(contrast: Contrast) -> Iterator[str]:
    """What is not compared, and what is odd about what is, as sentences."""
    for remark in remarks(contrast):
        yield f"{remark[0].upper()}{remark[1:]}."
