"""``thinkcurve run``: carry out a study from a file, from flags, or from neither."""

from __future__ import annotations

import asyncio
import sys
import time
from pathlib import Path
from typing import Any

import click

from thinkcurve.cli.flags import Sectioned, study_flags, study_of
from thinkcurve.errors import BackendError, UsageError

EPILOG = """\
Example: thinkcurve run -m llamacpp:model.gguf -t math500 --budgets 0,256,none
Example: thinkcurve run -t mine.jsonl --columns question=problem,answer=gold
"""


@click.command(name="run", cls=Sectioned, epilog=EPILOG)
@click.argument("study", type=click.Path(path_type=Path), required=False, metavar="[STUDY.toml]")
@study_flags
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Where the run goes (default: results/NAME).",
)
@click.option("--dry-run", is_flag=True, help="Say what would be spent; record nothing.")
@click.option("--json", "as_json", is_flag=True, help="Print the curves as JSON.")
def command(
    study: Path | None, output: Path | None, data_dir: Path | None, dry_run: bool, as_json: bool, **flags: Any
) -> None:
    """\b
    Carry out a study, or go on with one that was stopped. * is repeatable.
    Bare: the embedded model and tasks. THINKCURVE_SANDBOX stands for --sandbox.
    """
    from thinkcurve.study import run_name

    if output is not None and not str(output).strip(". "):
        raise UsageError("-o is empty; give the directory of the run")
    what = study_of(study, flags, output)
    directory = output or Path("results") / run_name(what)
    try:
        code = asyncio.run(_carry_out(what, directory, data_dir, is_dry=dry_run, as_json=as_json))
    except KeyboardInterrupt:
        _say(f"\nStopped. {_how_to_go_on(directory, dry_run)}")
        code = 130
    except BackendError as error:
        _say(f"error: {error}\n{_how_to_go_on(directory, dry_run)}")
        code = 3
    sys.exit(code)


async def _carry_out(study: Any, directory: Path, data_dir: Path | None, *, is_dry: bool, as_json: bool) -> int:
    from thinkcurve.cli.progress import Progress
    from thinkcurve.plan import Given, prepare
    from thinkcurve.runner import carry_out, finish

    plan = await prepare(study, directory, given=Given(data_dir=data_dir), warn=_say, is_dry=is_dry)
    try:
        if is_dry:
            from thinkcurve.cli.estimate import print_estimate

            await print_estimate(plan, as_json=as_json)
            return 0
        _say_what_is_left(plan, directory)
        for session in plan.sessions:
            _say(f"{session.spec}: {_drawn(session.sampling, study, session.backend.model)}")
        started = time.monotonic()
        with Progress(plan) as progress:
            records = await carry_out(plan, listener=progress.listen)
        finish(plan)
        took_s = time.monotonic() - started
    finally:
        await plan.aclose()
    _report(plan, directory, took_s, as_json=as_json)
    return 3 if records.failures else 0


def _how_to_go_on(directory: Path, is_dry: bool) -> str:
    from thinkcurve.store import journal_path

    if is_dry or not journal_path(directory).exists():
        return "Nothing was recorded."
    return f"What was graded is safe in {directory}; the same command goes on from there."


def _say_what_is_left(plan: Any, directory: Path) -> None:
    """A run that grew, or was stopped, goes on as a whole; say so before it does."""
    left, total = plan.n_missing, plan.n_attempts
    if left < total:
        _say(f"Going on with {directory}: {left:,} of {total:,} attempts left, {len(plan.study.budgets)} budgets.")


def _drawn(sampling: Any, study: Any, model: Any) -> str:
    """How tokens are drawn, and which of it is the model's makers' wish rather than the study's."""
    if sampling.temperature == 0:
        if study.temperature is not None:
            return "greedy"
        return "greedy (its makers' default)" if model.sampling else "greedy (its makers name no temperature)"
    neutral = {"temperature": None, "top_p": 1.0, "top_k": 0, "min_p": 0.0}
    words: dict[bool, list[str]] = {True: [], False: []}
    for key, nothing in neutral.items():
        value = getattr(sampling, key)
        if value != nothing:
            words[getattr(study, key) is None].append(f"{key.replace('_', '-')} {value:g}")
    makers = f"{', '.join(words[True])} (its makers' default)" if words[True] else ""
    return ", ".join(part for part in (*words[False], makers) if part)


def _report(plan: Any, directory: Path, took_s: float, *, as_json: bool) -> None:
    from thinkcurve.cli.show import print_curves
    from thinkcurve.run import Run

    run = Run(directory, plan.manifest, plan.records)
    curves = run.curves()
    figure = _draw(curves, directory)
    print_curves(curves, as_json=as_json)
    _say(f"{_spent(run)}\n{took_s:.0f} s. Run: {directory}   Figure: {figure}")
    if plan.records.failures:
        first = next(iter(plan.records.failures.values()))
        _say(
            f"{len(plan.records.failures)} attempts failed and are not scored, first: {first.error}\n"
            "The same command tries them again."
        )


def _spent(run: Any) -> str:
    """What the run really used, and what its attempts would have used each alone."""
    traces, attempts = run.traces, run.attempts
    thinking, answers = int(traces["generated_spent"].sum()), attempts["generated_spent"].sum()
    alone = attempts["generated_tokens"].sum()
    return f"Spent {thinking:,} thinking and {answers:,.0f} answer tokens; each attempt alone: {alone:,.0f}."


def _draw(curves: Any, directory: Path) -> Path:
    from thinkcurve.report.figure import curve_spec
    from thinkcurve.report.write import write_figure

    path = directory / "curve.html"
    write_figure(curve_spec(curves), path)
    return path


def _say(text: str) -> None:
    click.echo(text, err=True)
