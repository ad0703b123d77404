"""A run as two tables for spreadsheets: a row a point, a row an attempt.

    DIR/points.csv      the points of all curves, as ``thinkcurve show --json`` prints them
    DIR/attempts.csv    the fields of `thinkcurve.store.Attempt` but its token ids
    DIR/failures.csv    attempts that did not come about, where there are any

Text that a spreadsheet would run is made harmless (`spreadsheet`); who wants the very text reads the Parquet tables of
the run. Unknown is an empty cell. ``budget`` is tokens, ``none`` for the natural end, or a level of effort by its name,
as in the tables of a leaderboard.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import msgspec

from thinkcurve.budget import format_budget
from thinkcurve.interop.exports.content import Content, Wishes, Written
from thinkcurve.interop.exports.files import plain_data, put, put_lines
from thinkcurve.interop.exports.spreadsheet import csv_lines, csv_text
from thinkcurve.store import Attempt, Failure

NAMES = ("model", "task", "control", "metric")
DROPPED = frozenset({"answer_ids"})
"""Columns that no spreadsheet has a use for."""


def write(content: Content, output: Path, wishes: Wishes) -> Written:
    """Write the tables; ``wishes`` change nothing."""
    points = [row for curve in content.curves for row in _point_rows(curve)]
    columns = list(dict.fromkeys(key for row in points for key in row))
    files = [put(output / "points.csv", csv_text(columns, points))]
    attempts = put_lines(output / "attempts.csv", _lines(Attempt, content.every_attempt()))
    files.append(attempts.path)
    if len(content.run.failures):
        files.append(put_lines(output / "failures.csv", _lines(Failure, content.failures({}))).path)
    return Written("csv", tuple(files), len(points), attempts.n - 1, tuple(content.missing()))


def _lines(record: type[msgspec.Struct], rows: Iterable[Attempt | Failure]) -> Iterable[str]:
    columns = [name for name in record.__struct_fields__ if name not in DROPPED]
    return csv_lines(columns, map(_row, rows))


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
