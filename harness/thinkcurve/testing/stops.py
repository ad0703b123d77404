"""Checks of what ends a generation: stop ids, and stop texts wherever tokens happen to be cut."""

from __future__ import annotations

from collections.abc import Sequence

from thinkcurve.backend import Generation, Stop
from thinkcurve.testing.subject import Failure, Sample, Skipped, Subject, remarks, shown

NEVER = "\x00 never said \x00"


async def stop_ids(subject: Subject) -> str:
    """A stop id ends before its first place, counts as one of ``max_tokens``, and is neither in ids nor in text."""
    whole = await subject.sample()
    place = _fresh(whole.ids)
    token = whole.ids[place]
    others = tuple(id_ for id_ in whole.ids[-1:] if id_ not in whole.ids[: place + 1])
    for limit, n_promised, stop in (
        (len(whole.ids), place, Stop.STOP),
        (place + 1, place, Stop.STOP),
        (place, place, Stop.LENGTH),
    ):
        generation = await subject.ask(whole.prompt, limit, stop_ids=(*others, token))
        ids = subject.ids_of(generation)
        what = f"stop id {token}, token {place + 1} of the continuation, with max_tokens {limit}"
        await subject.same(whole.prompt, whole.ids[:n_promised], ids, what, tie=False)
        _check_end(subject, generation, stop, what)
    at_once = await subject.ask(whole.prompt, 4, stop_ids=(whole.ids[0],))
    if subject.ids_of(at_once) or at_once.text or at_once.stop is not Stop.STOP:
        raise Failure(
            f"a stop id that comes first gave {shown(subject.ids_of(at_once))} and {at_once.stop.value!r}; "
            "nothing, and 'stop', is promised"
        )
    return f"at token {place + 1}, at the limit, one below it, and first of all"


