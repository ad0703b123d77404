"""The rows of an exported run, a point at a time: of records in memory (`HeldRows`), or of its tables (`TableRows`).

Either gives the same rows in the same order. Of tables never more than a row group is held; each point is a pass over
those row groups that may hold any of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from thinkcurve.budget import Budget
from thinkcurve.frames import KEY
from thinkcurve.records import Attempt, Failure, Records, Trace
from thinkcurve.tables import (
    arrow_type,
    attempts_path,
    by_model,
    column_groups,
    failures_path,
    open_file,
    open_table,
    row_order,
    traces_path,
    unreadable,
)
from thinkcurve.tally import Cell, cell_of

CELL = ("model", "task", "control", "budget")
"""Columns that name a point."""
AT_ONCE = 1000
"""Rows that are made Python objects at once."""

Wanted = Mapping[str, str | int | None]
"""Values of columns; ``None`` is a value too."""


class Thought(NamedTuple):
    """The thinking of a unit: its tokens, and its text as far as it is shown."""

    tokens: int | None
    text: str

    def before(self, attempt: Attempt) -> str | None:
        """The text, where the attempt had all of it: of a cut one only the token ids are known."""
        return self.text if self.tokens == attempt.thinking_tokens is not None else None


class HeldRows:
    """The rows of records that are in memory."""

    def __init__(self, records: Records) -> None:
        self._records = records

    @cached_property
    def _of_cell(self) -> dict[Cell, list[Attempt]]:
        found: dict[Cell, list[Attempt]] = {}
        for attempt in sorted(self._records.attempts.values(), key=row_order):
            found.setdefault(cell_of(attempt), []).append(attempt)
        return found

    @property
    def cells(self) -> Sequence[Cell]:
        """The points that have attempts, in the order of their first ones."""
        return list(self._of_cell)

    def attempts(self, cell: Cell) -> Iterator[Attempt]:
        """The attempts of a point, by problem and sample."""
        return iter(self._of_cell.get(cell, ()))

    def problems(self, cell: Cell) -> list[str]:
        """The problems of a point's attempts, each once."""
        return list(dict.fromkeys(attempt.problem for attempt in self.attempts(cell)))

    def thoughts(self, cell: Cell) -> Iterator[tuple[Attempt, str | None]]:
        """The attempts of a point, each with the thinking before it, where the whole of that is known."""
        traces = self._records.traces
        for attempt in self.attempts(cell):
            name = (attempt.model, attempt.problem, attempt.sample)
            trace = traces.get((*name, attempt.budget)) or traces.get((*name, None))
            yield attempt, None if trace is None else Thought(trace.thinking_tokens, trace.text).before(attempt)

    def failures(self, wanted: Wanted) -> Iterator[Failure]:
        """The failures with these fields."""
        for failure in sorted(self._records.failures.values(), key=row_order):
            if all(getattr(failure, name) == value for name, value in wanted.items()):
                yield failure


class _Table(NamedTuple):
    """A table, and its file as `thinkcurve.tables.open_file` has it."""

    path: Path
    file: Any

    @classmethod
    def of(cls, path: Path) -> _Table:
        return cls(path, open_file(path))

    def groups(self, names: Sequence[str]) -> Iterator[Any]:
        return iter(()) if self.file is None else column_groups(self.path, names, self.file)

    def is_ordered(self, record: type[msgspec.Struct]) -> bool:
        """Whether its rows stand in the order of `thinkcurve.tables.by_model`, no key twice."""
        last: Any = ()
        for group in self.groups(KEY):
            if any(group.schema.field(name).type != arrow_type(record, name) for name in KEY):
                return False
            try:
                for row in _cells_of(group, KEY):
                    key = by_model(*row)
                    if key <= last:
                        return False
                    last = key
            except (AttributeError, TypeError, ValueError):  # a name that is no problem's
                return False
        return True


