"""Checks of the edges: a full context, odd prompts, and the counts of what was used."""

from __future__ import annotations

import secrets

from thinkcurve.backend import Chat, Continuation, Generation, Request, Stop
from thinkcurve.errors import BackendError
from thinkcurve.problem import Message
from thinkcurve.testing.subject import Failure, Skipped, Subject, described, remarks

LEFT = 3
"""Tokens that a nearly full context leaves."""
REPEATED = 320
"""Tokens of a prompt that is asked twice: more than any engine's cache page (transformers has 256)."""


async def context(subject: Subject) -> str:
    """A prompt that fills the context is refused; one that leaves 3 tokens gives 3 and says that the window is full."""
    size = subject.backend.model.context_tokens
    if size is None:
        raise Skipped("its context length is unknown")
    full = Request(Continuation(subject.filler(size)), 4)
    came = await subject.refusal(full)
    if isinstance(came, Generation):
        raise Failure(
            f"{described(full)} in a context of {size} gave {len(came.token_ids or ())} ids and {came.stop.value!r}; "
            "a BackendError is promised"
        )
    _check_plain(came, "a prompt as long as the context")
    if not await subject.can_fill(size):
        return f"a prompt of {size} refused; too long to be filled here, open it with a shorter context"
    ended = 0
    for kind in range(3):
        prompt = subject.filler(size - LEFT, kind)
        for limit, n_promised, stop in ((4 * LEFT, LEFT, Stop.CONTEXT), (LEFT, LEFT, Stop.LENGTH), (1, 1, Stop.LENGTH)):
            generation = await subject.ask(prompt, limit)
            n = len(subject.ids_of(generation))
            if generation.stop is Stop.EOS and n < LEFT:
                ended += 1
            elif n != n_promised or generation.stop is not stop:
                raise Failure(
                    f"a prompt that leaves {LEFT} tokens of {size}, asked for {limit}, gave {n} and ended with "
                    f"{generation.stop.value!r}; {n_promised} and {stop.value!r} are promised"
                )
        if not ended:
            break
    note = f"the model ended {ended} by itself" if ended else ""
    return remarks(f"a prompt of {size} refused, {LEFT} left gave {LEFT}", note)


def _check_plain(error: BackendError, what: str) -> None:
    """A refusal of one prompt: another may do, the same never will."""
    if error.is_fatal or error.is_retryable:
        said = "fatal" if error.is_fatal else "retryable"
        raise Failure(f"{what} was refused as {said} ({error}); a BackendError that is neither is promised")


async def odd_prompts(subject: Subject) -> str:
    """Empty, huge and foreign prompts get an answer or a BackendError in time, and the backend works afterwards."""
    whole = await subject.sample()
    size = subject.backend.model.context_tokens
    odd: list[tuple[str, Request]] = [
        ("no ids", Request(Continuation(()), 4)),
        ("neither ids nor text", Request(Continuation(), 4)),
        ("empty text", Request(Continuation(text=""), 4)),
        ("a chat", Request(Chat((Message("user", "Hello"),)), 1)),
    ]
    if size is not None:
        odd.append(("a huge prompt", Request(Continuation(subject.filler(8 * size + 1)), 4)))
    refused, said = [], []
    for name, request in odd:
        came = await subject.refusal(request)
        if isinstance(came, BackendError):
            refused.append(name)
            if came.is_fatal:
                raise Failure(
                    f"{name} was refused as fatal ({came}), which ends a run; a plain BackendError is promised"
                )
        after = subject.ids_of(await subject.ask(whole.prompt, len(whole.ids)))
        said.append(await subject.same(whole.prompt, whole.ids, after, f"the request after {name}"))
    answered = [name for name, _ in odd if name not in refused]
    words = [f"refused: {', '.join(refused)}"] if refused else []
    words += [f"answered: {', '.join(answered)}"] if answered else []
    return remarks(*words, *said)


async def usage(subject: Subject) -> str:
    """Counts are true: prompt tokens are ours, what was cached is no more than that and never what was not asked."""
    nonce = subject.tokenizer.encode(secrets.token_hex(8))
    room = (subject.backend.model.context_tokens or 2048) - len(nonce) - 8
    prompt = (*nonce, *subject.filler(min(REPEATED, room // 2), 1))
    first = await subject.ask(prompt, 4)
    _check_counts(subject, first, prompt, "a new prompt")
    cached = first.usage.cached_tokens
    if cached is not None and cached > len(nonce):
        raise Failure(f"{cached} tokens of a prompt that was never asked before are reported as cached")
    again = await subject.ask(prompt, 4)
    _check_counts(subject, again, prompt, "a repeated prompt")
    longer = (*prompt, *subject.ids_of(first), *nonce)
    _check_counts(subject, on := await subject.ask(longer, 2), longer, "a prompt that goes on with the answer")
    if cached is None:
        return f"{len(prompt)} prompt tokens counted; it does not say what came from its cache"
    if not (cached or again.usage.cached_tokens or on.usage.cached_tokens):
        return f"{len(prompt)} prompt tokens counted; it takes nothing from a cache, also when a prompt is repeated"
    return (
        f"cached: {cached} of {len(prompt)} prompt tokens at first, {again.usage.cached_tokens} when repeated, "
        f"{on.usage.cached_tokens} of {len(longer)} when gone on with"
    )


def _check_counts(subject: Subject, generation: Generation, prompt: tuple[int, ...], what: str) -> None:
    used = generation.usage
    n = len(subject.ids_of(generation))
    if used.prompt_tokens != len(prompt):
        raise Failure(f"{what} of {len(prompt)} ids was counted as {used.prompt_tokens} prompt tokens")
    if used.cached_tokens is not None and not 0 <= used.cached_tokens <= len(prompt):
        raise Failure(
            f"{what} of {len(prompt)} ids has {used.cached_tokens} tokens from the cache; at most all are promised"
        )
    told = [count for count in (used.thinking_tokens, used.answer_tokens) if count is not None]
    if told and sum(told) != n:
        raise Failure(f"{what} gave {n} ids, but {sum(told)} tokens of thinking and answer were counted")
    if generation.wall_s is not None and generation.wall_s < 0:
        raise Failure(f"{what} took {generation.wall_s} s")
