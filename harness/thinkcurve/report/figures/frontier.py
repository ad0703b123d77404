"""The frontier as a figure: every model's ladder at its cost, and the points that no other beats."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from thinkcurve.analysis.frontiers.frontier import Candidate, OnAxis
from thinkcurve.budget import budget_key, format_budget
from thinkcurve.errors import UsageError
from thinkcurve.report.figure import AXES, amount, top_of
from thinkcurve.report.figures.sheet import Grid, Panel, Rows, Words, grid_of, legend_of, sheet
from thinkcurve.report.labels import plain
from thinkcurve.report.look import SCREEN, Look
from thinkcurve.report.marks import Spec, color_encoding, dash_encoding, x_encoding, y_encoding
from thinkcurve.report.scale import Scale, fit_scale


class TaskFrontier(msgspec.Struct, frozen=True):
    """The frontier of one task: a label and a control for each entry, and what `thinkcurve.analysis.frontiers` says."""

    task: str
    labels: tuple[str, ...]
    controls: tuple[str, ...]
    n_problems: int
    on: OnAxis


def frontier_spec(
    frontiers: Sequence[TaskFrontier], *, axis: str, title: str | None = None, look: Look = SCREEN
) -> Spec:
    """A panel a task: accuracy against cost, each ladder joined, the frontier as the steps that it is.

    A point is filled as far as resamples of the problems have it on the frontier; bars are 95 % intervals. Raises
    `UsageError` where no point has a known cost.
    """
    shown = [one for one in frontiers if any(_is_placed(point) for point in one.on.points)]
    if not shown:
        raise UsageError(f"there is no frontier to draw: {axis} is not known for any curve")
    names = list(dict.fromkeys(label for one in shown for label in _drawn(one)))
    grid = grid_of(look, len(shown), least_px=230)
    panels = [_panel(one, names, i, len(shown) > 1, axis, grid, look) for i, one in enumerate(shown)]
    legend = legend_of([plain(name) for name in names], look) if len(names) > 1 else None
    return sheet(panels, grid, look, _words(shown, axis, title), legend=legend)


def _is_placed(point: Candidate) -> bool:
    return point.cost is not None and point.accuracy.value is not None


def _drawn(one: TaskFrontier) -> list[str]:
    """The labels of the entries that have a place, in their order."""
    return [one.labels[i] for i in sorted({point.entry for point in one.on.points if _is_placed(point)})]


def _panel(
    one: TaskFrontier, names: Sequence[str], number: int, is_headed: bool, axis: str, grid: Grid, look: Look
) -> Panel:
    points = sorted((p for p in one.on.points if _is_placed(p)), key=lambda p: (p.entry, budget_key(p.budget)))
    rows = [{"rung": i, **_row(one, point, names, axis)} for i, point in enumerate(points)]
    scale = fit_scale([row["x"] for row in rows], grid.width, in_tokens=AXES[axis].in_tokens)
    top = top_of([row["high"] for row in rows])
    n = len(names)
    return Panel(
        _layers(rows, _steps(rows, scale), number, n, axis, look),
        {
            "x": x_encoding(f"Mean {AXES[axis].name} per attempt", AXES[axis].label, scale),
            "y": y_encoding(top),
            "color": color_encoding(n, look),
        },
        plain(one.task) if is_headed else "",
    )


def _row(one: TaskFrontier, point: Candidate, names: Sequence[str], axis: str) -> dict[str, Any]:
    value, low, high = point.accuracy.value or 0.0, point.accuracy.ci_low, point.accuracy.ci_high
    chance = point.resample_share if point.resample_share is not None else float(point.is_on_frontier)
    label = one.labels[point.entry]
    low, high = (value if end is None else end for end in (low, high))
    return {
        "curve": f"c{names.index(label)}",
        "x": point.cost,
        "accuracy": value,
        "low": low,
        "high": high,
        "chance": chance,
        "is_on": point.is_on_frontier,
        "t_model": plain(label),
        "t_budget": format_budget(point.budget, one.controls[point.entry]),
        "t_x": amount(point.cost or 0.0, axis),
        "t_accuracy": f"{value * 100:.1f} % ({low * 100:.1f} % to {high * 100:.1f} %)",
        "t_chance": "unknown"
        if point.resample_share is None
        else f"in {point.resample_share * 100:.0f} % of resamples",
    }


def _steps(rows: Rows, scale: Scale) -> Rows:
    """The frontier's corners by ascending cost, level to the right end of the axis."""
    corners = sorted(((r["x"], r["accuracy"]) for r in rows if r["is_on"]), key=lambda corner: corner[0])
    if not corners:
        return []
    return [{"x": x, "accuracy": y} for x, y in (*corners, (scale.domain[1], corners[-1][1]))]