def _fresh(ids: Sequence[int]) -> int:
    """The last place up to the middle where an id comes for the first time, so that there is something before it."""
    firsts = [ids.index(token) for token in dict.fromkeys(ids)]
    return max((place for place in firsts if place <= max(len(ids) // 2, 1)), default=0)


def _check_end(subject: Subject, generation: Generation, stop: Stop, what: str) -> None:
    if generation.stop is not stop:
        raise Failure(f"{what} ended with {generation.stop.value!r}; {stop.value!r} is promised")
    said = subject.tokenizer.decode(subject.ids_of(generation))
    if generation.text != said:
        raise Failure(f"{what} gave the text {generation.text!r}; {said!r}, what its ids decode to, is promised")


async def stop_texts(subject: Subject) -> str:
    """A stop text ends the generation wherever it falls: across tokens, inside one, first of all, or cut off.

    ``text`` ends before it; ``token_ids`` are those that lie wholly before it, so no id is encoded anew. A text that is
    only begun when ``max_tokens`` is reached is no stop, and nothing of it is held back.
    """
    whole = await subject.sample()
    borders = _borders(subject, whole)
    if not borders:
        raise Skipped("the model wrote no two tokens of plain text in a row, so no text lies across tokens")
    tried = []
    for border in borders:
        at = len(subject.tokenizer.decode(whole.ids[:border]))
        for stop in dict.fromkeys((whole.text[at - 1 : at + 1], whole.text[at - 2 : at + 3])):
            await _stops_at(subject, whole, (stop,), f"stop text {stop!r} across tokens {border} and {border + 1}")
            tried.append(stop)
    if whole.text.find(tried[-1]) > whole.text.find(tried[0]) + len(
        tried[0]
    ):  # apart: which of two comes first is clear
        two = (tried[-1], tried[0], NEVER)
        await _stops_at(subject, whole, two, f"stop texts {two}")
    await _stops_at(subject, whole, (whole.text[:1],), f"stop text {whole.text[:1]!r}, which comes first,")
    await _stops_at(subject, whole, (NEVER,), "a stop text that is never said")
    told = await _stops_at(
        subject, whole, (tried[0],), f"stop text {tried[0]!r} with log-probabilities", top_logprobs=1
    )
    if told.logprobs is not None and len(told.logprobs) != len(subject.ids_of(told)):
        raise Failure(
            f"stop text {tried[0]!r} gave {len(told.logprobs)} log-probabilities for {len(subject.ids_of(told))} ids"
        )
    await _begun(subject, whole, borders[0])
    return f"{', '.join(map(repr, tried[:3]))}, of two, first of all, and cut off by max_tokens"


def _borders(subject: Subject, whole: Sample) -> list[int]:
    """Up to two places between tokens of printable ASCII, where a text may lie across both."""
    found = []
    for place in range(2, len(whole.ids) - 1):
        before, after = subject.tokenizer.decode(whole.ids[:place]), subject.tokenizer.decode(whole.ids[: place + 1])
        window = whole.text[len(before) - 2 : len(after) + 2]
        is_clean = whole.text.startswith(after) and len(after) > len(before)
        if is_clean and window.isascii() and window.isprintable() and window.strip():
            found.append(place)
    return list(dict.fromkeys((found[0], found[-1]))) if found else []


async def _stops_at(
    subject: Subject, whole: Sample, stop: tuple[str, ...], what: str, top_logprobs: int | None = None
) -> Generation:
    """Ask with stop texts; what must come is known from the whole."""
    places = [place for place in (whole.text.find(text) for text in stop) if place >= 0]
    text = whole.text[: min(places)] if places else whole.text
    n_kept = len(whole.ids)
    while places and n_kept and len(subject.tokenizer.decode(whole.ids[:n_kept])) > len(text):
        n_kept -= 1
    generation = await subject.ask(whole.prompt, len(whole.ids), stop=stop, top_logprobs=top_logprobs)
    if generation.text != text:
        raise Failure(f"{what} gave the text {generation.text!r}; {text!r} is promised")
    await subject.same(whole.prompt, whole.ids[:n_kept], subject.ids_of(generation), what, tie=False)
    expected = Stop.STOP if places else Stop.LENGTH
    if generation.stop is not expected:
        raise Failure(f"{what} ended with {generation.stop.value!r}; {expected.value!r} is promised")
    return generation


async def _begun(subject: Subject, whole: Sample, border: int) -> None:
    """A stop text of which only the beginning was generated when ``max_tokens`` was reached."""
    before = subject.tokenizer.decode(whole.ids[:border])
    stop = whole.text[len(before) - 1 : len(before) + 1]
    if stop in before:
        return
    generation = await subject.ask(whole.prompt, border, stop=(stop,))
    what = f"stop text {stop!r}, begun when max_tokens {border} is reached,"
    await subject.same(whole.prompt, whole.ids[:border], subject.ids_of(generation), what, tie=False)
    if generation.text != before or generation.stop is not Stop.LENGTH:
        raise Failure(
            f"{what} gave {generation.text!r} and {generation.stop.value!r}; {before!r} and 'length' are promised"
        )


async def end_of_turn(subject: Subject) -> str:
    """The end of the model's turn is neither id nor text, and is one of ``max_tokens``: at the limit it is seen."""
    found = await _natural_end(subject)
    if found is None:
        raise Skipped(f"the model ended none of its answers within {4 * subject.size} tokens")
    prompt, whole = found
    ids = subject.ids_of(whole)
    said = subject.tokenizer.decode(ids)
    if whole.text != said:
        raise Failure(f"an answer that the model ended has the text {whole.text!r}; {said!r}, its ids, is promised")
    notes = []
    for limit, stop in ((len(ids) + 1, Stop.EOS), (len(ids), Stop.LENGTH)):
        if not limit:
            continue
        generation = await subject.ask(prompt, limit)
        what = f"an answer of {len(ids)} tokens with max_tokens {limit}"
        note = await subject.same(prompt, ids, subject.ids_of(generation), what)
        if not note and generation.stop is not stop:
            raise Failure(f"{what} ended with {generation.stop.value!r}; {stop.value!r} is promised")
        notes.append(note)
    return remarks(f"after {len(ids)} tokens", *notes)


async def _natural_end(subject: Subject) -> tuple[tuple[int, ...], Generation] | None:
    """A prompt whose greedy answer the model ends by itself, and that answer."""
    thinking = subject.backend.model.thinking
    close = subject.tokenizer.encode(thinking.close) if thinking else ()
    for number in range(4):
        for end in (close, ()) if close else ((),):
            prompt = subject.question(number) + end
            generation = await subject.ask(prompt, 4 * subject.size)
            if generation.stop is Stop.EOS and subject.ids_of(generation):
                return prompt, generation
    return None
