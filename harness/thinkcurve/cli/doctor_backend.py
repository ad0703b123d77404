"""``thinkcurve doctor --backend``: the conformance kit on one engine, a line a check as it ends."""

from __future__ import annotations

import asyncio
import functools
import os
import shutil
import sys
import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from thinkcurve.backend import Backend
    from thinkcurve.testing import Outcome, Spent

JSON_SCHEMA = 1
WIDTH = 80
CLOSING_S = 10.0
"""How long a backend may take to close before it is left behind."""
MARKS = {"passed": ("✓", "green"), "failed": ("✗", "red"), "skipped": ("–", "yellow")}
NAME = 18
"""Columns of the longest name of a check and a space."""
INDENT = " " * (2 + NAME + 8)
"""Where details stand: after mark, name and seconds."""


def try_backend(spec: str, options: Sequence[str], checks: Sequence[str], *, as_json: bool) -> int:
    """Open the engine of a spec, make its checks, print them; 0 where none failed, else 1."""
    from thinkcurve.cli.flags import model_option
    from thinkcurve.errors import UsageError
    from thinkcurve.plugins import open_backend
    from thinkcurve.testing import CHECKS, ON_REQUEST, checks_of, find_check, run_checks

    for name in checks:
        find_check(name)
    for option in options:
        if not option.partition("=")[0].strip() or "=" not in option:
            raise UsageError(f"--backend-option {option!r} is not KEY=VALUE")
    given = dict(map(model_option, options))
    backend = open_backend(spec, given)
    every = [*ON_REQUEST, *CHECKS]  # closing comes last
    chosen = [name for name in every if name in checks] if checks else list(checks_of(backend))
    width = min(shutil.get_terminal_size((WIDTH, 24)).columns, WIDTH)
    if not as_json:
        _print_head(spec, backend, width)
    if not backend.model.is_local:
        _print_cost(backend, chosen, width, as_json=as_json)

    async def carry_out() -> int:
        outcomes = await run_checks(
            backend, chosen, listener=(lambda _: None) if as_json else (lambda outcome: _print(outcome, width))
        )
        if as_json:
            _print_json(spec, backend, outcomes)
        else:
            _print_sum(outcomes, width, has_spent=not backend.model.is_local)
        code = 1 if any(outcome.status == "failed" for outcome in outcomes) else 0
        await _leave(backend, code)
        return code

    return asyncio.run(carry_out())


async def _leave(backend: Backend, code: int) -> None:
    """Close the backend; where that, or a request it swallowed, never ends, end the process: all has been said."""
    closing = asyncio.ensure_future(backend.aclose())
    await asyncio.wait([closing], timeout=CLOSING_S)
    left = asyncio.all_tasks() - {asyncio.current_task()}
    for task in left:
        task.cancel()
    if left:
        await asyncio.wait(left, timeout=CLOSING_S)
    if any(not task.done() for task in left):
        sys.stdout.flush()
        os._exit(code)
    if not closing.cancelled():
        closing.exception()  # the check of closing has said it


def _print_head(spec: str, backend: Backend, width: int) -> None:
    """What is tried: the model, its engine, and what a user should know of it."""
    model = backend.model
    context = "unknown" if model.context_tokens is None else f"{model.context_tokens:,}"
    facts = [model.name, model.engine, f"context {context}", f"{backend.concurrency} at once"]
    controls = "controls " + ", ".join(sorted(control.value for control in backend.controls))
    click.echo(textwrap.shorten(spec, width, placeholder=" ..."))
    click.echo(textwrap.fill(" · ".join(filter(None, (*facts, controls))), width))
    for note in model.notes:
        click.echo(textwrap.fill(note, width, initial_indent="note: ", subsequent_indent="      "))
    click.echo()


def _print_cost(backend: Backend, chosen: Sequence[str], width: int, *, as_json: bool) -> None:
    """How many requests the checks will make, said before the first of them: a provider may charge for each."""
    from thinkcurve.testing import most_requests

    most = most_requests(backend, chosen)
    number = "Hundreds of requests" if most is None else f"At most {most:,} request{'' if most == 1 else 's'}"
    line = f"{number}, for which its provider may charge; Ctrl-C stops, --check picks fewer."
    click.echo(textwrap.fill(line, width) + "\n", err=as_json)


def _print(outcome: Outcome, width: int) -> None:
    """One check: mark, name, seconds, and what was tried or what broke."""
    mark, colour = MARKS[outcome.status]
    lines = textwrap.wrap(_plain(outcome.detail), max(width - len(INDENT), 20), break_on_hyphens=False) or [""]
    head = f"{mark} {outcome.name:<{NAME}}{outcome.seconds:>5.1f} s "
    click.echo(click.style(head, fg=colour) + lines[0])
    for line in lines[1:]:
        click.echo(INDENT + line)


def _plain(text: str) -> str:
    """What a model said may hold anything: control characters are shown, not sent to the terminal."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def _print_sum(outcomes: Sequence[Outcome], width: int, *, has_spent: bool) -> None:
    count = {status: sum(outcome.status == status for outcome in outcomes) for status in MARKS}
    said = ", ".join(f"{n} {status}" for status, n in count.items() if n)
    seconds = sum(outcome.seconds for outcome in outcomes)
    verdict = "does not keep what it promises" if count["failed"] else "keeps every promise that was tried"
    line = f"This backend {verdict}: {said} in {seconds:.0f} s."
    click.echo()
    click.secho(textwrap.fill(line, width), fg="red" if count["failed"] else "green")
    if has_spent:
        click.echo(textwrap.fill(_said(_spent(outcomes)), width))


def _spent(outcomes: Sequence[Outcome]) -> Spent:
    """What all checks used together."""
    from thinkcurve.testing import Spent

    return functools.reduce(Spent.plus, (outcome.spent for outcome in outcomes), Spent())


def _said(spent: Spent) -> str:
    """What was used, in words."""
    charged = "" if spent.usd is None else f"; charged, by its own word: ${spent.usd:.4f}"
    return (
        f"Spent, as far as it was counted: {spent.requests:,} requests, {spent.prompt_tokens:,} prompt tokens, "
        f"{spent.generated_tokens:,} generated ({spent.thinking_tokens:,} of them thinking){charged}."
    )


def _print_json(spec: str, backend: Backend, outcomes: Sequence[Outcome]) -> None:
    import msgspec

    found = {
        "schema": JSON_SCHEMA,
        "backend": spec,
        "model": msgspec.to_builtins(backend.model),
        "controls": sorted(control.value for control in backend.controls),
        "checks": outcomes,
        "spent": _spent(outcomes),
        "is_conforming": all(outcome.status != "failed" for outcome in outcomes),
    }
    click.echo(msgspec.json.encode(found))
