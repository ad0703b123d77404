"""``thinkcurve regrade``: the stored answers of a run judged again, and what that changed."""

from __future__ import annotations

import asyncio
import sys
from collections import Counter
from collections.abc import Mapping
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

import click

from thinkcurve.budget import format_budget
from thinkcurve.cli import stopping
from thinkcurve.cli.counted import Counted, progress_option
from thinkcurve.cli.flags import data_dir_option
from thinkcurve.cli.show import JSON_SCHEMA, short_model
from thinkcurve.cli.verify import STYLES, cores, judging_options, printable
from thinkcurve.cli.voice import say, speak_json

if TYPE_CHECKING:
    from rich.table import Table
    from rich.text import Text

    from thinkcurve.problem import Verdict
    from thinkcurve.regrade import Change, Regrade

LISTED = 20
"""Changed attempts that are listed; ``--json`` has them all."""
GAP = 3
"""Columns of the terminal between two of a table; its edges take two."""


@click.command(name="regrade", epilog="Example: thinkcurve regrade results/embedded --dry-run")
@click.argument("run", type=click.Path(path_type=Path), metavar="RUN")
@data_dir_option
@judging_options
@click.option("--dry-run", is_flag=True, help="Say what would change; write nothing.")
@click.option("--json", "as_json", is_flag=True, help="Print what changed as JSON.")
@progress_option
def command(
    run: Path, data_dir: Path | None, workers: int | None, sandbox: str, dry_run: bool, as_json: bool, progress: str
) -> None:
    """Judge the stored answers of RUN again, without a model, and say what changed.

    New verdicts are added to the journal and the tables are written anew; tokens and costs stay as they are. Where
    the sandbox or a worker fails this time, the earlier verdict stands (exit code 3).
    """
    speak_json(progress == "json")
    try:
        with Counted("answers", progress) as shown:
            work = _regrade(run, data_dir, shown, workers=workers or cores(), sandbox=sandbox, is_dry=dry_run)
            found = asyncio.run(work)
    except KeyboardInterrupt:
        left = "Nothing was written." if dry_run else "What was judged is recorded; the same command does the rest."
        say(f"Stopped. {left}")
        sys.exit(stopping.exit_code())
    if as_json:
        _print_json(run, found)
    else:
        print_regrade(run, found, is_dry=dry_run)
    sys.exit(3 if found.kept else 0)


async def _regrade(
    run: Path, data_dir: Path | None, shown: Counted, *, workers: int, sandbox: str, is_dry: bool
) -> Regrade:
    from thinkcurve.regrade import regrade
    from thinkcurve.verify.judge import Judge

    judge = Judge(workers=workers, sandbox=sandbox)
    try:
        return await regrade(run, judge, data_dir=data_dir, is_dry=is_dry, listener=shown.step, warn=shown.say)
    finally:
        await judge.aclose()


def _print_json(run: Path, found: Regrade) -> None:
    import msgspec

    counts = {
        "before": _named(found.before.verdicts),
        "after": _named(found.after.verdicts),
        "changed": len(found.changes),
        "other_rung": found.n_other_rung,
        "kept": found.kept.total(),
    }
    card = {
        "schema": JSON_SCHEMA,
        "run": str(run),
        "n_attempts": found.n_attempts,
        "n_judged": found.n_judged,
        "changed": found.changes,
        "counts": counts,
    }
    click.echo(msgspec.json.encode(card))


def _named(verdicts: Mapping[Verdict, int]) -> dict[str, int]:
    counts = {verdict.value: n for verdict, n in verdicts.items()}
    return {name: counts.get(name, 0) for name in STYLES}


def print_regrade(run: Path, found: Regrade, *, is_dry: bool) -> None:
    """Print what changed: how many, which, and what it does to each curve."""
    from rich.console import Console
    from rich.text import Text

    console = Console(highlight=False)
    changes = found.changes
    console.print(
        Text(printable(str(run)), "bold"),
        f"· {found.n_attempts:,} attempts, {found.n_judged:,} different answers",
        soft_wrap=True,
    )
    if changes:
        console.print(_totals(changes, found.n_attempts))
        console.print(_list(changes, found.manifest.study.control, console.width))
        if len(changes) > LISTED:
            console.print(f"and {len(changes) - LISTED:,} more; --json lists them all")
        for title, table in _accuracies(found):
            console.print(title)
            console.print(table)
    else:
        console.print("Nothing changed.")
    for remark in _remarks(found, is_dry=is_dry):
        console.print(remark, style="yellow")


