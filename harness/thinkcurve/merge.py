"""A run gone through in another order without holding it in memory: its events sorted in chunks on disk, then merged.

So its tables are written (`compact_run`), and so its attempts come problem by problem (`Problems`). Of the events of
one key the last in the journal is kept, and a failure only where there is no attempt: what `thinkcurve.records.Records`
does in memory. Memory is bounded by a chunk and a row group, whatever the size of the run.
"""

from __future__ import annotations

import contextlib
import heapq
import itertools
import operator
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import IO, Any, NamedTuple

import msgspec

from thinkcurve.errors import UsageError
from thinkcurve.records import Attempt, Event, Failure, Trace
from thinkcurve.store import Warn, has_journal, read_events
from thinkcurve.tables import TableWriter, by_model, journal_mark, publish, read_tables

CHUNK_BYTES = 32 << 20
"""JSON bytes that are sorted at once; as Python objects they take about twice as much."""
READ_BYTES = 32 << 20
"""Bytes that all cursors together read ahead when chunks are merged."""

Key = tuple[Any, ...]
"""What events are sorted by; the kind is its last part."""
Order = Callable[[str, str, int, int | None, int], Key]
"""The key of an event by its model, problem, sample, budget and kind."""
ATTEMPT, FAILURE, TRACE = range(3)
_KINDS: dict[type[Event], int] = {Attempt: ATTEMPT, Failure: FAILURE, Trace: TRACE}


class Counts(NamedTuple):
    """Rows of the tables of a run."""

    attempts: int
    traces: int
    failures: int


def compact_run(
    run: Path, warn: Warn = lambda _: None, *, into: Path | None = None, chunk_bytes: int = CHUNK_BYTES
) -> Counts:
    """Write the tables of a run from its journal, or anew from its tables where it has none, and count their rows.

    Each table takes its place whole, and the attempts last, with the mark of the journal that they hold; ``into``
    another directory where nothing is to be written to the run's. Raises `UsageError` where the disk refuses; what lay
    there stays then.
    """
    folder, mark = into or run, journal_mark(run)
    events = read_events(run, warn) if has_journal(run) else read_tables(run)
    try:
        with ExitStack() as stack:
            spill = stack.enter_context(tempfile.TemporaryFile(dir=folder))
            failures, traces = (stack.enter_context(TableWriter(folder, kind)) for kind in (Failure, Trace))
            attempts = stack.enter_context(TableWriter(folder, Attempt, mark))
            writers = {ATTEMPT: attempts, FAILURE: failures, TRACE: traces}
            for kind, line in _last_words(Sorted(events, spill, chunk_bytes=chunk_bytes)):
                writers[kind].write(line)
            publish(failures, traces, attempts)
            return Counts(attempts.n_rows, traces.n_rows, failures.n_rows)
    except OSError as error:  # what is put aside is written as late as when it is let go
        where = "" if into is None else " among temporary files; TMPDIR says where they go"
        raise UsageError(f"cannot write the tables of {run}{where}: {error.strerror or error}") from error


def by_problem(model: str, problem: str, sample: int, budget: int | None, kind: int = 0) -> Key:
    """The order in which all models at a problem stand together."""
    _, task, split, index, *rest = by_model(model, problem, sample, budget, kind)
    return (task, split, index, model, *rest)


