"""The stored answers of a run judged again: no model, no token, only verdicts.

What is judged otherwise now is appended to the journal as a new event of the same attempt, so the last word wins,
a kill midway loses nothing, and the old verdicts stay readable in the journal. Tokens, times and costs of the model
are never touched. Where our own machinery fails this time, the earlier verdict stands.

The run is gone through problem by problem (`thinkcurve.merge.Problems`) and never held in memory; what changed is.
"""

from __future__ import annotations

import time
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, aclosing
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from thinkcurve.answers import judged
from thinkcurve.budget import ThinkingFormat, budget_key, with_think_tags
from thinkcurve.errors import UsageError
from thinkcurve.merge import Problems, compact_run
from thinkcurve.problem import REFUSAL, Judgement, Reference, Verdict
from thinkcurve.selection import Chosen, check_tasks, chosen_again, new_sitting
from thinkcurve.store import (
    Attempt,
    Journal,
    Manifest,
    Warn,
    has_journal,
    read_manifest,
    write_manifest,
)
from thinkcurve.tables import attempts_path, by_model, read_past, restore_journal
from thinkcurve.tally import Cell, Tally, cell_of, drawn_of
from thinkcurve.task import Task
from thinkcurve.verify.judge import Judge

GAVE_UP = frozenset({"sandbox", "worker", "timeout", "memory"})
"""Reasons of ``unverified`` that lie with the machine of this moment, not with the answer or the rules."""


class Reading(msgspec.Struct, frozen=True):
    """What a verdict rests on: the fields of an attempt that judging decides."""

    verdict: Verdict
    reason: str
    rung: str
    extracted: str | None


class Change(msgspec.Struct, frozen=True):
    """An attempt whose verdict, reason or extracted answer is another now."""

    model: str
    problem: str
    sample: int
    budget: int | None
    before: Reading
    after: Reading


class Moved(msgspec.Struct, frozen=True):
    """A point whose accuracy is another now, as shares of 1."""

    model: str
    task: str
    control: str
    budget: int | None
    before: float
    after: float


@dataclass(slots=True)
class Regrade:
    """What came of judging a run again: ``changes`` in the order of the tables, and counts of all else.

    Another rung to the same end (``n_other_rung``) is no change. ``n_judged`` counts different answers to a problem,
    ``kept``, by reason, the attempts whose earlier verdict stands because none came about now. ``before`` and ``after``
    count all attempts.
    """

    manifest: Manifest
    changes: list[Change] = field(default_factory=list)
    n_judged: int = 0
    n_other_rung: int = 0
    kept: Counter[str] = field(default_factory=Counter)
    before: Tally = field(default_factory=Tally)
    after: Tally = field(default_factory=Tally)

    @property
    def n_attempts(self) -> int:
        """How many attempts the run has."""
        return self.before.verdicts.total()

    @property
    def moved(self) -> list[Moved]:
        """The points whose accuracy is another now, in the order of the study."""
        accuracies = ((cell, self.before.accuracy(cell), self.after.accuracy(cell)) for cell in self.before.cells)
        found = [Moved(*cell, float(old), float(new)) for cell, old, new in accuracies if old != new]
        models = [record.spec for record in self.manifest.models]
        tasks = [record.name for record in self.manifest.tasks]
        return sorted(
            found, key=lambda m: (models.index(m.model), tasks.index(m.task), m.control, budget_key(m.budget))
        )


def reading_of(attempt: Attempt) -> Reading:
    """The judged part of an attempt."""
    return Reading(attempt.verdict, attempt.reason, attempt.rung, attempt.extracted)


def _outcome(attempt: Attempt) -> tuple[Verdict, str, str | None]:
    return (attempt.verdict, attempt.reason, attempt.extracted)


Listener = Callable[[int, int], None]
"""Told how many answers are judged, of how many."""


async def regrade(
    run: Path,
    judge: Judge,
    *,
    tasks: Mapping[str, Task] | None = None,
    data_dir: Path | None = None,
    is_dry: bool = False,
    listener: Listener = lambda _, __: None,
    warn: Warn = lambda _: None,
) -> Regrade:
    """Judge every stored answer of ``run`` again and record what changed; a dry regrade writes nothing.

    Raises `UsageError` where the run's problems are not to be had as they were, or another process writes to it.
    ``tasks`` are objects of your own by name; the rest is found by entry point.
    """
    chosen = _chosen(read_manifest(run), tasks or {}, data_dir)
    if not (has_journal(run) or attempts_path(run).exists()):
        raise UsageError(f"run {str(run)!r} has no graded attempt yet")
    await judge.prepare(problem.reference for choice in chosen for problem in choice.problems)
    with ExitStack() as stack:
        journal = None if is_dry else _open_journal(stack, run)
        found = Regrade(read_manifest(run))
        with Problems(read_past(run, warn), None if is_dry else run) as problems:
            answers = _Answers(found.manifest, problems, chosen)
            total = answers.count(found.before)
            found.after = found.before.copy()
            if journal is not None:
                sitting = new_sitting(judge)
                found.manifest = msgspec.structs.replace(found.manifest, regrades=(*found.manifest.regrades, sitting))
                write_manifest(run, found.manifest)
            await _judge_groups(found, answers.groups(), total, judge, journal, listener)
        if journal is not None:
            journal.sync()
            compact_run(run)
    return found


