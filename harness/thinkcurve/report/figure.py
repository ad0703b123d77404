"""The figure: accuracy against measured compute as a Vega-Lite spec. Pure: no files, no rendering.

One frame holds any number of curves: a line with its 95 % band each, labelled where it ends. A point is
filled as far as its attempts thought to their own end and hollow as far as the budget cut them off.
Everything a user named travels as inline data or plain text; field names, ids and expressions are fixed.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, TypeGuard

import msgspec

from thinkcurve.analysis.curve import Curve, Point
from thinkcurve.budget import Budget, Control, budget_key, format_budget
from thinkcurve.errors import UsageError, did_you_mean
from thinkcurve.report.fitted import Fitted, bands_of, fit_data, fit_layers, fit_notes, key_layers
from thinkcurve.report.labels import (
    Naming,
    apart,
    height_of_labels,
    name_curves,
    place_labels,
    plain,
    thinking_words,
    width_of_labels,
)
from thinkcurve.report.legend import LEGEND_LINE_PX, fill_legend, legend_layers
from thinkcurve.report.look import SCREEN, Look
from thinkcurve.report.marks import (
    LABEL_DX_PX,
    LEVEL_PX,
    NOTE_LINE_PX,
    Spec,
    color_encoding,
    config,
    curve_layers,
    label_layers,
    level_layer,
    note_layer,
    point_layers,
    pointer_layer,
    x_encoding,
    y_encoding,
)
from thinkcurve.report.scale import fit_scale
from thinkcurve.tariff import format_usd

SCHEMA_URL = "https://vega.github.io/schema/vega-lite/v6.json"
WIDTH_PX = SCREEN.size.width_px
"""Width of the whole figure on a screen, so that a README shows it unscaled."""
LEFT_PX, RIGHT_PX = 52, 14
PAPER_LEFT_PX, PAPER_HEAD_PX, PAPER_FOOT_PX = 50, 30, 48
TITLE_PX = 30
_MOST_LABEL_PX = 178
_HEAD_PX, _FOOT_PX = 92, 54
_LEADER_PX = 10  # how far a leader reaches out of the plot, towards its label


class Axis(msgspec.Struct, frozen=True):
    """A measure of compute: its name, a tick's label (a Vega expression), a figure's form (dollars have their own)."""

    name: str
    label: str
    figure: str
    in_tokens: bool = False


_TOKENS = "format(datum.value, ',.12~g')"
_SI = "replace(format(datum.value, '~s'), regexp('([^0-9])$'), ' $1')"  # 200 G, 1.5 k
AXES = {
    "thinking_tokens": Axis("thinking tokens", _TOKENS, "{:,.1f}", in_tokens=True),
    "generated_tokens": Axis("generated tokens", _TOKENS, "{:,.1f}", in_tokens=True),
    "total_tokens": Axis("total tokens", _TOKENS, "{:,.1f}", in_tokens=True),
    "flops": Axis("FLOPs", _SI, "{:.3g}"),
    "wall_s": Axis("seconds", "format(datum.value, ',.6~r')", "{:,.3g} s"),
    "joules": Axis("joules", _SI, "{:,.3g} J"),
    "usd": Axis("US dollars", "format(datum.value, '$,.3~r')", "${}"),
}
"""The measures of compute a figure can be drawn against; names as in `Point`."""


def curve_spec(
    curves: Sequence[Curve],
    *,
    axis: str = "thinking_tokens",
    title: str | None = None,
    look: Look = SCREEN,
    fitted: Sequence[Fitted] = (),
) -> Spec:
    """A Vega-Lite spec that draws ``curves`` in one frame, accuracy against the compute measured by ``axis``.

    ``axis`` is one of `AXES`; ``title`` replaces the heading made from what the curves share. A curve without
    points is not drawn but named below the figure. In a look for paper what would stand below is the caption in the
    spec's ``usermeta``. ``fitted``, one for each curve, are drawn in place of lines from point to point. Raises
    `UsageError` for an unknown axis, for nothing to draw, and for a curve whose compute on ``axis`` is not known.
    """
    scored = [msgspec.structs.replace(c, points=_scored(c)) for c in curves]
    _check(scored, axis)
    drawn = [curve for curve in scored if curve.points]
    fits = [fit for curve, fit in zip(scored, fitted, strict=True) if curve.points] if fitted else []
    naming = name_curves(drawn)
    is_above = len(drawn) > 1 and look.has_legend
    is_beside = len(drawn) > 1 and not is_above
    labels_px = min(width_of_labels(naming.own), _MOST_LABEL_PX) if is_beside else 0.0
    right = LABEL_DX_PX + round(labels_px) if is_beside else 0
    left = PAPER_LEFT_PX if look.is_for_paper else LEFT_PX
    width = look.size.width_px - left - RIGHT_PX - right
    height = max(look.size.height_px, height_of_labels(naming.own) if is_beside else 0)
    xs = [_x(p, axis) for c in drawn for p in c.points] + [x for band in bands_of(fits) for x in band.x]
    scale = fit_scale(xs, width, in_tokens=AXES[axis].in_tokens)
    top = _top(drawn, fits)
    notes = _notes(curves, [curve for curve in scored if not curve.points], has_fits=bool(fits))
    notes[1:1] = fit_notes(
        [(" · ".join(own), fit) for own, fit in zip(naming.own, fits, strict=False)], AXES[axis].name
    )
    ends = _ends(drawn, fits, axis)
    labels = _label_data(naming, ends, (scale.at(1 + _LEADER_PX / width), top, height)) if is_beside else {}
    legend = fill_legend(naming.own, width) if is_above else []
    levels = _level_data(
        drawn, axis, lambda p: (scale.position(_x(p, axis)) * width, -_share(p.accuracy) / top * height)
    )
    of_fits = fit_data(fits)
    lines = fit_layers(of_fits, len(drawn), look) + point_layers(look, len(drawn)) if fits else None
    heading = _heading(drawn, naming, axis, title, look)
    of_paper = PAPER_HEAD_PX + LEGEND_LINE_PX * (1 + legend[-1].row if legend else 0) + (TITLE_PX if title else 0)
    return {
        "$schema": SCHEMA_URL,
        "description": _description(drawn, axis),
        "usermeta": look.meta(heading["text"], [f"{heading['text']}: {heading['subtitle']}.", *notes]),
        **_shown(heading, title, look, of_paper),
        "width": width,
        "height": height,
        "autosize": "none",
        "padding": {
            "left": left,
            "right": RIGHT_PX + right,
            "top": of_paper if look.is_for_paper else _HEAD_PX,
            "bottom": PAPER_FOOT_PX if look.is_for_paper else _FOOT_PX + NOTE_LINE_PX * len(notes) + 10,
        },
        "background": look.theme.paper,
        "config": config(look),
        "datasets": {
            "points": [_row(i, c, p, axis) for i, c in enumerate(drawn) for p in c.points],
            **labels,
            **({"legend": [e.row_of(scale, width, (0.0, top), height) for e in legend]} if legend else {}),
            **levels,
            **of_fits,
        },
        "data": {"name": "points"},
        "encoding": {
            "x": x_encoding(f"Mean {AXES[axis].name} per attempt", AXES[axis].label, scale),
            "y": y_encoding(top),
            "color": color_encoding(len(drawn), look),
        },
        "layer": [
            *(label_layers(look, labels_px) if is_beside else ()),
            *(legend_layers(look, len(drawn)) if legend else ()),
            *(lines or curve_layers(look, len(drawn))),
            *key_layers(fits, width, look),
            *((level_layer(look),) if levels else ()),
            pointer_layer(AXES[axis].name),
            *(() if look.is_for_paper else (note_layer(notes, height, look),)),
        ],
    }


def _shown(heading: Spec, title: str | None, look: Look, head_px: int) -> Spec:
    """The heading as the spec has it: for paper only a title of the user's own, since a caption says the rest."""
    if not look.is_for_paper:
        return {"title": heading}
    own = {"text": heading["text"], "limit": heading["limit"], "fontSize": 13, "offset": head_px - TITLE_PX + 4}
    return {"title": own} if title else {}


