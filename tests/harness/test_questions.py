"""The table of what a run asked: whole, without what may not be shown, and there as problems are added."""

from pathlib import Path

import pytest

from scripts import Doubling, changed, sweep
from thinkcurve.errors import UsageError
from thinkcurve.problem import Case, Choice, FunctionTests, MathAnswer, Problem
from thinkcurve.questions import question_of, questions_path, read_questions, write_questions


async def test_a_run_keeps_what_it_asked(tmp_path: Path) -> None:
    await sweep(tmp_path, changed(limit=3))
    assert [q.problem for q in read_questions(tmp_path)] == [p.id for p in Doubling().problems()[:3]]
    await sweep(tmp_path, changed(limit=5))
    found = read_questions(tmp_path)
    problems = Doubling().problems()[:5]
    assert [q.question for q in found] == [p.question for p in problems]
    assert [q.reference for q in found] == [p.reference.answer for p in problems]
    assert [q.fingerprint for q in found] == [p.fingerprint for p in problems]


def test_what_may_not_be_shown_is_not_kept() -> None:
    problem = Problem("t", "test", 0, "secret?", MathAnswer("42"), level=3, group="g")
    row = question_of(problem, is_private=True)
    assert (row.question, row.reference, row.level, row.group) == (None, None, 3, "g")
    assert row.fingerprint == problem.fingerprint


@pytest.mark.parametrize(
    ("reference", "gold"),
    [
        (MathAnswer(r"\\frac12"), r"\\frac12"),
        (Choice("B", ("x", "y")), "B"),
        (FunctionTests("f", (Case("[1]", "2"),)), None),
    ],
)
def test_the_gold_answer_is_text_where_there_is_one(
    reference: MathAnswer | Choice | FunctionTests, gold: str | None
) -> None:
    assert question_of(Problem("t", "test", 0, "?", reference)).reference == gold


def test_rows_come_back_in_order(tmp_path: Path) -> None:
    rows = [question_of(Problem("t", "test", i, f"{i}\u202e</script>\n", Choice("A"))) for i in (10, 9, 0)]
    write_questions(tmp_path, rows)
    assert read_questions(tmp_path) == rows[::-1]


def test_a_run_without_the_table_has_no_rows(tmp_path: Path) -> None:
    assert read_questions(tmp_path) == []


def test_a_broken_table_is_refused(tmp_path: Path) -> None:
    questions_path(tmp_path).write_bytes(b"PAR1 not a table")
    with pytest.raises(UsageError, match=r"problems\.parquet"):
        read_questions(tmp_path)
