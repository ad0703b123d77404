"""``show --tables fits``: what a person reads of it, and that no run is too odd for it."""

from typing import Any, cast

import msgspec
import pandas as pd
import pytest
from msgspec.structs import replace
from rich.console import Console

from analysis.tables import table_of
from records import an_attempt
from thinkcurve.analysis.basis.grid import grids_of
from thinkcurve.analysis.fitting.curve_fits import CurveFits, curve_fits_of
from thinkcurve.cli.beyond import beyond_of
from thinkcurve.cli.sections import section
from thinkcurve.cli.sections.fits import number, span
from thinkcurve.errors import UsageError
from thinkcurve.problem import Verdict
from thinkcurve.run import Run
from thinkcurve.store import Attempt

LADDER = [0, 32, 64, 128, 256, 512]


class MadeRun:
    """All of a run that the section looks at."""

    def __init__(self, attempts: pd.DataFrame) -> None:
        self.grids = grids_of(attempts)


def attempt(p: int, budget: int | None, *, right: bool, tokens: int | None = -1, **more: object) -> Attempt:
    verdict = Verdict.CORRECT if right else Verdict.INCORRECT
    spent = (1000 if budget is None else budget) if tokens == -1 else tokens
    return replace(an_attempt(p, budget, verdict), thinking_tokens=spent, **more)


def shown(rows: list[Attempt], extrapolate: str | None = None) -> tuple[list[CurveFits], str]:
    """The section's records, and its lines as a terminal of 80 columns prints them."""
    fits = section("fits")
    beyond = None if extrapolate is None else beyond_of(extrapolate)
    found = cast(list[CurveFits], fits.results([cast(Run, MadeRun(table_of(rows)))], extrapolate=beyond))
    encoded = msgspec.json.encode(found)
    assert b"NaN" not in encoded
    assert b"Infinity" not in encoded
    console = Console(width=80, highlight=False, file=None, record=True, force_terminal=False, color_system=None)
    with console.capture() as capture:
        for record in found:
            for line in fits.lines(record):
                console.print(line)
    text = capture.get()
    assert max(len(line) for line in text.splitlines()) <= 80
    assert "nan" not in text
    assert "…" not in text.replace("t…", "")
    return found, text


def rising(n: int = 24, samples: int = 1, **more: Any) -> list[Attempt]:
    """Problem p is solved from a budget of 32 x 2^(p mod 6) on."""
    return [
        attempt(p, b, right=b >= 32 << (p % 6), sample=s, **more)
        for p in range(n)
        for b in LADDER
        for s in range(samples)
    ]


def test_a_curve_is_told_with_weights_intervals_gains_and_s1() -> None:
    (found,), text = shown(rising())
    assert (found.model, found.task, found.axis, found.coverage) == ("m", "t", "thinking_tokens", None)
    assert [fit.form for fit in found.accuracy.forms] == [
        "log-linear", "power law", "power law with floor", "saturating",
    ]  # fmt: skip
    line = found.accuracy.forms[0]
    assert line.parameters[1].value == pytest.approx(1 / 6, abs=0.01)
    assert f"{line.weight:.2f}" in text
    assert "a + b log2 x" in text
    assert "budget 0 left out: 0 thinking tokens have no logarithm" in text
    assert "saturation: not reached" in text
    assert "Control 100 % of budgets, 100.0 % of attempts" in text
    assert "Performance 83.3 % at 512" in text
    assert [gain.end for gain in found.gains] == [32, 64, 128, 256, 512]
    assert "per doubling" in text


def test_what_is_not_identifiable_is_said() -> None:
    _, text = shown(rising())
    assert "not identifiable" in text
    (found,), text = shown([attempt(p, b, right=b > 40) for p in range(6) for b in (32, 64)])
    assert found.accuracy.best is None
    assert "not identifiable: 2 points for 2 parameters" in text
    _, text = shown([attempt(p, b, right=p > 2) for p in range(6) for b in LADDER])
    assert "not identifiable: accuracy is the same at every point" in text


