"""``thinkcurve run``: carry out a study from a file, from flags, or from neither."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import sys
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from thinkcurve.cli import stopping
from thinkcurve.cli.cluster_flags import cluster_flags, wish_of
from thinkcurve.cli.flags import Sectioned, study_flags, study_of
from thinkcurve.errors import BackendError, ThinkcurveError, UsageError

if TYPE_CHECKING:
    from thinkcurve.cluster.driver import Driver, Wish
    from thinkcurve.purse import Spent
    from thinkcurve.run import Run
    from thinkcurve.store import Manifest

DEMO_TASKS = ("arithmetic", "induce")
"""What the embedded model was taught."""
EPILOG = """\
Example: thinkcurve run -m llamacpp:model.gguf -t math500 --budgets 0,256,none
"""


@click.command(name="run", cls=Sectioned, epilog=EPILOG)
@click.argument("study", type=click.Path(path_type=Path), required=False, metavar="[STUDY]")
@study_flags
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Where the run goes (default: results/NAME).",
)
@cluster_flags
@click.option("--dry-run", is_flag=True, help="Say what would be spent; record nothing.")
@click.option("--json", "as_json", is_flag=True, help="Print the curves as JSON.")
@click.option(
    "--progress",
    type=click.Choice(["auto", "live", "plain", "json"]),
    default="auto",
    metavar="HOW",
    help="On stderr: live, plain (a log) or json (events).",
)
def command(
    study: Path | None,
    output: Path | None,
    data_dir: Path | None,
    dry_run: bool,
    as_json: bool,
    progress: str,
    **flags: Any,
) -> None:
    """\b
    Carry out a STUDY.toml, go on with it, or repeat a run by its manifest.json.
    Bare: the embedded model. THINKCURVE_SANDBOX is --sandbox. * is repeatable.
    """
    from thinkcurve.cli.repeat import agreement, first_run, how_alike, repeat_directory
    from thinkcurve.cli.voice import speak_json
    from thinkcurve.study import run_name

    speak_json(progress == "json")
    if output is not None and not str(output).strip(". "):
        raise UsageError("-o is empty; give the directory of the run")
    wish = wish_of(flags)
    if wish and dry_run:
        raise UsageError("--dry-run spends nothing and needs no cluster: leave --cluster out")
    what, first = study_of(study, flags, output), first_run(study)
    directory = repeat_directory(first, output) if first else output or Path("results") / run_name(what)
    agree = agreement(first, flags) if first else None
    with stopping.in_time(lambda: _how_to_go_on(directory, dry_run)):
        try:
            with _driver_of(wish, what, directory, data_dir) as driver:
                how: dict[str, Any] = {"is_dry": dry_run, "as_json": as_json, "progress": progress, "agree": agree}
                code = asyncio.run(_carry_out(what, directory, data_dir, driver=driver, **how))
            if first and not dry_run and code == 0:
                _say(how_alike(first, directory))
        except KeyboardInterrupt:
            _say(f"\nStopped. {_how_to_go_on(directory, dry_run)}")
            code = stopping.exit_code()
        except BackendError as error:
            _say(f"error: {error}\n{_how_to_go_on(directory, dry_run)}")
            code = 3
    sys.exit(code)


def _driver_of(
    wish: Wish | None, study: Any, directory: Path, data_dir: Path | None
) -> AbstractContextManager[Driver | None]:
    """Who has the study carried out on a cluster; ``None`` where it is carried out here."""
    if wish is None:
        return contextlib.nullcontext()
    from thinkcurve.cluster.driver import open_driver

    return contextlib.closing(open_driver(wish, study, directory, data_dir=data_dir, say=_say))


async def _carry_out(
    study: Any,
    directory: Path,
    data_dir: Path | None,
    *,
    driver: Driver | None = None,
    is_dry: bool,
    as_json: bool,
    progress: str = "auto",
    agree: Callable[[Manifest], None] | None = None,
) -> int:
    from thinkcurve.cli.progress import Progress
    from thinkcurve.merge import compact_run
    from thinkcurve.plan import Given, prepare
    from thinkcurve.purse import Spent
    from thinkcurve.runner import carry_out, finish

    given = Given(backends=driver.backends if driver else {}, data_dir=data_dir)
    agree = agree or (lambda _: None)
    plan = await prepare(study, directory, given=given, warn=_say, is_dry=is_dry, agree=agree)
    stopped: Spent | None = None
    try:
        if is_dry:
            from thinkcurve.cli.estimate import print_estimate

            await print_estimate(plan, as_json=as_json)
            return 0
        _say_what_is_left(plan, directory)
        for session in plan.sessions:
            _say(f"{session.spec}: {_drawn(session, study)}")
        _say_what_is_not_known(plan)
        started = time.monotonic()
        gc.freeze()  # what was imported and read is not looked at again, for the length of this process
        with Progress(plan, progress) as shown:
            try:
                carry = driver.carry_out if driver else carry_out
                await carry(plan, listener=shown.listen, say=shown.say)
            except Spent as spent:
                stopped = spent
            except (asyncio.CancelledError, KeyboardInterrupt):  # the second where SIGINT is ignored, as in a script
                _write_tables_at_once(plan.run)
                raise
        if stopped is None:
            finish(plan)
            if driver:
                driver.publish(plan.run)
        else:
            compact_run(plan.run)
        took_s = time.monotonic() - started
    finally:
        await plan.aclose()
    if stopped is None or plan.state.n_attempts:
        _report(plan, directory, took_s, as_json=as_json)
    if stopped is not None:
        _say(f"{stopped}; {plan.n_missing:,} of {plan.n_attempts:,} attempts left, {_remedy(plan, stopped)}.")
    return 3 if stopped is not None or plan.state.n_failures else 0


def _write_tables_at_once(run: Path) -> None:
    """The tables of a run that is stopped, where a scheduler's patience is sure to last for it: a second."""
    from thinkcurve.merge import compact_run
    from thinkcurve.tables import has_small_journal

    if has_small_journal(run):
        with contextlib.suppress(ThinkcurveError):  # nothing rests on them: it is stopped all the same
            compact_run(run)


