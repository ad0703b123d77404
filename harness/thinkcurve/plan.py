"""A study made ready: everything checked, everything opened, and no token spent.

`prepare` refuses in one line what cannot work; `runner` carries the plan out.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from thinkcurve.backend import Backend
from thinkcurve.budget import Budget, ThinkingFormat
from thinkcurve.errors import UsageError
from thinkcurve.merge import compact_run
from thinkcurve.opened import Opened, Prompt
from thinkcurve.plugins import find_backend, open_backend
from thinkcurve.purse import check_known
from thinkcurve.questions import write_questions
from thinkcurve.selection import Chosen, check_tasks, choose, new_sitting, ready_judge
from thinkcurve.state import State
from thinkcurve.store import (
    SCHEMA_VERSION,
    Attempt,
    Event,
    Journal,
    Manifest,
    ModelRecord,
    Records,
    Trace,
    Warn,
    manifest_path,
    read_manifest,
    write_manifest,
)
from thinkcurve.study import Study, check_study, merge
from thinkcurve.tables import read_past, read_records, read_table, restore_journal
from thinkcurve.tariff import UNKNOWN, Tariff
from thinkcurve.task import Task, doubts_of
from thinkcurve.verify.judge import Judge
from thinkcurve.ways import check_ladder_fits, open_model


class Unit(msgspec.Struct, frozen=True):
    """One (model, problem, sample): what is thought once and answered at every budget."""

    session: Opened
    prompt: Prompt
    sample: int

    @property
    def key(self) -> tuple[str, str, int]:
        """What its records are kept by."""
        return (self.session.spec, self.prompt.problem.id, self.sample)


@dataclass(slots=True)
class Plan:
    """A study ready to be carried out: sessions open, prompts rendered, what there is of the run so far read."""

    study: Study
    run: Path
    sessions: Sequence[Opened]
    prompts: dict[str, list[Prompt]]
    state: State
    manifest: Manifest
    judge: Judge
    journal: Journal | None = None
    _stack: AsyncExitStack = field(default_factory=AsyncExitStack)

    def units(self) -> Iterator[Unit]:
        """Every unit of the study, model by model and sample by sample."""
        for session in self.sessions:
            for sample in range(self.study.samples):
                for prompt in self.prompts[session.spec]:
                    yield Unit(session, prompt, sample)

    def missing(self, unit: Unit) -> list[Budget]:
        """The budgets at which a unit has no attempt yet."""
        return self.state.missing(unit.key)

    @property
    def n_attempts(self) -> int:
        """How many attempts the finished run will have."""
        n_prompts = sum(len(prompts) for prompts in self.prompts.values())
        return n_prompts * self.study.samples * len(self.study.budgets)

    @property
    def n_missing(self) -> int:
        """How many attempts are still to be made."""
        return self.n_attempts - self.state.n_attempts

    @property
    def records(self) -> Records:
        """All records of the run so far, read from its directory: what a large run has does not fit in memory."""
        return read_records(self.run)

    def past(self) -> Iterator[Event]:
        """The events of the run so far, one by one."""
        return read_past(self.run)

    async def aclose(self) -> None:
        """Close the journal, the judge and every backend; closing twice is harmless."""
        await self._stack.aclose()


@dataclass(frozen=True, slots=True)
class Given:
    """Backends and tasks that a caller made, by the name the study calls them; the rest is found by entry point.

    A backend given here stays its maker's to close. ``data_dir`` holds local copies of data; without it
    ``THINKCURVE_DATA`` names them, and what neither has comes from its hub.
    """

    backends: Mapping[str, Backend] = field(default_factory=dict)
    tasks: Mapping[str, Task] = field(default_factory=dict)
    data_dir: Path | None = None


async def prepare(
    study: Study,
    run: Path,
    *,
    given: Given | None = None,
    warn: Warn = lambda _: None,
    is_dry: bool = False,
    agree: Callable[[Manifest], None] = lambda _: None,
) -> Plan:
    """A plan for the study in the directory ``run``, or one `UsageError`. Spends no token; a dry plan writes nothing.

    Where ``run`` already holds a run, the study is merged with the run's own: added budgets, samples, problems,
    tasks and models are continued, any other difference is refused. ``agree`` is shown the manifest before anything is
    written, and may refuse it.
    """
    given = given or Given()
    study = check_study(study)
    for spec in study.models:
        if spec not in given.backends:
            find_backend(spec)
    old = _old_manifest(run)
    study = merge(old.study, study) if old else study
    chosen = choose(study, given.tasks, given.data_dir)
    for choice in chosen:
        for doubt in doubts_of(choice.task):
            warn(f"task {choice.spec!r}: {doubt}")
    async with AsyncExitStack() as stack:
        journal = None if is_dry or old is None else _open_journal(stack, run)
        if journal is not None:
            _check_unchanged(run, old)
        sessions = [_open(stack, spec, study, given) for spec in study.models]
        prompts = {s.spec: [*_prompts(s, chosen)] for s in sessions}
        for session in sessions:
            check_ladder_fits(session, prompts[session.spec], study.budgets)
            check_known(study.max_usd, session.spec, session.backend.model, session.tariff)
            for note in session.backend.model.notes:
                warn(f"model {session.spec!r}: {note}")
        judge = await ready_judge([] if is_dry else chosen, study.sandbox)
        stack.push_async_callback(judge.aclose)
        manifest = _manifest(study, sessions, chosen, old, judge)
        agree(manifest)
        ids = (problem.id for choice in chosen for problem in choice.problems)
        state = State(study.models, ids, study.samples, study.budgets, is_separate=study.is_separate)
        stack.callback(state.close)
        has_new_prices = _read(run, warn, state, sessions, prompts) if old else False
        if not is_dry:
            _make_directory(run)
            if journal is None:
                journal = _open_journal(stack, run)
                _check_unchanged(run, old)
            write_manifest(run, manifest)
            write_questions(run, (question for choice in chosen for question in choice.questions()))
            if has_new_prices:
                _price_again(state, journal, sessions, warn)
        return Plan(study, run, sessions, prompts, state, manifest, judge, journal, stack.pop_all())


def _prompts(session: Opened, chosen: Sequence[Chosen]) -> Iterator[Prompt]:
    for choice in chosen:
        for problem, messages in zip(choice.problems, choice.messages, strict=True):
            yield session.prompt(problem, messages)


def _open_journal(stack: AsyncExitStack, run: Path) -> Journal:
    """The run's journal, locked: from here on no other process writes to the run."""
    restore_journal(run)
    journal = Journal(run)
    stack.callback(journal.close)
    return journal


