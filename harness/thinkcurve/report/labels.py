"""The words beside the lines of a figure: what tells the curves apart, and where each label finds room.

Names come from users, so they are made plain text here and only ever travel as data, never as field names,
expressions or markup.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import msgspec

from thinkcurve.analysis.curve import Curve

LINE_PX = 14
"""Height of one line of a label."""
_GAP_PX = 6
_LINE_CHARS = 26  # what fits beside the plot at 12 px
_MOST_LINES = 3
_BREAK_AFTER = re.compile(r"(?<=[\s/_\-:])")


class Naming(msgspec.Struct, frozen=True):
    """What all curves of a figure share, and the parts in which each differs (first the one to stress)."""

    shared: tuple[str, ...]
    own: tuple[tuple[str, ...], ...]


class Label(msgspec.Struct, frozen=True):
    """One curve's label: lines of text (the first ``n_stressed`` carry the name) and its middle in pixels."""

    lines: tuple[str, ...]
    n_stressed: int
    middle_px: float

    def line_px(self, index: int) -> float:
        """The vertical middle of one of the lines, from the top of the plot."""
        return self.middle_px + (index - (len(self.lines) - 1) / 2) * LINE_PX


def plain(name: str) -> str:
    """``name`` as one line of printable text."""
    words = "".join(c if c.isprintable() else " " for c in name).split()
    return " ".join(words) or "(no name)"


_COUNTED = {
    "provider": "counted by the provider",
    "parser": "counted by the server's parser",
    "client": "counted by us, from the text",
    "unknown": "counted by nobody",
}
_SHOWN = {"summary": "shown as a summary", "encrypted": "sent encrypted", "hidden": "not shown"}


def thinking_words(curve: Curve) -> str:
    """Who counted a curve's thinking and how much of it was shown, in words; nothing where we counted all of it."""
    parts = [*_shares(curve.thinking_source, _COUNTED)]
    if any(point.n_attempts and not curve.knows_forced(point) for point in curve.points):
        parts.append(f"{'so ' if parts else ''}what was forced is not known")
    return ", ".join([*parts, *_shares(curve.visibility, _SHOWN)])


def _shares(counts: Mapping[str, int], words: Mapping[str, str]) -> list[str]:
    """The words of what was counted, each with its number where it is not all there is."""
    found = {name: n for name, n in counts.items() if name in words}
    whole = len(counts) == 1
    return [words[name] if whole else f"{words[name]} in {n:,}" for name, n in found.items()]


def name_curves(curves: Sequence[Curve]) -> Naming:
    """Parts of (model, task, control) that all curves share go to the heading; the others name the curves.

    Curves that no part tells apart (two runs of one study) are numbered.
    """
    parts = [(plain(c.model), plain(c.task), plain(c.control)) for c in curves]
    columns = [len(set(column)) > 1 for column in zip(*parts, strict=True)]
    shared = tuple(part for part, varies in zip(parts[0], columns, strict=True) if not varies)
    own = [tuple(part for part, varies in zip(row, columns, strict=True) if varies) for row in parts]
    if len(set(own)) < len(own) and len(own) > 1:
        own = [_numbered(own, i) for i in range(len(own))]
    return Naming(shared, tuple(own))


def _numbered(own: Sequence[tuple[str, ...]], index: int) -> tuple[str, ...]:
    if own.count(own[index]) == 1:
        return own[index]
    nth = own[: index + 1].count(own[index])
    return (*own[index], f"run {nth}")


def place_labels(own: Sequence[tuple[str, ...]], wanted_px: Sequence[float], height_px: float) -> list[Label]:
    """Each label's first line as near to the height it wants as there is room, in the order given."""
    texts = _texts(own)
    heights = [len(lines) * LINE_PX + _GAP_PX for lines, _ in texts]
    wanted = [px + (len(lines) - 1) / 2 * LINE_PX for px, (lines, _) in zip(wanted_px, texts, strict=True)]
    order = sorted(range(len(own)), key=lambda i: wanted_px[i])
    middles = _spread([wanted[i] for i in order], [heights[i] for i in order], height_px)
    placed = dict(zip(order, middles, strict=True))
    return [Label(tuple(lines), n, placed[i]) for i, (lines, n) in enumerate(texts)]


