"""The run on disk: records and journal. Here a run is written, and here it is read back.

    results/<run>/manifest.json      the study, versions, hardware, fingerprints   (`manifest`)
    results/<run>/journal.jsonl      append-only, one line an event, one write() each; the truth while running
    results/<run>/journal/           its full segments, compressed, and other writers' shards   (`segments`)
    results/<run>/attempts.parquet   one row an `Attempt`   (written by `tables`)
    results/<run>/traces.parquet     one row a `Trace`
    results/<run>/failures.parquet   one row a `Failure`, where there are any

Killed at any moment, nothing graded is lost: a torn last line is dropped, everything before it stands. The
columns of the tables are the fields of `Attempt`, `Trace` and `Failure` (`records`), and nowhere else documented.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec

from thinkcurve.errors import ThinkcurveError, UsageError
from thinkcurve.lines import is_intact, sealed
from thinkcurve.manifest import (
    SCHEMA_VERSION,
    Manifest,
    ModelRecord,
    Sitting,
    TaskRecord,
    manifest_path,
    read_manifest,
    write_manifest,
)
from thinkcurve.records import Attempt, AttemptKey, Event, Failure, Records, Trace, Unit
from thinkcurve.segments import (
    SEGMENT_BYTES,
    SHARD,
    compress,
    compress_as,
    drop_drafts,
    has_journal,
    is_same,
    journal_parts,
    journal_path,
    lock,
    next_segment,
    number_of,
    open_lines,
    own_segments,
    replace,
    segments_path,
)

__all__ = [
    "SCHEMA_VERSION",
    "Attempt",
    "AttemptKey",
    "Event",
    "Failure",
    "Journal",
    "Manifest",
    "ModelRecord",
    "Records",
    "Sitting",
    "TaskRecord",
    "Trace",
    "Unit",
    "Warn",
    "has_journal",
    "held",
    "journal_path",
    "manifest_path",
    "read_events",
    "read_journal",
    "read_manifest",
    "replace",
    "write_manifest",
]

Warn = Callable[[str], None]


def read_events(run: Path, warn: Warn = lambda _: None) -> Iterator[Event]:
    """The events of a run, of all segments and shards of its journal, in their fixed order (`segments`)."""
    for part in journal_parts(run):
        yield from read_journal(part, warn)


def read_journal(path: Path, warn: Warn = lambda _: None) -> Iterator[Event]:
    """The events of one file of a journal, in order. What cannot be read is passed over, with one word to ``warn``;
    of a compressed segment everything after its damage."""
    decoder = msgspec.json.Decoder(Event)
    damaged: list[int] = []
    number, is_broken = 0, False
    try:
        with open_lines(path) as lines:
            for number, line in enumerate(lines, 1):
                if not line.endswith(b"\n"):
                    warn(f"{path}: dropped line {number}, torn when the run was stopped")
                    continue
                try:
                    event = decoder.decode(line)
                except (msgspec.DecodeError, UnicodeDecodeError):
                    damaged.append(number)
                    continue
                if is_intact(line):
                    yield event
                else:
                    damaged.append(number)
    except OSError as error:
        if path.suffix != ".zst" or error.errno is not None:
            raise UsageError(f"cannot read {path}: {error.strerror}") from error
        is_broken = True
    if is_broken or (number == 0 and path.suffix == ".zst"):
        warn(f"{path}: damaged after line {number}; what stood there is made again on resume")
    if damaged:
        more = f" and {len(damaged) - 1:,} more" if len(damaged) > 1 else ""
        warn(f"{path}: passed over line {damaged[0]}{more}, damaged; what stood there is made again on resume")


@contextlib.contextmanager
def held(run: Path) -> Iterator[None]:
    """Hold a run that is there against every writer, without writing to its journal; one that has only tables is held
    by nobody. Raises `UsageError` when another process holds it."""
    path = journal_path(run)
    try:
        fd = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        yield
        return
    except OSError as error:
        raise UsageError(f"cannot write {path}: {error.strerror}") from error
    try:
        _lock(fd, run)
        drop_drafts(run)
        yield
    finally:
        os.close(fd)


def _lock(fd: int, run: Path) -> None:
    if not lock(fd):
        raise UsageError(f"run {str(run)!r} is being written by another process")


class Journal:
    """The append-only journal of a run that is being carried out, locked against a second writer.

    Every event is one ``write()``; what was written survives the death of the process. ``sync_s`` bounds what a
    loss of power can take. Past ``segment_bytes`` what was written is compressed and put away (`rotate`).

    With the name of a ``shard`` it is another writer's part of the journal, in files of its own under ``journal/``,
    which no lock guards: the process that holds the run sees to it that a name is given to one writer at a time. What
    is written by a shard comes after all that lay in segments when the shard was opened; whoever opens shards calls
    `rotate` on the run's own journal before.

    Raises `UsageError` when another process holds the run, `ThinkcurveError` when the disk refuses.
    """

    def __init__(self, run: Path, *, shard: str = "", sync_s: float = 5.0, segment_bytes: int = SEGMENT_BYTES) -> None:
        if shard and not SHARD.fullmatch(shard):
            raise ValueError(f"{shard!r} names no shard: letters, digits, '_', '-' and '.' do")
        self.run = run
        self._shard = shard
        self._segment_bytes = segment_bytes
        self._sync_s = sync_s
        self._encoder = msgspec.json.Encoder()
        self._synced_at = 0.0
        if shard:
            self._size = 0
            self._open_shard(after=0)
            return
        self.path = journal_path(run)
        self._fd = self._open(self.path)
        try:
            _lock(self._fd, run)
        except UsageError:
            os.close(self._fd)
            raise
        self._size = self._drop_torn_tail()
        self._end_rotation()

    def append(self, event: Event, now_s: float) -> None:
        """Write one event; ``now_s`` is a monotonic clock, used to space out ``fsync``."""
        line = sealed(self._encoder, event)
        try:
            written = os.write(self._fd, line)
            if written != len(line):
                raise OSError(0, "the disk is full")
            self._size += written
            if now_s - self._synced_at >= self._sync_s:
                self._synced_at = now_s
                os.fsync(self._fd)
        except OSError as error:
            self._forget_torn_write()
            raise self._refused(error) from error
        if self._size >= self._segment_bytes:
            with contextlib.suppress(OSError):  # nothing is lost: tried again when as much more is written
                self.rotate()

    def rotate(self) -> None:
        """Put what was written so far away as a compressed segment, if anything was.

        The segment is whole before what it holds is let go, and a killed rotation is ended by the next writer. Raises
        ``OSError``; the journal goes on as it was then, and is not rotated before it has doubled.
        """
        if not self._size:
            return
        try:
            os.fsync(self._fd)
            if self._shard:
                self._rotate_shard()
            else:
                target = next_segment(self.run)
                compress_as(self.path, target.with_name(target.name + ".zst"))
                self._empty()
        except OSError:
            self._segment_bytes = max(self._segment_bytes, 2 * self._size)
            raise

    def sync(self) -> None:
        """Bring everything to the disk."""
        if self._fd >= 0:
            try:
                os.fsync(self._fd)
            except OSError as error:
                raise self._refused(error) from error

    def close(self) -> None:
        """Bring everything to the disk and let the lock go; closing twice is harmless."""
        if self._fd < 0:
            return
        try:
            self.sync()
        finally:
            fd, self._fd = self._fd, -1
            os.close(fd)
        if self._shard and not self._size:
            self.path.unlink(missing_ok=True)

    def _refused(self, error: OSError) -> ThinkcurveError:
        return ThinkcurveError(
            f"cannot write {self.path}: {error.strerror}; all before it is safe: "
            "make room and give the same command to go on"
        )

    def _open(self, path: Path, flags: int = 0) -> int:
        try:
            return os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | flags, 0o644)
        except OSError as error:
            raise UsageError(f"cannot write {path}: {error.strerror}") from error

    def _open_shard(self, after: int) -> None:
        try:
            segments_path(self.run).mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise UsageError(f"cannot make directory {segments_path(self.run)}: {error.strerror}") from error
        self.path = next_segment(self.run, self._shard, after=after)
        self._fd = self._open(self.path, os.O_EXCL)
        self._size = 0

    def _rotate_shard(self) -> None:
        full, fd = self.path, self._fd
        compress(full)
        self._open_shard(after=number_of(full))
        os.close(fd)
        full.unlink(missing_ok=True)

    def _end_rotation(self) -> None:
        """Let go what a writer that was killed had put away already."""
        drop_drafts(self.run)
        last = own_segments(self.run)[-1:]
        if self._size and last and is_same(self.path, last[0]):
            try:
                self._empty()
            except OSError as error:
                raise UsageError(f"cannot write {self.path}: {error.strerror}") from error

    def _empty(self) -> None:
        os.ftruncate(self._fd, 0)
        self._size = 0
        os.fsync(self._fd)

    def _drop_torn_tail(self) -> int:
        size = os.fstat(self._fd).st_size
        end = size
        while end > 0:
            start = max(0, end - 65536)
            os.lseek(self._fd, start, os.SEEK_SET)
            chunk = os.read(self._fd, end - start)
            newline = chunk.rfind(b"\n")
            if newline >= 0:
                end = start + newline + 1
                break
            end = start
        if end != size:
            os.ftruncate(self._fd, end)
        return end

    def _forget_torn_write(self) -> None:
        with contextlib.suppress(OSError):  # where even that fails, the torn line stays; reading drops it
            os.ftruncate(self._fd, self._size)
