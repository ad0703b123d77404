"""Compaction without holding a run in memory: its events sorted in chunks on disk, then merged into the tables.

Of the events of one key the last in the journal is kept, and a failure only where there is no attempt: what
`thinkcurve.records.Records` does in memory. Memory is bounded by a chunk and a row group, whatever the size of the run.
"""

from __future__ import annotations

import heapq
import itertools
import operator
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import IO, NamedTuple

import msgspec

from thinkcurve.errors import UsageError
from thinkcurve.records import Attempt, Event, Failure, Trace
from thinkcurve.store import Warn, has_journal, read_events
from thinkcurve.tables import TableWriter, journal_mark, publish, read_tables

CHUNK_BYTES = 32 << 20
"""JSON bytes that are sorted at once; as Python objects they take about twice as much."""
READ_BYTES = 32 << 20
"""Bytes that all cursors together read ahead when chunks are merged."""

Key = tuple[str, str, str, int, int, bool, int, int]
"""Model, task, split, index, sample, and budget with none the last: `thinkcurve.tables.row_order`; then the kind."""
ATTEMPT, FAILURE, TRACE = range(3)
_KINDS: dict[type[Event], int] = {Attempt: ATTEMPT, Failure: FAILURE, Trace: TRACE}


class Counts(NamedTuple):
    """Rows of the tables of a run."""

    attempts: int
    traces: int
    failures: int


def compact_run(run: Path, warn: Warn = lambda _: None, *, chunk_bytes: int = CHUNK_BYTES) -> Counts:
    """Write the tables of a run from its journal, or anew from its tables where it has none, and count their rows.

    Each table takes its place whole, and the attempts last, with the mark of the journal that they hold. Raises
    `UsageError` where the disk refuses; what lay there stays then.
    """
    mark = journal_mark(run)
    events = read_events(run, warn) if has_journal(run) else read_tables(run)
    try:
        with ExitStack() as stack:
            spill = stack.enter_context(tempfile.TemporaryFile(dir=run))
            failures, traces = (stack.enter_context(TableWriter(run, kind)) for kind in (Failure, Trace))
            attempts = stack.enter_context(TableWriter(run, Attempt, mark))
            writers = {ATTEMPT: attempts, FAILURE: failures, TRACE: traces}
            for kind, line in _last_words(_sorted(events, spill, chunk_bytes)):
                writers[kind].write(line)
            publish(failures, traces, attempts)
            return Counts(attempts.n_rows, traces.n_rows, failures.n_rows)
    except OSError as error:  # what is put aside is written as late as when it is let go
        raise UsageError(f"cannot write the tables of {run}: {error.strerror or error}") from error


def _sorted(events: Iterable[Event], spill: IO[bytes], chunk_bytes: int) -> Iterator[tuple[Key, bytes]]:
    """All events as JSON in the order of their keys; those of one key in the order they came in."""
    ends, last = [0], list[tuple[Key, bytes]]()
    for chunk in _chunks(events, chunk_bytes):
        if last:
            spill.writelines(line + b"\n" for _, line in last)
            ends.append(spill.tell())
        last = chunk
    if len(ends) == 1:
        return iter(last)
    spill.flush()
    ahead = max(READ_BYTES // len(ends), 4096)
    spilled = [_read(spill, start, end, ahead) for start, end in itertools.pairwise(ends)]
    return heapq.merge(*spilled, last, key=operator.itemgetter(0))


def _chunks(events: Iterable[Event], chunk_bytes: int) -> Iterator[list[tuple[Key, bytes]]]:
    """Events in sorted lists, bounded in bytes."""
    encode = msgspec.json.Encoder().encode
    chunk, size = list[tuple[Key, bytes]](), 0
    for event in events:
        line = encode(event)
        chunk.append((_key(event.model, event.problem, event.sample, event.budget, _KINDS[type(event)]), line))
        size += len(line)
        if size >= chunk_bytes:
            chunk.sort(key=operator.itemgetter(0))
            yield chunk
            chunk, size = [], 0
    chunk.sort(key=operator.itemgetter(0))
    yield chunk


def _key(model: str, problem: str, sample: int, budget: int | None, kind: int) -> Key:
    task, split, index = problem.rsplit("/", 2)
    return (model, task, split, int(index), sample, budget is None, budget or 0, kind)


class _Head(msgspec.Struct, frozen=True, gc=False):
    """What of an event makes its key."""

    event: str
    model: str
    problem: str
    sample: int
    budget: int | None


_NAMES = {"attempt": ATTEMPT, "failure": FAILURE, "trace": TRACE}


def _read(spill: IO[bytes], start: int, end: int, ahead: int) -> Iterator[tuple[Key, bytes]]:
    """The lines of a chunk that was spilled. Cursors share the file, so each moves it to its place before it reads."""
    head = msgspec.json.Decoder(_Head).decode
    rest = b""
    while start < end:
        spill.seek(start)
        read = spill.read(min(ahead, end - start))
        if not read:
            raise OSError(0, "what was put aside is gone")
        start += len(read)
        *lines, rest = (rest + read).split(b"\n")
        for line in lines:
            of = head(line)
            yield _key(of.model, of.problem, of.sample, of.budget, _NAMES[of.event]), line


def _last_words(rows: Iterable[tuple[Key, bytes]]) -> Iterator[tuple[int, bytes]]:
    """The last of each key; no failure beside an attempt, which comes before it."""
    attempt: tuple[object, ...] | None = None
    for key, same in itertools.groupby(rows, key=operator.itemgetter(0)):
        *_, (_, line) = same
        kind = key[-1]
        if kind == ATTEMPT:
            attempt = key[:-1]
        if kind != FAILURE or key[:-1] != attempt:
            yield kind, line
