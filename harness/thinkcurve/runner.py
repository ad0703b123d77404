"""Carrying out a plan: think -> cut -> answer -> verify -> record, many problems at once, resumable anywhere.

Only what the journal lacks is generated, and each thing is written the moment it is known.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Sequence

import msgspec

from thinkcurve import asked, spoken
from thinkcurve.asked import ChatSession
from thinkcurve.backend import Generation, Stop
from thinkcurve.batching import Batches, read_batches
from thinkcurve.bounds import bounds_of
from thinkcurve.budget import Budget, Control, Cut, cut, with_think_tags
from thinkcurve.certainty import certainty_of
from thinkcurve.errors import BackendError, UsageError
from thinkcurve.merge import compact_run
from thinkcurve.opened import add
from thinkcurve.pipeline import answer, attempt_of, cuts, shared_with, think
from thinkcurve.plan import Plan, Unit
from thinkcurve.problem import REFUSAL, Judgement, Verdict
from thinkcurve.provenance import now
from thinkcurve.purse import Purse, Spent, dearest_seen, is_paid, kind_of, opening_usd
from thinkcurve.recorder import Listener, Recorder
from thinkcurve.served import serve
from thinkcurve.session import Session
from thinkcurve.spoken import TextSession, Thought
from thinkcurve.store import Attempt, AttemptKey, Records, Trace, write_manifest
from thinkcurve.stored import StoredRecords, TableRecords
from thinkcurve.tables import is_fresh

IN_FLIGHT_PER_SLOT = 2
"""Units open for each slot of a backend: one in the engine, one being judged, so that neither waits."""


class Answered(msgspec.Struct, frozen=True):
    """An answer that waits for its verdict, and the budgets that it serves. A chat has no cut of ours (``made``)."""

    trace: Trace
    made: Cut | None
    served: Sequence[Budget]
    generation: Generation


Work = Callable[[Budget], Awaitable[list[Answered]]]


async def carry_out(
    plan: Plan, *, listener: Listener = lambda _: None, say: Callable[[str], None] = lambda _: None
) -> Records:
    """Generate, judge and record all that is missing; return the records of the whole run, which are read from its
    directory when one is looked at.

    Raises `BackendError` where a backend can go on no longer, and `thinkcurve.purse.Spent` where the study's
    ``max_usd`` is used up; what was graded is safe then, as it is when the task is cancelled.
    """
    if plan.journal is None:
        raise ValueError("a dry plan cannot be carried out")
    if plan.n_missing:
        purse = _open_purse(plan)
        try:
            await Hands(plan, Recorder(plan, plan.journal, listener), purse).run_all(say)
        finally:
            plan.journal.sync()
    return StoredRecords(plan.run)


def _open_purse(plan: Plan) -> Purse:
    """What the study may still spend; a run that was stopped has spent some of it."""
    if plan.study.max_usd is None:
        return Purse(None)
    unpaid = [s.spec for s in plan.sessions if not is_paid(s.backend.model, s.tariff)]
    if not plan.state.has_any:
        return Purse(plan.study.max_usd, bounds=bounds_of(plan))
    if not is_fresh(plan.run):
        compact_run(plan.run)
    rows = TableRecords(plan.run)
    seen = dearest_seen(rows, is_separate=plan.study.is_separate)
    return Purse(plan.study.max_usd, opening_usd(rows, unpaid), bounds=bounds_of(plan), seen=seen)


def _check_none_pending(plan: Plan) -> None:
    """Refuse to ask again what a batch was handed over for: it is paid for."""
    pending = [batch for batch in read_batches(plan.run) if not batch.is_collected]
    if pending:
        n = sum(len(batch.items) for batch in pending)
        raise UsageError(f"{n:,} requests are handed over as batch {pending[0].id}: collect them first, with --batch")


def finish(plan: Plan) -> None:
    """Write the tables, and the time into the manifest."""
    compact_run(plan.run)
    plan.manifest = msgspec.structs.replace(plan.manifest, finished=now())
    write_manifest(plan.run, plan.manifest)


class Hands:
    """Carries out the units of a plan, a bounded number at a time."""

    def __init__(self, plan: Plan, recorder: Recorder, purse: Purse) -> None:
        self.plan = plan
        self.recorder = recorder
        self.purse = purse
        self.spent: Spent | None = None
        self.free = {s.spec for s in plan.sessions if not is_paid(s.backend.model, s.tariff)}
        self.slots = {s.spec: asyncio.Semaphore(s.backend.concurrency) for s in plan.sessions}

    async def run_all(self, say: Callable[[str], None]) -> None:
        """All units of the plan that lack something. Raises what lets a model, or the allowance, go no further."""
        if self.plan.study.batch:
            await Batches(self.plan, self.recorder, self.purse, self._came_back, say=say).run_all()
        else:
            _check_none_pending(self.plan)
            await self._run_units()
        for error in self.recorder.lost.values():
            raise error
        if self.spent is not None:
            raise self.spent

    async def _run_units(self) -> None:
        widest = max(s.backend.concurrency for s in self.plan.sessions)
        n_open = min(widest * IN_FLIGHT_PER_SLOT, self.plan.n_missing)
        units = self.plan.units()
        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(n_open):
                    group.create_task(self._some_of(units))
        except BaseExceptionGroup as errors:
            raise _first(errors) from None

    async def _some_of(self, units: Iterator[Unit]) -> None:
        """One unit after another of those that are left, as many of these run at a time as units are open."""
        for unit in units:
            budgets = self.plan.missing(unit)
            if budgets:
                await self.carry_unit(unit, budgets)
                await asyncio.sleep(0)  # a model that answers at once must not keep others from their turn

    async def carry_unit(self, unit: Unit, budgets: list[Budget]) -> None:
        """All that a unit lacks, in the way that its session takes."""
        self.plan.state.begin(unit.key)
        try:
            await self._pieces(unit, budgets)
        finally:
            self.plan.state.end(unit.key)

    async def _pieces(self, unit: Unit, budgets: list[Budget]) -> None:
        session, study = unit.session, self.plan.study
        if isinstance(session, ChatSession):
            await self._each(unit, budgets, lambda budget: self._asked(unit, session, budget))
        elif isinstance(session, TextSession):
            await self._each(unit, [None], lambda _: self._spoken(unit, session, budgets))
        elif not isinstance(session, Session):
            raise TypeError(f"no way is known for a {type(session).__name__}")
        elif not study.is_separate:
            await self._each(unit, [None], lambda _: self._ladder(unit, session, budgets, separate=None))
        elif study.control.shares_trace:
            await self._each(unit, budgets, lambda budget: self._ladder(unit, session, [budget], separate=budget))
        elif study.control is Control.SERVER:
            await self._each(unit, budgets, lambda budget: self._served(unit, session, budget))
        else:
            await self._each(unit, budgets, lambda budget: self._told(unit, session, budget))

    async def _each(self, unit: Unit, budgets: list[Budget], work: Work) -> None:
        """One piece of work after another, each in a slot of the model's and within what may be spent.

        Answers are judged when the slot is free again.
        """
        spec = unit.session.spec
        for budget in budgets:
            kind = kind_of(spec, budget)
            async with self.slots[spec]:
                if spec in self.recorder.lost or not (spec in self.free or await self._may_pay(kind)):
                    return
                before = None if spec in self.free else self.recorder.paid(unit)
                try:
                    found = await work(budget)
                except BaseException:
                    self._end(unit, before, kind)
                    raise
            try:
                for answered in found:
                    await self._grade(unit, answered)
            finally:
                self._end(unit, before, kind)

    async def _may_pay(self, kind: str) -> bool:
        """Whether the allowance lets another request begin; what is in flight is let end."""
        if self.spent is None:
            try:
                await self.purse.enter(kind)
                return True
            except Spent as spent:
                self.spent = spent
        return False

    def _end(self, unit: Unit, before: float | None, kind: str) -> None:
        if unit.session.spec in self.free:
            return
        after = self.recorder.paid(unit)
        self.purse.end(None if before is None or after is None else after - before, kind)

    async def _ladder(self, unit: Unit, session: Session, budgets: list[Budget], *, separate: Budget) -> list[Answered]:
        """One trace and the answers at ``budgets``."""
        try:
            trace = await self._trace(unit, session, budgets[-1], separate)
        except BackendError as error:
            self.recorder.fail(unit, budgets, "trace", error)
            return []
        found = []
        for made, served in cuts(trace, budgets):
            found += await self._answer(unit, session, trace, made, served)
        return found

    async def _told(self, unit: Unit, session: Session, budget: Budget) -> list[Answered]:
        """The trace and the answer of a model that was told its budget in words and then left alone."""
        unit = msgspec.structs.replace(unit, prompt=unit.prompt.at(budget))
        try:
            trace = await self._trace(unit, session, None, budget)
        except BackendError as error:
            self.recorder.fail(unit, [budget], "trace", error)
            return []
        return await self._answer(unit, session, trace, cut(trace.token_ids, trace.ending, None), [budget])

    async def _served(self, unit: Unit, session: Session, budget: Budget) -> list[Answered]:
        """One generation under the engine's own budget."""
        try:
            found = await serve(session, unit.prompt, unit.sample, budget)
        except BackendError as error:
            self.recorder.fail(unit, [budget], "trace", error)
            return []
        self.recorder.came(unit)
        self.recorder.record(found.trace)
        return [Answered(found.trace, found.made, [budget], found.answer)]

    async def _asked(self, unit: Unit, session: ChatSession, budget: Budget) -> list[Answered]:
        """One generation under the provider's own budget."""
        try:
            generation = await asked.ask(session, unit.prompt, unit.sample, budget)
        except BackendError as error:
            self.recorder.fail(unit, [budget], "trace", error)
            return []
        return [self._answered(unit, session, budget, generation)]

    def _answered(self, unit: Unit, session: ChatSession, budget: Budget, generation: Generation) -> Answered:
        """A chat's answer, its trace recorded."""
        self.recorder.came(unit)
        trace = asked.trace_of(session, unit.prompt, unit.sample, budget, generation)
        before = self.plan.state.trace(self._key(unit, budget))
        if before is not None:  # paid for, and stopped before it was judged
            trace = msgspec.structs.replace(trace, usd_spent=add(before.usd_spent, trace.usd_spent))
        self.recorder.record(trace)
        return Answered(trace, None, [budget], generation)

    async def _came_back(self, unit: Unit, session: ChatSession, budget: Budget, generation: Generation) -> None:
        """A chat's answer out of a batch."""
        await self._grade(unit, self._answered(unit, session, budget, generation))

    async def _spoken(self, unit: Unit, session: TextSession, budgets: list[Budget]) -> list[Answered]:
        """Traces and answers in text: one trace for the ladder, and one for each budget that it was never cut at."""
        if self.plan.study.is_separate:
            pieces: list[tuple[list[Budget], Budget]] = [([budget], budget) for budget in budgets]
        else:
            known = self.plan.state.trace(self._key(unit, None))
            shared, branched = spoken.plan_traces(known, budgets)
            pieces = [(shared, None)] if shared else []
            pieces += [([budget], budget) for budget in branched]
        found: list[Answered] = []
        for ladder, separate in pieces:
            thought = await self._text_trace(unit, session, ladder, separate)
            if thought.refusal is not None:
                found.append(Answered(thought.trace, thought.refused, thought.missed, thought.refusal))
            elif thought.error is not None:
                self.recorder.fail(unit, thought.missed, "trace", thought.error)
            for made, served in spoken.cuts(thought.trace, thought.reached):
                if session.spec in self.recorder.lost:
                    return found
                found += await self._answer(unit, session, thought.trace, made, served)
            if session.spec in self.recorder.lost:
                break
        return found

    async def _text_trace(self, unit: Unit, session: TextSession, ladder: list[Budget], separate: Budget) -> Thought:
        """The thinking along a ladder, each piece recorded as it comes."""
        state = self.plan.state
        known, shared = state.trace(self._key(unit, separate)), state.trace(self._key(unit, None))
        if known is None and separate is not None and shared is not None and not self.plan.study.is_separate:
            known = spoken.branch(shared, separate)

        def keep(trace: Trace) -> None:
            self.recorder.came(unit)
            self.recorder.record(trace)

        thought = await spoken.think(
            session, unit.prompt, unit.sample, ladder, separate=separate, known=known, keep=keep
        )
        if thought.refusal is not None:
            self.recorder.came(unit)
        if (thought.reached or thought.refusal) and state.trace(thought.trace.key) is not thought.trace:
            self.recorder.record(thought.trace)
        return thought

    async def _answer(
        self, unit: Unit, session: Session | TextSession, trace: Trace, made: Cut, served: list[Budget]
    ) -> list[Answered]:
        """The answer to one cut; nothing where it is known already or failed, which is recorded here."""
        known = self._known_answer(unit, made)
        if known is not None:
            for budget in served:
                self.recorder.record(shared_with(known, budget))
            return []
        separate = trace.budget
        try:
            if isinstance(session, TextSession):
                generation = await spoken.answer(session, unit.prompt, unit.sample, made, separate=separate)
            else:
                generation = await answer(session, unit.prompt, unit.sample, made, separate=separate)
        except BackendError as error:
            self.recorder.fail(unit, served, "answer", error)
            return []
        self.recorder.came(unit)
        return [Answered(trace, made, served, generation)]

    async def _grade(self, unit: Unit, answered: Answered) -> None:
        """Judge an answer and record it for every budget that it serves."""
        generation, trace, made, served = answered.generation, answered.trace, answered.made, answered.served
        if generation.stop is Stop.REFUSAL:
            judgement = Judgement(Verdict.NO_ANSWER, reason=REFUSAL)
        else:
            text = with_think_tags(generation.text, unit.session.format)
            judgement = await self.plan.judge.judge(unit.prompt.problem.reference, text)
        session, prompt = unit.session, unit.prompt
        if isinstance(session, ChatSession):
            first = asked.attempt_of(session, prompt, trace, generation, judgement)
        else:
            assert made is not None  # whatever is no chat was cut
            if isinstance(session, TextSession):
                first = spoken.attempt_of(session, prompt, trace, made, served[0], generation, judgement)
            else:
                assert isinstance(session, Session)
                first = attempt_of(session, prompt, trace, made, served[0], generation, judgement)
        if generation.logprobs or generation.top_logprobs:
            first = msgspec.structs.replace(first, **certainty_of(generation)._asdict())
        self.recorder.record(first)
        for budget in served[1:]:
            self.recorder.record(shared_with(first, budget))

    async def _trace(self, unit: Unit, session: Session, top: Budget, separate: Budget) -> Trace:
        """The unit's trace, long enough for ``top``: from the records, gone on with, or made."""
        known = self.plan.state.trace(self._key(unit, separate))
        if known is not None and session.covers(unit.prompt, known, top):
            return known
        trace = await think(session, unit.prompt, unit.sample, top, separate=separate, known=known)
        self.recorder.came(unit)
        self.recorder.record(trace)
        return trace

    def _key(self, unit: Unit, budget: Budget) -> AttemptKey:
        return (*unit.key, budget)

    def _known_answer(self, unit: Unit, made: Cut) -> Attempt | None:
        """An attempt of the same unit past the same natural end, made when the ladder was shorter."""
        if made.is_forced or self.plan.study.is_separate:
            return None
        attempts = self.plan.state.of(unit.key).attempts
        for budget in self.plan.study.budgets:
            known = attempts.get(budget)
            if known is None or known.is_forced or known.is_shared_answer:  # what that one cost stands in the first
                continue
            if known.thinking_tokens == made.length:
                return known
        return None


def _first(errors: BaseExceptionGroup[BaseException]) -> BaseException:
    """The first error inside nested groups: what really went wrong, before the rest was cancelled for it."""
    error = errors.exceptions[0]
    return _first(error) if isinstance(error, BaseExceptionGroup) else error
