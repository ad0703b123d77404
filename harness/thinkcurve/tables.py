"""The tables of a run: attempts, traces and failures as Parquet, written when a run ends and by ``thinkcurve compact``.

They load with `pandas.read_parquet` or ``datasets.load_dataset("parquet", ...)``; their columns are the fields
of `thinkcurve.store.Attempt`, `thinkcurve.store.Trace` and `thinkcurve.store.Failure`. Failures have a table only where
there are any.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from thinkcurve import segments
from thinkcurve.errors import UsageError
from thinkcurve.lines import sealed
from thinkcurve.segments import draft_of, journal_parts
from thinkcurve.store import (
    Attempt,
    Event,
    Failure,
    Records,
    Trace,
    Warn,
    has_journal,
    journal_path,
    read_events,
    replace,
)

Rows = TypeVar("Rows", Attempt, Trace, Failure)

MARK = b"thinkcurve.journal"
"""Where the table of attempts says, among its metadata, which journal it holds."""
SMALL_JOURNAL_BYTES = 16 << 20
"""A journal of up to this size is read in a second, and bears more damage than tables do."""
COMPRESSED = 8
"""A compressed segment holds at least about so many times its size."""
SEEN_BYTES = 64 << 10
"""So much of a segment's end is digested to know it again."""
GROUP_BYTES = 8 << 20
"""JSON bytes of a row group: some ten thousand short attempts, or a few hundred long traces."""


def read_records(run: Path, warn: Warn = lambda _: None) -> Records:
    """All records of a run: from its journal, or from its tables where the journal was removed."""
    return records_of(read_past(run, warn))


def records_of(events: Iterable[Event]) -> Records:
    """Events as records, the last word on each key."""
    records = Records()
    for event in events:
        records.add(event)
    return records


def read_past(run: Path, warn: Warn = lambda _: None) -> Iterator[Event]:
    """The events of a run one by one, from its journal, or from its tables where the journal was removed."""
    yield from read_events(run, warn) if has_journal(run) else read_tables(run)


def attempts_path(run: Path) -> Path:
    """Where the table of attempts lies."""
    return run / "attempts.parquet"


def traces_path(run: Path) -> Path:
    """Where the table of traces lies."""
    return run / "traces.parquet"


def failures_path(run: Path) -> Path:
    """Where the table of failures lies, if there were any."""
    return run / "failures.parquet"


def compact(run: Path, records: Records) -> None:
    """Write the tables from records, in a fixed order, each atomically; failures first, so that no table of attempts
    stands without them."""
    attempts = sorted(records.attempts.values(), key=row_order)
    traces = sorted(records.traces.values(), key=row_order)
    failures = sorted(records.failures.values(), key=row_order)
    if failures:
        write_table(failures_path(run), failures, Failure)
    write_table(traces_path(run), traces, Trace)
    write_table(attempts_path(run), attempts, Attempt)
    if not failures:
        _remove(failures_path(run))


def _remove(path: Path) -> None:
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        raise UsageError(f"cannot remove {path}: {error.strerror}") from error


def row_order(row: Attempt | Trace | Failure) -> tuple[Any, ...]:
    """The order of rows: `by_model`."""
    return by_model(row.model, row.problem, row.sample, row.budget)


def by_model(model: str, problem: str, sample: int, budget: int | None, kind: int = 0) -> tuple[Any, ...]:
    """The order of the tables: by model, task, split, index, sample, and budget with none the last."""
    task, split, index = problem.rsplit("/", 2)
    return (model, task, split, int(index), sample, budget is None, budget or 0, kind)


def restore_journal(run: Path) -> None:
    """Where a run has only its tables, write its journal again, atomically, so that it can be gone on with."""
    if has_journal(run) or not attempts_path(run).exists():
        return
    encoder = msgspec.json.Encoder()

    def write(path: Path) -> None:
        with path.open("wb") as journal:
            journal.writelines(sealed(encoder, event) for event in read_tables(run))

    replace(journal_path(run), write)


def write_table(path: Path, rows: Iterable[msgspec.Struct], record: type[msgspec.Struct]) -> None:
    """Write records as rows, in groups, atomically."""
    encode = msgspec.json.Encoder().encode

    def write(target: Path) -> None:
        with _Groups(target, record) as table:
            for row in rows:
                table.write(encode(row))

    replace(path, write)


