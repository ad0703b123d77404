"""What a site gives away: every point and every rank as tables, and a badge for each model on each task."""

from __future__ import annotations

import html
import io
import json
from collections.abc import Iterator
from typing import Any

from thinkcurve.analysis.curve import COSTS, Point
from thinkcurve.budget import format_budget
from thinkcurve.interop.exports.spreadsheet import csv_text
from thinkcurve.report.leaderboard.entry import Entry
from thinkcurve.report.leaderboard.site import Board, ModelPage, Site
from thinkcurve.report.web.page import visible

TABLES = {
    "points.csv": "every point of every ladder",
    "points.parquet": "the same, typed",
    "ranks.csv": "every rank, at every allowance",
    "leaderboard.json": "both, nested",
}
"""Files of ``data/``, and what is in each."""
FIGURES = (
    "accuracy",
    "ci_low",
    "ci_high",
    "se",
    "n_problems",
    "n_samples",
    "n_attempts",
    *COSTS,
    "forced",
    "truncated_answers",
    "no_answer",
    "unverified",
    "failures",
)
LONGEST = 40
"""Characters of a name on a badge."""
CHAR_PX = 6.6
"""About the width of a character at 11 px."""


def point_rows(site: Site) -> Iterator[dict[str, Any]]:
    """One row a point, figures in full; ``budget`` is tokens, ``none`` for the natural end, or a level of effort."""
    for board in site.boards:
        for entry in board.entries:
            for point in entry.curve.points:
                yield _row(board, entry, point)


def _row(board: Board, entry: Entry, point: Point) -> dict[str, Any]:
    return {
        "entry": entry.key,
        "model": entry.model.name,
        "spec": entry.model.spec,
        "model_fingerprint": entry.model.fingerprint,
        "active_parameters": entry.model.active_parameters,
        "engine": entry.model.engine,
        "provider": entry.model.provider,
        "task": board.task.name,
        "task_version": entry.task.version,
        "task_fingerprint": entry.task.fingerprint,
        "control": entry.curve.control,
        "run": entry.run,
        "started": entry.started,
        "budget": format_budget(point.budget, entry.curve.control),
        **{name: getattr(point, name) for name in FIGURES},
    }


def rank_rows(site: Site) -> Iterator[dict[str, Any]]:
    """One row an entry at an allowance of an axis; what begins above it has none."""
    for board in site.boards:
        for axis, made in board.rankings.items():
            for ranking in made:
                for one in ranking.standings:
                    entry = board.entries[one.entry]
                    yield {
                        "task": board.task.name,
                        "task_version": board.task.version,
                        "axis": axis,
                        "allowance": ranking.allowance,
                        "rank_low": one.rank_low,
                        "rank_high": one.rank_high,
                        "of": len(ranking.standings),
                        "model": entry.model.name,
                        "control": entry.curve.control,
                        "run": entry.run,
                        "entry": entry.key,
                        "accuracy": one.accuracy,
                        "ci_low": one.ci_low,
                        "ci_high": one.ci_high,
                        "cost": one.cost,
                    }


def tables(site: Site) -> Iterator[tuple[str, bytes]]:
    """The files of ``data/`` by name."""
    points, ranks = list(point_rows(site)), list(rank_rows(site))
    yield "points.csv", csv_of(points)
    yield "points.parquet", parquet_of(points)
    yield "ranks.csv", csv_of(ranks)
    dumped = json.dumps({"schema": 1, "title": site.title, "points": points, "ranks": ranks}, allow_nan=False)
    yield "leaderboard.json", dumped.encode()


def csv_of(rows: list[dict[str, Any]]) -> bytes:
    """Rows as CSV, which a spreadsheet reads without running anything; of control characters the codes are shown."""
    shown = ({name: visible(v) if isinstance(v, str) else v for name, v in row.items()} for row in rows)
    return csv_text(list(rows[0]), shown).encode("utf-8", "backslashreplace") if rows else b""


def parquet_of(rows: list[dict[str, Any]]) -> bytes:
    """Rows as Parquet; numbers of points are floats, so that a column that nobody knows has a type too."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    counts = {"active_parameters", *(name for name in FIGURES if name.startswith("n_"))}
    counts |= {"forced", "truncated_answers", "no_answer", "unverified", "failures"}
    figures = set(FIGURES) - counts
    names = list(rows[0]) if rows else []
    types = [(n, pa.int64() if n in counts else pa.float64() if n in figures else pa.string()) for n in names]
    cells = [{n: _whole(value) for n, value in row.items()} for row in rows]
    out = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(cells, schema=pa.schema(types)), out, compression="zstd")
    return out.getvalue()


def _whole(value: Any) -> Any:
    """Text without halves of pairs of characters, which UTF-8 cannot hold."""
    return value.encode("utf-8", "backslashreplace").decode() if isinstance(value, str) else value


def badge_name(model: ModelPage, board: Board) -> str:
    """The file of a badge."""
    return f"{model.slug}--{board.slug}.svg"


def badges(site: Site) -> Iterator[tuple[str, bytes]]:
    """A badge for each model on each task that it has an entry on: its latest run at the middle allowance."""
    by_model = {page.model.identity: page for page in site.models}
    for board in site.boards:
        latest: dict[tuple[str, str], int] = {}
        for i, entry in enumerate(board.entries):
            known = latest.setdefault(entry.model.identity, i)
            if entry.started > board.entries[known].started:
                latest[entry.model.identity] = i
        for identity, i in latest.items():
            yield badge_name(by_model[identity], board), badge(board.title, _words(board, i)).encode()


def _words(board: Board, entry: int) -> str:
    """What a badge says of an entry."""
    axis, made = next(iter(board.rankings.items()), ("", []))
    if not made:
        return "not ranked"
    ranking = made[len(made) // 2]
    for one in ranking.standings:
        if one.entry == entry:
            rank = f"{one.rank_low}" if one.rank_low == one.rank_high else f"{one.rank_low}–{one.rank_high}"
            unit = axis.replace("_", " ")
            return (
                f"{100 * one.accuracy:.1f} % at {ranking.allowance:,g} {unit}, rank {rank} of {len(ranking.standings)}"
            )
    return f"begins above {ranking.allowance:,g} {axis.replace('_', ' ')}"


def badge(left: str, right: str) -> str:
    """An SVG badge of two parts; any text is text in it."""
    name = visible(left.replace("\n", " ").replace("\t", " "))
    name = name if len(name) <= LONGEST else f"{name[: LONGEST - 1]}…"
    a, b = (round(CHAR_PX * len(part) + 16) for part in (name, right))
    label = html.escape(f"{name}: {right}")
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{a + b}" height="20" role="img" aria-label="{label}">'
        f'<title>{label}</title><clipPath id="r"><rect width="{a + b}" height="20" rx="4"/></clipPath>'
        f'<g clip-path="url(#r)"><rect width="{a}" height="20" fill="#1f2328"/>'
        f'<rect x="{a}" width="{b}" height="20" fill="#005a8e"/></g>'
        '<g fill="#fff" font-family="Verdana,DejaVu Sans,sans-serif" font-size="11" text-anchor="middle">'
        f'<text x="{a / 2}" y="14" textLength="{a - 12}">{html.escape(name)}</text>'
        f'<text x="{a + b / 2}" y="14" textLength="{b - 12}">{html.escape(right)}</text></g></svg>\n'
    )
