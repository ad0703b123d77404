"""Compaction on disk gives what sorting in memory gives, and the state of a run what its records say."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from records import a_failure, a_trace, an_attempt
from thinkcurve.merge import compact_run
from thinkcurve.records import Attempt, Event, Failure, Records, Trace
from thinkcurve.state import State
from thinkcurve.store import Journal
from thinkcurve.tables import attempts_path, compact, failures_path, read_records, read_table, row_order, traces_path

BUDGETS = (0, 64, None)
budgets = st.sampled_from(BUDGETS)
cells = st.tuples(st.sampled_from([0, 1, 2, 11]), budgets, st.integers(0, 1), st.integers(0, 9))


@st.composite
def an_event(draw: st.DrawFn) -> Event:
    """Any of the three, of few keys, each told apart from others of its key."""
    index, budget, sample, word = draw(cells)
    kind = draw(st.sampled_from(["trace", "attempt", "failure"]))
    if kind == "trace":
        shared = draw(st.sampled_from([None, budget]))
        return msgspec.structs.replace(a_trace(index), sample=sample, budget=shared, wall_s=float(word))
    if kind == "attempt":
        return msgspec.structs.replace(an_attempt(index, budget), sample=sample, wall_s=float(word))
    return msgspec.structs.replace(a_failure(index), sample=sample, budget=budget, error=str(word))


events = st.lists(an_event(), max_size=60)


def records_of(found: list[Event]) -> Records:
    records = Records()
    for event in found:
        records.add(event)
    return records


def tables(run: Path) -> list[list[Any]]:
    return [list(read_table(run, kind)) for kind in (Attempt, Trace, Failure)]


@settings(max_examples=60, deadline=None)
@given(found=events, chunk_bytes=st.sampled_from([1, 900, 5_000, 1 << 20]))
def test_chunks_on_disk_give_the_tables_of_records_in_memory(
    tmp_path_factory: pytest.TempPathFactory, found: list[Event], chunk_bytes: int
) -> None:
    run = tmp_path_factory.mktemp("run")
    journal = Journal(run)
    for event in found:
        journal.append(event, 0.0)
    journal.close()
    counts = compact_run(run, pytest.fail, chunk_bytes=chunk_bytes)
    records = records_of(found)
    of = (records.attempts, records.traces, records.failures)
    assert tables(run) == [sorted(rows.values(), key=row_order) for rows in of]
    assert counts == tuple(len(rows) for rows in of)
    assert sorted(path.name for path in run.iterdir() if path.name.startswith(".")) == []


@settings(max_examples=100, deadline=None)
@given(found=events, most_held=st.sampled_from([2, 3, 100]))
def test_the_state_knows_what_the_records_say(found: list[Event], most_held: int) -> None:
    ids = [an_attempt(i).problem for i in (0, 1, 2, 11)]
    model = an_attempt(0).model
    state, records = State([model], ids, 2, BUDGETS, most_held=most_held), records_of(found)
    for event in found:
        state.add(event)
    assert state.n_attempts == len(records.attempts)
    assert state.n_failures == len(records.failures)
    assert state.failures == records.failures
    for problem in ids:
        for sample in range(2):
            unit = (model, problem, sample)
            missing = [b for b in BUDGETS if (*unit, b) not in records.attempts]
            assert state.missing(unit) == missing
            if missing:
                assert [state.of(unit).attempts.get(b) for b in BUDGETS] == [
                    records.attempts.get((*unit, b)) for b in BUDGETS
                ]
                assert [state.trace((*unit, b)) for b in BUDGETS] == [records.traces.get((*unit, b)) for b in BUDGETS]
    state.close()


def test_a_complete_unit_is_held_while_it_is_worked_on_and_not_after(tmp_path: Path) -> None:
    first = an_attempt(0, 0)
    unit = (first.model, first.problem, first.sample)
    state = State([first.model], [first.problem], 1, (0,))
    state.begin(unit)
    state.add(a_trace(0))
    state.add(first)
    assert state.missing(unit) == []
    assert state.trace((*unit, None)) == a_trace(0)
    assert state.of(unit).attempts[0] == first
    state.end(unit)
    assert state.of(unit).traces == state.of(unit).attempts == {}


def test_what_the_study_has_not_is_passed_over() -> None:
    one = an_attempt(0, 0)
    state = State([one.model], [one.problem], 1, (0,))
    for strange in ({"sample": 1}, {"budget": 7}, {"model": "other"}, {"problem": "a/b/9"}, {"sample": -1}):
        state.add(msgspec.structs.replace(one, **strange))
    assert (state.n_attempts, state.missing((one.model, one.problem, 0))) == (0, [0])


class Killed(BaseException):
    """The process is gone at this point."""


@pytest.mark.parametrize("nth", [1, 2, 3])
def test_killed_between_tables_the_next_compaction_mends_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, nth: int
) -> None:
    journal = Journal(tmp_path)
    first = [a_trace(0), an_attempt(0, 0), a_failure(1)]
    for event in first:
        journal.append(event, 0.0)
    compact_run(tmp_path)
    journal.append(an_attempt(2, 0), 0.0)
    journal.append(a_failure(2), 0.0)
    journal.close()
    calls = [0]
    real = os.replace

    def deadly(*paths: Any) -> None:
        calls[0] += 1
        if calls[0] == nth:
            raise Killed
        real(*paths)

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", deadly)
        with pytest.raises(Killed):
            compact_run(tmp_path)
    records = read_records(tmp_path)
    assert compact_run(tmp_path) == (len(records.attempts), len(records.traces), len(records.failures))
    assert tables(tmp_path)[0] == [an_attempt(0, 0), an_attempt(2, 0)]


def test_a_full_disk_is_one_line_and_leaves_the_tables_that_were_there(tmp_path: Path) -> None:
    code = f"""
import resource, signal, sys
sys.path.insert(0, {str(Path(__file__).parent)!r})
from pathlib import Path
from records import a_trace
from thinkcurve.errors import UsageError
from thinkcurve.merge import compact_run
from thinkcurve.store import Journal
run = Path({str(tmp_path)!r})
journal = Journal(run)
for i in range(300):
    journal.append(a_trace(i, text=str(hash((i, "x"))) * 20), 0.0)
    if i == 0:
        compact_run(run)
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (9000, 9000))
for chunk_bytes in (1 << 20, 2000):
    try:
        compact_run(run, chunk_bytes=chunk_bytes)
    except UsageError as error:
        print(error)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.count("cannot write") == 2
    assert next(read_table(tmp_path, Trace)).problem == a_trace(0).problem
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


def test_a_run_without_a_journal_is_compacted_from_its_tables(tmp_path: Path) -> None:
    compact(tmp_path, records_of([a_trace(0), an_attempt(0, 0), a_failure(1)]))
    before = tables(tmp_path)
    assert compact_run(tmp_path) == (1, 1, 1)
    assert tables(tmp_path) == before


def test_tables_load_where_a_column_is_all_empty(tmp_path: Path) -> None:
    assert compact_run(tmp_path) == (0, 0, 0)
    assert pd.read_parquet(attempts_path(tmp_path)).empty
    assert pd.read_parquet(traces_path(tmp_path)).empty
    assert not failures_path(tmp_path).exists()
