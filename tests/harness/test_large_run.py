"""A large run is read from its tables, without what its figures do not need, and its figures are the same."""

import shutil
from pathlib import Path

import pytest

from records import a_failure, a_trace, an_attempt
from thinkcurve import run as module
from thinkcurve import tables
from thinkcurve.merge import compact_run
from thinkcurve.report.run_report.gather import contents_of
from thinkcurve.report.run_report.run_page import report_page
from thinkcurve.report.run_report.shelves import shelves_of
from thinkcurve.run import Figures, load_run
from thinkcurve.store import Journal, journal_path

ROOT = Path(__file__).parents[2]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the reference run that counts as a large one."""
    monkeypatch.setattr(module, "MOST_WHOLE", 10)
    monkeypatch.setattr(module, "MOST_AT_ONCE", 0)
    shutil.copytree(ROOT / "results/reference/embedded-sampled", tmp_path / "run")
    return tmp_path / "run"


def test_curves_of_figures_are_those_of_the_whole(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("thinkcurve.analysis.curve.MOST_VOTED", 10)  # votes need what was extracted
    large = load_run(run)
    assert isinstance(large.figures, Figures)
    assert "answer" not in large.figures.attempts
    found = large.curves()
    monkeypatch.setattr(module, "MOST_WHOLE", 1_000_000)
    assert not load_run(run).is_large
    assert found == load_run(run).curves()


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
