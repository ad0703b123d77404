"""An honest provider in miniature, for the checks of chats: what `broken_chat` breaks."""

from __future__ import annotations

from typing import Any, TypeVar

from thinkcurve_backends.scripted import AskedChat, ScriptedBatches

SAY = "nothing else: "
Kind = TypeVar("Kind", bound=ScriptedBatches)


def echo(asked: AskedChat) -> str:
    """What it was told to say, or a number."""
    return asked.question.partition(SAY)[2] or "75"


def honest(kind: type[Kind], **options: Any) -> Kind:
    """A provider that thinks for 900 tokens and overshoots a little, opened as a class of your choice."""
    given: dict[str, Any] = {"natural": 900, "spends": lambda budget, rng: budget + budget // 10} | options
    return kind(given.pop("answer", echo), **given)
