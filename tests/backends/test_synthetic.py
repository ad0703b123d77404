"""The synthetic model: the same study gives the same tokens, its sums are judged for what they are."""

import json
from pathlib import Path

import pytest

from thinkcurve.errors import UsageError
from thinkcurve.run import Run, sweep
from thinkcurve.study import Study
from thinkcurve_backends.synthetic import open_backend


def swept(path: Path, **options: int) -> Run:
    task = path.parent / "sums.jsonl"
    rows = ({"question": f"What is {i} + {7 * i}?", "answer": str(8 * i)} for i in range(1, 41))
    task.write_text("".join(json.dumps(row) + "\n" for row in rows))
    study = Study(models=("synthetic:",), tasks=(str(task),), budgets=(0, 32, 512), samples=4)
    return sweep(study, path, backends={"synthetic:": open_backend("", **options)})


def test_the_same_study_has_the_same_tokens_and_a_curve_that_rises(tmp_path: Path) -> None:
    first, again = swept(tmp_path / "a"), swept(tmp_path / "b", concurrency=3)
    assert {k: t.token_ids for k, t in first.records.traces.items()} == {
        k: t.token_ids for k, t in again.records.traces.items()
    }
    answers = [{k: (a.answer, a.verdict) for k, a in run.records.attempts.items()} for run in (first, again)]
    assert answers[0] == answers[1]
    assert len(answers[0]) == 40 * 4 * 3
    (curve,) = first.curves()
    low, middle, high = (point.accuracy or 0.0 for point in curve.points)
    assert low < 0.1 < middle < high < 1
    assert {point.unverified + point.no_answer for point in curve.points} == {0}


def test_longer_thinking_is_asked_for_by_an_option(tmp_path: Path) -> None:
    short, long = swept(tmp_path / "a"), swept(tmp_path / "b", median_tokens=600)
    assert long.traces["thinking_tokens"].mean() > 2 * short.traces["thinking_tokens"].mean()


def test_what_is_no_option_is_one_line() -> None:
    with pytest.raises(UsageError, match="median_tokens"):
        open_backend("", median_token=3)
    with pytest.raises(UsageError, match="there is one"):
        open_backend("big")
