"""``thinkcurve compare``: a new run against a base run, as tables for 80 columns or as JSON, and the gate on it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from thinkcurve.errors import UsageError

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.table import Table

    from thinkcurve.analysis.comparison.compare import Comparison
    from thinkcurve.analysis.comparison.contrast import Contrast, Difference
    from thinkcurve.analysis.comparison.exchange import Area, Ratio
    from thinkcurve.analysis.gate.outcome import Decision

JSON_SCHEMA = 1
UNITS = {
    "thinking_tokens": "thinking tokens",
    "generated_tokens": "generated tokens",
    "total_tokens": "total tokens",
    "flops": "FLOPs",
    "wall_s": "s",
    "joules": "J",
    "usd": "US dollars",
}
PATH = click.Path(path_type=Path)


EPILOG = """\b
EXPR is MEASURE[@BUDGET]:TOLERANCE, such as accuracy:2pp, accuracy@1024:3pp,
no_answer:1pp, usd:20%, tokens_to(0.6):10%, or any (worse anywhere).
Exit code: 0 pass, 1 regressed, 3 inconclusive.
\b
Example:
  thinkcurve compare results/base results/new --fail-if accuracy:2pp
"""


@click.command(name="compare", epilog=EPILOG)
@click.argument("base")
@click.argument("new")
@click.option("--fail-if", "conditions", multiple=True, metavar="EXPR", help="What may not get worse; again for more.")
@click.option("--markdown", "markdown_path", type=PATH, metavar="FILE", help="Write the gate for a pull request.")
@click.option("--junit", "junit_path", type=PATH, metavar="FILE", help="Write the gate as JUnit XML.")
@click.option("--github", "is_annotated", is_flag=True, help="Print the gate as annotations of GitHub, to stderr.")
@click.option("--exact", "is_exact", is_flag=True, help="Say which tokens, answers, verdicts differ, and why they may.")
@click.option(
    "--axis", "--x", default="thinking_tokens", show_default=True, metavar="AXIS", help="What compute is counted in."
)
@click.option("--alpha", default=0.05, show_default=True, help="Chance of a false alarm; intervals are at 1 - alpha.")
@click.option("--base-model", metavar="MODEL", help="The model of BASE, where it has several.")
@click.option("--new-model", metavar="MODEL", help="The model of NEW, where it has several.")
@click.option("--json", "as_json", is_flag=True, help="Print the figures as JSON.")
def command(
    base: str,
    new: str,
    conditions: tuple[str, ...],
    markdown_path: Path | None,
    junit_path: Path | None,
    is_annotated: bool,
    is_exact: bool,
    axis: str,
    alpha: float,
    base_model: str | None,
    new_model: str | None,
    as_json: bool,
) -> int:
    """Say where the run NEW is better or worse than the run BASE, problem by problem.

    With --fail-if it is a gate: pass, regressed, or inconclusive with how many more problems would decide.
    """
    is_written = bool(markdown_path or junit_path or is_annotated)
    if is_exact:
        if conditions or is_written:
            raise UsageError("--exact is no gate; leave away --fail-if, --markdown, --junit and --github")
        from thinkcurve.cli.exact import print_exact

        return print_exact(base, new, base_model=base_model, new_model=new_model, as_json=as_json)
    if is_written and not conditions:
        raise UsageError(
            "--markdown, --junit and --github write what a gate found; add --fail-if, such as accuracy:2pp"
        )

    from thinkcurve.analysis.comparison.compare import compare
    from thinkcurve.analysis.gate.language import conditions_of
    from thinkcurve.cli import gate_tables
    from thinkcurve.run import load_run

    def warn(text: str) -> None:
        click.echo(text, err=True)

    conditions_of(conditions)
    runs = load_run(base, warn=warn), load_run(new, warn=warn)
    decision = None
    if conditions:
        from thinkcurve.analysis.gate.gate import gate

        decision = gate(*runs, conditions, alpha=alpha, base_model=base_model, new_model=new_model)
    found = compare(*runs, axis=axis, alpha=alpha, base_model=base_model, new_model=new_model)
    if decision is not None:
        gate_tables.write(decision, markdown_path, junit_path)
    print_comparison(found, decision, as_json=as_json)
    if decision is None:
        return 0
    if is_annotated:
        from thinkcurve.cli.guard import command as tell_github
        from thinkcurve.report.gate.github import annotations_of

        for line in annotations_of(decision):
            tell_github(line)
    return decision.exit_code


def print_comparison(found: Comparison, decision: Decision | None = None, *, as_json: bool) -> None:
    """Print a comparison, and what a gate says of it, to stdout: as tables or as one JSON object."""
    from thinkcurve.cli import gate_tables

    if as_json:
        import msgspec

        gate = {} if decision is None else {"gate": gate_tables.card(decision)}
        click.echo(msgspec.json.encode({"schema": JSON_SCHEMA, **msgspec.structs.asdict(found), **gate}))
        return
    from thinkcurve.cli.show import wide_console

    console = wide_console()
    console.print(f"base {found.base}", f"new  {found.new}", sep="\n", markup=False, soft_wrap=True)
    for contrast in found.comparisons:
        console.print()
        for line in lines_of(contrast):
            console.print(line)
    if decision is not None:
        console.print()
        for line in gate_tables.lines_of(decision):
            console.print(line)


def lines_of(contrast: Contrast) -> Iterator[RenderableType]:
    """One contrast as tables and lines of text."""
    from rich.text import Text

    from thinkcurve.report.contrast_words import remarks

    yield _title(contrast)
    for note in (*remarks(contrast), *contrast.notes):
        yield Text(note, style="yellow")
    if contrast.points:
        yield _differences(contrast)
    yield Text(_verdict(contrast), style="bold")
    if contrast.mean and len(contrast.points) > 1:
        mean = contrast.mean
        yield Text(f"Mean over budgets: {_points(mean.difference, mean.ci_low, mean.ci_high)}")
    yield Text(_area(contrast.area))
    yield Text(_ratio(contrast.ratio))
    if contrast.ratio.at:
        yield _at_accuracy(contrast)
    if contrast.points:
        yield "What this design could see (80 % power), and what a difference of points needs:"
        yield _power(contrast)


def _title(contrast: Contrast) -> str:
    from rich.markup import escape

    from thinkcurve.cli.show import short_model, short_task

    models = [short_model(contrast.base_model), short_model(contrast.new_model)]
    who = models[0] if models[0] == models[1] else " → ".join(models)
    controls = dict.fromkeys([contrast.base_control, contrast.new_control])
    n = f"{contrast.n_problems:,} problems" + (
        "" if contrast.n_units == contrast.n_problems else f" in {contrast.n_units:,} groups"
    )
    return f"[bold]{escape(short_task(contrast.task))}[/] · {escape(who)} · {escape(' → '.join(controls))} · {n}"


def _differences(contrast: Contrast) -> Table:
    from thinkcurve.cli.show import new_table
    from thinkcurve.report.contrast_words import probability

    table = new_table()
    heads = (
        "budget",
        "base",
        "new",
        "difference",
        f"{100 * (1 - contrast.alpha):g} % interval",
        "p",
        "Holm",
        "up/down",
    )
    for name in heads:
        table.add_column(name, justify="right", no_wrap=True)
    for point in contrast.points:
        table.add_row(
            _budget(point, contrast),
            f"{100 * point.base:.1f}",
            f"{100 * point.new:.1f}",
            f"{100 * point.difference:+.1f}",
            _span(point.ci_low, point.ci_high),
            probability(point.p),
            probability(point.p_holm),
            f"{point.n_better}/{point.n_worse}",
            style="bold" if point.p_holm <= contrast.alpha else None,
        )
    return table


def _budget(point: Difference, contrast: Contrast) -> str:
    from thinkcurve.budget import format_budget

    return format_budget(point.budget, contrast.base_control)


def _verdict(contrast: Contrast) -> str:
    from thinkcurve.report.contrast_words import probability

    if contrast.p_curve is None:
        return "Whole curve: no budget in common, so no test; the curves are compared over compute only."
    how = "all" if contrast.is_exact else f"{contrast.n_flips:,} random"
    p = f"p {'' if contrast.p_curve < 0.001 else '= '}{probability(contrast.p_curve)}"
    told = (
        "the curves differ" if contrast.p_curve <= contrast.alpha else f"no difference seen at alpha {contrast.alpha:g}"
    )
    return f"Whole curve: {told} ({p}, {how} sign patterns)."


def _area(area: Area) -> str:
    unit = UNITS.get(area.axis, area.axis)
    if area.value is None or area.compute_low is None or area.compute_high is None:
        return f"Area between the curves: not defined: {area.why}."
    span = f"{amount(area.compute_low)} to {amount(area.compute_high)} {unit}"
    return f"At equal compute ({span}{_left_out(area)}): {_points(area.value, area.ci_low, area.ci_high)}"


def _ratio(ratio: Ratio) -> str:
    unit = UNITS.get(ratio.axis, ratio.axis)
    if ratio.value is None or ratio.accuracy_low is None or ratio.accuracy_high is None:
        return f"Compute ratio at equal accuracy: not defined: {ratio.why}."
    span = f"{100 * ratio.accuracy_low:.1f} to {100 * ratio.accuracy_high:.1f} %"
    interval = "no interval" if ratio.ci_low is None else f"{ratio.ci_low:.2f} to {ratio.ci_high:.2f}"
    words = f"At equal accuracy ({span}{_left_out(ratio)}): {ratio.value:.2f} x the {unit} ({interval})"
    if ratio.ci_low is None and ratio.undefined_share:
        words += f"; not defined in {100 * ratio.undefined_share:.0f} % of resamples"
    return words


def _left_out(found: Area | Ratio) -> str:
    return f"; {found.n_left_out:,} problems without all budgets left out" if found.n_left_out else ""


def _at_accuracy(contrast: Contrast) -> Table:
    from thinkcurve.cli.show import new_table

    table = new_table()
    for name in ("accuracy", "base needs", "new needs", "new / base", f"{100 * (1 - contrast.alpha):g} % interval"):
        table.add_column(name, justify="right", no_wrap=True)
    for row in contrast.ratio.at:
        interval = "–" if row.ci_low is None else f"{row.ci_low:.2f} – {row.ci_high:.2f}"
        table.add_row(f"{100 * row.accuracy:.4g} %", amount(row.base), amount(row.new), f"{row.ratio:.2f}", interval)
    return table


def _power(contrast: Contrast) -> Table:
    from thinkcurve.analysis.comparison.contrast import WANTED
    from thinkcurve.cli.show import new_table

    table = new_table()
    names = [f"{100 * wanted:g}" for wanted in WANTED]
    table.add_column("budget", justify="right", no_wrap=True)
    table.add_column("could see", justify="right", no_wrap=True)
    table.add_column(f"problems for {' / '.join(names)}", justify="right", no_wrap=True)
    table.add_column("or samples each", justify="right", no_wrap=True)
    for point in contrast.points:
        sees = "–" if point.detectable is None else f"{100 * point.detectable:.1f} points"
        problems = "–" if point.problems_needed is None else _slashes(point.problems_needed.values())
        samples = "–" if point.samples_needed is None else _slashes(point.samples_needed.values())
        table.add_row(_budget(point, contrast), sees, problems, samples)
    return table


def _slashes(counts: Iterable[int | None]) -> str:
    return " / ".join("never" if n is None else f"{n:,}" for n in counts)


def _points(value: float, low: float | None, high: float | None) -> str:
    interval = "no interval" if low is None or high is None else f"{100 * low:+.1f} to {100 * high:+.1f}"
    return f"{100 * value:+.1f} points ({interval})"


def _span(low: float | None, high: float | None) -> str:
    return "–" if low is None or high is None else f"{100 * low:+.1f} – {100 * high:+.1f}"


def amount(value: float) -> str:
    """An amount of compute, to three figures where it is small or very large."""
    return f"{value:,.0f}" if 100 <= value < 1e7 else f"{value:.3g}"
