"""Section ``diagnostics``: how thinking and answers ended, in what form, and what the text of the thinking shows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from rich.console import RenderableType
from rich.table import Table

from thinkcurve.analysis.behaviour.diagnostics import Diagnostics, Settling, Signs, diagnostics_of
from thinkcurve.analysis.behaviour.thinking import Thinking
from thinkcurve.budget import Control, format_budget
from thinkcurve.cli.sections import Section
from thinkcurve.cli.show import new_table, title

if TYPE_CHECKING:
    from thinkcurve.run import Run

MOST_SCRIPTS = 4
EXPLAINED = (
    "Shares of attempts, %. reserve: the answer was cut off by its reserve. none: no answer. box: in a box or a code "
    "fence; phrase: behind words such as “the answer is”; loose: the whole or the last expression. settled: the answer "
    "is already what it is at the last budget."
)


def results(runs: Sequence[Run]) -> list[Diagnostics]:
    """The diagnostics of runs."""
    return [diagnostics_of(grid, run.traces) for run in runs for grid in run.grids]


def lines(found: Diagnostics) -> Iterator[RenderableType]:
    """A table over the ladder, then what the traces show, in words."""
    yield title(found, "signs of its thinking")
    yield _table(found)
    if found.settling:
        yield _settling(found.settling)
    if not found.thinking:
        yield "thinking: no traces"
    for thinking in found.thinking:
        yield from _thinking(thinking, found.control)
    yield f"[dim]{EXPLAINED}[/]"


def _table(found: Diagnostics) -> Table:
    table = new_table()
    has_unknown = any(point.unknown for point in found.points)
    first = "effort" if found.control == Control.EFFORT else "budget"
    heads = [first, "n", "forced", "reserve", "none", "box", "phrase", "loose"]
    for name in [*heads, *["form ?"] * has_unknown, "settled"]:
        table.add_column(name, justify="right", no_wrap=True)
    settling = found.settling
    for point in found.points:
        counts = [point.forced, point.reserve_hit, point.no_answer, point.marked, point.announced, point.found]
        shares = [_share(n, point.n_attempts) for n in [*counts, *[point.unknown] * has_unknown]]
        settled = _share(point.settled, settling.n) if settling else "–"
        table.add_row(_budget(point, found.control), f"{point.n_attempts:,}", *shares, settled)
    return table


def _budget(point: Signs, control: str) -> str:
    return format_budget(point.budget, control)


def _share(n: int | None, of: int) -> str:
    """A share in %, one decimal where it is small."""
    if n is None or not of:
        return "–"
    share = 100 * n / of
    return "0" if n == 0 else f"{share:.1f}" if share < 9.95 else f"{share:.0f}"


def _settling(found: Settling) -> str:
    if not found.n:
        return "answers: none with an attempt at each budget and an answer at the last"
    text = (
        f"answers: {found.n_early:,} of {found.n:,} ({_share(found.n_early, found.n)} %) stay the same from before the "
        f"last budget on, {found.n_early_right:,} of them right"
    )
    if found.tokens_after is not None:
        share = "" if found.share_after is None else f", {100 * found.share_after:.0f} % of all"
        text += f"; {found.tokens_after:,.1f} thinking tokens come after that on average{share}"
    left = {"without an answer at the last budget": found.n_unsettled, "lack an attempt": found.n_incomplete}
    rest = ", ".join(f"{n:,} {words}" for words, n in left.items() if n)
    return f"{text} ({rest})" if rest else text


def _thinking(found: Thinking, control: str) -> Iterator[str]:
    head = "thinking" if found.is_shared else f"thinking at {format_budget(found.budget, control)}"
    if not found.n_shown:
        yield f"{head}: unknown, as none of {found.n_traces:,} traces shows its text"
        return
    of = "" if found.n_shown == found.n_traces else f" of {found.n_traces:,}, the others do not show theirs"
    yield f"{head}: {found.n_shown:,} traces{of}"
    words = sum(found.markers.values())
    kinds = ", ".join(f"{kind} {n:,}" for kind, n in found.markers.items())
    rate = found.markers_per_1k
    if rate is None or rate.value is None:
        yield f"  self-correction: {words:,} words; per 1,000 tokens unknown"
    else:
        interval = "" if rate.ci_low is None or rate.ci_high is None else f" [{rate.ci_low:.2f} – {rate.ci_high:.2f}]"
        yield f"  self-correction: {rate.value:.2f}{interval} per 1,000 tokens"
    yield f"    ({kinds})"
    share = "" if found.loop_share is None else f", over {100 * found.loop_share:.0f} % of their text"
    yield f"  loops: {found.n_loops:,} traces ({_share(found.n_loops, found.n_shown)} %) end in one{share}"
    if found.repeat_share is not None:
        yield f"  repeats: {100 * found.repeat_share:.0f} % of 4-{found.repeat_unit} pieces stood there before"
    yield f"  scripts: {_scripts(found)}"


def _scripts(found: Thinking) -> str:
    total = sum(found.scripts.values())
    if not total or found.home_script is None:
        return "no words of any language"
    named = [f"{name} {_share(n, total)} %" for name, n in list(found.scripts.items())[:MOST_SCRIPTS]]
    return f"{', '.join(named)}; {found.n_mixed:,} traces mix in another than {found.home_script}"


SECTION = Section(results, lines)
