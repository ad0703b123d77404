"""The check of text that is gone on with (controls ``truncate`` and ``extend`` where no token ids go in)."""

from __future__ import annotations

from thinkcurve.backend import Generation, Sampling, Stop
from thinkcurve.budget import Control
from thinkcurve.testing.replies import at_most, reply, shown_text
from thinkcurve.testing.subject import LEAST, QUESTIONS, Failure, Skipped, Subject, remarks

MANY_PARTED = 2
"""Joints at which the two halves may not part from the whole: text is cut into tokens anew there, and another near tie
may fall the other way once, not twice of three times."""


async def text_continuation(subject: Subject) -> str:
    """A prefix is gone on with exactly: ``max_tokens`` to the token, halves joined are the whole, markers and all."""
    if subject.backend.tokenizer is not None:
        raise Skipped("it is asked with token ids; this is a check of text")
    if not subject.backend.controls & {Control.TRUNCATE, Control.EXTEND}:
        raise Skipped("it goes on with no prefix: neither truncate nor extend is among its controls")
    question, opening, whole = await _whole(subject)
    n = _count(whole)
    said = []
    for cut in sorted({1, n // 2, n - 1}):
        first = await _on(subject, question, opening, cut)
        if _count(first) != cut or first.stop is not Stop.LENGTH or not whole.text.startswith(first.text):
            raise Failure(
                f"max_tokens {cut} gave {_count(first)} tokens, {shown_text(first.text)} and {first.stop.value!r}; "
                f"{cut} tokens, the beginning of {shown_text(whole.text)}, and 'length' are promised"
            )
        rest = await _on(subject, question, opening + first.text, n - cut)
        if first.text + rest.text != whole.text:
            said.append(_parted(first.text, rest.text, whole.text, cut))
    if len(said) >= MANY_PARTED:
        raise Failure(said[0])
    said += await _stop_text(subject, question, opening, whole)
    return remarks(f"{n} tokens after {opening!r}, joined after 1, {n // 2} and {n - 1}", *said)


async def _whole(subject: Subject) -> tuple[str, str, Generation]:
    """A question, how its reply begins, and the greedy continuation of that, several tokens long."""
    thinking = subject.backend.model.thinking
    opening = "" if thinking is None or thinking.template_opens else thinking.open
    for question in QUESTIONS:
        asked = question.format(7)
        whole = await _on(subject, asked, opening, subject.size)
        if whole.stop is Stop.LENGTH and _count(whole) != subject.size:
            raise Failure(f"max_tokens {subject.size} gave {_count(whole)} tokens; exactly as many are promised")
        if _count(whole) > LEAST and len(whole.text.split()) > 1:
            return asked, opening, whole
    raise Skipped(f"the model ends every reply within {LEAST} tokens, so there is nothing to cut")


async def _on(subject: Subject, question: str, prefix: str, max_tokens: int, stop: tuple[str, ...] = ()) -> Generation:
    """What comes after a prefix, greedily."""
    limit = at_most(subject, max_tokens)
    made = await reply(subject, question, limit, prefix=prefix, sampling=Sampling(), stop=stop)
    if made.thinking:
        raise Failure(
            f"going on after {shown_text(prefix)} gave thinking apart, {shown_text(made.thinking)}; all that comes is "
            "promised as text, unparsed"
        )
    return made


def _count(made: Generation) -> int:
    n = made.usage.generated_tokens
    if n is None:
        raise Failure("text was gone on with, and nobody says with how many tokens; the server's count is promised")
    return n


def _parted(first: str, rest: str, whole: str, cut: int) -> str:
    """Where and how two halves part from the whole."""
    joined = first + rest
    lost = "".join(joined.split()) == "".join(whole.split())
    at = next((i for i, (a, b) in enumerate(zip(joined, whole, strict=False)) if a != b), min(len(joined), len(whole)))
    how = "white space differs at the joint" if lost else f"they part {at - len(first)} characters after the joint"
    return (
        f"going on after token {cut}, {shown_text(first[-20:])}, gave {shown_text(rest)}; "
        f"{shown_text(whole[len(first) :])} is promised, as in one piece: {how}"
    )


async def _stop_text(subject: Subject, question: str, opening: str, whole: Generation) -> list[str]:
    """A stop text ends what comes, and is no part of it."""
    word = whole.text.split()[-1]
    made = await _on(subject, question, opening, _count(whole), stop=(word,))
    promised = whole.text[: whole.text.find(word)]
    if made.text == promised and made.stop is Stop.STOP:
        return []
    if made.text.rstrip() == promised.rstrip() and made.stop in (Stop.STOP, Stop.EOS):
        return [f"stop text {word!r} ended it as {made.stop.value!r}"]
    raise Failure(
        f"stop text {word!r} gave {shown_text(made.text)} and {made.stop.value!r}; {shown_text(promised)} and 'stop' "
        "are promised"
    )
