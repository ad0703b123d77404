"""Clustered accuracies and their intervals, against published figures, other code and brute force."""

from __future__ import annotations

from typing import get_args

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binomtest, t, ttest_1samp

from thinkcurve.analysis.basis.accuracy import Method, accuracy, share, shares
from thinkcurve.analysis.basis.grid import FEWEST_GROUPS, outer_groups
from thinkcurve.analysis.basis.proportions import clopper_pearson, jeffreys, t_interval, wilson

METHODS = get_args(Method)


def test_intervals_of_a_proportion_agree_with_published_figures() -> None:
    # Newcombe 1998 (Statistics in Medicine 17, 857-872), table I, methods 3 and 5; Brown, Cai and DasGupta 2001
    # (Statistical Science 16:101-133), table 5.
    assert wilson(15 / 148, 148) == pytest.approx((0.0624, 0.1605), abs=5e-5)
    assert clopper_pearson(81 / 263, 263) == pytest.approx((0.2527, 0.3676), abs=5e-5)
    assert clopper_pearson(0, 20) == pytest.approx((0.0, 0.1684), abs=5e-5)
    assert jeffreys(0, 10) == pytest.approx((0.0, 0.217), abs=5e-4)
    assert jeffreys(0.5, 10) == pytest.approx((0.224, 0.776), abs=5e-4)


@settings(deadline=None, max_examples=60)
@given(right=st.integers(0, 40), n=st.integers(1, 40), level=st.sampled_from([0.8, 0.95, 0.99]))
def test_wilson_and_clopper_pearson_agree_with_scipy(right: int, n: int, level: float) -> None:
    right = min(right, n)
    test = binomtest(right, n)
    for ours, name in ((wilson, "wilson"), (clopper_pearson, "exact")):
        assert ours(right / n, n, level=level) == pytest.approx(tuple(test.proportion_ci(level, name)), abs=1e-9)


def test_the_t_interval_is_that_of_the_t_test() -> None:
    means = np.random.default_rng(0).beta(2, 3, 30)
    found = share(means, method="t")
    assert (found.ci_low, found.ci_high) == pytest.approx(tuple(ttest_1samp(means, 0).confidence_interval()))


def test_one_sample_each_is_a_binomial() -> None:
    for method, interval in (("wilson", wilson), ("jeffreys", jeffreys), ("clopper_pearson", clopper_pearson)):
        found = accuracy([1] * 9 + [0] * 21, [1] * 30, method=method)  # type: ignore[arg-type] - its names
        assert (found.ci_low, found.ci_high) == pytest.approx(interval(0.3, 30))
        assert found.n_effective == 30


def test_groups_of_one_problem_change_nothing() -> None:
    right = np.random.default_rng(1).binomial(4, 0.6, 40)
    found, plain = accuracy(right, [4] * 40, groups=np.arange(40)), accuracy(right, [4] * 40)
    assert found.n_clusters == plain.n_clusters == 40
    assert found.se == pytest.approx(plain.se)
    assert (found.ci_low, found.ci_high) == pytest.approx((plain.ci_low, plain.ci_high))


def test_groups_of_one_size_are_what_their_means_are() -> None:
    means = np.random.default_rng(2).beta(1, 1, (12, 5))
    found = share(means.reshape(-1), groups=np.repeat(np.arange(12), 5), method="t")
    of_means = share(means.mean(axis=1), method="t")
    assert found.se == pytest.approx(of_means.se)
    assert (found.ci_low, found.ci_high) == pytest.approx((of_means.ci_low, of_means.ci_high))
    assert found.n_clusters == 12


def brute_force(y: np.ndarray, groups: np.ndarray) -> tuple[float, float]:
    """CR2's standard error and Bell and McCaffrey's degrees of freedom, by the matrices of Imbens and Kolesár 2016."""
    n = len(y)
    rest = np.eye(n) - np.ones((n, n)) / n  # I - H
    se2, columns = 0.0, []
    for g in np.unique(groups):
        at = groups == g
        values, vectors = np.linalg.eigh(rest[np.ix_(at, at)])
        adjust = vectors @ np.diag(values**-0.5) @ vectors.T  # (I - H_gg)^(-1/2)
        se2 += ((adjust @ (rest @ y)[at]).sum() / n) ** 2
        columns.append(rest[:, at] @ adjust @ np.ones(at.sum()) / n)
    eigenvalues = np.linalg.eigvalsh(np.array(columns) @ np.array(columns).T)
    return se2**0.5, eigenvalues.sum() ** 2 / (eigenvalues**2).sum()


def test_uneven_groups_agree_with_the_matrices_of_cr2() -> None:
    rng = np.random.default_rng(3)
    groups = np.repeat(np.arange(11), [1, 1, 2, 3, 3, 5, 8, 9, 12, 14, 20])
    y = np.clip(rng.random(11)[groups] * 0.5 + rng.random(len(groups)) * 0.5, 0, 1)
    se, df = brute_force(y, groups)
    found = share(y, groups=groups, method="t")
    assert found.se == pytest.approx(se)
    assert df < 10
    half = t.ppf(0.975, df) * se
    assert (found.ci_low, found.ci_high) == pytest.approx((y.mean() - half, y.mean() + half))


