"""Where the tokens of a ladder went, and what giving each problem a budget of its own could win, as a figure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from thinkcurve.analysis.allocation.headroom import Equal, Headroom
from thinkcurve.analysis.allocation.uses import Allocation, BudgetUse
from thinkcurve.analysis.basis.interval import Interval
from thinkcurve.budget import Control, format_budget
from thinkcurve.errors import UsageError
from thinkcurve.report.figure import AXES, amount, top_of
from thinkcurve.report.figures.sheet import Grid, Legend, Panel, Rows, Words, grid_of, sheet
from thinkcurve.report.labels import plain
from thinkcurve.report.look import SCREEN, Look
from thinkcurve.report.marks import Spec, share_encoding, x_encoding, y_encoding
from thinkcurve.report.scale import fit_scale

PARTS = {
    "needed": "needed",
    "overthinking": "beyond need",
    "lapsed": "right, then lost",
    "short": "not yet enough",
    "futile": "never right",
}
"""What tokens went to, from the bottom up, in the words of the legend (`thinkcurve.analysis.allocation.uses`)."""
_COLORS = ("#0072b2", "#56b4e9", "#cc79a7", "#e69f00", "#b5bac0")
_GREYS = ("#1a1a1a", "#5c5c5c", "#8c8c8c", "#b8b8b8", "#e0e0e0")
_WAYS = {"uniform": "one budget for all", "planned": "planned on other samples", "oracle": "hindsight"}


class Allocated(msgspec.Struct, frozen=True):
    """One curve: its name, where its tokens went, and what allocation could win."""

    model: str
    task: str
    control: str
    run: str
    allocation: Allocation
    headroom: Headroom


def allocation_spec(found: Sequence[Allocated], *, title: str | None = None, look: Look = SCREEN) -> Spec:
    """Two plots a curve: the shares of tokens at each budget, and accuracy at equal mean cost by way of allocating.

    All figures are on the axis that the records are of. A curve whose cost on it is unknown, or that has no problem
    with an attempt at every budget, is named below. Raises `UsageError` where that is so of all.
    """
    shown = [one for one in found if one.headroom.points]
    if not shown:
        axis = found[0].allocation.axis if found else "generated_tokens"
        raise UsageError(
            f"there is no allocation to draw: no curve has a problem with an attempt and its {axis} at every budget"
        )
    grid = grid_of(look, 2 * len(shown), least_px=220, columns=2, height_px=min(200.0, look.size.height_px))
    heads = _headings(shown)
    ways = [
        way for way in _WAYS if any(getattr(at, way).value is not None for one in shown for at in one.headroom.points)
    ]
    panels = []
    for i, (one, head) in enumerate(zip(shown, heads, strict=True)):
        pair = [_uses(one, i, head, look), _equal(one, i, head if grid.columns == 1 else "", ways, grid, look)]
        is_told = i > 0 and grid.columns > 1  # in the row above
        panels += [msgspec.structs.replace(panel, legend=None) for panel in pair] if is_told else pair
    return sheet(panels, grid, look, _words(shown, [one for one in found if one not in shown], title))


def _headings(found: Sequence[Allocated]) -> list[str]:
    if len(found) == 1:
        return [""]
    parts = [(plain(one.task), plain(one.model), plain(one.control), plain(one.run)) for one in found]
    varies = [len(set(column)) > 1 for column in zip(*parts, strict=True)]
    return [" · ".join(p for p, v in zip(row, varies, strict=True) if v) for row in parts]


def _uses(one: Allocated, number: int, heading: str, look: Look) -> Panel:
    """Shares of all tokens spent at a budget, as a stack that is whole."""
    rows = [row for use in one.allocation.budgets for row in _stack(use, one)]
    budgets = list(dict.fromkeys(row["budget"] for row in rows))
    colors = _GREYS if look.style.is_grey else _COLORS
    axis = AXES[one.allocation.axis]
    name = "Effort" if one.control == Control.EFFORT else "Budget in thinking tokens"
    y = share_encoding(f"Share of {axis.name}", (0, 1.0), [0, 0.25, 0.5, 0.75, 1.0], " %")
    encoding: Spec = {
        "x": {
            "field": "budget",
            "type": "ordinal",
            "scale": {"domain": budgets, "paddingInner": 0.18, "paddingOuter": 0.1},
            "axis": {
                "title": name,
                "titleAnchor": "start",
                "titlePadding": 10,
                "labelAngle": 0,
                "ticks": False,
                "grid": False,
            },
        },
        "y": y,
    }
    tooltip = [
        {"field": "budget", "type": "nominal", "title": "Budget"},
        {"field": "t_part", "type": "nominal", "title": "Tokens"},
        {"field": "t_share", "type": "nominal", "title": "Share"},
    ]
    bars: Spec = {
        "data": {"name": f"uses{number}", "values": rows},
        "mark": {"type": "bar", "stroke": look.theme.paper, "strokeWidth": 0.6},
        "encoding": {
            "y": {**y, "field": "start"},
            "y2": {"field": "end"},
            "color": {
                "field": "part",
                "type": "nominal",
                "scale": {"domain": list(PARTS), "range": list(colors)},
                "legend": None,
            },
            "tooltip": tooltip,
        },
    }
    return Panel([bars], encoding, heading, Legend(tuple(PARTS.values()), colors, is_swatch=True))


def _stack(use: BudgetUse, one: Allocated) -> Rows:
    """The parts of one budget, bottom up; nothing where no token was spent."""
    shares = {name: getattr(use, name).value for name in PARTS if name != "needed"}
    if any(share is None for share in shares.values()):
        return []
    whole = {"needed": max(0.0, 1 - sum(shares.values())), **shares}
    rows, at = [], 0.0
    for name, words in PARTS.items():
        share = whole[name]
        said = f"{100 * share:.1f} %" + ("" if name == "needed" else _ends(getattr(use, name)))
        rows.append(
            {
                "budget": format_budget(use.budget, one.control),
                "part": name,
                "start": at,
                "end": min(at + share, 1.0),
                "t_part": words,
                "t_share": said,
            }
        )
        at += share
    return rows


def _ends(of: Interval) -> str:
    if of.ci_low is None or of.ci_high is None:
        return ""
    return f" ({100 * of.ci_low:.1f} % to {100 * of.ci_high:.1f} %)"


def _equal(one: Allocated, number: int, heading: str, ways: Sequence[str], grid: Grid, look: Look) -> Panel:
    """Accuracy at the mean cost of each budget, by way of allocating it; a way has one colour in all figures."""
    axis = one.headroom.axis
    rows = [row for way in ways for point in one.headroom.points for row in _point(point, way, axis, one.control)]
    scale = fit_scale([row["x"] for row in rows], grid.width, in_tokens=AXES[axis].in_tokens)
    places = [list(_WAYS).index(way) for way in ways]
    colors = tuple(look.color(i) for i in places)
    dashes = tuple(tuple(look.dash(i)) for i in places) if look.style.is_grey else ()
    encoding: Spec = {
        "x": x_encoding(f"Mean {AXES[axis].name} a problem", AXES[axis].label, scale),
        "y": y_encoding(top_of([row["high"] for row in rows])),
        "color": {
            "field": "way",
            "type": "nominal",
            "scale": {"domain": list(ways), "range": list(colors)},
            "legend": None,
        },
    }
    data = {"name": f"equal{number}", "values": rows}
    tooltip = [
        {"field": "t_way", "type": "nominal", "title": "Budget"},
        {"field": "t_budget", "type": "nominal", "title": "At the mean cost of"},
        {"field": "t_x", "type": "nominal", "title": f"Mean {AXES[axis].name}"},
        {"field": "t_accuracy", "type": "nominal", "title": "Accuracy, 95 % interval"},
    ]
    by_way = {"domain": list(ways), "range": [list(dash) for dash in dashes]}
    dash: Spec = {"strokeDash": {"field": "way", "type": "nominal", "legend": None, "scale": by_way}} if dashes else {}
    layers: list[Spec] = [
        {
            "data": data,
            "mark": {"type": "area", "opacity": 0.13},
            "encoding": {"y": {"field": "low", "type": "quantitative"}, "y2": {"field": "high"}},
        },
        {
            "data": data,
            "mark": {"type": "line", "strokeWidth": 2.25 * look.mark**0.5},
            "encoding": {"order": {"field": "x", "type": "quantitative"}, **dash},
        },
        {
            "data": data,
            "mark": {"type": "point", "filled": True, "opacity": 1, "size": 46 * look.mark},
            "encoding": {"tooltip": tooltip},
        },
    ]
    return Panel(layers, encoding, heading, Legend(tuple(_WAYS[way] for way in ways), colors, dashes))


def _point(point: Equal, way: str, axis: str, control: str) -> Rows:
    share: Interval = getattr(point, way)
    if share.value is None:
        return []
    low, high = (share.value if end is None else end for end in (share.ci_low, share.ci_high))
    row: dict[str, Any] = {
        "way": way,
        "x": point.cost_per_problem,
        "accuracy": share.value,
        "low": low,
        "high": high,
        "t_way": _WAYS[way],
        "t_budget": format_budget(point.budget, control),
        "t_x": amount(point.cost_per_problem, axis),
        "t_accuracy": f"{100 * share.value:.1f} %{_ends(share)}",
    }
    return [row]


def _words(shown: Sequence[Allocated], left_out: Sequence[Allocated], title: str | None) -> Words:
    of = [(plain(one.task), plain(one.model), plain(one.control)) for one in shown]
    shared = [column[0] for column in zip(*of, strict=True) if len(set(column)) == 1]
    name = AXES[shown[0].allocation.axis].name
    counts = sorted({one.allocation.n_problems for one in shown})
    problems = f"{counts[0]:,}" if len(counts) == 1 else f"{counts[0]:,} to {counts[-1]:,}"
    notes = [
        f"Shares of all {name} spent when everybody has that budget, by what each problem needed. Hindsight gives each "
        "problem its best budget at the same mean cost, knowing the answers: a bound, which no router reaches. Planned "
        "chose by other samples of the problems than it is scored on. Shaded: 95 % interval over problems."
    ]
    if any(one.allocation.n_samples < 2 for one in shown):
        notes.append("With one sample a problem, chance is taken for need: the figures are optimistic.")
    if left_out:
        notes.append("Left out: " + ", ".join(f"{plain(one.model)} on {plain(one.task)}" for one in left_out) + ".")
    return Words(
        f"Where the {name} went, and what allocating them could win",
        " · ".join([*shared, f"{problems} problem{'s' if counts[-1] != 1 else ''}"]),
        notes,
        " ".join(_told(one) for one in shown),
        title,
    )


def _told(one: Allocated) -> str:
    """The largest budget in words."""
    last, equal = one.allocation.budgets[-1], one.headroom.points[-1]
    at = format_budget(last.budget, one.control)
    over, best = last.overthinking.value, equal.oracle.value
    parts = [f"{100 * (equal.uniform.value or 0.0):.1f} % for all alike"]
    parts += [f"{100 * best:.1f} % in hindsight at the same cost"] if best is not None else []
    parts += [f"{100 * over:.1f} % of its tokens beyond need"] if over is not None else []
    return f"{plain(one.model)} on {plain(one.task)}, budget {at}: {', '.join(parts)}."
