"""``thinkcurve leaderboard``: a static site of runs, and the check of runs that others hand in."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from thinkcurve.cli.flags import data_dir_option
from thinkcurve.cli.verify import cores, judging_options, printable
from thinkcurve.errors import UsageError

if TYPE_CHECKING:
    from thinkcurve.report.leaderboard.check import Submission

JSON_SCHEMA = 1
WORDS = {"pass": ("ok", "green"), "fail": ("FAILED", "red"), "unknown": ("not checked", "yellow")}
CODES = {"pass": 0, "fail": 1, "unknown": 3}
LISTED = 10
"""Answers judged otherwise that are listed; ``--json`` has them all."""
EPILOG = """\b
Examples:
  thinkcurve leaderboard runs/* -o site
  thinkcurve leaderboard results/new -o site --add
  thinkcurve leaderboard --check submissions/run-42
"""


@click.command(name="leaderboard", epilog=EPILOG)
@click.argument("runs", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="RUN...")
@click.option("-o", "--output", type=click.Path(path_type=Path), metavar="DIR", help="Where the site goes.")
@click.option("--title", metavar="TEXT", help="Its title.  [default: Leaderboard, or that which it has]")
@click.option("--add", "is_adding", is_flag=True, help="Keep the runs that the site has.")
@click.option("--check", "is_check", is_flag=True, help="Check the runs as submissions; write nothing.")
@click.option(
    "--sample", default=200, show_default=True, type=click.IntRange(min=1), metavar="N", help="Answers judged again."
)
@click.option("--seed", type=int, metavar="S", help="Draw the sample of another check again.")
@data_dir_option
@judging_options
@click.option("--json", "as_json", is_flag=True, help="Print what was done, or found, as JSON.")
def command(
    runs: tuple[Path, ...],
    output: Path | None,
    title: str | None,
    is_adding: bool,
    is_check: bool,
    sample: int,
    seed: int | None,
    data_dir: Path | None,
    workers: int | None,
    sandbox: str,
    as_json: bool,
) -> None:
    """Write a static site of any number of runs: rankings at equal compute, figures, pages, tables.

    It opens from a file, asks no network for anything, and only what changed is written again. --check reads runs as
    what strangers handed in: schema, consistency, problems, and verdicts of a random sample. It exits with 1 where
    something is wrong, with 3 where something could not be checked here.
    """
    if is_check:
        if output is not None:
            raise UsageError("--check writes nothing; leave out -o")
        sys.exit(_check(runs, sample, seed, data_dir, workers or cores(), sandbox, as_json=as_json))
    if output is None:
        raise UsageError("say where the site goes: -o DIR")
    from thinkcurve.report.leaderboard.write import leaderboard

    def warn(text: str) -> None:
        click.echo(text, err=True)

    made = leaderboard(runs, output, title=title, is_adding=is_adding, warn=warn)
    if as_json:
        import msgspec

        click.echo(msgspec.json.encode({"schema": JSON_SCHEMA, **msgspec.structs.asdict(made)}))
        return
    click.echo(
        f"{made.n_runs:,} runs ({made.read:,} read anew), {made.n_models:,} models, {made.n_tasks:,} tasks. "
        f"Files: {made.written:,} written, {made.unchanged:,} unchanged, {made.removed:,} removed",
        err=True,
    )
    click.echo(made.index)


def _check(
    runs: Sequence[Path],
    sample: int,
    seed: int | None,
    data_dir: Path | None,
    workers: int,
    sandbox: str,
    *,
    as_json: bool,
) -> int:
    """Check runs, print what was found, and give the exit code."""
    import secrets

    drawn_by = secrets.randbelow(2**31) if seed is None else seed  # none that a submitter could have known
    found = asyncio.run(_submissions(runs, sample, drawn_by, data_dir, workers, sandbox))
    if as_json:
        import msgspec

        cards = [{"outcome": one.outcome, **msgspec.structs.asdict(one)} for one in found]
        click.echo(msgspec.json.encode({"schema": JSON_SCHEMA, "submissions": cards}))
    else:
        for one in found:
            print_submission(one)
    outcomes = {one.outcome for one in found}
    return next(CODES[outcome] for outcome in ("fail", "unknown", "pass") if outcome in outcomes)


async def _submissions(
    runs: Sequence[Path], sample: int, seed: int, data_dir: Path | None, workers: int, sandbox: str
) -> list[Submission]:
    from thinkcurve.report.leaderboard.check import check_submission
    from thinkcurve.verify.judge import Judge

    judge = Judge(workers=workers, sandbox=sandbox)
    try:
        return [await check_submission(run, judge, sample=sample, seed=seed, data_dir=data_dir) for run in runs]
    finally:
        await judge.aclose()


def print_submission(found: Submission) -> None:
    """Print what was found of one submission."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console(highlight=False)
    console.print(Text(printable(found.run), "bold"))
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(no_wrap=True)
    table.add_column(max_width=24, overflow="fold")
    table.add_column(overflow="fold")
    for check in found.checks:
        word, style = WORDS[check.outcome]
        table.add_row(Text(f"  {word}", style), Text(printable(check.name, 60)), Text(printable(check.words, 500)))
    console.print(table)
    for one in found.mismatches[:LISTED]:
        where = f"{printable(one.problem, 50)} sample {one.sample} budget {one.budget}"
        console.print(Text(f"      {where}: {one.submitted} there, {one.ours} here"))
    if len(found.mismatches) > LISTED:
        console.print(f"      and {len(found.mismatches) - LISTED:,} more; --json lists them all")
    if found.n_regraded:
        console.print(f"  sample drawn by --seed {found.seed}")
