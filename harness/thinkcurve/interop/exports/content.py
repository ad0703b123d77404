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

import msgspec

from thinkcurve.analysis.curve import Curve, Point
from thinkcurve.budget import Budget
from thinkcurve.questions import Question, read_questions
from thinkcurve.run import Run
from thinkcurve.store import Attempt, ModelRecord, TaskRecord, Trace, manifest_path
from thinkcurve.tables import row_order

Cell = tuple[str, str, str, Budget]
"""(model, task, control, budget): what one point is of."""


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
    """A run made ready to be exported."""

    run: Run

    @cached_property
    def curves(self) -> list[Curve]:
        """The run's curves."""
        return self.run.curves()

    @cached_property
    def questions(self) -> dict[str, Question]:
        """The problems by id; empty for a run that does not hold them."""
        return {question.problem: question for question in read_questions(self.run.path)}

    @cached_property
    def cells(self) -> dict[Cell, list[Attempt]]:
        """The attempts of each point, by problem and sample, without what may not be shown."""
        found: dict[Cell, list[Attempt]] = {}
        for attempt in sorted(self.run.records.attempts.values(), key=row_order):
            cell = (attempt.model, attempt.task, attempt.control, attempt.budget)
            found.setdefault(cell, []).append(self.shown(attempt))
        return found

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

    def attempts(self, curve: Curve, point: Point) -> list[Attempt]:
        """The attempts behind a point."""
        return self.cells.get((curve.model, curve.task, curve.control, point.budget), [])

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

    def thinking(self, attempt: Attempt) -> str | None:
        """The thinking before an answer, where it is the whole of a trace that we have; of a cut one only the token
        ids are known."""
        if attempt.task in self.hidden:
            return None
        trace = self._trace(attempt)
        is_whole = trace is not None and trace.thinking_tokens == attempt.thinking_tokens is not None
        return trace.text if trace is not None and is_whole else None

    def _trace(self, attempt: Attempt) -> Trace | None:
        """The trace of an attempt: its own where every budget has one, else the shared one."""
        traces = self.run.records.traces
        name = (attempt.model, attempt.problem, attempt.sample)
        return traces.get((*name, attempt.budget)) or traces.get((*name, None))

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
