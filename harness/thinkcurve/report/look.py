"""How large a figure is and how it is dressed: sizes as papers have them, styles, the colours of everything.

A figure is laid out in pixels. One for a paper has a width in inches too, and is shrunk to that: 12 pixels become 7.5
points, the size of small print, so that labels stay readable in a column. What a caption says (how to read the marks,
what was counted apart) stands below a figure for the screen and is handed over in words for a paper.
"""

from __future__ import annotations

from typing import Any

import msgspec

from thinkcurve.errors import UsageError, did_you_mean

FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, 'Thinkcurve Sans', sans-serif"
"""The reader's own type; the last but one ships with the package, for machines that have no type at all."""
SANS = "'Thinkcurve Sans', 'Helvetica Neue', Arial, sans-serif"
SERIF = "'Thinkcurve Serif', 'Times New Roman', Times, serif"
"""The types in ``fonts/``, which travel inside SVG, HTML and PDF; what they have no letter for is the reader's own."""

INSET_PX = 38
"""How far left of the plot the heading, the y axis's title and the small print begin."""


class Theme(msgspec.Struct, frozen=True):
    """The colours of everything but the curves."""

    paper: str
    ink: str
    muted: str
    grid: str


THEMES = {
    "light": Theme(paper="#ffffff", ink="#1f2328", muted="#59636e", grid="#e4e7eb"),
    "dark": Theme(paper="#0d1117", ink="#e6edf3", muted="#9198a1", grid="#262c36"),
}

# Okabe and Ito (2008), safe for the common kinds of colour blindness, with a grey in place of their yellow,
# which is lost on paper; their black is the theme's ink. Past eight curves the colours come again, dashed.
_COLORS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "", "#8c8c8c")
_GREYS = ("#111111", "#666666", "#999999")
_SOLID = (4096, 0)  # longer than any line
_DASHES = (_SOLID, (7, 3), (2, 2))
_GREY_DASHES = (_SOLID, (6, 2.5), (2, 2), (8, 2, 2, 2))
# One hue by even steps of lightness, so that a print in grey keeps the order; no step is lost on white or on black.
_HEAT = ("#f0f6fb", "#a6cde6", "#4a94c6", "#0b3c6f")
_GREY_HEAT = ("#f5f5f5", "#b8b8b8", "#787878", "#262626")
_DARK_HEAT = ("#13202e", "#1f4e79", "#3f88c0", "#a3d6ff")


class Size(msgspec.Struct, frozen=True):
    """The width and the least height of the plot in pixels, and the width on paper, if it is for one."""

    width_px: int
    height_px: int
    width_in: float | None = None


SIZES = {
    "screen": Size(720, 300),
    "one-column": Size(374, 190, 3.25),
    "two-column": Size(778, 280, 6.75),
    "wide": Size(778, 165, 6.75),
}
"""``screen`` is as wide as a README. The others are the widths of a two-column page (ICML, ACL: 3.25 and 6.75 inches;
ACM and IEEE differ by less than a tenth of an inch); ``wide`` goes across the page and is low."""


class Style(msgspec.Struct, frozen=True):
    """Type, colours and dashes. ``is_embedded``: the type travels with the file."""

    font: str
    theme: str = "light"
    colors: tuple[str, ...] = _COLORS
    dashes: tuple[tuple[float, ...], ...] = _DASHES
    heat: tuple[str, ...] = _HEAT
    is_embedded: bool = True
    is_grey: bool = False


STYLES = {
    "screen": Style(FONT, is_embedded=False),
    "paper": Style(SANS),
    "serif": Style(SERIF),
    "grey": Style(SANS, colors=_GREYS, dashes=_GREY_DASHES, heat=_GREY_HEAT, is_grey=True),
    "dark": Style(SANS, theme="dark", heat=_DARK_HEAT),
}
"""``screen`` is in the reader's own type and turns dark with the screen, ``grey`` tells curves apart without colour."""


class Look(msgspec.Struct, frozen=True):
    """One size in one style."""

    size: Size
    style: Style

    @property
    def theme(self) -> Theme:
        """Paper, ink and grid."""
        return THEMES[self.style.theme]

    @property
    def is_for_paper(self) -> bool:
        """Whether a caption will stand below it: then it has neither heading nor notes of its own."""
        return self.size.width_in is not None

    @property
    def is_narrow(self) -> bool:
        """Whether names of curves have no room beside the plot and stand above it."""
        return self.size.width_px < 500

    @property
    def has_legend(self) -> bool:
        """Whether curves are named above the plot: beside it is no room, or a grey spot says nothing."""
        return self.is_narrow or self.style.is_grey

    @property
    def mark(self) -> float:
        """The size of points as a share of that on a screen: a column of paper is small."""
        return 0.62 if self.is_narrow else 0.8 if self.is_for_paper else 1.0

    def color(self, i: int) -> str:
        """The colour of the i-th curve."""
        return self.style.colors[i % len(self.style.colors)] or self.theme.ink

    def dash(self, i: int) -> list[float]:
        """The dashes of the i-th curve: in grey each has its own, in colour only those past the last colour."""
        dashes = self.style.dashes
        return list(dashes[(i if self.style.is_grey else i // len(self.style.colors)) % len(dashes)])

    def is_dashed(self, n: int) -> bool:
        """Whether ``n`` curves need dashes."""
        return n > 1 if self.style.is_grey else n > len(self.style.colors)

    def meta(self, title: str, caption: list[str]) -> dict[str, Any]:
        """What the spec says of itself for whoever writes it to a file."""
        of_paper = {"width_in": self.size.width_in} if self.is_for_paper else {}
        return {"thinkcurve": {"title": title, "caption": caption, "is_embedded": self.style.is_embedded, **of_paper}}


SCREEN = Look(SIZES["screen"], STYLES["screen"])


def look_of(size: str | None = None, style: str | None = None) -> Look:
    """The look of a size in `SIZES` (``screen`` unless given) and a style in `STYLES` (``paper`` for a paper's size).

    Raises `UsageError` for a name that is in neither.
    """
    size = size or "screen"
    style = style or ("screen" if size == "screen" else "paper")
    for what, name, names in (("size", size, SIZES), ("style", style, STYLES)):
        if name not in names:
            raise UsageError(f"{what} {name!r} is not one of {', '.join(names)}.{did_you_mean(name, names)}")
    return Look(SIZES[size], STYLES[style])