def _remedy(plan: Any, stopped: Spent) -> str:
    """What to do about an allowance that stopped a run."""
    if not stopped.is_blind:
        return stopped.remedy
    from thinkcurve.purse import is_paid, lacking
    from thinkcurve.stored import TableRecords

    tariffs = {s.spec: s.tariff for s in plan.sessions if is_paid(s.backend.model, s.tariff)}
    what = lacking(TableRecords(plan.run), tariffs)
    prices = ", or give prices and another directory with -o" if "no prices" in what else ""
    return f"{what + ': ' if what else ''}drop --max-usd{prices}"


def _how_to_go_on(directory: Path, is_dry: bool) -> str:
    from thinkcurve.store import has_journal

    if is_dry or not has_journal(directory):
        return "Nothing was recorded."
    return f"What was graded is safe in {directory}; the same command goes on from there."


def _say_what_is_left(plan: Any, directory: Path) -> None:
    """A run that grew, or was stopped, goes on as a whole; say so before it does."""
    left, total = plan.n_missing, plan.n_attempts
    if left < total:
        _say(f"Going on with {directory}: {left:,} of {total:,} attempts left, {len(plan.study.budgets)} budgets.")


def _say_what_is_not_known(plan: Any) -> None:
    """The embedded model was taught two tasks: its curve on another one is flat, and says nothing of that task."""
    others = [task for task in plan.study.tasks if task not in DEMO_TASKS]
    if "embedded" in plan.study.models and others:
        _say(f"embedded: taught {' and '.join(DEMO_TASKS)} alone; for {', '.join(others)} give your model with -m")


def _drawn(session: Any, study: Any) -> str:
    """How tokens are drawn, and which of it is the model's makers' wish rather than the study's."""
    sampling, model = session.sampling, session.backend.model
    if session.leaves_sampling:
        return "sampled by its provider's defaults"
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

    run = Run(directory, plan.manifest)
    curves = run.curves()
    figure = _draw(curves, directory)
    print_curves(curves, as_json=as_json)
    drawn = f"   Figure: {figure}" if figure else ""
    _say("\n".join([*_spent(plan, run), f"{took_s:.0f} s. Run: {directory}{drawn}"]))
    if plan.state.n_failures:
        first = next(iter(plan.state.failures.values()))
        _say(
            f"{plan.state.n_failures} attempts failed and are not scored, first: {first.error}\n"
            "The same command tries them again."
        )


def _spent(plan: Any, run: Run) -> list[str]:
    """What the run really used, and what its attempts would have used each alone: in tokens, and where somebody is
    paid in dollars."""
    from thinkcurve.purse import is_paid
    from thinkcurve.spending import spending_of
    from thinkcurve.tariff import format_usd

    paid = {s.spec for s in plan.sessions if is_paid(s.backend.model, s.tariff)}
    of = spending_of(run.path, paid)
    if of.is_split:
        used = f"{of.thinking} thinking and {of.answers} answer tokens"
    else:  # nobody told the thinking from the answer
        used = f"{of.thinking + of.answers} tokens"
    lines = [f"Spent {used}; each attempt alone: {of.alone}."]
    if paid:
        used, alone = ("price unknown" if usd is None else format_usd(usd) for usd in (of.usd, of.usd_alone))
        known = (of.usd, of.usd_alone) != (None, None)
        lines.append(f"Spent {used}; each attempt alone: {alone}." if known else "Price unknown.")
    return lines


def _draw(curves: Any, directory: Path) -> Path | None:
    """The figure, against thinking where that was counted, else against the first measure that is known."""
    from thinkcurve.report.figure import curve_spec, known_axes
    from thinkcurve.report.write import write_figure

    axes = known_axes(curves)
    if not axes:
        return None
    path = directory / "curve.html"
    write_figure(curve_spec(curves, axis=axes[0]), path)
    return path


def _say(text: str) -> None:
    from thinkcurve.cli.voice import say

    say(text)
