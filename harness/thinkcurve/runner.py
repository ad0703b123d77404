"""Carrying out a plan: think -> cut -> answer -> verify -> record, many problems at once, resumable anywhere.

Only what the journal lacks is generated, and each thing is written the moment it is known.
"""

from __future__ import annotations

import asyncio
import dataclasses
import time
from collections.abc import Callable

import msgspec

from thinkcurve.backend import Generation
from thinkcurve.budget import Budget, Control, Cut, cut, with_think_tags
from thinkcurve.errors import BackendError
from thinkcurve.pipeline import answer, attempt_of, cuts, shared_with, think
from thinkcurve.plan import Plan, Unit
from thinkcurve.provenance import now
from thinkcurve.served import serve
from thinkcurve.store import Attempt, Event, Failure, Journal, Records, Trace, write_manifest
from thinkcurve.tables import compact

Listener = Callable[[Event], None]
IN_FLIGHT_PER_SLOT = 2
"""Units open for each slot of a backend: one in the engine, one being judged, so that neither waits."""
FAILED_IN_A_ROW = 8
FAILING_FOR_S = 60.0
"""A model counts as gone where so many problems failed one after the other, each after its retries, for so long."""


async def carry_out(plan: Plan, *, listener: Listener = lambda _: None) -> Records:
    """Generate, judge and record all that is missing; return the records of the whole run.

    Raises `BackendError` where a backend can go on no longer; what was graded is safe then, as it is when the
    task is cancelled.
    """
    if plan.journal is None:
        raise ValueError("a dry plan cannot be carried out")
    if any(plan.missing(unit) for unit in plan.units()):
        worker = _Worker(plan, plan.journal, listener)
        try:
            await worker.run_all()
        finally:
            plan.journal.sync()
    return plan.records


def finish(plan: Plan) -> None:
    """Write the tables, and the time into the manifest."""
    compact(plan.run, plan.records)
    plan.manifest = msgspec.structs.replace(plan.manifest, finished=now())
    write_manifest(plan.run, plan.manifest)


