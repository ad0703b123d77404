"""``thinkcurve run --dry-run``: the requests, tokens, time and dollars that a study would still take.

Requests and largest token counts follow from the study. What a local model will really spend, and how fast, is
measured on a few units drawn at random, for some seconds; nothing of that is recorded. A remote model is not asked:
what it will really spend is told from what the run's attempts so far have spent, where it has any.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from functools import cached_property

import click
import msgspec

from thinkcurve.batching import read_batches
from thinkcurve.budget import Budget, Control
from thinkcurve.cli.probe import probe
from thinkcurve.opened import Opened, Prompt
from thinkcurve.plan import Plan, Unit
from thinkcurve.purse import is_paid
from thinkcurve.session import Session
from thinkcurve.spoken import TextSession, branch, covers, plan_traces
from thinkcurve.store import Attempt, AttemptKey, Trace
from thinkcurve.tariff import format_usd

PROBES = 24
"""Units that are probed at most."""
BYTES_PER_TOKEN = 4
"""Of English text, roughly: https://help.openai.com/en/articles/4936856-what-are-tokens-and-how-to-count-them"""
TOKENS_PER_MESSAGE = 4
"""What a chat template writes around a message, roughly."""


class Estimate(msgspec.Struct, frozen=True):
    """What is still to be done. ``*_at_most`` are bounds; what nothing bounds, prices or tells is ``None``.

    Bounds are of requests that succeed, and in dollars as good as the count of their prompts. ``*_expected`` is
    measured on a local model, or the mean of what the run has spent so far. ``prompt_tokens`` are those that the
    traces begin with, estimated from the text where ``is_prompt_exact`` is false. ``thinking_tokens_asked`` are the
    budgets of control ``native``, which a provider may overshoot. ``attempts_in_batches`` were handed over before:
    they are not asked again, and in none of the other figures.
    """

    attempts: int
    attempts_done: int
    attempts_in_batches: int
    requests_at_most: int
    traces: int
    answers_at_most: int
    thinking_tokens_at_most: int | None
    thinking_tokens_asked: int | None
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


class Thinking(msgspec.Struct, frozen=True):
    """A trace that a unit may still have to think: the budget it is kept under, and its requests."""

    separate: Budget
    asks: list[Ask]


class Todo:
    """The units that lack attempts, each with the budgets that it lacks, in their order; ``pending`` stand in batches.

    They are gone through anew each time, and never held.
    """

    def __init__(self, plan: Plan, pending: set[AttemptKey], specs: Collection[str] | None = None) -> None:
        self._plan = plan
        self._pending = pending
        self._specs = specs

    def __iter__(self) -> Iterator[tuple[Unit, list[Budget]]]:
        for unit in self._plan.units():
            if self._specs is None or unit.session.spec in self._specs:
                budgets = [b for b in self._plan.missing(unit) if (*_key(unit), b) not in self._pending]
                if budgets:
                    yield unit, budgets

    @cached_property
    def n_units(self) -> int:
        """How many units there are."""
        return sum(1 for _ in self)


@dataclass
class _Total:
    """A sum of counts, unknown where any of them is."""

    known: int | None = 0

    def add(self, value: int | None) -> None:
        self.known = None if self.known is None or value is None else self.known + value


async def estimate(plan: Plan, *, probes: int = PROBES) -> Estimate:
    """The estimate for what a plan still lacks."""
    todo = Todo(plan, _pending(plan))
    n_answers = n_requests = n_traces = n_prompt = 0
    thinking, asked, answers = _Total(), _Total(), _Total()
    is_exact = True
    for unit, budgets in todo:
        thoughts = _thoughts(plan, unit, budgets)
        asks = [ask for thought in thoughts for ask in thought.asks] + [*_answers(plan, unit, budgets)]
        begun = _begun(plan, unit, budgets)
        n_answers += len(budgets)
        n_requests += len(asks)
        n_traces += len(thoughts)
        n_prompt += sum(map(_size, begun))
        is_exact = is_exact and all(prompt.token_ids for prompt in begun)
        for ask in asks:
            thinking.add(ask.thinking)
            answers.add(ask.answer)
        for budget in budgets:
            asked.add(budget)
    probed = await probe(plan, todo, todo.n_units, probes)
    paid = {s.spec for s in plan.sessions if is_paid(s.backend.model, s.tariff)}
    costly = Todo(plan, _pending(plan), paid)
    generated = _expected(plan, todo, "generated_spent") if probed is None else probed[0] * todo.n_units
    return Estimate(
        attempts=plan.n_attempts,
        attempts_done=plan.n_attempts - plan.n_missing,
        attempts_in_batches=plan.n_missing - n_answers,
        requests_at_most=n_requests,
        traces=n_traces,
        answers_at_most=n_answers,
        thinking_tokens_at_most=thinking.known,
        thinking_tokens_asked=asked.known if plan.study.control is Control.NATIVE else None,
        answer_tokens_at_most=answers.known,
        prompt_tokens=n_prompt,
        is_prompt_exact=is_exact,
        generated_tokens_expected=None if generated is None else round(generated),
        wall_s_expected=None if probed is None else probed[1] * todo.n_units,
        usd_at_most=_usd_at_most(plan, costly) if paid else None,
        usd_expected=_expected(plan, costly, "usd_spent") if paid else None,
    )


