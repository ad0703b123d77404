"""``thinkcurve run --dry-run``: the calls, tokens and time that a study would take.

Calls and largest token counts follow from the study. What a local model will really spend, and how fast, is
measured on a few units spread over the study; nothing of that is recorded.
"""

from __future__ import annotations

import asyncio
import time

import click
import msgspec

from thinkcurve.budget import covers
from thinkcurve.pipeline import answer, cuts, think
from thinkcurve.plan import Plan, Unit

PROBES = 16
"""Units that are probed: enough to average over levels, a few seconds on a small model."""


class Estimate(msgspec.Struct, frozen=True):
    """What is still to be done. ``*_at_most`` are bounds; expected figures are ``None`` where nothing was probed."""

    attempts: int
    attempts_done: int
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
    new = [(unit, budgets) for unit, budgets in todo if not _has_trace(plan, unit)]
    tops = [budgets[-1] for _, budgets in new]
    n_answers = sum(len(budgets) for _, budgets in todo)
    probed = await _probe(plan, [unit for unit, _ in todo], probes)
    return Estimate(
        attempts=plan.n_attempts,
        attempts_done=plan.n_attempts - n_answers,
        traces=len(new),
        answers_at_most=n_answers,
        thinking_tokens_at_most=None if None in tops else sum(top for top in tops if top is not None),
        answer_tokens_at_most=n_answers * plan.study.answer_tokens,
        prompt_tokens=sum(len(unit.prompt.token_ids) for unit, _ in todo),
        generated_tokens_expected=None if probed is None else round(probed[0] * len(todo)),
        wall_s_expected=None if probed is None else probed[1] * len(todo),
    )


def _has_trace(plan: Plan, unit: Unit) -> bool:
    known = plan.records.traces.get((unit.session.spec, unit.prompt.problem.id, unit.sample, None))
    return known is not None and covers(known.thinking_tokens, known.ending, plan.study.budgets[-1])


async def _probe(plan: Plan, units: list[Unit], probes: int) -> tuple[float, float] | None:
    """Tokens and seconds a unit, measured on units spread evenly; ``None`` where a model is remote."""
    if not units or not all(s.backend.model.is_local for s in plan.sessions):
        return None
    chosen = units[:: max(1, len(units) // probes)][:probes]
    started = time.monotonic()
    tokens = await asyncio.gather(*(_spend(plan, unit) for unit in chosen))
    return sum(tokens) / len(chosen), (time.monotonic() - started) / len(chosen)


async def _spend(plan: Plan, unit: Unit) -> int:
    trace = await think(unit.session, unit.prompt, unit.sample, plan.study.budgets[-1])
    tokens = trace.thinking_tokens
    for made, _ in cuts(trace, plan.study.budgets):
        tokens += len((await answer(unit.session, unit.prompt, unit.sample, made)).token_ids or ())
    return tokens


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
