"""Means of chances have the interval that each would have alone, and none that rounding made."""

import msgspec
import numpy as np
import pytest

from thinkcurve.analysis.basis.accuracy import share
from thinkcurve.analysis.basis.interval import Interval
from thinkcurve.analysis.basis.means import mean_intervals


@pytest.mark.parametrize("n_groups", [None, 4, 12])
def test_each_is_what_it_would_be_alone(n_groups: int | None) -> None:
    rng = np.random.default_rng(0)
    chances, n_attempts = rng.integers(0, 5, size=(60, 3)) / 4, np.array([240, 200, 100])
    groups = None if n_groups is None else np.arange(60) % n_groups
    is_clustered = n_groups == 12  # four are strata
    for i, found in enumerate(mean_intervals(chances, n_attempts, groups=groups)):
        alone = share(chances[:, i], groups=groups if is_clustered else None, most=float(n_attempts[i]))
        expected = (chances[:, i].sum() / 60, alone.ci_low, alone.ci_high)
        assert msgspec.structs.astuple(found) == pytest.approx(expected)


def test_what_rounding_left_of_all_or_nothing_is_no_spread() -> None:
    almost = np.array([[1 - 1e-15, 1e-16], [1.0, 0.0], [1 + 1e-15, 0.0]])
    sure, never = mean_intervals(almost, 24)
    assert (sure.value, sure.ci_high, never.value, never.ci_low) == (1, 1, 0, 0)
    assert sure.ci_low == pytest.approx(3 / (3 + 1.959964**2))  # Wilson's for 3 of 3
    assert never.ci_high == pytest.approx(1 - 3 / (3 + 1.959964**2))


def test_a_single_problem_has_no_interval() -> None:
    assert mean_intervals(np.array([[0.25]]), 4) == [Interval(0.25, None, None)]
