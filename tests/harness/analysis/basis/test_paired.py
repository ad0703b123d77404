"""Paired differences and their intervals, against enumeration, published figures and simulated truth."""

from collections.abc import Callable

import numpy as np
import pytest
from scipy.special import expit
from scipy.stats import ttest_rel

from thinkcurve.analysis.basis.accuracy import clusters_of
from thinkcurve.analysis.basis.paired import paired_difference
from thinkcurve.analysis.basis.proportions import bonett_price


def test_the_interval_is_that_of_a_paired_t_test_where_no_problem_carries_the_spread() -> None:
    # every second difference +.5, the others -.3: kurtosis 1, so all the degrees of freedom there are
    base, new = np.zeros(40), np.tile([0.5, -0.3], 20)
    found, theirs = paired_difference(new - base), ttest_rel(new, base).confidence_interval()
    assert (found.ci_low, found.ci_high) == pytest.approx((theirs.low, theirs.high))


def test_groups_of_copies_are_as_good_as_one_of_each() -> None:
    d = np.array([0.5, -0.25, 0.0, 1.0, 0.25])
    once, copies = paired_difference(d), paired_difference(np.repeat(d, 3), groups=np.repeat(np.arange(5), 3))
    assert (copies.se, copies.ci_low, copies.n_units) == pytest.approx((once.se, once.ci_low, 5))


def test_few_degrees_of_freedom_where_one_problem_carries_the_spread() -> None:
    even, one = np.tile([0.5, -0.5], 20), np.array([1.0] + [0.05] * 39)
    assert paired_difference(even).df == 39
    lone = paired_difference(one).df
    assert lone is not None
    assert 1 <= lone < 3


def test_groups_are_clustered_as_cr2_by_its_matrices() -> None:
    """Bell and McCaffrey 2002 written out: residual maker, adjustment matrices, trace of the quadratic form."""
    rng = np.random.default_rng(3)
    sizes = [9, 7, 5, 5, 4, 3, 3, 2, 2, 1, 1, 1]
    groups = np.repeat(np.arange(len(sizes)), sizes)
    d, n = rng.normal(size=len(groups)), len(groups)
    residual, maker = d - d.mean(), np.eye(n) - np.ones((n, n)) / n
    total, columns = 0.0, []
    for g in range(len(sizes)):
        mask = groups == g
        values, vectors = np.linalg.eigh(maker[np.ix_(mask, mask)])
        adjust = vectors @ np.diag(values**-0.5) @ vectors.T
        pull = np.ones(mask.sum()) @ adjust
        total += float(pull @ residual[mask]) ** 2
        columns.append(maker[:, mask] @ pull)
    form = np.array(columns) @ np.array(columns).T
    found = clusters_of(d, groups)
    assert (found.pulls**2).sum() == pytest.approx(total)
    assert float(found.df) == pytest.approx(np.trace(form) ** 2 / np.trace(form @ form))
    shown = paired_difference(d / 10, groups=groups)
    assert shown.se == pytest.approx(max(np.sqrt(total) / 10, n / (n + 8)) / n)


def held_by_contest(sizes: list[int], n_studies: int) -> float:
    """How often the interval holds 0 where what contests add to new has mean 0, single attempts."""
    rng = np.random.default_rng(sum(sizes))
    groups, n = np.repeat(np.arange(len(sizes)), sizes), 0
    for _ in range(n_studies):
        effect, base = rng.normal(0, 0.7, len(sizes))[groups], rng.normal(0, 1, len(groups))
        d = (rng.random(len(groups)) < expit(base + effect)) * 1.0 - (rng.random(len(groups)) < expit(base))
        found = paired_difference(d, groups=groups, is_single=True)
        n += found.ci_low is not None and found.ci_high is not None and found.ci_low <= 0 <= found.ci_high
    return 100 * n / n_studies


@pytest.mark.parametrize("sizes", [[10] * 12, [*range(2, 26, 2)], [40, 25, 15, 10, 8, 6, 5, 4, 3, 2, 1, 1]])
def test_differences_by_contest_hold_whatever_the_sizes_of_contests(sizes: list[int]) -> None:
    assert 92.5 <= held_by_contest(sizes, 1500) <= 98  # one standard error is .56


def nearly_alike(rng: np.random.Generator, n: int, k: int, lost: float) -> np.ndarray:
    """Base all right; new loses some problems altogether and one answer in a hundred of the others."""
    return np.where(rng.random(n) < lost, 0.0, rng.binomial(k, 0.99, n) / k) - 1


def held(draw: Callable[[np.random.Generator], np.ndarray], true: float, n_studies: int) -> float:
    rng = np.random.default_rng(11)
    found = [paired_difference(draw(rng)) for _ in range(n_studies)]
    return 100 * float(np.mean([(e.ci_low or 0.0) <= true <= (e.ci_high or 0.0) for e in found]))


@pytest.mark.parametrize(("n", "k"), [(30, 8), (60, 4), (60, 8), (200, 4), (200, 8)])
@pytest.mark.parametrize("lost", [0.02, 0.03])
def test_intervals_hold_where_nearly_all_problems_are_alike(n: int, k: int, lost: float) -> None:
    found = held(lambda rng: nearly_alike(rng, n, k, lost), 0.99 * (1 - lost) - 1, 800)
    assert found >= 93  # 57 to 93 by a plain t


@pytest.mark.parametrize(("a", "b"), [(2, 3), (9, 1)])
@pytest.mark.parametrize("n", [30, 200])
def test_intervals_of_spread_out_differences_are_not_much_wider_for_it(n: int, a: int, b: int) -> None:
    def draw(rng: np.random.Generator) -> np.ndarray:
        p = rng.beta(a, b, n)
        return (rng.binomial(8, p) - rng.binomial(8, p)) / 8

    assert 92.5 <= held(draw, 0.0, 1000) <= 98.6


def test_no_problem_that_changed_is_no_proof_that_none_would() -> None:
    # nothing seen in 100: by the rule of three 3 in 100 could have been; here as if one of 108 had changed
    found = paired_difference(np.zeros(100))
    assert found.se == pytest.approx(1 / 108)
    assert found.ci_low is not None
    assert -0.03 < found.ci_low < -0.018


def test_missing_problems_are_left_out_and_one_tells_no_error() -> None:
    assert paired_difference([np.nan, 0.5, 0.0]).n_problems == 2
    assert paired_difference([np.nan, 0.5]).se is None
    with pytest.raises(ValueError, match="no problem"):
        paired_difference([np.nan])


def test_no_difference_anywhere_still_has_a_width() -> None:
    found = paired_difference(np.zeros(40))
    assert found.ci_low is not None
    assert 0.02 < -found.ci_low < 0.12


def test_the_interval_of_bonett_and_price_by_hand() -> None:
    # 6 better and 2 worse of 30: (7 - 3)/32, and 1.959964 * sqrt((10/32 - 1/64)/32)
    assert bonett_price(6, 2, 30) == pytest.approx((-0.06381, 0.31381), abs=1e-4)
