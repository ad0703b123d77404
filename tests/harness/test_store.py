"""The run on disk: what was written is read back, whatever happened in between."""

import os
import resource
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from records import a_failure, a_trace, an_attempt
from thinkcurve.errors import UsageError
from thinkcurve.store import Journal, Records, journal_path, read_journal, read_manifest
from thinkcurve.tables import attempts_path, compact, read_records, restore_journal, traces_path


def write(run: Path, *events: object) -> None:
    journal = Journal(run)
    for event in events:
        journal.append(event, now_s=0.0)  # type: ignore[arg-type]
    journal.close()


def test_events_come_back_equal(tmp_path: Path) -> None:
    events = [a_trace(), an_attempt(), an_attempt(budget=None), a_failure(1)]
    write(tmp_path, *events)
    assert list(read_journal(journal_path(tmp_path))) == events


@given(cut=st.integers(1, 400))
def test_a_torn_last_line_is_dropped_and_writing_goes_on(tmp_path_factory: pytest.TempPathFactory, cut: int) -> None:
    run = tmp_path_factory.mktemp("run")
    write(run, a_trace(0), a_trace(1))
    whole = journal_path(run).read_bytes()
    last = whole.rstrip(b"\n").rfind(b"\n") + 1
    torn = whole[: max(last, len(whole) - cut)]
    journal_path(run).write_bytes(torn)
    said: list[str] = []
    assert [e.key for e in read_journal(journal_path(run), said.append)] == [a_trace(0).key]
    assert len(said) == (not torn.endswith(b"\n"))
    write(run, a_trace(1), a_trace(2))
    assert list(read_journal(journal_path(run))) == [a_trace(0), a_trace(1), a_trace(2)]


def test_a_damaged_line_in_the_middle_is_passed_over_with_a_word(tmp_path: Path) -> None:
    write(tmp_path, a_trace(0), a_trace(1))
    lines = journal_path(tmp_path).read_bytes().splitlines(keepends=True)
    journal_path(tmp_path).write_bytes(lines[0] + b'{"event":"trace","mo\x00\xff\n' + lines[1])
    said: list[str] = []
    assert list(read_journal(journal_path(tmp_path), said.append)) == [a_trace(0), a_trace(1)]
    assert len(said) == 1
    assert "line 2" in said[0]


def test_a_line_that_is_not_utf_8_and_much_noise_are_one_word(tmp_path: Path) -> None:
    write(tmp_path, a_trace(0))
    with journal_path(tmp_path).open("ab") as journal:
        journal.write(journal_path(tmp_path).read_bytes().replace(b"so 2", b"\xff\xfe") + b"noise\n" * 1000)
    said: list[str] = []
    assert list(read_journal(journal_path(tmp_path), said.append)) == [a_trace(0)]
    assert len(said) == 1
    assert "line 2 and 1,000 more" in said[0]


def test_an_empty_or_all_torn_journal_is_survived(tmp_path: Path) -> None:
    journal_path(tmp_path).write_bytes(b'{"event":')
    write(tmp_path, a_trace(0))
    assert list(read_journal(journal_path(tmp_path))) == [a_trace(0)]


def test_two_writers_are_refused(tmp_path: Path) -> None:
    first = Journal(tmp_path)
    with pytest.raises(UsageError, match="being written by another process"):
        Journal(tmp_path)
    first.close()
    Journal(tmp_path).close()


