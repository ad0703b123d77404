"""Accuracy at a cost and cost of an accuracy, against `numpy.interp` and a search along the curve."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from thinkcurve.analysis.frontiers.reach import accuracy_at, cost_to_reach

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
def test_the_cost_of_a_target_is_the_first_at_which_the_curve_is_there(
    ladder: list[tuple[int, int]], target: float
) -> None:
    costs, accuracies = arrays(ladder)
    found = cost_to_reach(costs, accuracies, np.array([target]))[0, 0]
    if not np.isfinite(found):
        assert accuracies.max() < target
        return
    assert accuracy_at(costs, accuracies, np.array([found]))[0, 0] >= target - 1e-9
    cheaper = np.geomspace(costs.min(), found, 40)[:-1]
    before = accuracy_at(costs, accuracies, cheaper[cheaper < found * (1 - 1e-9)])
    assert not (before > target + 1e-6).any()


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