def _rung(point: Point) -> tuple[bool, int]:
    return budget_key(point.budget)


def _is_known(value: float | None) -> TypeGuard[float]:
    return value is not None and math.isfinite(value) and value >= 0


def _x(point: Point, axis: str) -> float:
    return float(getattr(point, axis))


def amount(cost: float, axis: str) -> str:
    """A cost in words."""
    return format_usd(cost) if axis == "usd" else AXES[axis].figure.format(cost)


def _check(curves: Sequence[Curve], axis: str) -> None:
    if axis not in AXES:
        raise UsageError(f"axis {axis!r} is not one of {', '.join(AXES)}.{did_you_mean(axis, AXES)}")
    if not any(c.points for c in curves):
        raise UsageError("there is nothing to draw: no curve has a point")
    for curve in curves:
        if not all(_is_known(getattr(p, axis)) for p in curve.points):
            others = ", ".join(known_axes(curves)) or "none"
            raise UsageError(f"{axis} is not known for {in_words(curve)}; known for every curve: {others}")


def known_axes(curves: Sequence[Curve]) -> list[str]:
    """The measures of compute that are known at every scored point; none where there is no such point."""
    points = [point for curve in curves for point in _scored(curve)]
    return [axis for axis in AXES if points and all(_is_known(getattr(point, axis)) for point in points)]


