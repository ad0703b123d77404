"""Checks of chats: messages in, an answer out, the thinking apart from it. Requests are few and small: they cost."""

from __future__ import annotations

import asyncio
import secrets
import time

from thinkcurve.backend import Chat, Continuation, Generation, Request, Stop, Visibility
from thinkcurve.errors import BackendError
from thinkcurve.problem import Message
from thinkcurve.testing import company, limits
from thinkcurve.testing.company import SLOW_S
from thinkcurve.testing.replies import EASY, WHOLE, listed, needs_chat, reply, request, shown_text
from thinkcurve.testing.subject import SMALL, Failure, Subject, described, remarks

LONG = "Count from 5 to one hundred. Write every number in words, one a line."
TALK = (
    Message("user", "My favourite number is seven, and my favourite colour is green. Please remember both of them."),
    Message("assistant", "I will remember that your favourite number is seven and your favourite colour is green."),
    Message("user", "What is my favourite number plus five? Answer with the number alone, and without any words."),
)
SYSTEM = Message("system", "Answer briefly.")
WRITING = "🙂 数学 é שלום 👩‍👩‍👧‍👦 ∀x∈ℝ"
MOJIBAKE = ("Ã©", "æ•°", "ð\x9f", "ðŸ", "Ã\x83")
"""What UTF-8 looks like where it was read as Latin-1 or Windows-1252."""
LENGTHS = (16, 48)
AT_ONCE = 8
CANCELLED = 4
LOOK_S = 0.3
"""How long requests run at most before they are cancelled."""


async def chat(subject: Subject) -> str:
    """A chat is answered: text, why it ended, counts that fit each other, seconds; a conversation is read whole."""
    await needs_chat(subject)
    first = await reply(subject, EASY, WHOLE)
    said = ""
    try:
        talk = await reply(subject, (SYSTEM, *TALK), WHOLE)
    except Failure as failure:
        if not isinstance(failure.__cause__, BackendError):
            raise
        said = f"a system message was refused ({failure.__cause__})"
        talk = await reply(subject, TALK, WHOLE)
    counts = first.usage.prompt_tokens, talk.usage.prompt_tokens
    if None not in counts and counts[0] >= counts[1]:  # type: ignore[operator]
        raise Failure(
            f"a conversation of {len(TALK)} messages has {counts[1]} prompt tokens, a question alone {counts[0]}; "
            "all messages are promised to be sent and counted"
        )
    return remarks(f"said {shown_text(first.text.strip())}, {first.stop.value}", _counted(first), said)


def _counted(made: Generation) -> str:
    used = made.usage
    n = listed([used.prompt_tokens, used.generated_tokens, used.thinking_tokens])
    by = f" by the {used.source}" if used.source != "unknown" else ""
    return f"prompt, generated and thinking tokens {n}{by}; thinking is {made.visibility.value}"


async def chat_length(subject: Subject) -> str:
    """``max_tokens`` bounds thinking and answer together; a stop inside the thinking is 'length' without an answer."""
    await needs_chat(subject)
    said = []
    for few in LENGTHS:
        _, limit = subject.fitted(Chat(()), few)
        made = await reply(subject, LONG, limit)
        if made.stop is Stop.CONTEXT:
            raise Failure(f"max_tokens {limit} ended with 'context'; 'length' is promised")
        used = made.usage
        n_words = len(f"{made.thinking or ''} {made.text}".split()) if made.visibility is Visibility.FULL else 0
        if used.generated_tokens is None and n_words > limit:
            raise Failure(f"max_tokens {limit} gave {n_words} words; at most {limit} tokens are promised")
        if made.stop is Stop.LENGTH and made.text:
            await _check_answer(subject, made, limit)
        said.append(f"{limit}: {listed([used.generated_tokens])} tokens, {made.stop.value}, {shown_text(made.text)}")
    return remarks(*said)


async def _check_answer(subject: Subject, cut: Generation, limit: int) -> None:
    """Fail where the answer of a reply that was cut can only be a part of its thinking."""
    what = f"max_tokens {limit}, reached, gave the answer {shown_text(cut.text)}"
    used = cut.usage
    if used.answer_tokens == 0 or (used.thinking_tokens and used.thinking_tokens == used.generated_tokens):
        raise Failure(f"{what}, though all {used.thinking_tokens} tokens were thinking; no answer, '', is promised")
    if cut.thinking or cut.visibility is not Visibility.FULL:
        return
    whole = await reply(subject, LONG, WHOLE)
    n_thought = max(whole.usage.thinking_tokens or 0, len((whole.thinking or "").split()))
    if n_thought > 2 * limit:
        raise Failure(
            f"{what} and no thinking, where it thinks {n_thought:,} tokens before it answers: that is the beginning of "
            "its thinking; '' is promised"
        )


async def chat_unicode(subject: Subject) -> str:
    """Any writing goes in and comes out as it is, also where a reply comes in pieces."""
    await needs_chat(subject)
    made = await reply(subject, f"Say exactly this and nothing else: {WRITING}", WHOLE)
    for name, text in (("answer", made.text), ("thinking", made.thinking or "")):
        broken = next((mark for mark in MOJIBAKE if mark in text), None)
        if broken is not None:
            raise Failure(
                f"the {name} holds {broken!r} ({shown_text(text, 80)}), UTF-8 that was read as something else"
            )
        if "\ufffd" in text.rstrip("\ufffd"):
            raise Failure(f"the {name} holds a broken character ({shown_text(text, 80)}); whole ones are promised")
        if not _is_writable(text):
            raise Failure(f"the {name} holds half a character ({text[:80]!a}), which no file can hold")
    return f"said again as {shown_text(made.text.strip(), 60)}"


def _is_writable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


