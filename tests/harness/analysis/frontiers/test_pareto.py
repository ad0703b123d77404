"""The Pareto set against every pair in turn, and its probability against every resample there is."""

from itertools import product

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from thinkcurve.analysis.frontiers.pareto import is_undominated, membership

points = st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), min_size=1, max_size=8)


def by_hand(pairs: list[tuple[int, int]]) -> list[bool]:
    def beats(one: tuple[int, int], other: tuple[int, int]) -> bool:
        return one != other and one[0] <= other[0] and one[1] >= other[1]

    return [not any(beats(other, pair) for other in pairs) for pair in pairs]


@given(points)
def test_the_set_is_what_no_pair_beats(pairs: list[tuple[int, int]]) -> None:
    costs, accuracies = np.array(pairs, dtype=float).T
    assert is_undominated(costs, accuracies).tolist() == by_hand(pairs)


def test_many_points_with_ties_and_unknown_ones_are_what_every_pair_says() -> None:
    rng = np.random.default_rng(3)
    costs = rng.integers(0, 15, (40, 60)).astype(np.float64) * 0.1
    accuracies = rng.integers(0, 15, (40, 60)).astype(np.float64) / 15 + 1e-16 * rng.standard_normal(
        (40, 60)
    )  # what sums round to
    costs[rng.random(costs.shape) < 0.1] = np.nan
    accuracies[rng.random(costs.shape) < 0.1] = np.nan
    is_known = ~(np.isnan(costs) | np.isnan(accuracies))
    found = is_undominated(costs, accuracies)
    for row, there in enumerate(is_known):
        pairs = [(round(10 * c), round(15 * a)) for c, a in zip(costs[row, there], accuracies[row, there], strict=True)]
        assert found[row, there].tolist() == by_hand(pairs)
        assert not found[row, ~there].any()


def test_no_points_are_none() -> None:
    assert is_undominated(np.zeros((3, 0)), np.zeros((3, 0))).shape == (3, 0)


@given(points, points)
def test_rows_do_not_know_of_each_other(first: list[tuple[int, int]], second: list[tuple[int, int]]) -> None:
    n = min(len(first), len(second))
    both = np.array([first[:n], second[:n]], dtype=float)
    found = is_undominated(both[..., 0], both[..., 1])
    assert found.tolist() == [by_hand(first[:n]), by_hand(second[:n])]


def test_what_is_equal_in_both_stands_together_though_sums_round() -> None:
    same = np.array([0.1 + 0.2, 0.3, 1.0])
    assert is_undominated(same, np.array([0.5, 0.5, 0.6])).tolist() == [True, True, True]


def test_an_unknown_point_is_not_in_it_and_beats_none() -> None:
    found = is_undominated(np.array([np.nan, 2.0, 1.0]), np.array([0.9, 0.5, np.nan]))
    assert found.tolist() == [False, True, False]


def test_the_probability_is_the_share_of_all_resamples() -> None:
    costs = np.array([[1.0, 2.0, 2.5], [2.0, 2.0, 2.5], [3.0, 2.0, 2.5]])  # problems down, points across
    right = np.array([[0.0, 1.0, 1.0], [1.0, 0.0, 1.0], [0.0, 1.0, 0.0]])
    times, chosen = np.zeros(3), list(product(range(3), repeat=3))
    for problems in chosen:
        rows = list(problems)
        pairs = [(sum(costs[r, n] for r in rows), sum(right[r, n] for r in rows)) for n in range(3)]
        times += by_hand(pairs)
    drawn = np.array([np.bincount(problems, minlength=3) for problems in chosen], dtype=float)
    np.testing.assert_allclose(membership(drawn @ costs / 3, drawn @ right / 3), times / 27)
    assert 0 < times.min() < times.max() < 27


def test_a_point_of_unknown_cost_has_no_probability() -> None:
    costs = np.array([[1.0, np.nan], [1.0, np.nan]])
    shares = membership(costs, np.full((2, 2), 0.5))
    assert shares[0] == 1
    assert np.isnan(shares[1])
