"""``thinkcurve run --dry-run``: the requests, tokens, time and dollars that a study would still take.

Requests and largest token counts follow from the study. What a local model will really spend, and how fast, is
measured on a few units drawn at random, for some seconds; nothing of that is recorded. A remote model is not asked:
what it will really spend is told from what the run's attempts so far have spent, where it has any.
"""

from __future__ import annotations

from collections.abc import Iterator

import click
import msgspec

from thinkcurve.asked import ChatSession
from thinkcurve.budget import Budget, Control
from thinkcurve.cli.probe import probe
from thinkcurve.opened import Opened, Prompt
from thinkcurve.plan import Plan, Unit
from thinkcurve.purse import is_paid
from thinkcurve.session import Session
from thinkcurve.spoken import TextSession, covers
from thinkcurve.store import Attempt, Trace
from thinkcurve.tariff import format_usd

PROBES = 24
"""Units that are probed at most."""
BYTES_PER_TOKEN = 4
"""Of English text, roughly: https://help.openai.com/en/articles/4936856-what-are-tokens-and-how-to-count-them"""
TOKENS_PER_MESSAGE = 4
"""What a chat template writes around a message, roughly."""


class Estimate(msgspec.Struct, frozen=True):
    """What is still to be done. ``*_at_most`` are bounds; what nothing bounds, prices or tells is ``None``.

    ``*_expected`` is measured on a local model, or the mean of what the run has spent so far. ``prompt_tokens`` are
    those that the traces begin with, estimated from the text where ``is_prompt_exact`` is false.
    """

    attempts: int
    attempts_done: int
    requests_at_most: int
    traces: int
    answers_at_most: int
    thinking_tokens_at_most: int | None
    answer_tokens_at_most: int | None
    prompt_tokens: int
    is_prompt_exact: bool
    generated_tokens_expected: int | None
    wall_s_expected: float | None
    usd_at_most: float | None
    usd_expected: float | None


class Ask(msgspec.Struct, frozen=True):
    """One request at its largest: tokens of its prompt, and of the thinking and the answer that it may generate."""

    prompt: int
    thinking: int | None
    answer: int | None
    generated: int | None


Todo = list[tuple[Unit, list[Budget]]]


async def estimate(plan: Plan, *, probes: int = PROBES) -> Estimate:
    """The estimate for what a plan still lacks."""
    todo = [(unit, budgets) for unit in plan.units() if (budgets := plan.missing(unit))]
    asks = [(unit.session, ask) for unit, budgets in todo for ask in _asks(plan, unit, budgets)]
    n_answers = sum(len(budgets) for _, budgets in todo)
    probed = await probe(plan, todo, probes)
    begun = [prompt for unit, budgets in todo for prompt in _begun(plan, unit, budgets)]
    generated = _expected(plan, todo, "generated_spent") if probed is None else probed[0] * len(todo)
    return Estimate(
        attempts=plan.n_attempts,
        attempts_done=plan.n_attempts - n_answers,
        requests_at_most=len(asks),
        traces=sum(len(_traces(plan, unit, budgets)) for unit, budgets in todo),
        answers_at_most=n_answers,
        thinking_tokens_at_most=_sum(ask.thinking for _, ask in asks),
        answer_tokens_at_most=_sum(ask.answer for _, ask in asks),
        prompt_tokens=sum(map(_size, begun)),
        is_prompt_exact=all(prompt.token_ids for prompt in begun),
        generated_tokens_expected=None if generated is None else round(generated),
        wall_s_expected=None if probed is None else probed[1] * len(todo),
        usd_at_most=_usd_at_most(asks),
        usd_expected=_expected(plan, todo, "usd_spent"),
    )


def _sum(values: Iterator[int | None]) -> int | None:
    """The sum, unknown where any of it is."""
    found = list(values)
    known = [value for value in found if value is not None]
    return sum(known) if len(known) == len(found) else None


