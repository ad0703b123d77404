"""The pages of a site. What a user or a model wrote is text here (`thinkcurve.report.web.page.text`), or JSON."""

from __future__ import annotations

import math
from collections.abc import Iterable

from thinkcurve.analysis.curve import Curve, Point
from thinkcurve.budget import Control, format_budget
from thinkcurve.report.leaderboard.blocks import (
    WORDS,
    asset,
    axes_block,
    board_block,
    known_axes,
    matrix_axis,
    matrix_block,
    points_block,
    site_block,
)
from thinkcurve.report.leaderboard.entry import Entry
from thinkcurve.report.leaderboard.files import TABLES, badge_name
from thinkcurve.report.leaderboard.site import Board, ModelPage, Site
from thinkcurve.report.web.page import asset as shared
from thinkcurve.report.web.page import attribute, page, text

SCRIPTS = ("table.js", "board.js", "index.js")


def index_page(site: Site) -> str:
    """The first page: the board of each task, all models across tasks, and the files."""
    many = len(site.boards) > 1
    n = f"{_n(len(site.models), 'model')} on {_n(len(site.boards), 'task')}, {_n(len(site.runs), 'run')}"
    body = (
        _top(site, "", "index")
        + f'<main id="main"><h1>{text(site.title)}</h1>'
        + f"<p class='muted'>{n}. Accuracy against measured compute; intervals hold 95 % and are over problems.</p>"
        + '<div id="board"></div>'
        + (_ACROSS.replace("$words", WORDS[matrix_axis(site)][0]) if many else "")
        + _links("Tasks", "tasks", ((f"tasks/{b.slug}.html", b.title) for b in site.boards))
        + _links("Models", "models", ((f"models/{m.slug}.html", m.title) for m in site.models))
        + _files("")
        + _READING
        + "</main>"
    )
    large: dict[str, object] = {f"board-{i}": board_block(board, site) for i, board in enumerate(site.boards)}
    if many:
        large["matrix"] = matrix_block(site)
    return _page(site.title, body, {"site": site_block(site, list(site.boards), "")}, large)


def task_page(board: Board, site: Site) -> str:
    """The page of a task: what it is, and its board."""
    task = board.task
    facts = [
        ("version", task.version),
        ("problems", f"{task.n_problems:,}"),
        ("fingerprint of the problems", task.fingerprint),
        ("source", task.source),
        ("revision", task.revision),
        ("licence", task.licence),
        ("entries", f"{len(board.entries):,}"),
    ]
    body = (
        _top(site, "../", "tasks")
        + f'<main id="main"><h1>{text(board.title)}</h1>{_facts(facts)}<div id="board"></div>'
        + f"{_READING}{_files('../')}</main>"
    )
    block = site_block(site, [board], "../")
    return _page(f"{board.title} · {site.title}", body, {"site": block}, {"board-0": board_block(board, site)})


def model_page(model: ModelPage, site: Site) -> str:
    """The page of a model: what it is, its ladders, every point of them, and how each run was made."""
    boards = {entry.key: board for board in site.boards for entry in board.entries}
    axes = known_axes(model.entries)
    names = _names(model, boards)
    curves = {
        "axes": axes_block(),
        "known": axes,
        "series": [
            {
                "name": name,
                "isCounted": entry.curve.control != Control.EFFORT,
                "points": points_block(entry.curve, axes),
            }
            for name, entry in zip(names, model.entries, strict=True)
        ],
    }
    of = model.model
    facts = [
        ("model", "" if of.name == model.title else of.name),
        ("parameters, active", "" if of.active_parameters is None else f"{of.active_parameters:,}"),
        ("fingerprint", of.fingerprint),
        ("revision", of.revision),
        ("run by", of.engine),
        ("provider", of.provider),
        ("asked for as", of.spec),
    ]
    parts = [_run(name, entry, boards[entry.key], model) for name, entry in zip(names, model.entries, strict=True)]
    body = (
        _top(site, "../", "models")
        + f'<main id="main"><h1>{text(model.title)}</h1>{_facts(facts)}'
        + '<div id="controls" class="controls"></div><div id="chart"></div>'
        + _POINTS
        + "".join(parts)
        + _files("../")
        + "</main>"
    )
    scripts = [shared("chart.js"), asset("model.js")]
    made_of = [asset("leaderboard.css")]
    return page(
        f"{model.title} · {site.title}", body, large=None, data={"curves": curves}, styles=made_of, scripts=scripts
    )