def test_samples_give_coverage_at_the_largest_budget() -> None:
    rows = [
        attempt(p, b, right=s * 7 % 8 < p % 8, sample=s) for p in range(16) for b in (64, 128, None) for s in range(8)
    ]
    (found,), text = shown(rows)
    assert found.coverage is not None
    assert found.coverage_budget is None
    assert found.coverage.x == (1, 2, 4, 8)
    assert found.coverage.forms[0].form == "exponentiated power"
    assert "pass@x over x samples, budget none" in text


def test_a_curve_that_saturates_says_where() -> None:
    rows = [
        attempt(p, b, right=p % 10 < 9 and b >= 16 << (p % 3)) for p in range(60) for b in (8, 16, 32, 64, 128, 256)
    ]
    _, text = shown(rows)
    assert "saturation: from budget 64 on, within 2 points of the largest budget (95 %: 64" in text


def test_failures_that_are_left_out_are_said() -> None:
    rows = [row for row in rising() if row.budget != 512 or not row.problem.endswith(("/5", "/11"))]
    (found,), text = shown(rows)
    assert (found.n_problems, found.n_left_out) == (22, 2)
    assert "2 of 24 problems left out: no attempt at some budget" in text
    assert "256 to 512: 2 of 24 problems have attempts at one end only" in text
    (found,), text = shown([attempt(0, 32, right=True), attempt(1, 64, right=True)])
    assert found.saturation is None
    assert "no problem has attempts at every budget" in text


def test_scatter_is_told_with_what_hangs_on_it() -> None:
    _, text = shown(
        [attempt(p, b, right=(p + i) % 3 > 0 or i % 2 == 0) for p in range(60) for i, b in enumerate(LADDER)]
    )
    assert "no form describes the points" in text
    assert "weights hold for that scatter" in " ".join(text.split())


def test_another_axis_can_be_asked_for() -> None:
    table = table_of([replace(row, usd=None if row.budget is None else 1e-6 * row.budget) for row in rising()])
    results = section("fits").results
    (found,) = results([MadeRun(table)], axis="usd")
    assert isinstance(found, CurveFits)
    assert found.axis == "usd"
    assert found.accuracy.x == pytest.approx([1e-6 * b for b in LADDER[1:]])