class Sorted:
    """Events as JSON with their keys, in the order of these; those of one key in the order they came in.

    All chunks but the last are put aside in ``spill``, which must stay open. They may be gone through again.
    """

    def __init__(
        self, events: Iterable[Event], spill: IO[bytes], order: Order = by_model, *, chunk_bytes: int = CHUNK_BYTES
    ) -> None:
        self._spill = spill
        self._order = order
        self._ends = [0]
        self._last: list[tuple[Key, bytes]] = []
        for chunk in self._chunks(events, chunk_bytes):
            if self._last:
                spill.writelines(line + b"\n" for _, line in self._last)
                self._ends.append(spill.tell())
            self._last = chunk
        spill.flush()

    def __iter__(self) -> Iterator[tuple[Key, bytes]]:
        if len(self._ends) == 1:
            return iter(self._last)
        ahead = max(READ_BYTES // len(self._ends), 4096)
        spilled = [self._read(start, end, ahead) for start, end in itertools.pairwise(self._ends)]
        return heapq.merge(*spilled, self._last, key=operator.itemgetter(0))

    def _chunks(self, events: Iterable[Event], chunk_bytes: int) -> Iterator[list[tuple[Key, bytes]]]:
        """Events in sorted lists, bounded in bytes."""
        encode = msgspec.json.Encoder().encode
        chunk, size = list[tuple[Key, bytes]](), 0
        for event in events:
            line = encode(event)
            kind = _KINDS[type(event)]
            chunk.append((self._order(event.model, event.problem, event.sample, event.budget, kind), line))
            size += len(line)
            if size >= chunk_bytes:
                chunk.sort(key=operator.itemgetter(0))
                yield chunk
                chunk, size = [], 0
        chunk.sort(key=operator.itemgetter(0))
        yield chunk

    def _read(self, start: int, end: int, ahead: int) -> Iterator[tuple[Key, bytes]]:
        """The lines of a chunk that was put aside. Cursors share the file, so each moves it to its place before it
        reads."""
        head = msgspec.json.Decoder(_Head).decode
        rest = b""
        while start < end:
            self._spill.seek(start)
            read = self._spill.read(min(ahead, end - start))
            if not read:
                raise OSError(0, "what was put aside is gone")
            start += len(read)
            *lines, rest = (rest + read).split(b"\n")
            for line in lines:
                of = head(line)
                yield self._order(of.model, of.problem, of.sample, of.budget, _NAMES[of.event]), line


class Problems:
    """The attempts of a run, a list a problem, with those of all models: the last word on each, in the order of the
    tables but for that. They may be gone through again; a context manager, after which nothing of them is left.

    What does not fit into a chunk lies in ``folder``, or where the system keeps temporary files. Raises `UsageError`
    where the disk refuses.
    """

    def __init__(self, events: Iterable[Event], folder: Path | None = None, *, chunk_bytes: int = CHUNK_BYTES) -> None:
        attempts = (event for event in events if isinstance(event, Attempt))
        with ExitStack() as stack:
            try:
                spill = stack.enter_context(tempfile.TemporaryFile(dir=folder))
                self._rows = Sorted(attempts, spill, by_problem, chunk_bytes=chunk_bytes)
            except OSError as error:
                raise _not_put_aside(folder, error) from error
            self._folder = folder
            self._stack = stack.pop_all()

    def __enter__(self) -> Problems:
        return self

    def __exit__(self, *_: object) -> None:
        del self._rows
        with contextlib.suppress(OSError):  # of a disk that is full; what went wrong first is said already
            self._stack.close()

    def __iter__(self) -> Iterator[list[Attempt]]:
        decode = msgspec.json.Decoder(Attempt).decode
        try:
            for _, rows in itertools.groupby(_last_of_each(self._rows), key=lambda row: row[0][:3]):
                yield [decode(line) for _, line in rows]
        except OSError as error:
            raise _not_put_aside(self._folder, error) from error


def _not_put_aside(folder: Path | None, error: OSError) -> UsageError:
    where = "among temporary files; TMPDIR says where they go" if folder is None else f"in {folder}"
    return UsageError(f"cannot put attempts aside, {error.strerror or error}, {where}")


class _Head(msgspec.Struct, frozen=True, gc=False):
    """What of an event makes its key."""

    event: str
    model: str
    problem: str
    sample: int
    budget: int | None


_NAMES = {"attempt": ATTEMPT, "failure": FAILURE, "trace": TRACE}


def _last_of_each(rows: Iterable[tuple[Key, bytes]]) -> Iterator[tuple[Key, bytes]]:
    """The last of each key."""
    for _, same in itertools.groupby(rows, key=operator.itemgetter(0)):
        *_, last = same
        yield last


def _last_words(rows: Iterable[tuple[Key, bytes]]) -> Iterator[tuple[int, bytes]]:
    """The last of each key; no failure beside an attempt, which comes before it."""
    attempt: tuple[object, ...] | None = None
    for key, line in _last_of_each(rows):
        kind = key[-1]
        if kind == ATTEMPT:
            attempt = key[:-1]
        if kind != FAILURE or key[:-1] != attempt:
            yield kind, line