def _names(model: ModelPage, boards: dict[str, Board]) -> list[str]:
    """What tells the entries of a model apart: task, then control, then run."""
    parts = [(boards[e.key].title, e.curve.control, e.run) for e in model.entries]
    names = []
    for task, control, run in parts:
        alike = [part for part in parts if part[0] == task]
        more = [control] if len({part[1] for part in alike}) > 1 else []
        more += [run] if sum(part[1] == control for part in alike) > 1 else []
        names.append(" · ".join([task, *more]))
    return names


def _run(name: str, entry: Entry, board: Board, model: ModelPage) -> str:
    rank = " ".join(_standings(board, entry))
    notes = "".join(f"<p class='unsure'>{text(note)}</p>" for note in entry.notes)
    settings = [
        ("run", entry.run),
        ("started", entry.started),
        ("control", entry.curve.control),
        *((key.replace("_", " "), value) for key, value in entry.settings.items()),
        ("machine", ", ".join(f"{key} {value}" for key, value in entry.hardware.items())),
        ("versions", ", ".join(f"{key} {value}" for key, value in entry.versions.items())),
        ("judged by", ", ".join(f"{key} {value}" for key, value in entry.verifier.items())),
    ]
    badge = f"../badges/{badge_name(model, board)}"
    return (
        f"<h2 id='{attribute(entry.key)}'>{text(name)}</h2>{notes}<p>{rank} "
        f'<a href="../tasks/{board.slug}.html">All models on this task</a> · <a href="{badge}">badge</a></p>'
        f"{_points(entry.curve, name)}"
        f"<details><summary>How it was made</summary>{_facts(settings)}</details>"
    )


def _standings(board: Board, entry: Entry) -> Iterable[str]:
    """Where an entry stands at each allowance of the board's first measure, in words."""
    place = board.entries.index(entry)
    axis = next(iter(board.rankings), None)
    found = []
    for ranking in board.rankings.get(axis or "", []):
        for one in ranking.standings:
            if one.entry == place:
                low, high = one.rank_low, one.rank_high
                rank = f"{low}" if low == high else f"{low}–{high}"
                found.append(f"{rank} of {len(ranking.standings)} at {_figure(ranking.allowance, axis or '')}")
    if found and axis:
        yield f"Rank {'; '.join(found)} {WORDS[axis][0]}."


PREFIXES = ("", "k", "M", "G", "T", "P", "E", "Z", "Y")
"""Thousands of FLOPs."""


def _points(curve: Curve, name: str) -> str:
    axes = [axis for axis in WORDS if any(getattr(point, axis) is not None for point in curve.points)]
    heads = ["budget", "accuracy, %", "95 % interval", *(WORDS[axis][1] for axis in axes)]
    heads += ["problems × samples", "forced", "no answer", "unverified", "failures"]
    table = [heads, *(list(_cells(point, curve, axes)) for point in curve.points)]
    none = [name for name in ("no answer", "unverified", "failures") if _column(table, name) == {"0"}]
    kept = [i for i, name in enumerate(heads) if name not in none]
    head = "".join(f'<th scope="col" class="num">{heads[i]}</th>' for i in kept)
    rows = "".join(f"<tr>{''.join(f'<td class=num>{text(row[i])}</td>' for i in kept)}</tr>" for row in table[1:])
    told = f"<p class='muted'>None at any budget: {', '.join(none)}.</p>" if none else ""
    label = attribute(f"Points of {name}")
    return (
        f'<div class="scroll" tabindex="0" role="region" aria-label="{label}">'
        f'<table class="board points"><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div>{told}'
    )


def _column(table: list[list[str]], head: str) -> set[str]:
    """What stands below a head."""
    place = table[0].index(head)
    return {row[place] for row in table[1:]}


