"""``thinkcurve verify``: judge answers of your own, no model needed."""

from __future__ import annotations

import os
import sys
import textwrap
import time
from collections import Counter
from collections.abc import Callable
from contextlib import aclosing
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click
from click.core import ParameterSource

from thinkcurve.cli import stopping
from thinkcurve.errors import UsageError, did_you_mean

if TYPE_CHECKING:
    from thinkcurve.answers import Entry, Judged
    from thinkcurve.problem import Judgement

WIDTH = 80
LONGEST_ID, WIDTHS = 16, (10, 12, 16)
"""Columns of the table: an id, then verdict, reason and rung; what was read as the answer gets the rest."""
STYLES = {"correct": "green", "incorrect": "red", "no_answer": "yellow", "unverified": "magenta"}
"""Colours of verdicts on a terminal."""
EPILOG = """\b
A line of FILE, and the other types of reference:
  {"id": 1, "reference": {"type": "math", "answer": "1/2"}, "answer": "0.5"}
  {"type": "choice", "answer": "B", "choices": ["red", "green"]}
  {"type": "function_tests", "entry_point": "f", "test": "assert f(1) == 2"}
  {"type": "stdio_tests", "cases": [{"stdin": "1 2", "stdout": "3"}]}
Example: thinkcurve verify answers.jsonl > verdicts.jsonl
"""

Command = TypeVar("Command", bound=Callable[..., Any])


def _check_level(ctx: click.Context, param: click.Parameter, value: str | None) -> str | None:
    """The level itself, or a complaint that names the flag or the environment variable, whichever gave it.

    What levels there are, only ``verify.isolation`` says; help need not wait for it.
    """
    from thinkcurve.verify.isolation import LEVELS

    if value is None or value in LEVELS:
        return value
    is_environment = ctx.get_parameter_source(param.name or "") == ParameterSource.ENVIRONMENT
    raise click.BadParameter(
        f"{value!r} is not one of {', '.join(map(repr, LEVELS))}.{did_you_mean(value, LEVELS)}",
        param_hint="the environment variable THINKCURVE_SANDBOX" if is_environment else "'--sandbox'",
    )


def sandbox_option(
    name: str = "sandbox", *, help_text: str, default: str | None = "standard"
) -> Callable[[Command], Command]:
    """``--sandbox`` of a command, under ``name`` in its arguments."""
    return click.option(
        "--sandbox",
        name,
        callback=_check_level,
        metavar="LEVEL",
        default=default,
        show_default=default is not None,
        envvar="THINKCURVE_SANDBOX",
        show_envvar=True,
        help=help_text,
    )


def judging_options(command: Command) -> Command:
    """The options of every command that judges answers."""
    workers = click.option(
        "--workers", type=click.IntRange(min=1), metavar="N", help="Processes that judge (default: one a core)."
    )
    sandbox = sandbox_option(help_text="The least isolation that code may be run at: strict, standard or weak.")
    return workers(sandbox(command))


@click.command(name="verify", epilog=EPILOG)
@click.argument("file", metavar="FILE.jsonl")
@judging_options
@click.option("--json", "as_json", is_flag=True, help="JSON lines on a terminal too, and no summary.")
def command(file: str, workers: int | None, sandbox: str, as_json: bool) -> None:
    """Judge each answer of FILE (- is standard input) by its reference.

    Prints a line an answer, in the order of FILE, as it is ready: JSON with the keys id, verdict, reason, rung,
    span, extracted and cpu_s, or a table where the output is a terminal. A summary goes to standard error.
    """
    import asyncio

    from thinkcurve.problem import Verdict

    entries = _read(file)
    show = _print_json if as_json or not sys.stdout.isatty() else _table(entries)
    counts: Counter[tuple[Verdict, str]] = Counter()
    started = time.monotonic()
    try:
        asyncio.run(_judge(entries, show, counts, workers=workers or cores(), sandbox=sandbox))
    except KeyboardInterrupt:
        click.echo(f"\nStopped after {counts.total():,} of {len(entries):,} answers.", err=True)
        sys.exit(stopping.exit_code())
    if not as_json:
        click.echo(textwrap.fill(_summary(counts, time.monotonic() - started), WIDTH), err=True)


