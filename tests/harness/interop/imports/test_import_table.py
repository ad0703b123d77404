"""Tables from anywhere as runs: Parquet, CSV and JSON lines, with a map of their columns."""

import json
from pathlib import Path
from typing import Any

import msgspec
import pandas as pd
import pytest
from exported import content, plain_run, wishes

from thinkcurve.budget import EFFORTS
from thinkcurve.errors import UsageError
from thinkcurve.interop.exports.tables import write as export
from thinkcurve.interop.imports.assemble import Imported
from thinkcurve.interop.imports.item import Wishes
from thinkcurve.interop.imports.write import import_files, write_run
from thinkcurve.questions import read_questions
from thinkcurve.run import load_run
from thinkcurve.store import Attempt

ROWS = [
    {"qid": "a1", "score": 1, "tokens": 100, "cap": 64, "text": "4", "ask": "2+2?"},
    {"qid": "a1", "score": 0, "tokens": 90, "cap": 64, "text": "5", "ask": "2+2?"},
    {"qid": "b2", "score": 1, "tokens": None, "cap": 128, "text": "<b>", "ask": "3+3?"},
]
MAP = {
    "problem": "qid",
    "correct": "score",
    "thinking_tokens": "tokens",
    "budget": "cap",
    "answer": "text",
    "question": "ask",
}


def imported(path: Path, columns: dict[str, str] | None = None, **given: Any) -> Imported:
    names = {"model": "mine", "task": "sums", **given}
    return import_files([path], "parquet", wishes=Wishes(columns=columns or {}, **names))


def parquet(path: Path, rows: list[dict[str, Any]]) -> Path:
    pd.DataFrame(rows).to_parquet(path)
    return path


def attempts(found: Imported) -> list[Attempt]:
    return list(found.records.attempts.values())


@pytest.mark.parametrize("ending", ["parquet", "csv", "jsonl"])
def test_a_table_of_any_format_is_read_by_its_map(tmp_path: Path, ending: str) -> None:
    path, frame = tmp_path / f"t.{ending}", pd.DataFrame(ROWS)
    if ending == "csv":
        frame.to_csv(path, index=False)
    elif ending == "jsonl":
        path.write_text("".join(json.dumps(row) + "\n" for row in ROWS))
    else:
        frame.to_parquet(path)
    found = imported(path, MAP)
    assert [(a.budget, a.sample, str(a.verdict), a.thinking_tokens, a.answer, a.usd) for a in attempts(found)] == [
        (64, 0, "correct", 100, "4", None),
        (64, 1, "incorrect", 90, "5", None),
        (128, 0, "correct", None, "<b>", None),
    ]
    assert {a.problem.split("/")[1] for a in attempts(found)} == {"a1", "b2"}
    assert any("different problems (1 at 64, 1 at 128)" in note for note in found.notes)
    write_run(found, tmp_path / "run")
    run = load_run(tmp_path / "run")
    assert [p.thinking_tokens for p in run.curves()[0].points] == [95, None]
    assert {q.question for q in read_questions(run.path)} == {"2+2?", "3+3?"}


async def test_a_table_of_ours_needs_no_map(tmp_path: Path) -> None:
    run = await plain_run(tmp_path / "run")
    found = import_files([tmp_path / "run" / "attempts.parquet"], "parquet")
    write_run(found, tmp_path / "again")
    again = load_run(tmp_path / "again")
    for before, after in zip(run.curves(), again.curves(), strict=True):
        for ours, theirs in zip(before.points, after.points, strict=True):
            same = {"wall_s": pytest.approx(ours.wall_s)}  # a mean over the rows in another order
            assert msgspec.structs.asdict(theirs) == msgspec.structs.asdict(ours) | same
    assert set(again.attempts["problem"]) == set(run.attempts["problem"])


def test_scores_words_and_levels_are_read(tmp_path: Path) -> None:
    rows = [
        {"problem": 1, "correct": True, "budget": "none", "model": "m", "task": "t", "level": 3, "group": "x"},
        {"problem": 2, "correct": "I", "budget": "256", "model": "m", "task": "t", "level": None, "group": None},
    ]
    path = tmp_path / "t.jsonl"
    path.write_text(json.dumps(rows[0]) + "\n")
    (first,) = attempts(imported(path, model=None, task=None))
    assert (first.model, first.problem, first.budget, first.level, first.group) == ("m", "t/test/1", None, 3, "x")
    path.write_text(json.dumps(rows[1]) + "\n")
    (second,) = attempts(imported(path, model=None, task=None))
    assert (second.budget, str(second.verdict), second.level) == (256, "incorrect", None)


def test_levels_of_effort_are_a_ladder(tmp_path: Path) -> None:
    rows = [{"problem": i, "correct": i, "effort": level} for i, level in enumerate(("low", "high"))]
    found = imported(parquet(tmp_path / "t.parquet", rows))
    assert [(a.budget, a.effort, a.control) for a in attempts(found)] == [
        (EFFORTS.index("low"), "low", "effort"),
        (EFFORTS.index("high"), "high", "effort"),
    ]


