"""Accuracy at a cost and cost of an accuracy, against `numpy.interp` and a search along the risen curve."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import isotonic_regression

from thinkcurve.analysis.basis.between import accuracy_at, compute_for, cost_to_reach, rising

figures = st.tuples(st.integers(1, 60), st.integers(0, 10))
ladders = st.lists(figures, min_size=1, max_size=6, unique_by=lambda point: point[0])


def arrays(ladder: list[tuple[int, int]]) -> tuple[np.ndarray, np.ndarray]:
    costs, tenths = np.array(ladder, dtype=float).T
    return costs[None], tenths[None] / 10


@given(ladders, st.floats(0.5, 70))
def test_between_points_it_runs_straight_over_log_cost(ladder: list[tuple[int, int]], at: float) -> None:
    costs, accuracies = arrays(ladder)
    points = sorted(ladder)
    expected = np.interp(
        math.log(at), [math.log(c) for c, _ in points], [a / 10 for _, a in points], left=np.nan, right=np.nan
    )
    np.testing.assert_allclose(accuracy_at(costs, accuracies, np.array([at]))[0, 0], expected, atol=1e-9)


@settings(deadline=None)
@given(ladders, st.sampled_from([0.05, 0.25, 0.5, 0.75, 0.95]))
def test_the_cost_of_a_target_is_the_first_at_which_the_risen_curve_is_there(
    ladder: list[tuple[int, int]], target: float
) -> None:
    costs, accuracies = arrays(ladder)
    found = cost_to_reach(costs, accuracies, np.array([target]))[0, 0]
    points = sorted(ladder)
    logs, risen = [math.log(c) for c, _ in points], isotonic_regression([a / 10 for _, a in points]).x
    if not np.isfinite(found):
        assert risen[-1] < target
        return
    assert np.interp(math.log(found), logs, risen) >= target - 1e-6
    cheaper = np.geomspace(costs.min(), found, 40)
    cheaper = cheaper[cheaper < found * (1 - 1e-6)]
    assert not (np.interp(np.log(cheaper), logs, risen) >= target).any()


def test_a_curve_that_falls_on_the_way_does_not_reach_an_accuracy_at_its_first_peak() -> None:
    costs, accuracies = np.array([[16.0, 32.0, 64.0, 128.0]]), np.array([[0.2, 0.5, 0.3, 0.6]])
    found = cost_to_reach(costs, accuracies, np.array([0.3, 0.4, 0.5, 0.6, 0.65]))[0]
    # risen it is 0.2, 0.4, 0.4, 0.6: 0.4 at 32, and half way of the doubling from 64 for 0.5
    np.testing.assert_allclose(found, [16 * 2**0.5, 32, 64 * 2**0.5, 128, np.inf])


@given(ladders, st.sampled_from([0.05, 0.25, 0.5, 0.75, 0.95]))
def test_one_run_and_two_have_one_rule(ladder: list[tuple[int, int]], target: float) -> None:
    costs, accuracies = arrays(sorted(ladder))
    of_two = compute_for(np.array([[target]]), np.log2(costs), rising(accuracies))[0, 0]
    of_one = cost_to_reach(costs, accuracies, np.array([target]))[0, 0]
    assert of_one == pytest.approx(np.inf if np.isnan(of_two) else 2**of_two)


def test_a_point_that_is_not_known_has_no_part_in_what_rises() -> None:
    costs = np.array([[1.0, 4.0, 16.0, 64.0], [1.0, np.nan, 16.0, 64.0]])
    accuracies = np.array([[0.2, np.nan, 0.6, 0.4], [0.2, 0.9, 0.6, 0.4]])
    np.testing.assert_allclose(cost_to_reach(costs, accuracies, np.array([0.5, 0.55])), [[16, np.inf]] * 2)


def test_next_to_a_point_that_cost_nothing_it_runs_straight_over_cost() -> None:
    costs, accuracies = np.array([[0.0, 10.0, 1000.0]]), np.array([[0.0, 0.4, 0.8]])
    np.testing.assert_allclose(accuracy_at(costs, accuracies, np.array([0.0, 5.0, 100.0]))[0], [0, 0.2, 0.6])
    np.testing.assert_allclose(cost_to_reach(costs, accuracies, np.array([0.1, 0.6]))[0], [2.5, 100])


def test_each_resample_has_its_own_range_and_order() -> None:
    costs = np.array([[1.0, 4.0], [16.0, 4.0], [np.nan, 4.0], [np.nan, np.nan]])
    accuracies = np.array([[0.2, 0.6], [0.2, 0.6], [0.2, 0.6], [0.2, 0.6]])
    found = accuracy_at(costs, accuracies, np.array([2.0, 4.0, 8.0]))
    nan = np.nan
    np.testing.assert_allclose(found, [[0.4, 0.6, nan], [nan, 0.6, 0.4], [nan, 0.6, nan], [nan, nan, nan]])
    reached = cost_to_reach(costs, accuracies, np.array([0.4, 0.9]))
    np.testing.assert_allclose(reached, [[2, np.inf], [4, np.inf], [4, np.inf], [nan, nan]])


def test_points_past_the_natural_end_cost_and_give_the_same() -> None:
    costs, accuracies = np.array([[1.0, 3.0, 3.0, 3.0]]), np.array([[0.1, 0.5, 0.5, 0.5]])
    assert accuracy_at(costs, accuracies, np.array([3.0]))[0, 0] == pytest.approx(0.5)
    assert cost_to_reach(costs, accuracies, np.array([0.5]))[0, 0] == pytest.approx(3.0)


def test_a_range_ends_where_the_ladder_does_but_for_rounding() -> None:
    costs, accuracies = np.array([[1.0, 3.0]]), np.array([[0.1, 0.5]])
    found = accuracy_at(costs, accuracies, np.array([1 - 1e-12, 0.999, 3 + 1e-12, 3.001]))[0]
    assert np.isnan(found).tolist() == [False, True, False, True]
