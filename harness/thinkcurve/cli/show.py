"""``thinkcurve show``: the curve as a table that a person can read at 80 columns, or as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from thinkcurve.budget import Control, format_budget
from thinkcurve.cli.sections import SECTIONS, section
from thinkcurve.errors import UsageError

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from thinkcurve.analysis.curve import Curve, Point
    from thinkcurve.analysis.items.levels import Levels
    from thinkcurve.run import Run

JSON_SCHEMA = 1
NARROWEST = 80
"""Columns that the table needs; a narrower terminal wraps its lines."""
REMARKS = {
    "truncated_answers": "answers cut off by their reserve",
    "no_answer": "no answer",
    "refused": "of these, refused by the model",
    "unverified": "unverified, counted as not correct",
    "failures": "failed, not scored",
}


@click.command(name="show", epilog="Example: thinkcurve show results/embedded")
@click.argument("runs", nargs=-1, required=True, metavar="RUN...")
@click.option("--by", type=click.Choice(["level"]), help="Accuracy by level of difficulty instead.")
@click.option(
    "--tables",
    default="curve",
    show_default=True,
    metavar="NAMES",
    help=f"What to print, with commas between: {', '.join(SECTIONS)}; or all.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the figures as JSON.")
def command(runs: tuple[str, ...], by: str | None, tables: str, as_json: bool) -> None:
    """Print the curves of one or more runs, and what they mean."""
    from thinkcurve.run import load_run

    names = _section_names(tables)

    def warn(text: str) -> None:
        click.echo(text, err=True)

    loaded = [load_run(run, warn=warn) for run in runs]
    if by:
        from thinkcurve.analysis.items.levels import levels_of

        print_levels([table for run in loaded for table in levels_of(run.attempts)], as_json=as_json)
    elif names == ["curve"]:
        print_curves([curve for run in loaded for curve in run.curves()], as_json=as_json)
    else:
        _print_sections(names, loaded, as_json=as_json)


def _section_names(tables: str) -> list[str]:
    """The sections of ``--tables``, in the order of `SECTIONS`."""
    asked = [name.strip() for name in tables.split(",")]
    for name in asked:
        if name not in (*SECTIONS, "all"):
            raise UsageError(f"no table is named {name!r}; there are {', '.join(SECTIONS)}, and all")
    return [name for name in SECTIONS if name in asked or "all" in asked]


def _print_sections(names: Sequence[str], runs: Sequence[Run], *, as_json: bool) -> None:
    """Print some sections, or one JSON object with each by its name (those of the curve as ``curves``)."""
    found: dict[str, Any] = {"schema": JSON_SCHEMA}
    console = wide_console()
    for name in names:
        if name == "curve":
            found["curves"] = [curve for run in runs for curve in run.curves()]
            if not as_json:
                print_curves(found["curves"], as_json=False)
            continue
        made = section(name)
        found[name] = made.results(runs)
        if not as_json:
            console.rule(f"[bold]{name}[/]: {SECTIONS[name]}", align="left", style="dim")
            for result in found[name]:
                for line in made.lines(result):
                    console.print(line)
                console.print()
    if as_json:
        import msgspec

        click.echo(msgspec.json.encode(found))


def wide_console() -> Console:
    """A console for stdout that is wide enough for every table."""
    from rich.console import Console

    console = Console(highlight=False)
    console.width = max(console.width, NARROWEST)
    return console


def print_curves(curves: Sequence[Curve], *, as_json: bool) -> None:
    """Print curves to stdout, as tables or as one JSON object."""
    if as_json:
        import msgspec

        click.echo(msgspec.json.encode({"schema": JSON_SCHEMA, "curves": curves}))
        return
    from thinkcurve.report.labels import thinking_words

    console = wide_console()
    for curve in curves:
        console.print(_title(curve, _n_problems(curve)), soft_wrap=True)
        console.print(_table(curve))
        for line in _remarks(curve):
            console.print(line, style="yellow", markup=False)
        if words := thinking_words(curve):
            console.print(f"thinking: {words}", style="dim")
        console.print()


def print_levels(tables: Sequence[Levels], *, as_json: bool) -> None:
    """Print accuracy by level, levels down and budgets across."""
    if as_json:
        import msgspec

        click.echo(msgspec.json.encode({"schema": JSON_SCHEMA, "by": "level", "tables": tables}))
        return
    from rich.console import Console

    console = Console(highlight=False)
    for table in tables:
        console.print(_title(table, "accuracy by level, %"), soft_wrap=True)
        console.print(_levels_table(table))
        console.print()


def _levels_table(levels: Levels) -> Table:
    table = new_table()
    budgets = (format_budget(budget, levels.control) for budget in levels.budgets)
    for name in ("level", "problems", *budgets):
        table.add_column(name, justify="right", no_wrap=True)
    for level in levels.levels:
        shares = ("–" if share is None else f"{100 * share:.0f}" for share in level.accuracies)
        table.add_row(str(level.level), str(level.n_problems), *shares)
    return table


def new_table() -> Table:
    """A table of the house: plain, a line under its head."""
    from rich import box
    from rich.table import Table

    return Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1))


def _title(of: Curve | Levels, what: str) -> str:
    from rich.markup import escape

    return f"[bold]{escape(short_task(of.task))}[/] · {escape(short_model(of.model))} · {escape(of.control)} · {what}"


def _n_problems(curve: Curve) -> str:
    n_problems = max(point.n_problems for point in curve.points)
    n_samples = max(point.n_samples for point in curve.points)
    return f"{n_problems} problems" + ("" if n_samples <= 1 else f" x {n_samples} samples")


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


def short_model(spec: str) -> str:
    """A model spec without the folders of its file, for a title; printable whatever it holds."""
    from thinkcurve.report.labels import plain

    engine, colon, what = plain(spec).partition(":")
    spec = f"{engine}{colon}{what}"
    return f"{engine}{colon}{what.rsplit('/', 1)[-1]}" if colon and not what.startswith("//") else spec


LONGEST_VERSION = 60
MOST_VERSIONS = 3
"""Versions of a model that a remark names, and characters of each: whatever a server calls itself."""
LONGEST_TASK = 34
"""Characters of a task's name that fit a title of 80 columns beside the rest."""


