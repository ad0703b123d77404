"""A large run is read from its tables a column at a time, without what its figures do not need; they are the same."""

import gc
import shutil
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from msgspec.structs import replace

from records import a_failure, a_trace, an_attempt
from thinkcurve import frames, tables
from thinkcurve import run as module
from thinkcurve.cli.main import main
from thinkcurve.cli.sections import SECTIONS
from thinkcurve.interop.exports.content import Content
from thinkcurve.interop.exports.rows import TableRows
from thinkcurve.merge import compact_run
from thinkcurve.report.run_report.gather import contents_of
from thinkcurve.report.run_report.run_page import report_page
from thinkcurve.report.run_report.shelves import shelves_of
from thinkcurve.run import load_run
from thinkcurve.segments import journal_parts
from thinkcurve.store import Failure, Journal, journal_path
from thinkcurve.tables import records_of

ROOT = Path(__file__).parents[2]
HELD_WHOLE = {"answer", "answer_ids", "text", "token_ids", "marks"}
"""Columns of what a model wrote."""


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the reference run that counts as a large one."""
    monkeypatch.setattr(module, "MOST_WHOLE", 10)
    monkeypatch.setattr(module, "MOST_AT_ONCE", 0)
    shutil.copytree(ROOT / "results/reference/embedded-sampled", tmp_path / "run")
    return tmp_path / "run"


@pytest.fixture
def never_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a model wrote is not read as a whole column, nor any table as a whole."""

    def refuse(path: Path, record: type, name: str, file: Any) -> Any:
        assert name not in HELD_WHOLE
        return frames.read_column(path, record, name, file)

    def refuse_frame(path: Path, record: type) -> Any:
        assert record is Failure
        return frames.read_frame(path, record)

    monkeypatch.setattr("thinkcurve.columns.read_column", refuse)
    monkeypatch.setattr(module, "read_frame", refuse_frame)


@pytest.mark.usefixtures("never_whole")
@pytest.mark.parametrize(
    "section",
    [pytest.param(n, marks=pytest.mark.slow) if n == "fits" else n for n in SECTIONS if n != "diagnostics"],
)
def test_what_is_said_of_a_large_run_is_said_of_the_whole(
    section: str, run: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    said_alike(["show", str(run), "--json", "--tables", section], monkeypatch, capfd)


def test_what_thinking_shows_is_read_of_all_texts(
    run: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    said_alike(["show", str(run), "--json", "--tables", "diagnostics"], monkeypatch, capfd)


@pytest.mark.usefixtures("never_whole")
def test_a_comparison_of_large_runs_is_that_of_the_whole(
    run: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    other = str(ROOT / "results/reference/embedded-sampled")
    said_alike(["compare", other, str(run), "--json", "--fail-if", "any"], monkeypatch, capfd)


def said_alike(arguments: list[str], monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    """Demand that a command says of runs that count as large what it says of them as small ones."""
    monkeypatch.setattr("thinkcurve.analysis.curve.MOST_VOTED", 1_000_000)
    found = []
    for most in (10, 1_000_000):
        with monkeypatch.context() as here:
            here.setattr(module, "MOST_WHOLE", most)
            if most > 10:
                here.setattr(module, "read_frame", frames.read_frame)
            here.setattr("sys.argv", ["thinkcurve", *arguments])
            with pytest.raises(SystemExit) as end:
                main()
        found.append((end.value.code, capfd.readouterr().out))
    assert found[0] == found[1]
    assert len(found[0][1]) > 100


def test_a_report_of_a_large_run_shows_some_problems_and_says_so(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("thinkcurve.report.run_report.gather.MOST_SHOWN", 200)
    contents = contents_of([load_run(run)])
    shown = contents.parts[0].shown
    assert shown is not None
    assert 0 < len(shown) < 50
    assert [problem for shelf in shelves_of(contents) for problem in shelf.problems] == list(shown)
    assert f"{len(shown)} of " in report_page(contents)


def test_tables_are_read_only_while_they_hold_the_journal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tables, "SMALL_JOURNAL_BYTES", 0)
    journal = Journal(tmp_path)
    for event in (a_trace(0), an_attempt(0), a_failure(1)):
        journal.append(event, 0.0)
    assert not tables.is_read_from_tables(tmp_path)
    assert compact_run(tmp_path) == (1, 1, 1)
    assert tables.is_read_from_tables(tmp_path)
    journal.append(an_attempt(1), 0.0)
    journal.close()
    assert not tables.is_read_from_tables(tmp_path)
    assert compact_run(tmp_path) == (2, 1, 0)
    assert tables.is_read_from_tables(tmp_path)
    whole = journal_path(tmp_path).read_bytes()
    journal_path(tmp_path).write_bytes(whole.replace(b'"verdict":"correct"', b'"verdict":"CORRECT"', 1))
    assert not tables.is_read_from_tables(tmp_path)
    journal_path(tmp_path).unlink()
    assert tables.is_read_from_tables(tmp_path)


@pytest.fixture
def unwritten(run: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The same run with all in its journal, and tables that lack some of it."""
    monkeypatch.setattr(tables, "SMALL_JOURNAL_BYTES", 0)
    tables.restore_journal(run)
    records = tables.read_records(run)
    tables.compact(run, records_of([*records.attempts.values()][:100]))
    return run


def test_of_a_large_run_that_is_not_in_its_tables_others_are_made(
    unwritten: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = {path: path.read_bytes() for path in unwritten.rglob("*") if path.is_file()}
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr(module, "read_records", lambda *_: pytest.fail("all of it was read"))
    said: list[str] = []
    found = load_run(unwritten, warn=said.append)
    assert [line.split(":")[0] for line in said] == [str(unwritten)]
    assert "`thinkcurve compact`" in said[0]
    assert found.is_large
    assert found.stored_in not in (None, unwritten)
    assert found.curves() == load_run(ROOT / "results/reference/embedded-sampled").curves()
    content = Content.load(unwritten)
    assert isinstance(content.rows, TableRows)
    assert list(content.every_attempt()) == list(
        Content(load_run(ROOT / "results/reference/embedded-sampled")).every_attempt()
    )
    assert {path: path.read_bytes() for path in unwritten.rglob("*") if path.is_file()} == before
    del found, content
    gc.collect()
    assert not list((tmp_path / "temporary").iterdir())


def test_what_is_looked_at_is_one_table_whatever_takes_its_place(run: Path, unwritten: Path) -> None:
    grid = load_run(unwritten).grids[0]  # its run is gone, and so are the tables that were made for it
    gc.collect()
    whole = load_run(ROOT / "results/reference/embedded-sampled")
    assert np.array_equal(grid.column("total_tokens"), whole.grids[0].column("total_tokens"))
    compact_run(run)
    large = load_run(run)
    content = Content.load(run)
    assert large.grids[0].problems == whole.grids[0].problems
    rows = [*whole.records.attempts.values()]
    tables.compact(run, records_of([replace(row, total_tokens=1) for row in rows[: len(rows) // 2]]))
    assert large.curves() == whole.curves()
    assert list(content.every_attempt()) == list(Content(whole).every_attempt())


def test_segments_count_as_what_they_hold(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tables.restore_journal(run)
    journal = Journal(run)
    journal.rotate()
    journal.close()
    n_bytes = sum(part.stat().st_size for part in journal_parts(run))
    for times, is_small in ((2, False), (9, True)):
        monkeypatch.setattr(tables, "SMALL_JOURNAL_BYTES", times * n_bytes)
        assert tables.has_small_journal(run) == is_small
