"""The problems that a study takes of its tasks, and the record of a sitting over them.

Both who generates answers (``plan``) and who judges stored ones again (``regrade``) choose and check here.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass

from thinkcurve.errors import UsageError
from thinkcurve.problem import Custom, Problem, fingerprint
from thinkcurve.provenance import git_commit, hardware, now, versions
from thinkcurve.store import Sitting, TaskRecord
from thinkcurve.task import Task
from thinkcurve.verify.judge import Judge

MAX_WORKERS = 8
"""Processes of one kind that judge at the same time; more would only be memory."""


@dataclass(frozen=True, slots=True)
class Chosen:
    """A task with the problems of it that the study takes."""

    task: Task
    problems: Sequence[Problem]

    @property
    def record(self) -> TaskRecord:
        """What the manifest says of it."""
        return TaskRecord(self.task.name, self.task.version, len(self.problems), fingerprint(self.problems))


def choose(task: Task, name: str, limit: int | None) -> Chosen:
    """The first ``limit`` problems of a task, or a `UsageError` where they are not fit to be run."""
    problems = task.problems()
    problems = problems if limit is None else problems[:limit]
    if not problems:
        raise UsageError(f"task {name!r} has no problems")
    seen: set[str] = set()
    for problem in problems:
        if problem.task != name or task.name != name:
            raise UsageError(f"task {name!r} calls itself {problem.task!r} in {problem.id}; the names must agree")
        if problem.id in seen:
            raise UsageError(f"task {name!r} has two problems with the id {problem.id!r}")
        if isinstance(problem.reference, Custom):
            raise UsageError(
                f"no verifier can judge {problem.id}: its reference asks for {problem.reference.verifier!r}"
            )
        seen.add(problem.id)
    return Chosen(task, problems)


def check_tasks(old: Sequence[TaskRecord], chosen: Sequence[Chosen], advice: str) -> None:
    """Refuse problems that are not those a run began with; ``advice`` says what to do then."""
    known = {record.name: record for record in old}
    for choice in chosen:
        before = known.get(choice.task.name)
        if before and fingerprint(choice.problems[: before.n_problems]) != before.fingerprint:
            raise UsageError(
                f"task {choice.task.name!r} has other problems than this run began with "
                f"(version {before.version}, now {choice.task.version}); {advice}"
            )


async def ready_judge(chosen: Sequence[Chosen], sandbox: str) -> Judge:
    """A judge for these problems, its sandbox tried where one of them holds code; close it with ``aclose``.

    Raises ``SandboxRefused`` where this machine isolates code answers less than the level ``sandbox`` asks.
    """
    judge = Judge(workers=min(os.cpu_count() or 1, MAX_WORKERS), sandbox=sandbox)
    await judge.prepare(problem.reference for choice in chosen for problem in choice.problems)
    return judge


def new_sitting(judge: Judge) -> Sitting:
    """Where and with what a run is worked on from now on."""
    return Sitting(
        started=now(),
        versions=versions(),
        hardware=hardware(),
        verifier=judge.describe(),
        git_commit=git_commit(),
    )
