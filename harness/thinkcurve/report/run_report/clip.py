"""Text that has to fit: a trace's beginning, its end and what stands about each cut are kept, an answer's both ends."""

from __future__ import annotations

from collections.abc import Sequence

Piece = tuple[int, str]
"""Where in the whole a piece begins, in characters, and its text."""


def windows(text: str, places: Sequence[int], reach: int | None) -> list[Piece]:
    """Pieces of a text, in order: all within ``reach`` characters of its ends and of some places; ``None`` is whole.

    >>> windows("abcdefghij", [5], 1)
    [(0, 'a'), (4, 'ef'), (9, 'j')]
    """
    if reach is None or len(text) <= 2 * reach:
        return [(0, text)] if text else []
    pieces: list[Piece] = []
    for place in sorted({0, len(text), *places}):
        start, end = max(0, place - reach), min(len(text), place + reach)
        if pieces and start <= pieces[-1][0] + len(pieces[-1][1]):
            begun = pieces[-1][0]
            pieces[-1] = (begun, text[begun:end])
        elif end > start:
            pieces.append((start, text[start:end]))
    return pieces


REACHES: tuple[int | None, ...] = (
    *(None, 16000, 12000, 8000, 6000, 4000, 3000, 2000, 1500, 1000, 750),
    *(500, 400, 300, 250, 200, 160, 120, 90, 60, 40, 20, 0),
)
"""How far about a cut a trace's text is kept, the first that fits; an answer keeps as much at either end."""