def _size(prompt: Prompt) -> int:
    """The tokens of a prompt; about as many where it is text and its model's tokenizer is not known."""
    if prompt.token_ids:
        return len(prompt.token_ids)
    n_bytes = sum(len(message.content.encode()) for message in prompt.messages)
    return -(-n_bytes // BYTES_PER_TOKEN) + TOKENS_PER_MESSAGE * len(prompt.messages)


def _begun(plan: Plan, unit: Unit, budgets: list[Budget]) -> list[Prompt]:
    """The prompts that a unit's traces begin with: one, or one a budget."""
    return [unit.prompt.at(budget) for budget in budgets] if plan.study.is_separate else [unit.prompt]


def _traces(plan: Plan, unit: Unit, budgets: list[Budget]) -> list[Budget]:
    """The largest budget of each trace that a unit still has to think."""
    if plan.study.is_separate:
        return [None] * len(budgets) if plan.study.control is Control.PROMPT else budgets
    known = _known_trace(plan, unit)
    session, top = unit.session, budgets[-1]
    if isinstance(session, TextSession):
        is_covered = covers(session, known, top)
    else:
        is_covered = known is not None and isinstance(session, Session) and session.covers(unit.prompt, known, top)
    return [] if is_covered else [top]


def _known_trace(plan: Plan, unit: Unit) -> Trace | None:
    return plan.records.traces.get((unit.session.spec, unit.prompt.problem.id, unit.sample, None))


def _asks(plan: Plan, unit: Unit, budgets: list[Budget]) -> Iterator[Ask]:
    """The requests that a unit may take at most."""
    study, session = plan.study, unit.session
    most = study.max_output_tokens or session.backend.model.max_output_tokens
    if isinstance(session, ChatSession):
        is_native = study.control is Control.NATIVE
        for budget in budgets:
            thinking = budget if is_native and budget is not None else most
            yield Ask(_size(unit.prompt.at(budget)), thinking, most, most)
        return
    reserve = study.answer_tokens
    if study.control is Control.SERVER:
        for budget in budgets:
            generated = None if budget is None else budget + reserve
            yield Ask(_size(unit.prompt), budget, reserve, generated)
        return
    tops = _traces(plan, unit, budgets)
    if isinstance(session, TextSession):
        yield from _pieces(session, _size(unit.prompt), budgets if tops else [])
    else:
        told = _begun(plan, unit, budgets)
        for place, top in enumerate(tops):
            yield Ask(_size(told[place]), top, 0, top)
    for budget in budgets:
        kept = most if study.control is Control.PROMPT or budget is None else budget
        yield Ask(_size(unit.prompt.at(budget)) + (kept or 0), 0, reserve, reserve)


def _pieces(session: TextSession, size: int, budgets: list[Budget]) -> Iterator[Ask]:
    """A trace of text is thought a rung at a time; where it is made to think on, more than once a rung at most."""
    before = 0
    for budget in budgets:
        upto = session.limit(budget)
        if upto > before:
            yield Ask(size + before, upto - before, 0, upto - before)
        before = upto
    if budgets and session.study.control is Control.EXTEND:
        for _ in range(session.study.waits):
            yield Ask(size + before, 0, 0, 0)


def _usd_at_most(asks: list[tuple[Opened, Ask]]) -> float | None:
    """The most that the requests can cost those who pay; ``None`` where nobody does, or that is not known."""
    paid = [(s.tariff, ask) for s, ask in asks if is_paid(s.backend.model, s.tariff)]
    costs = [tariff.most_usd(prompt=ask.prompt, generated=ask.generated) for tariff, ask in paid]
    return sum(known) if (known := _all_known(costs)) else None


def _expected(plan: Plan, todo: Todo, what: str) -> float | None:
    """What is still to be spent, by the mean of traces and attempts of the same model and budget in the run so far."""
    rows: dict[tuple[type, str, Budget], list[float | None]] = {}
    for trace in plan.records.traces.values():
        rows.setdefault((Trace, trace.model, trace.budget), []).append(getattr(trace, what))
    for attempt in plan.records.attempts.values():
        rows.setdefault((Attempt, attempt.model, attempt.budget), []).append(getattr(attempt, what))
    means = {key: sum(known) / len(known) for key, values in rows.items() if (known := _all_known(values))}
    total = 0.0
    for unit, budgets in todo:
        spec = unit.session.spec
        traces = budgets if plan.study.is_separate else [None for _ in _traces(plan, unit, budgets)]
        keys = [*((Trace, spec, budget) for budget in traces), *((Attempt, spec, budget) for budget in budgets)]
        for key in keys:
            if key not in means:
                return None
            total += means[key]
    return total


def _all_known(values: list[float | None]) -> list[float]:
    """The values, or nothing where one of them is unknown."""
    known = [value for value in values if value is not None]
    return known if len(known) == len(values) else []


async def print_estimate(plan: Plan, *, as_json: bool) -> None:
    """Print the estimate to stdout."""
    found = await estimate(plan)
    if as_json:
        click.echo(msgspec.json.encode(found))
        return
    about = "" if found.is_prompt_exact else "about "
    rows = [
        (
            "attempts",
            f"{found.attempts:,}" + (f" ({found.attempts_done:,} done)" if found.attempts_done else ""),
        ),
        ("requests, at most", f"{found.requests_at_most:,}"),
        ("traces to think", f"{found.traces:,}"),
        ("answers, at most", f"{found.answers_at_most:,}"),
        ("prompt tokens", f"{about}{found.prompt_tokens:,}"),
        ("thinking tokens, at most", _count(found.thinking_tokens_at_most)),
        ("answer tokens, at most", _count(found.answer_tokens_at_most)),
        ("generated tokens, expected", _count(found.generated_tokens_expected)),
        (
            "seconds, expected",
            _count(None if found.wall_s_expected is None else round(found.wall_s_expected)),
        ),
    ]
    if any(is_paid(s.backend.model, s.tariff) for s in plan.sessions):
        rows += [("dollars, at most", _dollars(found.usd_at_most)), ("dollars, expected", _dollars(found.usd_expected))]
    for name, value in rows:
        click.echo(f"{name:<28}{value:>18}")


def _count(value: int | None) -> str:
    return "unknown" if value is None else f"{value:,}"


def _dollars(value: float | None) -> str:
    return "unknown" if value is None else format_usd(value)