class TableRows:
    """The rows of the tables of a run, which must be in their order (`is_ordered`): those of when it was made."""

    def __init__(self, run: Path) -> None:
        self._attempts, self._traces, self._failures = (
            _Table.of(path(run)) for path in (attempts_path, traces_path, failures_path)
        )

    @cached_property
    def is_ordered(self) -> bool:
        """Whether attempts and traces are in the order that tables have."""
        return self._attempts.is_ordered(Attempt) and self._traces.is_ordered(Trace)

    @cached_property
    def cells(self) -> Sequence[Cell]:
        """The points that have attempts, in the order of their first ones."""
        found: dict[Cell, None] = {}
        for group in self._attempts.groups(CELL):
            found |= dict.fromkeys(_cells_of(group, CELL))
        return list(found)

    def attempts(self, cell: Cell) -> Iterator[Attempt]:
        """The attempts of a point, by problem and sample."""
        return _records(self._attempts, Attempt, _wanted(cell))

    def problems(self, cell: Cell) -> list[str]:
        """The problems of a point's attempts, each once."""
        rows = _rows(self._attempts, [_wanted(cell)], ["problem"])
        return list(dict.fromkeys(row["problem"] for row in rows))

    def thoughts(self, cell: Cell) -> Iterator[tuple[Attempt, str | None]]:
        """The attempts of a point, each with the thinking before it, where the whole of that is known."""
        found = self._thoughts(cell)
        unit, thought = next(found, _END)
        for attempt in self.attempts(cell):
            mine = _unit(attempt.model, attempt.problem, attempt.sample)
            while unit is not None and unit < mine:
                unit, thought = next(found, _END)
            yield attempt, thought.before(attempt) if unit == mine else None

    def failures(self, wanted: Wanted) -> Iterator[Failure]:
        """The failures with these fields."""
        return _records(self._failures, Failure, wanted)

    def _thoughts(self, cell: Cell) -> Iterator[tuple[Any, Thought]]:
        """What was thought for a point, by unit: for its budget, and then for all."""
        model, task, _, budget = cell
        budgets: list[Budget] = list(dict.fromkeys((budget, None)))
        wanted = [{"model": model, "task": task, "budget": one} for one in budgets]
        for row in _rows(self._traces, wanted, ["model", "problem", "sample", "thinking_tokens", "text"]):
            yield _unit(row["model"], row["problem"], row["sample"]), Thought(row["thinking_tokens"], row["text"])


Rows = HeldRows | TableRows
_END: tuple[Any, Thought] = (None, Thought(None, ""))


def _wanted(cell: Cell) -> Wanted:
    model, task, control, budget = cell
    return {"model": model, "task": task, "control": control, "budget": budget}


def stored_rows(folder: Path | None) -> TableRows | None:
    """The rows of a run whose tables lie in ``folder`` (`thinkcurve.run.Run.stored_in`); ``None`` of one that is not
    read from tables, or whose tables are of another order than ours."""
    rows = None if folder is None else TableRows(folder)
    return rows if rows is not None and rows.is_ordered else None


def _unit(model: str, problem: str, sample: int) -> Any:
    """What sorts units as rows are sorted."""
    return by_model(model, problem, sample, None)[:5]


def _cells_of(table: Any, names: Sequence[str]) -> Iterable[Any]:
    return zip(*(table.column(name).to_pylist() for name in names), strict=True)


def _records(table: _Table, record: type[Any], wanted: Wanted) -> Iterator[Any]:
    """The rows of a table with these values as records."""
    kind = {"event": record.__name__.lower()}
    try:
        for row in _rows(table, [wanted]):
            yield msgspec.convert({**kind, **row}, record)
    except msgspec.ValidationError as error:
        raise unreadable(table.path, error) from error


def _rows(table: _Table, wanted: Sequence[Wanted], columns: Sequence[str] | None = None) -> Iterator[dict[str, Any]]:
    """The rows of a table with any of these sets of values, in its order, a row group at a time; some of their columns,
    or all."""
    import pyarrow as pa

    if table.file is None:
        return
    needed = None if columns is None else list(dict.fromkeys([*columns, *wanted[0]]))
    try:
        with open_table(*table) as file:
            for i in range(file.num_row_groups):
                if not any(_may_hold(file.metadata.row_group(i), one) for one in wanted):
                    continue
                rows = file.read_row_group(i, columns=needed)
                rows = rows.filter(_condition(wanted)) if wanted[0] else rows
                for batch in rows.to_batches(AT_ONCE):
                    yield from batch.to_pylist()
    except (OSError, pa.ArrowException, UnicodeDecodeError) as error:
        raise unreadable(table.path, error) from error


def _condition(wanted: Sequence[Wanted]) -> Any:
    """The rows that are wanted, as pyarrow has it."""
    import pyarrow.compute as pc

    found = None
    for one in wanted:
        both = None
        for name, value in one.items():
            is_it = pc.field(name).is_null() if value is None else pc.field(name) == value
            both = is_it if both is None else both & is_it
        found = both if found is None else found | both
    return found


def _may_hold(group: Any, wanted: Wanted) -> bool:
    """Whether a row group may hold such rows, as far as its statistics tell; of text only, which it is sorted by."""
    for i in range(group.num_columns):
        column = group.column(i)
        value, known = wanted.get(column.path_in_schema), column.statistics
        if known is None or not known.has_min_max or not isinstance(value, str):
            continue
        if not known.min <= value <= known.max:
            return False
    return True
