"""The stored answers of a run judged again: no model, no token, only verdicts.

What is judged otherwise now is appended to the journal as a new event of the same attempt, so the last word wins,
a kill midway loses nothing, and the old verdicts stay readable in the journal. Tokens, times and costs of the model
are never touched. Where our own machinery fails this time, the earlier verdict stands.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, aclosing
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from thinkcurve.answers import judged
from thinkcurve.budget import ThinkingFormat, with_think_tags
from thinkcurve.errors import UsageError
from thinkcurve.merge import compact_run
from thinkcurve.problem import REFUSAL, Judgement, Reference, Verdict
from thinkcurve.selection import Chosen, check_tasks, chosen_again, new_sitting
from thinkcurve.store import (
    Attempt,
    Journal,
    Manifest,
    Records,
    Warn,
    has_journal,
    read_manifest,
    write_manifest,
)
from thinkcurve.tables import attempts_path, read_records, restore_journal, row_order
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


@dataclass(slots=True)
class Regrade:
    """What came of judging a run again: its records before and after.

    ``kept`` counts, by reason, the attempts whose earlier verdict stands because none came about now.
    """

    manifest: Manifest
    before: Records
    after: Records
    n_judged: int = 0
    kept: Counter[str] = field(default_factory=Counter)

    @property
    def changes(self) -> list[Change]:
        """What changed, in the order of the tables; another rung to the same end is no change."""
        return [
            Change(old.model, old.problem, old.sample, old.budget, reading_of(old), reading_of(new))
            for old, new in self._pairs()
            if _outcome(old) != _outcome(new)
        ]

    @property
    def n_other_rung(self) -> int:
        """How many attempts only took another way to what they were before."""
        return sum(old.rung != new.rung and _outcome(old) == _outcome(new) for old, new in self._pairs())

    def _pairs(self) -> Iterator[tuple[Attempt, Attempt]]:
        for old in sorted(self.before.attempts.values(), key=row_order):
            yield old, self.after.attempts[old.key]


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
        manifest, records = read_manifest(run), read_records(run, warn)
        groups = _groups(manifest, records, chosen)
        if journal is not None:
            sitting = new_sitting(judge)
            manifest = msgspec.structs.replace(manifest, regrades=(*manifest.regrades, sitting))
            write_manifest(run, manifest)
        found = Regrade(manifest, records, _copy(records))
        await _judge_groups(found, groups, judge, journal, listener)
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
    """The same answer to the same problem: judged once, however many budgets and samples gave it."""

    reference: Reference
    answer: str
    attempts: list[Attempt]


def _groups(manifest: Manifest, records: Records, chosen: Sequence[Chosen]) -> list[_Group]:
    formats = {m.spec: msgspec.convert(m.info.get("thinking"), ThinkingFormat | None) for m in manifest.models}
    references = {problem.id: problem.reference for choice in chosen for problem in choice.problems}
    groups: dict[tuple[str, str], _Group] = {}
    for attempt in records.attempts.values():
        if attempt.problem not in references:
            raise UsageError(f"the run holds an answer to {attempt.problem}, which its tasks do not have")
        if attempt.reason == REFUSAL:
            continue  # its provider said that the model declined; no text can say otherwise
        answer = with_think_tags(attempt.answer, formats.get(attempt.model))
        group = groups.setdefault((attempt.problem, answer), _Group(references[attempt.problem], answer, []))
        group.attempts.append(attempt)
    return list(groups.values())


def _copy(records: Records) -> Records:
    copy = Records()
    copy.traces, copy.attempts, copy.failures = records.traces, dict(records.attempts), records.failures
    return copy


async def _judge_groups(
    found: Regrade, groups: Sequence[_Group], judge: Judge, journal: Journal | None, listener: Listener
) -> None:
    """Judge each group once; what is another attempt now is written the moment it is known."""
    items = ((group.reference, group.answer) for group in groups)
    async with aclosing(judged(judge, items)) as judgements:
        waiting = iter(groups)
        async for judgement in judgements:
            for attempt in next(waiting).attempts:
                if is_kept(attempt, judgement):
                    found.kept[judgement.reason] += 1
                    continue
                for new in _regraded(attempt, judgement):
                    found.after.attempts[new.key] = new
                    if journal is not None:
                        journal.append(new, time.monotonic())
            found.n_judged += 1
            listener(found.n_judged, len(groups))


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
