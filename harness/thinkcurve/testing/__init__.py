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
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Iterable
from types import MappingProxyType

from thinkcurve.backend import Backend
from thinkcurve.errors import ThinkcurveError, UsageError, did_you_mean
from thinkcurve.testing import budgets, company, limits, seeds, stops, tokens
from thinkcurve.testing.outcome import Outcome
from thinkcurve.testing.subject import NEAR_TIE, Failure, Skipped, Subject

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
        "usage": limits.usage,
        "context": limits.context,
        "odd-prompts": limits.odd_prompts,
        "event-loops": company.event_loops,
        "company": company.company,
        "cancellation": company.cancellation,
        "closing": company.closing,
    }
)
"""Every check by name, in the order in which they are made."""


async def run_check(name: str, backend: Backend | Subject, *, size: int = 24, patience_s: float = 120.0) -> Outcome:
    """One check. A `Subject` in place of a backend keeps what earlier checks found out.

    ``size`` is how many tokens a generation is long where that does not matter, ``patience_s`` how long a request may
    take. Raises `UsageError` for an unknown name.
    """
    if name not in CHECKS:
        raise UsageError(f"no check {name!r}.{did_you_mean(name, CHECKS)} Checks: {', '.join(CHECKS)}")
    subject = backend if isinstance(backend, Subject) else Subject(backend, size=size, patience_s=patience_s)
    started = time.perf_counter()
    try:
        detail = await CHECKS[name](subject)
    except (Failure, ThinkcurveError) as failure:  # the latter from the tokenizer: what generates goes through `ask`
        return Outcome(name, "failed", str(failure), time.perf_counter() - started)
    except Skipped as skipped:
        return Outcome(name, "skipped", str(skipped), time.perf_counter() - started)
    return Outcome(name, "passed", detail, time.perf_counter() - started)


async def run_checks(
    backend: Backend,
    names: Iterable[str] | None = None,
    *,
    listener: Callable[[Outcome], None] = lambda _: None,
    size: int = 24,
    patience_s: float = 120.0,
) -> list[Outcome]:
    """The checks of these names, or all of them, one after another; ``listener`` hears of each as it ends."""
    subject = Subject(backend, size=size, patience_s=patience_s)
    outcomes = []
    for name in CHECKS if names is None else names:
        outcome = await run_check(name, subject)
        outcomes.append(outcome)
        listener(outcome)
    return outcomes


__all__ = ["CHECKS", "NEAR_TIE", "Check", "Failure", "Outcome", "Skipped", "Subject", "run_check", "run_checks"]
