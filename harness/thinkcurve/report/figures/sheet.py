"""Several small plots in one figure: a grid of panels with headings and legends, and the words around them.

Vega-Lite cannot lay such a grid out to a width, so the places are worked out here: panels of one size, axes and words
in gaps of a known size. Names are inline data; the only other text of a user's is the description.
"""

from __future__ import annotations

from collections.abc import Sequence
from textwrap import wrap
from typing import Any

import msgspec

from thinkcurve.report.figure import LEFT_PX, PAPER_LEFT_PX, RIGHT_PX, SCHEMA_URL
from thinkcurve.report.labels import plain
from thinkcurve.report.legend import LEGEND_LINE_PX, Entry, fill_legend, shorten
from thinkcurve.report.look import INSET_PX, Look
from thinkcurve.report.marks import NOTE_LINE_PX, Spec, config, note_layer

Rows = list[dict[str, Any]]

_AXIS_PX, _HEADING_PX, _AIR_PX = 28, 20, 16
_FOOT_PX, _TITLE_PX = 48, 52
_HEADING_CHAR_PX, _SUBTITLE_CHARS = 7.4, 108
_NOTE_CHARS = 118  # of the small print that fit the width of a screen's figure


class Legend(msgspec.Struct, frozen=True):
    """Names with their colours (and dashes, where colours are not enough); ``is_swatch`` for areas, not lines."""

    names: tuple[str, ...]
    colors: tuple[str, ...]
    dashes: tuple[tuple[float, ...], ...] = ()
    is_swatch: bool = False


def legend_of(names: Sequence[str], look: Look) -> Legend:
    """The legend of some curves in a look's own colours."""
    n = len(names)
    dashes = tuple(tuple(look.dash(i)) for i in range(n)) if look.is_dashed(n) else ()
    return Legend(tuple(names), tuple(look.color(i) for i in range(n)), dashes)


class Panel(msgspec.Struct, frozen=True):
    """One plot: layers with their own data (named, with values) and encoding, its heading, a legend of its own."""

    layers: list[Spec]
    encoding: Spec
    heading: str = ""
    legend: Legend | None = None


class Words(msgspec.Struct, frozen=True):
    """What is said around a figure. ``own_title`` is the user's, if there is one."""

    title: str
    subtitle: str
    notes: list[str]
    description: str
    own_title: str | None = None


