"""``thinkcurve show``: the curve as a table that a person can read at 80 columns, or as JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import click

from thinkcurve.budget import format_budget
from thinkcurve.cli.beyond import beyond_of
from thinkcurve.cli.price import price_of
from thinkcurve.cli.sections import SECTIONS, section
from thinkcurve.errors import UsageError

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from thinkcurve.analysis.behaviour.diagnostics import Diagnostics
    from thinkcurve.analysis.curve import Curve
    from thinkcurve.analysis.items.levels import Levels
    from thinkcurve.cli.sections import Section
    from thinkcurve.run import Run

JSON_SCHEMA = 1
NARROWEST = 80
"""Columns that the table needs; a narrower terminal wraps its lines."""


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
@click.option(
    "--axis", "--x", metavar="AXIS", help="Measure of compute of tables that are by one: thinking_tokens, usd, ..."
)
@click.option("--reference", metavar="MODELS", help="Models that capability density is measured by, commas between.")
@click.option("--extrapolate", metavar="COST|Nx", help="Carry fits on beyond what was measured: to 4096, or 4x.")
@click.option(
    "--volume", type=click.IntRange(1), metavar="N", help="Requests whose demand is told; a million if not given."
)
@click.option(
    "--concurrency", type=click.IntRange(1), metavar="N", help="Requests that ran at once: tells hours of the machine."
)
@click.option("--price", metavar="input=N,output=N", help="Dollars a million tokens, for the demand.")
@click.option("--json", "as_json", is_flag=True, help="Print the figures as JSON.")
def command(
    runs: tuple[str, ...],
    by: str | None,
    tables: str,
    axis: str | None,
    reference: str | None,
    extrapolate: str | None,
    volume: int | None,
    concurrency: int | None,
    price: str | None,
    as_json: bool,
) -> None:
    """Print the curves of one or more runs, and what they mean."""
    from thinkcurve.analysis.missing import missing_remarks
    from thinkcurve.report.labels import plain
    from thinkcurve.run import load_run

    names = _section_names(tables)
    options = {
        "axis": axis,
        "reference": _models(reference),
        "extrapolate": None if extrapolate is None else beyond_of(extrapolate),
        "volume": volume,
        "concurrency": concurrency,
        "price": None if price is None else price_of(price),
    }
    given = {name: value for name, value in options.items() if value}
    _check_options(names, given)

    def warn(text: str) -> None:
        click.echo(text, err=True)

    loaded = [load_run(run, warn=warn) for run in runs]
    for run in loaded:
        for remark in missing_remarks(run):
            warn(plain(remark))
    if by:
        from thinkcurve.analysis.items.levels import levels_of

        print_levels([table for run in loaded for table in levels_of(run.tables.attempts)], as_json=as_json)
    elif names == ["curve"]:
        print_curves([curve for run in loaded for curve in run.curves()], as_json=as_json)
    else:
        _print_sections(names, loaded, given, as_json=as_json)


def _section_names(tables: str) -> list[str]:
    """The sections of ``--tables``, in the order of `SECTIONS`."""
    asked = [name.strip() for name in tables.split(",")]
    for name in asked:
        if name not in (*SECTIONS, "all"):
            raise UsageError(f"no table is named {name!r}; there are {', '.join(SECTIONS)}, and all")
    return [name for name in SECTIONS if name in asked or "all" in asked]


def _models(reference: str | None) -> tuple[str, ...]:
    """The names of ``--reference``."""
    return tuple(name for part in (reference or "").split(",") if (name := part.strip()))


def _check_options(names: Sequence[str], given: Mapping[str, Any]) -> None:
    """Refuse an option that none of the tables asked for takes, and an axis that is none."""
    if axis := given.get("axis"):
        from thinkcurve.analysis.basis.axes import AXES

        if axis not in AXES:
            raise UsageError(f"--axis {axis!r} is not one of {', '.join(AXES)}")
    for option in given:
        if not any(option in section(name).options for name in names):
            takers = [name for name in SECTIONS if option in section(name).options]
            raise UsageError(f"--{option} is not for {', '.join(names)}; ask for --tables {','.join(takers) or 'all'}")


def _print_sections(names: Sequence[str], runs: Sequence[Run], given: Mapping[str, Any], *, as_json: bool) -> None:
    """Print some sections, or one JSON object with each by its name (those of the curve as ``curves``)."""
    found: dict[str, Any] = {"schema": JSON_SCHEMA}
    console = wide_console()
    for name in names:
        made = section(name)
        results = made.results(runs, **{option: given[option] for option in made.options if option in given})
        found["curves" if name == "curve" else name] = results
        if not as_json:
            console.rule(f"[bold]{name}[/]: {SECTIONS[name]}", align="left", style="dim")
            _print(console, made, results)
    if as_json:
        import msgspec

        click.echo(msgspec.json.encode(found))


def _print(console: Console, of: Section, results: Sequence[Any]) -> None:
    for result in results:
        for line in of.lines(result):
            console.print(line)
        console.print()


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
    _print(wide_console(), section("curve"), curves)


def print_levels(tables: Sequence[Levels], *, as_json: bool) -> None:
    """Print accuracy by level, levels down and budgets across."""
    if as_json:
        import msgspec

        click.echo(msgspec.json.encode({"schema": JSON_SCHEMA, "by": "level", "tables": tables}))
        return
    from rich.console import Console

    console = Console(highlight=False)
    for table in tables:
        console.print(title(table, "accuracy by level, %"))
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


def title(of: Curve | Levels | Diagnostics, what: str) -> str:
    """The head of a table, as markup: what it is of, and ``what`` it tells."""
    from rich.markup import escape

    return f"[bold]{escape(short_task(of.task))}[/] · {escape(short_model(of.model))} · {escape(of.control)} · {what}"


def short_model(spec: str) -> str:
    """A model spec without the folders of its file, for a title; printable whatever it holds."""
    from thinkcurve.report.labels import plain

    engine, colon, what = plain(spec).partition(":")
    spec = f"{engine}{colon}{what}"
    return f"{engine}{colon}{what.rsplit('/', 1)[-1]}" if colon and not what.startswith("//") else spec


LONGEST_TASK = 34
"""Characters of a task's name that fit a title of 80 columns beside the rest."""


def short_task(name: str) -> str:
    """A task's name, its middle left out where it is too long for a title; printable whatever it holds."""
    from thinkcurve.report.labels import plain

    name = plain(name)
    half = LONGEST_TASK // 2
    return name if len(name) <= LONGEST_TASK else f"{name[:half]}…{name[-half + 1 :]}"