def _open_journal(stack: ExitStack, run: Path) -> Journal:
    restore_journal(run)
    journal = Journal(run)
    stack.callback(journal.close)
    return journal


def _chosen(manifest: Manifest, tasks: Mapping[str, Task], data_dir: Path | None) -> list[Chosen]:
    """The problems that the run was made with, checked to be the same ones."""
    chosen = chosen_again(manifest, tasks, data_dir)
    check_tasks(manifest.tasks, chosen, "its answers can only be judged by the problems they were given to", asks=False)
    return chosen


@dataclass(frozen=True, slots=True)
class _Group:
    """The same answer to the same problem: judged once, however many budgets and samples of whatever model gave it.

    ``drawn`` is how many samples the problem has of each point.
    """

    reference: Reference
    answer: str
    attempts: list[Attempt]
    drawn: Mapping[Cell, int]


class _Answers:
    """The stored answers of a run, as often as they are gone through."""

    def __init__(self, manifest: Manifest, problems: Iterable[list[Attempt]], chosen: Sequence[Chosen]) -> None:
        self._problems = problems
        self._references = {problem.id: problem.reference for choice in chosen for problem in choice.problems}
        self._formats = {
            m.spec: msgspec.convert(m.info.get("thinking"), ThinkingFormat | None) for m in manifest.models
        }

    def count(self, tally: Tally) -> int:
        """How many different answers there are; all attempts are counted by ``tally``."""
        n = 0
        for attempts in self._problems:
            tally.add(attempts)
            n += sum(1 for _ in self._groups(attempts))
        return n

    def groups(self) -> Iterator[_Group]:
        """The different answers, problem by problem."""
        for attempts in self._problems:
            yield from self._groups(attempts)

    def _groups(self, attempts: Sequence[Attempt]) -> Iterator[_Group]:
        problem, drawn = attempts[0].problem, drawn_of(attempts)
        if problem not in self._references:
            raise UsageError(f"the run holds an answer to {problem}, which its tasks do not have")
        groups: dict[str, _Group] = {}
        for attempt in attempts:
            if attempt.reason == REFUSAL:
                continue  # its provider said that the model declined; no text can say otherwise
            answer = with_think_tags(attempt.answer, self._formats.get(attempt.model))
            group = groups.setdefault(answer, _Group(self._references[problem], answer, [], drawn))
            group.attempts.append(attempt)
        yield from groups.values()


async def _judge_groups(
    found: Regrade, groups: Iterable[_Group], total: int, judge: Judge, journal: Journal | None, listener: Listener
) -> None:
    """Judge each group once; what is another attempt now is written the moment it is known."""
    waiting = deque[_Group]()

    def items() -> Iterator[tuple[Reference, str]]:
        for group in groups:
            waiting.append(group)
            yield group.reference, group.answer

    async with aclosing(judged(judge, items())) as judgements:
        async for judgement in judgements:
            group = waiting.popleft()
            for attempt in group.attempts:
                if is_kept(attempt, judgement):
                    found.kept[judgement.reason] += 1
                    continue
                for new in _regraded(attempt, judgement):
                    _count(found, attempt, new, group.drawn)
                    if journal is not None:
                        journal.append(new, time.monotonic())
            found.n_judged += 1
            listener(found.n_judged, total)
    found.changes.sort(key=lambda change: by_model(change.model, change.problem, change.sample, change.budget))


def _count(found: Regrade, old: Attempt, new: Attempt, drawn: Mapping[Cell, int]) -> None:
    found.after.change(old, new, drawn[cell_of(old)])
    if _outcome(old) == _outcome(new):
        found.n_other_rung += 1
        return
    found.changes.append(Change(old.model, old.problem, old.sample, old.budget, reading_of(old), reading_of(new)))


def is_kept(attempt: Attempt, judgement: Judgement) -> bool:
    """Whether the earlier verdict stands because the machinery gave up this time."""
    gave_up = judgement.verdict is Verdict.UNVERIFIED and judgement.reason in GAVE_UP
    return gave_up and attempt.verdict is not Verdict.UNVERIFIED


def _regraded(attempt: Attempt, judgement: Judgement) -> Iterator[Attempt]:
    """The attempt with its new reading, where that is not the one it has."""
    new = Reading(judgement.verdict, judgement.reason, judgement.rung, judgement.extracted)
    if new != reading_of(attempt):
        cpu_s = 0.0 if attempt.is_shared_answer else judgement.cpu_s
        yield msgspec.structs.replace(attempt, **msgspec.structs.asdict(new), verify_cpu_s=cpu_s)
