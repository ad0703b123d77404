"""s1's Control, Scaling and Performance: against exact fractions, and against what the paper published."""

import csv
import os
from fractions import Fraction
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from analysis.tables import table_of
from records import an_attempt
from thinkcurve.analysis.basis.grid import Grid, grids_of
from thinkcurve.analysis.fitting.s1 import S1, control_share, performance, s1_of, scaling
from thinkcurve.budget import EFFORTS
from thinkcurve.problem import Verdict
from thinkcurve.store import Attempt

DATA = os.environ.get("THINKCURVE_DATA", "")
needs_data = pytest.mark.skipif(not DATA, reason="THINKCURVE_DATA is not set: no local copies of data")

points = st.lists(st.tuples(st.integers(0, 50), st.integers(0, 30)), min_size=2, max_size=7)


@given(points)
def test_scaling_is_the_mean_of_all_slopes(pairs: list[tuple[int, int]]) -> None:
    slopes = [Fraction(y2 - y1, x2 - x1) for (x1, y1), (x2, y2) in combinations(pairs, 2) if x1 != x2]
    x, y = (np.array(part, dtype=float) for part in zip(*pairs, strict=True))
    if slopes:
        assert float(scaling(x, y)) == pytest.approx(float(sum(slopes) / len(slopes)), abs=1e-9)
        assert scaling(np.array([x, x]), np.array([y, 2 * y]))[1] == pytest.approx(2 * float(scaling(x, y)), abs=1e-9)
    else:
        assert np.isnan(scaling(x, y))


def test_scaling_leaves_out_points_that_are_not_known() -> None:
    assert float(scaling([1, np.nan, 3], [0, 9, 1])) == 0.5
    assert np.isnan(scaling([1.0], [1.0]))


def test_control_and_performance() -> None:
    assert control_share([10, 20, 31, 40], [10, 20, 30, 50]) == 0.75
    assert control_share([10, 20, 31, 40], [10, 20, 30, 50], [0, 20, 0, 45]) == 0.5
    assert performance([0.1, 0.5, 0.3]) == 0.5
    with pytest.raises(ValueError, match="at least one setting"):
        control_share([], [])
    with pytest.raises(ValueError, match="known"):
        control_share([1, np.nan], [2, 2])


def published(series: str) -> tuple[np.ndarray, np.ndarray, list[str]]:
    """Mean thinking tokens, accuracy in exact thirtieths (AIME24 has 30 problems) in points, and settings."""
    with (Path(DATA) / "golden" / "s1_points.csv").open() as file:
        rows = [row for row in csv.DictReader(file) if row["series"] == series and row["benchmark"] == "AIME24"]
    x = np.array([float(row["avg_thinking_tokens"]) for row in rows])
    y = np.array([round(float(row["accuracy_pct"]) * 0.3) / 0.3 for row in rows])
    return x, y, [row["setting"] for row in rows]


@needs_data
@pytest.mark.parametrize(
    ("series", "found", "printed"),
    [
        ("BF", 14.8, 15),
        ("TCC", -23.8, -24),
        ("TCC+BF", 13.2, 13),
        ("SCC", 2.9, 3),
        ("SCC+BF", 6.4, 6),
        ("CCC", 25.2, 25),
    ],
)
def test_scaling_per_doubling_is_that_of_s1s_table_3(series: str, found: float, printed: int) -> None:
    x, y, _ = published(series)
    per_doubling = float(scaling(np.log2(x), y))
    assert per_doubling == pytest.approx(found, abs=0.05)
    assert round(per_doubling) == printed
    assert abs(float(scaling(x, y))) < 0.02  # the formula as printed gives thousandths


@needs_data
def test_scaling_of_rejection_sampling_is_s1s_without_its_shortest_setting() -> None:
    x, y, settings = published("RS")
    assert settings[0] == "limit=3500"
    assert float(scaling(np.log2(x[1:]), y[1:])) == pytest.approx(-35.5, abs=0.05)
    assert float(scaling(np.log2(x), y)) == pytest.approx(-28.6, abs=0.05)


@needs_data
@pytest.mark.parametrize(
    ("series", "top"), [("BF", 56.7), ("TCC", 40.0), ("TCC+BF", 40.0), ("SCC", 36.7), ("SCC+BF", 36.7), ("RS", 40.0)]
)
def test_performance_is_that_of_s1s_table_3(series: str, top: float) -> None:
    assert performance(published(series)[1]) == pytest.approx(top, abs=0.05)


@needs_data
@pytest.mark.parametrize(
    ("series", "tokens_a_unit", "share"),
    [("TCC", 1, 0.4), ("TCC+BF", 1, 1.0), ("SCC", 100, 0.6), ("SCC+BF", 100, 1.0)],
)
def test_control_is_that_of_s1s_table_3(series: str, tokens_a_unit: int, share: float) -> None:
    """A step of step-conditional control is about 100 tokens (section 3.1 of the paper)."""
    x, _, settings = published(series)
    assert control_share(x, tokens_a_unit * np.array([int(setting) for setting in settings])) == share


