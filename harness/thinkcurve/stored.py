"""The records of a run where they lie: read when they are looked at, all at once or one after the other."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Generic

from thinkcurve.records import Attempt, Failure, Records, Trace
from thinkcurve.tables import Rows, read_records, read_table


class StoredRecords(Records):
    """The records of a run, read from its directory into memory the first time that one is looked at."""

    def __init__(self, run: Path) -> None:
        self._run = run

    def __getattr__(self, name: str) -> Any:
        if name not in ("traces", "attempts", "failures"):
            raise AttributeError(name)
        super().__init__()
        found = read_records(self._run)
        self.traces, self.attempts, self.failures = found.traces, found.attempts, found.failures
        return getattr(self, name)


class Table(Generic[Rows]):
    """The rows of a table of a run, one after the other, each time from its file."""

    def __init__(self, run: Path, record: type[Rows]) -> None:
        self._run = run
        self._record: type[Rows] = record

    def values(self) -> Iterator[Rows]:
        """Every row."""
        return read_table(self._run, self._record)


class TableRecords:
    """The records of a run that has its tables, never more than a row group of them in memory."""

    def __init__(self, run: Path) -> None:
        self.traces = Table(run, Trace)
        self.attempts = Table(run, Attempt)
        self.failures = Table(run, Failure)