def test_repeats_of_one_answer_count_once_and_independent_ones_in_full() -> None:
    alike = accuracy([8, 0] * 100, [8] * 200)
    assert alike.n_effective == pytest.approx(200, rel=0.03)
    flips = accuracy(np.random.default_rng(4).binomial(8, 0.5, 2000), [8] * 2000)
    assert flips.n_effective == pytest.approx(16_000, rel=0.1)


def test_groups_that_differ_widen_the_interval() -> None:
    right = np.repeat([1, 0, 1, 1, 0, 1, 0, 1, 1, 0, 1, 0], 10)
    groups = np.repeat(np.arange(12), 10)
    grouped, alone = accuracy(right, [1] * 120, groups=groups), accuracy(right, [1] * 120)
    assert grouped.mean == alone.mean
    assert grouped.ci_high - grouped.ci_low > 2.5 * (alone.ci_high - alone.ci_low)
    assert grouped.n_effective == pytest.approx(12, rel=0.35)


def test_a_problem_without_a_value_is_left_out() -> None:
    whole = share([0.5, 1.0, 0.25])
    assert share([0.5, np.nan, 1.0, 0.25]) == whole
    assert accuracy([1, 0, 2], [2, 0, 2]) == accuracy([1, 2], [2, 2])
    assert share([0.5, np.nan, 1.0, 0.25], groups=[1, 1, 2, 3]) == share([0.5, 1.0, 0.25], groups=[1, 2, 3])


def test_many_at_once_are_as_one_by_one() -> None:
    rng = np.random.default_rng(5)
    means = rng.binomial(3, 0.4, (2, 4, 50)) / 3
    means[rng.random(means.shape) < 0.2] = np.nan
    groups = rng.integers(12, size=50)
    for named in (None, groups):
        found = shares(means, groups=named)
        for place in np.ndindex(2, 4):
            one = share(means[place], groups=named)
            assert found.low[place] == pytest.approx(one.ci_low)
            assert found.high[place] == pytest.approx(one.ci_high)
            assert found.n_clusters[place] == one.n_clusters


def test_auto_takes_t_for_many_problems_away_from_the_ends() -> None:
    assert accuracy([1, 0] * 149, [1] * 298).method == "wilson"
    assert accuracy([1, 0] * 150, [1] * 300).method == "t"
    assert accuracy([1] * 290 + [0] * 10, [1] * 300).method == "wilson"
    assert accuracy([1] * 1000, [1] * 1000).method == "wilson"


def test_one_cluster_knows_no_standard_error() -> None:
    assert t_interval(0.4, np.nan, 0) == (0.0, 1.0)
    for groups in (None, [0]):
        found = accuracy([2], [3], groups=groups)
        assert found.se is None
        assert 0 < found.ci_low < 2 / 3 < found.ci_high < 1
    assert accuracy([1, 0, 1], [1, 1, 1], groups=[7, 7, 7]).se is None


def test_few_groups_are_strata_and_not_clusters() -> None:
    assert outer_groups(None) is None
    assert outer_groups(np.array([0, 1] * 15)) is None
    many = np.arange(FEWEST_GROUPS)
    assert outer_groups(many) is many


@pytest.mark.parametrize("method", METHODS)
@settings(deadline=None, max_examples=60)
@given(
    right=st.lists(st.integers(0, 3), min_size=1, max_size=12),
    groups=st.none() | st.lists(st.integers(0, 3), min_size=12, max_size=12),
    level=st.sampled_from([0.5, 0.95, 0.999]),
)
def test_every_interval_holds_its_mean_and_stays_within_0_and_1(
    method: Method, right: list[int], groups: list[int] | None, level: float
) -> None:
    named = None if groups is None else groups[: len(right)]
    found = accuracy(right, [3] * len(right), groups=named, method=method, level=level)
    assert 0 <= found.ci_low <= found.mean <= found.ci_high <= 1
    assert found.n_effective is not None
    assert found.n_effective > 0
    if found.mean in (0, 1) and method != "t":
        assert found.ci_high - found.ci_low > 0


def test_nothing_drawn_is_no_accuracy() -> None:
    for nothing in ([], [0, 0]):
        with pytest.raises(ValueError, match="no problems"):
            accuracy(nothing, nothing)
    with pytest.raises(ValueError, match="no problems"):
        share([np.nan])


@pytest.mark.parametrize(("n", "n_samples", "never", "chance"), [(60, 8, 0.03, 0.99), (200, 16, 0.01, 0.998)])
def test_a_task_that_is_nearly_done_with_is_covered(n: int, n_samples: int, never: float, chance: float) -> None:
    """Mostly no problem of those that are never solved is drawn; what is drawn then looks surer than it is."""
    rng = np.random.default_rng(1)
    right = rng.binomial(n_samples, np.where(rng.random((1000, n)) < never, 0.0, chance))
    found = shares(right / n_samples, most=np.full(1000, n * n_samples))
    true = (1 - never) * chance
    assert 0.93 < ((found.low <= true) & (true <= found.high)).mean() < 0.99


def test_one_wrong_of_many_is_not_much_surer_than_none() -> None:
    all_right = accuracy([4] * 60, [4] * 60)
    one_wrong = accuracy([4] * 59 + [3], [4] * 60)
    assert one_wrong.ci_low < all_right.ci_low + 0.01
