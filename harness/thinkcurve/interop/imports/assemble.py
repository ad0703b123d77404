"""One run made of logs: several files at different budgets become one curve, and what does not fit is refused."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from thinkcurve.budget import Budget, Control, budget_key, format_budget
from thinkcurve.errors import UsageError
from thinkcurve.interop.imports.conditions import check_alike, prompt_print, remarks, told_of
from thinkcurve.interop.imports.item import Item, Kept, Log, Setting
from thinkcurve.interop.imports.rows import (
    attempt_of,
    check_named,
    control_of,
    failure_of,
    problem_of,
    question_of,
    setting_of,
    trace_of,
)
from thinkcurve.interop.imports.settings import checked, one_control
from thinkcurve.problem import Verdict, digest
from thinkcurve.provenance import now, versions
from thinkcurve.questions import Question
from thinkcurve.store import (
    SCHEMA_VERSION,
    Attempt,
    AttemptKey,
    Failure,
    Manifest,
    ModelRecord,
    Records,
    Sitting,
    TaskRecord,
)
from thinkcurve.study import Study


@dataclass(slots=True)
class Imported:
    """A run in memory: what will be written, and what a user should hear of it."""

    manifest: Manifest
    records: Records
    questions: list[Question]
    notes: list[str] = field(default_factory=list)


def assemble(logs: Sequence[Log], *, model: str | None = None, more_samples: bool = False) -> Imported:
    """One run of some logs, each with its setting. ``model`` renames the one model that they are of.

    With ``more_samples`` answers that two files give to one problem at one budget become further samples; else they are
    refused, as they may be of two budgets that nobody told. Raises `UsageError` too where the logs are of two versions
    of a task, of different questions under one name, or mix kinds of budgets.
    """
    logs = _named(logs, model)
    control = one_control((log.file, checked(setting, log.file)) for log in logs for setting in _settings(log))
    records, places = Records(), _Places(more_samples)
    questions: dict[str, tuple[Question, str]] = {}
    for log in logs:
        for item in log.items:
            _add(records, places, log, item)
            _ask(questions, log, item)
        for failure in log.origin.failures if log.origin else ():
            check_named(failure, log.file)
            records.add(msgspec.structs.replace(failure, model=log.model))
    found = [question for question, _ in questions.values()]
    notes = [note for log in logs for note in log.notes]
    manifest = _manifest(logs, records, found, control)
    return Imported(manifest, records, found, [*dict.fromkeys(notes), *remarks(logs), *_uneven(records)])


class _Places:
    """Which answer stands at which place, so that a second one is refused or becomes a further sample."""

    def __init__(self, more_samples: bool) -> None:
        self._more_samples = more_samples
        self._taken: dict[AttemptKey, str] = {}
        self._shifts: dict[tuple[str, str, Budget, str], int] = {}
        self._most: dict[tuple[str, str, Budget], int] = {}

    def sample(self, key: AttemptKey, file: str, where: str) -> int:
        """The number of the sample that an answer becomes."""
        model, problem, sample, budget = key
        unit = (model, problem, budget)
        if self._more_samples:
            shift = self._shifts.setdefault((*unit, file), self._most.get(unit, -1) + 1)
            sample += shift
        taken = self._taken.setdefault((model, problem, sample, budget), where)
        if taken != where:
            raise UsageError(
                f"{taken} and {where} both answer {problem} (sample {sample}, budget {format_budget(budget)}); say "
                "their budgets with --budgets, or take them for further samples with --more-samples"
            )
        self._most[unit] = max(self._most.get(unit, -1), sample)
        return sample


def _named(logs: Sequence[Log], model: str | None) -> list[Log]:
    """The logs under the name that a user gives their model; every log must have one."""
    names = list(dict.fromkeys(log.model for log in logs))
    if model is not None and len(names) > 1:
        raise UsageError(f"--model would make one model of {', '.join(names)}; import them into runs of their own")
    for log in logs:
        if not (model or log.model):
            raise UsageError(f"{log.file} does not say which model it is of; name it with --model")
    return [log if model is None else msgspec.structs.replace(log, model=model) for log in logs]


def _settings(log: Log) -> Iterator[Setting]:
    for item in log.items:
        yield setting_of(log, item)
    for failure in log.origin.failures if log.origin else ():
        yield Setting(control_of(failure.control, log.file), failure.budget)


def _add(records: Records, places: _Places, log: Log, item: Item | Kept) -> None:
    if isinstance(item, Kept):
        check_named(item.attempt, item.where)
        attempt = msgspec.structs.replace(item.attempt, model=log.model)
        sample = places.sample(attempt.key, log.file, item.where)
        records.add(msgspec.structs.replace(attempt, sample=sample))
        return
    setting = setting_of(log, item)
    key = (log.model, problem_of(log, item)[0], item.sample, setting.budget)
    item = msgspec.structs.replace(item, sample=places.sample(key, log.file, item.where), setting=setting)
    if item.error is not None:
        records.add(failure_of(log, item))
        return
    trace = trace_of(log, item)
    if trace is not None:
        records.add(trace)
    records.add(attempt_of(log, item))


def _ask(questions: dict[str, tuple[Question, str]], log: Log, item: Item | Kept) -> None:
    """Keep the question of an item, where it has one; another one under the same name is refused."""
    question = question_of(log, item)
    if question is None:
        return
    before, where = questions.setdefault(question.problem, (question, item.where))
    if before.fingerprint != question.fingerprint:
        raise UsageError(f"{question.problem} is another question in {item.where} than in {where}")


def _manifest(logs: Sequence[Log], records: Records, questions: Sequence[Question], control: Control) -> Manifest:
    rows: list[Attempt | Failure] = [*records.attempts.values(), *records.failures.values()]
    origins = {log.file: log.origin for log in logs if log.origin}
    first = next(iter(origins.values()), None)
    problems = {name: {row.problem for row in rows if row.task == name} for name in {row.task for row in rows}}
    tasks = tuple(_task(name, group, questions, len(problems[name])) for name, group in _by(rows, logs))
    study = Study() if first is None else first.study
    study = msgspec.structs.replace(
        study,
        **told_of(logs) if first is None else {},
        models=tuple(dict.fromkeys(log.model for log in logs)),
        tasks=tuple(record.spec or record.name for record in tasks),
        budgets=tuple(sorted({row.budget for row in rows}, key=budget_key)),
        control=control,
        samples=1 + max((row.sample for row in rows), default=0),
        model_options={} if first is None else first.study.model_options,
    )
    return Manifest(
        schema=SCHEMA_VERSION,
        study=study,
        models=tuple(_model(name, [log for log in logs if log.model == name]) for name in study.models),
        tasks=tasks,
        sittings=first.sittings if first and first.sittings else tuple(_sittings(logs)),
        finished=_finished(logs),
        regrades=first.regrades if first else (),
    )


def _finished(logs: Sequence[Log]) -> str | None:
    """When the last of the logs was made; ``None`` where one of them, or the run that it was exported from, is not
    whole."""
    if not all(log.is_whole and (log.origin is None or log.origin.finished) for log in logs):
        return None
    times = [log.origin.finished if log.origin else log.made for log in logs]
    return max(filter(None, times), default=None) or now()


def _model(name: str, logs: Sequence[Log]) -> ModelRecord:
    """The record of a model: that of the exported run, or what its logs say."""
    for log in logs:
        for record in log.origin.models if log.origin else ():
            return msgspec.structs.replace(record, spec=name)
    tools = ", ".join(dict.fromkeys(log.tool for log in logs))
    info = {"name": name, "engine": f"imported from {tools}"}
    templates = [*dict.fromkeys(log.template for log in logs if log.template)]
    return ModelRecord(spec=name, info={**info, "chat_template": templates[0]} if len(templates) == 1 else info)


def _by(rows: Iterable[Attempt | Failure], logs: Sequence[Log]) -> Iterator[tuple[str, list[Log]]]:
    """The tasks that have rows, in the order of the logs, each with its logs."""
    present = {row.task for row in rows}
    named: dict[str, list[Log]] = {}
    for log in logs:
        tasks = {item.attempt.task if isinstance(item, Kept) else log.task for item in log.items}
        tasks |= {failure.task for failure in (log.origin.failures if log.origin else ())}
        for task in sorted(tasks & present):
            named.setdefault(task, []).append(log)
    yield from named.items()


def _task(name: str, logs: Sequence[Log], questions: Sequence[Question], n_problems: int) -> TaskRecord:
    """The record of a task: that of the exported run, or what its logs say."""
    kept = [record for log in logs for record in (log.origin.tasks if log.origin else ()) if record.name == name]
    told = [f"{record.version} {record.fingerprint}" for record in kept] or [log.version for log in logs]
    if len(set(told)) > 1:
        versions_told = ", ".join(dict.fromkeys(told))
        raise UsageError(
            f"the files are of several versions of {name!r} ({versions_told}); import each as a run of its own"
        )
    if kept:
        return _without_answers(kept[0], logs)
    check_alike(name, logs)
    asked = sorted((q for q in questions if q.task == name), key=lambda q: (q.index, q.problem))
    is_told = len(asked) == n_problems
    return TaskRecord(
        name=name,
        version=logs[0].version,
        n_problems=n_problems,
        fingerprint=digest(f"{q.problem}:{q.fingerprint}".encode() for q in asked) if is_told else "",
        spec=name,
        prompt=next((log.prompt for log in logs if log.prompt), ""),
        prompt_fingerprint=prompt_print(logs),
        source=next((log.source for log in logs if log.source), ""),
    )


def _without_answers(record: TaskRecord, logs: Sequence[Log]) -> TaskRecord:
    """The record of a task whose answers were left out of an export cannot be loaded by its spec: judging again would
    find every answer missing."""
    attempts = [item.attempt for log in logs for item in log.items if isinstance(item, Kept)]
    is_empty = any(
        attempt.verdict is Verdict.CORRECT and not attempt.answer for attempt in attempts if attempt.task == record.name
    )
    return msgspec.structs.replace(record, spec=f"imported:{record.name}") if is_empty else record


def _sittings(logs: Sequence[Log]) -> Iterator[Sitting]:
    """A sitting for each file: when it was made, by what tool, and who judged."""
    seen: set[Mapping[str, Any] | tuple[str, ...]] = set()
    for log in logs:
        key = (log.file, log.made or "")
        if key in seen:
            continue
        seen.add(key)
        tool, _, version = log.tool.partition(" ")
        verifier = {
            "scored by": f"{log.tool}: {log.scorer}",
            "imported from": Path(log.file).name,
            "imported by": f"thinkcurve {versions()['thinkcurve']}",
        }
        yield Sitting(log.made or now(), {tool: version or "unknown"}, {}, verifier, None)


def _uneven(records: Records) -> Iterator[str]:
    """A line for each curve whose budgets have not the same problems: its points are not of one set."""
    asked: dict[tuple[str, str], dict[Budget, set[str]]] = {}
    rows: list[Attempt | Failure] = [*records.attempts.values(), *records.failures.values()]
    for row in rows:
        asked.setdefault((row.model, row.task), {}).setdefault(row.budget, set()).add(row.problem)
    for (model, task), by_budget in asked.items():
        if len({frozenset(problems) for problems in by_budget.values()}) > 1:
            counts = ", ".join(
                f"{len(by_budget[budget]):,} at {format_budget(budget)}" for budget in sorted(by_budget, key=budget_key)
            )
            yield f"{model} on {task}: the budgets are of different problems ({counts})"