class Grid(msgspec.Struct, frozen=True):
    """Where ``n`` panels stand: ``columns`` beside each other, each ``width`` by ``height`` pixels."""

    n: int
    columns: int
    width: float
    height: float
    left: float
    gap: float

    @property
    def n_rows(self) -> int:
        """Rows of panels."""
        return -(-self.n // self.columns)


def grid_of(look: Look, n: int, *, least_px: float, height_px: float | None = None, columns: int | None = None) -> Grid:
    """The grid of ``n`` panels that fills the width of a look, no panel narrower than ``least_px`` where it can."""
    left: float = PAPER_LEFT_PX if look.is_for_paper else LEFT_PX
    gap = left + RIGHT_PX
    room = look.size.width_px - left - RIGHT_PX
    most = max(1, int((room + gap) // (least_px + gap)))
    beside = min(n, columns or most, most)
    width = (room - (beside - 1) * gap) / beside
    height = height_px or min(look.size.height_px, max(150.0, width * 0.8))
    return Grid(n, beside, width, height, left, gap)


def sheet(panels: Sequence[Panel], grid: Grid, look: Look, words: Words, *, legend: Legend | None = None) -> Spec:
    """The figure of some panels, row by row, under a ``legend`` that all of them share."""
    whole = grid.columns * grid.width + (grid.columns - 1) * grid.gap
    shared = fill_legend([(name,) for name in legend.names], whole) if legend else []
    own = [fill_legend([(name,) for name in p.legend.names], grid.width) if p.legend else [] for p in panels]
    bare = _AXIS_PX + (_HEADING_PX if any(panel.heading for panel in panels) else 0)
    heads = [bare + LEGEND_LINE_PX * max(map(_lines, row), default=0) for row in _split(own, grid.columns)]
    head, gap = heads[0], _FOOT_PX + max(heads[1:], default=bare) + _AIR_PX
    title = words.own_title or ("" if look.is_for_paper else words.title)
    subtitle = "" if look.is_for_paper else words.subtitle
    notes = [] if look.is_for_paper else [line for note in words.notes for line in wrap(note, _NOTE_CHARS)]
    air = 8 if shared and any(panel.heading for panel in panels) else 0
    under_title = head + air + LEGEND_LINE_PX * _lines(shared)
    top = under_title + ((_TITLE_PX if subtitle else 26) if title else 0)
    datasets: dict[str, Rows] = {}
    most = int((grid.width + INSET_PX) / _HEADING_CHAR_PX)
    shown = []
    for i, (panel, entries) in enumerate(zip(panels, own, strict=True)):
        layers = [*panel.layers]
        if panel.legend:
            layers += _keys(panel.legend, entries, _AXIS_PX + 6, f"legend{i}", datasets, look)
        layers += _text(
            f"head{i}",
            shorten(panel.heading, most),
            1 - heads[i // grid.columns],
            look,
            datasets,
            size=12.5,
            weight=600,
        )
        if i == 0:
            layers += _keys(legend, shared, head + air + 8, "legend", datasets, look) if legend else []
            layers += _text("title", title, -top, look, datasets, size=17 if subtitle else 13, weight=600)
            layers += _text("subtitle", shorten(subtitle, _SUBTITLE_CHARS), -top + 25, look, datasets, size=12.5)
        if i == (grid.n_rows - 1) * grid.columns and notes:
            layers += [note_layer(notes, grid.height, look)]
        shown.append({"width": grid.width, "height": grid.height, "encoding": panel.encoding, "layer": layers})
    return {
        "$schema": SCHEMA_URL,
        "description": words.description,
        "usermeta": look.meta(
            plain(words.own_title or words.title), [f"{words.title}: {words.subtitle}.", *words.notes]
        ),
        "autosize": "none",
        "padding": {
            "left": grid.left,
            "right": RIGHT_PX,
            "top": top + 8,
            "bottom": _FOOT_PX + (NOTE_LINE_PX * len(notes) + 12 if notes else 0),
        },
        "params": [
            {"name": "width", "value": whole},
            {"name": "height", "value": grid.n_rows * grid.height + (grid.n_rows - 1) * gap},
        ],
        "background": look.theme.paper,
        "config": config(look),
        "datasets": {**{name: rows for panel in panels for name, rows in _data_of(panel)}, **datasets},
        "columns": grid.columns,
        "bounds": "flush",
        "spacing": {"row": gap, "column": grid.gap},
        "resolve": {"scale": {"color": "independent", "x": "independent", "y": "independent"}},
        "concat": [_by_name(child) for child in shown],
    }


def _data_of(panel: Panel) -> list[tuple[str, Rows]]:
    return list({layer["data"]["name"]: layer["data"]["values"] for layer in panel.layers}.items())


def _by_name(child: Spec) -> Spec:
    """A panel whose layers name their data, which stands with all other data in ``datasets``."""
    layers = [
        {**layer, "data": {"name": layer["data"]["name"]}} if "name" in layer["data"] else layer
        for layer in child["layer"]
    ]
    return {**child, "layer": layers}


def _split(own: Sequence[Sequence[Entry]], columns: int) -> list[Sequence[Sequence[Entry]]]:
    return [own[i : i + columns] for i in range(0, len(own), columns)]


def _lines(entries: Sequence[Entry]) -> int:
    return entries[-1].n_rows if entries else 0


def _keys(
    legend: Legend, entries: Sequence[Entry], up_px: float, name: str, datasets: dict[str, Rows], look: Look
) -> list[Spec]:
    """Keys and names, the lowest row ``up_px`` above the plot."""
    layers: list[Spec] = []
    for n, entry in enumerate(entries):
        y = -(up_px + (entry.n_rows - 1 - entry.row) * LEGEND_LINE_PX)
        datasets[f"{name}_{n}"] = [{"text": entry.text}]
        dash = {"strokeDash": list(legend.dashes[n % len(legend.dashes)])} if legend.dashes else {}
        layers += [
            {
                "data": {"name": f"{name}_{n}"},
                "mark": {"type": "rule", "strokeWidth": 10 if legend.is_swatch else 2.25 * look.mark**0.5, **dash},
                "encoding": {
                    "x": {"value": entry.x_px},
                    "x2": {"value": entry.x_px + (10 if legend.is_swatch else 22)},
                    "y": {"value": y},
                    "color": {"value": legend.colors[n % len(legend.colors)]},
                },
            },
            _words(f"{name}_{n}", entry.x_px + (16 if legend.is_swatch else 28), y, look, size=12, baseline="middle"),
        ]
    return layers


def _text(
    name: str, text: str, y: float, look: Look, datasets: dict[str, Rows], *, size: float, weight: int = 400
) -> list[Spec]:
    if not text:
        return []
    datasets[name] = [{"text": plain(text)}]
    return [_words(name, -INSET_PX, y, look, size=size, weight=weight, baseline="top")]


def _words(name: str, x: float, y: float, look: Look, *, size: float, baseline: str, weight: int = 400) -> Spec:
    ink = look.theme.muted if name == "subtitle" else look.theme.ink
    return {
        "data": {"name": name},
        "mark": {
            "type": "text",
            "align": "left",
            "baseline": baseline,
            "fontSize": size,
            "fontWeight": weight,
            "limit": look.size.width_px - 20,
        },
        "encoding": {
            "x": {"value": x},
            "y": {"value": y},
            "text": {"field": "text", "type": "nominal"},
            "color": {"value": ink},
        },
    }