async def chat_bad_request(subject: Subject) -> str:
    """A request that cannot be answered is a BackendError of that request alone, and the next one works."""
    await needs_chat(subject)
    odd: list[tuple[str, Request]] = [
        ("token ids", Request(Continuation((1, 2, 3)), SMALL)),
        ("no messages", request(subject, (), SMALL)),
        ("a role of no one", request(subject, [Message("nobody", "Hello")], SMALL)),
        ("half a character", request(subject, "Hello \ud83d", SMALL)),
    ]
    said = []
    await reply(subject, EASY, SMALL)  # a good one first: some servers call a bad one "not found", as a wrong address
    for name, asked in odd:
        came = await subject.refusal(asked)
        if isinstance(came, BackendError) and came.is_fatal:
            raise Failure(f"{name} was refused as fatal ({came}), which ends a run; a plain BackendError is promised")
        if name == "token ids" and (isinstance(came, Generation) or came.is_retryable):
            how = "answered" if isinstance(came, Generation) else f"called retryable ({came})"
            raise Failure(f"{described(asked)} was {how}; a BackendError that is not retryable is promised")
        again = ", and would be asked again" if isinstance(came, BackendError) and came.is_retryable else ""
        said.append(f"{name} {'answered' if isinstance(came, Generation) else 'refused'}{again}")
    await reply(subject, EASY, SMALL)
    return remarks(*said)


async def chat_company(subject: Subject) -> str:
    """Several chats at once: none is lost, and each has the counts of its own prompt."""
    await needs_chat(subject)
    texts = (EASY, LONG + " " + LONG)
    came = await subject.together(
        (reply(subject, texts[number % 2], SMALL, seed=number) for number in range(AT_ONCE)), f"{AT_ONCE} chats at once"
    )
    counts = [{made.usage.prompt_tokens for made in came[first::2]} for first in (0, 1)]
    for found in counts:
        if len(found) > 1:
            listing = listed(sorted(found, key=lambda count: count or 0))
            raise Failure(f"the same prompt, asked {AT_ONCE // 2} times at once, was counted as {listing} tokens")
    short, long = (next(iter(found)) for found in counts)
    if short is None or long is None:
        return f"{AT_ONCE} at once; it counts no prompts"
    if short >= long:
        raise Failure(f"a short and a long prompt, asked at once, were counted as {short} and {long} tokens")
    return f"{AT_ONCE} at once, of {short} and {long} prompt tokens"


async def chat_cancellation(subject: Subject) -> str:
    """A cancelled chat ends at once as cancelled, and leaves a backend that answers on time."""
    await needs_chat(subject)
    started = time.perf_counter()
    await reply(subject, EASY, SMALL)
    usual_s = time.perf_counter() - started
    slow_s = min(SLOW_S + 5 * usual_s, subject.patience_s)
    asked = request(subject, LONG, WHOLE)
    n_open = min(CANCELLED, subject.backend.concurrency)
    tasks = [asyncio.ensure_future(subject.generate(asked)) for _ in range(n_open)]
    await asyncio.sleep(min(usual_s / 2, LOOK_S))
    running = [task for task in tasks if not task.done()]
    for task in running:
        task.cancel()
    ended = await subject.within(asyncio.gather(*tasks, return_exceptions=True), "cancelling chats")
    for task, result in zip(tasks, ended, strict=True):
        if task in running and not isinstance(result, asyncio.CancelledError):
            raise Failure(f"a chat that was cancelled ended with {result!r}; CancelledError is promised")
    next_ = asyncio.ensure_future(reply(subject, EASY, SMALL))
    done, _ = await asyncio.wait([next_], timeout=slow_s)
    if not done:
        next_.cancel()
        raise Failure(
            f"the chat after {n_open} cancelled ones had not ended after {slow_s:.1f} s; it is held up by them"
        )
    next_.result()
    return f"{len(running)} running ones" + (f", {n_open - len(running)} had ended" if len(running) < n_open else "")


async def usage(subject: Subject) -> str:
    """Counts are true: prompt tokens are ours (of a chat: grow with it), and nothing new comes from a cache."""
    if subject.backend.tokenizer is not None:
        return await limits.usage(subject)
    await needs_chat(subject)
    nonce = secrets.token_hex(8)
    text = f"{nonce} " + "This is a sentence that says nothing. " * 12 + EASY
    first, again = [await reply(subject, text, SMALL) for _ in range(2)]
    longer = await reply(subject, f"{text} {text}", SMALL)
    n, n_again, n_longer = (made.usage.prompt_tokens for made in (first, again, longer))
    if n is None or n_again is None or n_longer is None:
        return "it counts no prompts"
    if n != n_again or n_longer < n * 3 // 2:
        raise Failure(f"a prompt was counted as {n} tokens, again as {n_again}, and twice its text as {n_longer}")
    if (first.usage.cached_tokens or 0) > n // 2:
        raise Failure(
            f"{first.usage.cached_tokens} of {n} tokens of a prompt that was never asked before came from a cache"
        )
    return (
        f"{n} prompt tokens, twice the text {n_longer}; cached: {listed([first.usage.cached_tokens])} at first, "
        f"{listed([again.usage.cached_tokens])} when repeated"
    )


async def event_loops(subject: Subject) -> str:
    """The same backend serves one event loop after another, as a run, a test and a notebook each bring their own."""
    if subject.backend.tokenizer is not None:
        return await company.event_loops(subject)
    await needs_chat(subject)
    for number in (1, 2):
        elsewhere = asyncio.to_thread(lambda: asyncio.run(_once(subject)))
        await subject.expect(elsewhere, f"event loop {number} of its own", patience=2)
    await _once(subject)
    return "two others and the first again"


async def _once(subject: Subject) -> None:
    await reply(subject, EASY, SMALL)
