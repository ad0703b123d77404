"""The curve of a report: the chart's data, and its points as a table."""

from __future__ import annotations

from typing import Any

from thinkcurve.analysis.basis.axes import AXES as AXIS_NAMES
from thinkcurve.analysis.curve import Curve, Point
from thinkcurve.budget import Control, format_budget
from thinkcurve.report.labels import thinking_words
from thinkcurve.report.run_report.contents import Contents
from thinkcurve.report.run_report.markup import Markup, h, joined, table, tabs
from thinkcurve.report.run_report.words import AXES, UNKNOWN, amount, percent, span

HOW_TO_READ = (
    "Each point is a budget: the mean of what an attempt really used against its accuracy. Bands, or bars, are 95 % "
    "intervals over problems, left out where there are more than six curves; points of one curve share traces, so "
    "neighbours move together. Hollow: the budget cut the thinking of at least half of the attempts. Diamond: no "
    "budget (none), to the natural end. Point at one to read it; a click shows its problems."
)


def curve_part(contents: Contents) -> Markup:
    """A place for the chart, how to read it, and a table for each curve."""
    panels = [(contents.label(i, c), _table(c)) for i, part in enumerate(contents.parts) for c in part.curves]
    return h(
        "section",
        h("h2", "Accuracy against compute"),
        h("div", class_="controls", id="curve-controls"),
        h("div", id="curve-chart"),
        h("p", id="curve-missing", class_="muted note", role="status"),
        h("p", HOW_TO_READ, class_="muted note"),
        h("h3", "The figures"),
        tabs("Curve", panels),
        id="curve",
    )


def chart_data(contents: Contents) -> dict[str, Any]:
    """What the page's script draws: the axes that any curve knows, and each curve's points with every cost."""
    curves = [(contents.label(i, c), c) for i, part in enumerate(contents.parts) for c in part.curves]
    known = [axis for axis in AXIS_NAMES if any(_knows(c, axis) for _, c in curves)]
    return {
        "axes": [{"value": axis, "name": AXES[axis].name, "kind": AXES[axis].kind} for axis in known],
        "curves": [{"name": label, "points": _points(curve)} for label, curve in curves],
    }


def _knows(curve: Curve, axis: str) -> bool:
    return any(getattr(point, axis) is not None for point in curve.points)


def _points(curve: Curve) -> list[dict[str, Any]]:
    return [
        {
            "costs": {axis: getattr(point, axis) for axis in AXIS_NAMES},
            "y": point.accuracy,
            "low": point.ci_low,
            "high": point.ci_high,
            "hollow": 2 * point.forced >= point.n_attempts,
            "diamond": point.budget is None and curve.control != Control.EFFORT,
            "tip": _tip(point, curve),
        }
        for point in curve.points
        if point.accuracy is not None
    ]


def _tip(point: Point, curve: Curve) -> list[list[str]]:
    """What is told of a point besides what the chart itself writes of its axis."""
    problems = f"{point.n_problems:,} × {point.n_samples:,}" if point.n_samples > 1 else f"{point.n_problems:,}"
    rows = {
        "effort" if curve.control == Control.EFFORT else "budget": _budget(point, curve),
        "accuracy": f"{percent(point.accuracy)} ({span(point.ci_low, point.ci_high)})",
        "problems": problems,
        "forced": _share(point.forced, point) if curve.knows_forced(point) else "not known",
        "no answer": _told(point.no_answer),
        "cut off": _told(point.truncated_answers),
        "unverified": _told(point.unverified),
        "failed": _told(point.failures),
    }
    return [[name, value] for name, value in rows.items() if value]


def _told(n: int) -> str:
    return f"{n:,}" if n else ""


def _share(n: int, point: Point) -> str:
    return f"{n:,} ({percent(n / point.n_attempts, 0)})" if point.n_attempts else UNKNOWN


def _budget(point: Point, curve: Curve) -> str:
    return format_budget(point.budget, curve.control)


def _table(curve: Curve) -> Markup:
    axes = [axis for axis in AXIS_NAMES if _knows(curve, axis)]
    first = "effort" if curve.control == Control.EFFORT else "budget"
    heads = [first, "accuracy", "95 % interval", *(AXES[axis].short for axis in axes), "forced"]
    rows = [
        [
            _budget(point, curve),
            percent(point.accuracy),
            span(point.ci_low, point.ci_high),
            *(amount(getattr(point, axis), axis) for axis in axes),
            percent(point.forced / point.n_attempts, 0) if _tells_forced(point, curve) else UNKNOWN,
        ]
        for point in curve.points
    ]
    return joined([table("Points of the curve", heads, rows), _remarks(curve)])


def _tells_forced(point: Point, curve: Curve) -> bool:
    return bool(point.n_attempts) and curve.knows_forced(point)


def _remarks(curve: Curve) -> list[Markup]:
    """What has to be known of a curve's points before they are compared."""
    words: list[str] = []
    reached = [point for point in curve.points if point.n_attempts]
    if len({point.n_problems for point in reached}) > 1:
        words.append("The points rest on different problems, so that part of a rise or fall may be theirs.")
    if len(curve.served_by) > 1:
        words.append(f"Answered by {len(curve.served_by)} versions of the model.")
    if found := thinking_words(curve):
        words.append(f"Thinking {found}.")
    unverified = [point for point in reached if point.unverified and point.bounds]
    words += [_open(point, curve) for point in unverified]
    return [h("p", each, class_="muted note") for each in words]


def _open(point: Point, curve: Curve) -> str:
    bounds = point.bounds
    assert bounds is not None
    return (
        f"At {_budget(point, curve)} the verifier gave up on {point.unverified:,}: were they right, the accuracy would "
        f"be {percent(bounds.high)}; whichever they are, its 95 % interval is {span(bounds.ci_low, bounds.ci_high)}."
    )
