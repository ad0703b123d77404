"""Two curves over compute, against integrals by brute force and curves whose ratio is known."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import isotonic_regression

from thinkcurve.analysis.basis.between import area_between, common_accuracies, compute_for, log_ratio, rising

Y = st.lists(st.floats(0, 1), min_size=2, max_size=7)


def curve(x: list[float], y: list[float]) -> tuple[np.ndarray, np.ndarray]:
    return np.array([x], dtype=float), np.array([y], dtype=float)


@given(Y)
def test_rising_is_the_isotonic_regression(y: list[float]) -> None:
    assert rising(np.array([y]))[0] == pytest.approx(isotonic_regression(y).x, abs=1e-9)


@settings(deadline=None)
@given(Y, Y, st.floats(-3, 3))
def test_the_area_is_a_fine_sum(base: list[float], new: list[float], shift: float) -> None:
    xs = np.arange(len(base), dtype=float), np.arange(len(new)) + shift
    low, high = max(x[0] for x in xs), min(x[-1] for x in xs)
    found = area_between(curve(list(xs[0]), base), curve(list(xs[1]), new))[0]
    if high - low < 1e-6:
        assert np.isnan(found) or high > low
        return
    at = low + (high - low) * (np.arange(20_000) + 0.5) / 20_000
    assert found == pytest.approx(np.mean(np.interp(at, xs[1], new) - np.interp(at, xs[0], base)), abs=1e-3)


def test_half_the_compute_is_a_ratio_of_a_half() -> None:
    base, new = curve([3, 5, 8], [0.1, 0.5, 0.6]), curve([2, 4, 7], [0.1, 0.5, 0.6])
    assert 2 ** log_ratio(base, new)[0] == pytest.approx(0.5)
    assert common_accuracies(base, new) == pytest.approx((0.1, 0.6))


def test_curves_that_reach_nothing_in_common_have_no_ratio() -> None:
    base, new = curve([3, 5], [0.1, 0.3]), curve([3, 5], [0.4, 0.6])
    assert np.isnan(log_ratio(base, new)[0])
    assert common_accuracies(base, new) is None
    assert np.isnan(area_between(curve([1, 2], [0, 1]), curve([3, 4], [0, 1]))[0])


def test_an_accuracy_needs_the_least_compute_that_reaches_it() -> None:
    found = compute_for(np.array([[0.05, 0.3, 0.5, 0.9]]), *curve([1, 2, 3, 4], [0.1, 0.5, 0.5, 0.7]))
    assert found[0] == pytest.approx([1, 1.5, 2, np.nan], nan_ok=True)
