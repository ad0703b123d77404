"""Rows of a Parquet, CSV or JSON-lines file as plain values, by the file's ending.

Texts are never taken for anything else: an answer ``007`` or ``2024-06-05`` in a CSV stays what it is.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

from thinkcurve.errors import UsageError
from thinkcurve.interop.imports.reading import read_bytes, read_object

JSON_LINES = (".jsonl", ".ndjson")
SMALLEST_BLOCK = 1 << 20


def columns_of(path: Path) -> list[str]:
    """The names of a file's columns. Raises `UsageError` where it is no table."""
    if path.suffix in JSON_LINES:
        return list(dict.fromkeys(name for row in _json_rows(path) for name in row))
    return [str(name) for name in _table(path, []).column_names]


def rows_of(path: Path, columns: Mapping[str, str], texts: Collection[str]) -> Iterator[dict[str, Any]]:
    """Rows under our names: ``columns`` holds the file's name for each. ``texts`` are those of ours that are texts.
    What a row lacks is ``None``."""
    if path.suffix in JSON_LINES:
        for row in _json_rows(path):
            yield {ours: row.get(theirs) for ours, theirs in columns.items()}
        return
    table = _table(path, [columns[name] for name in texts if name in columns])
    for batch in table.select(list(dict.fromkeys(columns.values()))).to_batches():
        for row in batch.to_pylist():
            yield {ours: row[theirs] for ours, theirs in columns.items()}


def _json_rows(path: Path) -> Iterator[dict[str, Any]]:
    for number, line in enumerate(read_bytes(path).split(b"\n"), 1):
        if line.strip():
            yield read_object(line, f"{path}:{number}")


def _table(path: Path, texts: list[str]) -> Any:
    """A Parquet or CSV file; of the latter the columns ``texts`` as texts, whatever stands in them."""
    import pyarrow as pa
    import pyarrow.csv as pc
    import pyarrow.parquet as pq

    try:
        if path.suffix != ".csv":
            return pq.read_table(path)
        return pc.read_csv(
            path,
            read_options=pc.ReadOptions(block_size=max(SMALLEST_BLOCK, path.stat().st_size + 1)),
            parse_options=pc.ParseOptions(newlines_in_values=True),
            convert_options=pc.ConvertOptions(
                strings_can_be_null=True, null_values=[""], column_types={name: pa.string() for name in texts}
            ),
        )
    except (OSError, pa.ArrowException, ValueError) as error:
        raise UsageError(f"cannot read {str(path)!r} as a table: {' '.join(str(error).split())[:200]}") from error