def _cells(point: Point, curve: Curve, axes: list[str]) -> Iterable[str]:
    """Figures of ours only, so none needs to be escaped."""
    yield format_budget(point.budget, curve.control)
    yield "–" if point.accuracy is None else f"{100 * point.accuracy:.1f}"
    is_known = point.ci_low is not None and point.ci_high is not None
    yield f"{100 * (point.ci_low or 0):.1f} – {100 * (point.ci_high or 0):.1f}" if is_known else "–"
    for axis in axes:
        yield _figure(getattr(point, axis), axis)
    yield f"{point.n_problems:,} × {point.n_samples}"
    yield f"{point.forced:,}" if curve.knows_forced(point) else "–"
    yield f"{point.no_answer:,}"
    yield f"{point.unverified:,}"
    yield f"{point.failures:,}"


def _figure(value: float | None, axis: str) -> str:
    if value is None:
        return "–"
    if axis == "usd":
        return f"${value:.3g}"
    if axis == "flops":
        power = min(max(int(math.log10(value)) // 3, 0), len(PREFIXES) - 1) if value > 0 else 0
        return f"{value / 1000**power:.3g} {PREFIXES[power]}".strip()
    return f"{value:,.0f}" if value < 1e7 and (value == int(value) or value >= 100) else f"{value:#.3g}"


def _top(site: Site, root: str, here: str) -> str:
    names = [("index", "index.html", "Board"), ("tasks", "index.html#tasks", "Tasks")]
    names += [("models", "index.html#models", "Models"), ("files", "index.html#files", "Files")]
    links = "".join(
        f'<a href="{root}{href}"{" aria-current=page" if key == here else ""}>{word}</a>' for key, href, word in names
    )
    return (
        f'<header class="top"><div><a class="brand" href="{root}index.html">{text(site.title)}</a>'
        f'<nav aria-label="Site">{links}</nav><button id="theme" type="button" class="push"></button></div></header>'
    )


def _facts(facts: Iterable[tuple[str, object]]) -> str:
    rows = "".join(f"<dt>{text(name)}</dt><dd>{text(value)}</dd>" for name, value in facts if value not in ("", None))
    return f'<dl class="facts">{rows}</dl>'


def _links(title: str, name: str, links: Iterable[tuple[str, str]]) -> str:
    rows = "".join(f'<li><a href="{href}">{text(word)}</a></li>' for href, word in links)
    return f'<section id="{name}"><h2>{title}</h2><ul class="pages">{rows}</ul></section>'


def _files(root: str) -> str:
    links = "".join(
        f'<li><a href="{root}data/{name}" download>{name}</a>: {words}</li>' for name, words in TABLES.items()
    )
    return f'<section id="files"><h2>Files</h2><ul class="pages">{links}</ul></section>'


def _page(title: str, body: str, data: dict[str, object], large: dict[str, object]) -> str:
    scripts = [shared("chart.js"), *(asset(name) for name in SCRIPTS)]
    return page(title, body, data=data, large=large, styles=[asset("leaderboard.css")], scripts=scripts)


def _n(n: int, word: str) -> str:
    return f"{n:,} {word}" if n == 1 else f"{n:,} {word}s"


_ACROSS = (
    "<h2>Across tasks</h2><p>Accuracy in per cent where every model may spend the same: $words an attempt, as many as "
    "stand below each task, the middle one of its allowances. Green and bold: not told apart from the best, so it may "
    "be first. –: not taken, or its compute is not known. <em>Too little data</em> (under half of the "
    "problems that others took, or an interval of more than 40 points) counts as not taken. Rows go by the mean place "
    "by accuracy, a task not taken counting as last. Of a model with several runs the latest stands.</p>"
    '<div id="across" class="tall" tabindex="0" role="region" aria-label="Models across tasks"></div>'
)
_POINTS = (
    "<p class='muted'>A point is one budget, at what an attempt really spent. Hollow: the budget cut the thinking of "
    "more than half of the attempts. Diamond: the natural end.</p>"
)
_READING = """<section id="reading"><h2>How to read it</h2>
<p>Every model runs a ladder of thinking budgets; a point is one budget, and its place to the right is what an attempt
really spent, never what was asked for. A hollow point was cut off by its budget in more than half of its attempts, a
diamond is the natural end.</p>
<p>Ranks compare at equal compute: each model is given the same allowance, its accuracy read between the points of its
ladder; a ladder that ends below spends less. Two models are told apart by paired differences over the problems that
both answered, with Holm's correction over all pairs: among models of equal worth, one table in twenty would claim any
order at all. A range of ranks is 1 + those that are better, to all − those that are worse.</p></section>"""