def test_rows_without_an_answer_are_failures(tmp_path: Path) -> None:
    rows = [{"problem": 1, "correct": 1.0, "error": None}, {"problem": 2, "correct": None, "error": "HTTP 500"}]
    found = imported(parquet(tmp_path / "t.parquet", rows))
    assert [failure.error for failure in found.records.failures.values()] == ["HTTP 500"]
    assert len(attempts(found)) == 1


def test_a_budget_is_known_from_the_user_where_no_column_has_it(tmp_path: Path) -> None:
    paths = [parquet(tmp_path / f"{i}.parquet", [{"problem": 1, "correct": i}]) for i in range(2)]
    wishes = Wishes(model="m", task="t")
    found = import_files(paths, "parquet", wishes=wishes, budgets="64,128")
    assert [(a.budget, str(a.verdict)) for a in attempts(found)] == [(64, "incorrect"), (128, "correct")]
    with pytest.raises(UsageError, match="does not say how much thinking"):
        import_files(paths, "parquet", wishes=wishes)


@pytest.mark.parametrize(
    ("rows", "columns", "complaint"),
    [
        ([{"qid": 1}], {}, "has no column problem; say which it is with --columns problem=COLUMN. It has qid"),
        ([{"problem": 1}], {}, r"has no column correct \(or verdict\); say which"),
        ([{"problem": 1, "correct": 1}], {"problm": "x"}, "no column is called 'problm'. Did you mean 'problem'"),
        ([{"problem": 1, "score": 1}], {"correct": "scores"}, "has no column 'scores'. Did you mean 'score'"),
        ([{"problem": 1, "correct": 0.3}], {}, "row 1: correct: score 0.3 is neither"),
        ([{"problem": 1, "verdict": "right"}], {}, "verdict 'right' is not one of correct"),
        ([{"problem": None, "correct": 1}], {}, "row 1: problem is"),
        ([{"problem": 1, "correct": 1, "budget": -3}], {}, "budget is -3; it must be a whole number"),
        ([{"problem": 1, "correct": 1, "budget": 2.5}], {}, "budget is 2.5"),
        ([{"problem": 1, "correct": 1, "budget": "many"}], {}, "budget 'many' is not a whole number"),
        ([{"problem": 1, "correct": 1, "effort": "fierce"}], {}, "effort 'fierce' is not one of"),
        ([{"problem": 1, "correct": 1, "control": "luck", "budget": 1}], {}, "control 'luck' is not one of"),
        ([{"problem": 1, "correct": 1, "sample": 0}] * 2, {}, r"row 1 and .*row 2 both answer sums/test/1"),
        ([{"problem": 1, "correct": 1, "question": q} for q in "ab"], {}, "is another question in"),
    ],
)
def test_a_table_that_cannot_be_meant_is_refused(
    tmp_path: Path, rows: list[dict[str, Any]], columns: dict[str, str], complaint: str
) -> None:
    with pytest.raises(UsageError, match=complaint):
        imported(parquet(tmp_path / "t.parquet", rows), columns)


def test_a_table_needs_a_model_and_a_task(tmp_path: Path) -> None:
    path = parquet(tmp_path / "t.parquet", [{"problem": 1, "correct": 1}])
    with pytest.raises(UsageError, match="no model; map a column to it with --columns model=COLUMN, or give --model"):
        imported(path, model=None)
    with pytest.raises(UsageError, match="no task; map a column"):
        imported(path, task=None)


@pytest.mark.parametrize("name", ["t.parquet", "t.csv", "t.jsonl"])
def test_a_file_that_is_no_table_is_one_sentence(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"\x00\xff{ nothing")
    with pytest.raises(UsageError) as caught:
        imported(tmp_path / name)
    assert "\n" not in str(caught.value)


def test_a_table_without_rows_is_refused(tmp_path: Path) -> None:
    pd.DataFrame({"problem": [1], "correct": [1]}).head(0).to_parquet(tmp_path / "t.parquet")
    with pytest.raises(UsageError, match="has no row"):
        imported(tmp_path / "t.parquet")


@pytest.mark.parametrize("ending", ["csv", "jsonl"])
def test_texts_stay_what_they_are(tmp_path: Path, ending: str) -> None:
    answers = ["007", "2024-06-05", "1.50", "true", "<script>alert(1)</script>\n\u202e", "x" * 1_500_000]
    rows = [{"problem": f"p{i}", "correct": 1, "answer": answer} for i, answer in enumerate(answers)]
    path = tmp_path / f"t.{ending}"
    if ending == "csv":
        pd.DataFrame(rows).to_csv(path, index=False)
    else:
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert [a.answer for a in attempts(imported(path))] == answers


async def test_a_csv_of_ours_keeps_every_figure(tmp_path: Path) -> None:
    run = await plain_run(tmp_path / "run")
    export(content(run), tmp_path / "out", wishes())
    found = import_files([tmp_path / "out" / "attempts.csv"], "parquet")
    before = {a.key: (a.verdict, a.answer, a.thinking_tokens, a.wall_s, a.usd) for a in run.records.attempts.values()}
    after = {a.key: (a.verdict, a.answer, a.thinking_tokens, a.wall_s, a.usd) for a in attempts(found)}
    assert after == before