ODD: dict[str, list[Attempt]] = {
    "one attempt": [attempt(0, 64, right=True)],
    "one problem": [attempt(0, b, right=b > 100) for b in LADDER],
    "all right": [attempt(p, b, right=True) for p in range(5) for b in LADDER],
    "all wrong": [attempt(p, b, right=False) for p in range(5) for b in LADDER],
    "only budget 0": [attempt(p, 0, right=p > 1) for p in range(5)],
    "only the natural end": [attempt(p, None, right=p > 1) for p in range(5)],
    "thinking not known": [attempt(p, b, right=b > 64 * p, tokens=None) for p in range(5) for b in LADDER],
    "thinking not known of one": [
        attempt(p, b, right=b > 64 * p, tokens=None if p == b == 0 else b) for p in range(5) for b in LADDER
    ],
    "effort": [
        attempt(p, b, right=b > p, tokens=100 * b + p, control="effort") for p in range(6) for b in (1, 2, 3, 4, 5)
    ],
    "native": [attempt(p, b, right=b > 90 * p, tokens=b + 17 * p, control="native") for p in range(6) for b in LADDER],
    "ragged": [
        attempt(p, b, right=b > 64 * p, sample=s)
        for p in range(6)
        for b in LADDER
        for s in range(5)
        if (p + b // 32 + s) % 3
    ],
    "ended long before": [attempt(p, b, right=p > 2 or b > 40, tokens=min(b, 60)) for p in range(6) for b in LADDER],
    "names with markup": [
        attempt(p, b, right=b > 64 * p, task="[bold]t[/x]", model="[red]/m[/]") for p in range(6) for b in LADDER
    ],
    "two models": [
        attempt(p, b, right=b > 64 * p, model=model) for model in ("m1", "m2") for p in range(6) for b in LADDER
    ],
    "zero for one problem": [attempt(p, b, right=b > 64 * p, tokens=b * (p > 3)) for p in range(6) for b in LADDER],
    "grouped": [attempt(p, b, right=b > 64 * p, group=f"g{p // 2}") for p in range(6) for b in LADDER],
    "falling": [attempt(p, b, right=b < 90 * p) for p in range(12) for b in LADDER],
}


@pytest.mark.parametrize("name", list(ODD))
def test_no_run_is_too_odd(name: str) -> None:
    found, text = shown(ODD[name])
    assert len(found) == (2 if name == "two models" else 1)
    assert "Performance" in text


def test_levels_of_effort_bear_their_names() -> None:
    _, text = shown(ODD["effort"])
    assert "minimal" in text
    assert "xhigh" in text
    assert "Control –" in text


def test_extrapolation_only_where_it_is_asked_for() -> None:
    (inside,) = curve_fits_of(table_of(rising()), n_resamples=50)
    (beyond,) = curve_fits_of(table_of(rising()), extrapolate_to=4096, n_resamples=50)
    for found, is_asked in ((inside, False), (beyond, True)):
        for fit in found.accuracy.forms:
            assert fit.band is not None
            assert any(fit.band.is_extrapolated) == is_asked
            assert (max(fit.band.x) > 600) == is_asked


@pytest.mark.parametrize("asked", ["4096", "8x"])
def test_what_is_extrapolated_is_printed_as_such_with_its_band(asked: str) -> None:
    (found,), text = shown(rising(), asked)
    told = [form for form in found.accuracy.forms if form.extrapolated is not None]
    assert told
    assert "extrapolated to x = 4,096, 8.00 times the largest measured (512)" in text
    for form in told:
        at, band = form.extrapolated, form.band
        assert at is not None
        assert band is not None
        assert (at.x, at.value, at.ci_low, at.ci_high) == (4096, band.y[-1], band.ci_low[-1], band.ci_high[-1])
        value, low, high = (f"{100 * (end or 0):.1f}" for end in (at.value, at.ci_low, at.ci_high))
        (row,) = [line for line in text.splitlines() if " extrapolated " in line and f" {form.form} " in line]
        assert row.split()[-5:] == [value, "extrapolated", low, "–", high]


def test_nothing_is_extrapolated_unasked_and_nothing_of_what_is_not_identifiable() -> None:
    (found,), text = shown(rising())
    assert "extrapolated" not in text
    assert {form.extrapolated for form in found.accuracy.forms} == {None}
    (found,), _ = shown(rising(), "8x")
    assert all((form.extrapolated is None) == (form.reason is not None) for form in found.accuracy.forms)
    assert any(form.reason for form in found.accuracy.forms)
    _, text = shown([attempt(p, b, right=p > 2) for p in range(6) for b in LADDER], "8x")
    assert "extrapolated" not in text
    assert "not identifiable: accuracy is the same at every point" in text


def test_an_end_within_what_was_measured_is_refused() -> None:
    with pytest.raises(UsageError, match="--extrapolate 512 is within what was measured, up to 512 thinking tokens"):
        shown(rising(), "512")


@pytest.mark.parametrize("text", ["", "x", "1x", "0.5x", "-4", "0", "nan", "inf", "infx", "4 tokens"])
def test_what_is_no_end_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="is neither a cost, such as 4096, nor a factor above 1, such as 4x"):
        beyond_of(text)


def test_s1_scaling_by_the_token_has_its_unit_and_interval() -> None:
    (found,), text = shown(rising())
    per_token = found.s1.scaling_per_token
    value, low, high = (
        f"{1e5 * (end or 0):+#.3g}".rstrip(".") for end in (per_token.value, per_token.ci_low, per_token.ci_high)
    )
    assert f"{value} ({low} – {high}) points of accuracy per 1,000 tokens" in text
    assert "more than 100 points per 1,000 tokens" in " ".join(text.split())
    _, text = shown([attempt(p, b, right=b >= 320 << (p % 6), tokens=10 * b) for p in range(24) for b in LADDER])
    assert "points of accuracy per 1,000 tokens" in text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"),
        (3, "3.00"),
        (12.345, "12.3"),
        (-0.01234, "-0.0123"),
        (320.4, "320"),
        (1234.5, "1,234"),
        (-2e7, "-2.00e+07"),
    ],
)
def test_numbers_have_three_digits(value: float, text: str) -> None:
    assert number(value) == text


def test_an_end_that_is_not_known_is_a_question_mark() -> None:
    assert span(None, 3) == "? – 3.00"