_TOOLTIP = (
    ("t_model", "Model"),
    ("t_budget", "Budget"),
    ("t_x", ""),
    ("t_accuracy", "Accuracy, 95 % interval"),
    ("t_chance", "On the frontier"),
)


def _layers(rows: Rows, steps: Rows, number: int, n: int, axis: str, look: Look) -> list[Spec]:
    name = {"name": f"points{number}", "values": rows}
    tooltip = [{"field": f, "type": "nominal", "title": t or f"Mean {AXES[axis].name}"} for f, t in _TOOLTIP]
    span = {"y": {"field": "low", "type": "quantitative"}, "y2": {"field": "high"}}
    step: Spec = {"type": "line", "interpolate": "step-after", "strokeWidth": 1.4, "opacity": 0.75}
    size = {"condition": {"test": "datum.is_on", "value": 78 * look.mark}, "value": 40 * look.mark}
    order = {"field": "x", "type": "quantitative"}
    return [
        {
            "data": {"name": f"steps{number}", "values": steps},
            "mark": step,
            "encoding": {"color": {"value": look.theme.ink}, "order": order},
        },
        {"data": name, "mark": {"type": "rule", "strokeWidth": 1.2, "opacity": 0.35}, "encoding": span},
        {
            "data": name,
            "mark": {"type": "line", "strokeWidth": 1.6 * look.mark**0.5, "opacity": 0.6},
            "encoding": {"order": {"field": "rung", "type": "quantitative"}, **dash_encoding(n, look)},
        },
        {
            "data": name,
            "mark": {"type": "point", "filled": True, "opacity": 1, "shape": "circle"},
            "encoding": {"size": size, "color": {"value": look.theme.paper}},
        },
        {
            "data": name,
            "mark": {"type": "point", "strokeWidth": 1.8 * look.mark**0.5, "opacity": 1, "shape": "circle"},
            "encoding": {
                "size": size,
                "fill": color_encoding(n, look),
                "fillOpacity": {"field": "chance", "type": "quantitative", "scale": None},
                "tooltip": tooltip,
            },
        },
    ]


def _words(frontiers: Sequence[TaskFrontier], axis: str, title: str | None) -> Words:
    name = AXES[axis].name
    tasks = ", ".join(plain(one.task) for one in frontiers)
    counts = sorted({one.n_problems for one in frontiers})
    problems = f"{counts[0]:,}" if len(counts) == 1 else f"{counts[0]:,} to {counts[-1]:,}"
    notes = [
        "Line of steps: the frontier, which no other point beats at its cost. A point is filled as far as resamples "
        "of the problems have it there. Bar: 95 % interval over problems."
    ]
    for one in frontiers:
        if missing := [plain(one.labels[i]) for i in one.on.entries_unknown]:
            notes.append(f"{name} not known, left out of {plain(one.task)}: {', '.join(missing)}.")
    return Words(
        f"Best accuracy at a cost in {name}",
        f"{tasks} · {problems} problem{'s' if counts[-1] != 1 else ''} that all points share",
        notes,
        " ".join(_told(one, axis) for one in frontiers),
        title,
    )


def _told(one: TaskFrontier, axis: str) -> str:
    """The frontier of a task in words."""
    on = sorted((p for p in one.on.points if p.is_on_frontier and _is_placed(p)), key=lambda p: p.cost or 0.0)
    found = [
        f"{plain(one.labels[p.entry])} at {format_budget(p.budget, one.controls[p.entry])} "
        f"({amount(p.cost or 0.0, axis)}, {100 * (p.accuracy.value or 0.0):.1f} %)"
        for p in on
    ]
    return f"The frontier of {plain(one.task)} by {AXES[axis].name}: {', '.join(found)}."