class _Worker:
    """Carries out the units of a plan, a bounded number at a time."""

    def __init__(self, plan: Plan, journal: Journal, listener: Listener) -> None:
        self.plan = plan
        self.journal = journal
        self.listener = listener
        self.failing: dict[str, tuple[float, set[str]]] = {}
        self.lost: dict[str, BackendError] = {}
        self.slots = {s.spec: asyncio.Semaphore(s.backend.concurrency) for s in plan.sessions}

    async def run_all(self) -> None:
        widest = max(s.backend.concurrency for s in self.plan.sessions)
        room = asyncio.Semaphore(widest * IN_FLIGHT_PER_SLOT)
        try:
            async with asyncio.TaskGroup() as group:
                for unit in self.plan.units():
                    budgets = self.plan.missing(unit)
                    if budgets:
                        await room.acquire()
                        group.create_task(self._unit(unit, budgets)).add_done_callback(lambda _: room.release())
        except BaseExceptionGroup as errors:
            raise _first(errors) from None
        for error in self.lost.values():
            raise error

    async def _unit(self, unit: Unit, budgets: list[Budget]) -> None:
        study = self.plan.study
        if unit.session.spec in self.lost:
            return
        if not study.is_separate:
            await self._ladder(unit, budgets, separate=None)
            return
        carry_out = self._served if study.control is Control.SERVER else self._told
        for budget in budgets:
            if study.control.shares_trace:
                await self._ladder(unit, [budget], separate=budget)
            elif unit.session.spec not in self.lost:
                await carry_out(unit, budget)

    async def _ladder(self, unit: Unit, budgets: list[Budget], *, separate: Budget) -> None:
        """One trace and the answers at ``budgets``, judged and recorded."""
        async with self.slots[unit.session.spec]:
            try:
                trace = await self._trace(unit, budgets[-1], separate)
            except BackendError as error:
                self._fail(unit, budgets, "trace", error)
                return
            answered = [
                (made, served, await self._answer(unit, made, served, separate))
                for made, served in cuts(trace, budgets)
            ]
        for made, served, generation in answered:
            if generation is not None:
                await self._grade(unit, trace, made, served, generation)

    async def _told(self, unit: Unit, budget: Budget) -> None:
        """The trace and the answer of a model that was told its budget in words and then left alone."""
        unit = dataclasses.replace(unit, prompt=unit.prompt.at(budget))
        async with self.slots[unit.session.spec]:
            try:
                trace = await self._trace(unit, None, budget)
            except BackendError as error:
                self._fail(unit, [budget], "trace", error)
                return
            made = cut(trace.token_ids, trace.ending, None)
            generation = await self._answer(unit, made, [budget], budget)
        if generation is not None:
            await self._grade(unit, trace, made, [budget], generation)

    async def _served(self, unit: Unit, budget: Budget) -> None:
        """One generation under the engine's own budget: its trace is recorded with its attempt, or not at all."""
        async with self.slots[unit.session.spec]:
            try:
                found = await serve(unit.session, unit.prompt, unit.sample, budget)
            except BackendError as error:
                self._fail(unit, [budget], "trace", error)
                return
            self._came(unit)
        self._record(found.trace)
        await self._grade(unit, found.trace, found.made, [budget], found.answer)

    async def _answer(self, unit: Unit, made: Cut, served: list[Budget], separate: Budget) -> Generation | None:
        """The answer to one cut, or ``None`` where it is known already or failed; both are recorded here."""
        known = self._known_answer(unit, made)
        if known is not None:
            for budget in served:
                self._record(shared_with(known, budget))
            return None
        try:
            generation = await answer(unit.session, unit.prompt, unit.sample, made, separate=separate)
        except BackendError as error:
            self._fail(unit, served, "answer", error)
            return None
        self._came(unit)
        return generation

    async def _grade(self, unit: Unit, trace: Trace, made: Cut, served: list[Budget], generation: Generation) -> None:
        text = with_think_tags(generation.text, unit.session.thinking)
        judgement = await self.plan.judge.judge(unit.prompt.problem.reference, text)
        first = attempt_of(unit.session, unit.prompt, trace, made, served[0], generation, judgement)
        self._record(first)
        for budget in served[1:]:
            self._record(shared_with(first, budget))

    async def _trace(self, unit: Unit, top: Budget, separate: Budget) -> Trace:
        """The unit's trace, long enough for ``top``: from the records, gone on with, or made."""
        key = (unit.session.spec, unit.prompt.problem.id, unit.sample, separate)
        known = self.plan.records.traces.get(key)
        if known is not None and unit.session.covers(unit.prompt, known, top):
            return known
        trace = await think(unit.session, unit.prompt, unit.sample, top, separate=separate, known=known)
        self._came(unit)
        self._record(trace)
        return trace

    def _known_answer(self, unit: Unit, made: Cut) -> Attempt | None:
        """An attempt of the same unit past the same natural end, made when the ladder was shorter."""
        if made.is_forced or self.plan.study.is_separate:
            return None
        for budget in self.plan.study.budgets:
            known = self.plan.records.attempts.get((unit.session.spec, unit.prompt.problem.id, unit.sample, budget))
            if known and not known.is_forced and known.thinking_tokens == len(made.thinking_ids):
                return known
        return None

    def _fail(self, unit: Unit, budgets: list[Budget], stage: str, error: BackendError) -> None:
        """Record that attempts did not come about; what no later request can mend is raised again.

        So is the last of many failures in a row that a later try could have mended: nothing answers any more.
        """
        spec = unit.session.spec
        if error.is_fatal:
            self._lose(spec, error)
            return
        if not error.is_retryable:
            self._came(unit)  # it answered, if only to refuse this one
        else:
            since, failed = self.failing.setdefault(spec, (time.monotonic(), set()))
            failed.add(unit.prompt.problem.id)
            if len(failed) >= FAILED_IN_A_ROW and time.monotonic() - since >= FAILING_FOR_S:
                many = f"{len(failed)} problems asked of {spec!r} failed one after the other, last: {error}"
                self._lose(spec, BackendError(many, is_fatal=True))
                return
        problem = unit.prompt.problem
        for budget in budgets:
            self._record(
                Failure(
                    unit.session.spec,
                    problem.task,
                    problem.id,
                    unit.sample,
                    budget,
                    self.plan.study.control.value,
                    stage,
                    str(error),
                )
            )

    def _lose(self, spec: str, error: BackendError) -> None:
        """A model that can go on no longer: the last of them ends the run at once, the others go on without it."""
        self.lost.setdefault(spec, error)
        if len(self.lost) == len(self.plan.sessions):
            raise error

    def _came(self, unit: Unit) -> None:
        """Note that a model answers."""
        self.failing.pop(unit.session.spec, None)

    def _record(self, event: Event) -> None:
        self.journal.append(event, time.monotonic())
        self.plan.records.add(event)
        self.listener(event)


def _first(errors: BaseExceptionGroup[BaseException]) -> BaseException:
    """The first error inside nested groups: what really went wrong, before the rest was cancelled for it."""
    error = errors.exceptions[0]
    return _first(error) if isinstance(error, BaseExceptionGroup) else error
