"""A run as two tables for spreadsheets: a row a point, a row an attempt.

    DIR/points.csv      the points of all curves, as ``thinkcurve show --json`` prints them
    DIR/attempts.csv    the fields of `thinkcurve.store.Attempt` but its token ids
    DIR/failures.csv    attempts that did not come about, where there are any

A spreadsheet runs a cell that begins with ``=``, ``+``, ``-`` or ``@`` as a formula, and an answer may begin with
anything: such text gets an apostrophe before it, unless it is a number. Who wants the very text reads the Parquet
tables of the run. Unknown is an empty cell; a budget of ``none`` is the natural end.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from thinkcurve.budget import format_budget
from thinkcurve.interop.exports.content import Content, Wishes, Written
from thinkcurve.interop.exports.files import plain_data, put
from thinkcurve.store import Attempt, Failure

NAMES = ("model", "task", "control", "metric")
DROPPED = frozenset({"answer_ids"})
"""Columns that no spreadsheet has a use for."""
STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "|", "%", "＝", "＋", "－", "＠")
"""First characters that make a spreadsheet take text for a formula (OWASP, CSV injection), wide forms too."""


def write(content: Content, output: Path, wishes: Wishes) -> Written:
    """Write the tables; ``wishes`` change nothing."""
    points = [row for curve in content.curves for row in _point_rows(curve)]
    attempts = [_row(attempt) for cell in content.cells.values() for attempt in cell]
    failures = [_row(failure) for failure in content.run.records.failures.values()]
    columns = list(dict.fromkeys(key for row in points for key in row))
    files = [put(output / "points.csv", csv_text(columns, points))]
    files.append(put(output / "attempts.csv", csv_text(_columns(Attempt), attempts)))
    if failures:
        files.append(put(output / "failures.csv", csv_text(_columns(Failure), failures)))
    return Written("csv", tuple(files), len(points), len(attempts), tuple(content.missing()))


def csv_text(columns: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> str:
    """A table as CSV (RFC 4180): every column of every row, text that no spreadsheet takes for a formula."""
    text = io.StringIO()
    lines = csv.writer(text, lineterminator="\r\n")
    lines.writerow([cell(column) for column in columns])
    for row in rows:
        lines.writerow([cell(row.get(column)) for column in columns])
    return text.getvalue()


def cell(value: Any) -> str:
    """A value as a cell: unknown is empty, what looks like a formula gets an apostrophe."""
    if value is None:
        return ""
    if not isinstance(value, str):
        return str(value).lower() if isinstance(value, bool) else repr(value)
    return f"'{value}" if value.startswith(STARTS) and not _is_number(value) else value


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return text.isascii() and text.strip() == text


def _point_rows(curve: Any) -> Iterable[dict[str, Any]]:
    """The points of a curve as flat rows: ``pass@k`` has a column for each k, ``bounds`` one for each field."""
    for point in curve.points:
        fields = plain_data(point)
        fields["budget"] = format_budget(point.budget, curve.control)
        shares = {f"{name}{k}": share for name in ("pass@", "maj@") for k, share in fields.pop(f"{name}k").items()}
        bounds = fields.pop("bounds") or {}
        limits = {f"bounds_{name}": value for name, value in bounds.items()}
        yield {**{name: getattr(curve, name) for name in NAMES}, **fields, **limits, **shares}


def _row(record: Attempt | Failure) -> dict[str, Any]:
    fields: dict[str, Any] = plain_data(record)
    return fields | {"budget": format_budget(record.budget, record.control)}


def _columns(record: type[msgspec.Struct]) -> list[str]:
    return [name for name in record.__struct_fields__ if name not in DROPPED]
