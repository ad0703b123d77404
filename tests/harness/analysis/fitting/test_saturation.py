"""Saturation and gains: against brute force over whole small studies, and where there is nothing to be told."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from analysis.tables import table_of
from records import an_attempt
from thinkcurve.analysis.basis.grid import Grid, grids_of
from thinkcurve.analysis.fitting.saturation import gains_of, saturation_of, saturation_step
from thinkcurve.problem import Verdict
from thinkcurve.store import Attempt


def grid(right: list[list[int]], budgets: list[int | None], tokens: list[list[float | None]] | None = None) -> Grid:
    """Problems down, budgets across; -1 is an attempt that failed."""
    rows: list[Attempt] = []
    for p, cells in enumerate(right):
        for b, is_right in enumerate(cells):
            if is_right >= 0:
                spent = tokens[p][b] if tokens else budgets[b] if budgets[b] is not None else 1000
                verdict = Verdict.CORRECT if is_right else Verdict.INCORRECT
                rows.append(replace(an_attempt(p, budgets[b], verdict), thinking_tokens=spent))
    (found,) = grids_of(table_of(rows))
    return found


@given(st.lists(st.lists(st.integers(0, 20), min_size=4, max_size=4), min_size=1, max_size=6), st.integers(0, 6))
def test_saturation_is_the_first_budget_from_which_all_are_near_the_last(curves: list[list[int]], near: int) -> None:
    found = saturation_step(np.array(curves) / 20, near / 20)
    for curve, step in zip(curves, found, strict=True):
        enough = [i for i in range(4) if all(curve[-1] - curve[j] <= near for j in range(i, 4))]
        assert step == min(enough)


def test_a_curve_that_rises_and_stays() -> None:
    right = [[0, 1, 1, 1]] * 30 + [[0, 0, 1, 1]] * 30 + [[0, 0, 0, 0]] * 20
    found = saturation_of(grid(right, [16, 64, 256, None]))
    assert found is not None
    assert (found.budget, found.low, found.high) == (256, 256, 256)
    assert found.reached_in == 1
    assert found.is_natural_end


def test_a_curve_that_still_rises_is_not_saturated() -> None:
    right = [[0, 0, 1]] * 30 + [[0, 1, 1]] * 30
    found = saturation_of(grid(right, [16, 64, 256]))
    assert found is not None
    assert (found.budget, found.low, found.high, found.reached_in) == (None, None, None, 0)
    assert not found.is_natural_end


def test_the_interval_says_that_it_may_not_be_reached() -> None:
    right = [[0, 1, 1]] * 40 + [[0, 0, 1]] * 2 + [[0, 1, 0]]
    found = saturation_of(grid(right, [16, 64, 256]), tolerance=0.05)
    assert found is not None
    assert (found.budget, found.low, found.high) == (64, 64, None)
    assert found.reached_in is not None
    assert 0.5 < found.reached_in < 1


def test_saturation_needs_two_budgets() -> None:
    assert saturation_of(grid([[1], [0]], [16])) is None
    assert gains_of(grid([[1], [0]], [16])) == ()


def test_gains_by_hand() -> None:
    right = [[0, 0, 1], [0, 1, 1], [1, 1, 1], [0, 0, 0]]
    first, second = gains_of(grid(right, [16, 64, 128]))
    assert (first.start, first.end, second.end) == (16, 64, 128)
    assert (first.gain.value, second.gain.value) == (0.25, 0.25)
    assert (first.doublings, second.doublings) == (2, 1)
    assert (first.per_doubling.value, second.per_doubling.value) == (0.125, 0.25)


def test_gain_without_cost_or_of_the_same_cost_has_no_doublings() -> None:
    right = [[0, 1, 1], [0, 0, 1]]
    steps = gains_of(grid(right, [0, 64, 128], [[0, 50, 50], [0, 64, 64]]))
    assert [step.doublings for step in steps] == [None, None]
    assert [step.per_doubling.value for step in steps] == [None, None]
    assert [step.gain.value for step in steps] == [0.5, 0.5]
    steps = gains_of(grid(right, [16, 64, 128], [[16, None, 100], [16, 64, 64]]))
    assert [step.doublings for step in steps] == [None, None]


def test_the_interval_of_a_gain_is_paired() -> None:
    """Half of the problems are hopeless: that is in both points, so the gain is known far better than either."""
    right = [[0, 0]] * 100 + [[1, 1]] * 96 + [[0, 1]] * 4
    (step,) = gains_of(grid(right, [64, 128]))
    assert step.gain.low is not None
    assert step.gain.high is not None
    assert step.gain.high - step.gain.low < 0.06  # unpaired it would be 0.2
    assert step.gain.low > 0


def test_gains_of_all_resamples_of_a_small_study() -> None:
    """All 27 resamples of three problems, by enumeration: the interval lies within what they can give."""
    right = [[0, 1], [0, 1], [1, 0]]
    gains = [np.mean([right[p][1] - right[p][0] for p in drawn]) for drawn in product(range(3), repeat=3)]
    (step,) = gains_of(grid(right, [64, 128]))
    assert step.gain.value == pytest.approx(1 / 3)
    assert step.gain.low is not None
    assert step.gain.high is not None
    assert min(gains) <= step.gain.low <= step.gain.high <= max(gains)


def test_budgets_at_which_all_failed_are_left_out() -> None:
    right = [[0, -1, 1], [0, -1, 1]]
    (step,) = gains_of(grid(right, [16, 64, 128]))
    assert (step.start, step.end, step.gain.value) == (16, 128, 1)


def test_problems_that_failed_at_a_budget_are_not_wrong_there() -> None:
    right = [[0, 1], [0, -1], [0, -1]]
    (step,) = gains_of(grid(right, [16, 64]))
    assert step.gain.value == 1
