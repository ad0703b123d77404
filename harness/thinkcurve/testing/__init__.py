"""The conformance kit: what a backend promises, as checks that any backend can be put through.

On the command line: ``thinkcurve doctor --backend SPEC``. In the tests of a backend of your own, with pytest and
pytest-asyncio (``my_backend`` is a fixture that opens it; nothing here needs pytest):

    import pytest
    from thinkcurve.testing import CHECKS, run_check

    @pytest.mark.asyncio
    @pytest.mark.parametrize("check", CHECKS)
    async def test_conformance(check, my_backend):
        (await run_check(check, my_backend)).raise_if_failed()

A check never depends on what the model says: it compares the backend with itself, cut in another way. Under greedy
decoding two runs must give the same ids, but for near ties (`NEAR_TIE`), which are said. The check ``closing`` comes
last, since it closes the backend.

`TOKEN_CHECKS` are for backends that take token ids, `CHAT_CHECKS` for those without a tokenizer, which are few and
small requests: they may cost money. A check of the other kind is skipped, and says so. What is in `ON_REQUEST` costs
more, and is made only where it is asked for by name.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Iterable
from types import MappingProxyType
from typing import Literal

from thinkcurve.backend import Backend
from thinkcurve.budget import EFFORTS
from thinkcurve.errors import ThinkcurveError, UsageError, did_you_mean
from thinkcurve.testing import (
    batches,
    budgets,
    chats,
    company,
    effects,
    limits,
    prefixes,
    seeds,
    stops,
    tokens,
)
from thinkcurve.testing.outcome import Outcome, Spent
from thinkcurve.testing.subject import NEAR_TIE, QUESTIONS, Failure, Skipped, Subject

Check = Callable[[Subject], Awaitable[str]]
"""Returns what was tried, or raises `Failure` or `Skipped`; its docstring says what is promised."""
CHECKS: MappingProxyType[str, Check] = MappingProxyType(
    {
        "description": tokens.description,
        "continuation": tokens.continuation,
        "max-tokens": tokens.max_tokens,
        "greedy": tokens.greedy,
        "filters": seeds.filters,
        "logprobs": tokens.logprobs,
        "unicode": tokens.unicode,
        "stop-ids": stops.stop_ids,
        "stop-texts": stops.stop_texts,
        "end-of-turn": stops.end_of_turn,
        "seeds": seeds.seeds,
        "budgets": budgets.budgets,
        "one-trace": budgets.one_trace,
        "extend": budgets.extend,
        "answer-reserve": budgets.answer_reserve,
        "server": budgets.server,
        "usage": chats.usage,
        "context": limits.context,
        "odd-prompts": limits.odd_prompts,
        "chat": chats.chat,
        "chat-length": chats.chat_length,
        "chat-unicode": chats.chat_unicode,
        "chat-bad-request": chats.chat_bad_request,
        "native-budget": effects.native_budget,
        "effort": effects.effort,
        "text-continuation": prefixes.text_continuation,
        "chat-company": chats.chat_company,
        "chat-cancellation": chats.chat_cancellation,
        "event-loops": chats.event_loops,
        "company": company.company,
        "cancellation": company.cancellation,
        "closing": company.closing,
    }
)
"""Every check by name, in the order in which they are made."""
ON_REQUEST: MappingProxyType[str, Check] = MappingProxyType({"batch": batches.batch})
"""Checks that are made only where they are asked for by name."""
_MOST = {
    "description": 0,
    "usage": 3,
    "chat": 3,
    "chat-length": 2 + len(chats.LENGTHS),
    "chat-unicode": 1,
    "chat-bad-request": 5,
    "native-budget": 4 * len(effects.HARD) + 1,  # twice where once is not clear; thrice, once, where it thinks little
    "effort": len(EFFORTS) + 4 * len(effects.HARD) + 1,
    "text-continuation": len(QUESTIONS) + 7,
    "chat-company": chats.AT_ONCE,
    "chat-cancellation": chats.CANCELLED + 2,
    "event-loops": 3,
    "closing": 3,
    "batch": len(batches.NAMES),
}
"""The most requests that each check of a chat backend makes."""
CHAT_CHECKS = tuple(name for name in CHECKS if name in _MOST)
"""Checks that can be made with a backend that has no tokenizer."""
TOKEN_CHECKS = tuple(
    name for name in CHECKS if name not in _MOST or name in ("description", "usage", "event-loops", "closing")
)
"""Checks that can be made with a backend that takes token ids."""


def checks_of(backend: Backend) -> tuple[str, ...]:
    """The checks that can be made with a backend, by what it is asked with."""
    return CHAT_CHECKS if backend.tokenizer is None else TOKEN_CHECKS


def most_requests(backend: Backend, names: Iterable[str]) -> int | None:
    """How many requests these checks make at most, failed ones not counted again; ``None`` with token ids: hundreds."""
    return None if backend.tokenizer is not None else 1 + sum(_MOST.get(name, 0) for name in names)


async def run_check(name: str, backend: Backend | Subject, *, size: int = 24, patience_s: float = 120.0) -> Outcome:
    """One check. A `Subject` in place of a backend keeps what earlier checks found out.

    ``size`` is how many tokens a generation is long where that does not matter, ``patience_s`` how long a request may
    take. Raises `UsageError` for an unknown name.
    """
    check = find_check(name)
    subject = backend if isinstance(backend, Subject) else Subject(backend, size=size, patience_s=patience_s)
    subject.spent = Spent()
    started = time.perf_counter()
    status: Literal["passed", "failed", "skipped"] = "passed"
    try:
        detail = await check(subject)
    except (Failure, ThinkcurveError) as failure:  # the latter from the tokenizer: what generates goes through `ask`
        status, detail = "failed", str(failure)
    except Skipped as skipped:
        status, detail = "skipped", str(skipped)
    return Outcome(name, status, detail, time.perf_counter() - started, subject.spent)


def find_check(name: str) -> Check:
    """The check of that name, or a `UsageError` with the nearest."""
    every = {**CHECKS, **ON_REQUEST}
    if name not in every:
        raise UsageError(f"no check {name!r}.{did_you_mean(name, every)} Checks: {', '.join(every)}")
    return every[name]


async def run_checks(
    backend: Backend,
    names: Iterable[str] | None = None,
    *,
    listener: Callable[[Outcome], None] = lambda _: None,
    size: int = 24,
    patience_s: float = 120.0,
) -> list[Outcome]:
    """The checks of these names, or all that fit it, one after another; ``listener`` hears of each as it ends."""
    subject = Subject(backend, size=size, patience_s=patience_s)
    outcomes = []
    for name in checks_of(backend) if names is None else names:
        outcome = await run_check(name, subject)
        outcomes.append(outcome)
        listener(outcome)
    return outcomes


__all__ = [
    "CHAT_CHECKS",
    "CHECKS",
    "NEAR_TIE",
    "ON_REQUEST",
    "TOKEN_CHECKS",
    "Check",
    "Failure",
    "Outcome",
    "Skipped",
    "Spent",
    "Subject",
    "checks_of",
    "find_check",
    "most_requests",
    "run_check",
    "run_checks",
]
