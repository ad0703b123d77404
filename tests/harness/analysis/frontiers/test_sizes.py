"""Small and long against large and short: two curves whose truth is known, and crossings found by hand."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from thinkcurve.analysis.basis.interval import UNKNOWN
from thinkcurve.analysis.frontiers.sizes import Versus, compare_sizes, takeover_cost

SMALL = (np.array([[1.0, 4.0, 16.0]]), np.array([[0.3, 0.5, 0.6]]))
LARGE = (np.array([[4.0, 16.0, 64.0]]), np.array([[0.3, 0.8, 0.9]]))


def drawn(curve: tuple[np.ndarray, np.ndarray], seed: int, spread: float = 0.02) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    return np.repeat(curve[0], 400, axis=0), curve[1] + spread * rng.standard_normal((400, curve[1].shape[1]))


def compared(
    small: tuple[np.ndarray, np.ndarray] = SMALL, large: tuple[np.ndarray, np.ndarray] = LARGE, units: int = 10**6
) -> Versus:
    return compare_sizes(small, large, drawn(small, 1), drawn(large, 2), units=units)


def test_the_larger_takes_over_where_the_lines_cross() -> None:
    found = compared()
    assert (found.low, found.high) == (4, 16)
    # from 4 to 16 the small runs 0.5 to 0.6, the large 0.3 to 0.8: equal half way of the log, at 8
    start = found.larger_from
    assert start.value == pytest.approx(8)
    assert start.ci_low is not None
    assert start.ci_high is not None
    assert start.ci_low < 8 < start.ci_high
    assert found.p_larger_at_end == 1


def test_at_equal_cost_differences_are_those_of_the_lines() -> None:
    at = {round(point.cost, 6): point for point in compared().at}
    assert at[4].difference.value == pytest.approx(-0.2)
    assert at[16].difference.value == pytest.approx(0.2)
    assert (at[4].p_larger_better, at[16].p_larger_better) == (0, 1)
    (middle,) = [point for point in at.values() if point.cost == pytest.approx(8)]
    assert middle.p_larger_better == pytest.approx(0.5, abs=0.1)


def test_without_a_common_cost_the_ends_are_compared() -> None:
    dear = (LARGE[0] * 100, LARGE[1])
    found = compared(large=dear)
    assert (found.low, found.at, found.larger_from) == (None, (), UNKNOWN)
    ends = found.extremes
    assert (ends.small_cost, ends.large_cost, ends.difference.value) == (16, 400, pytest.approx(-0.3))
    assert ends.p_larger_better == 0


def test_equal_curves_are_better_in_half_the_resamples_and_never_take_over() -> None:
    same = np.repeat(SMALL[0], 9, axis=0), np.repeat(SMALL[1], 9, axis=0)
    found = compare_sizes(SMALL, SMALL, same, same, units=30)
    assert found.larger_from == UNKNOWN
    assert {point.p_larger_better for point in found.at} == {0.5}
    assert found.p_larger_at_end == 0


def test_where_no_resample_differs_a_difference_still_has_a_width() -> None:
    same = np.repeat(SMALL[0], 9, axis=0), np.repeat(SMALL[1], 9, axis=0)
    gap = compare_sizes(SMALL, SMALL, same, same, units=30).extremes.difference
    assert gap.ci_low is not None
    assert gap.ci_high is not None
    assert gap.ci_low < -0.25 < gap.ci_high  # 0.3 against 0.6 in all nine
    assert gap.ci_high - gap.ci_low > 0.05


def test_one_problem_says_nothing_of_others() -> None:
    found = compared(units=1)
    assert found.larger_from.value == pytest.approx(8)
    assert (found.larger_from.ci_low, found.larger_from.ci_high, found.p_larger_at_end) == (None, None, None)
    ends = found.extremes
    assert (ends.difference.ci_low, ends.difference.ci_high, ends.p_larger_better) == (None, None, None)
    assert {(point.difference.ci_low, point.p_larger_better) for point in found.at} == {(None, None)}


def test_one_point_each_at_one_cost_is_compared_there() -> None:
    one, other = (np.array([[2.0]]), np.array([[0.5]])), (np.array([[2.0]]), np.array([[0.7]]))
    found = compared(one, other)
    assert [point.cost for point in found.at] == [2]
    assert found.larger_from.value == 2


def test_curves_that_cost_nothing_have_no_cost_to_compare_at() -> None:
    free = (np.array([[0.0]]), np.array([[0.5]]))
    assert compared(free, free).low is None


def test_from_no_thinking_on_costs_start_at_nothing() -> None:
    tokens = np.array([[0.0, 10.0, 100.0]])
    found = compared((tokens, np.array([[0.1, 0.3, 0.5]])), (tokens, np.array([[0.2, 0.4, 0.6]])))
    assert (found.low, found.high, found.larger_from.value) == (0, 100, 0)


@given(st.lists(st.integers(-3, 3), min_size=1, max_size=8))
def test_a_takeover_is_the_start_of_the_last_stretch_above_nothing(signs: list[int]) -> None:
    costs = np.array([2.0**i for i in range(len(signs))])
    found = takeover_cost(costs, np.array([signs], dtype=float))[0]
    last = max((i for i, sign in enumerate(signs) if sign <= 0), default=-1)
    if last == len(signs) - 1:
        assert np.isinf(found)
    elif last < 0:
        assert found == costs[0]
    else:
        under, over = signs[last], signs[last + 1]
        assert found == pytest.approx(2.0 ** (last + -under / (over - under)))


def test_ends_that_a_resample_does_not_reach_are_passed_over() -> None:
    differences = np.array([[np.nan, -1.0, 1.0, np.nan], [np.nan] * 4, [np.nan, 1.0, 1.0, np.nan]])
    found = takeover_cost(np.array([1.0, 2.0, 8.0, 16.0]), differences)
    assert found.tolist() == [4, np.inf, 1]