def in_words(curve: Curve) -> str:
    """A curve's name in a sentence."""
    return f"{plain(curve.model)} on {plain(curve.task)} ({plain(curve.control)})"


_LEADER_CLEARANCE = 0.05
"""Accuracy that a leader keeps from the end of another curve; any nearer, and colour alone joins name and line."""


def _top(curves: Sequence[Curve], fits: Sequence[Fitted]) -> float:
    lines = [high for band in bands_of(fits) for high in band.ci_high]
    return top_of([max(_share(p.ci_high), _share(p.accuracy)) for c in curves for p in c.points] + lines)


def _ends(drawn: Sequence[Curve], fits: Sequence[Fitted], axis: str) -> list[tuple[float, float]]:
    """Where each curve ends, x and accuracy: at its last point, or where its fitted line goes further."""
    ends = []
    for i, curve in enumerate(drawn):
        last = max(curve.points, key=lambda p: _x(p, axis))
        band = fits[i].band if fits else None
        is_line = band is not None and band.x[-1] >= _x(last, axis)
        ends.append((band.x[-1], band.y[-1]) if band and is_line else (_x(last, axis), _share(last.accuracy)))
    return ends


def top_of(shares: Sequence[float]) -> float:
    """The top of a y axis of shares: 1, or for low ones the next tenth (twentieth below 0.1) over all of them."""
    highest = max(shares)
    if highest > 0.6:
        return 1.0
    step = 0.1 if highest > 0.1 else 0.05
    return round(max(math.ceil(highest / step - 1e-9), 1) * step, 2)


def _scored(curve: Curve) -> tuple[Point, ...]:
    """The points that have an accuracy, up the ladder; at the others every attempt failed."""
    return tuple(sorted((p for p in curve.points if p.accuracy is not None), key=_rung))


def _share(value: float | None) -> float:
    if value is None:
        raise ValueError("a point without an accuracy cannot be drawn")
    return value


def _percent(share: float | None) -> str:
    return f"{_share(share) * 100:.1f} %"


def _row(index: int, curve: Curve, point: Point, axis: str) -> dict[str, Any]:
    """One point as a row of inline data: the figures, and the same in words for the tooltip."""
    forced = point.forced / point.n_attempts if point.n_attempts else 0.0
    figures = {name: getattr(point, name) for name in AXES}
    return {
        "curve": f"c{index}",
        "rung": curve.points.index(point),
        "x": _x(point, axis),
        "accuracy": point.accuracy,
        "low": point.ci_low,
        "high": point.ci_high,
        "unforced_share": 1 - forced,
        "is_natural": point.budget is None,
        "is_alone": len(curve.points) == 1,
        **{name: value for name, value in figures.items() if _is_known(value)},
        "t_model": plain(curve.model),
        "t_task": plain(curve.task),
        "t_control": plain(curve.control),
        "t_budget": _budget_words(point.budget, curve.control),
        "t_x": amount(_x(point, axis), axis),
        "t_accuracy": f"{_percent(point.accuracy)} ({_percent(point.ci_low)} to {_percent(point.ci_high)})",
        "t_problems": f"{point.n_problems:,} × {point.n_samples:,}",
        "t_forced": f"{point.forced:,} ({_percent(forced)})" if curve.knows_forced(point) else "unknown",
        "t_no_answer": f"{point.no_answer:,}",
        "t_truncated": f"{point.truncated_answers:,}",
        "t_unverified": f"{point.unverified:,}",
        "t_failures": f"{point.failures:,}",
    }


def _budget_words(budget: Budget, control: str) -> str:
    if control == Control.EFFORT:
        return f"effort {format_budget(budget, control)}"
    return "natural end" if budget is None else f"{budget:,} thinking tokens"


