"""A table that stays on disk: a column is read where it is asked for, and is not kept.

What a large run is analysed on. It is used as a `pandas.DataFrame` is: by a name, by names, by a mask; so that
analyses take either (`Table`).
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias, overload

import numpy as np
from numpy.typing import NDArray

from thinkcurve.frames import KEY, frame_of, read_column
from thinkcurve.store import Attempt, Failure, Trace
from thinkcurve.tables import column_groups, count_rows, open_file

if TYPE_CHECKING:
    import pandas as pd

    Table: TypeAlias = "pd.DataFrame | Columns"

Places = NDArray[np.int64]
Mask = NDArray[np.bool_]


class Columns:
    """The attempts, traces or failures in a Parquet file, R rows, which are those of when it was opened.

    Texts are categories, numbers arrays; a column that the file lacks has its default. Where two rows have one key the
    last counts, as for `thinkcurve.frames.read_frame`. Raises `UsageError` for a file that cannot be read; where there
    is none the table is empty.
    """

    def __init__(self, path: Path, record: type[Attempt | Trace | Failure]) -> None:
        self._path = path
        self._record = record
        self._file = open_file(path)
        self._rows: Places | None = None
        self._n_rows = 0 if self._file is None else count_rows(path, self._file)
        if self._n_rows and not self._is_of_one_row_each():
            self._rows = np.flatnonzero(~self[KEY].duplicated(keep="last").to_numpy())

    def __len__(self) -> int:
        return self._n_rows if self._rows is None else len(self._rows)

    def __iter__(self) -> Iterator[str]:
        return iter(self._record.__struct_fields__)

    def __contains__(self, name: object) -> bool:
        return name in self._record.__struct_fields__

    @overload
    def __getitem__(self, name: str) -> pd.Series[Any]: ...
    @overload
    def __getitem__(self, name: list[str]) -> pd.DataFrame: ...
    @overload
    def __getitem__(self, name: Mask | pd.Series[bool]) -> Columns: ...
    def __getitem__(self, name: str | list[str] | Mask | pd.Series[bool]) -> pd.Series[Any] | pd.DataFrame | Columns:
        """A column by its name, several as a frame, or the rows of a mask of shape (R,)."""
        import pandas as pd

        if isinstance(name, str):
            return self._column(name)
        if isinstance(name, list):
            return pd.DataFrame({each: self._column(each) for each in name})
        return self.take(np.flatnonzero(np.asarray(name)))

    def take(self, places: Places) -> Columns:
        """Some of the rows, by their place."""
        some = copy.copy(self)
        some._rows = places if self._rows is None else self._rows[places]
        return some

    def _column(self, name: str) -> pd.Series[Any]:
        import pandas as pd

        if name not in self:
            raise KeyError(name)
        if not self._n_rows:
            return frame_of([], self._record)[name]
        column = pd.Series(read_column(self._path, self._record, name, self._file), name=name)
        return column if self._rows is None else column.iloc[self._rows].reset_index(drop=True)

    def digests(self, name: str) -> NDArray[np.uint64]:
        """A column of texts as numbers that are the same for the same text, of shape (R,); see `digests_of`."""
        digests = _joined([_digests(group.column(name).to_numpy()) for group in self._groups([name])])
        return digests if self._rows is None else digests[self._rows]

    def _groups(self, names: list[str]) -> Iterator[Any]:
        return column_groups(self._path, names, self._file)

    def _is_of_one_row_each(self) -> bool:
        """Whether no two rows have one key, as far as digests of the keys tell: equal ones never have two digests."""
        digests = np.sort(_joined([_of_keys(group) for group in self._groups(KEY)]))
        return not bool((digests[1:] == digests[:-1]).any())


def rows_of(table: Table, places: Places) -> Table:
    """Some rows of a table, by their place, numbered anew."""
    return table.take(places) if isinstance(table, Columns) else table.iloc[places].reset_index(drop=True)


def digests_of(table: Table, name: str) -> NDArray[np.uint64]:
    """A column of texts as numbers, of shape (R,): the same for the same text, and of two other ones with a chance of
    2^-64. It is never held as a whole where it lies on disk."""
    return table.digests(name) if isinstance(table, Columns) else _digests(table[name].to_numpy(dtype=object))


def _digests(texts: NDArray[Any]) -> NDArray[np.uint64]:
    from pandas.util import hash_array

    return hash_array(np.asarray(texts, dtype=object), categorize=False)


def _of_keys(group: Any) -> NDArray[np.uint64]:
    from pandas.util import hash_array

    digest = np.zeros(group.num_rows, dtype=np.uint64)
    for name in KEY:
        column, is_text = group.column(name), name in ("model", "problem")
        values = column.to_numpy() if is_text else column.cast("float64").to_numpy()
        digest = digest * np.uint64(1_000_003) + hash_array(values, categorize=is_text)
    return digest


def _joined(parts: list[NDArray[np.uint64]]) -> NDArray[np.uint64]:
    return np.concatenate(parts) if parts else np.zeros(0, dtype=np.uint64)
