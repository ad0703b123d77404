"""Thinking in a reply: taken apart from the answer, counted where nobody else did, refused where it was turned off."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import msgspec

from thinkcurve.backend import Chat, Generation, Request, Visibility
from thinkcurve.errors import BackendError
from thinkcurve_backends.chat.dialect import Dialect

UNEXPLAINED = 0.2
"""The part of the generated tokens that may be missing from the text before some of them were thought unseen."""
FEWEST_UNEXPLAINED = 8
"""Fewer than these are markers and the end of the turn, not thinking."""


@dataclass(slots=True)
class Habits:
    """What one model at one endpoint was seen to do in replies before."""

    shows: bool = False
    """Thinking was shown, so that where none is there was none."""
    takes_apart: bool = False
    """The server itself took the thinking out of the content."""
    opens_unseen: bool = False
    """Content closed thinking that it had not opened: the chat template opens it."""


def split(text: str, dialect: Dialect, *, is_cut: bool = False) -> tuple[str, str]:
    """(thinking, answer) of a content that holds both; markers and the white space beside them belong to neither.

    A closing marker without an opening one ends thinking that the chat template opened.
    """
    if not dialect.close:
        return "", text
    mark = dialect.open.strip()
    begins = bool(mark) and text.lstrip().startswith(mark)
    thinking, closed, answer = text.partition(dialect.close.strip())
    if not closed and not begins and not (is_cut and dialect.opens_unseen):
        return "", text  # an answer without any thinking
    if begins:
        thinking = thinking.lstrip().removeprefix(mark)
    elif mark and mark in thinking:
        return "", text  # an answer that speaks of such markers
    return thinking.strip("\n"), answer.lstrip("\n")


def split_as_usual(text: str, dialect: Dialect, habits: Habits, *, is_cut: bool, is_off: bool) -> tuple[str, str]:
    """`split`, in the light of what came before: whether content begins within thinking that the template opened."""
    opens = (dialect.opens_unseen or habits.opens_unseen) and not habits.takes_apart and not is_off
    if opens != dialect.opens_unseen:
        dialect = msgspec.structs.replace(dialect, opens_unseen=opens)
    thinking, answer = split(text, dialect, is_cut=is_cut)
    mark = dialect.open.strip()
    if thinking and dialect.close.strip() in text and not (mark and text.lstrip().startswith(mark)):
        habits.opens_unseen = True
    return thinking, answer


def count_thinking(generation: Generation, encode: Callable[[str], Sequence[int]]) -> Generation:
    """``generation`` with its thinking counted by us, where it is shown whole and nobody else counted it.

    Where none is shown and the text is far shorter than what was generated, some was thought unseen: not counted.
    """
    usage = generation.usage
    if usage.thinking_tokens is not None or generation.thinking is None or generation.visibility != Visibility.FULL:
        return generation
    n, generated = len(encode(generation.thinking)) if generation.thinking else 0, usage.generated_tokens
    if not generation.thinking and generated is not None:
        n_unexplained = generated - len(encode(generation.text))
        if n_unexplained > max(FEWEST_UNEXPLAINED, UNEXPLAINED * generated):
            return msgspec.structs.replace(generation, thinking=None, visibility=Visibility.HIDDEN)
    if generated is not None:
        n = min(n, generated)
    answer = None if generated is None else generated - n
    counted = msgspec.structs.replace(usage, thinking_tokens=n, answer_tokens=answer, source="client")
    return msgspec.structs.replace(generation, usage=counted)


def asks_off(request: Request | None) -> bool:
    """Whether a request wants no thinking at all."""
    chat = request.prompt if request is not None else None
    return isinstance(chat, Chat) and (chat.budget_tokens == 0 or chat.effort == "none")


def check_off(generation: Generation, request: Request | None, dialect: Dialect) -> None:
    """Raise the `BackendError` where budget 0 was asked for and the model thought all the same."""
    chat = request.prompt if request is not None else None
    if not isinstance(chat, Chat) or chat.budget_tokens != 0 or chat.prefix is not None:
        return
    is_shown = bool((generation.thinking or "").strip())
    is_unseen = generation.thinking is None and (generation.usage.thinking_tokens or 0) > FEWEST_UNEXPLAINED
    if not is_shown and not is_unseen and generation.visibility is not Visibility.ENCRYPTED:
        return
    said = json.dumps(dialect.off) if dialect.off is not None else f"{dialect.budget} = 0"
    raise BackendError(
        f"{dialect.name} was told not to think (budget 0), and thought: {said} has no effect with this model; leave "
        "budget 0 out of the ladder"
    )
