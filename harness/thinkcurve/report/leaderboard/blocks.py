"""The data of the pages, small: what their scripts draw. Figures are rounded here and nowhere else."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import Any, NamedTuple

from thinkcurve.analysis.basis.axes import AXES
from thinkcurve.analysis.curve import Curve, Point
from thinkcurve.analysis.ranking.standing import Ranking, Standing
from thinkcurve.budget import format_budget
from thinkcurve.report.leaderboard.entry import Entry
from thinkcurve.report.leaderboard.site import Board, Site, labels_of

Json = dict[str, Any]
WORDS = {
    "thinking_tokens": ("thinking tokens", "thinking", "tokens"),
    "generated_tokens": ("generated tokens", "generated", "tokens"),
    "total_tokens": ("total tokens", "total", "tokens"),
    "flops": ("FLOPs", "FLOPs", "flops"),
    "wall_s": ("seconds", "seconds", "seconds"),
    "joules": ("joules", "joules", "joules"),
    "usd": ("US dollars", "dollars", "usd"),
}
"""Each axis in words, on a button, and as a format of the pages."""
WIDEST = 0.4
"""The width of a 95 % interval above which an entry gets no place across tasks: 30 problems of one answer have less."""
FEW, WIDE = 1, 2
"""Too little data: under half of the problems that others took, an interval wider than `WIDEST`."""
DIGITS = 4
"""Digits of a figure on a page; the files have all of them."""


@cache
def asset(name: str) -> str:
    """The text of a file that lies beside this one."""
    return files("thinkcurve.report.leaderboard").joinpath(name).read_text(encoding="utf-8")


def axes_block() -> Json:
    """The axes by name, as the pages call them."""
    return {axis: {"word": word, "short": short, "kind": kind} for axis, (word, short, kind) in WORDS.items()}


def site_block(site: Site, boards: list[Board], root: str) -> Json:
    """What a page with ``boards`` knows of the site; ``root`` is the way from the page to the first one."""
    return {
        "root": root,
        "axes": axes_block(),
        "models": [{"title": page.title, "href": f"models/{page.slug}.html"} for page in site.models],
        "boards": [{"title": b.title, "slug": b.slug, "href": f"tasks/{b.slug}.html"} for b in boards],
    }


def board_block(board: Board, site: Site) -> Json:
    """One board: its entries with their points, and its rankings."""
    titles = {page.model.identity: page.title for page in site.models}
    places = {page.model.identity: i for i, page in enumerate(site.models)}
    axes = known_axes(board.entries)
    labels = labels_of(board, titles)
    entries = [
        _entry(entry, label, places[entry.model.identity], axes)
        for entry, label in zip(board.entries, labels, strict=True)
    ]
    return {
        "title": board.title,
        "slug": board.slug,
        "axes": axes,
        "notes": notes_of(board),
        "entries": entries,
        "ranks": {axis: [_ranking(one) for one in made] for axis, made in board.rankings.items() if axis in axes},
    }


def known_axes(entries: tuple[Entry, ...]) -> list[str]:
    """The axes on which any point of some entries is known, in their order."""
    points = [point for entry in entries for point in entry.curve.points]
    return [axis for axis in AXES if any(getattr(point, axis) is not None for point in points)]


def notes_of(board: Board) -> list[str]:
    """What a reader must know of a board."""
    notes = [f"{board.remark}."] if board.remark else []
    counts = {e.task.n_problems for e in board.entries}
    if len(counts) > 1:
        notes.append(
            f"Runs took {min(counts):,} to {max(counts):,} problems of this task. Each accuracy is over a run's own; "
            "two models are told apart by the problems that both have."
        )
    if any(entry.notes for entry in board.entries):
        notes.append("* An entry with something to know: point at the star, or follow it to the model's page.")
    return notes


def _entry(entry: Entry, label: str, model: int, axes: list[str]) -> Json:
    points = entry.curve.points
    return {
        "key": entry.key,
        "label": label,
        "model": model,
        "control": entry.curve.control,
        "run": entry.run,
        "engine": entry.model.engine,
        "provider": entry.model.provider,
        "size": entry.model.active_parameters,
        "problems": max((point.n_problems for point in points), default=0),
        "samples": max((point.n_samples for point in points), default=0),
        "started": entry.started,
        "notes": list(entry.notes),
        "points": [_point(point, entry.curve, axes) for point in points],
    }


def _point(point: Point, curve: Curve, axes: list[str]) -> list[Any]:
    figures = (point.accuracy, point.ci_low, point.ci_high, forced_share(point, curve))
    costs = [rounded(getattr(point, axis)) for axis in axes]
    budget = format_budget(point.budget, curve.control)
    is_natural = int(point.budget is None)
    return [budget, *map(share, figures), is_natural, point.n_problems, point.n_samples, *costs]


def forced_share(point: Point, curve: Curve) -> float | None:
    """Of a point's attempts the share whose thinking its budget cut; ``None`` where nobody knows."""
    return point.forced / point.n_attempts if point.n_attempts and curve.knows_forced(point) else None


