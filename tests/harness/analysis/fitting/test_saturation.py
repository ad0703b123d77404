"""Saturation: against brute force and simulation, and where there is nothing to be told."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis.fitting.small import small_grid
from thinkcurve.analysis.basis.grid import Grid
from thinkcurve.analysis.fitting.fits import TOLERANCE
from thinkcurve.analysis.fitting.saturation import saturation_of, saturation_step, steps_within
from thinkcurve.budget import EFFORTS

STUDIES = 400


@given(st.lists(st.lists(st.integers(0, 20), min_size=4, max_size=4), min_size=1, max_size=6), st.integers(0, 6))
def test_saturation_is_the_first_budget_from_which_all_are_near_the_last(curves: list[list[int]], near: int) -> None:
    found = saturation_step(np.array(curves) / 20, near / 20)
    for curve, step in zip(curves, found, strict=True):
        enough = [i for i in range(4) if all(curve[-1] - curve[j] <= near for j in range(i, 4))]
        assert step == min(enough)


def test_a_curve_that_rises_and_stays() -> None:
    right = [[0, 1, 1, 1]] * 90 + [[0, 0, 1, 1]] * 90 + [[0, 0, 0, 0]] * 60
    found = saturation_of(small_grid(right, [16, 64, 256, None]))
    assert found is not None
    assert (found.budget, found.ci_low, found.ci_high) == (256, 256, 256)
    assert found.reached_in == 1
    assert found.is_natural_end
    assert found.has_interval


def test_few_problems_that_stopped_changing_cannot_tell_two_points() -> None:
    """None of 30 changed: were one in 40 of its kind to change, 47 of 100 such studies would look the same."""
    right = [[0, 1, 1]] * 15 + [[1, 1, 1]] * 15
    found = saturation_of(small_grid(right, [16, 64, 256]))
    assert found is not None
    assert (found.budget, found.reached_in) == (64, 1)
    assert (found.ci_low, found.ci_high) == (64, None)


def test_a_curve_that_still_rises_is_not_saturated() -> None:
    right = [[0, 0, 1]] * 30 + [[0, 1, 1]] * 30
    found = saturation_of(small_grid(right, [16, 64, 256]))
    assert found is not None
    assert (found.budget, found.ci_low, found.ci_high, found.reached_in) == (None, None, None, 0)
    assert not found.is_natural_end


def test_the_interval_says_that_it_may_not_be_reached() -> None:
    right = [[0, 1, 1]] * 40 + [[0, 0, 1]] * 2 + [[0, 1, 0]]
    found = saturation_of(small_grid(right, [16, 64, 256]), tolerance=0.05)
    assert found is not None
    assert (found.budget, found.ci_low, found.ci_high) == (64, 64, None)
    assert found.reached_in is not None
    assert 0.5 < found.reached_in < 1


def test_saturation_needs_two_budgets_and_an_interval_two_problems() -> None:
    assert saturation_of(small_grid([[1], [0]], [16])) is None
    alone = saturation_of(small_grid([[0, 1, 1]], [16, 64, 256]))
    assert alone is not None
    assert (alone.budget, alone.has_interval, alone.reached_in) == (64, False, None)


def test_hard_problems_that_fail_at_the_end_are_left_out() -> None:
    """Ten problems are always right and ten never, but those run out of memory at the last budget: nothing changed."""
    right = [[1, 1, 1]] * 10 + [[0, 0, -1]] * 10
    found = saturation_of(small_grid(right, [16, 64, 256]))
    assert found is not None
    assert (found.budget, found.n_problems, found.n_left_out) == (16, 10, 10)
    assert saturation_of(small_grid([[1, -1], [-1, 1]], [16, 64])) is None


def test_levels_of_effort_have_their_names_beside_them() -> None:
    right = [[0, 1, 1, 1]] * 300 + [[0, 0, 0, 1]] * 9
    found = saturation_of(small_grid(right, [1, 2, 3, 4], control="effort"))
    assert found is not None
    assert (found.budget, found.effort) == (None, None)
    assert (found.ci_low, found.effort_low, found.effort_high) == (2, EFFORTS[2], None)


def study(chances: np.ndarray, n: int, k: int, seed: int) -> Grid:
    """Problems draw one of the rows of chances, of shape (kinds, budgets); k samples each, all budgets on one luck."""
    rng = np.random.default_rng(seed)
    mine = chances[rng.integers(len(chances), size=n)]
    verdicts = (rng.random((n, 1, k)) < mine[:, :, None]).astype(np.int8)
    rows = np.arange(verdicts.size).reshape(verdicts.shape)
    budgets = tuple(16 << i for i in range(chances.shape[1]))
    names = tuple(map(str, range(n)))
    return Grid("m", "t", "truncate", names, budgets, tuple(range(k)), verdicts, rows, pd.DataFrame())


def rarely(share: float) -> np.ndarray:
    """In ``share`` of problems only the last budget is enough, in the rest all but the first are."""
    late = np.tile([[0.0, 0.0, 1.0]], (round(1000 * share), 1))
    return np.concatenate([late, np.tile([[0.2, 0.95, 0.95]], (1000 - len(late), 1))])


@pytest.mark.parametrize(("n", "k"), [(30, 1), (30, 8), (200, 1), (200, 8)])
@pytest.mark.parametrize("share", [0.0, 0.015, 0.025, 0.04])
def test_the_interval_holds_the_truth(n: int, k: int, share: float) -> None:
    """The world is what resampling the point fails in: the few problems that still change are mostly not drawn."""
    chances = rarely(share)
    truth = int(saturation_step(chances.mean(axis=0)[None], TOLERANCE)[0])
    assert truth == (2 if share > 0.02 else 1)
    inside = 0
    for seed in range(STUDIES):
        found = steps_within(study(chances, n, k, seed), TOLERANCE, 0.95)
        assert found is not None
        inside += found[0] <= truth <= found[1]
    assert inside / STUDIES > 0.95 - 3 * (0.05 * 0.95 / STUDIES) ** 0.5
