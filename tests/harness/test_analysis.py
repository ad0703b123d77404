"""Accuracy, intervals and pass@k, against brute force and published figures."""

from itertools import combinations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from thinkcurve.analysis.basis.accuracy import accuracy
from thinkcurve.analysis.basis.proportions import wilson
from thinkcurve.analysis.curve import curves_of, pass_at


def test_wilson_agrees_with_the_published_example() -> None:
    # Newcombe 1998 (Statistics in Medicine 17, 857-872), table I, method 3: 81/263 and 0/20.
    assert wilson(81 / 263, 263) == pytest.approx((0.2553, 0.3662), abs=5e-5)
    assert wilson(0, 20) == pytest.approx((0.0, 0.1611), abs=5e-5)


def test_repeats_are_not_more_data() -> None:
    once = accuracy([1, 0] * 50, [1] * 100)
    ten_times_the_same = accuracy([10, 0] * 50, [10] * 100)
    assert ten_times_the_same.ci_low == pytest.approx(once.ci_low, abs=2e-3)
    assert ten_times_the_same.ci_high == pytest.approx(once.ci_high, abs=2e-3)


def test_independent_samples_narrow_the_interval() -> None:
    rng = np.random.default_rng(0)
    right = rng.binomial(8, 0.5, size=200)
    found = accuracy(right, [8] * 200)
    alone = accuracy((right > 3).astype(int), [1] * 200)
    assert found.ci_high - found.ci_low < 0.6 * (alone.ci_high - alone.ci_low)


def test_all_right_still_has_a_width() -> None:
    found = accuracy([1] * 30, [1] * 30)
    assert found.mean == 1.0
    assert 0.85 < found.ci_low < 0.95


@given(n=st.integers(1, 2000), percent=st.integers(0, 100))
def test_the_interval_holds_the_mean_and_stays_within_0_and_1(n: int, percent: int) -> None:
    p = round(percent * n / 100) / n
    low, high = wilson(p, n)
    assert 0 <= low <= p <= high <= 1


def test_one_problem_has_no_standard_error() -> None:
    assert accuracy([1], [1]).se is None
    with pytest.raises(ValueError, match="no problems"):
        accuracy([], [])


@pytest.mark.parametrize(("n_problems", "n_samples"), [(30, 1), (200, 1), (200, 8)])
def test_the_interval_covers_the_truth(n_problems: int, n_samples: int) -> None:
    rng = np.random.default_rng(7)
    covered = 0
    for _ in range(1000):
        difficulty = rng.beta(2, 3, size=n_problems)
        right = rng.binomial(n_samples, difficulty)
        found = accuracy(right, np.full(n_problems, n_samples))
        covered += found.ci_low <= 0.4 <= found.ci_high
    assert 920 <= covered <= 975


@given(st.lists(st.lists(st.booleans(), min_size=4, max_size=6), min_size=1, max_size=3))
def test_pass_at_k_is_the_share_of_subsets_with_a_right_one(problems: list[list[bool]]) -> None:
    found = pass_at([sum(p) for p in problems], [len(p) for p in problems])
    for k in range(1, min(map(len, problems)) + 1):
        shares = [np.mean([any(s) for s in combinations(p, k)]) for p in problems]
        assert found[str(k)] == pytest.approx(np.mean(shares))


def attempts_table(**columns: list[object]) -> pd.DataFrame:
    n = len(next(iter(columns.values())))
    table = {
        "model": ["m"] * n,
        "task": ["t"] * n,
        "control": ["truncate"] * n,
        "sample": [0] * n,
        "is_forced": [False] * n,
        "is_truncated_answer": [False] * n,
        **{cost: [1.0] * n for cost in ("answer_tokens", "generated_tokens", "total_tokens", "flops", "wall_s")},
        "joules": [None] * n,
        "usd": [0.5] * (n - 1) + [None],
        **columns,
    }
    return pd.DataFrame(table)


def test_a_curve_has_one_point_a_budget_with_the_natural_end_last() -> None:
    attempts = attempts_table(
        problem=["a", "b", "a", "b"],
        budget=[None, None, 8, 8],
        verdict=["correct", "correct", "no_answer", "unverified"],
        thinking_tokens=[20, 30, 8, 8],
    )
    failures = pd.DataFrame({"model": ["m"] * 2, "task": ["t"] * 2, "control": ["truncate"] * 2, "budget": [8, 16]})
    (curve,) = curves_of(attempts, failures)
    low, failed, natural = curve.points
    assert (failed.budget, failed.accuracy, failed.failures, failed.n_attempts) == (16, None, 1, 0)
    assert (low.budget, natural.budget) == (8, None)
    assert (low.accuracy, natural.accuracy) == (0.0, 1.0)
    assert (low.no_answer, low.unverified, low.failures, natural.failures) == (1, 1, 1, 0)
    assert natural.thinking_tokens == 25


def test_a_cost_that_is_unknown_anywhere_is_unknown() -> None:
    attempts = attempts_table(problem=["a", "b"], budget=[0, 0], verdict=["correct"] * 2, thinking_tokens=[0, 0])
    (curve,) = curves_of(attempts, pd.DataFrame({"model": [], "task": [], "control": [], "budget": []}))
    assert curve.points[0].joules is None
    assert curve.points[0].usd is None
    assert curve.points[0].flops == 1.0
