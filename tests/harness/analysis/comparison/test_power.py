"""Power: Miller's figures, and designs simulated."""

import numpy as np
import pytest

from thinkcurve.analysis.basis.paired import paired_difference
from thinkcurve.analysis.comparison.power import (
    detectable_difference,
    detectable_with,
    problems_enough,
    problems_needed,
    samples_needed,
    variance_of,
    variance_with,
)


def test_the_published_figures() -> None:
    # Miller 2024, section 5
    assert problems_needed(0.03, 1 / 9) == pytest.approx(969, abs=0.5)
    once, tenfold = (
        detectable_difference(198, variance_with(between=1 / 9, within_base=1 / 6, within_new=1 / 6, k_base=k, k_new=k))
        for k in (1, 10)
    )
    assert (once, tenfold) == pytest.approx((0.133, 0.076), abs=5e-4)


def test_samples_that_are_needed_are_just_enough() -> None:
    k = samples_needed(0.08, 198, between=1 / 9, within=1 / 3)
    assert k is not None
    assert detectable_with(np.sqrt((1 / 9 + 1 / 3 / k) / 198), 197) == pytest.approx(0.08)
    few = samples_needed(0.3, 12, between=0.01, within=1 / 3)
    assert few is not None
    assert detectable_with(np.sqrt((0.01 + 1 / 3 / few) / 12), 11) == pytest.approx(0.3)
    assert samples_needed(0.01, 198, between=1 / 9, within=1 / 3) is None


@pytest.mark.parametrize("n", [20, 100])
def test_what_is_detectable_is_seen_four_times_in_five(n: int) -> None:
    from scipy.stats import ttest_1samp

    rng = np.random.default_rng(n)
    d = rng.normal(detectable_with(0.3 / np.sqrt(n), n - 1), 0.3, size=(n, 4000))
    assert (ttest_1samp(d, 0).pvalue <= 0.05).mean() == pytest.approx(0.8, abs=0.03)


@pytest.mark.parametrize("difference", [0.15, 0.3])
def test_as_many_problems_as_are_enough_show_it_four_times_in_five(difference: float) -> None:
    from scipy.stats import ttest_1samp

    rng = np.random.default_rng(7)
    n = problems_enough(difference, 0.3**2)
    seen = [(ttest_1samp(rng.normal(difference, 0.3, size=(m, 8000)), 0).pvalue <= 0.05).mean() for m in (n - 2, n)]
    assert seen[1] >= 0.79
    assert n == 10 or seen[0] < 0.8


@pytest.mark.parametrize("variance", [0.0, 0.0012])
def test_a_few_problems_that_hardly_differ_are_not_enough(variance: float) -> None:
    """Miller's equation says 0 and 3.8; but the interval of a few problems is no narrower than one that changed."""
    n = problems_enough(0.05, variance)
    almost, enough = (paired_difference(np.zeros(size)) for size in (n - 1, n))
    assert almost.se is not None
    assert enough.se is not None
    assert detectable_with(almost.se, n - 2) > 0.05 >= detectable_with(enough.se, n - 1)
    assert n == 50
    assert problems_enough(0.5, 0.0) == 10


def test_a_spread_out_difference_needs_what_the_equation_says_by_t() -> None:
    by_hand = next(n for n in range(10, 9999) if detectable_with((0.3 / n) ** 0.5, n - 1) <= 0.05)
    assert problems_enough(0.05, 0.3) == by_hand


@pytest.mark.parametrize("is_paired", [False, True])
def test_variance_is_taken_apart_as_it_was_put_together(is_paired: bool) -> None:
    rng = np.random.default_rng(1)
    n, k = 20_000, 4
    p = rng.beta(2, 2, size=(n, 1))
    q = np.clip(p + rng.choice([-0.1, 0.2], size=(n, 1)), 0, 1)
    u = rng.random((n, k))
    correct = u < p, (u if is_paired else rng.random((n, k))) < q
    d = correct[1].mean(axis=1) - correct[0].mean(axis=1)
    drawn = np.ones((n, k), dtype=bool)
    found = variance_of(d.var(ddof=1), correct, (drawn, drawn), is_paired=is_paired)
    gap = np.abs(q - p)
    within = (gap * (1 - gap) if is_paired else p * (1 - p) + q * (1 - q)).mean()
    assert found.between == pytest.approx((q - p).var(), abs=0.004)
    assert found.within == pytest.approx(within, rel=0.03)
    assert found.total == pytest.approx(d.var(ddof=1))


def test_single_samples_cannot_tell_where_the_variance_lies() -> None:
    one = np.array([[True], [False]])
    found = variance_of(0.5, (one, ~one), (one | True, one | True), is_paired=False)
    assert (found.between, found.within) == (None, None)
