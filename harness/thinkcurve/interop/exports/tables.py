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
from thinkcurve.interop.exports.files import plain_data, put
from thinkcurve.interop.exports.spreadsheet import csv_text
from thinkcurve.store import Attempt, Failure

NAMES = ("model", "task", "control", "metric")
DROPPED = frozenset({"answer_ids"})
"""Columns that no spreadsheet has a use for."""


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