def test_a_full_disk_loses_nothing_that_was_written(tmp_path: Path) -> None:
    code = f"""
import resource, signal, sys
sys.path.insert(0, {str(Path(__file__).parent)!r})
from pathlib import Path
from records import a_trace
from thinkcurve.errors import ThinkcurveError
from thinkcurve.store import Journal
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (1500, 1500))
journal = Journal(Path({str(tmp_path)!r}))
try:
    for i in range(100):
        journal.append(a_trace(i), now_s=0.0)
except ThinkcurveError as error:
    print(error)
    journal.close()
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "all before it is safe" in done.stdout
    kept = list(read_journal(journal_path(tmp_path), pytest.fail))
    assert kept == [a_trace(i) for i in range(len(kept))]
    assert len(kept) >= 3
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[0] != 1500


@pytest.mark.skipif(
    os.geteuid() == 0, reason="root may write anywhere; the CLI test covers root with a file in the way"
)
def test_a_read_only_directory_is_one_line(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(UsageError, match="Permission denied"):
        Journal(tmp_path)


def test_an_attempt_makes_a_failure_good_and_not_the_other_way_round() -> None:
    records = Records()
    records.add(a_failure(0))
    assert len(records.failures) == 1
    records.add(an_attempt(0))
    records.add(a_failure(0))
    assert (len(records.failures), len(records.attempts)) == (0, 1)


def test_tables_hold_what_the_journal_holds(tmp_path: Path) -> None:
    events = [a_trace(0), a_trace(11), *(an_attempt(i, b) for i in (11, 2, 0) for b in (None, 64, 0))]
    write(tmp_path, *events)
    records = read_records(tmp_path)
    compact(tmp_path, records)
    journal_path(tmp_path).unlink()
    again = read_records(tmp_path)
    assert again.attempts == records.attempts
    assert again.traces == records.traces
    table = pd.read_parquet(attempts_path(tmp_path))
    assert list(table["index"]) == [0, 0, 0, 2, 2, 2, 11, 11, 11]
    assert table["budget"].isna().tolist() == [False, False, True] * 3
    assert pd.read_parquet(traces_path(tmp_path))["text"].tolist() == [a_trace().text] * 2


def test_a_damaged_table_is_one_line(tmp_path: Path) -> None:
    attempts_path(tmp_path).write_bytes(b"PAR1 not really")
    with pytest.raises(UsageError, match="cannot read"):
        read_records(tmp_path)


def test_a_table_with_a_verdict_of_another_time_is_one_line(tmp_path: Path) -> None:
    write(tmp_path, an_attempt())
    compact(tmp_path, read_records(tmp_path))
    journal_path(tmp_path).unlink()
    table = pd.read_parquet(attempts_path(tmp_path))
    table["verdict"] = "maybe"
    table.to_parquet(attempts_path(tmp_path))
    with pytest.raises(UsageError, match="cannot read"):
        read_records(tmp_path)


def test_a_journal_is_restored_from_the_tables_whole_or_not_at_all(tmp_path: Path) -> None:
    write(tmp_path, a_trace(0), an_attempt(0), an_attempt(0, None))
    records = read_records(tmp_path)
    compact(tmp_path, records)
    restore_journal(tmp_path)
    journal_path(tmp_path).unlink()
    restore_journal(tmp_path)
    assert read_records(tmp_path).attempts == records.attempts
    assert list(tmp_path.glob(".*")) == []


@pytest.mark.parametrize(
    ("text", "complaint"),
    [("{", "damaged"), ('{"schema": 99}', "schema 99"), ('{"schema": 1}', "damaged"), ("[]", "damaged")],
)
def test_an_unreadable_manifest_is_one_line(tmp_path: Path, text: str, complaint: str) -> None:
    (tmp_path / "manifest.json").write_text(text)
    with pytest.raises(UsageError, match=complaint):
        read_manifest(tmp_path)


def test_a_directory_that_is_no_run_is_said_so(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"is not a run: it has no manifest\.json"):
        read_manifest(tmp_path)


def test_an_empty_run_and_odd_values_make_tables(tmp_path: Path) -> None:
    import math

    import msgspec

    compact(tmp_path, read_records(tmp_path))
    assert pd.read_parquet(attempts_path(tmp_path)).empty
    odd = msgspec.structs.replace(
        an_attempt(), flops=1e300, wall_s=5.0, answer='"\\\n\t\u2028é😀', extracted="2024-01-01"
    )
    records = read_records(tmp_path)
    records.add(odd)
    compact(tmp_path, records)
    assert read_records(tmp_path).attempts[odd.key] == odd
    assert not math.isnan(odd.flops or 0.0)