@needs_data
@pytest.mark.parametrize("series", ["BF", "RS"])
def test_control_by_a_limit_is_whole_in_s1s_table_3(series: str) -> None:
    x, _, settings = published(series)
    limits = [(spent, float(s.split("=")[1].strip("?"))) for spent, s in zip(x, settings, strict=True) if "=" in s]
    assert control_share(*map(np.array, zip(*limits, strict=True))) == 1.0


def attempt(
    problem: int, budget: int | None, tokens: int | None, *, is_right: bool, control: str = "native"
) -> Attempt:
    verdict = Verdict.CORRECT if is_right else Verdict.INCORRECT
    return replace(an_attempt(problem, budget, verdict), thinking_tokens=tokens, control=control)


def grid(rows: list[Attempt]) -> Grid:
    (found,) = grids_of(table_of(rows))
    return found


def test_s1_of_a_grid_by_hand() -> None:
    rows = [
        attempt(0, 100, 60, is_right=False), attempt(1, 100, 110, is_right=False),
        attempt(0, 200, 170, is_right=True), attempt(1, 200, 250, is_right=False),
        attempt(0, None, 300, is_right=True), attempt(1, None, 380, is_right=True),
    ]  # fmt: skip
    found = s1_of(grid(rows), n_resamples=50)
    # means 85, 210, 340 of budgets 100, 200, none; accuracies 0, 1/2, 1
    assert found.control == 0.5
    assert found.control_attempts == 0.5
    slopes = [0.5 / 125, 1 / 255, 0.5 / 130]
    assert found.scaling_per_token.value == pytest.approx(sum(slopes) / 3)
    logs = [0.5 / np.log2(210 / 85), 1 / np.log2(340 / 85), 0.5 / np.log2(340 / 210)]
    assert found.scaling_per_doubling.value == pytest.approx(sum(logs) / 3)
    assert (found.performance, found.performance_budget) == (1.0, None)


def test_thinking_that_is_not_known_leaves_only_performance() -> None:
    rows = [attempt(0, 100, None, is_right=False), attempt(0, 200, 150, is_right=True)]
    found = s1_of(grid(rows), n_resamples=50)
    assert (found.control, found.scaling_per_token.value, found.scaling_per_doubling.ci_low) == (None, None, None)
    assert (found.performance, found.performance_budget) == (1.0, 200)


def test_levels_of_effort_ask_for_no_number() -> None:
    rows = [attempt(0, place, 100 * place, is_right=place > 2, control="effort") for place in (2, 3, 4)]
    found = s1_of(grid(rows), n_resamples=50)
    assert found.control is None
    assert found.scaling_per_token.value == pytest.approx((1 / 100 + 1 / 200 + 0) / 3)


def test_budget_0_has_no_doubling() -> None:
    rows = [attempt(p, b, b, is_right=p < b / 64) for p in range(3) for b in (0, 64, 128)]
    found: S1 = s1_of(grid(rows), n_resamples=50)
    assert found.scaling_per_doubling.value == pytest.approx(1 / 3)
    assert found.scaling_per_token.value == pytest.approx(1 / 3 / 64)


def test_only_problems_at_all_budgets_count() -> None:
    """The hard problem failed at the largest budget: it is in no point, neither in accuracy nor in tokens."""
    rows = [attempt(0, b, b, is_right=b > 100) for b in (100, 200, 400)]
    rows += [attempt(1, b, 3 * b, is_right=False) for b in (100, 200)]
    found = s1_of(grid(rows), n_resamples=50)
    assert (found.n_problems, found.n_left_out) == (1, 1)
    assert found.scaling_per_doubling.value == pytest.approx((1 + 1 / 2 + 0) / 3)
    assert found.control == 1.0
    none = s1_of(grid([attempt(0, 100, 90, is_right=True), attempt(1, 200, 90, is_right=True)]), n_resamples=50)
    assert (none.performance, none.control, none.n_problems, none.n_left_out) == (None, None, 0, 2)


@pytest.mark.parametrize("n", [1, 12])
def test_problems_that_are_alike_have_no_interval(n: int) -> None:
    rows = [attempt(p, b, b, is_right=b > 100) for p in range(n) for b in (100, 200, 400)]
    found = s1_of(grid(rows), n_resamples=50)
    for figure in (found.scaling_per_token, found.scaling_per_doubling):
        assert figure.value is not None
        assert (figure.ci_low, figure.ci_high) == (None, None)


def test_the_level_of_the_largest_accuracy_has_its_name() -> None:
    rows = [attempt(0, place, 100 * place, is_right=place > 2, control="effort") for place in (2, 3)]
    found = s1_of(grid(rows), n_resamples=50)
    assert (found.performance_budget, found.performance_effort) == (3, EFFORTS[3])
