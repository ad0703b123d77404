"""A table that stays on disk: a column is read where it is asked for, and is not kept.

What a large run is analysed on. It is used as a `pandas.DataFrame` is: by a name, by names, by a mask; so that
analyses take either (`Table`).
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias, overload

import numpy as np
from numpy.typing import NDArray

from thinkcurve.frames import KEY, frame_of, read_column
from thinkcurve.store import Attempt, Failure, Trace
from thinkcurve.tables import column_groups, count_rows

if TYPE_CHECKING:
    import pandas as pd

    Table: TypeAlias = "pd.DataFrame | Columns"

Rows = NDArray[np.int64]
Mask = NDArray[np.bool_]


class Columns:
    """The attempts, traces or failures in a Parquet file, R rows; ``rows`` chooses some of them, by their place.

    Texts are categories, numbers arrays; a column that the file lacks has its default. Where two rows have one key the
    last counts, as for `thinkcurve.frames.read_frame`. Raises `UsageError` for a file that cannot be read.
    """

    def __init__(self, path: Path, record: type[Attempt | Trace | Failure], rows: Rows | None = None) -> None:
        self._path = path
        self._record = record
        self._rows = rows

    @classmethod
    def of(cls, path: Path, record: type[Attempt | Trace | Failure]) -> Columns:
        """The table in a file."""
        found = cls(path, record)
        return found if _is_of_one_row_each(path) else cls(path, record, _last_of_each(found))

    def __len__(self) -> int:
        return count_rows(self._path) if self._rows is None else len(self._rows)

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

    def take(self, places: Rows) -> Columns:
        """Some of the rows, by their place."""
        return Columns(self._path, self._record, places if self._rows is None else self._rows[places])

    def _column(self, name: str) -> pd.Series[Any]:
        import pandas as pd

        if name not in self:
            raise KeyError(name)
        if not len(self):
            return frame_of([], self._record)[name]
        column = pd.Series(read_column(self._path, self._record, name), name=name)
        return column if self._rows is None else column.iloc[self._rows].reset_index(drop=True)

    def digests(self, name: str) -> NDArray[np.uint64]:
        """A column of texts as numbers that are the same for the same text, of shape (R,); see `digests_of`."""
        found = [_digests(group.column(name).to_numpy()) for group in column_groups(self._path, [name])]
        digests = np.concatenate(found) if found else np.zeros(0, dtype=np.uint64)
        return digests if self._rows is None else digests[self._rows]


def rows_of(table: Table, places: Rows) -> Table:
    """Some rows of a table, by their place, numbered anew."""
    return table.take(places) if isinstance(table, Columns) else table.iloc[places].reset_index(drop=True)


def digests_of(table: Table, name: str) -> NDArray[np.uint64]:
    """A column of texts as numbers, of shape (R,): the same for the same text, and of two other ones with a chance of
    2^-64. It is never held as a whole where it lies on disk."""
    return table.digests(name) if isinstance(table, Columns) else _digests(table[name].to_numpy(dtype=object))


def _digests(texts: NDArray[Any]) -> NDArray[np.uint64]:
    from pandas.util import hash_array

    return hash_array(np.asarray(texts, dtype=object), categorize=False)


def _is_of_one_row_each(path: Path) -> bool:
    """Whether no two rows have one key, as far as digests of the keys tell: equal ones never have two digests."""
    from pandas.util import hash_array

    found = []
    for group in column_groups(path, KEY):
        digest = np.zeros(group.num_rows, dtype=np.uint64)
        for name in KEY:
            column = group.column(name)
            is_text = name in ("model", "problem")
            values = column.to_numpy() if is_text else column.cast("float64").to_numpy()
            digest = digest * np.uint64(1_000_003) + hash_array(values, categorize=is_text)
        found.append(digest)
    digests = np.sort(np.concatenate(found)) if found else np.zeros(0, dtype=np.uint64)
    return not bool((digests[1:] == digests[:-1]).any())


def _last_of_each(table: Columns) -> Rows:
    """The places of the rows that no later one with the same key replaces."""
    return np.flatnonzero(~table[KEY].duplicated(keep="last").to_numpy())
