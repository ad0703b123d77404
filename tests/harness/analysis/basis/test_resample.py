"""The bootstrap over problems, against scipy's and against every resample there is."""

from itertools import product

import numpy as np
import pytest
from scipy import stats
from scipy.special import ndtri

from thinkcurve.analysis.basis import resample
from thinkcurve.analysis.basis.grid import Floats
from thinkcurve.analysis.basis.resample import bootstrap, draws, mean_over, ratio_over


@pytest.mark.parametrize("seed", range(3))
def test_but_for_small_samples_the_interval_of_a_mean_is_scipys(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resample, "_quantile_t", lambda off, level: ndtri((1 + level) / 2))
    values = np.random.default_rng(seed).beta(0.4, 0.8, size=37)
    ours = bootstrap(lambda weights: mean_over(weights, values), 37, n_resamples=999, seed=seed)
    theirs = stats.bootstrap((values,), np.mean, n_resamples=999, method="BCa", rng=seed)
    assert float(ours.low) == pytest.approx(theirs.confidence_interval.low, rel=1e-12)
    assert float(ours.high) == pytest.approx(theirs.confidence_interval.high, rel=1e-12)
    assert float(ours.se) == pytest.approx(theirs.standard_error, rel=1e-12)


def test_the_ends_are_set_out_for_small_samples() -> None:
    n, level = 20, 0.95
    even = np.tile([1.0, -1.0], n // 2)  # no problem weighs more than another
    assert resample._quantile_t(even, level) == pytest.approx(np.sqrt(n / (n - 1)) * stats.t.ppf(0.975, n - 1))
    one = np.array([19.0, *[-1.0] * 19])  # one problem carries all: about as sure as from two
    kurtosis = stats.kurtosis(one, fisher=False)
    assert 2 * n / (kurtosis - 1) == pytest.approx(2.3, abs=0.1)
    assert resample._quantile_t(one, level) == pytest.approx(
        np.sqrt(n / (n - 1)) * stats.t.ppf(0.975, 2 * n / (kurtosis - 1))
    )
    many = np.random.default_rng(0).normal(size=100_000)
    assert resample._quantile_t(many, level) == pytest.approx(1.96, abs=0.001)


def test_the_standard_error_is_that_of_every_resample_there_is() -> None:
    values = np.array([0.0, 0.25, 1.0, 1.0])
    every = [values[list(places)].mean() for places in product(range(4), repeat=4)]
    found = bootstrap(lambda weights: mean_over(weights, values), 4, n_resamples=20_000)
    assert float(found.se) == pytest.approx(np.std(every), rel=0.02)


def test_weights_say_how_often_each_problem_is_drawn() -> None:
    (weights,) = draws(10, n_resamples=50)
    assert weights.shape == (50, 10)
    assert weights.sum(axis=1).tolist() == [10] * 50


def test_groups_are_drawn_with_all_their_problems() -> None:
    groups = np.array([7, 7, 7, 1, 1, 4])
    (weights,) = draws(6, groups=groups, n_resamples=200)
    for name in (7, 1, 4):
        within = weights[:, groups == name]
        assert (within == within[:, :1]).all()
    assert (weights[:, 0] + weights[:, 3] + weights[:, 5]).tolist() == [3] * 200


def test_the_same_seed_draws_the_same_however_it_is_chunked(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = np.concatenate(list(draws(20, n_resamples=100, seed=3)))
    monkeypatch.setattr(resample, "CHUNK_VALUES", 60)
    parts = list(draws(20, n_resamples=100, seed=3))
    assert len(parts) == 34
    assert np.array_equal(whole, np.concatenate(parts))
    values = np.random.default_rng(0).random(20)
    few = bootstrap(lambda weights: mean_over(weights, values), 20, n_resamples=100)
    monkeypatch.undo()
    whole_low = bootstrap(lambda weights: mean_over(weights, values), 20, n_resamples=100).low
    assert float(few.low) == pytest.approx(float(whole_low), rel=1e-12)


def test_clustering_by_groups_widens_the_interval_of_what_groups_share() -> None:
    groups = np.repeat(np.arange(12), 10)
    values = np.random.default_rng(1).random(12)[groups]
    alone = bootstrap(lambda weights: mean_over(weights, values), 120)
    grouped = bootstrap(lambda weights: mean_over(weights, values), 120, groups=groups)
    assert float(grouped.se) > 2.5 * float(alone.se)
    assert grouped.low < alone.low < alone.high < grouped.high


def test_many_statistics_at_once_are_each_as_alone() -> None:
    values = np.random.default_rng(2).random((25, 3, 2))
    together = bootstrap(lambda weights: mean_over(weights, values), 25, n_resamples=300)
    for place in product(range(3), range(2)):
        alone = bootstrap(lambda weights, v=values[:, *place]: mean_over(weights, v), 25, n_resamples=300)  # type: ignore[misc]
        assert (together.low[place], together.high[place]) == pytest.approx((float(alone.low), float(alone.high)))


def test_what_never_varies_is_a_point() -> None:
    found = bootstrap(lambda weights: mean_over(weights, np.ones(9)), 9, n_resamples=100)
    assert (found.value, found.low, found.high, found.se) == (1, 1, 1, 0)
    one = bootstrap(lambda weights: mean_over(weights, np.array([0.5])), 1, n_resamples=100)
    assert (one.value, one.low, one.high) == (0.5, 0.5, 0.5)


def test_a_statistic_that_has_no_value_too_often_has_no_interval() -> None:
    values = np.array([1.0, *[np.nan] * 9])  # two in five resamples miss the only one that is known
    found = bootstrap(lambda weights: mean_over(weights, values), 10, n_resamples=500)
    assert found.value == 1
    assert np.isnan([found.low, found.high, found.se]).all()
    assert 120 < found.n_undefined < 230


def test_no_problems_have_no_interval() -> None:
    with pytest.raises(ValueError, match="no problems"):
        bootstrap(lambda weights: mean_over(weights, np.ones(0)), 0)


def test_means_leave_out_what_is_not_known() -> None:
    values = np.array([[1.0, np.nan], [3.0, np.nan], [np.nan, np.nan]])
    weights: Floats = np.array([[1.0, 1, 1], [2, 0, 1], [0, 0, 3]])
    assert mean_over(weights, values)[:, 0].tolist()[:2] == [2, 1]
    assert np.isnan(mean_over(weights, values)[2, 0])
    assert np.isnan(mean_over(weights, values)[:, 1]).all()


def test_ratios_are_sums_over_sums() -> None:
    above, below = np.array([10.0, 1.0, 5.0]), np.array([4.0, 1.0, np.nan])
    weights: Floats = np.array([[1.0, 1, 1], [0, 3, 1], [0, 0, 3]])
    found = ratio_over(weights, above, below)
    assert found[:2].tolist() == [11 / 5, 1]
    assert np.isnan(found[2])


@pytest.mark.slow
def test_intervals_of_a_skewed_ratio_cover_it() -> None:
    rng = np.random.default_rng(5)
    n, covered = 60, 0
    for _ in range(1000):
        cost = rng.lognormal(0, 0.8, size=n)
        gain = cost * 0.5 + rng.normal(0, 0.3, size=n)
        found = bootstrap(lambda weights, g=gain, c=cost: ratio_over(weights, g, c), n, n_resamples=500)  # type: ignore[misc]
        covered += bool(found.low <= 0.5 <= found.high)
    assert 0.92 < covered / 1000 < 0.97


@pytest.mark.parametrize(("n_groups", "period", "n_blocks"), [(None, 1, 750), (900, 1, 400), (None, 20, 750)])
def test_blocks_of_units_tell_the_jackknife_what_units_do(
    n_groups: int | None, period: int, n_blocks: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = np.random.default_rng(4)
    costs = rng.lognormal(0, 1.5, size=(3000, 2))
    costs[:, 0] *= np.where(np.arange(len(costs)) % period == 0, 1, 0.3)  # subjects that come by turns
    groups = None if n_groups is None else np.sort(rng.integers(n_groups, size=len(costs)))
    n_asked = []

    def ratio(weights: Floats) -> Floats:
        n_asked.append(len(weights))
        return ratio_over(weights, costs[:, 0], costs[:, 1])[:, None]

    by_unit = bootstrap(ratio, len(costs), groups=groups)
    n_by_unit = sum(n_asked)
    n_asked.clear()
    monkeypatch.setattr(resample, "MOST_UNITS", 300)
    monkeypatch.setattr(resample, "BLOCKS", n_blocks)
    by_block = bootstrap(ratio, len(costs), groups=groups)
    n_units = len(costs) if groups is None else len(np.unique(groups))
    assert n_by_unit - sum(n_asked) == n_units - n_blocks
    width = by_unit.high - by_unit.low
    assert by_block.value == by_unit.value
    assert by_block.low == pytest.approx(by_unit.low, abs=0.01 * float(width[0]))
    assert by_block.high == pytest.approx(by_unit.high, abs=0.01 * float(width[0]))
    monkeypatch.setattr(resample, "_quantile_t", lambda off, level: np.full(off.shape[1:], ndtri((1 + level) / 2)))
    monkeypatch.setattr(resample, "_jackknife", lambda *_: np.zeros((200, 1)))
    unaccelerated = bootstrap(ratio, len(costs), groups=groups)
    assert abs(unaccelerated.high - by_unit.high) > 2.5 * abs(by_block.high - by_unit.high)  # blocks tell the skewness
