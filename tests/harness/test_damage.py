"""Disks that change what was written: no line that was changed is believed, and what is lost is made again."""

import os
import random
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from records import a_trace, an_attempt
from scripts import STUDY, Doubling, changed, given, said, sweep
from thinkcurve import segments
from thinkcurve.errors import ThinkcurveError, UsageError
from thinkcurve.frames import read_frame
from thinkcurve.lines import is_intact, sealed
from thinkcurve.merge import compact_run
from thinkcurve.records import Attempt, Event, Trace
from thinkcurve.run import load_run
from thinkcurve.state import State
from thinkcurve.store import Journal, held, journal_path, read_events, read_manifest, write_manifest
from thinkcurve.tables import attempts_path, read_table, restore_journal, traces_path

EVENTS = [event for i in range(4) for event in (a_trace(i), an_attempt(i, 0), an_attempt(i, None))]


def write(run: Path, events: list[Event], **how: int) -> None:
    run.mkdir(exist_ok=True)
    journal = Journal(run, **how)
    for event in events:
        journal.append(event, 0.0)
    journal.close()


def flipped(data: bytes, bit: int) -> bytes:
    return data[: bit // 8] + bytes([data[bit // 8] ^ 1 << bit % 8]) + data[bit // 8 + 1 :]


def test_no_flipped_bit_of_a_line_makes_another_event() -> None:
    line = sealed(msgspec.json.Encoder(), an_attempt())
    decode = msgspec.json.Decoder(Event).decode
    assert is_intact(line)
    assert decode(line) == an_attempt()
    n_believed = 0
    for bit in range(8 * (len(line) - 1)):
        other = flipped(line, bit)
        try:
            event = decode(other)
        except (msgspec.DecodeError, UnicodeDecodeError):
            continue
        assert event == an_attempt() or not is_intact(other), other
        n_believed += event != an_attempt()
    assert n_believed > 100, "JSON alone notices every flip, so that nothing was tried"


def test_a_line_of_an_earlier_version_is_believed(tmp_path: Path) -> None:
    journal_path(tmp_path).write_bytes(msgspec.json.encode(an_attempt()) + b"\n")
    write(tmp_path, [an_attempt(1)])
    assert list(read_events(tmp_path, pytest.fail)) == [an_attempt(0), an_attempt(1)]


def test_a_flipped_bit_in_a_compressed_segment_is_no_other_event(tmp_path: Path) -> None:
    write(tmp_path, EVENTS, segment_bytes=3_000)
    [first, *_] = segments.own_segments(tmp_path)
    whole, rng = first.read_bytes(), random.Random(0)
    for _ in range(300):
        first.write_bytes(flipped(whole, rng.randrange(8 * len(whole))))
        told: list[str] = []
        found = list(read_events(tmp_path, told.append))
        assert all(event in EVENTS for event in found)
        assert told or found == EVENTS


async def test_whichever_line_is_lost_the_run_ends_the_same(tmp_path: Path) -> None:
    study = changed(STUDY, budgets=(0, 8, 64, None))
    whole = await sweep(tmp_path / "whole", study, given(task=Doubling(3)))
    lines = journal_path(whole.path).read_bytes().splitlines(keepends=True)
    for n, line in enumerate(lines):
        run = tmp_path / str(n)
        await sweep(run, study, given(task=Doubling(3)))
        journal_path(run).write_bytes(b"".join(lines[:n]) + line[:20] + b"?" + line[21:] + b"".join(lines[n + 1 :]))
        again = await sweep(run, study, given(task=Doubling(3)))
        assert said(again) == said(whole), n
        assert rows(run) == rows(whole.path), n


def rows(run: Path) -> list[list[Event]]:
    """The tables, less what is measured."""
    tables = (read_table(run, Trace), read_table(run, Attempt))
    times = [{"wall_s": 0.0}, {"wall_s": 0.0, "verify_cpu_s": 0.0}]
    return [[msgspec.structs.replace(row, **none) for row in table] for table, none in zip(tables, times, strict=True)]


@pytest.mark.parametrize("is_separate", [False, True])
def test_attempts_without_their_trace_are_forgotten(is_separate: bool) -> None:
    budgets = [0, 8, *range(16, 160, 16), None]  # more than a byte of bits
    rng = random.Random(1)
    for _ in range(200):
        state = State(["m"], [f"t/test/{i}" for i in range(5)], 2, budgets, is_separate=is_separate, most_held=3)
        traced, there = set[tuple[int, int, int | None]](), set[tuple[int, int, int | None]]()
        keys = [(i, s, b) for i in range(5) for s in range(2) for b in budgets]
        for key in rng.sample(keys, rng.randrange(len(keys))):
            index, sample, budget = key
            if rng.random() < 0.6:
                traced.add(key)
                state.add(msgspec.structs.replace(a_trace(index, sample), budget=budget))
            there.add(key)
            state.add(an_attempt(index, budget, sample=sample))
        kept = {k for k in there if k in traced or (not is_separate and (*k[:2], None) in traced)}
        assert state.forget_untraced() == len(there) - len(kept)
        assert state.n_attempts == len(kept)
        for index in range(5):
            for sample in range(2):
                missing = state.missing(("m", f"t/test/{index}", sample))
                assert missing == [b for b in budgets if (index, sample, b) not in kept]
                assert not set(missing) & set(state.of(("m", f"t/test/{index}", sample)).attempts)
        state.close()


@pytest.mark.parametrize("place", [attempts_path, traces_path])
def test_no_flipped_bit_of_a_page_is_read_as_truth(tmp_path: Path, place: Callable[[Path], Path]) -> None:
    write(tmp_path, EVENTS)
    compact_run(tmp_path)
    record = Attempt if place is attempts_path else Trace
    whole, rows, frame = (
        place(tmp_path).read_bytes(),
        [*read_table(tmp_path, record)],
        read_frame(place(tmp_path), record),
    )
    rng, n_refused = random.Random(0), 0
    footer = len(whole) - 8 - int.from_bytes(whole[-8:-4], "little")
    for _ in range(250):
        place(tmp_path).write_bytes(flipped(whole, rng.randrange(8 * footer)))
        try:
            assert [*read_table(tmp_path, record)] == rows
            assert read_frame(place(tmp_path), record).equals(frame)
        except UsageError:
            n_refused += 1
    assert n_refused > 100


def test_what_mends_a_damaged_table_is_said(tmp_path: Path) -> None:
    write(tmp_path, EVENTS)
    compact_run(tmp_path)
    whole = traces_path(tmp_path).read_bytes()
    traces_path(tmp_path).write_bytes(whole[:-100])
    with pytest.raises(UsageError, match=r"`thinkcurve compact .*` writes it again"):
        list(read_table(tmp_path, Trace))
    compact_run(tmp_path)
    assert list(read_table(tmp_path, Trace)) == [event for event in EVENTS if isinstance(event, Trace)]
    journal_path(tmp_path).unlink()
    traces_path(tmp_path).write_bytes(whole[:-100])
    with pytest.raises(UsageError, match="remove it, and `thinkcurve run` makes it again"):
        restore_journal(tmp_path)
    assert list(tmp_path.glob(".*")) == []


def test_drafts_of_processes_that_are_gone_are_removed_and_others_are_not(tmp_path: Path) -> None:
    write(tmp_path, EVENTS, segment_bytes=3_000)
    gone = 999_999_999
    drafts = [tmp_path / f".{name}.{gone}" for name in ("manifest.json", "attempts.parquet", "curve.html")]
    drafts.append(segments.segments_path(tmp_path) / f".000009.jsonl.zst.{gone}")
    others = [tmp_path / f".curve.html.{os.getppid()}", tmp_path / ".gitignore"]
    for path in (*drafts, *others):
        path.write_bytes(b"half")
    Journal(tmp_path).close()
    assert not any(path.exists() for path in drafts)
    assert all(path.exists() for path in others)


def test_a_run_that_is_held_is_held_by_one(tmp_path: Path) -> None:
    with held(tmp_path):  # a run of tables alone has nothing to be held by, and gets nothing
        assert list(tmp_path.iterdir()) == []
    write(tmp_path, EVENTS)
    with held(tmp_path), pytest.raises(UsageError, match="being written by another process"):
        Journal(tmp_path)
    journal = Journal(tmp_path)
    with pytest.raises(UsageError, match="being written by another process"), held(tmp_path):
        pass
    journal.close()


async def test_a_run_that_another_process_wrote_since_its_manifest_was_read_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The other one writes between our reading of the manifest and our lock: to a run that is there, or a new one."""
    await sweep(tmp_path / "run")
    found = msgspec.structs.replace(read_manifest(tmp_path / "run"), finished="another time")
    monkeypatch.setattr("thinkcurve.plan.restore_journal", lambda run: write_manifest(run, found))
    for name in ("run", "new"):
        with pytest.raises(UsageError, match="written by another process just now; give the same command again"):
            await sweep(tmp_path / name)


def test_a_disk_that_refuses_to_keep_the_journal_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: int) -> None:
        raise OSError(28, "No space left on device")

    journal = Journal(tmp_path)
    monkeypatch.setattr(os, "fsync", refuse)
    with pytest.raises(ThinkcurveError, match="No space left on device; all before it is safe: make room"):
        journal.close()
    journal.close()
    monkeypatch.undo()
    Journal(tmp_path).close()  # the lock was let go


def test_a_file_is_on_the_disk_before_it_takes_its_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[str] = []
    real_sync, real_replace = os.fsync, os.replace
    monkeypatch.setattr(os, "fsync", lambda fd: (done.append("sync"), real_sync(fd))[1])
    monkeypatch.setattr(os, "replace", lambda *pair: (done.append("move"), real_replace(*pair))[1])
    segments.replace(tmp_path / "manifest.json", lambda path: path.write_bytes(b"{}"))
    assert done == ["sync", "move"]


def test_a_damaged_run_is_shown_as_what_is_left(tmp_path: Path) -> None:
    write(tmp_path, EVENTS)
    data = journal_path(tmp_path).read_bytes()
    at = data.index(b'"correct"')
    journal_path(tmp_path).write_bytes(data[:at] + b'"incorrec' + data[at + 9 :])
    told: list[str] = []
    assert len(list(read_events(tmp_path, told.append))) == len(EVENTS) - 1
    assert "damaged; what stood there is made again on resume" in told[0]
    with pytest.raises(UsageError, match="not a run"):
        load_run(tmp_path)
