"""Thinking and answer apart, in one text of a tool that keeps them together."""

from __future__ import annotations

from thinkcurve.budget import THINK_TAGS


def apart(text: str) -> tuple[str | None, str, bool]:
    """Thinking, answer, and whether the thinking was closed. Without a marker all of it is answer.

    >>> apart("<think>2+2</think>4"), apart("4"), apart("<think>2+")
    (('2+2', '4', True), (None, '4', True), ('2+', '', False))
    """
    before, close, after = text.rpartition(THINK_TAGS.close)
    if not close:
        opened, tag, rest = text.partition(THINK_TAGS.open)
        return (rest, "", False) if tag and not opened.strip() else (None, text, True)
    return before.strip().removeprefix(THINK_TAGS.open), after, True
