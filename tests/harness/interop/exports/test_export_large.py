"""A run exported without being held: from its tables, the very bytes that its records give, and no more memory."""

import shutil
import tempfile
import tracemalloc
from importlib import import_module
from pathlib import Path
from typing import Any

import msgspec
import pytest
from exported import wishes
from hypothesis import given, settings
from hypothesis import strategies as st

from records import a_failure, a_trace, an_attempt
from thinkcurve import tables
from thinkcurve.interop.exports import FORMATS
from thinkcurve.interop.exports.content import Content
from thinkcurve.interop.exports.rows import HeldRows, TableRows, stored_rows
from thinkcurve.merge import compact_run
from thinkcurve.run import Run, load_run
from thinkcurve.store import Attempt, Event, Records, journal_path
from thinkcurve.tables import compact, read_records, records_of, write_table

RUNS = ("plain", "failed", "private", "effort")
STREAMED = sorted(set(FORMATS) - {"hf"})


def write(content: Content, output: Path, format_name: str) -> Any:
    return import_module(f"thinkcurve.interop.exports.{FORMATS[format_name]}").write(content, output, wishes())


def written(content: Content, output: Path, format_name: str) -> dict[str, bytes]:
    told = msgspec.json.encode(write(content, output, format_name))
    files = {str(path.relative_to(output)): path.read_bytes() for path in output.rglob("*") if path.is_file()}
    return {**files, "told": told.replace(str(output).encode(), b"")}


def in_many_groups(run: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of a run whose tables have a row group a few rows."""
    copy = Path(shutil.copytree(run, folder / "copy"))
    monkeypatch.setattr(tables, "GROUP_BYTES", 3_000)
    compact_run(copy)
    return copy


@pytest.mark.parametrize("format_name", STREAMED)
@pytest.mark.parametrize("name", RUNS)
def test_tables_give_the_bytes_that_records_give(
    name: str, format_name: str, tmp_path: Path, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = load_run(in_many_groups(request.getfixturevalue(name).path, tmp_path, monkeypatch))
    held = written(Content(run, HeldRows(run.records)), tmp_path / "held", format_name)
    assert written(Content(run, TableRows(run.path)), tmp_path / "stored", format_name) == held
    assert len(held) > 1


def test_a_large_run_is_read_from_its_tables(plain: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert isinstance(Content.load(plain.path).rows, HeldRows)
    monkeypatch.setattr(tables, "SMALL_JOURNAL_BYTES", 0)
    content = Content.load(plain.path)
    assert isinstance(content.rows, TableRows)
    monkeypatch.setattr(Run, "records", property(lambda _: pytest.fail("all records were read")))
    for format_name in FORMATS:
        written(content, tmp_path / format_name, format_name)


MODELS, BUDGETS = ("m", "n"), (0, 64, None)


@st.composite
def an_event(draw: st.DrawFn) -> Event:
    """Any of the three, of few keys, two models and two tasks."""
    kind = draw(st.sampled_from([an_attempt(), a_trace(), a_failure()]))
    task = draw(st.sampled_from(["t", "u"]))
    own = {"budget": draw(st.sampled_from(BUDGETS)), "sample": draw(st.integers(0, 1))}
    own |= {"problem": f"{task}/test/{draw(st.sampled_from([0, 2, 11]))}", "model": draw(st.sampled_from(MODELS))}
    if not isinstance(kind, type(a_failure())):
        own["thinking_tokens"] = draw(st.sampled_from([None, 3, 5]))
    return msgspec.structs.replace(kind, task=task, **own)


@settings(max_examples=40, deadline=None)
@given(events=st.lists(an_event(), max_size=60), group_bytes=st.sampled_from([1, 2_000, 1 << 20]))
def test_rows_of_tables_are_those_of_records(events: list[Event], group_bytes: int) -> None:
    records = records_of(events)
    held = HeldRows(records)
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr(tables, "GROUP_BYTES", group_bytes)
        compact(Path(folder), records)
        stored = stored_rows(Path(folder))
        assert stored is not None
        assert stored.cells == held.cells
        for cell in [*held.cells, ("m", "t", "truncate", 7)]:
            assert list(stored.attempts(cell)) == list(held.attempts(cell))
            assert list(stored.thoughts(cell)) == list(held.thoughts(cell))
            assert stored.problems(cell) == held.problems(cell)
        for wanted in ({}, {"budget": None}, {"model": "n", "budget": 64}):
            assert list(stored.failures(wanted)) == list(held.failures(wanted))


@pytest.mark.parametrize("change", ["order", "twice"])
def test_tables_of_another_order_are_read_whole(change: str, tmp_path: Path) -> None:
    rows = [an_attempt(0), an_attempt(1), an_attempt(2)]
    compact(tmp_path, records_of([a_trace(0), *rows]))
    assert TableRows(tmp_path).is_ordered
    changed = {"order": rows[::-1], "twice": [rows[0], *rows]}[change]
    write_table(tables.attempts_path(tmp_path), changed, Attempt)
    assert not TableRows(tmp_path).is_ordered
    assert stored_rows(tmp_path) is None


@pytest.mark.parametrize("format_name", STREAMED)
def test_memory_does_not_grow_with_the_attempts(
    format_name: str, plain: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An attempt takes some 2 kB as a record and more as what is written; inspect's logs are zips, whose table of
    contents names every sample."""
    monkeypatch.setattr(tables, "GROUP_BYTES", 30_000)
    _, few, many = (peak(plain, tmp_path / str(times), times, format_name) for times in (1, 2, 8))
    n_more = 6 * len(plain.records.attempts)
    assert (many - few) / n_more < (700 if format_name == "inspect" else 200)


def peak(run: Run, folder: Path, times: int, format_name: str) -> int:
    """The most that is held while a run is exported in which every attempt was made so many times over."""
    shutil.copytree(run.path, folder)
    records = read_records(run.path)
    more = Records()
    for sample in range(times):
        for event in (*records.traces.values(), *records.attempts.values()):
            more.add(msgspec.structs.replace(event, sample=times * event.sample + sample))
    compact(folder, more)
    journal_path(folder).unlink(missing_ok=True)
    content = Content.load(folder)
    assert content.curves
    tracemalloc.start()
    try:
        write(content, folder / "out", format_name)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