def _open(stack: AsyncExitStack, spec: str, study: Study, given: Given) -> Opened:
    backend = given.backends.get(spec)
    if backend is None:
        backend = open_backend(spec, study.model_options.get(spec, {}), data_dir=given.data_dir)
        stack.push_async_callback(backend.aclose)
    return open_model(spec, backend, study)


def _old_manifest(run: Path) -> Manifest | None:
    """The manifest of the run that is to be gone on with, if there is one."""
    if manifest_path(run).exists():
        return read_manifest(run)
    if run.exists() and not run.is_dir():
        raise UsageError(f"{str(run)!r} is a file; -o needs a directory")
    return None


def _check_unchanged(run: Path, old: Manifest | None) -> None:
    """Once it is held: refuse a run that another process wrote to since its manifest was read."""
    if _old_manifest(run) != old:
        raise UsageError(f"run {str(run)!r} was written by another process just now; give the same command again")


def _make_directory(run: Path) -> None:
    try:
        run.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"cannot make directory {str(run)!r}: {error.strerror}") from error


def _manifest(
    study: Study, sessions: Sequence[Opened], chosen: Sequence[Chosen], old: Manifest | None, judge: Judge
) -> Manifest:
    models = tuple(
        ModelRecord(
            spec=s.spec,
            info=msgspec.to_builtins(s.backend.model),
            sampling=None if s.leaves_sampling else s.sampling,
            tariff=None if s.tariff == UNKNOWN else s.tariff,
        )
        for s in sessions
    )
    if old:
        _check_models(old.models, models)
        check_tasks(old.tasks, chosen, "give another directory with -o")
    return Manifest(
        schema=SCHEMA_VERSION,
        study=study,
        models=models,
        tasks=tuple(c.record for c in chosen),
        sittings=(*(old.sittings if old else ()), new_sitting(judge)),
        regrades=old.regrades if old else (),
    )


