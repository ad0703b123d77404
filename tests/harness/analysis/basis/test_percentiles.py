"""Percentile intervals with infinities among the resamples, against sorting by hand and by simulation."""

import math

import numpy as np
import pytest
from scipy.stats import norm, t

from thinkcurve.analysis.basis.percentiles import expanded, percentiles


def test_the_ends_are_draws_so_far_out_that_t_is_allowed_for() -> None:
    draws = np.random.default_rng(1).permutation(2000).astype(float)
    found = percentiles(np.asarray(999.0), draws, 10)
    tail = norm.cdf(-math.sqrt(10 / 9) * t.ppf(0.975, 9))
    assert expanded(0.95, 10) == pytest.approx(tail)
    below = sum(draw <= float(found.low) for draw in draws)
    assert below - 1 < tail * 2000 <= below
    assert float(found.low) + float(found.high) == pytest.approx(1999, abs=1)


def test_infinity_is_a_figure_and_what_is_not_defined_is_left_out() -> None:
    draws = np.column_stack([np.arange(100.0), np.arange(100.0), np.arange(100.0), np.arange(100.0)])
    draws[50:, 0] = np.inf
    draws[:50, 1] = -np.inf
    draws[:9, 2] = np.nan
    draws[:11, 3] = np.nan
    found = percentiles(np.zeros(4), draws, 10**6)
    assert found.high[0] == math.inf
    assert found.low[1] == -math.inf
    assert found.low[2] == 11  # the third of the 91 that are there
    assert np.isnan([found.low[3], found.high[3]]).all()
    assert found.n_undefined.tolist() == [0, 0, 9, 11]


def test_one_unit_has_no_interval() -> None:
    found = percentiles(np.asarray(0.5), np.full(9, 0.5), 1)
    assert (float(found.value), math.isnan(found.low), math.isnan(found.high)) == (0.5, True, True)


def test_intervals_of_few_problems_hold_the_truth() -> None:
    """Means of ten: percentiles alone hold 0 in about 90 of 100."""
    rng, hits, n = np.random.default_rng(7), 0, 1000
    for _ in range(n):
        values = rng.standard_normal(10)
        draws = values[rng.integers(10, size=(1000, 10))].mean(axis=1)
        found = percentiles(values.mean(), draws, 10)
        hits += float(found.low) <= 0 <= float(found.high)
    assert 0.93 < hits / n < 0.97
