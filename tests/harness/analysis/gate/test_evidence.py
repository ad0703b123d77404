"""Bounds and p-values are two readings of one thing, and those of paired differences are `paired_difference`'s."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from thinkcurve.analysis.basis.paired import paired_difference
from thinkcurve.analysis.comparison.permutation import holm
from thinkcurve.analysis.gate.anywhere import p_worse_anywhere
from thinkcurve.analysis.gate.evidence import CERTAIN, Evidence, Normal, Resampled, paired_evidence
from thinkcurve.analysis.gate.gate import holm_steps

ALPHAS = st.floats(0.0005, 0.3)


def resampled(seed: int, n_undefined: int) -> Resampled:
    values = np.random.default_rng(seed).normal(0.1, 0.05, 999)
    values[:n_undefined] = np.nan
    values[-3:] = np.inf
    return Resampled(0.1, values, 40)


def agree(evidence: Evidence, alpha: float, than: float) -> None:
    if abs(evidence.least(alpha) - than) > 1e-9:
        assert (evidence.p_worse(than) <= alpha) == (evidence.least(alpha) > than)
    if abs(evidence.most(alpha) - than) > 1e-9:
        assert (evidence.p_fine(than) <= alpha) == (evidence.most(alpha) <= than)


@given(ALPHAS, st.floats(-0.3, 0.3), st.floats(-0.2, 0.2), st.floats(0.001, 0.1), st.sampled_from([1.0, 4.0, CERTAIN]))
def test_a_p_value_is_at_most_alpha_where_the_bound_says_so(
    alpha: float, than: float, centre: float, se: float, df: float
) -> None:
    agree(Normal(centre, centre, se, df), alpha, than)


@given(ALPHAS, st.floats(-0.1, 0.3), st.integers(0, 400), st.integers(0, 9))
def test_that_is_so_for_resamples_too(alpha: float, than: float, n_undefined: int, seed: int) -> None:
    agree(resampled(seed, n_undefined), alpha, than)


def test_a_value_that_is_not_defined_speaks_for_neither_side() -> None:
    none, all_of_it = resampled(0, 0), resampled(0, 990)
    assert all_of_it.p_worse(-9) > 0.9
    assert all_of_it.p_fine(9) > 0.9
    assert none.p_worse(-9) < 0.01


@pytest.mark.parametrize("is_single", [True, False])
@pytest.mark.parametrize("alpha", [0.05, 0.01])
def test_bounds_are_the_ends_of_the_paired_interval(*, is_single: bool, alpha: float) -> None:
    worse = np.random.default_rng(1).choice([-1.0, 0.0, 0.0, 1.0], 80)
    found = paired_difference(worse, level=1 - 2 * alpha, is_single=is_single)
    evidence = paired_evidence(worse, None, is_single=is_single)
    assert evidence is not None
    assert (evidence.least(alpha), evidence.most(alpha)) == pytest.approx((found.ci_low, found.ci_high), abs=1e-8)


def test_one_problem_is_no_evidence() -> None:
    assert paired_evidence(np.array([0.5, np.nan]), None) is None


def test_the_steps_of_holm_reject_what_adjusted_p_values_do() -> None:
    rng = np.random.default_rng(0)
    for _ in range(500):
        p = rng.random(6) ** 4 * 0.3
        p[0] = np.nan
        steps = holm_steps(p, 0.05)
        by_step = [bool(value <= step) for value, step in zip(p[1:], steps[1:], strict=True)]
        assert by_step == [bool(value <= 0.05) for value in holm(p)[1:]]


def test_worse_anywhere_is_one_sided_and_exact_for_few_problems() -> None:
    worse = np.array([[1.0, 0.0]] * 5)
    assert p_worse_anywhere(worse) == 1 / 32
    assert p_worse_anywhere(-worse) == 1.0
    assert p_worse_anywhere(np.zeros((5, 2))) == 1.0
    assert p_worse_anywhere(np.full((5, 2), np.nan)) is None


def test_a_group_is_one_unit_of_the_test() -> None:
    worse, groups = np.ones((40, 1)), np.repeat(np.arange(4), 10)
    assert p_worse_anywhere(worse, groups=groups) == 1 / 16
    drawn = p_worse_anywhere(worse, n_flips=999)
    assert drawn == 1 / 1000
