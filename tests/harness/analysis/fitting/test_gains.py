"""Gains of steps: by hand, against exact fractions, and where problems are not at both ends."""

import numpy as np
import pytest

from analysis.fitting.small import small_grid
from thinkcurve.analysis.fitting.gains import gains_of
from thinkcurve.budget import EFFORTS


def test_gains_need_two_budgets() -> None:
    assert gains_of(small_grid([[1], [0]], [16])) == ()


def test_gains_by_hand() -> None:
    right = [[0, 0, 1], [0, 1, 1], [1, 1, 1], [0, 0, 0]]
    first, second = gains_of(small_grid(right, [16, 64, 128]))
    assert (first.start, first.end, second.end) == (16, 64, 128)
    assert (first.gain.value, second.gain.value) == (0.25, 0.25)
    assert (first.doublings, second.doublings) == (2, 1)
    assert (first.per_doubling.value, second.per_doubling.value) == (0.125, 0.25)


def test_gain_without_cost_or_of_the_same_cost_has_no_doublings() -> None:
    right = [[0, 1, 1], [0, 0, 1]]
    steps = gains_of(small_grid(right, [0, 64, 128], [[0, 50, 50], [0, 64, 64]]))
    assert [step.doublings for step in steps] == [None, None]
    assert [step.per_doubling.value for step in steps] == [None, None]
    assert [step.gain.value for step in steps] == [0.5, 0.5]
    steps = gains_of(small_grid(right, [16, 64, 128], [[16, None, 100], [16, 64, 64]]))
    assert [step.doublings for step in steps] == [None, None]


def test_the_interval_of_a_gain_is_paired() -> None:
    """Half of the problems are hopeless: that is in both points, so the gain is known far better than either."""
    right = [[0, 0]] * 100 + [[1, 1]] * 88 + [[0, 1]] * 12
    (step,) = gains_of(small_grid(right, [64, 128]))
    assert step.gain.ci_low is not None
    assert step.gain.ci_high is not None
    assert step.gain.ci_high - step.gain.ci_low < 0.08  # unpaired it would be 0.2
    assert step.gain.ci_low > 0


def test_nothing_that_changed_is_no_proof() -> None:
    (step,) = gains_of(small_grid([[1, 1]] * 20 + [[0, 0]] * 10, [64, 256], samples=4))
    for figure in (step.gain, step.per_doubling):
        assert figure.value == 0
        assert figure.ci_low is not None
        assert figure.ci_high is not None
        assert figure.ci_low < -0.02
        assert figure.ci_high > 0.02


def test_what_a_doubling_brings_is_no_surer_than_what_the_step_brings() -> None:
    """A step of exactly one doubling, and one of two: the interval per doubling holds that of the gain, divided."""
    right = [[0, 0, 1]] * 3 + [[0, 1, 1]] * 2 + [[1, 1, 1]] * 4
    for step, doublings in zip(gains_of(small_grid(right, [64, 128, 512])), (1, 2), strict=True):
        assert step.doublings == doublings
        assert step.gain.ci_low is not None
        assert step.gain.ci_high is not None
        assert step.per_doubling.ci_low is not None
        assert step.per_doubling.ci_high is not None
        assert step.per_doubling.ci_low <= step.gain.ci_low / doublings
        assert step.per_doubling.ci_high >= step.gain.ci_high / doublings


def test_the_interval_per_doubling_draws_costs_with_problems() -> None:
    """All gain the same, but what they cost differs: so does what a doubling brings."""
    tokens: list[list[float | None]] = [[100, 150 if p % 2 else 800] for p in range(40)]
    (step,) = gains_of(small_grid([[0, 1]] * 39 + [[1, 1]], [100, 1000], tokens))
    assert step.doublings is not None
    assert step.gain.ci_low is not None
    assert step.per_doubling.ci_high is not None
    assert step.per_doubling.ci_high > 1.05 / step.doublings


def test_one_problem_has_gains_and_no_interval() -> None:
    (step,) = gains_of(small_grid([[0, 1]], [64, 256]))
    assert (step.gain.value, step.gain.ci_low, step.gain.ci_high) == (1, None, None)
    assert (step.per_doubling.value, step.per_doubling.ci_low, step.per_doubling.ci_high) == (0.5, None, None)


def test_groups_are_the_units_of_a_gain() -> None:
    """Contests change as one: 60 problems of 12 contests say as much as 12."""
    right = [[0, 1] if p // 5 < 4 else [1, 1] for p in range(60)]
    alone, grouped = (
        gains_of(small_grid(right, [64, 128], groups=groups))[0].gain
        for groups in (None, [f"g{p // 5}" for p in range(60)])
    )
    assert alone.value == grouped.value == pytest.approx(1 / 3)
    widths = [(of.ci_high or 0) - (of.ci_low or 0) for of in (alone, grouped)]
    assert widths[1] > 1.8 * widths[0]


def test_hard_problems_that_fail_at_the_larger_budget_make_no_gain() -> None:
    """Ten are always right and ten never, but these run out of memory at the larger budget: no problem changed."""
    right = [[1, 1, 1]] * 10 + [[0, 0, -1]] * 10
    tokens: list[list[float | None]] = [[16, 64, 100] if p < 10 else [16, 64, None] for p in range(20)]
    first, second = gains_of(small_grid(right, [16, 64, 256], tokens))
    assert (first.n_problems, first.n_left_out, second.n_problems, second.n_left_out) == (20, 0, 10, 10)
    assert second.gain.value == 0
    assert second.per_doubling.value == 0
    assert second.doublings == pytest.approx(np.log2(100 / 64))


def test_a_step_that_no_problem_took_has_no_gain() -> None:
    (step,) = gains_of(small_grid([[1, -1], [-1, 1]], [16, 64]))
    assert (step.gain.value, step.doublings, step.per_doubling.value) == (None, None, None)
    assert (step.n_problems, step.n_left_out) == (0, 2)


def test_costs_of_the_problems_of_a_step_are_compared() -> None:
    """Ragged: the long problem failed at the end, so its tokens are in neither side of the step."""
    tokens: list[list[float | None]] = [[16, 32], [16, 64], [400, None]]
    (step,) = gains_of(small_grid([[0, 1], [0, 0], [0, -1]], [500, 600], tokens))
    assert step.doublings == pytest.approx(np.log2(48 / 16))


def test_levels_of_effort_have_their_names_beside_them() -> None:
    (step,) = gains_of(small_grid([[0, 1]] * 3, [1, 3], control="effort"))
    assert (step.start_effort, step.end_effort) == (EFFORTS[1], EFFORTS[3])


def test_budgets_at_which_all_failed_are_left_out() -> None:
    right = [[0, -1, 1], [0, -1, 1]]
    (step,) = gains_of(small_grid(right, [16, 64, 128]))
    assert (step.start, step.end, step.gain.value) == (16, 128, 1)


def test_problems_that_failed_at_a_budget_are_not_wrong_there() -> None:
    right = [[0, 1], [0, -1], [0, -1]]
    (step,) = gains_of(small_grid(right, [16, 64]))
    assert step.gain.value == 1
