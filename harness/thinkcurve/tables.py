"""The tables of a run: attempts, traces and failures as Parquet, written when a run ends and by ``thinkcurve compact``.

They load with `pandas.read_parquet` or ``datasets.load_dataset("parquet", ...)``; their columns are the fields
of `thinkcurve.store.Attempt`, `thinkcurve.store.Trace` and `thinkcurve.store.Failure`. Failures have a table only where
there are any.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import msgspec

from thinkcurve.errors import UsageError
from thinkcurve.store import Attempt, Event, Failure, Records, Trace, Warn, journal_path, read_journal, replace

GROUP_BYTES = 8 << 20
"""JSON bytes of a row group: some ten thousand short attempts, or a few hundred long traces."""


def read_records(run: Path, warn: Warn = lambda _: None) -> Records:
    """All records of a run: from its journal, or from its tables where the journal was removed."""
    records = Records()
    if journal_path(run).exists():
        for event in read_journal(journal_path(run), warn):
            records.add(event)
    elif attempts_path(run).exists():
        for event in _read_tables(run):
            records.add(event)
    return records


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


def row_order(row: Attempt | Trace | Failure) -> tuple[str, str, str, int, bool, int]:
    """The order of rows: by model, task, problem, sample and budget."""
    task, split, index = row.problem.rsplit("/", 2)
    return (row.model, task, split, int(index) * 1_000_000 + row.sample, row.budget is None, row.budget or 0)


def restore_journal(run: Path) -> None:
    """Where a run has only its tables, write its journal again, atomically, so that it can be gone on with."""
    if journal_path(run).exists() or not attempts_path(run).exists():
        return
    encode = msgspec.json.Encoder().encode
    lines = b"".join(encode(event) + b"\n" for event in _read_tables(run))
    replace(journal_path(run), lambda path: path.write_bytes(lines))


def write_table(path: Path, rows: Iterable[msgspec.Struct], record: type[msgspec.Struct]) -> None:
    """Write records as rows, in groups, atomically. They go through JSON, which pyarrow reads without importing pandas
    or keeping lists."""
    import pyarrow as pa
    import pyarrow.json as pj
    import pyarrow.parquet as pq

    schema = pa.schema([(name, arrow_type(record, name)) for name in record.__struct_fields__])
    parsing = pj.ParseOptions(explicit_schema=schema, unexpected_field_behavior="ignore")

    def write(target: Path) -> None:
        with pq.ParquetWriter(target, schema, compression="zstd") as table:
            for lines in _groups(rows):
                reading = pj.ReadOptions(use_threads=False, block_size=len(lines) + 1)
                table.write_table(pj.read_json(io.BytesIO(lines), read_options=reading, parse_options=parsing))

    replace(path, write)


def _groups(rows: Iterable[msgspec.Struct]) -> Iterator[bytes]:
    """Rows as JSON lines, a row group at a time, bounded in bytes."""
    encode, lines, size = msgspec.json.Encoder().encode, [], 0
    for row in rows:
        lines.append(encode(row))
        size += len(lines[-1])
        if size >= GROUP_BYTES:
            yield b"\n".join(lines)
            lines, size = [], 0
    if lines:
        yield b"\n".join(lines)


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


def _read_tables(run: Path) -> Iterator[Event]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    tables = ((traces_path(run), Trace), (attempts_path(run), Attempt), (failures_path(run), Failure))
    for path, record in tables:
        if not path.exists():
            continue
        try:
            rows = pq.read_table(path).to_pylist()
            for row in rows:
                yield msgspec.convert({"event": record.__name__.lower(), **row}, Event)
        except (OSError, pa.ArrowException, msgspec.ValidationError) as error:
            raise UsageError(f"cannot read {path}: {error}") from error