def short_task(name: str) -> str:
    """A task's name, its middle left out where it is too long for a title; printable whatever it holds."""
    from thinkcurve.report.labels import plain

    name = plain(name)
    half = LONGEST_TASK // 2
    return name if len(name) <= LONGEST_TASK else f"{name[:half]}…{name[-half + 1 :]}"


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


def _remarks(curve: Curve) -> list[str]:
    """A line for each thing that went otherwise than it should, with the budgets where it did."""
    from thinkcurve.report.labels import plain

    lines = []
    for name, words in REMARKS.items():
        counts = [(getattr(point, name), format_budget(point.budget, curve.control)) for point in curve.points]
        where = ", ".join(f"{n:,} at {budget}" for n, budget in counts if n)
        if where:
            lines.append(f"{words}: {where}")
    if len({point.n_attempts for point in curve.points}) > 1:
        each = ", ".join(f"{p.n_attempts:,} at {format_budget(p.budget, curve.control)}" for p in curve.points)
        lines.append(f"the points rest on different numbers of attempts: {each}")
    if len(curve.served_by) > 1:
        named = [f"{plain(version)[:LONGEST_VERSION]} ({n:,})" for version, n in curve.served_by.items()]
        rest = [f"{len(named) - MOST_VERSIONS:,} more"] if len(named) > MOST_VERSIONS else []
        lines.append(f"answered by {' and '.join(named[:MOST_VERSIONS] + rest)}: not by one version throughout")
    return lines


def _tokens(value: float | None) -> str:
    return "–" if value is None else f"{value:,.0f}"


def _bar(share: float, width: int = 10) -> str:
    """A bar of eighth blocks, as wide for every row."""
    eighths = round(share * width * 8)
    return ("█" * (eighths // 8) + " ▏▎▍▌▋▊▉"[eighths % 8].strip()).ljust(width)