def _remarks(found: Regrade, *, is_dry: bool) -> list[str]:
    lines = []
    if found.n_other_rung:
        lines.append(f"the same verdict by another rung: {found.n_other_rung:,}")
    if found.kept:
        why = ", ".join(f"{reason} {n:,}" for reason, n in found.kept.most_common())
        lines.append(f"not judged this time, so the earlier verdict stands: {found.kept.total():,} ({why})")
    if is_dry and (found.changes or found.n_other_rung):
        lines.append("Nothing was written; without --dry-run it is.")
    return lines


def _totals(changes: list[Change], n_attempts: int) -> Table:
    table = _new_table("before", "after", ">attempts", ">share")
    pairs = Counter((*_words(change), change.before.verdict, change.after.verdict) for change in changes)
    for (before, after, *verdicts), n in pairs.most_common():
        cells = [_styled(words, verdict) for words, verdict in zip((before, after), verdicts, strict=True)]
        table.add_row(*cells, f"{n:,}", f"{100 * n / n_attempts:.1f} %")
    return table


def _list(changes: list[Change], control: str, width: int) -> Table:
    """The first changed attempts; a column that would say the same in every row is left out."""
    from rich.cells import cell_len
    from rich.text import Text

    has_models, has_samples = len({c.model for c in changes}) > 1, any(c.sample for c in changes)
    names = ["model"] * has_models + ["problem"] + [">sample"] * has_samples + [">budget", "before", "after", "read"]
    table = _new_table(*names)
    for change in changes[:LISTED]:
        cells: list[str | Text] = [Text(printable(short_model(change.model), 20))] * has_models
        cells += [Text(printable(change.problem, 30)), *([str(change.sample)] * has_samples)]
        before, after = _words(change)
        cells += [format_budget(change.budget, control), _styled(before, change.before.verdict)]
        table.add_row(*cells, _styled(after, change.after.verdict), Text(_read(change)))
    taken = sum(max(cell_len(str(cell)) for cell in (c.header, *c.cells)) + GAP for c in table.columns[:-1])
    table.columns[-1].max_width = max(width - taken - 2, len("read"))
    return table


def _words(change: Change) -> tuple[str, str]:
    """Both verdicts in words; with the reason where it says more than the verdict does."""
    before, after = (str(reading.verdict).replace("_", " ") for reading in (change.before, change.after))
    if before == after and change.before.reason == change.after.reason:
        return before, f"{after}, read otherwise"
    return (
        before + (f": {change.before.reason}" if before in (after, "unverified") else ""),
        after + (f": {change.after.reason}" if after in (before, "unverified") else ""),
    )


def _styled(words: str, verdict: str) -> Text:
    from rich.text import Text

    return Text(words, STYLES[verdict])


def _read(change: Change) -> str:
    """What was read as the answer, then and now."""
    before, after = (printable(r.extracted or "nothing") for r in (change.before, change.after))
    return after if before == after else f"{printable(before, 30)} → {after}"


def _accuracies(found: Regrade) -> list[tuple[Text, Table]]:
    """For each curve that moved, its accuracy before and after at each budget that moved."""
    from rich.text import Text

    tables = []
    for (model, task, control), points in groupby(
        found.moved, key=lambda point: (point.model, point.task, point.control)
    ):
        table = _new_table(">budget", ">accuracy before", ">after", ">change")
        for point in points:
            before, after, change = (100 * share for share in (point.before, point.after, point.after - point.before))
            table.add_row(format_budget(point.budget, control), f"{before:.1f} %", f"{after:.1f} %", f"{change:+.1f}")
        tables.append((Text(f"{task} · {short_model(model)} · {control}", "bold"), table))
    return tables


def _new_table(*names: str) -> Table:
    """An empty table; a name with ``>`` in front is a column of numbers."""
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1))
    for name in names:
        is_number = name.startswith(">")
        table.add_column(
            name.removeprefix(">"), justify="right" if is_number else "left", no_wrap=True, overflow="ellipsis"
        )
    return table
