"""``thinkcurve import``: results of another tool become a run that every other command reads."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import click

from thinkcurve.errors import UsageError

if TYPE_CHECKING:
    from thinkcurve.interop.imports.assemble import Imported
    from thinkcurve.run import Run

KINDS = ("lm-eval", "inspect", "parquet")
TABLES = {"csv": "parquet"}
"""Other words for a table, which is read by the ending of its file whatever it is called."""
CONTROLS = ("truncate", "extend", "server", "native", "effort", "prompt")
EPILOG = """\b
FILE may be a folder: all samples files, or logs, in it. Examples:
  thinkcurve import logs/*.eval --from inspect -o results/y
  thinkcurve import low high --from lm-eval --budgets 256,1024 -o results/x
  thinkcurve import t.parquet --from parquet -o results/z --model M --task T \\
    --columns problem=qid,correct=score,answer=response
"""


@click.command(name="import", epilog=EPILOG)
@click.argument("files", nargs=-1, required=True, metavar="FILE...", type=click.Path(path_type=Path))
@click.option(
    "--from",
    "kind",
    required=True,
    type=click.Choice((*KINDS, *TABLES)),
    help="What FILE is; parquet and csv: a table, by its ending.",
)
@click.option("-o", "--output", required=True, metavar="RUN", type=click.Path(path_type=Path), help="The new run.")
@click.option("--budgets", metavar="B,B,...", help="Budget of each FILE (none: natural end), where it does not say.")
@click.option(
    "--control", type=click.Choice(CONTROLS), metavar="CONTROL", help="Who kept to the budget.  [default: native]"
)
@click.option("--filter", "chosen_filter", metavar="NAME", help="Which of lm-eval's filters.")
@click.option("--metric", metavar="NAME", help="Which of lm-eval's metrics, or inspect's scorers (SCORER.PART).")
@click.option(
    "--right-from", type=float, metavar="X", help="Scores from X on are right.  [default: only 1 is, and 0 wrong]"
)
@click.option("--more-samples", is_flag=True, help="Files of one budget are further samples of its problems.")
@click.option("--columns", metavar="OURS=THEIRS,...", help="What a table calls its columns.")
@click.option("--model", metavar="NAME", help="The model, where FILE does not name it or otherwise.")
@click.option("--task", metavar="NAME", help="The task, likewise.")
@click.option("--usage", metavar="FILE", type=click.Path(path_type=Path), help="Costs of our own model in lm-eval.")
@click.option("--json", "as_json", is_flag=True, help="Print the curves as JSON, as show does.")
def command(
    files: tuple[Path, ...],
    kind: str,
    output: Path,
    budgets: str | None,
    control: str | None,
    chosen_filter: str | None,
    metric: str | None,
    right_from: float | None,
    more_samples: bool,
    columns: str | None,
    model: str | None,
    task: str | None,
    usage: Path | None,
    as_json: bool,
) -> None:
    """Make a run of another tool's results; several FILEs at different budgets become one curve.

    Every score is kept; what FILE does not tell (tokens, seconds, dollars) stays unknown.
    """
    from thinkcurve.cli.show import print_curves
    from thinkcurve.interop.imports.item import Wishes
    from thinkcurve.interop.imports.write import import_files, write_run
    from thinkcurve.run import load_run

    kind = TABLES.get(kind, kind)
    _check_takers(kind, {"--filter": chosen_filter, "--usage": usage, "--columns": columns})
    wishes = Wishes(
        filter=chosen_filter,
        metric=metric,
        right_from=right_from,
        columns=_columns(columns),
        model=model,
        task=task,
        usage=usage,
    )
    imported = import_files(files, kind, wishes=wishes, budgets=budgets, control=control, more_samples=more_samples)
    write_run(imported, output)
    for note in imported.notes:
        click.echo(f"note: {note}", err=True)
    run = load_run(output)
    print_curves(run.curves(), as_json=as_json)
    click.echo(_summary(imported, run), err=True)


def _check_takers(kind: str, given: Mapping[str, object]) -> None:
    """Refuse an option that the format does not take."""
    takers = {"--filter": "lm-eval", "--usage": "lm-eval", "--columns": "parquet"}
    for flag, value in given.items():
        if value is not None and takers[flag] != kind:
            raise UsageError(f"{flag} is for --from {takers[flag]}, not for {kind}")


def _columns(given: str | None) -> dict[str, str]:
    """``ours=theirs,...`` as a map."""
    pairs = [part.partition("=") for part in given.split(",")] if given else []
    for ours, sign, theirs in pairs:
        if not (ours.strip() and sign and theirs.strip()):
            raise UsageError(f"--columns: {ours + sign + theirs!r} is not OURS=THEIRS, such as problem=question_id")
    return {ours.strip(): theirs.strip() for ours, _, theirs in pairs}


def _summary(imported: Imported, run: Run) -> str:
    """What came of it, in a line."""
    records = imported.records
    n_problems = len({problem for _, problem, _, _ in (*records.attempts, *records.failures)})
    n_failed = len(records.failures)
    failed = f", {n_failed:,} that did not come about" if n_failed else ""
    return f"{len(records.attempts):,} answers to {n_problems:,} problems{failed}: {run.path}"