def _pending(plan: Plan) -> set[AttemptKey]:
    """What stands in a batch that was handed over and not yet collected."""
    batches = (batch for batch in read_batches(plan.run) if not batch.is_collected)
    return {(batch.spec, *item) for batch in batches for item in batch.items.values()}


def _key(unit: Unit) -> tuple[str, str, int]:
    return unit.session.spec, unit.prompt.problem.id, unit.sample


def _size(prompt: Prompt) -> int:
    """The tokens of a prompt; about as many where it is text and its model's tokenizer is not known."""
    if prompt.token_ids:
        return len(prompt.token_ids)
    n_bytes = sum(len(message.content.encode()) for message in prompt.messages)
    return -(-n_bytes // BYTES_PER_TOKEN) + TOKENS_PER_MESSAGE * len(prompt.messages)


def _begun(plan: Plan, unit: Unit, budgets: list[Budget]) -> list[Prompt]:
    """The prompts that a unit's traces begin with: one, or one a budget."""
    return [unit.prompt.at(budget) for budget in budgets] if plan.study.is_separate else [unit.prompt]


def _thoughts(plan: Plan, unit: Unit, budgets: list[Budget]) -> list[Thinking]:
    """The traces that a unit still has to think; what thinks and answers at once has both in one request."""
    study, session = plan.study, unit.session
    if isinstance(session, TextSession):
        known = _known_trace(plan, unit, None)
        shared, branched = ([], budgets) if study.is_separate else plan_traces(known, budgets)
        ladders: list[tuple[list[Budget], Budget, Trace | None]] = [(shared, None, known)] if shared else []
        for budget in branched:
            own = _known_trace(plan, unit, budget)
            if own is None and not study.is_separate:
                assert known is not None  # else nothing branches off
                assert budget is not None
                own = branch(known, budget)
            ladders.append(([budget], budget, own))
        size = _size(unit.prompt)
        found = [Thinking(separate, _pieces(session, size, ladder, own)) for ladder, separate, own in ladders]
        return [thought for thought in found if thought.asks]
    if isinstance(session, Session) and study.control is not Control.SERVER:
        is_told = study.control is Control.PROMPT
        tops = [(None if is_told else b, b) for b in budgets] if study.is_separate else [(budgets[-1], None)]
        found = [Thinking(separate, _by_ids(plan, unit, session, top, separate)) for top, separate in tops]
        return [thought for thought in found if thought.asks]
    return [Thinking(budget, [_at_once(unit, budget)]) for budget in budgets]


def _at_once(unit: Unit, budget: Budget) -> Ask:
    """The request for thinking and answer together; what a provider is asked to think it need not keep to."""
    session, study, size = unit.session, unit.session.study, _size(unit.prompt.at(budget))
    if isinstance(session, Session):
        reserve = study.answer_tokens
        generated = None if budget is None else budget + reserve + session.markers.longest
        return Ask(size, budget, reserve, generated)
    most = study.max_output_tokens or session.backend.model.max_output_tokens
    return Ask(size, most, most, most)


def _known_trace(plan: Plan, unit: Unit, separate: Budget) -> Trace | None:
    return plan.state.trace((*_key(unit), separate))


def _by_ids(plan: Plan, unit: Unit, session: Session, top: Budget, separate: Budget) -> list[Ask]:
    """A trace of ids is thought in one request, and once more after each "Wait"."""
    prompt, known = unit.prompt.at(separate), _known_trace(plan, unit, separate)
    if known is not None and session.covers(prompt, known, top):
        return []
    before, marker = len(known.token_ids) if known else 0, max(1, len(session.markers.end_ids))
    rest = None if top is None else max(top - before, 0)
    again = Ask(_size(prompt) + (top or before), 0, 0, None if top is None else marker)
    first = Ask(_size(prompt) + before, rest, 0, None if rest is None else rest + marker)
    return [first, *[again] * _waits_left(session, known)]


def _waits_left(session: Opened, known: Trace | None) -> int:
    if session.study.control is not Control.EXTEND:
        return 0
    return max(session.study.waits - (len(known.waits) if known else 0), 0)


def _pieces(session: TextSession, size: int, ladder: list[Budget], known: Trace | None) -> list[Ask]:
    """A trace of text is thought a rung at a time, and once more after each "Wait", whose marker counts as a token."""
    if covers(session, known, ladder[-1]):
        return []
    before, asks = (known.thinking_tokens or 0) if known else 0, []
    for budget in ladder:
        upto = session.limit(budget)
        if upto > before:
            asks.append(Ask(size + before, upto - before, 0, upto - before))
        before = max(before, upto)
    return asks + [Ask(size + before, 0, 0, 1)] * (_waits_left(session, known) if asks else 0)


def _answers(plan: Plan, unit: Unit, budgets: list[Budget]) -> Iterator[Ask]:
    """The requests for answers, where they are not those that think."""
    study, session = plan.study, unit.session
    if study.control is Control.SERVER or not isinstance(session, (Session, TextSession)):
        return
    most = study.max_output_tokens or session.backend.model.max_output_tokens
    for budget in budgets:
        kept = most if study.control is Control.PROMPT or budget is None else budget
        yield Ask(_size(unit.prompt.at(budget)) + (kept or 0), 0, study.answer_tokens, study.answer_tokens)


def _usd_at_most(plan: Plan, costly: Todo) -> float | None:
    """The most that the requests of paid models can cost; ``None`` where that is not known."""
    total = 0.0
    for unit, budgets in costly:
        thoughts = _thoughts(plan, unit, budgets)
        for ask in (*(ask for thought in thoughts for ask in thought.asks), *_answers(plan, unit, budgets)):
            usd = unit.session.tariff.most_usd(prompt=ask.prompt, generated=ask.generated)
            if usd is None:
                return None
            total += usd
    return total


def _expected(plan: Plan, todo: Todo, what: str) -> float | None:
    """What is still to be spent, by the mean of traces and attempts of the same model and budget in the run so far."""
    rows: dict[tuple[type, str, Budget], list[float | None]] = {}
    records = plan.records
    for trace in records.traces.values():
        rows.setdefault((Trace, trace.model, trace.budget), []).append(getattr(trace, what))
    for attempt in records.attempts.values():
        rows.setdefault((Attempt, attempt.model, attempt.budget), []).append(getattr(attempt, what))
    means = {key: sum(known) / len(known) for key, values in rows.items() if (known := _all_known(values))}
    total = 0.0
    for unit, budgets in todo:
        spec = unit.session.spec
        traces = [thought.separate for thought in _thoughts(plan, unit, budgets)]
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
    is_native = plan.study.control is Control.NATIVE
    rows = [
        (
            "attempts",
            f"{found.attempts:,}" + _of_these(found),
        ),
        ("requests, at most", f"{found.requests_at_most:,}"),
        ("traces to think", f"{found.traces:,}"),
        ("answers, at most", f"{found.answers_at_most:,}"),
        ("prompt tokens", f"{about}{found.prompt_tokens:,}"),
        *([("thinking tokens, asked", _count(found.thinking_tokens_asked))] if is_native else []),
        ("thinking tokens, at most", _count(found.thinking_tokens_at_most)),
        ("answer tokens, at most", _count(found.answer_tokens_at_most)),
        ("generated tokens, expected", _count(found.generated_tokens_expected)),
        (
            "seconds, expected",
            _count(None if found.wall_s_expected is None else round(found.wall_s_expected)),
        ),
    ]
    if any(is_paid(s.backend.model, s.tariff) for s in plan.sessions):
        most = "unknown" if found.usd_at_most is None else about + format_usd(found.usd_at_most)
        rows += [("dollars, at most", most), ("dollars, expected", _dollars(found.usd_expected))]
    for name, value in rows:
        click.echo(f"{name:<28}{value:>18}")


def _of_these(found: Estimate) -> str:
    """How many attempts are no more to be asked."""
    parts = [(found.attempts_done, "done"), (found.attempts_in_batches, "in batches")]
    said = ", ".join(f"{n:,} {what}" for n, what in parts if n)
    return f" ({said})" if said else ""


def _count(value: int | None) -> str:
    return "unknown" if value is None else f"{value:,}"


def _dollars(value: float | None) -> str:
    return "unknown" if value is None else format_usd(value)
