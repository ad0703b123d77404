"""The gate of ``thinkcurve compare --fail-if``: its tables for 80 columns, its JSON, and the files it writes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from thinkcurve.errors import UsageError

WIDEST = 18
"""Characters of a condition that 80 columns have room for on one line."""

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.table import Table

    from thinkcurve.analysis.gate.outcome import Check, Decision


def lines_of(decision: Decision) -> Iterator[RenderableType]:
    """A gate as tables and lines of text; the last line is the outcome."""
    from rich.text import Text

    from thinkcurve.report.gate.words import headline, noted, subjects, told

    for name, checks in subjects(decision.checks).items():
        yield Text(f"Gate · {name}", style="bold")
        yield _table(checks)
    for note in decision.notes:
        yield Text(noted(note), style="yellow")
    for one, name, said in told(decision):
        yield Text(f"{one.mark} {name}: {said}", style=one.colour)
    outcome, said = decision.outcome, headline(decision)
    yield Text(f"{outcome.mark} {outcome}: {said} (exit code {decision.exit_code})", style=f"bold {outcome.colour}")


def card(decision: Decision) -> dict[str, Any]:
    """A gate as it stands in the JSON."""
    import msgspec

    found: dict[str, Any] = msgspec.to_builtins(decision)
    return found


def write(decision: Decision, markdown_path: Path | None, junit_path: Path | None) -> None:
    """Write the files that were asked for. Raises `UsageError` where one cannot be written."""
    from thinkcurve.report.gate.junit import junit
    from thinkcurve.report.gate.markdown import markdown

    made = [(markdown_path, markdown(decision).encode()), (junit_path, junit(decision))]
    for path, content in made:
        if path is None:
            continue
        try:
            path.write_bytes(content)
        except OSError as error:
            raise UsageError(f"cannot write {str(path)!r}: {error.strerror or error}") from error


def _table(checks: list[Check]) -> Table:
    from rich.text import Text

    from thinkcurve.cli.show import new_table
    from thinkcurve.report.gate import words

    table = new_table()
    table.add_column("", no_wrap=True)
    table.add_column("condition", overflow="fold", min_width=min(WIDEST, max(len(c.condition) for c in checks)))
    for name in ("budget", "base", "new", "worse by", "bounds"):
        table.add_column(name, justify="right", no_wrap=True)
    before = ""
    for check in checks:
        table.add_row(
            Text(check.outcome.mark, style=check.outcome.colour),
            Text(words.named(check.condition) if check.condition != before else ""),
            words.where(check),
            words.amount(check.base, check),
            words.amount(check.new, check),
            words.worse(check.worsening, check),
            words.bounds(check),
        )
        before = check.condition
    return table
