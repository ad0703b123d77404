"""A journal in segments and shards: whatever moment its writer is killed at, each event is read once, in order."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from records import a_failure, a_trace, an_attempt
from thinkcurve import segments
from thinkcurve.errors import UsageError
from thinkcurve.segments import journal_parts, own_segments, segments_path
from thinkcurve.store import Event, Journal, has_journal, journal_path, read_events
from thinkcurve.tables import read_records

EVENTS = [event for i in range(6) for event in (a_trace(i), an_attempt(i, 0), an_attempt(i, 64), an_attempt(i, None))]
SMALL = 4_000
"""Bytes of a segment: some four events."""


def write(run: Path, events: list[Event], **of: Any) -> None:
    journal = Journal(run, segment_bytes=SMALL, **of)
    for event in events:
        journal.append(event, 0.0)
    journal.close()


def read(run: Path) -> list[Event]:
    return list(read_events(run, pytest.fail))


def test_segments_hold_what_was_written_in_order(tmp_path: Path) -> None:
    write(tmp_path, EVENTS)
    assert len(own_segments(tmp_path)) > 2
    assert journal_path(tmp_path).stat().st_size < SMALL
    assert read(tmp_path) == EVENTS
    write(tmp_path, [an_attempt(9)])
    assert read(tmp_path) == [*EVENTS, an_attempt(9)]


def test_a_run_of_one_segment_has_the_files_it_always_had(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    journal.append(a_trace(), 0.0)
    journal.close()
    assert [path.name for path in tmp_path.iterdir()] == ["journal.jsonl"]


class Killed(BaseException):
    """The process is gone at this point: nothing after it runs, no ``except OSError`` either."""


def killed_at(monkeypatch: pytest.MonkeyPatch, nth: int) -> Callable[[], bool]:
    """Let the nth call that changes a disk be the last; whether it came."""
    calls = [0]

    def deadly(real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*given: Any) -> Any:
            calls[0] += 1
            if calls[0] == nth:
                raise Killed
            return real(*given)

        return call

    for name in ("replace", "fsync", "ftruncate", "write"):
        monkeypatch.setattr(os, name, deadly(getattr(os, name)))
    return lambda: calls[0] >= nth


def points() -> Iterator[int]:
    yield from range(1, 60)


@pytest.mark.parametrize("shard", ["", "node1"])
def test_killed_at_any_write_of_a_rotation_nothing_is_lost_or_doubled(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, shard: str
) -> None:
    n_killed = 0
    for nth in points():
        run = tmp_path / str(nth)
        run.mkdir()
        written = list[Event]()
        journal = Journal(run, shard=shard, segment_bytes=SMALL)
        with monkeypatch.context() as patch:
            has_come = killed_at(patch, nth)
            try:
                for event in EVENTS[:9]:
                    written.append(event)
                    journal.append(event, 0.0)
            except Killed:
                n_killed += 1
        os.close(journal._fd)
        found = read(run)
        assert found in (written, written[:-1]), nth
        again = Journal(run, shard=shard, segment_bytes=SMALL)
        for event in EVENTS[len(found) :]:
            again.append(event, 0.0)
        again.close()
        assert read(run) == EVENTS, nth
        if not shard:
            assert list(segments_path(run).glob(".*")) == []
        if not has_come():
            break
    assert n_killed > 10


def test_a_disk_that_refuses_the_segment_lets_the_journal_grow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(segments, "_sync", full)
        write(tmp_path, EVENTS)
    assert own_segments(tmp_path) == []
    assert read(tmp_path) == EVENTS
    write(tmp_path, [an_attempt(9)])
    assert len(own_segments(tmp_path)) == 1
    assert read(tmp_path) == [*EVENTS, an_attempt(9)]


def test_shards_come_after_what_was_put_away_before_and_before_what_is_written_now(tmp_path: Path) -> None:
    main = Journal(tmp_path)
    main.append(a_trace(0), 0.0)
    main.rotate()
    main.append(an_attempt(0, 64), 0.0)
    write(tmp_path, [a_trace(2), an_attempt(0, 64)], shard="b")
    write(tmp_path, [a_trace(1)], shard="a")
    main.close()
    names = [path.name for path in journal_parts(tmp_path)]
    assert names == ["000001.jsonl.zst", "b-000002.jsonl", "a-000003.jsonl", "journal.jsonl"]
    assert read(tmp_path) == [a_trace(0), a_trace(2), an_attempt(0, 64), a_trace(1), an_attempt(0, 64)]


def test_a_shard_takes_no_lock_and_an_empty_one_leaves_nothing(tmp_path: Path) -> None:
    main, one, other = Journal(tmp_path), Journal(tmp_path, shard="x"), Journal(tmp_path, shard="y")
    for journal in (one, other, main):
        journal.close()
    assert list(segments_path(tmp_path).iterdir()) == []
    with pytest.raises(ValueError, match="names no shard"):
        Journal(tmp_path, shard="../x")


def test_a_run_of_shards_alone_has_a_journal(tmp_path: Path) -> None:
    assert not has_journal(tmp_path)
    write(tmp_path, [an_attempt(0), a_failure(1)], shard="node-1.local")
    assert has_journal(tmp_path)
    assert len(read_records(tmp_path).attempts) == 1


@pytest.mark.parametrize("damage", [lambda b: b[: len(b) // 2], lambda b: b[:60] + b"XXXX" + b[64:], lambda b: b""])
def test_a_damaged_segment_is_one_word_and_the_rest_is_read(tmp_path: Path, damage: Callable[[bytes], bytes]) -> None:
    write(tmp_path, EVENTS)
    first = journal_parts(tmp_path)[0]
    first.write_bytes(damage(first.read_bytes()))
    said: list[str] = []
    found = list(read_events(tmp_path, said.append))
    assert found == EVENTS[-len(found) :]
    assert len(found) > len(EVENTS) // 2
    assert len(said) == 1
    assert "damaged after line" in said[0]


def test_a_segment_in_both_forms_is_read_once(tmp_path: Path) -> None:
    write(tmp_path, EVENTS, shard="n")
    plain = journal_parts(tmp_path)[-1]
    segments.compress(plain)
    assert read(tmp_path) == EVENTS


def test_two_processes_are_still_refused_after_a_rotation(tmp_path: Path) -> None:
    journal = Journal(tmp_path, segment_bytes=SMALL)
    for event in EVENTS:
        journal.append(event, 0.0)
    with pytest.raises(UsageError, match="being written by another process"):
        Journal(tmp_path)
    journal.close()
