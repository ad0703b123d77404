"""``thinkcurve run --dry-run``: the requests, tokens and time that a study would still take.

Requests and largest token counts follow from the study. What a local model will really spend, and how fast, is
measured on a few units drawn at random, for some seconds; nothing of that is recorded. A remote model is not asked.
"""

from __future__ import annotations

import asyncio
import dataclasses
import random
import time

import click
import msgspec

from thinkcurve.budget import Budget, Control
from thinkcurve.pipeline import answer, cuts, think
from thinkcurve.plan import Plan, Unit
from thinkcurve.served import serve
from thinkcurve.store import Trace

PROBES = 24
PROBE_S = 20.0
"""Units that are probed, and for how long at most."""


class Estimate(msgspec.Struct, frozen=True):
    """What is still to be done. ``*_at_most`` are bounds; expected figures are ``None`` where nothing was probed."""

    attempts: int
    attempts_done: int
    requests_at_most: int
    traces: int
    answers_at_most: int
    thinking_tokens_at_most: int | None
    answer_tokens_at_most: int
    prompt_tokens: int
    generated_tokens_expected: int | None
    wall_s_expected: float | None


async def estimate(plan: Plan, *, probes: int = PROBES) -> Estimate:
    """The estimate for what a plan still lacks."""
    todo = [(unit, budgets) for unit in plan.units() if (budgets := plan.missing(unit))]
    tops = [top for unit, budgets in todo for top in _traces_needed(plan, unit, budgets)]
    n_answers = sum(len(budgets) for _, budgets in todo)
    probed = await _probe(plan, todo, probes)
    return Estimate(
        attempts=plan.n_attempts,
        attempts_done=plan.n_attempts - n_answers,
        requests_at_most=n_answers + (0 if plan.study.control is Control.SERVER else len(tops)),
        traces=len(tops),
        answers_at_most=n_answers,
        thinking_tokens_at_most=None if None in tops else sum(top for top in tops if top is not None),
        answer_tokens_at_most=n_answers * plan.study.answer_tokens,
        prompt_tokens=sum(_prompt_tokens(plan, unit, budgets) for unit, budgets in todo),
        generated_tokens_expected=None if probed is None else round(probed[0] * len(todo)),
        wall_s_expected=None if probed is None else probed[1] * len(todo),
    )


def _prompt_tokens(plan: Plan, unit: Unit, budgets: list[Budget]) -> int:
    """The tokens of the prompts that a unit's traces begin with: one, or one a budget."""
    asked = [unit.prompt.at(budget) for budget in budgets] if plan.study.is_separate else [unit.prompt]
    return sum(len(prompt.token_ids) for prompt in asked)


def _traces_needed(plan: Plan, unit: Unit, budgets: list[Budget]) -> list[Budget]:
    """The largest budget of each trace that a unit still has to think."""
    if plan.study.is_separate:
        return [None] * len(budgets) if plan.study.control is Control.PROMPT else budgets
    known = _known_trace(plan, unit)
    covered = known is not None and unit.session.covers(unit.prompt, known, budgets[-1])
    return [] if covered else [budgets[-1]]


def _known_trace(plan: Plan, unit: Unit) -> Trace | None:
    return plan.records.traces.get((unit.session.spec, unit.prompt.problem.id, unit.sample, None))


async def _probe(plan: Plan, todo: list[tuple[Unit, list[Budget]]], probes: int) -> tuple[float, float] | None:
    """Tokens and seconds a unit, measured on a random few; ``None`` where a model is remote or nothing got done."""
    if not todo or not all(s.backend.model.is_local for s in plan.sessions):
        return None
    chosen = random.Random(plan.study.seed).sample(todo, min(probes, len(todo)))
    slots = asyncio.Semaphore(max(s.backend.concurrency for s in plan.sessions))
    started = time.monotonic()
    tasks = [asyncio.create_task(_spend(plan, unit, budgets, slots)) for unit, budgets in chosen]
    done, pending = await asyncio.wait(tasks, timeout=PROBE_S)
    for task in pending:
        task.cancel()
    await asyncio.gather(*pending, return_exceptions=True)
    if not done:
        return None
    return sum(task.result() for task in done) / len(done), (time.monotonic() - started) / len(done)


async def _spend(plan: Plan, unit: Unit, budgets: list[Budget], slots: asyncio.Semaphore) -> int:
    """The tokens that one unit generates for the budgets it lacks."""
    async with slots:
        if not plan.study.is_separate:
            return await _spend_shared(unit, budgets, _known_trace(plan, unit))
        return sum([await _spend_separate(plan, unit, budget) for budget in budgets])


async def _spend_shared(unit: Unit, budgets: list[Budget], trace: Trace | None) -> int:
    tokens = 0
    if trace is None or not unit.session.covers(unit.prompt, trace, budgets[-1]):
        before = trace.generated_spent if trace else 0
        trace = await think(unit.session, unit.prompt, unit.sample, budgets[-1], known=trace)
        tokens = trace.generated_spent - before
    for made, _ in cuts(trace, budgets):
        tokens += len((await answer(unit.session, unit.prompt, unit.sample, made)).token_ids or ())
    return tokens


async def _spend_separate(plan: Plan, unit: Unit, budget: Budget) -> int:
    if plan.study.control is Control.SERVER:
        found = await serve(unit.session, unit.prompt, unit.sample, budget)
        return found.trace.generated_spent + len(found.answer.token_ids or ())
    asked = dataclasses.replace(unit, prompt=unit.prompt.at(budget))
    return await _spend_shared(asked, [None if plan.study.control is Control.PROMPT else budget], None)


async def print_estimate(plan: Plan, *, as_json: bool) -> None:
    """Print the estimate to stdout."""
    found = await estimate(plan)
    if as_json:
        click.echo(msgspec.json.encode(found))
        return
    rows = [
        (
            "attempts",
            f"{found.attempts:,}" + (f" ({found.attempts_done:,} done)" if found.attempts_done else ""),
        ),
        ("requests, at most", f"{found.requests_at_most:,}"),
        ("traces to think", f"{found.traces:,}"),
        ("answers, at most", f"{found.answers_at_most:,}"),
        ("thinking tokens, at most", _count(found.thinking_tokens_at_most)),
        ("answer tokens, at most", f"{found.answer_tokens_at_most:,}"),
        ("generated tokens, expected", _count(found.generated_tokens_expected)),
        (
            "seconds, expected",
            _count(None if found.wall_s_expected is None else round(found.wall_s_expected)),
        ),
    ]
    for name, value in rows:
        click.echo(f"{name:<28}{value:>18}")


def _count(value: int | None) -> str:
    return "unknown" if value is None else f"{value:,}"
