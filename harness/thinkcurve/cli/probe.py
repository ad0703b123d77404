"""How much a local model generates and how long that takes, measured on a few units of a plan; nothing is recorded."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Iterable

import msgspec

from thinkcurve.budget import Budget, Control
from thinkcurve.pipeline import answer, cuts, think
from thinkcurve.plan import Plan, Unit
from thinkcurve.served import serve
from thinkcurve.session import Session
from thinkcurve.store import Trace

PROBE_S = 20.0
"""For how long units are probed at most."""


async def probe(
    plan: Plan, todo: Iterable[tuple[Unit, list[Budget]]], n_units: int, probes: int
) -> tuple[float, float] | None:
    """Tokens and seconds a unit, measured on a random few of the ``n_units`` that are to do; ``None`` where a model is
    remote or nothing got done."""
    can_probe = all(s.backend.model.is_local and isinstance(s, Session) for s in plan.sessions)
    if not n_units or not can_probe:
        return None
    places = random.Random(plan.study.seed).sample(range(n_units), min(probes, n_units))
    wanted = frozenset(places)
    found = {place: item for place, item in enumerate(todo) if place in wanted}
    chosen = [found[place] for place in places]
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
    session = unit.session
    assert isinstance(session, Session)
    async with slots:
        if plan.study.is_separate:
            return sum([await _spend_separate(plan, session, unit, budget) for budget in budgets])
        known = plan.state.trace((*unit.key, None))
        return await _spend_shared(session, unit, budgets, known)


async def _spend_shared(session: Session, unit: Unit, budgets: list[Budget], trace: Trace | None) -> int:
    tokens = 0
    if trace is None or not session.covers(unit.prompt, trace, budgets[-1]):
        before = (trace.generated_spent or 0) if trace else 0
        trace = await think(session, unit.prompt, unit.sample, budgets[-1], known=trace)
        tokens = (trace.generated_spent or 0) - before
    for made, _ in cuts(trace, budgets):
        tokens += len((await answer(session, unit.prompt, unit.sample, made)).token_ids or ())
    return tokens


async def _spend_separate(plan: Plan, session: Session, unit: Unit, budget: Budget) -> int:
    if plan.study.control is Control.SERVER:
        found = await serve(session, unit.prompt, unit.sample, budget)
        return (found.trace.generated_spent or 0) + len(found.answer.token_ids or ())
    asked = msgspec.structs.replace(unit, prompt=unit.prompt.at(budget))
    return await _spend_shared(session, asked, [None if plan.study.control is Control.PROMPT else budget], None)
