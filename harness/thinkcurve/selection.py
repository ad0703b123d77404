"""The problems that a study takes of its tasks and how it asks them, and the record of a sitting over them.

Both who generates answers (``plan``) and who judges stored ones again (``regrade``) choose and check here.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from thinkcurve.errors import UsageError
from thinkcurve.plugins import accepts, load_task, split_task
from thinkcurve.problem import Message, Problem, digest, fingerprint
from thinkcurve.provenance import git_commit, hardware, now, versions
from thinkcurve.questions import Question, question_of
from thinkcurve.store import Manifest, Sitting, TaskRecord
from thinkcurve.study import Study
from thinkcurve.subset import select
from thinkcurve.task import Task, card_of
from thinkcurve.verify.judge import Judge

MAX_WORKERS = 8
"""Processes of one kind that judge at the same time; more would only be memory."""
DATA_VARIABLE = "THINKCURVE_DATA"
"""The environment variable that names the directory of local copies, where ``data_dir`` is not given."""


@dataclass(frozen=True, slots=True)
class Chosen:
    """A task with the problems of it that the study takes, and the messages that ask each of them."""

    spec: str
    task: Task
    problems: Sequence[Problem]
    messages: Sequence[tuple[Message, ...]]
    is_chat: bool = True

    @property
    def record(self) -> TaskRecord:
        """What the manifest says of it."""
        card = card_of(self.task)
        return TaskRecord(
            name=self.task.name,
            version=self.task.version,
            n_problems=len(self.problems),
            fingerprint=fingerprint(self.problems),
            spec=self.spec,
            prompt=card.prompt,
            prompt_fingerprint=self.prompt_fingerprint(len(self.problems)),
            example=() if card.is_private else self.messages[0],
            source=card.source,
            revision=card.revision,
            licence=card.licence,
        )

    def questions(self) -> Iterator[Question]:
        """What a table of the run's problems says of each."""
        is_private = card_of(self.task).is_private
        return (question_of(problem, is_private=is_private) for problem in self.problems)

    def prompt_fingerprint(self, n: int) -> str:
        """16 hex digits over all that the first ``n`` problems ask a model, and how."""
        asked = zip(self.problems[:n], self.messages, strict=False)
        parts = (msgspec.json.encode([m, p.stop, p.answer_prefix, p.level, p.group]) for p, m in asked)
        return digest([b"chat" if self.is_chat else b"text", *parts])


def choose(study: Study, given: Mapping[str, Task] | None = None, data_dir: Path | None = None) -> list[Chosen]:
    """Every task of a study with the problems that it takes, or a `UsageError` where they are not fit to be run.

    ``given`` are task objects of a caller's own by the name that the study calls them.
    """
    chosen = [choose_of(spec, study, given or {}, data_dir) for spec in study.tasks]
    names: dict[str, str] = {}
    for choice in chosen:
        name = choice.task.name
        if name in names:
            raise UsageError(f"tasks {names[name]!r} and {choice.spec!r} are both called {name!r}; rename one")
        names[name] = choice.spec
    return chosen


def choose_of(spec: str, study: Study, given: Mapping[str, Task], data_dir: Path | None = None) -> Chosen:
    """One task of a study with the problems that it takes."""
    options = study.task_options.get(spec, {})
    if spec in given:
        if options:
            raise UsageError(f"task {spec!r} is an object of your own; task_options cannot change it")
        task, has_system = given[spec], False
    else:
        place = data_dir or data_directory()
        offered = {"data_dir": place, "chat": study.chat_template, "system": study.system}
        task, has_system = load_task(spec, options, **offered), accepts(spec, "system")
    if task.name != spec and (spec in given or not split_task(spec)[1]):
        raise UsageError(f"task {spec!r} calls itself {task.name!r}; the names must agree")
    problems = select(task.problems(), study, f"task {spec!r}")
    _check_problems(spec, task, problems)
    system = () if has_system or not study.system else (Message("system", study.system),)
    return Chosen(spec, task, problems, [_asked(task, p, system) for p in problems], study.chat_template)


def data_directory() -> Path | None:
    """The directory of local copies that the environment names."""
    named = os.environ.get(DATA_VARIABLE, "")
    return Path(named) if named else None


def _asked(task: Task, problem: Problem, system: tuple[Message, ...]) -> tuple[Message, ...]:
    messages = tuple(task.prompt(problem))
    if system and messages and messages[0].role == "system":
        return system + messages[1:]
    return system + messages


def _check_problems(spec: str, task: Task, problems: Sequence[Problem]) -> None:
    seen: set[str] = set()
    for problem in problems:
        if problem.task != task.name:
            raise UsageError(f"task {spec!r} calls itself {problem.task!r} in {problem.id}; the names must agree")
        if problem.id in seen:
            raise UsageError(f"task {spec!r} has two problems with the id {problem.id!r}")
        seen.add(problem.id)


def chosen_again(
    manifest: Manifest, given: Mapping[str, Task] | None = None, data_dir: Path | None = None
) -> list[Chosen]:
    """The tasks of a run with the problems that it was made with, not checked to be the same ones."""
    found = []
    for record in manifest.tasks:
        study = msgspec.structs.replace(manifest.study, limit=record.n_problems)
        found.append(choose_of(record.spec or record.name, study, given or {}, data_dir))
    return found


def check_tasks(old: Sequence[TaskRecord], chosen: Sequence[Chosen], advice: str, *, asks: bool = True) -> None:
    """Refuse problems that are not those a run began with; ``advice`` says what to do then.

    With ``asks`` the prompts have to be the same too: whoever only judges answers need not care.
    """
    known = {record.name: record for record in old}
    for choice in chosen:
        before = known.get(choice.task.name)
        if before is None:
            continue
        if fingerprint(choice.problems[: before.n_problems]) != before.fingerprint:
            raise UsageError(
                f"task {choice.task.name!r} has other problems than this run began with "
                f"(version {before.version}, now {choice.task.version}); {advice}"
            )
        if asks and before.version != choice.task.version:
            raise UsageError(
                f"task {choice.task.name!r} is of version {choice.task.version!r} now, and this run began with "
                f"{before.version!r}, which may judge otherwise; {advice}"
            )
        is_asked_otherwise = before.prompt_fingerprint not in ("", choice.prompt_fingerprint(before.n_problems))
        if asks and is_asked_otherwise:
            raise UsageError(
                f"task {choice.task.name!r} asks its problems otherwise than this run began with "
                f"(prompt, level or group); {advice}"
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
