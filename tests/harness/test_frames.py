"""Tables of a run as pandas has them: read straight from Parquet they are those that its records make."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pandas as pd
import pytest
from msgspec.structs import replace

from records import a_failure, a_trace, an_attempt
from thinkcurve.backend import Visibility
from thinkcurve.budget import Control, Ending
from thinkcurve.errors import UsageError
from thinkcurve.frames import frame_of, read_frame
from thinkcurve.problem import Verdict
from thinkcurve.run import Run, load_run
from thinkcurve.store import (
    SCHEMA_VERSION,
    Attempt,
    Event,
    Manifest,
    ModelRecord,
    Records,
    TaskRecord,
    Trace,
    journal_path,
    write_manifest,
)
from thinkcurve.study import Study
from thinkcurve.tables import attempts_path, compact, failures_path, traces_path

MANIFEST = Manifest(
    SCHEMA_VERSION,
    Study(models=("m",), tasks=("t",), budgets=(8,), control=Control.TRUNCATE),
    (ModelRecord("m", {}),),
    (TaskRecord("t", "1", 3, "f"),),
    (),
)


def a_run(path: Path, *events: Event, has_journal: bool = True) -> Path:
    """A run with these events in its tables, and in its journal where it has one."""
    path.mkdir()
    write_manifest(path, MANIFEST)
    records = Records()
    for event in events:
        records.add(event)
    compact(path, records)
    if has_journal:
        rows = (*records.traces.values(), *records.attempts.values(), *records.failures.values())
        journal_path(path).write_bytes(b"".join(msgspec.json.encode(row) + b"\n" for row in rows))
    return path


ODD: list[Event] = [
    a_trace(0),
    replace(a_trace(1), text="", token_ids=(), thinking_tokens=None, visibility=Visibility.HIDDEN, served_by="v2"),
    replace(a_trace(2), waits=(3, 5), wait_endings=(Ending.CLOSED, Ending.EOS), wall_s=None),
    an_attempt(0, 0),
    replace(an_attempt(0, None), level=3, group="a\u2028b", verdict=Verdict.NO_ANSWER, extracted=None, answer_ids=None),
    replace(an_attempt(1, 8, Verdict.UNVERIFIED), answer_ids=(), answer="", reason="é", mean_logprob=-0.25),
    replace(an_attempt(1, 16, sample=1), thinking_tokens=None, wall_s=None, joules=1e-300, effort="low"),
]


def test_tables_read_straight_are_those_of_the_records(tmp_path: Path) -> None:
    whole = load_run(a_run(tmp_path / "a", *ODD))
    tables = load_run(a_run(tmp_path / "b", *ODD, has_journal=False))
    assert "records" not in vars(tables)
    pd.testing.assert_frame_equal(tables.attempts, whole.attempts, check_exact=True)
    pd.testing.assert_frame_equal(tables.traces, whole.traces, check_exact=True)
    assert tables.attempts["answer_ids"].tolist() == whole.attempts["answer_ids"].tolist()
    assert tables.traces["wait_endings"].tolist() == [(), (), ("closed", "eos")]
    assert tables.failures.empty
    assert "records" not in vars(tables)


def test_records_are_there_where_they_are_asked_for(tmp_path: Path) -> None:
    whole = load_run(a_run(tmp_path / "a", *ODD))
    tables = load_run(a_run(tmp_path / "b", *ODD, has_journal=False))
    assert tables.records.attempts == whole.records.attempts
    assert tables.records.traces == whole.records.traces
    assert repr(tables) == f"Run({str(tmp_path / 'b')!r}, 4 attempts)"


def test_curves_are_the_same_with_and_without_a_journal(tmp_path: Path) -> None:
    events = [event for i in range(4) for event in (a_trace(i), an_attempt(i, 8), an_attempt(i, 16))]
    whole, tables = a_run(tmp_path / "a", *events), a_run(tmp_path / "b", *events, has_journal=False)
    assert load_run(tables).curves() == load_run(whole).curves()


def test_a_run_in_memory_needs_no_files(tmp_path: Path) -> None:
    records = Records()
    for event in (an_attempt(), a_failure(1)):
        records.add(event)
    run = Run(tmp_path, MANIFEST, records)
    assert (len(run.attempts), len(run.failures), run.traces.empty) == (1, 1, True)
    assert run.grids is run.grids


def test_a_run_without_traces_or_attempts(tmp_path: Path) -> None:
    path = a_run(tmp_path / "a", an_attempt(), has_journal=False)
    traces_path(path).unlink()
    run = load_run(path)
    assert run.traces.empty
    assert run.curves()[0].points[0].accuracy == 1
    assert "records" not in vars(run)
    assert list(run.traces) == list(Trace.__struct_fields__)
    with pytest.raises(UsageError, match="no graded attempt"):
        load_run(a_run(tmp_path / "b", has_journal=False))
    bare = a_run(tmp_path / "c", has_journal=False)
    attempts_path(bare).unlink()
    with pytest.raises(UsageError, match="no graded attempt"):
        load_run(bare)


def rewritten(tmp_path: Path, change: Callable[[pd.DataFrame], Any]) -> Path:
    """A table of two attempts, changed."""
    path = attempts_path(a_run(tmp_path / "run", an_attempt(0), an_attempt(1), has_journal=False))
    change(pd.read_parquet(path)).to_parquet(path, index=False)
    return path


def test_a_table_of_before_a_column_was_has_its_default(tmp_path: Path) -> None:
    path = rewritten(tmp_path, lambda table: table.drop(columns=["thinking_source", "self_certainty"]))
    table = read_frame(path, Attempt)
    assert table["thinking_source"].tolist() == ["ids", "ids"]
    assert table["self_certainty"].tolist() == [None, None]


def test_what_another_program_made_of_the_types_is_read(tmp_path: Path) -> None:
    path = rewritten(tmp_path, lambda table: table.astype({"budget": float, "sample": "int32", "verdict": "category"}))
    pd.testing.assert_frame_equal(read_frame(path, Attempt), frame_of([an_attempt(0), an_attempt(1)], Attempt))


def test_the_last_word_on_a_key_wins(tmp_path: Path) -> None:
    path = rewritten(tmp_path, lambda table: pd.concat([table, table.iloc[:1].assign(answer="again")]))
    table = read_frame(path, Attempt)
    assert sorted(zip(table["problem"], table["answer"], strict=True)) == [
        ("t/test/0", "again"),
        ("t/test/1", an_attempt().answer),
    ]


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (lambda table: table.assign(verdict="maybe"), "'maybe' in column 'verdict' is not one of correct, incorrect"),
        (lambda table: table.assign(ending=["closed", "x\x1b"]), r"'x\\x1b' in column 'ending'"),
        (lambda table: table.drop(columns=["answer"]), "no column 'answer'"),
        (lambda table: table.assign(answer=None), "column 'answer' has nothing in 2 rows"),
        (lambda table: table.assign(budget=0.5), "cannot read"),
        (lambda table: table.assign(is_forced="perhaps"), "cannot read"),
    ],
)
def test_a_table_that_holds_no_attempts_is_one_line(
    change: Callable[[pd.DataFrame], pd.DataFrame], complaint: str, tmp_path: Path
) -> None:
    path = rewritten(tmp_path, change)
    with pytest.raises(UsageError, match=complaint) as refused:
        load_run(path.parent)
    assert str(path) in str(refused.value)
    assert len(str(refused.value).splitlines()) == 1


def test_a_damaged_table_is_one_line(tmp_path: Path) -> None:
    path = attempts_path(a_run(tmp_path / "run", an_attempt(), has_journal=False))
    path.write_bytes(b"PAR1 not really")
    with pytest.raises(UsageError, match="cannot read"):
        load_run(path.parent)
    path.write_bytes(b"")
    with pytest.raises(UsageError, match="cannot read"):
        load_run(path.parent)


def test_failures_outlive_the_journal(tmp_path: Path) -> None:
    path = a_run(tmp_path / "run", an_attempt(0), a_failure(1), a_failure(2), has_journal=False)
    run = load_run(path)
    assert run.failures["problem"].tolist() == [a_failure(1).problem, a_failure(2).problem]
    assert list(run.records.failures.values()) == [a_failure(1), a_failure(2)]
    compact(path, Records())
    assert not failures_path(path).exists()
    with pytest.raises(UsageError, match="no graded attempt"):
        load_run(path)


def test_a_failure_made_good_is_none_in_a_table_either(tmp_path: Path) -> None:
    path = a_run(tmp_path / "run", a_failure(1), an_attempt(1), has_journal=False)
    assert load_run(path).failures.empty
