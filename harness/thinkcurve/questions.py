"""What a run asked: a table of its problems, so that a report needs neither the task nor its data.

    results/<run>/problems.parquet   one row a `Question`, written before the first token and when problems are added

Tasks whose authors ask not to show problems have rows without text. Only a report and a comparison read this table;
who judges again (`thinkcurve.regrade`) loads the task.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import msgspec

from thinkcurve.errors import UsageError
from thinkcurve.problem import Choice, MathAnswer, Problem, Reference
from thinkcurve.tables import write_table


class Question(msgspec.Struct, frozen=True):
    """One problem of a run. ``question`` and ``reference`` are ``None`` where they may not be shown; ``reference`` is
    the gold answer as the task writes it, ``None`` too where tests judge. ``fingerprint`` is that of the problem."""

    task: str
    problem: str
    index: int
    level: int | None
    group: str | None
    question: str | None
    reference: str | None
    fingerprint: str


def question_of(problem: Problem, *, is_private: bool = False) -> Question:
    """The row of a problem."""
    return Question(
        task=problem.task,
        problem=problem.id,
        index=problem.index,
        level=problem.level,
        group=problem.group,
        question=None if is_private else problem.question,
        reference=None if is_private else _gold(problem.reference),
        fingerprint=problem.fingerprint,
    )


def questions_path(run: Path) -> Path:
    """Where the table of problems lies."""
    return run / "problems.parquet"


def write_questions(run: Path, questions: Iterable[Question]) -> None:
    """Write the table, atomically; rows by task and index."""
    rows = sorted(questions, key=_order)
    write_table(questions_path(run), rows, Question)


def read_questions(run: Path) -> list[Question]:
    """The table of a run, empty where the run has none (one of an earlier version). Raises `UsageError` if broken."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    path = questions_path(run)
    if not path.exists():
        return []
    try:
        return msgspec.convert(pq.read_table(path, page_checksum_verification=True).to_pylist(), list[Question])
    except (OSError, pa.ArrowException, msgspec.ValidationError) as error:
        raise UsageError(f"cannot read {path}: {error}") from error


def _order(question: Question) -> tuple[str, int, str]:
    return (question.task, question.index, question.problem)


def _gold(reference: Reference) -> str | None:
    return reference.answer if isinstance(reference, MathAnswer | Choice) else None
