"""The legend of a narrow figure: a short line of each curve's own colour and dashes with its name, in rows above."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from thinkcurve.report.look import INSET_PX, Look
from thinkcurve.report.marks import Spec, dash_encoding
from thinkcurve.report.scale import Scale

LEGEND_LINE_PX = 17
"""Height of one row."""
FIRST_PX = 34
"""How far above the plot the lowest row stands: over the y axis's title."""
_CHAR_PX, _KEY_PX, _GAP_PX = 6.4, 22, 18


class Entry(msgspec.Struct, frozen=True):
    """One curve's place: pixels from the left of the plot, and its row, the top one first."""

    curve: int
    text: str
    x_px: float
    row: int
    n_rows: int

    def row_of(self, scale: Scale, width: float, ends: tuple[float, float], height: float) -> dict[str, Any]:
        """The entry as inline data in the units of the axes: ``ends`` are those of the y axis."""
        low, high = ends
        up_px = FIRST_PX + (self.n_rows - 1 - self.row) * LEGEND_LINE_PX
        return {
            "curve": f"c{self.curve}",
            "text": self.text,
            "x": scale.at(self.x_px / width),
            "x_end": scale.at((self.x_px + _KEY_PX) / width),
            "at": high + (high - low) * up_px / height,
        }


def fill_legend(own: Sequence[tuple[str, ...]], width: float) -> list[Entry]:
    """The names in rows that begin above the y axis and are as wide as the plot; a name too long loses its middle."""
    room = width + INSET_PX
    most = max(int((room - _KEY_PX - 6) / _CHAR_PX), 8)
    texts = [shorten(" · ".join(parts), most) for parts in own]
    places: list[tuple[float, int]] = []
    x, row = 0.0, 0
    for text in texts:
        wide = _KEY_PX + 6 + _CHAR_PX * len(text)
        if x and x + wide > room:
            x, row = 0.0, row + 1
        places.append((x - INSET_PX, row))
        x += wide + _GAP_PX
    return [Entry(i, text, *place, row + 1) for i, (text, place) in enumerate(zip(texts, places, strict=True))]


def shorten(text: str, most: int) -> str:
    """``text`` in at most ``most`` characters, without its middle where it is longer."""
    if len(text) <= most:
        return text
    head = most * 2 // 5
    return f"{text[:head]}…{text[head + 1 - most :]}"


def legend_layers(look: Look, n_curves: int) -> list[Spec]:
    """Keys and names; the plot's own colours and axes."""
    at = {"field": "at", "type": "quantitative"}
    return [
        {
            "data": {"name": "legend"},
            "mark": {"type": "rule", "strokeWidth": 2.25 * look.mark**0.5},
            "encoding": {"y": at, "x2": {"field": "x_end"}, **dash_encoding(n_curves, look)},
        },
        {
            "data": {"name": "legend"},
            "mark": {"type": "text", "align": "left", "baseline": "middle", "dx": 6, "fontSize": 12},
            "encoding": {
                "x": {"field": "x_end", "type": "quantitative"},
                "y": at,
                "text": {"field": "text", "type": "nominal"},
                "color": {"value": look.theme.ink},
            },
        },
    ]
