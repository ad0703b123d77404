"""``thinkcurve compare --exact``: which tokens, answers and verdicts of two runs differ, and why they may."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.table import Table

    from thinkcurve.analysis.comparison.exact import Exactness, Parting

JSON_SCHEMA = 1
LISTED = 10
"""Attempts of each task that are listed; ``--json`` has them all."""
COUNTS = ("thinking", "answers", "verdicts", "costs", "lost", "gained")
LONGEST = 200
"""Characters of a piece of text that are shown."""


def print_exact(
    base: str, new: str, *, base_model: str | None = None, new_model: str | None = None, as_json: bool = False
) -> int:
    """Print where two runs part, to stdout, as text or as one JSON object; the exit code: 0 the same, 1 not.

    Only tokens, answers and verdicts decide: what they cost may differ and is said.
    """
    from thinkcurve.analysis.comparison.exact import compare_exactly

    def warn(text: str) -> None:
        click.echo(text, err=True)

    found = compare_exactly(base, new, base_model=base_model, new_model=new_model, warn=warn)
    is_same = all(exactness.is_same for exactness in found)
    if as_json:
        import msgspec

        card = {"schema": JSON_SCHEMA, "base": base, "new": new, "is_same": is_same, "comparisons": found}
        click.echo(msgspec.json.encode(card))
        return 0 if is_same else 1
    from thinkcurve.cli.show import wide_console
    from thinkcurve.cli.verify import printable

    console = wide_console()
    console.print(f"base {printable(base)}", f"new  {printable(new)}", sep="\n", markup=False, soft_wrap=True)
    for exactness in found:
        console.print()
        for line in lines_of(exactness):
            console.print(line)
    return 0 if is_same else 1


def lines_of(exactness: Exactness) -> Iterator[RenderableType]:
    """One task as tables and lines of text."""
    from rich.text import Text

    yield _title(exactness)
    for remark in (*_remarks(exactness), *exactness.notes):
        yield Text(remark, style="yellow")
    yield Text(_verdict(exactness), style="bold green" if exactness.is_same else "bold")
    differing = [rung for rung in exactness.rungs if any(getattr(rung, name) for name in COUNTS)]
    if differing:
        yield _counts(exactness)
        yield from _list(exactness)
    yield from _why(exactness)


def _title(exactness: Exactness) -> str:
    from rich.markup import escape

    from thinkcurve.cli.show import short_model, short_task

    models = dict.fromkeys(short_model(spec) for spec in (exactness.base_model, exactness.new_model))
    who = escape(" → ".join(models))
    return f"[bold]{escape(short_task(exactness.task))}[/] · {who} · {exactness.n_attempts:,} attempts in both"


def _remarks(exactness: Exactness) -> Iterator[str]:
    for side, n in (("base", exactness.n_only_base), ("new", exactness.n_only_new)):
        if n:
            yield f"{n:,} attempts are only in {side}"
    if exactness.n_other_prompts:
        yield f"{exactness.n_other_prompts:,} attempts were asked in other tokens"


def _verdict(exactness: Exactness) -> str:
    from thinkcurve.analysis.comparison.causes import Step

    n, steps = exactness.n_attempts, [parting.step for parting in exactness.partings]
    parted = [(step, steps.count(step)) for step in Step if step in steps]
    if not n:
        return "No attempt is in both."
    if not parted:
        return f"The same: {n:,} attempts, token for token, and every verdict."
    words = ", ".join(f"{count:,} part at the {step.value}" for step, count in parted)
    if all(step is Step.COST for step in steps):
        return (
            f"The same tokens, answers and verdicts; {len(steps):,} of {n:,} attempts are counted or priced otherwise."
        )
    return f"{len(steps):,} of {n:,} attempts are not the same: {words}."


def _counts(exactness: Exactness) -> Table:
    from thinkcurve.budget import format_budget
    from thinkcurve.cli.show import new_table

    table = new_table()
    for head in ("budget", "attempts", "thinking", "answer", "verdict", "cost", "lost", "gained"):
        table.add_column(head, justify="right", no_wrap=True)
    for rung in exactness.rungs:
        counts = (f"{n:,}" if n else "·" for n in (getattr(rung, name) for name in COUNTS))
        table.add_row(format_budget(rung.budget, exactness.control), f"{rung.n_attempts:,}", *counts)
    return table


def _list(exactness: Exactness) -> Iterator[RenderableType]:
    """The attempts that lost or gained first, then the others, each with what stands on either side."""
    from rich.text import Text

    changed = sorted(exactness.partings, key=lambda p: (not p.is_lost, not p.is_gained))
    for parting in changed[:LISTED]:
        yield Text(_head(parting, exactness.control), style="bold")
        for side, text in (("base", parting.base), ("new ", parting.new)):
            yield _indented(f"{side} {_shown(text)}")
    if len(changed) > LISTED:
        yield f"and {len(changed) - LISTED:,} more; --json lists them all"


def _head(parting: Parting, control: str) -> str:
    from thinkcurve.budget import format_budget
    from thinkcurve.cli.verify import printable

    where = f"{printable(parting.problem, 60)} · sample {parting.sample} · {format_budget(parting.budget, control)}"
    place = "" if parting.place is None else f" at {parting.place:,}"
    verdicts = [parting.base_verdict.value, parting.new_verdict.value]
    turned = "" if verdicts[0] == verdicts[1] else f" · {verdicts[0]} → {verdicts[1]}"
    return f"{where} · {parting.step.value}{place}{turned}"


def _shown(text: str) -> str:
    """A piece of text on one line, its line breaks shown, with nothing that a terminal would obey."""
    from thinkcurve.cli.verify import printable

    return printable(text.replace("\n", "⏎"), LONGEST) or "(nothing)"


def _why(exactness: Exactness) -> Iterator[RenderableType]:
    from rich.text import Text

    from thinkcurve.analysis.comparison.causes import Step

    steps = {parting.step for parting in exactness.partings}
    acting = [cause for cause in exactness.causes if steps & set(cause.steps)]
    idle = [cause for cause in exactness.causes if cause not in acting]
    if steps:
        yield Text("Why they may differ", style="bold")
    for cause in acting:
        yield _indented(f"{cause.what}: {_value(cause.base)} → {_value(cause.new)} ({_steps(cause.steps)})")
    if steps & {Step.THINKING, Step.ANSWER}:
        is_known = any(steps & {Step.THINKING, Step.ANSWER} & set(cause.steps) for cause in acting)
        known = "" if is_known else "nothing that is recorded of the two differs; "
        yield _indented(f"{known}not recorded: {exactness.unrecorded}")
    elif steps and not acting:
        yield _indented("nothing that is recorded of the two differs")
    if idle:
        yield Text("Differs, and made no difference", style="bold")
    for cause in idle:
        yield _indented(f"{cause.what}: {_value(cause.base)} → {_value(cause.new)}")


def _indented(line: str) -> RenderableType:
    from rich.padding import Padding
    from rich.text import Text

    return Padding(Text(line), (0, 0, 0, 2), expand=False)


def _steps(steps: tuple[str, ...]) -> str:
    from thinkcurve.analysis.comparison.causes import ALL

    return "everything" if tuple(steps) == ALL else ", ".join(steps)


def _value(text: str | None) -> str:
    from thinkcurve.cli.verify import printable

    return "not recorded" if text is None else printable(text, 60)