def _label_data(naming: Naming, ends: Sequence[tuple[float, float]], frame: tuple[float, float, int]) -> Spec:
    """Inline data for the labels in the axes' units; ``frame``: (x where leaders end, top, height in px)."""
    right, top, height = frame
    labels = place_labels(naming.own, [(1 - accuracy / top) * height for _, accuracy in ends], height)
    data: Spec = {"leaders": [], "spots": [], "labels": []}
    for i, (end, label) in enumerate(zip(ends, labels, strict=True)):
        curve = f"c{i}"
        at = [(1 - label.line_px(n) / height) * top for n in range(len(label.lines))]
        if not _is_hemmed_in(end, ends):
            data["leaders"] += [
                {"curve": curve, "step": 0, "x": end[0], "at": end[1]},
                {"curve": curve, "step": 1, "x": right, "at": at[0]},
            ]
        data["spots"].append({"curve": curve, "at": at[0]})
        data["labels"] += [
            {"text": text, "is_name": n < label.n_stressed, "at": at[n]} for n, text in enumerate(label.lines)
        ]
    return data


def _level_data(drawn: Sequence[Curve], axis: str, place: Callable[[Point], tuple[float, float]]) -> Spec:
    """Inline data for the names of levels of effort, as many as have room; ``place`` gives a point's pixels."""
    points = [(i, p) for i, c in enumerate(drawn) for p in c.points if c.control == Control.EFFORT]
    texts = [format_budget(p.budget, Control.EFFORT) for _, p in points]
    free = apart(texts, [place(p) for _, p in points], LEVEL_PX)
    rows = [
        {"curve": f"c{i}", "x": _x(p, axis), "accuracy": p.accuracy, "text": text}
        for (i, p), text, is_free in zip(points, texts, free, strict=True)
        if is_free
    ]
    return {"levels": rows} if rows else {}


def _is_hemmed_in(end: tuple[float, float], ends: Sequence[tuple[float, float]]) -> bool:
    """Whether another curve ends to the right at about the same height: a leader would run through it."""
    return any(x > end[0] and abs(accuracy - end[1]) < _LEADER_CLEARANCE for x, accuracy in ends)


def _heading(drawn: Sequence[Curve], naming: Naming, axis: str, title: str | None, look: Look) -> Spec:
    """The title and below it what all curves share, with the number of problems."""
    counts = sorted({p.n_problems for c in drawn for p in c.points})
    problems = f"{counts[0]:,}" if len(counts) == 1 else f"{counts[0]:,} to {counts[-1]:,}"
    parts = [*naming.shared, f"{problems} problem{'s' if counts[-1] != 1 else ''}"]
    text = plain(title) if title else f"Accuracy against {AXES[axis].name}"
    return {"text": text, "subtitle": " · ".join(parts), "limit": look.size.width_px - 24}


def _description(drawn: Sequence[Curve], axis: str) -> str:
    """What the figure shows in words, for those who cannot see it."""
    sentences = [f"Accuracy against {AXES[axis].name} per attempt."]
    for curve in drawn:
        last = curve.points[-1]
        sentences.append(
            f"{in_words(curve)}: from "
            f"{_percent(curve.points[0].accuracy)} at {amount(_x(curve.points[0], axis), axis)} "
            f"to {_percent(last.accuracy)} at {amount(_x(last, axis), axis)}."
        )
    return " ".join(sentences)


def _notes(curves: Sequence[Curve], empty_curves: Sequence[Curve], *, has_fits: bool = False) -> list[str]:
    """How to read the marks, and what was counted apart."""
    points = [p for c in curves for p in c.points]
    natural = " Diamond: no budget." if any(p.budget is None for p in points) else ""
    interval = "Shaded" if any(len(c.points) > 1 for c in curves) and not has_fits else "Bar"
    lines = [
        f"{interval}: 95 % interval over problems. Hollow point: thinking cut off by the budget; "
        f"filled: it ended by itself.{natural}"
    ]
    unverified, failures = sum(p.unverified for p in points), sum(p.failures for p in points)
    counts = (("failures (not scored)", failures), ("unverified (counted as not correct)", unverified))
    if any(n for _, n in counts):
        lines.append("Counted apart: " + ", ".join(f"{n:,} {what}" for what, n in counts if n) + ".")
    lines += _thinking_notes(curves)
    empty = [in_words(c) for c in empty_curves]
    if empty:
        lines.append(f"No attempts yet: {', '.join(empty)}.")
    return lines


def _thinking_notes(curves: Sequence[Curve]) -> list[str]:
    """A line for each way in which thinking was counted or shown otherwise than in full, with the curves."""
    found: dict[str, list[str]] = {}
    for curve in curves:
        if words := thinking_words(curve):
            found.setdefault(words, []).append(in_words(curve))
    return [f"Thinking {words}" + (f": {', '.join(who)}." if len(curves) > 1 else ".") for words, who in found.items()]
