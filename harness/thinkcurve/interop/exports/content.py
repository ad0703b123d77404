"""What is exported: a run's curves, with the attempts behind each point and the problems they answer.

Accuracies, intervals and costs are those of the run's curves, the very numbers that ``thinkcurve show --json`` prints.
What the authors of a task ask not to show is left out here, for every format alike: the question, the gold, and what
the model wrote, which may repeat both.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path

import msgspec

from thinkcurve.analysis.curve import Curve, Point
from thinkcurve.interop.exports.rows import HeldRows, Rows, Wanted, stored_rows
from thinkcurve.questions import Question, read_questions
from thinkcurve.run import Run, load_run
from thinkcurve.store import Attempt, Failure, ModelRecord, TaskRecord, Warn, manifest_path
from thinkcurve.tally import Cell


class Wishes(msgspec.Struct, frozen=True):
    """What only the user knows of an export.

    ``model_ids`` holds the id on the Hugging Face hub of a model spec, ``benchmarks`` the hub's data set of a task, as
    ``OWNER/NAME`` or ``OWNER/NAME#TASK_ID``. ``organization`` is who ran it, ``relationship`` how they stand to the
    model's makers (`RELATIONSHIPS`). ``metric`` and ``filter`` are what lm-eval's files call the verdict.
    """

    model_ids: Mapping[str, str] = {}
    benchmarks: Mapping[str, str] = {}
    organization: str = "unknown"
    relationship: str = "other"
    metric: str = "acc"
    filter: str = "none"


RELATIONSHIPS = ("first_party", "third_party", "collaborative", "other")
"""The words of Every Eval Ever's ``evaluator_relationship``."""


class Written(msgspec.Struct, frozen=True):
    """What an export wrote: its files, and what it left out and why, a sentence each."""

    format: str
    files: tuple[str, ...]
    points: int
    attempts: int
    left_out: tuple[str, ...] = ()


@dataclass(frozen=True)
class Content:
    """A run made ready to be exported: of ``stored`` rows, or else of the run's records."""

    run: Run
    stored: Rows | None = None

    @classmethod
    def load(cls, path: str | Path, warn: Warn = lambda _: None) -> Content:
        """The run in a directory, of which no more is held than need be. Raises `UsageError` as `load_run` does."""
        run = load_run(path, warn=warn)
        return cls(run, stored_rows(run.stored_in))

    @cached_property
    def rows(self) -> Rows:
        """Where attempts, thinking and failures are taken from."""
        return self.stored or HeldRows(self.run.records)

    @cached_property
    def curves(self) -> list[Curve]:
        """The run's curves."""
        return self.run.curves()

    @cached_property
    def questions(self) -> dict[str, Question]:
        """The problems by id; empty for a run that does not hold them."""
        return {question.problem: question for question in read_questions(self.run.path)}

    @cached_property
    def hidden(self) -> frozenset[str]:
        """The tasks whose problems may not be shown: without text in the table of problems, or, in a run that has no
        such table, without an example in the manifest (one of a version that kept none says nothing of it)."""
        known = {question.task for question in self.questions.values()}
        told = {q.task for q in self.questions.values() if q.question is not None}
        tasks = (task for task in self.run.manifest.tasks if task.name not in known)
        return frozenset((known - told) | {task.name for task in tasks if task.prompt_fingerprint and not task.example})

    @property
    def points(self) -> Iterator[tuple[Curve, Point]]:
        """Every point that has an accuracy, with its curve."""
        return ((curve, point) for curve in self.curves for point in curve.points if point.accuracy is not None)

    def every_attempt(self) -> Iterator[Attempt]:
        """All attempts, point after point."""
        return (self.shown(attempt) for cell in self.rows.cells for attempt in self.rows.attempts(cell))

    def attempts(self, curve: Curve, point: Point) -> Iterator[Attempt]:
        """The attempts behind a point, by problem and sample, without what may not be shown."""
        return map(self.shown, self.rows.attempts(_cell(curve, point)))

    def thoughts(self, curve: Curve, point: Point) -> Iterator[tuple[Attempt, str | None]]:
        """The same, each with the thinking before it, where it is the whole of a trace that we have and may be shown;
        of a cut one only the token ids are known."""
        if curve.task in self.hidden:
            return ((attempt, None) for attempt in self.attempts(curve, point))
        return self.rows.thoughts(_cell(curve, point))

    def problems(self, curve: Curve, point: Point) -> list[str]:
        """The problems of the attempts behind a point, each once."""
        return self.rows.problems(_cell(curve, point))

    def failures(self, wanted: Wanted) -> Iterator[Failure]:
        """The attempts that did not come about, those with these fields."""
        return self.rows.failures(wanted)

    def shown(self, attempt: Attempt) -> Attempt:
        """An attempt without what may not be shown; its verdict and its costs stay."""
        if attempt.task not in self.hidden:
            return attempt
        return msgspec.structs.replace(attempt, answer="", answer_ids=None, extracted=None)

    def question(self, problem: str) -> tuple[str, str | None]:
        """The text of a problem and its gold answer: ``""`` and ``None`` where they are not known or not shown."""
        found = self.questions.get(problem)
        return ("", None) if found is None else (found.question or "", found.reference)

    def fingerprint(self, problem: str) -> str:
        """The fingerprint of a problem, ``""`` where it is not known."""
        return self.questions[problem].fingerprint if problem in self.questions else ""

    def model(self, spec: str) -> ModelRecord:
        """What the run knows of a model."""
        return next((m for m in self.run.manifest.models if m.spec == spec), ModelRecord(spec=spec, info={}))

    def task(self, name: str) -> TaskRecord:
        """What the run knows of a task."""
        unknown = TaskRecord(name=name, version="", n_problems=0, fingerprint="")
        return next((t for t in self.run.manifest.tasks if t.name == name), unknown)

    @cached_property
    def started(self) -> datetime:
        """When the run was begun, in UTC."""
        sittings = self.run.manifest.sittings
        return self._time(sittings[0].started if sittings else None)

    @cached_property
    def finished(self) -> datetime:
        """When the run ended, in UTC; of one that did not, when it was last begun."""
        manifest = self.run.manifest
        last = manifest.sittings[-1].started if manifest.sittings else None
        return self._time(manifest.finished or last)

    def _time(self, text: str | None) -> datetime:
        """A time of the manifest; the time of its file where it has none that can be read."""
        try:
            found = datetime.fromisoformat(text or "")
        except ValueError:
            found = datetime.fromtimestamp(manifest_path(self.run.path).stat().st_mtime, UTC)
        return found.astimezone(UTC) if found.tzinfo else found.replace(tzinfo=UTC)

    def missing(self) -> list[str]:
        """What of the run is in no export, a sentence each."""
        words = []
        if not self.run.manifest.finished:
            words.append("the run is not finished: what it holds so far is exported")
        if n := len(self.run.failures):
            words.append(f"{n:,} attempt{'s' * (n > 1)} failed and have no score: counted, not exported")
        if self.hidden:
            names = ", ".join(sorted(map(repr, self.hidden)))
            words.append(f"{names}: authors ask not to show problems, so questions and answers are left out")
        return words


def _cell(curve: Curve, point: Point) -> Cell:
    return (curve.model, curve.task, curve.control, point.budget)
