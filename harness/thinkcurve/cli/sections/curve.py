"""Section ``curve``: accuracy against measured compute, with what went otherwise than it should below it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from thinkcurve.analysis.curve import Bounds, Curve, Point
from thinkcurve.budget import Control, format_budget
from thinkcurve.cli.sections import Section
from thinkcurve.cli.show import new_table, title
from thinkcurve.report.labels import plain, thinking_words

if TYPE_CHECKING:
    from thinkcurve.run import Run

REMARKS = {
    "truncated_answers": "answers cut off by their reserve",
    "no_answer": "no answer",
    "refused": "of these, refused by the model",
    "unverified": "unverified, counted as not correct",
    "failures": "failed, not scored",
}
LONGEST_VERSION = 60
MOST_VERSIONS = 3
"""Versions of a model that a remark names, and characters of each: whatever a server calls itself."""


def results(runs: Sequence[Run]) -> list[Curve]:
    """The curves of runs."""
    return [curve for run in runs for curve in run.curves()]


def lines(curve: Curve) -> Iterator[RenderableType]:
    """The curve as a table, then a line for each thing that a reader must know of it."""
    yield title(curve, _n_problems(curve))
    yield _table(curve)
    for line in _remarks(curve):
        yield Text(line, style="yellow")
    if words := thinking_words(curve):
        yield Text(f"thinking: {words}", style="dim")


def _n_problems(curve: Curve) -> str:
    """How many problems the points rest on, from the fewest to the most where they differ."""
    numbers = sorted({point.n_problems for point in _reached(curve)}) or [0]
    n_samples = max(point.n_samples for point in curve.points)
    words = f"{numbers[0]:,}" if len(numbers) == 1 else f"{numbers[0]:,} to {numbers[-1]:,}"
    unit = "problem" if numbers == [1] else "problems"
    return f"{words} {unit}" + ("" if n_samples <= 1 else f" x {n_samples} samples")


def _reached(curve: Curve) -> list[Point]:
    """The points at which any attempt came about."""
    return [point for point in curve.points if point.n_attempts]


def _table(curve: Curve) -> Table:
    table = new_table()
    for name in (
        "effort" if curve.control == Control.EFFORT else "budget",
        "thinking",
        "total",
        "accuracy",
        "95 % interval",
    ):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("", no_wrap=True)
    table.add_column("forced", justify="right", no_wrap=True)
    for point in curve.points:
        table.add_row(*_cells(point, curve))
    return table


def _cells(point: Point, curve: Curve) -> list[str]:
    budget = format_budget(point.budget, curve.control)
    if point.accuracy is None or point.ci_low is None or point.ci_high is None:
        return [budget, *["–"] * 6]
    return [
        budget,
        _tokens(point.thinking_tokens),
        _tokens(point.total_tokens),
        f"{100 * point.accuracy:.1f} %",
        f"{100 * point.ci_low:.1f} – {100 * point.ci_high:.1f}",
        f"[cyan]{_bar(point.accuracy)}[/]",
        f"{100 * point.forced / point.n_attempts:.0f} %" if curve.knows_forced(point) else "–",
    ]


def _remarks(curve: Curve) -> Iterator[str]:
    """A line for each thing that went otherwise than it should, with the budgets where it did."""
    for name, words in REMARKS.items():
        if where := _counted(curve, name):
            yield f"{words}: {where}"
            if name == "unverified":
                yield from _bounds(curve)
    yield from _numbers(curve)
    if len(curve.served_by) > 1:
        named = [f"{plain(version)[:LONGEST_VERSION]} ({n:,})" for version, n in curve.served_by.items()]
        rest = [f"{len(named) - MOST_VERSIONS:,} more"] if len(named) > MOST_VERSIONS else []
        yield f"answered by {' and '.join(named[:MOST_VERSIONS] + rest)}: not by one version throughout"


def _counted(curve: Curve, name: str) -> str:
    """How many attempts of each point a count names, where there are any."""
    return _where(curve, lambda point: f"{getattr(point, name):,}" if getattr(point, name) else None)


def _where(curve: Curve, words: Callable[[Point], str | None]) -> str:
    """What is to be said of each point, with its budget; a point of which nothing is to be said is left out."""
    said = ((words(point), format_budget(point.budget, curve.control)) for point in curve.points)
    return ", ".join(f"{text} at {budget}" for text, budget in said if text is not None)


def _bounds(curve: Curve) -> Iterator[str]:
    """What the unverified leave open of the accuracy."""

    def said(words: Callable[[Bounds], str]) -> str:
        return _where(curve, lambda point: words(point.bounds) if point.unverified and point.bounds else None)

    yield f"  accuracy were they right: {said(lambda of: f'{100 * of.high:.1f} %')}"
    yield f"  95 % interval whichever they are: {said(lambda of: f'{100 * of.ci_low:.1f} – {100 * of.ci_high:.1f}')}"
    yield f"  accuracy without them: {said(lambda of: '–' if of.excluded is None else f'{100 * of.excluded:.1f} %')}"


def _numbers(curve: Curve) -> Iterator[str]:
    """A line where the points rest on other problems, or else on other numbers of attempts."""
    if len({point.n_problems for point in _reached(curve)}) > 1:
        each = _where(curve, lambda point: f"{point.n_problems:,}")
        yield f"the points rest on different problems, so that part of a rise or fall may be theirs: {each}"
    if len({point.n_attempts for point in curve.points}) > 1:
        each = _where(curve, lambda point: f"{point.n_attempts:,}")
        yield f"the points rest on different numbers of attempts: {each}"


def _tokens(value: float | None) -> str:
    return "–" if value is None else f"{value:,.0f}"


def _bar(share: float, width: int = 10) -> str:
    """A bar of eighth blocks, as wide for every row."""
    eighths = round(share * width * 8)
    return ("█" * (eighths // 8) + " ▏▎▍▌▋▊▉"[eighths % 8].strip()).ljust(width)


SECTION = Section(results, lines)