class _Groups:
    """A Parquet file that is written a row group at a time; a context manager.

    Rows come as JSON, which pyarrow reads without importing pandas or keeping lists.
    """

    def __init__(self, path: Path, record: type[msgspec.Struct], mark: str = "") -> None:
        import pyarrow as pa
        import pyarrow.json as pj
        import pyarrow.parquet as pq

        schema = pa.schema([(name, arrow_type(record, name)) for name in record.__struct_fields__])
        self._parsing = pj.ParseOptions(explicit_schema=schema, unexpected_field_behavior="ignore")
        schema = schema.with_metadata({MARK: mark.encode()}) if mark else schema
        self._table = pq.ParquetWriter(path, schema, compression="zstd", write_page_checksum=True)
        self._lines: list[bytes] = []
        self._size = 0
        self.n_rows = 0

    def __enter__(self) -> _Groups:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        try:
            if kind is None:
                self.flush()
        finally:
            self._table.close()

    def write(self, line: bytes) -> None:
        """Write one row."""
        self._lines.append(line)
        self._size += len(line)
        self.n_rows += 1
        if self._size >= GROUP_BYTES:
            self.flush()

    def flush(self) -> None:
        """End a row group."""
        import pyarrow.json as pj

        if self._lines:
            lines = b"\n".join(self._lines)
            reading = pj.ReadOptions(use_threads=False, block_size=len(lines) + 1)
            read = pj.read_json(io.BytesIO(lines), read_options=reading, parse_options=self._parsing)
            self._table.write_table(read.replace_schema_metadata(self._table.schema.metadata))
            self._lines, self._size = [], 0


class TableWriter:
    """A table of a run that is written beside its place; a context manager, after which no draft is left.

    `publish` moves tables to their places. ``mark`` says which journal the rows are those of (`journal_mark`).
    """

    def __init__(self, run: Path, record: type[Attempt | Trace | Failure], mark: str = "") -> None:
        self.path = {Attempt: attempts_path, Trace: traces_path, Failure: failures_path}[record](run)
        self.draft = draft_of(self.path)
        self._groups = _Groups(self.draft, record, mark)
        self._is_closed = False

    @property
    def n_rows(self) -> int:
        """How many rows were written."""
        return self._groups.n_rows

    def __enter__(self) -> TableWriter:
        return self

    def __exit__(self, *error: object) -> None:
        with contextlib.suppress(OSError):  # of a disk that is full; what went wrong first is said already
            self.close(is_whole=False)
        with contextlib.suppress(OSError):
            self.draft.unlink(missing_ok=True)

    def write(self, line: bytes) -> None:
        """Write one row, a record as JSON."""
        self._groups.write(line)

    def close(self, *, is_whole: bool = True) -> None:
        """End the file; closing twice is harmless."""
        if not self._is_closed:
            self._is_closed = True
            self._groups.__exit__(None if is_whole else RuntimeError)


def publish(failures: TableWriter, traces: TableWriter, attempts: TableWriter) -> None:
    """Move tables to their places, failures first, so that no table of attempts stands without them."""
    for table in (failures, traces, attempts):
        try:
            table.close()
            if table is not failures or table.n_rows:
                segments.publish(table.draft, table.path)
        except OSError as error:
            raise UsageError(f"cannot write {table.path}: {error.strerror or error}") from error
    if not failures.n_rows:
        _remove(failures.path)


def journal_mark(run: Path) -> str:
    """What tells one state of a run's journal from another: names, sizes and digests of its parts; empty where there
    is none. Of a segment, which is never written again, the end is digested."""
    marks = []
    for part in journal_parts(run):
        try:
            with part.open("rb") as file:
                size = os.fstat(file.fileno()).st_size
                file.seek(0 if part == journal_path(run) else max(0, size - SEEN_BYTES))
                marks.append(f"{part.name} {size} {hashlib.file_digest(file, hashlib.blake2b).hexdigest()[:32]}")
        except OSError as error:
            raise UsageError(f"cannot read {part}: {error.strerror}") from error
    return "\n".join(marks)


def is_read_from_tables(run: Path) -> bool:
    """Whether a run is read from its tables: where it has no journal, or a large one that they hold all of."""
    if not attempts_path(run).exists():
        return False
    return not has_journal(run) or (not has_small_journal(run) and is_fresh(run))


