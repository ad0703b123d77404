"""Carrying out a study: think -> cut -> answer -> verify -> record, many problems at once, resumable anywhere.

`prepare` checks everything and spends nothing; `Plan.carry_out` generates only what the journal lacks.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from thinkcurve.backend import Backend
from thinkcurve.budget import Budget, covers
from thinkcurve.errors import BackendError, UsageError
from thinkcurve.pipeline import (
    Prompt,
    Session,
    answer,
    attempt_of,
    check_fits,
    cuts,
    open_session,
    shared_with,
    think,
)
from thinkcurve.plugins import find_backend, load_task, open_backend
from thinkcurve.problem import Problem, fingerprint
from thinkcurve.provenance import git_commit, hardware, now, versions
from thinkcurve.store import (
    SCHEMA_VERSION,
    Attempt,
    Event,
    Failure,
    Journal,
    Manifest,
    ModelRecord,
    Records,
    TaskRecord,
    Trace,
    Warn,
    journal_path,
    manifest_path,
    read_manifest,
    write_manifest,
)
from thinkcurve.study import Study, check_study, merge
from thinkcurve.tables import compact, read_records
from thinkcurve.task import Task
from thinkcurve.verify.judge import Judge

Listener = Callable[[Event], None]
IN_FLIGHT_PER_SLOT = 2
"""Units open for each slot of a backend: one in the engine, one being judged, so that neither waits."""


@dataclass(frozen=True, slots=True)
class Chosen:
    """A task with the problems of it that the study takes."""

    task: Task
    problems: Sequence[Problem]

    @property
    def record(self) -> TaskRecord:
        """What the manifest says of it."""
        return TaskRecord(self.task.name, self.task.version, len(self.problems), fingerprint(self.problems))


@dataclass(frozen=True, slots=True)
class Unit:
    """One (model, problem, sample): what is thought once and answered at every budget."""

    session: Session
    prompt: Prompt
    sample: int


@dataclass(slots=True)
class Plan:
    """A study ready to be carried out: sessions open, prompts rendered, records so far read."""

    study: Study
    run: Path
    sessions: Sequence[Session]
    prompts: dict[str, list[Prompt]]
    records: Records
    manifest: Manifest
    _stack: AsyncExitStack = field(default_factory=AsyncExitStack)

    def units(self) -> Iterator[Unit]:
        """Every unit of the study, model by model and sample by sample."""
        for session in self.sessions:
            for sample in range(self.study.samples):
                for prompt in self.prompts[session.spec]:
                    yield Unit(session, prompt, sample)

    def missing(self, unit: Unit) -> list[Budget]:
        """The budgets at which a unit has no attempt yet."""
        key = (unit.session.spec, unit.prompt.problem.id, unit.sample)
        return [b for b in self.study.budgets if (*key, b) not in self.records.attempts]

    @property
    def n_attempts(self) -> int:
        """How many attempts the finished run will have."""
        n_prompts = sum(len(prompts) for prompts in self.prompts.values())
        return n_prompts * self.study.samples * len(self.study.budgets)

    async def carry_out(self, *, listener: Listener = lambda _: None) -> Records:
        """Generate, judge and record all that is missing; return the records of the whole run.

        Raises `BackendError` where a backend can go on no longer; what was graded is safe then, as it is when the
        task is cancelled.
        """
        if not any(self.missing(unit) for unit in self.units()):
            return self.records
        self._restore_journal()
        journal = Journal(self.run)
        worker = _Worker(self, journal, listener)
        try:
            await worker.run_all()
        finally:
            journal.close()
            await worker.judge.aclose()
        return self.records

    def finish(self) -> None:
        """Write the tables, and the time into the manifest."""
        compact(self.run, self.records)
        self.manifest = msgspec.structs.replace(self.manifest, finished=now())
        write_manifest(self.run, self.manifest)

    async def aclose(self) -> None:
        """Close every backend."""
        await self._stack.aclose()

    def _restore_journal(self) -> None:
        """Where a run has only its tables, write its records into a journal again before going on."""
        if journal_path(self.run).exists() or not (self.records.attempts or self.records.traces):
            return
        journal = Journal(self.run)
        events: list[Event] = [*self.records.traces.values(), *self.records.attempts.values()]
        for event in events:
            journal.append(event, now_s=0.0)
        journal.close()


@dataclass(frozen=True, slots=True)
class Given:
    """Backends and tasks that a caller made, by the name the study calls them; the rest is found by entry point.

    A backend given here stays its maker's to close.
    """

    backends: Mapping[str, Backend] = field(default_factory=dict)
    tasks: Mapping[str, Task] = field(default_factory=dict)


async def prepare(
    study: Study, run: Path, *, given: Given | None = None, warn: Warn = lambda _: None, is_dry: bool = False
) -> Plan:
    """A plan for the study in the directory ``run``, or one `UsageError`. Spends no token; a dry plan writes nothing.

    Where ``run`` already holds a run, the study is merged with the run's own: added budgets, samples, problems,
    tasks and models are continued, any other difference is refused.
    """
    given = given or Given()
    check_study(study)
    for spec in study.models:
        if spec not in given.backends:
            find_backend(spec)
    old = _old_manifest(run)
    study = merge(old.study, study) if old else study
    chosen = [_choose(given.tasks.get(name) or load_task(name), study.limit) for name in study.tasks]
    stack = AsyncExitStack()
    try:
        sessions = [_open(stack, spec, study, given) for spec in study.models]
        prompts = {s.spec: [s.prompt(c.task, p) for c in chosen for p in c.problems] for s in sessions}
        for session in sessions:
            check_fits(session, prompts[session.spec], study.budgets)
        manifest = _manifest(study, sessions, chosen, old)
        records = read_records(run, warn) if old else Records()
        _check_prompts(records, prompts)
        if not is_dry:
            _make_directory(run)
            write_manifest(run, manifest)
    except BaseException:
        await stack.aclose()
        raise
    return Plan(study, run, sessions, prompts, records, manifest, stack)


def _open(stack: AsyncExitStack, spec: str, study: Study, given: Given) -> Session:
    backend = given.backends.get(spec)
    if backend is None:
        backend = open_backend(spec, **study.model_options.get(spec, {}))
        stack.push_async_callback(backend.aclose)
    return open_session(spec, backend, study)


def _choose(task: Task, limit: int | None) -> Chosen:
    problems = task.problems()
    return Chosen(task, problems if limit is None else problems[:limit])


def _old_manifest(run: Path) -> Manifest | None:
    """The manifest of the run that is to be gone on with, if there is one."""
    if manifest_path(run).exists():
        return read_manifest(run)
    if run.exists() and not run.is_dir():
        raise UsageError(f"{str(run)!r} is a file; -o needs a directory")
    return None


def _make_directory(run: Path) -> None:
    try:
        run.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"cannot make directory {str(run)!r}: {error.strerror}") from error


def _manifest(study: Study, sessions: Sequence[Session], chosen: Sequence[Chosen], old: Manifest | None) -> Manifest:
    models = tuple(ModelRecord(s.spec, msgspec.to_builtins(s.backend.model)) for s in sessions)
    if old:
        _check_models(old.models, models)
        _check_tasks(old.tasks, chosen)
    return Manifest(
        schema=SCHEMA_VERSION,
        study=study,
        models=models,
        tasks=tuple(c.record for c in chosen),
        versions=versions(),
        hardware=hardware(),
        verifier=Judge().describe(),
        git_commit=git_commit(),
        started=old.started if old else now(),
    )


def _check_models(old: Sequence[ModelRecord], new: Sequence[ModelRecord]) -> None:
    known = {record.spec: record.info.get("fingerprint") for record in old}
    for record in new:
        before, after = known.get(record.spec), record.info.get("fingerprint")
        if before is not None and before != after:
            raise UsageError(
                f"model {record.spec!r} is not the one this run began with (fingerprint {before}, now {after}); "
                "give another directory with -o"
            )


def _check_tasks(old: Sequence[TaskRecord], chosen: Sequence[Chosen]) -> None:
    known = {record.name: record for record in old}
    for choice in chosen:
        before = known.get(choice.task.name)
        if before and fingerprint(choice.problems[: before.n_problems]) != before.fingerprint:
            raise UsageError(
                f"task {choice.task.name!r} has other problems than this run began with "
                f"(version {before.version}, now {choice.task.version}); give another directory with -o"
            )


def _check_prompts(records: Records, prompts: dict[str, list[Prompt]]) -> None:
    digests = {(spec, p.problem.id): p.digest for spec, group in prompts.items() for p in group}
    for trace in records.traces.values():
        now_digest = digests.get((trace.model, trace.problem), trace.prompt_digest)
        if trace.prompt_digest != now_digest:
            raise UsageError(
                f"the prompt of {trace.problem} for model {trace.model!r} is not the one this run began with; "
                "give another directory with -o"
            )


class _Worker:
    """Carries out the units of a plan, a bounded number at a time."""

    def __init__(self, plan: Plan, journal: Journal, listener: Listener) -> None:
        self.plan = plan
        self.journal = journal
        self.listener = listener
        self.judge = Judge()
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

    async def _unit(self, unit: Unit, budgets: list[Budget]) -> None:
        if self.plan.study.traces == "shared":
            await self._ladder(unit, budgets, separate=None)
        else:
            for budget in budgets:
                await self._ladder(unit, [budget], separate=budget)

    async def _ladder(self, unit: Unit, budgets: list[Budget], *, separate: Budget) -> None:
        """One trace and the answers at ``budgets``, judged and recorded."""
        session, prompt, stage = unit.session, unit.prompt, "trace"
        waiting = set(budgets)
        to_judge = []
        try:
            async with self.slots[session.spec]:
                trace = await self._trace(unit, budgets[-1], separate)
                stage = "answer"
                for made, served in cuts(trace, budgets):
                    known = self._known_answer(unit, len(made.thinking_ids), made.is_forced)
                    if known is None:
                        to_judge.append((made, served, await answer(session, prompt, unit.sample, made)))
                    else:
                        for budget in served:
                            self._record(shared_with(known, budget))
                    waiting -= set(served) if known else set()
        except BackendError as error:
            if error.is_fatal:
                raise
            done = {budget for _, served, _ in to_judge for budget in served}
            for budget in sorted(waiting - done, key=budgets.index):
                self._record(self._failure(unit, budget, stage, error))
        for made, served, generation in to_judge:
            judgement = await self.judge.judge(prompt.problem.reference, generation.text)
            first = attempt_of(session, prompt, trace, made, served[0], generation, judgement)
            self._record(first)
            for budget in served[1:]:
                self._record(shared_with(first, budget))

    async def _trace(self, unit: Unit, top: Budget, separate: Budget) -> Trace:
        """The unit's trace, long enough for ``top``: from the records, gone on with, or made."""
        key = (unit.session.spec, unit.prompt.problem.id, unit.sample, separate)
        known = self.plan.records.traces.get(key)
        if known is not None and covers(known.thinking_tokens, known.ending, top):
            return known
        trace = await think(unit.session, unit.prompt, unit.sample, top, separate=separate, known=known)
        self._record(trace)
        return trace

    def _known_answer(self, unit: Unit, n_thinking: int, is_forced: bool) -> Attempt | None:
        """An attempt of the same unit past the same natural end, made when the ladder was shorter."""
        if is_forced:
            return None
        for budget in self.plan.study.budgets:
            known = self.plan.records.attempts.get((unit.session.spec, unit.prompt.problem.id, unit.sample, budget))
            if known and not known.is_forced and known.thinking_tokens == n_thinking:
                return known
        return None

    def _failure(self, unit: Unit, budget: Budget, stage: str, error: BackendError) -> Failure:
        problem = unit.prompt.problem
        return Failure(unit.session.spec, problem.task, problem.id, unit.sample, budget, stage, str(error))

    def _record(self, event: Event) -> None:
        self.journal.append(event, time.monotonic())
        self.plan.records.add(event)
        self.listener(event)


def _first(errors: BaseExceptionGroup[BaseException]) -> BaseException:
    """The first error inside nested groups: what really went wrong, before the rest was cancelled for it."""
    error = errors.exceptions[0]
    return _first(error) if isinstance(error, BaseExceptionGroup) else error
