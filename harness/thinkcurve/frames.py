"""Records as pandas tables: one row a record, the columns its fields.

`frame_of` makes one of records that are in memory. `read_frame` makes the same one straight from a Parquet table, for a
run whose journal was removed: no record is made of any row, so that a million attempts take seconds.
"""

from __future__ import annotations

import importlib
from collections.abc import Collection, Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from thinkcurve.backend import Visibility
from thinkcurve.budget import Ending
from thinkcurve.problem import Verdict
from thinkcurve.store import Attempt, Failure, Trace
from thinkcurve.tables import arrow_type, column_groups, open_table, unreadable

if TYPE_CHECKING:
    import pandas as pd

WORDS: dict[str, type[StrEnum]] = {"Verdict": Verdict, "Ending": Ending, "Visibility": Visibility}
"""Types of fields that have a few words for values."""
KEY = ["model", "problem", "sample", "budget"]
"""What tells rows apart: `thinkcurve.store.AttemptKey`."""


def frame_of(rows: Sequence[msgspec.Struct], record: type[msgspec.Struct]) -> pd.DataFrame:
    """The table of records of one type."""
    import pandas as pd

    return pd.DataFrame({name: [getattr(row, name) for row in rows] for name in record.__struct_fields__})


def read_frame(path: Path, record: type[Attempt | Trace | Failure]) -> pd.DataFrame:
    """The table in a file, as `frame_of` of its records would be; where two rows have one key the last is kept.
    Where there is no such file the table is empty.

    Raises `UsageError` for a file that cannot be read, or holds what no record does.
    """
    import pandas as pd
    import pyarrow as pa

    if not path.exists():
        return frame_of([], record)
    try:
        with open_table(path) as file:
            n_rows = file.metadata.num_rows
            columns = {name: _column(file, record, name) for name in record.__struct_fields__}
    except (OSError, pa.ArrowException, ValueError) as error:
        raise unreadable(path, error) from error
    if not n_rows:
        return frame_of([], record)
    frame = pd.DataFrame(columns)
    is_again = frame.duplicated(KEY, keep="last")
    return frame[~is_again].reset_index(drop=True) if is_again.any() else frame


def read_column(path: Path, record: type[Attempt | Trace | Failure], name: str, file: Any = None) -> Any:
    """One column of the table in a file as pandas takes it: a text as categories, of what is not known NaN. ``file`` is
    that of `thinkcurve.tables.open_file`.

    Raises `UsageError` as `read_frame` does.
    """
    import numpy as np
    import pyarrow as pa

    is_text = bool(arrow_type(record, name) == pa.string())
    try:
        with open_table(path, file) as table:
            if name not in table.schema_arrow.names:
                return [_default(record, name)] * table.metadata.num_rows
        with open_table(path, file, read_dictionary=[name] if is_text else []) as table:
            column = _checked(table, record, name, None if is_text else arrow_type(record, name))
    except (OSError, pa.ArrowException, ValueError) as error:
        raise unreadable(path, error) from error
    if is_text:
        return column.unify_dictionaries().to_pandas()
    return np.full(len(column), np.nan) if column.null_count == len(column) else column.to_pandas()


def _column(file: Any, record: type[msgspec.Struct], name: str) -> Any:
    """One column of an open Parquet file as pandas takes it. Raises `ValueError` where a value is none of its type."""
    import pyarrow as pa

    n_rows = file.metadata.num_rows
    if name not in file.schema_arrow.names:
        return [_default(record, name)] * n_rows
    column = _checked(file, record, name, arrow_type(record, name))
    if column.null_count == n_rows:
        return [None] * n_rows
    return _tuples(column) if pa.types.is_list(column.type) else column.to_pandas()


def _checked(file: Any, record: type[msgspec.Struct], name: str, kind: Any) -> Any:
    """One column of an open Parquet file, of an Arrow type, if one is given. Raises `ValueError` where a value is none
    of the field's type."""
    import pyarrow as pa

    annotation = str(record.__annotations__[name])
    column = file.read(columns=[name]).column(name)
    column = column if kind is None else column.cast(kind)
    _check_length(column, file.metadata.num_rows, name)
    if column.null_count and not annotation.endswith("| None"):
        raise ValueError(f"column {name!r} has nothing in {column.null_count:,} rows")
    if annotation in WORDS:
        _check(column, WORDS[annotation], name)
    items = annotation.removeprefix("tuple[").partition(",")[0]
    if items in WORDS and pa.types.is_list(column.type):
        _check(column.combine_chunks().flatten(), WORDS[items], name)
    return column


def read_rows(path: Path, record: type[Attempt | Trace | Failure], problems: Collection[str]) -> pd.DataFrame:
    """The rows of some problems, as `read_frame` has them."""
    import pyarrow as pa

    is_in: Any = importlib.import_module("pyarrow.compute").__dict__["is_in"]  # made when it is imported
    names = list(record.__struct_fields__)
    chosen = pa.array(sorted(problems), pa.string())
    found = [rows.filter(is_in(rows["problem"], value_set=chosen)) for rows in column_groups(path, names)]
    rows = [row for table in found if table.num_rows for row in table.to_pylist()]
    kind = {"event": record.__name__.lower()}
    try:
        return frame_of([msgspec.convert({**kind, **row}, record) for row in rows], record)
    except msgspec.ValidationError as error:
        raise unreadable(path, error) from error


def _default(record: type[msgspec.Struct], name: str) -> Any:
    """What a field is in a table that was written before there was such a column."""
    fields = {field.name: field for field in msgspec.structs.fields(record)}
    if fields[name].default is msgspec.NODEFAULT:
        raise ValueError(f"it has no column {name!r}")
    return fields[name].default


def _check_length(column: Any, n_rows: int, name: str) -> None:
    """Refuse a column that lost rows: pandas would fill it up."""
    if len(column) != n_rows:
        raise ValueError(f"column {name!r} has {len(column):,} rows, not {n_rows:,}")


def _check(column: Any, words: type[StrEnum], name: str) -> None:
    strange = sorted(set(column.unique().to_pylist()) - {None, *map(str, words)})
    if strange:
        raise ValueError(f"{strange[0]!r} in column {name!r} is not one of {', '.join(words)}")


def _tuples(column: Any) -> list[tuple[Any, ...] | None]:
    """A column of lists as tuples, a chunk at a time."""
    found: list[tuple[Any, ...] | None] = []
    for chunk in column.chunks:
        ends, values = chunk.offsets.to_pylist(), chunk.values.to_pylist()
        pairs = zip(ends[:-1], ends[1:], chunk.is_valid().to_pylist(), strict=True)
        found += [tuple(values[start:end]) if is_known else None for start, end, is_known in pairs]
    return found