def _check_models(old: Sequence[ModelRecord], new: Sequence[ModelRecord]) -> None:
    known = {record.spec: record for record in old}
    for record in new:
        first = known.get(record.spec, record)
        for key, before, after in (
            ("fingerprint", first.info.get("fingerprint"), record.info.get("fingerprint")),
            ("thinking", _thinking(first), _thinking(record)),
            ("sampling", first.sampling or record.sampling, record.sampling),
        ):
            if before != after:
                raise UsageError(
                    f"model {record.spec!r} is not the one this run began with ({key} {before}, now {after}); "
                    "give another directory with -o"
                )


def _read(run: Path, warn: Warn, state: State, sessions: Sequence[Opened], prompts: dict[str, list[Prompt]]) -> bool:
    """What there is of a run, read once: prompts are checked to be the same, and units taken into ``state``.

    Whether an attempt may be priced otherwise than it would be now.
    """
    tariffs, has_new_prices = _tariffs(sessions), False
    asked = {(spec, p.problem.id): p for spec, group in prompts.items() for p in group}
    for event in read_past(run, warn):
        if isinstance(event, Trace):
            _check_prompt(event, asked.get((event.model, event.problem)))
        elif isinstance(event, Attempt):
            has_new_prices = has_new_prices or _usd(event, tariffs) != event.usd
        state.add(event)
    if n_lost := state.forget_untraced():
        warn(f"the traces of {n_lost:,} attempts are gone: these are made again")
    return has_new_prices


def _price_again(state: State, journal: Journal, sessions: Sequence[Opened], warn: Warn) -> None:
    """What each attempt costs alone is told by one tariff, the present one; what was paid for it stays."""
    tariffs, changed = _tariffs(sessions), 0
    compact_run(journal.run)
    for attempt in read_table(journal.run, Attempt):
        usd = _usd(attempt, tariffs)
        if usd != attempt.usd:
            priced = msgspec.structs.replace(attempt, usd=usd)
            state.add(priced)
            journal.append(priced, time.monotonic())
            changed += 1
    if changed:
        warn(f"prices have changed: what {changed:,} attempts cost alone is told by the new ones; usd_spent stays")


def _tariffs(sessions: Sequence[Opened]) -> dict[str, Tariff]:
    return {s.spec: s.tariff for s in sessions if s.tariff != UNKNOWN}


def _usd(attempt: Attempt, tariffs: Mapping[str, Tariff]) -> float | None:
    """What an attempt costs alone by the present tariff; what it says itself where its model has none."""
    tariff = tariffs.get(attempt.model)
    if tariff is None:
        return attempt.usd
    return tariff.usd(
        prompt=attempt.prompt_tokens, generated=attempt.generated_tokens, thinking=attempt.thinking_tokens
    )


def _thinking(record: ModelRecord) -> ThinkingFormat | None:
    """How a model thinks, without where that is documented: what a run asked it depends on no more."""
    found = record.info.get("thinking")
    return found and msgspec.convert({**found, "source": ""}, ThinkingFormat)


def _check_prompt(trace: Trace, prompt: Prompt | None) -> None:
    if prompt is not None and trace.prompt_digest != prompt.at(trace.budget).digest:
        raise UsageError(
            f"the prompt of {trace.problem} for model {trace.model!r} is not the one this run began with; "
            "give another directory with -o"
        )
