"""``thinkcurve show``: the curve as a table that a person can read at 80 columns, or as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from thinkcurve.budget import format_budget

if TYPE_CHECKING:
    from rich.table import Table

    from thinkcurve.analysis.curve import Curve, Point

JSON_SCHEMA = 1
NARROWEST = 76
"""Columns that the table needs; a narrower terminal wraps its lines."""
REMARKS = {
    "truncated_answers": "answers cut off by their reserve",
    "no_answer": "no answer",
    "unverified": "unverified, counted as not correct",
    "failures": "failed, not scored",
}


@click.command(name="show", epilog="Example: thinkcurve show results/embedded")
@click.argument("runs", nargs=-1, required=True, metavar="RUN...")
@click.option("--json", "as_json", is_flag=True, help="Print the figures as JSON.")
def command(runs: tuple[str, ...], as_json: bool) -> None:
    """Print the curves of one or more runs."""
    from thinkcurve.run import load_run

    def warn(text: str) -> None:
        click.echo(text, err=True)

    print_curves([curve for run in runs for curve in load_run(run, warn=warn).curves()], as_json=as_json)


def print_curves(curves: Sequence[Curve], *, as_json: bool) -> None:
    """Print curves to stdout, as tables or as one JSON object."""
    if as_json:
        import msgspec

        click.echo(msgspec.json.encode({"schema": JSON_SCHEMA, "curves": curves}))
        return
    from rich.console import Console

    console = Console(highlight=False)
    console.width = max(console.width, NARROWEST)
    for curve in curves:
        console.print(_table(curve))
        for line in _remarks(curve):
            console.print(line, style="yellow")
        console.print()


def _table(curve: Curve) -> Table:
    from rich import box
    from rich.markup import escape
    from rich.table import Table

    n_problems = max(point.n_problems for point in curve.points)
    n_samples = max(point.n_samples for point in curve.points)
    samples = "" if n_samples <= 1 else f" x {n_samples} samples"
    table = Table(
        title=f"[bold]{escape(curve.task)}[/] · {escape(short_model(curve.model))} · {escape(curve.control)}"
        f" · {n_problems} problems{samples}",
        title_justify="left",
        title_style="",
        box=box.SIMPLE_HEAD,
        pad_edge=False,
        padding=(0, 1),
    )
    for name in ("budget", "thinking", "total", "accuracy", "95 % interval"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("", no_wrap=True)
    table.add_column("forced", justify="right", no_wrap=True)
    for point in curve.points:
        table.add_row(*_cells(point))
    return table


def short_model(spec: str) -> str:
    """A model spec without the folders of its file, for a title."""
    engine, colon, what = spec.partition(":")
    return f"{engine}{colon}{what.rsplit('/', 1)[-1]}" if colon and not what.startswith("//") else spec


def _cells(point: Point) -> list[str]:
    if point.accuracy is None or point.ci_low is None or point.ci_high is None:
        return [format_budget(point.budget), *["–"] * 6]
    return [
        format_budget(point.budget),
        _tokens(point.thinking_tokens),
        _tokens(point.total_tokens),
        f"{100 * point.accuracy:.1f} %",
        f"{100 * point.ci_low:.1f} – {100 * point.ci_high:.1f}",
        f"[cyan]{_bar(point.accuracy)}[/]",
        f"{100 * point.forced / point.n_attempts:.0f} %",
    ]


def _remarks(curve: Curve) -> list[str]:
    """A line for each thing that went otherwise than it should, with the budgets where it did."""
    lines = []
    for name, words in REMARKS.items():
        counts = [(getattr(point, name), format_budget(point.budget)) for point in curve.points]
        where = ", ".join(f"{n:,} at {budget}" for n, budget in counts if n)
        if where:
            lines.append(f"{words}: {where}")
    if len({point.n_attempts for point in curve.points}) > 1:
        each = ", ".join(f"{point.n_attempts:,} at {format_budget(point.budget)}" for point in curve.points)
        lines.append(f"the points rest on different numbers of attempts: {each}")
    return lines


def _tokens(value: float | None) -> str:
    return "?" if value is None else f"{value:,.0f}"


def _bar(share: float, width: int = 10) -> str:
    """A bar of eighth blocks, as wide for every row."""
    eighths = round(share * width * 8)
    return ("█" * (eighths // 8) + " ▏▎▍▌▋▊▉"[eighths % 8].strip()).ljust(width)
