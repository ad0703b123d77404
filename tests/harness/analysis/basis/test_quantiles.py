"""Quantiles over attempts, and their intervals against those written out one value at a time."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest

from thinkcurve.analysis.basis import quantiles
from thinkcurve.analysis.basis.interval import Interval
from thinkcurve.analysis.basis.quantiles import counts_below, quantile_intervals

NAN = np.nan
HALF, MOST = 0.5, 0.95
samples = st.lists(st.integers(1, 9).map(float), min_size=1, max_size=4)


@given(tokens=st.lists(samples, min_size=1, max_size=6))
def test_quantiles_are_those_of_attempts_written_out(tokens: list[list[float]]) -> None:
    width = max(map(len, tokens))
    values = np.array([own + [NAN] * (width - len(own)) for own in tokens])
    written = [value for own in tokens for value in own]
    for share, found in zip((HALF, MOST), quantile_intervals(values, ~np.isnan(values), (HALF, MOST)), strict=True):
        assert found.value == np.quantile(written, share, method="inverted_cdf")
        assert found.ci_low is None or found.ci_low <= found.value
        assert found.ci_high is None or found.ci_high >= found.value


@given(values=st.lists(st.integers(0, 12), min_size=2, max_size=40), share=st.sampled_from([0.1, HALF, 0.8, MOST]))
def test_an_interval_is_the_values_whose_share_is_not_told_apart(values: list[int], share: float) -> None:
    (found,) = quantile_intervals(np.array(values, dtype=float)[:, None], np.ones((len(values), 1), bool), (share,))
    ends = {}
    for value in sorted(set(values)):
        right = sum(other <= value for other in values)
        ends[value] = binomtest(right, len(values)).proportion_ci(method="wilson")
    low = next((value for value, end in ends.items() if end.high >= share), None)
    high = next((value for value, end in ends.items() if end.low >= share), None)
    assert (found.ci_low, found.ci_high) == (low, high)


def test_what_lies_beyond_all_attempts_is_open() -> None:
    few = np.arange(1.0, 31.0)[:, None]
    (found,) = quantile_intervals(few, np.ones((30, 1), dtype=bool), (MOST,))
    assert (found.value, found.ci_high) == (29, None)
    (one,) = quantile_intervals(few[:1], np.ones((1, 1), dtype=bool), (MOST,))
    assert one == Interval(1.0, None, None)


def test_contests_make_it_wider() -> None:
    values = np.repeat(np.arange(12.0), 10)[:, None]
    drawn, groups = np.ones((120, 1), dtype=bool), np.repeat(np.arange(12), 10)
    (by_problem,) = quantile_intervals(values, drawn, (HALF,))
    (by_contest,) = quantile_intervals(values, drawn, (HALF,), groups=groups)
    assert by_contest.value == by_problem.value == 5
    assert (by_contest.ci_low or 0) < (by_problem.ci_low or 0)
    assert (by_contest.ci_high or 0) > (by_problem.ci_high or 0)


def test_very_many_values_are_thinned_by_rank(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(quantiles, "MOST_VALUES", 50)
    values = np.arange(1000.0)[:, None]
    drawn = np.ones((1000, 1), dtype=bool)
    assert len(counts_below(values, drawn)[0]) == 50
    (found,) = quantile_intervals(values, drawn, (HALF,))
    assert found.value == pytest.approx(500, abs=20)