def has_small_journal(run: Path) -> bool:
    """Whether the journal of a run is read, or made into tables, in a second."""
    sizes = (part.stat().st_size * (COMPRESSED if part.suffix == ".zst" else 1) for part in journal_parts(run))
    return sum(sizes) <= SMALL_JOURNAL_BYTES


def is_fresh(run: Path) -> bool:
    """Whether the tables of a run hold all that its journal does; of a run without a journal, whether it has any."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    if not attempts_path(run).exists():
        return False
    mark = journal_mark(run)
    if not mark:
        return True
    try:
        found = pq.read_schema(attempts_path(run)).metadata or {}
    except (OSError, pa.ArrowException):
        return False
    is_whole = traces_path(run).exists()
    return is_whole and found.get(MARK, b"") == mark.encode()


def arrow_type(record: type[msgspec.Struct], name: str) -> Any:
    """The Arrow type of the column that holds a field of a record."""
    import pyarrow as pa

    annotation = str(record.__annotations__[name])
    if annotation.startswith("tuple[int"):
        return pa.list_(pa.int32())
    if annotation.startswith("tuple["):
        return pa.list_(pa.string())
    kind = annotation.removesuffix(" | None")
    return {"int": pa.int64(), "float": pa.float64(), "bool": pa.bool_()}.get(kind, pa.string())


def read_tables(run: Path) -> Iterator[Event]:
    """The rows of a run's tables as records: traces, attempts, failures."""
    yield from read_table(run, Trace)
    yield from read_table(run, Attempt)
    yield from read_table(run, Failure)


def count_rows(path: Path, file: Any = None) -> int:
    """The rows of a table; none where there is no such file. ``file`` is that of `open_file`."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        return int(pq.read_metadata(file or path).num_rows) if file or path.exists() else 0
    except (OSError, pa.ArrowException, UnicodeDecodeError) as error:
        raise unreadable(path, error) from error


def column_groups(path: Path, columns: Sequence[str], file: Any = None) -> Iterator[Any]:
    """Some columns of a table as `pyarrow.Table`, a row group at a time; columns that it lacks are all null. ``file``
    is that of `open_file`, where the table is read more than once."""
    import pyarrow as pa

    if file is None and not path.exists():
        return
    try:
        with open_table(path, file) as table:
            there = [name for name in columns if name in table.schema_arrow.names]
            for i in range(table.num_row_groups):
                rows = table.read_row_group(i, columns=there)
                for name in columns:
                    rows = rows if name in there else rows.append_column(name, pa.nulls(rows.num_rows, pa.float64()))
                yield rows
    except (OSError, pa.ArrowException, UnicodeDecodeError) as error:
        raise unreadable(path, error) from error


def read_table(run: Path, record: type[Rows]) -> Iterator[Rows]:
    """The rows of one table of a run as records, a row group at a time; none where there is no such table."""
    import pyarrow as pa

    path = {Attempt: attempts_path, Trace: traces_path, Failure: failures_path}[record](run)
    if not path.exists():
        return
    try:
        with open_table(path) as file:
            for i in range(file.num_row_groups):
                for row in file.read_row_group(i).to_pylist():
                    yield msgspec.convert({"event": record.__name__.lower(), **row}, record)
    except (OSError, pa.ArrowException, UnicodeDecodeError, msgspec.ValidationError) as error:
        raise unreadable(path, error) from error


def open_file(path: Path) -> Any:
    """The file of a table that is read more than once, as `pyarrow.OSFile`; ``None`` where there is none.

    What is read of it is one table, also where another one takes its place, or its directory goes.
    """
    import pyarrow as pa

    try:
        return pa.OSFile(str(path)) if path.exists() else None
    except OSError as error:
        raise unreadable(path, error) from error


def open_table(path: Path, file: Any = None, **how: Any) -> Any:
    """A table as `pyarrow.parquet.ParquetFile`, whose pages are held against their checksums as they are read; from
    ``file`` where it is open (`open_file`), and stays so."""
    import pyarrow.parquet as pq

    return pq.ParquetFile(path if file is None else file, page_checksum_verification=True, **how)


def unreadable(path: Path, error: Exception) -> UsageError:
    """What is said of a table that cannot be read, and what mends it."""
    run = path.parent
    mend = f"`thinkcurve compact {run}` writes it" if has_journal(run) else "remove it, and `thinkcurve run` makes it"
    return UsageError(f"cannot read {path}: {' '.join(str(error).split())}; {mend} again")
