"""Permutation tests of paired differences, against enumeration, published figures and simulated truth."""

from fractions import Fraction
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from thinkcurve.analysis.comparison.permutation import holm, mcnemar, sign_flips


def two_samples(rng: np.random.Generator, n: int, k: int) -> np.ndarray:
    """Differences of two samples of one model: six budgets that share traces, problems of every difficulty."""
    p = rng.beta(1, 1, size=(n, 1)) * np.linspace(0.1, 1, 6)

    def means() -> np.ndarray:
        shared, own = rng.random((n, 1, k)), rng.random((n, 6, k))
        return (np.where(rng.random((n, 6, k)) < 0.7, shared, own) < p[:, :, None]).mean(axis=2)

    return means() - means()


def alarms(n: int, k: int, n_times: int) -> int:
    rng = np.random.default_rng(n + k)
    found = (sign_flips(two_samples(rng, n, k), n_flips=999, seed=i).p_curve for i in range(n_times))
    return sum(p is not None and p <= 0.05 for p in found)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(*[st.integers(-2, 2)] * 2), min_size=1, max_size=6))
def test_exact_p_values_are_shares_of_all_sign_patterns(rows: list[tuple[int, int]]) -> None:
    d = np.array(rows, dtype=float)
    found = sign_flips(d)
    assert found.is_exact

    def statistic(signs: tuple[int, ...]) -> tuple[list[Fraction], tuple[Fraction, Fraction]]:
        squares = []
        for column in range(2):
            below = sum(row[column] ** 2 for row in rows)
            total = sum(s * row[column] for s, row in zip(signs, rows, strict=True)) ** 2
            squares.append(Fraction(total, below) if below else Fraction(0))
        return squares, (max(squares), sum(squares, Fraction(0)))

    seen = statistic((1,) * len(rows))
    every = [statistic(signs) for signs in product((1, -1), repeat=len(rows))]
    for column in range(2):
        share = np.mean([z[0][column] >= seen[0][column] for z in every])
        assert found.p[column] == pytest.approx(share)
    assert found.p_curve == pytest.approx(np.mean([z[1] >= seen[1] for z in every]))


@given(st.integers(0, 8), st.integers(0, 6))
def test_mcnemar_is_the_sign_flip_test_of_single_attempts(better: int, worse: int) -> None:
    d = np.array([1.0] * better + [-1.0] * worse + [0.0] * 5)[:, None]
    assert sign_flips(d).p[0] == pytest.approx(mcnemar(better, worse))


def test_drawn_patterns_agree_with_all_of_them_and_repeat() -> None:
    d = np.random.default_rng(3).normal(0.3, 1, size=(13, 4))
    exact, drawn = sign_flips(d, n_flips=1 << 12), sign_flips(d, n_flips=4000)
    assert (exact.is_exact, drawn.is_exact) == (True, False)
    assert drawn.p == pytest.approx(exact.p, abs=0.04)
    assert drawn.p_curve == pytest.approx(exact.p_curve, abs=0.04)
    assert drawn.p_curve == sign_flips(d, n_flips=4000).p_curve


def test_groups_flip_together() -> None:
    d = np.ones((12, 1))
    assert sign_flips(d, groups=np.repeat(np.arange(3), 4)).p[0] == 2 / 8
    assert sign_flips(d).p[0] == 2 / 2**12


def test_a_budget_without_problems_has_no_test() -> None:
    found = sign_flips(np.array([[1.0, np.nan], [1.0, np.nan]]))
    assert np.isnan(found.p[1])
    assert np.isnan(holm(found.p)[1])
    assert sign_flips(np.full((2, 1), np.nan)).p_curve is None
    assert sign_flips(np.zeros((2, 1))).p_curve == 1


def test_holm_by_hand() -> None:
    # Holm 1979: the smallest by 3, the next by 2, never falling
    assert holm([0.02, 0.01, 0.5]) == pytest.approx([0.04, 0.03, 0.5])
    assert holm([0.03, 0.02, 0.9]) == pytest.approx([0.06, 0.06, 0.9])


@pytest.mark.parametrize(("n", "k"), [(30, 1), (30, 8), (200, 1), (200, 8)])
def test_two_samples_of_one_model_are_seldom_told_apart(n: int, k: int) -> None:
    assert 3 <= alarms(n, k, 240) <= 24  # of 12; a binomial of 3 to 7 % leaves these in less than 1 of 100


@pytest.mark.slow
@pytest.mark.parametrize(("n", "k"), [(30, 1), (30, 8), (200, 1), (200, 8)])
def test_false_alarms_are_3_to_7_in_100(n: int, k: int) -> None:
    assert 60 <= alarms(n, k, 2000) <= 140
