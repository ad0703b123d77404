"""How a chat backend is asked by the checks, and what any reply of it has to keep to."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence

from thinkcurve.backend import Chat, Generation, Request, Sampling, Visibility
from thinkcurve.budget import THINK_TAGS, Control
from thinkcurve.problem import Message
from thinkcurve.testing.subject import SMALL, Failure, Skipped, Subject

EASY = "Start with 5. Do 2 steps: a +4, b *3. What is the result?"
"""Thought over in a few words by any model that thinks, the embedded one too."""
WHOLE = 1024
"""Tokens in which an easy question is thought over and answered."""
BESIDE = 256
"""Tokens of the context that are left to prompts."""
SLACK_S = 0.25
"""By how much clocks may differ."""
SOURCES = ("provider", "parser", "client", "unknown")


async def needs_chat(subject: Subject) -> None:
    """Skip where token ids go in, or where nothing but prefixes is taken."""
    if subject.backend.tokenizer is not None:
        raise Skipped("it is asked with token ids; this is a check of chats")
    if not subject.backend.controls & {Control.NATIVE, Control.EFFORT, Control.PROMPT}:
        raise Skipped("it answers no chats, it only goes on with text")
    await subject.look()


def room(subject: Subject) -> int | None:
    """The most tokens that a reply may have, as far as it is known."""
    model = subject.backend.model
    context = None if model.context_tokens is None else max(model.context_tokens - BESIDE, SMALL)
    known = [most for most in (model.max_output_tokens, context) if most is not None]
    return min(known, default=None)


def at_most(subject: Subject, n_tokens: int) -> int:
    """So many tokens, or the most that a reply may have."""
    most = room(subject)
    return n_tokens if most is None else min(n_tokens, most)


def request(subject: Subject, said: str | Sequence[Message], max_tokens: int, *, seed: int = 0) -> Request:
    """A chat as a request, drawn as its provider likes."""
    messages = (Message("user", said),) if isinstance(said, str) else tuple(said)
    chat, limit = subject.fitted(Chat(messages), at_most(subject, max_tokens))
    return Request(chat, limit, leaves_sampling=True, seed=seed)


async def reply(
    subject: Subject,
    said: str | Sequence[Message],
    max_tokens: int,
    *,
    budget_tokens: int | None = None,
    effort: str | None = None,
    prefix: str | None = None,
    sampling: Sampling | None = None,
    stop: tuple[str, ...] = (),
    seed: int = 0,
    patience: float = 1.0,
) -> Generation:
    """One reply, which is a sane one; `Failure` otherwise."""
    messages = (Message("user", said),) if isinstance(said, str) else tuple(said)
    chat = Chat(messages, budget_tokens=budget_tokens, effort=effort, prefix=prefix)
    chat, limit = subject.fitted(chat, at_most(subject, max_tokens))
    started = time.perf_counter()
    made = await subject.ask(chat, limit, sampling=sampling, seed=seed, stop=stop, patience=patience)
    check_sane(subject, made, f"a reply of at most {limit} tokens", is_prefixed=prefix is not None)
    if made.wall_s is None or not 0 <= made.wall_s <= time.perf_counter() - started + SLACK_S:
        raise Failure(f"wall_s is {made.wall_s} of a reply that took {time.perf_counter() - started:.2f} s")
    if made.usage.generated_tokens is not None and made.usage.generated_tokens > limit:
        raise Failure(
            f"max_tokens {limit} gave {made.usage.generated_tokens} tokens, by its own count; at most {limit}"
            " are promised, thinking and answer together"
        )
    return made


def check_sane(subject: Subject, made: Generation, what: str, *, is_prefixed: bool = False) -> None:
    """Counts fit each other, and the thinking is where the visibility says that it is. Raises `Failure`.

    What goes on with a prefix may hold markers, and no thinking apart.
    """
    _check_counts(made, what)
    if made.usage.usd is not None and not (math.isfinite(made.usage.usd) and made.usage.usd >= 0):
        raise Failure(f"{what} is said to cost {made.usage.usd} dollars")
    if not is_prefixed:
        _check_thinking(subject, made, what)


def _check_counts(made: Generation, what: str) -> None:
    used = made.usage
    counts = {name: getattr(used, name) for name in used.__struct_fields__ if name.endswith("_tokens")}
    for name, count in counts.items():
        if count is not None and (type(count) is not int or count < 0):
            raise Failure(f"{what} has {name} {count!r}; a whole number or None is promised")
    if used.prompt_tokens == 0:
        raise Failure(f"{what} has prompt_tokens 0; all tokens of the prompt are promised, cached ones too, or None")
    cached = (used.cached_tokens or 0) + (used.cache_write_tokens or 0)
    if used.prompt_tokens is not None and cached > used.prompt_tokens:
        raise Failure(
            f"{what} has {used.prompt_tokens} prompt tokens, and {cached} read from or written to a cache; "
            "prompt_tokens are promised to hold those"
        )
    if used.source not in SOURCES or (used.source == "unknown") is not (used.thinking_tokens is None):
        raise Failure(
            f"{what} has thinking_tokens {used.thinking_tokens} by source {used.source!r}; who counted them, or "
            "'unknown' and None, is promised"
        )
    generated, thinking, answer = used.generated_tokens, used.thinking_tokens, used.answer_tokens
    if generated is not None and thinking is not None:
        if thinking > generated:
            raise Failure(
                f"{what} has {thinking} thinking tokens in {generated} generated ones; at most all are promised"
            )
        if answer is not None and answer != generated - thinking:
            raise Failure(
                f"{what} has {generated} generated tokens, {thinking} of thinking and {answer} of the answer; "
                "the two are promised to be all"
            )
    if generated == 0 and (made.text or made.thinking):
        raise Failure(f"{what} has text, but 0 generated tokens")


def _check_thinking(subject: Subject, made: Generation, what: str) -> None:
    known = subject.backend.model.thinking or THINK_TAGS
    for marker in {known.open.strip(), known.close.strip(), THINK_TAGS.open, THINK_TAGS.close} - {""}:
        is_left = marker in made.text and not made.thinking  # a model may write one anew after its thinking
        if is_left or made.text.lstrip().startswith(marker):
            raise Failure(f"{what} has {marker!r} in its answer ({shown_text(made.text)}); thinking is promised apart")
    if made.visibility is Visibility.FULL and made.thinking is None:
        raise Failure(f"{what} shows no thinking, but its visibility is 'full'; a text is promised, '' if it had none")
    if made.visibility in (Visibility.ENCRYPTED, Visibility.HIDDEN) and made.thinking:
        raise Failure(f"{what} shows {shown_text(made.thinking)}, but its visibility is {made.visibility.value!r}")
    n, text = made.usage.thinking_tokens, (made.thinking or "").strip()
    if n == 0 and text:
        raise Failure(f"{what} has 0 thinking tokens, but shows {shown_text(text)}")
    if n and not text and made.visibility is Visibility.FULL:
        raise Failure(f"{what} has {n} thinking tokens and shows none of them, but its visibility is 'full'")


def shown_text(text: str, most: int = 40) -> str:
    """The beginning of a text, quoted."""
    return repr(text if len(text) <= most else text[:most] + "…")


def listed(counts: Sequence[int | None]) -> str:
    """``71, 1,024, unknown``."""
    return ", ".join("unknown" if count is None else f"{count:,}" for count in counts)