def cores() -> int:
    """The processor cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _read(file: str) -> list[Entry]:
    from thinkcurve.answers import read_entries

    def warn(text: str) -> None:
        click.echo(f"warning: {text}", err=True)

    try:
        with os.fdopen(0, "rb", closefd=False) if file == "-" else Path(file).open("rb") as stream:
            return read_entries(stream, "stdin" if file == "-" else file, warn)
    except OSError as error:
        raise UsageError(f"cannot read {file!r}: {error.strerror}") from error


async def _judge(
    entries: list[Entry], show: Callable[[Judged], None], counts: Counter[Any], *, workers: int, sandbox: str
) -> None:
    from thinkcurve.answers import judged, judged_line
    from thinkcurve.verify.judge import Judge

    judge = Judge(workers=workers, sandbox=sandbox)
    try:
        await judge.prepare(entry.reference for entry in entries)
        async with aclosing(judged(judge, ((e.reference, e.answer) for e in entries))) as judgements:
            waiting = iter(entries)
            async for judgement in judgements:
                show(judged_line(next(waiting), judgement))
                counts[judgement.verdict, _why(judgement)] += 1
    finally:
        await judge.aclose()


def _why(judgement: Judgement) -> str:
    return judgement.reason if judgement.verdict == "unverified" else ""


def _print_json(line: Judged) -> None:
    import msgspec

    click.echo(msgspec.json.encode(line))


def _table(entries: list[Entry]) -> Callable[[Judged], None]:
    """A printer of rows, each as soon as it is known; the first comes with a heading."""
    from rich.console import Console
    from rich.text import Text

    console = Console(highlight=False)
    longest = max(len("id"), *(len(printable(str(entry.id))) for entry in entries))
    widths = [min(longest, LONGEST_ID), *WIDTHS]
    widths.append(max(console.width - sum(widths) - 2 * len(widths), len("read")))

    def row(*cells: str, style: str = "") -> None:
        line = Text("  ".join(_fitted(cell, width) for cell, width in zip(cells, widths, strict=True)).rstrip())
        line.stylize(style, widths[0] + 2, widths[0] + 2 + widths[1])
        console.print(line, soft_wrap=True)

    heading = [("id", "verdict", "reason", "rung", "read")]

    def show(line: Judged) -> None:
        while heading:
            row(*heading.pop())
        verdict = line.verdict.value
        row(
            str(line.id), verdict.replace("_", " "), line.reason, line.rung, line.extracted or "", style=STYLES[verdict]
        )

    return show


def _fitted(text: str, width: int) -> str:
    from rich.cells import cell_len, set_cell_size

    text = printable(text)
    return set_cell_size(text, width) if cell_len(text) <= width else set_cell_size(text, width - 1) + "…"


def printable(text: str, longest: int = 200) -> str:
    """Text of a model on one line, without anything that a terminal would obey."""
    words = " ".join(text[: 4 * longest].split())[:longest]
    return "".join(mark if mark.isprintable() else "?" for mark in words)


def _summary(counts: Counter[tuple[Any, str]], took_s: float) -> str:
    """How many of each verdict, and why some could not be told."""
    by_verdict: Counter[str] = Counter()
    reasons: Counter[str] = Counter()
    for (verdict, reason), n in counts.items():
        by_verdict[verdict.value] += n
        reasons[reason] += n if reason else 0
    words = [f"{by_verdict[name]:,} {name.replace('_', ' ')}" for name in STYLES if by_verdict[name]]
    if by_verdict["unverified"]:
        why = ", ".join(f"{reason} {n:,}" for reason, n in reasons.most_common() if reason)
        words[-1] += f" ({why})"
    total = counts.total()
    return f"{total:,} answer{'s' * (total != 1)} in {took_s:.1f} s: {', '.join(words)}."
