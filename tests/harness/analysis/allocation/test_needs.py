"""b*, where the tokens went and flips as arrays, against counting by hand and by loops."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from thinkcurve.analysis.allocation.needs import (
    flips,
    mean_costs,
    regressed,
    starved,
    sufficient,
    token_uses,
)
from thinkcurve.analysis.basis.accuracy import accuracy
from thinkcurve.analysis.basis.interval import Interval
from thinkcurve.analysis.basis.means import mean_intervals

NAN = np.nan


shares = st.sampled_from([0.0, 0.25, 0.5, 0.75, 1.0, NAN])
tables = hnp.arrays(float, st.tuples(st.integers(1, 6), st.integers(1, 5)), elements=shares)


@pytest.mark.parametrize(
    ("means", "place"),
    [
        ([0, 0, 1], 2),
        ([1, 0, 1], 2),
        ([1, 1, 1], 0),
        ([0, 1, 0], 3),
        ([0, 0, 0], 3),
        ([0.4, 0.5, 0.6], 1),
        ([NAN, 1, NAN], 1),
        ([1, NAN, 0], 3),
        ([1, NAN, 1], 0),
        ([NAN, NAN, NAN], 3),
    ],
)
def test_b_star_of_one_problem(means: list[float], place: int) -> None:
    assert sufficient(np.array([means], dtype=float)).tolist() == [place]


@given(tables, st.sampled_from([0.25, 0.5, 1.0]))
def test_b_star_is_what_a_search_finds(means: np.ndarray, threshold: float) -> None:
    n = means.shape[1]
    for row, place in zip(means, sufficient(means, threshold=threshold), strict=True):
        right = [j for j in range(n) if row[j] >= threshold]
        wrong = [j for j in range(n) if row[j] < threshold]
        assert place == min((j for j in right if all(w < j for w in wrong)), default=n)


@given(tables, st.integers(0, 9))
def test_the_uses_of_tokens_account_for_every_one(means: np.ndarray, seed: int) -> None:
    costs = np.where(np.isnan(means), NAN, np.random.default_rng(seed).integers(0, 50, means.shape))
    places = sufficient(means)
    parts = token_uses(costs, means)
    for p, b in itertools.product(*map(range, means.shape)):
        if np.isnan(costs[p, b]):
            assert all(np.isnan(part[p, b]) for part in parts.values())
            continue
        star = places[p]
        expected: dict[str, float] = dict.fromkeys(("overthinking", "short", "futile", "lapsed"), 0.0)
        if star == means.shape[1]:
            expected["lapsed" if any(v >= 0.5 for v in means[p]) else "futile"] = costs[p, b]
        elif b < star:
            expected["short"] = costs[p, b]
        elif b > star:
            expected["overthinking"] = max(0.0, costs[p, b] - costs[p, star])
        expected["needed"] = costs[p, b] - sum(expected.values())
        assert {name: parts[name][p, b] for name in expected} == pytest.approx(expected)
        assert expected["needed"] >= 0


@given(tables)
def test_a_starved_problem_would_be_right_with_more(means: np.ndarray) -> None:
    found = starved(means)
    for p, b in itertools.product(*map(range, means.shape)):
        if np.isnan(means[p, b]):
            assert np.isnan(found[p, b])
        else:
            assert found[p, b] == (means[p, b] < 0.5 and any(v >= 0.5 for v in means[p, b + 1 :]))


@given(hnp.arrays(np.int8, (3, 4, 2), elements=st.sampled_from([-1, 0, 1])))
def test_flips_are_counted_along_each_sample(cells: np.ndarray) -> None:
    found = flips(cells == 1, cells >= 0)
    over, drawn = regressed(cells == 1, cells >= 0)
    for p in range(3):
        for b in range(1, 4):
            pairs = [(cells[p, b - 1, s], cells[p, b, s]) for s in range(2) if min(cells[p, b - 1 : b + 1, s]) >= 0]
            assert found["pairs"][p, b] == len(pairs)
            assert found["right"][p, b] == sum(was == 1 for was, _ in pairs)
            assert found["lost"][p, b] == pairs.count((1, 0))
            assert found["gained"][p, b] == pairs.count((0, 1))
        lines = [cells[p, :, s].tolist() for s in range(2)]
        assert over[p] == sum(line[-1] == 0 and 1 in line[:-1] for line in lines)
        assert drawn[p] == sum(line[-1] >= 0 for line in lines)


def test_an_unknown_cost_makes_a_mean_unknown() -> None:
    costs = np.array([[[1.0, 3.0], [NAN, 3.0], [NAN, 3.0]]])
    is_drawn = np.array([[[True, True], [True, True], [False, True]]])
    assert mean_costs(costs, is_drawn)[0] == pytest.approx([2.0, NAN, 3.0], nan_ok=True)


def test_shares_of_problems_have_the_interval_of_an_accuracy() -> None:
    rng = np.random.default_rng(0)
    right = rng.integers(0, 5, 40)
    groups = np.arange(40) // 3
    for given_groups in (None, groups):
        (found,) = mean_intervals((right / 4)[:, None], groups=given_groups, n_attempts=[160])
        curve = accuracy(right, np.full(40, 4), groups=given_groups)
        ends = (curve.mean, curve.ci_low, curve.ci_high)
        assert (found.value, found.ci_low, found.ci_high) == pytest.approx(ends)


def test_one_problem_or_none_has_no_interval() -> None:
    assert mean_intervals(np.array([[1.0, NAN], [NAN, NAN]])) == [Interval(1.0, None, None), Interval(None, None, None)]
    assert mean_intervals(np.empty((0, 1))) == [Interval(None, None, None)]


def test_what_rounding_left_beside_1_is_all_of_them() -> None:
    (found,) = mean_intervals(np.full((20, 1), 1 - 1e-15))
    assert found.value == 1.0
    assert found.ci_low == pytest.approx(0.8389, abs=1e-4)  # Wilson for 20 of 20
