"""How a figure looks: colours, scales and marks in Vega-Lite's words. Only fixed text, no user's names."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from thinkcurve.report.look import INSET_PX, Look
from thinkcurve.report.scale import Scale

Spec = dict[str, Any]

LABEL_DX_PX = 25
"""How far right of the plot the labels begin."""

NOTE_LINE_PX = 15

LEVEL_PX, LEVEL_DY_PX = 10.5, 8
"""Size of the name of a level of effort, and how far above its point it stands."""


_TOOLTIP = (
    ("t_model", "Model"),
    ("t_task", "Task"),
    ("t_control", "Control"),
    ("t_budget", "Budget"),
    ("t_x", ""),
    ("t_accuracy", "Accuracy, 95 % interval"),
    ("t_problems", "Problems × samples"),
    ("t_forced", "Forced"),
    ("t_truncated", "Answers cut off"),
    ("t_no_answer", "No answer"),
    ("t_unverified", "Unverified"),
    ("t_failures", "Failures"),
)


def config(look: Look) -> Spec:
    """Type, grid and axes for the whole figure."""
    theme = look.theme
    return {
        "font": look.style.font,
        "view": {"stroke": None},
        "title": {
            "anchor": "start",
            "frame": "group",
            "color": theme.ink,
            "fontSize": 17,
            "fontWeight": 600,
            "dx": -INSET_PX,
            "offset": 16,
            "subtitleColor": theme.muted,
            "subtitleFontSize": 12.5,
            "subtitlePadding": 5,
        },
        "axis": {
            "labelColor": theme.muted,
            "labelFontSize": 11.5,
            "titleColor": theme.muted,
            "titleFontSize": 12,
            "titleFontWeight": "normal",
            "gridColor": theme.grid,
            "domainColor": theme.muted,
            "tickColor": theme.muted,
            "labelPadding": 6,
        },
    }


def x_encoding(title: str, label: str, scale: Scale) -> Spec:
    """Measured compute, with a tick at every round number that has room."""
    return {
        "field": "x",
        "type": "quantitative",
        "scale": scale.spec(),
        "axis": {
            "title": title,
            "titleAnchor": "start",
            "titlePadding": 10,
            "values": list(scale.ticks),
            "labelExpr": label,
            "labelOverlap": False,
            "labelFlush": False,
            "grid": False,
            "tickSize": 4,
        },
    }


def y_encoding(top: float) -> Spec:
    """Accuracy from 0 to ``top``, its title lying above the axis."""
    step = next(step for step in (0.01, 0.02, 0.05, 0.1, 0.2) if top / step < 6.5)
    return share_encoding("Accuracy", (0, top), [round(step * i, 4) for i in range(round(top / step) + 1)], " %")


def share_encoding(title: str, ends: tuple[float, float], ticks: Sequence[float], unit: str) -> Spec:
    """A share in percent, or in percentage points, between two ends."""
    return {
        "field": "accuracy",
        "type": "quantitative",
        "scale": {"domain": list(ends), "nice": False, "zero": False},
        "axis": {
            "title": title,
            "titleAngle": 0,
            "titleAlign": "left",
            "titleAnchor": "end",
            "titleBaseline": "bottom",
            "titleX": -INSET_PX,
            "titleY": -12,
            "values": list(ticks),
            "labelExpr": f"format(datum.value * 100, '.12~g') + '{unit}'",
            "domain": False,
            "ticks": False,
        },
    }


def color_encoding(n_curves: int, look: Look) -> Spec:
    """One colour a curve."""
    return _curve_encoding([look.color(i) for i in range(n_curves)])


def dash_encoding(n_curves: int, look: Look) -> Spec:
    """The dashes of each curve, where colours alone do not tell them apart."""
    if not look.is_dashed(n_curves):
        return {}
    return {"strokeDash": _curve_encoding([look.dash(i) for i in range(n_curves)])}


def _curve_encoding(values: Sequence[Any]) -> Spec:
    ids = [f"c{i}" for i in range(len(values))]
    return {
        "field": "curve",
        "type": "nominal",
        "scale": {"domain": ids, "range": list(values)},
        "legend": None,
    }


def curve_layers(look: Look, n_curves: int) -> list[Spec]:
    """Intervals, lines and points, from back to front; pointing at a curve lets the others step back."""
    band = 0.16 if n_curves <= 2 else 0.12 if n_curves <= 4 else 0.09
    span = {"y": {"field": "low", "type": "quantitative"}, "y2": {"field": "high"}}
    return [
        {
            "mark": {"type": "area", "tooltip": None},
            "encoding": {**span, "opacity": emphasis(band, band / 3)},
        },
        {
            "transform": [{"filter": "datum.is_alone"}],
            "mark": {"type": "rule", "strokeWidth": 5, "opacity": 2 * band},
            "encoding": span,
        },
        {
            "mark": {"type": "line", "strokeWidth": 2.25 * look.mark**0.5, "strokeJoin": "round"},
            "encoding": {
                "order": {"field": "rung", "type": "quantitative"},
                **dash_encoding(n_curves, look),
                "opacity": emphasis(1, 0.2),
            },
        },
        *point_layers(look, n_curves),
    ]


def point_layers(look: Look, n_curves: int) -> list[Spec]:
    """Points, as full as their attempts thought to their own end, on paper of their own."""
    shape = {"condition": {"test": "datum.is_natural", "value": "diamond"}, "value": "circle"}
    size = {"condition": {"test": "datum.is_natural", "value": 84 * look.mark}, "value": 58 * look.mark}
    return [
        {
            "mark": {"type": "point", "filled": True, "opacity": 1},
            "encoding": {"shape": shape, "size": size, "color": {"value": look.theme.paper}},
        },
        {
            "mark": {"type": "point", "strokeWidth": 2 * look.mark**0.5, "opacity": 1},
            "encoding": {
                "shape": shape,
                "size": size,
                "fill": color_encoding(n_curves, look),
                "fillOpacity": {"field": "unforced_share", "type": "quantitative", "scale": None},
                "strokeOpacity": emphasis(1, 0.3),
            },
        },
    ]


def emphasis(value: float, faded: float) -> Spec:
    """An opacity that fades while another curve is pointed at."""
    return {"condition": {"param": "pointed", "value": value}, "value": faded}


def pointer_layer(axis_name: str) -> Spec:
    """Large unseen discs over the points, which carry the tooltip."""
    tooltip = [{"field": field, "type": "nominal", "title": title or f"Mean {axis_name}"} for field, title in _TOOLTIP]
    return {
        "params": [
            {
                "name": "pointed",
                "select": {"type": "point", "fields": ["curve"], "on": "pointerover", "clear": "pointerout"},
            }
        ],
        "mark": {"type": "point", "filled": True, "size": 360, "opacity": 0},
        "encoding": {"tooltip": tooltip},
    }


def label_layers(look: Look, limit_px: float) -> list[Spec]:
    """The names at the right edge, each with a spot of its colour and a fine leader from its line's end."""
    at_label = {"field": "at", "type": "quantitative"}
    return [
        {
            "data": {"name": "leaders"},
            "mark": {"type": "line", "strokeWidth": 1, "strokeDash": [1.5, 2.5], "opacity": 0.9},
            "encoding": {
                "y": at_label,
                "order": {"field": "step", "type": "quantitative"},
                "detail": {"field": "curve"},
            },
        },
        {
            "data": {"name": "spots"},
            "mark": {"type": "circle", "size": 52, "opacity": 1, "xOffset": 16},
            "encoding": {"x": {"value": "width"}, "y": at_label},
        },
        {
            "data": {"name": "labels"},
            "mark": {
                "type": "text",
                "align": "left",
                "baseline": "middle",
                "dx": LABEL_DX_PX,
                "fontSize": 12,
                "limit": limit_px,
            },
            "encoding": {
                "x": {"value": "width"},
                "y": at_label,
                "text": {"field": "text", "type": "nominal"},
                "color": {"condition": {"test": "datum.is_name", "value": look.theme.ink}, "value": look.theme.muted},
            },
        },
    ]


def level_layer(look: Look) -> Spec:
    """The levels of effort beside their points: where a point lies does not say which it is."""
    return {
        "data": {"name": "levels"},
        "mark": {"type": "text", "baseline": "bottom", "dy": -LEVEL_DY_PX, "fontSize": LEVEL_PX},
        "encoding": {
            "text": {"field": "text", "type": "nominal"},
            "color": {"value": look.theme.muted},
            "opacity": emphasis(1, 0.3),
        },
    }


def note_layer(lines: Sequence[str], height: float, look: Look) -> Spec:
    """Small print below the axis title."""
    return {
        "data": {"values": [{}]},
        "mark": {
            "type": "text",
            "align": "left",
            "baseline": "top",
            "fontSize": 11,
            "lineHeight": NOTE_LINE_PX,
            "text": list(lines),
            "dx": -INSET_PX,
        },
        "encoding": {"x": {"value": 0}, "y": {"value": height + 54}, "color": {"value": look.theme.muted}},
    }
