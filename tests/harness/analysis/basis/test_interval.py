"""Estimates as records: what is unknown, and intervals where resamples have no width."""

import numpy as np
import pytest

from thinkcurve.analysis.basis.interval import (
    UNKNOWN,
    Interval,
    difference_intervals,
    intervals,
    known,
    n_units,
    share_intervals,
)
from thinkcurve.analysis.basis.proportions import bonett_price, wilson
from thinkcurve.analysis.basis.resample import Estimate, bootstrap, mean_over


def point(*values: float) -> Estimate:
    at = np.array(values)
    return Estimate(at, at, at, np.zeros(len(at)), np.zeros(len(at), dtype=np.int64))


@pytest.mark.parametrize(
    ("value", "record"), [(np.nan, None), (np.inf, None), (-np.inf, None), (1e-15, 0.0), (-1e-15, 0.0), (0.25, 0.25)]
)
def test_a_record_holds_numbers_or_none(value: float, record: float | None) -> None:
    assert known(value) == record


def test_one_unit_has_a_value_and_no_interval() -> None:
    for of in (intervals, share_intervals, difference_intervals):
        assert of(point(1.0, 0.0), 1) == [Interval(1.0, None, None), Interval(0.0, None, None)]


def test_what_is_not_known_is_unknown() -> None:
    for of in (intervals, share_intervals, difference_intervals):
        assert of(point(np.nan), 30) == [UNKNOWN]


def test_all_right_or_all_wrong_is_no_proof() -> None:
    found = bootstrap(lambda w: mean_over(w, np.ones(30)), 30)
    (one,) = share_intervals(found, 30)
    assert (one.value, one.ci_high) == (1.0, 1.0)
    assert one.ci_low == pytest.approx(float(wilson(1.0, 30)[0]))
    (none,) = share_intervals(point(1e-14), 30)
    assert (none.value, none.ci_low) == (0.0, 0.0)
    assert none.ci_high == pytest.approx(float(wilson(0.0, 30)[1]))


def test_a_share_between_keeps_what_resamples_gave_it() -> None:
    """All problems at one half: no resample differs, and that is what the data say."""
    assert share_intervals(point(0.5), 30) == [Interval(0.5, 0.5, 0.5)]


def test_that_no_problem_differed_does_not_prove_that_none_would() -> None:
    (one,) = difference_intervals(point(0.0), 30)
    low, high = bonett_price(0, 0, 30)
    assert (one.ci_low, one.ci_high) == (pytest.approx(low), pytest.approx(high))
    (all_better,) = difference_intervals(point(1.0), 30)
    assert all_better.ci_high == 1.0
    assert all_better.ci_low is not None
    assert all_better.ci_low < 1.0


def test_units_are_problems_or_their_groups() -> None:
    assert n_units(6, None) == 6
    assert n_units(6, np.array(["a", "a", "b", "b", "b", "c"])) == 3
