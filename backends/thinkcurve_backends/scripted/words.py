"""The tokens of scripted models behind text: a word with the space before it, or a thinking marker."""

from __future__ import annotations

import re
from collections.abc import Sequence

from thinkcurve.backend import Stop
from thinkcurve.problem import Message

PER_MESSAGE = 4
"""Tokens that a chat template adds to a message."""
_WORD = re.compile(r"</?think>|\s*(?:(?!</?think>)\S)+|\s+")


def words(text: str) -> list[str]:
    """``text`` in tokens, which joined are the text again."""
    return _WORD.findall(text)


def count_prompt(messages: Sequence[Message]) -> int:
    """The tokens of a prompt."""
    return sum(PER_MESSAGE + len(words(message.content)) for message in messages)


def first_words(text: str, most: int) -> str:
    """The first ``most`` tokens of a text."""
    return "".join(words(text)[: max(most, 0)])


def stopped(text: str, stop: Sequence[str], max_tokens: int) -> tuple[str, Stop]:
    """What is left of ``text``, and why: its own end, a stop text, or the limit of tokens, whichever comes first."""
    kept = first_words(text, max_tokens)
    end = Stop.EOS if kept == text else Stop.LENGTH
    places = [place for place in map(kept.find, filter(None, stop)) if place >= 0]
    return (kept[: min(places)], Stop.STOP) if places else (kept, end)
