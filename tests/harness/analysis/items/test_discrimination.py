"""Discrimination: within budgets, over respondents; noise is not said to go against the rest, a reversed problem is."""

import numpy as np
import pytest
from scipy.stats import pointbiserialr

from strata_grids import a_grid
from thinkcurve.analysis.basis.grid import MISSING
from thinkcurve.analysis.items.discrimination import Answers, Discrimination, answers_of, discrimination_of
from thinkcurve.analysis.items.items import items_of


def of_one_budget(columns: np.ndarray) -> Discrimination:
    n = len(columns)
    return discrimination_of(Answers(columns, np.arange(n), np.zeros(n, dtype=int)))


def test_at_one_budget_it_is_the_point_biserial_correlation_with_the_rest() -> None:
    columns = (np.random.default_rng(0).random((30, 6)) < np.linspace(0.2, 0.8, 30)[:, None]).astype(float)
    found = of_one_budget(columns).correlation
    for place in range(6):
        rest = np.delete(columns, place, axis=1).mean(axis=1)
        assert found[place] == pytest.approx(pointbiserialr(columns[:, place].astype(bool), rest).statistic)


def test_it_is_pooled_over_budgets_within_which_answers_are_compared() -> None:
    rng = np.random.default_rng(1)
    columns, budget = rng.integers(0, 2, (24, 5)).astype(float), np.repeat([0, 1, 2], 8)
    found = discrimination_of(Answers(columns, np.tile(np.arange(8), 3), budget)).correlation
    x, y = columns[:, 0].copy(), columns[:, 1:].mean(axis=1)
    for b in range(3):
        x[budget == b] -= x[budget == b].mean()
        y[budget == b] -= y[budget == b].mean()
    assert found[0] == pytest.approx(np.corrcoef(x, y)[0, 1])


def test_it_needs_five_respondents_and_some_spread() -> None:
    columns = np.array([[1.0, 0, 1]] * 6)
    columns[:3, 1:] = [1, 0]
    assert np.isnan(of_one_budget(columns[:4]).correlation).all()
    assert np.isnan(of_one_budget(columns).correlation).tolist() == [True, False, False]


def test_budgets_and_repeats_of_a_trace_are_no_respondents() -> None:
    verdicts = np.random.default_rng(2).integers(0, 2, (30, 8, 2))
    grid = a_grid(verdicts)
    answers = answers_of(grid, [grid])
    assert (len(answers.columns), answers.n_respondents) == (16, 2)
    assert np.isnan(discrimination_of(answers).correlation).all()


def test_that_all_are_solved_later_rather_than_sooner_is_no_correlation() -> None:
    rng = np.random.default_rng(3)
    rising = np.linspace(0.05, 0.95, 6)[None, :, None]
    grid = a_grid((rng.random((60, 6, 8)) < rising).astype(int))
    answers = answers_of(grid, [grid])
    assert np.nanmean(of_one_budget(answers.columns).correlation) > 0.5
    assert abs(np.nanmean(discrimination_of(answers).correlation)) < 4 * np.sqrt(2 / 42 / 60)


def test_of_pure_noise_hardly_anything_is_against_the_rest() -> None:
    rng = np.random.default_rng(4)
    n_named = [of_one_budget((rng.random((8, 200)) < 0.5).astype(float)).is_against.sum() for _ in range(200)]
    assert np.mean(np.array(n_named) > 0) < 0.1  # by a sign alone it was 109 of 200 in every study


def test_a_problem_whose_reference_is_wrong_is_against_the_rest_and_others_are_not() -> None:
    rng = np.random.default_rng(5)
    chances = np.repeat(np.linspace(0.02, 0.98, 100)[:, None], 100, axis=1)
    columns = (rng.random(chances.shape) < chances).astype(float)
    columns[:, :3] = 1 - columns[:, :3]
    assert np.flatnonzero(of_one_budget(columns).is_against).tolist() == [0, 1, 2]
    grids = [a_grid(column.astype(int)[:, None, None], model=f"m{i}") for i, column in enumerate(columns)]
    flagged = {item.problem for item in items_of(grids[0], grids).items if "against_the_rest" in item.flags}
    assert flagged == {"t/test/0", "t/test/1", "t/test/2"}


def test_who_was_asked_easy_problems_has_no_higher_rest_score() -> None:
    rng = np.random.default_rng(1)
    columns = np.concatenate([np.full((40, 20), 0.95), np.full((40, 20), 0.1)], axis=1)
    columns = (rng.random(columns.shape) < columns).astype(float)
    half = (rng.random(40) < 0.5).astype(float)
    columns[:20, 21:] = columns[20:, :20] = np.nan  # the first twenty were asked the easy ones
    columns[:, 20] = half
    assert abs(of_one_budget(columns).correlation[20]) < 0.4
    columns[:, 20] = np.arange(40) < 20
    assert abs(of_one_budget(columns).correlation[20]) < 0.4


def test_models_that_share_no_problem_are_left_out() -> None:
    verdicts = np.full((2, 20, 1, 1), MISSING)
    verdicts[0, :10] = verdicts[1, 10:] = 1
    mine, other = a_grid(verdicts[0]), a_grid(verdicts[1], model="other")
    assert answers_of(mine, [mine, other]).n_respondents == 1
