"""The surface as a heat map: what k samples at each budget score, and the best use of a given compute."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from thinkcurve.analysis.parallel.surface import Cell, Surface
from thinkcurve.budget import Control, format_budget
from thinkcurve.errors import UsageError, did_you_mean
from thinkcurve.report.figure import AXES, amount, top_of
from thinkcurve.report.figures.sheet import Grid, Panel, Rows, Words, grid_of, sheet
from thinkcurve.report.labels import plain
from thinkcurve.report.look import INSET_PX, SCREEN, Look
from thinkcurve.report.marks import Spec

CELL_PX = 34
"""The narrowest cell that holds its number."""
_DEEP = 0.6
"""The share of the scale from which on a cell is so deep that its number is white (in dark, black)."""
_ON_HEAT = {"light": ("#fefefe", "#20242a"), "dark": ("#0e1218", "#e5ecf2")}
"""The numbers on deep and on pale cells. None is a colour of a theme: those turn with a dark screen, cells stay."""
WAYS = ("maj@k", "pass@k")
"""Ways of making one answer of k that are drawn unless asked for another: a vote needs nobody who knows the truth."""
SAID = {
    "pass@k": "one of k is correct, and an oracle picks it",
    "maj@k": "the most frequent answer of k is correct",
    "best-of-k": "the one of k with the highest score is correct",
}


class Named(msgspec.Struct, frozen=True):
    """A surface with the name of the run it is of, which tells runs of one study apart."""

    surface: Surface
    run: str = ""


def surface_spec(
    found: Sequence[Named], *, axis: str, way: str | None = None, title: str | None = None, look: Look = SCREEN
) -> Spec:
    """A heat map a curve: budgets up, k to the right, accuracy as shade and number.

    Outlined cells are the best use of some allowance on ``axis``. ``way`` is one that all surfaces have, by default the
    first of `WAYS`. Raises `UsageError` where there are no repeated samples, or no such way.
    """
    deep = [one for one in found if one.surface.n_samples > 1]
    if not deep:
        raise UsageError("a surface needs more than one sample of each problem: run with --samples 4 or more")
    way = _way([one.surface for one in deep], way)
    columns = [_columns(one.surface, look) for one in deep]
    grid = grid_of(
        look,
        len(deep),
        least_px=max(150.0, CELL_PX * max(map(len, columns))),
        height_px=max(120.0, min(30.0 * max(len(_budgets(one.surface)) for one in deep), 360.0)),
    )
    values = [cell.accuracy[way].value or 0.0 for one in deep for cell in one.surface.cells if way in cell.accuracy]
    top = top_of(values)
    heads = _headings(deep)
    panels = [
        _panel(one.surface, ks, way, axis, top, head, i, grid, look)
        for i, (one, ks, head) in enumerate(zip(deep, columns, heads, strict=True))
    ]
    return sheet(panels, grid, look, _words(deep, len(found) - len(deep), way, axis, title))


def _way(surfaces: Sequence[Surface], asked: str | None) -> str:
    """The way to draw: one that each surface knows for more than one sample."""
    known = [{way for cell in s.cells if cell.k > 1 for way in cell.accuracy} for s in surfaces]
    common = [way for way in surfaces[0].ways if all(way in ways for ways in known)]
    if asked is not None:
        if asked not in common:
            raise UsageError(f"way {asked!r} is not one of {', '.join(common)}.{did_you_mean(asked, common)}")
        return asked
    return next((way for way in WAYS if way in common), common[0])


def _columns(surface: Surface, look: Look) -> list[int]:
    """The ks that have room: all, or powers of two and the largest."""
    ks = sorted({cell.k for cell in surface.cells})
    most = 8 if look.is_narrow else 12
    if len(ks) <= most:
        return ks
    powers = [k for k in ks if k & (k - 1) == 0]
    kept = powers if powers[-1] == ks[-1] else [*powers, ks[-1]]
    return kept if len(kept) <= most else [1, *kept[1 - most :]]


def _budgets(surface: Surface) -> list[str]:
    """The names of the budgets, the largest first: the top row."""
    return list(dict.fromkeys(format_budget(cell.budget, surface.control) for cell in reversed(surface.cells)))


def _headings(found: Sequence[Named]) -> list[str]:
    if len(found) == 1:
        return [""]
    parts = [(plain(one.surface.task), plain(one.surface.model), one.surface.control, plain(one.run)) for one in found]
    varies = [len(set(column)) > 1 for column in zip(*parts, strict=True)]
    return [" · ".join(p for p, v in zip(row, varies, strict=True) if v) for row in parts]


def _panel(
    surface: Surface,
    ks: Sequence[int],
    way: str,
    axis: str,
    top: float,
    heading: str,
    number: int,
    grid: Grid,
    look: Look,
) -> Panel:
    best = _best_cells(surface, way, axis)
    rows = [_row(surface, cell, way, axis, best) for cell in surface.cells if cell.k in ks and way in cell.accuracy]
    has_numbers = grid.width / len(ks) >= CELL_PX - 4
    effort = surface.control == Control.EFFORT
    axes: Spec = {"domain": False, "ticks": False, "grid": False, "labelAngle": 0, "labelOverlap": False}
    title: Spec = {"titleAngle": 0, "titleAlign": "left", "titleAnchor": "end", "titleBaseline": "bottom"}
    encoding: Spec = {
        "x": {
            "field": "k",
            "type": "ordinal",
            "scale": {"domain": list(ks), "padding": 0},
            "axis": {**axes, "title": "Samples k", "titleAnchor": "start", "titlePadding": 10},
        },
        "y": {
            "field": "budget",
            "type": "ordinal",
            "scale": {"domain": _budgets(surface), "padding": 0},
            "axis": {
                **axes,
                **title,
                "title": "Effort" if effort else "Budget in thinking tokens",
                "titleX": -INSET_PX,
                "titleY": -12,
            },
        },
    }
    return Panel(_layers(rows, top, number, axis, has_numbers, look), encoding, heading)


def _best_cells(surface: Surface, way: str, axis: str) -> set[tuple[int | None, int]]:
    """The cells that are the best use of some allowance, by budget and k."""
    uses = [uses for uses in surface.uses if uses.way == way and uses.axis == axis]
    return {(row.mix.budget, row.mix.k) for use in uses for row in use.allowances if row.mix is not None}


def _row(surface: Surface, cell: Cell, way: str, axis: str, best: set[tuple[int | None, int]]) -> dict[str, Any]:
    share = cell.accuracy[way]
    value = share.value or 0.0
    cost = cell.costs.get(axis)
    ends = (
        ""
        if share.ci_low is None or share.ci_high is None
        else (f" ({100 * share.ci_low:.1f} % to {100 * share.ci_high:.1f} %)")
    )
    return {
        "k": cell.k,
        "budget": format_budget(cell.budget, surface.control),
        "accuracy": value,
        "text": f"{100 * value:.0f}",
        "is_best": (cell.budget, cell.k) in best,
        "t_cost": "unknown" if cost is None else amount(cost, axis),
        "t_accuracy": f"{100 * value:.1f} %{ends}",
    }


def _layers(rows: Rows, top: float, number: int, axis: str, has_numbers: bool, look: Look) -> list[Spec]:
    data = {"name": f"cells{number}", "values": rows}
    heat = look.style.heat
    is_deep = f"datum.accuracy > {_DEEP * top:.4g}"
    on_deep, on_pale = _ON_HEAT[look.style.theme]
    tooltip = [
        {"field": "budget", "type": "nominal", "title": "Budget"},
        {"field": "k", "type": "nominal", "title": "Samples"},
        {"field": "t_accuracy", "type": "nominal", "title": "Accuracy, 95 % interval"},
        {"field": "t_cost", "type": "nominal", "title": f"Mean {AXES[axis].name} a problem"},
    ]
    shade = {
        "field": "accuracy",
        "type": "quantitative",
        "scale": {
            "domain": [top * i / (len(heat) - 1) for i in range(len(heat))],
            "range": list(heat),
            "interpolate": "lab",
        },
        "legend": None,
    }
    outline: Spec = {"type": "rect", "filled": False, "strokeWidth": 2, "opacity": 1}
    layers: list[Spec] = [
        {
            "data": data,
            "mark": {"type": "rect", "stroke": look.theme.paper, "strokeWidth": 1},
            "encoding": {"color": shade, "tooltip": tooltip},
        },
        {
            "data": {"name": f"best{number}", "values": [row for row in rows if row["is_best"]]},
            "mark": outline,
            "encoding": {"stroke": {"value": "#d55e00" if not look.style.is_grey else look.theme.ink}},
        },
    ]
    if has_numbers:
        layers.append(
            {
                "data": data,
                "mark": {"type": "text", "fontSize": 11},
                "encoding": {
                    "text": {"field": "text", "type": "nominal"},
                    "color": {"condition": {"test": is_deep, "value": on_deep}, "value": on_pale},
                },
            }
        )
    return layers


def _words(found: Sequence[Named], n_shallow: int, way: str, axis: str, title: str | None) -> Words:
    first = found[0].surface
    shared = [
        plain(of[0])
        for of in zip(*((s.surface.task, s.surface.model) for s in found), strict=True)
        if len(set(of)) == 1
    ]
    said = SAID[plain(way).partition(" ")[0]]
    notes = [f"{plain(way)} in %: {said}."]
    priced = [one for one in found if _best_cells(one.surface, way, axis)]
    if priced:
        notes[0] += f" Outlined: the best use of some allowance of {AXES[axis].name}; k samples cost k times one."
    if len(priced) < len(found):
        notes.append(f"No best use is outlined where {AXES[axis].name} are not known at every budget.")
    if n_shallow:
        notes.append(f"{n_shallow} {'curve has' if n_shallow == 1 else 'curves have'} one sample a problem: not drawn.")
    counts = sorted({cell.n_problems for one in found for cell in one.surface.cells})
    problems = f"{counts[0]:,}" if len(counts) == 1 else f"{counts[0]:,} to {counts[-1]:,}"
    told = [_told(one.surface, way) for one in found]
    return Words(
        f"Accuracy over budget and samples, {plain(way)}",
        " · ".join([*shared, f"{problems} problem{'s' if counts[-1] != 1 else ''}"]),
        notes,
        f"{plain(way)} over budget and k. {' '.join(told)}" if first.cells else "",
        title,
    )


def _told(surface: Surface, way: str) -> str:
    cells = [cell for cell in surface.cells if way in cell.accuracy]
    best = max(cells, key=lambda cell: cell.accuracy[way].value or 0.0)
    at = format_budget(best.budget, surface.control)
    return (
        f"{plain(surface.model)} on {plain(surface.task)}: at most {100 * (best.accuracy[way].value or 0.0):.1f} %, "
        f"of {best.k} samples at budget {at}."
    )
