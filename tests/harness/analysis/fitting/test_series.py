"""Points to fit: what is a point, what is left out and said, and pass@k with the published fits of its form."""

import csv
import os
from math import comb
from pathlib import Path

import numpy as np
import pytest
from msgspec.structs import replace

from analysis.tables import table_of
from records import an_attempt
from thinkcurve.analysis.basis.grid import Grid, grids_of
from thinkcurve.analysis.fitting.fits import fit_forms
from thinkcurve.analysis.fitting.forms import EXPONENTIATED
from thinkcurve.analysis.fitting.series import accuracy_series, coverage_series, powers_of_two, spread_of
from thinkcurve.problem import Verdict
from thinkcurve.store import Attempt

DATA = os.environ.get("THINKCURVE_DATA", "")
needs_data = pytest.mark.skipif(not DATA, reason="THINKCURVE_DATA is not set: no local copies of data")


def attempt(problem: int, budget: int | None, tokens: int | None, is_right: int) -> Attempt:
    verdict = Verdict.CORRECT if is_right else Verdict.INCORRECT
    return replace(an_attempt(problem, budget, verdict), thinking_tokens=tokens)


def grid(rows: list[Attempt]) -> Grid:
    (found,) = grids_of(table_of(rows))
    return found


def test_points_are_means_of_cost_and_accuracy() -> None:
    rows = [attempt(p, b, b - 4 * p, p < b // 32) for p in range(4) for b in (32, 64, 128)]
    found = accuracy_series(grid(rows), n_resamples=20)
    assert found.x.tolist() == [26, 58, 122]
    assert found.y.tolist() == [0.25, 0.5, 1]
    assert found.x_draws.shape == found.y_draws.shape == (20, 3)
    assert (found.n_units, found.left_out) == (4, ())


def test_a_resample_draws_costs_and_answers_together() -> None:
    """Problem p alone is right, and alone costs 100 p more: so x tells y in every resample."""
    rows = [attempt(p, b, b + 100 * p, p) for p in range(2) for b in (32, 64)]
    found = accuracy_series(grid(rows), n_resamples=50)
    assert found.x_draws - 100 * found.y_draws == pytest.approx(np.broadcast_to([32, 64], (50, 2)))


def test_what_is_left_out_is_said() -> None:
    rows = [
        attempt(p, b, tokens, 1)
        for p in range(2)
        for b, tokens in ((0, 0), (32, 32), (64, 40), (128, 40), (256, None if p else 200), (None, 300))
    ]
    found = accuracy_series(grid(rows), n_resamples=5)
    assert found.x.tolist() == [32, 40, 300]
    assert found.left_out == (
        "budget 0 left out: 0 thinking tokens have no logarithm",
        "budget 256 left out: thinking tokens of some attempts are not known",
        "budget 128 is left out: the same thinking tokens as budget 64, so the same point",
    )


def test_points_lie_in_order_of_what_was_spent_not_of_what_was_asked() -> None:
    rows = [attempt(p, b, tokens, p) for p in range(2) for b, tokens in ((100, 300), (200, 250))]
    found = accuracy_series(grid(rows), n_resamples=5)
    assert found.x.tolist() == [250, 300]


def test_an_axis_that_nobody_measured_has_no_points() -> None:
    rows = [attempt(p, b, b, p) for p in range(2) for b in (32, 64)]
    found = accuracy_series(grid(rows), "joules", n_resamples=5)
    assert found.x.size == 0
    assert found.left_out == ("budget 32, budget 64 left out: joules of some attempts are not known",)
    assert {fit.reason for fit in fit_forms(found).forms} == {"0 points for 2 parameters", "0 points for 3 parameters"}


def test_variance_of_single_samples_is_binomial_with_half_a_case_each_way() -> None:
    values = np.array([[1.0, 1, 0], [1, 0, 0], [1, np.nan, 0]])
    p = np.array([3.5 / 4, 1.5 / 3, 0.5 / 4])
    assert spread_of(values) == pytest.approx(p * (1 - p) / np.array([4, 3, 4]))


def test_variance_of_repeats_is_that_between_problems() -> None:
    rng = np.random.default_rng(0)
    chances = rng.beta(4, 4, size=(4000, 500))
    assert spread_of(chances).mean() == pytest.approx(chances.mean(axis=0).var(), rel=0.2)


def test_variance_by_group_is_that_of_as_many_units() -> None:
    """Contests of 20 problems that are all alike say as much as one problem each."""
    few = np.random.default_rng(0).random((40, 3))
    many, groups = np.repeat(few, 20, axis=0), np.repeat(np.arange(40), 20)
    assert spread_of(many, groups) == pytest.approx(spread_of(few), rel=0.05)
    assert (spread_of(many) < spread_of(few) / 15).all()


def test_hard_problems_that_fail_at_the_largest_budget_do_not_raise_the_curve() -> None:
    """Ten problems are always right and ten never, and these fail at the end: as points of both, 50 % rose to 100 %."""
    rows = [attempt(p, b, b, p < 10) for p in range(20) for b in (32, 64, 128) if p < 10 or b < 128]
    found = accuracy_series(grid(rows), n_resamples=5)
    assert found.y.tolist() == [1, 1, 1]
    assert found.n_units == 10
    assert found.left_out == ("10 of 20 problems left out: no attempt at some budget",)


def test_where_no_problem_is_at_every_budget_there_are_no_points() -> None:
    found = accuracy_series(grid([attempt(0, 32, 32, 1), attempt(1, 64, 64, 1)]), n_resamples=5)
    assert found.x.size == 0
    assert found.left_out == ("no problem has attempts at every budget: budgets cannot be compared",)
    assert {fit.reason for fit in fit_forms(found).forms} == {"0 points for 2 parameters", "0 points for 3 parameters"}


def test_a_budget_at_which_all_failed_leaves_no_problem_out() -> None:
    rows = [attempt(p, b, b, p) for p in range(2) for b in (32, 64)] + [attempt(2, 32, 32, 1)]
    assert accuracy_series(grid(rows), n_resamples=5).n_units == 2
    assert accuracy_series(grid(rows[:-1]), n_resamples=5).left_out == ()


def test_resamples_of_problems_that_are_alike_say_nothing() -> None:
    alike = accuracy_series(grid([attempt(p, b, b, b > 40) for p in range(9) for b in (32, 64, 128)]), n_resamples=9)
    differing = accuracy_series(grid([attempt(p, b, b, b > 20 * p) for p in range(9) for b in (32, 64, 128)]))
    assert (alike.has_spread, differing.has_spread) == (False, True)
    alone = accuracy_series(grid([attempt(0, b, b, b > 40) for b in (32, 64, 128)]), n_resamples=9)
    assert not alone.has_spread


def test_coverage_is_pass_at_k_of_each_problem() -> None:
    right, drawn = np.array([0, 1, 5]), np.array([8, 8, 9])
    found = coverage_series(right, drawn, n_resamples=10)
    assert found.x.tolist() == [1, 2, 4, 8]
    expected = [sum(1 - comb(n - c, k) / comb(n, k) for c, n in ((0, 8), (1, 8), (5, 9))) / 3 for k in (1, 2, 4, 8)]
    assert found.y == pytest.approx(expected)
    assert found.y_draws.shape == (10, 4)
    with pytest.raises(ValueError, match="1 to 8"):
        coverage_series(right, drawn, [9])


@pytest.mark.parametrize(("most", "ks"), [(0, []), (1, [1]), (4, [1, 2, 4]), (6, [1, 2, 4, 6])])
def test_powers_of_two(most: int, ks: list[int]) -> None:
    assert powers_of_two(most) == ks


@needs_data
@pytest.mark.parametrize(("model", "a", "b"), [("Pythia 70M", -7.59, -0.18), ("Pythia 12B", -3.92, -0.35)])
def test_published_fits_of_large_language_monkeys(model: str, a: float, b: float) -> None:
    """Brown et al. 2024 (arXiv 2407.21787), figure 5: two of the five fits that it prints can be reproduced.

    The counts at hand are those of seven Pythia models, of which the figure has Pythia 70M and 12B. The other three of
    its fits, (-1.33, -.43), (-.75, -.46) and (-3.88, -.11), are of models whose counts are not among them.

    Their loss is least squares on log coverage, at 100 k spaced evenly in log from 1 to 10,000 and rounded, those that
    come twice counted twice. It gives their a to a hundredth and their b as printed; least squares on coverage itself
    gives -8.29 and -4.30, far off.
    """
    with (Path(DATA) / "golden" / "llm_monkeys_counts.csv").open() as file:
        counts = [(int(row["c"]), int(row["n"])) for row in csv.DictReader(file) if row["model"] == model]
    right, drawn = np.array(counts).T
    series = coverage_series(right, drawn, np.round(np.logspace(0, 4, 100)).astype(int), n_resamples=100)
    (fit,) = fit_forms(series, [EXPONENTIATED], loss="log").forms
    found_a, found_b = (parameter.value for parameter in fit.parameters)
    assert found_a == pytest.approx(a, abs=0.0115)
    assert found_b == pytest.approx(b, abs=0.005)
    assert fit.reason is None
    (plain,) = fit_forms(series, [EXPONENTIATED], loss="plain").forms
    assert abs((plain.parameters[0].value or 0) - a) > 0.3