def apart(texts: Sequence[str], places: Sequence[tuple[float, float]], size_px: float) -> list[bool]:
    """Which of some short texts, centred at (x, y) in pixels, can stand without touching one before them."""
    kept: list[tuple[float, float, float]] = []
    free = []
    for text, (x, y) in zip(texts, places, strict=True):
        half = 0.3 * size_px * len(text) + 2
        is_free = all(abs(x - a) > half + b or abs(y - c) > size_px + 2 for a, b, c in kept)
        free.append(is_free)
        if is_free:
            kept.append((x, half, y))
    return free


def height_of_labels(own: Sequence[tuple[str, ...]]) -> int:
    """The least height in pixels in which all labels can stand one below the other."""
    return sum(len(lines) * LINE_PX + _GAP_PX for lines, _ in _texts(own))


def width_of_labels(own: Sequence[tuple[str, ...]]) -> float:
    """About the width in pixels of the longest line (7 px a character at 12 px, system fonts differ)."""
    return 7.0 * max(len(line) for lines, _ in _texts(own) for line in lines)


def _spread(wanted: Sequence[float], heights: Sequence[float], room: float) -> list[float]:
    """Middles nearest to ``wanted`` (ascending; least squares) such that no two labels overlap.

    Less the heights of the labels above it, each middle must not be smaller than the one before: an isotonic
    regression, solved by pooling adjacent violators.
    """
    offsets = [sum(heights[:i]) + height / 2 for i, height in enumerate(heights)]
    pools: list[tuple[float, int]] = []
    for value, size in ((w - o, 1) for w, o in zip(wanted, offsets, strict=True)):
        while pools and pools[-1][0] > value:
            mean, count = pools.pop()
            value, size = (mean * count + value * size) / (count + size), count + size
        pools.append((value, size))
    slack = max(room - sum(heights), 0.0)
    starts = [min(max(mean, 0.0), slack) for mean, count in pools for _ in range(count)]
    return [start + offset for start, offset in zip(starts, offsets, strict=True)]


def _texts(own: Sequence[tuple[str, ...]]) -> list[tuple[list[str], int]]:
    """Each label's lines and how many of them are the stressed name.

    One line each where that is enough for all of them; else the name wraps and what follows stands below it.
    """
    joined = [" · ".join(parts) for parts in own]
    if all(len(text) <= _LINE_CHARS for text in joined):
        return [([text], 1) for text in joined]
    texts = []
    for name, *rest in own:
        lines = _wrap(name, _MOST_LINES - bool(rest))
        texts.append(([*lines, _elided(" · ".join(rest))] if rest else lines, len(lines)))
    return texts


def _wrap(text: str, most: int) -> list[str]:
    """``text`` in at most ``most`` even lines, broken after separators; one too long loses its middle."""
    pieces = _BREAK_AFTER.split(text)
    fewest = min(len(_filled(pieces, _LINE_CHARS)), most)
    width = next((w for w in range(1, _LINE_CHARS) if len(_filled(pieces, w)) <= fewest), _LINE_CHARS)
    lines = _filled(pieces, width)
    return [_elided(line) for line in (*lines[: most - 1], "".join(lines[most - 1 :])) if line]


def _filled(pieces: Sequence[str], width: int) -> list[str]:
    """The pieces joined into lines of at most ``width`` characters where the pieces allow it."""
    lines = [""]
    for piece in pieces:
        if lines[-1] and len(lines[-1]) + len(piece.rstrip()) > width:
            lines.append("")
        lines[-1] += piece
    return [line.strip() for line in lines]


def _elided(line: str) -> str:
    if len(line) <= _LINE_CHARS:
        return line
    head = _LINE_CHARS * 2 // 5
    return f"{line[:head]}…{line[head + 1 - _LINE_CHARS :]}"
