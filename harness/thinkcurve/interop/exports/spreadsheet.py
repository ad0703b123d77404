"""Tables as CSV that a spreadsheet reads without running anything: of an exported run, and of a leaderboard.

A spreadsheet runs a cell that begins with ``=``, ``+``, ``-`` or ``@`` as a formula, and what a model or a submitter
wrote may begin with anything: such text gets an apostrophe before it, unless it is a number. Unknown is an empty cell.
"""

from __future__ import annotations

import csv
import io
import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "|", "%", "＝", "＋", "－", "＠")
"""First characters that make a spreadsheet take text for a formula (OWASP, CSV injection), wide forms too."""


def csv_text(columns: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> str:
    """A table as CSV (RFC 4180): every column of every row, text that no spreadsheet takes for a formula."""
    return "".join(csv_lines(columns, rows))


def csv_lines(columns: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    """The same line by line, the names of the columns first."""
    text = io.StringIO()
    lines = csv.writer(text, lineterminator="\r\n")
    for row in itertools.chain([{column: column for column in columns}], rows):
        lines.writerow([cell(row.get(column)) for column in columns])
        yield text.getvalue()
        text.seek(0)
        text.truncate()


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
