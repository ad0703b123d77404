"""A run as CSV: the numbers come back, and no spreadsheet takes an answer for a formula."""

import csv
from pathlib import Path

import msgspec
import pandas as pd
import pytest
from exported import HOSTILE, content, wishes

from thinkcurve.interop.exports.spreadsheet import STARTS, cell
from thinkcurve.interop.exports.tables import write
from thinkcurve.run import Run


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        csv.field_size_limit(1 << 24)
        return list(csv.DictReader(file))


def test_points_are_those_of_the_curve(tmp_path: Path, plain: Run) -> None:
    run = plain
    write(content(run), tmp_path / "out", wishes())
    table = pd.read_csv(tmp_path / "out" / "points.csv", keep_default_na=False)
    points = run.curves()[0].points
    assert list(table["budget"]) == ["0", "8", "none"]
    for name in ("accuracy", "ci_low", "ci_high", "se", "thinking_tokens", "total_tokens", "forced"):
        assert list(table[name]) == [getattr(point, name) for point in points], name
    assert list(table["pass@2"]) == [point.pass_at["2"] for point in points]
    assert set(table["usd"]) == {""}, "unknown is empty, never 0"


def test_attempts_have_every_field_but_token_ids(tmp_path: Path, plain: Run) -> None:
    run = plain
    write(content(run), tmp_path / "out", wishes())
    found = {(r["problem"], r["sample"], r["budget"]): r for r in rows(tmp_path / "out" / "attempts.csv")}
    assert len(found) == 120
    for attempt in run.records.attempts.values():
        row = found[attempt.problem, str(attempt.sample), "none" if attempt.budget is None else str(attempt.budget)]
        assert (row["verdict"], row["answer"]) == (attempt.verdict, attempt.answer)
        assert float(row["wall_s"]) == attempt.wall_s
        assert row["is_forced"] == str(attempt.is_forced).lower()
    assert set(next(iter(found.values()))) == set(msgspec.structs.asdict(attempt)) - {"answer_ids"}


def test_failures_have_a_table_of_their_own_where_there_are_any(tmp_path: Path, plain: Run, failed: Run) -> None:
    write(content(plain), tmp_path / "out", wishes())
    assert not (tmp_path / "out" / "failures.csv").exists()
    run = failed
    write(content(run), tmp_path / "other", wishes())
    assert {row["problem"] for row in rows(tmp_path / "other" / "failures.csv")} == {"doubling/test/3"}


def test_hostile_answers_stay_in_their_cells(tmp_path: Path, hostile: Run) -> None:
    run = hostile
    write(content(run), tmp_path / "out", wishes())
    found = rows(tmp_path / "out" / "attempts.csv")
    answers = {row["answer"].replace("\r\n", "\n") for row in found if row["budget"] == "64"}
    assert answers == {f"'{text}" if text.startswith(STARTS) else text for text in HOSTILE}
    assert not any(value.startswith(("=", "+", "@")) for row in found for value in row.values())


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("=1+1", "'=1+1"),
        ("-2+3+cmd|' /C calc'!A0", "'-2+3+cmd|' /C calc'!A0"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("\t=1", "'\t=1"),
        ("＝1", "'＝1"),
        ("-5", "-5"),
        ("+1.5e3", "+1.5e3"),
        ("-٣", "'-٣"),
        ("x-1", "x-1"),
        ("", ""),
        (None, ""),
        (True, "true"),
        (-0.5, "-0.5"),
        (0.1 + 0.2, "0.30000000000000004"),
    ],
)
def test_a_cell_is_data(value: object, expected: str) -> None:
    assert cell(value) == expected
