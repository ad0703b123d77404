"""The section ``axes`` as it is printed and as JSON."""

from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner
from rich.console import Console

from analysis.simulated import a_run
from thinkcurve.cli.main import cli
from thinkcurve.cli.sections import section
from thinkcurve.report.run_report.words import amount
from thinkcurve.run import Run

REFERENCE = str(Path(__file__).parents[3] / "results" / "reference" / "embedded")


def printed(runs: list[Run]) -> str:
    console = Console(width=80, color_system=None, record=True, highlight=False)
    made = section("axes")
    with console.capture() as capture:
        for result in made.results(runs):
            for line in made.lines(result):
                console.print(line)
    return capture.get()


def test_every_known_measure_has_a_column_and_the_others_are_named() -> None:
    text = printed([a_run("hf:[bold]m", (0.2, 0.5), budgets=(0, 64), parameters=10**9)])
    assert "hf:[bold]m" in text
    head = next(line for line in text.splitlines() if "right, %" in line)
    assert head.split() == ["budget", "right,", "%", "thinking", "generated", "total", "FLOPs", "seconds"]
    assert "not known: joules, dollars" in text
    assert "nan" not in text
    assert "…" not in text


def test_with_all_seven_measures_it_still_fits_80_columns() -> None:
    run = a_run("m", (0.2, 0.5), budgets=(0, 64), parameters=10**12, n=3)
    run.attempts["joules"], run.attempts["usd"], run.attempts["usd_spent"] = 12345.0, 0.000123, 0.0001
    run.traces["usd_spent"] = 0.01
    text = printed([run])
    assert "…" not in text
    assert "not known" not in text
    assert max(map(len, text.splitlines())) <= 80


def test_levels_of_effort_are_named() -> None:
    assert "medium" in printed([a_run("m", (0.2, 0.5), budgets=(2, 3), control="effort")])


def test_json_has_the_figures_that_are_printed() -> None:
    shown = CliRunner().invoke(cli, ["show", REFERENCE, "--tables", "axes"])
    found = CliRunner().invoke(cli, ["show", REFERENCE, "--tables", "axes", "--json"])
    assert (shown.exit_code, found.exit_code) == (0, 0)
    ledger = msgspec.json.decode(found.stdout)["axes"][0]
    last = ledger["budgets"][-1]
    assert f"{last['alone']['thinking_tokens']:.1f}" in shown.stdout
    assert last["alone"]["usd"] is None
    assert [f"{s['ratio']:.2f}" in shown.stdout for s in ledger["spending"] if s["ratio"]] == [True] * 3


@pytest.mark.parametrize(
    ("value", "axis", "text"),
    [
        (None, "flops", "–"),
        (0, "thinking_tokens", "0"),
        (61.84, "thinking_tokens", "61.8"),
        (1234.5, "total_tokens", "1,234"),
        (133_000_000, "flops", "133 M"),
        (999.9e9, "flops", "1.00 T"),
        (99.97e9, "flops", "100 G"),
        (3.2e27, "flops", "3200 Y"),
        (0.0624, "wall_s", "0.0624"),
        (1990.4, "wall_s", "1,990"),
        (12_345_678, "joules", "12.3 M"),
        (0.01, "usd", "$0.010"),
    ],
)
def test_amounts_are_short(value: float | None, axis: str, text: str) -> None:
    assert amount(value, axis) == text