def points_block(curve: Curve, axes: list[str]) -> list[list[Any]]:
    """The points of one curve: budget, accuracy, its interval, the share that was forced, and a cost an axis."""
    return [
        [
            format_budget(point.budget, curve.control),
            *map(share, (point.accuracy, point.ci_low, point.ci_high, forced_share(point, curve))),
            *(rounded(getattr(point, axis)) for axis in axes),
        ]
        for point in curve.points
    ]


def _ranking(made: Ranking) -> Json:
    return {"at": made.allowance, "out": made.n_out, "standings": [_standing(one) for one in made.standings]}


def _standing(one: Standing) -> list[Any]:
    figures = map(share, (one.accuracy, one.ci_low, one.ci_high))
    return [one.entry, one.rank_low, one.rank_high, *figures, rounded(one.cost)]


def matrix_axis(site: Site) -> str:
    """The measure of compute on which the models stand across tasks: the first of those that most tasks know."""
    return max(AXES, key=lambda one: sum(one in board.rankings for board in site.boards))


def matrix_block(site: Site) -> Json:
    """The models across all tasks: at the middle allowance of each task, on the measure that most tasks know.

    Of a model with several entries on a board the latest run stands. Rows go by the mean place by accuracy over all
    boards: a board on which a model does not stand, or with too little data, counts as the place after the last, so
    that neither few problems nor few tasks help. A row is [model, on how many boards it may be first, on how many it
    stands, cells]; a cell is [accuracy, the best rank it may have, why there is too little data: `FEW`, `WIDE` or 0].
    """
    axis = matrix_axis(site)
    cells: list[dict[tuple[str, str], _Cell]] = []
    at: list[float | None] = []
    for board in site.boards:
        made = board.rankings.get(axis, [])
        middle = made[middle_of(len(made))] if made else None
        at.append(middle.allowance if middle else None)
        cells.append(_latest(board, middle))
    places = [_places(found) for found in cells]
    rows = []
    for i, page in enumerate(site.models):
        own = [found.get(page.model.identity) for found in cells]
        held = [cell for cell in own if cell is not None]
        first = sum(cell.rank == 1 and not cell.thin for cell in held)
        row = [None if cell is None else [share(cell.accuracy), cell.rank, cell.thin] for cell in own]
        place = sum(known.get(page.model.identity, len(known) + 1) for known in places)
        rows.append((place, -len(held), i, [i, first, len(held), row]))
    return {
        "axis": axis,
        "kind": WORDS[axis][2],
        "at": at,
        "boards": list(range(len(site.boards))),
        "rows": [row for *_, row in sorted(rows, key=lambda one: one[:3])],
    }


def middle_of(n: int) -> int:
    """The place of the allowance that is shown first, of n: the middle one, the upper of two."""
    return n // 2 if n else 0


class _Cell(NamedTuple):
    started: str
    accuracy: float
    rank: int
    thin: int
    """Why there is too little data to tell the entry from anything: `FEW`, `WIDE`, or 0 where there is enough."""


def _latest(board: Board, ranking: Ranking | None) -> dict[tuple[str, str], _Cell]:
    found: dict[tuple[str, str], _Cell] = {}
    most = max((n_problems_of(entry) for entry in board.entries), default=0)
    for one in ranking.standings if ranking else ():
        entry = board.entries[one.entry]
        known = found.get(entry.model.identity)
        if known is None or entry.started > known.started:
            thin = FEW if 2 * n_problems_of(entry) < most else WIDE if one.ci_high - one.ci_low > WIDEST else 0
            found[entry.model.identity] = _Cell(entry.started, one.accuracy, one.rank_low, thin)
    return found


def n_problems_of(entry: Entry) -> int:
    """On how many problems an entry is ranked."""
    return 0 if entry.counts is None else len(entry.counts.problems)


def _places(found: dict[tuple[str, str], _Cell]) -> dict[tuple[str, str], int]:
    """Places by accuracy of those with enough data: equal accuracies share one."""
    solid = {identity: cell.accuracy for identity, cell in found.items() if not cell.thin}
    return {one: 1 + sum(other > accuracy for other in solid.values()) for one, accuracy in solid.items()}


def share(value: float | None) -> float | None:
    """A share as it stands on a page."""
    return None if value is None else round(value, DIGITS)


def rounded(value: float | None) -> float | None:
    """A cost as it stands on a page."""
    return None if value is None else float(f"{value:.{DIGITS}g}")
