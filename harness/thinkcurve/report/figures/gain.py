"""What each step of a ladder brings for each doubling of compute, as a figure: where more thinking still pays."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from thinkcurve.analysis.curve import Curve
from thinkcurve.analysis.fitting.gains import Gain
from thinkcurve.budget import format_budget
from thinkcurve.errors import UsageError
from thinkcurve.report.figure import AXES, amount, in_words
from thinkcurve.report.figures.sheet import Panel, Rows, Words, grid_of, legend_of, sheet
from thinkcurve.report.labels import apart, name_curves, plain
from thinkcurve.report.look import SCREEN, Look
from thinkcurve.report.marks import Spec, color_encoding, dash_encoding, share_encoding, x_encoding
from thinkcurve.report.scale import Scale, fit_scale

FEWEST_DOUBLINGS = 0.25
"""A gain over less than this is blown up fourfold or more: it does not set the scale of the axis."""
_STEPS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0)


class Gains(msgspec.Struct, frozen=True):
    """A curve, and the gain of each of its steps on one axis (`thinkcurve.analysis.fitting.gains`)."""

    curve: Curve
    gains: tuple[Gain, ...]


def gain_spec(found: Sequence[Gains], *, axis: str, title: str | None = None, look: Look = SCREEN) -> Spec:
    """All curves in one frame: the gain per doubling of each step, over the compute from its start to its end.

    Steps from a point without cost, or between points of one cost, have no doublings: they are not drawn, and counted
    below. Raises `UsageError` where no step can be drawn.
    """
    drawn = [one for one in found if _rows(0, 1, one, axis)]
    rows = [row for i, one in enumerate(drawn) for row in _rows(i, len(drawn), one, axis)]
    if not rows:
        raise UsageError(f"there is no gain per doubling to draw: no step has two known, different costs in {axis}")
    naming = name_curves([one.curve for one in drawn])
    names = [" · ".join(parts) for parts in naming.own]
    grid = grid_of(look, 1, least_px=200, height_px=look.size.height_px)
    ends, ticks = _ends(rows)
    scale = fit_scale([row[name] for row in rows for name in ("start", "end")], grid.width, in_tokens=_in_tokens(axis))
    n = len(drawn)
    encoding: Spec = {
        "x": x_encoding(f"Mean {AXES[axis].name} per attempt", AXES[axis].label, scale),
        "y": share_encoding("Accuracy gained per doubling", ends, ticks, " pp"),
        "color": color_encoding(n, look),
    }
    beyond = _beyond(rows, ends, scale, grid.width)
    n_left_out = sum(len(one.gains) for one in drawn) - len(rows)
    missing = [one.curve for one in found if one not in drawn]
    words = _words(drawn, naming.shared, (n_left_out, len(beyond)), axis, title, rows)
    words.notes.extend([f"No step to draw: {', '.join(map(in_words, missing))}."] if missing else [])
    legend = legend_of(names, look) if n > 1 else None
    return sheet([Panel(_layers(rows, beyond, n, axis, look), encoding)], grid, look, words, legend=legend)


def _in_tokens(axis: str) -> bool:
    return AXES[axis].in_tokens


def _rows(index: int, n: int, one: Gains, axis: str) -> Rows:
    costs: Mapping[int | None, float | None] = {p.budget: getattr(p, axis) for p in one.curve.points}
    rows = []
    for gain in one.gains:
        start, end, per = costs.get(gain.start), costs.get(gain.end), gain.per_doubling
        if per.value is None or not start or not end:
            continue
        rows.append(_row(index, n, one.curve, gain, (start, end), axis))
    return rows


def _row(index: int, n: int, curve: Curve, gain: Gain, ends: tuple[float, float], axis: str) -> dict[str, Any]:
    """A step as a row; points stand a little apart, so that those of curves with one ladder do not hide each other."""
    at = 0.5 + (index - (n - 1) / 2) * min(0.06, 0.8 / n)
    value = gain.per_doubling.value or 0.0
    low, high = (value if end is None else end for end in (gain.per_doubling.ci_low, gain.per_doubling.ci_high))
    budgets = [format_budget(budget, curve.control) for budget in (gain.start, gain.end)]
    return {
        "curve": f"c{index}",
        "start": ends[0],
        "end": ends[1],
        "x": ends[0] * (ends[1] / ends[0]) ** at,
        "accuracy": value,
        "doublings": gain.doublings or 0.0,
        "low": low,
        "high": high,
        "t_model": plain(curve.model),
        "t_task": plain(curve.task),
        "t_step": " to ".join(budgets),
        "t_x": " to ".join(amount(end, axis) for end in ends),
        "t_gain": f"{_points(value)} ({_points(low)} to {_points(high)})",
    }


def _points(share: float) -> str:
    return f"{100 * share:+z.1f} pp"


def _ends(rows: Rows) -> tuple[tuple[float, float], list[float]]:
    """The ends of the y axis and its ticks: gains over enough doublings, intervals as far as gains stay readable."""
    wide = [row for row in rows if row["doublings"] >= FEWEST_DOUBLINGS] or rows
    values = [0.0, *(row["accuracy"] for row in wide)]
    spread = max(max(values) - min(values), 0.05)
    low = max(min(row["low"] for row in wide), min(values) - 0.6 * spread)
    high = min(max(row["high"] for row in wide), max(values) + 0.6 * spread)
    low, high = min(low, 0.0), max(high, 0.0)
    step = next((step for step in _STEPS if (high - low) / step < 6), _STEPS[-1])
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return (first * step, last * step), [round(step * i, 4) for i in range(first, last + 1)]


def _beyond(rows: Rows, ends: tuple[float, float], scale: Scale, width: float) -> Rows:
    """The gains beyond the axis, at its end, with those of their figures that have room."""
    found: Rows = []
    for row in rows:
        if not ends[0] <= row["accuracy"] <= ends[1]:
            is_above = row["accuracy"] > ends[1]
            found.append(
                {
                    **row,
                    "accuracy": ends[is_above],
                    "shape": "triangle-up" if is_above else "triangle-down",
                    "text": f"{100 * row['accuracy']:.0f}",
                }
            )
    places = [(scale.position(row["x"]) * width, 100.0 * row["accuracy"]) for row in found]
    free = apart([row["text"] for row in found], places, 12)
    return [{**row, "text": row["text"] if is_free else ""} for row, is_free in zip(found, free, strict=True)]


_TOOLTIP = (
    ("t_model", "Model"),
    ("t_task", "Task"),
    ("t_step", "Step of the ladder"),
    ("t_x", ""),
    ("t_gain", "Gain per doubling, 95 % interval"),
)


def _layers(rows: Rows, beyond: Rows, n: int, axis: str, look: Look) -> list[Spec]:
    data = {"name": "gains", "values": rows}
    tooltip = [{"field": f, "type": "nominal", "title": t or f"Mean {AXES[axis].name}"} for f, t in _TOOLTIP]
    middle = {"field": "x", "type": "quantitative"}
    wide = 2.25 * look.mark**0.5
    return [
        {
            "data": {"name": "zero", "values": [{"accuracy": 0.0}]},
            "mark": {"type": "rule", "strokeWidth": 1.2},
            "encoding": {"x": {"value": 0}, "x2": {"value": "width"}, "color": {"value": look.theme.muted}},
        },
        {
            "data": data,
            "mark": {"type": "rule", "strokeWidth": 3, "opacity": 0.3, "clip": True},
            "encoding": {"x": middle, "y": {"field": "low", "type": "quantitative"}, "y2": {"field": "high"}},
        },
        {
            "data": data,
            "mark": {"type": "line", "strokeWidth": 1, "opacity": 0.55, "clip": True},
            "encoding": {"order": middle, **dash_encoding(n, look)},
        },
        {
            "data": data,
            "mark": {"type": "rule", "strokeWidth": wide, "strokeCap": "round", "clip": True},
            "encoding": {"x": {"field": "start", "type": "quantitative"}, "x2": {"field": "end"}},
        },
        {
            "data": data,
            "mark": {"type": "point", "filled": True, "opacity": 1, "size": 52 * look.mark, "clip": True},
            "encoding": {"x": middle, "tooltip": tooltip},
        },
        {
            "data": {"name": "beyond", "values": beyond},
            "mark": {"type": "point", "filled": True, "opacity": 1, "size": 60},
            "encoding": {
                "x": middle,
                "shape": {"field": "shape", "type": "nominal", "scale": None},
                "tooltip": tooltip,
            },
        },
        {
            "data": {"name": "beyond", "values": beyond},
            "mark": {"type": "text", "align": "left", "dx": 7, "fontSize": 10.5},
            "encoding": {"x": middle, "text": {"field": "text", "type": "nominal"}},
        },
    ]


def _words(
    found: Sequence[Gains], shared: Sequence[str], counts_of: tuple[int, int], axis: str, title: str | None, rows: Rows
) -> Words:
    name, (n_left_out, n_beyond) = AXES[axis].name, counts_of
    notes = [
        "Each step of the ladder: from its start to its end in measured compute, its gain in percentage points over "
        "the doublings between them, with the 95 % interval over problems (paired)."
    ]
    if n_left_out:
        steps = "step is" if n_left_out == 1 else "steps are"
        notes.append(f"{n_left_out} {steps} not drawn: from no cost, between equal costs, or at an unknown one.")
    if n_beyond:
        notes.append(
            f"Triangle: a gain beyond the axis, over so little of a doubling that its rate says little ({n_beyond})."
        )
    told = [f"{row['t_model']} on {row['t_task']}, {row['t_step']}: {row['t_gain']}" for row in rows]
    counts = sorted({p.n_problems for one in found for p in one.curve.points})
    problems = f"{counts[0]:,}" if len(counts) == 1 else f"{counts[0]:,} to {counts[-1]:,}"
    return Words(
        f"Accuracy gained per doubling of {name}",
        " · ".join([*shared, f"{problems} problem{'s' if counts[-1] != 1 else ''}"]),
        notes,
        f"Accuracy gained per doubling of {name}. {'; '.join(told)}.",
        title,
    )
