"""The frontiers of blind and of perfect choice, against every assignment there is."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from thinkcurve.analysis.allocation import hull as hull_module
from thinkcurve.analysis.allocation.hull import Hulls, blind_at, hull_prices
from thinkcurve.analysis.allocation.oracle import Oracle, Planned, efficiency

ONES = np.ones((1, 1))
Table = tuple[np.ndarray, np.ndarray]


@st.composite
def small(draw: st.DrawFn) -> Table:
    """Values and costs of at most 4 problems with at most 4 options."""
    shape = (draw(st.integers(1, 4)), draw(st.integers(1, 4)))
    values = draw(hnp.arrays(float, shape, elements=st.sampled_from([0.0, 0.25, 0.5, 0.75, 1.0])))
    costs = draw(hnp.arrays(float, shape, elements=st.integers(1, 40).map(float)))
    return values, costs


def every_assignment(values: np.ndarray, costs: np.ndarray) -> list[tuple[float, float]]:
    """Mean cost and mean value of each way to give every problem one option."""
    rows = np.arange(len(values))
    ways = itertools.product(range(values.shape[1]), repeat=len(values))
    return [(float(costs[rows, list(way)].mean()), float(values[rows, list(way)].mean())) for way in ways]


def hull_at(points: list[tuple[float, float]], at: float) -> float:
    """The most value at cost ``at`` of any lot between two points: the concave hull, by trying all pairs."""
    found = [value for cost, value in points if cost <= at + 1e-9]
    for (c1, v1), (c2, v2) in itertools.product(points, repeat=2):
        if c1 <= at < c2:
            found.append(v1 + (at - c1) / (c2 - c1) * (v2 - v1))
    return max(found, default=np.nan)


@settings(max_examples=60, deadline=None)
@given(small(), st.floats(0, 1))
def test_the_oracle_is_the_hull_of_all_assignments(table: Table, share: float) -> None:
    values, costs = table
    weights = np.ones((1, len(values)))
    points = every_assignment(values, costs)
    low, high = min(c for c, _ in points), max(c for c, _ in points)
    at = low + share * (high - low)
    found = Oracle.of(values, costs).value_at(weights, np.array([[at]]))[0, 0]
    assert found == pytest.approx(hull_at(points, at), abs=1e-9)
    # no assignment does better, and where the price changes there is one that does as well
    assert found >= max(v for c, v in points if c <= at + 1e-9) - 1e-9


@settings(max_examples=50, deadline=None)
@given(small())
def test_the_least_cost_of_a_value_is_the_hull_read_the_other_way(table: Table) -> None:
    values, costs = table
    weights = np.ones((1, len(values)))
    points = every_assignment(values, costs)
    for aim in {v for _, v in points}:
        cost = Oracle.of(values, costs).cost_at(weights, np.array([[aim]]))[0, 0]
        assert hull_at(points, cost + 1e-7) >= aim - 1e-6
        assert cost == pytest.approx(min(c for c, _ in points)) or hull_at(points, cost * (1 - 1e-6)) < aim


@settings(max_examples=40, deadline=None)
@given(small(), st.lists(st.integers(0, 3), min_size=4, max_size=4).filter(lambda w: w[0] > 0))
def test_weights_count_problems_that_often(table: Table, times: list[int]) -> None:
    values, costs = table
    counts = times[: len(values)]
    repeated = [np.repeat(part, counts, axis=0) for part in (values, costs)]
    at = np.array([[float(repeated[1].mean())]])
    drawn = Oracle.of(values, costs).value_at(np.array([counts], dtype=float), at)
    written_out = Oracle.of(repeated[0], repeated[1]).value_at(np.ones((1, sum(counts))), at)
    assert drawn == pytest.approx(written_out)


def test_below_the_cheapest_there_is_nothing() -> None:
    one = Oracle.of(np.array([[0.0, 1.0]]), np.array([[10.0, 20.0]]))
    assert np.isnan(one.value_at(ONES, np.array([[9.0]]))).all()
    assert np.isnan(blind_at(np.array([[0.0, 1.0]]), np.array([[10.0, 20.0]]), np.array([[9.0]]))).all()


@settings(max_examples=50, deadline=None)
@given(small(), st.floats(0, 1))
def test_blind_is_the_hull_of_the_options(table: Table, share: float) -> None:
    values, costs = table[0][:1], table[1][:1]
    at = costs.min() + share * (costs.max() - costs.min())
    points = list(zip(costs[0].tolist(), values[0].tolist(), strict=True))
    assert blind_at(values, costs, np.array([[at]]))[0, 0] == pytest.approx(hull_at(points, at), abs=1e-9)


@given(small())
def test_the_oracle_is_never_below_the_blind(table: Table) -> None:
    values, costs = table
    at = costs.mean(axis=0)
    means = np.ones((len(at), 1)) * values.mean(axis=0), np.ones((len(at), 1)) * costs.mean(axis=0)
    blind = blind_at(*means, at[:, None])[:, 0]
    best = Oracle.of(values, costs).value_at(np.ones((1, len(values))), at[None, :])[0]
    assert (best >= blind - 1e-9).all()


def test_too_many_prices_are_thinned_from_above(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    values, costs = rng.random((200, 4)), np.cumsum(rng.random((200, 4)), axis=1)
    weights, at = np.ones((1, 200)), np.array([[0.8, 1.2, 1.6]])
    exact = Oracle.of(values, costs)
    monkeypatch.setattr(hull_module, "MOST_PRICES", 64)
    thinned = Oracle.of(values, costs)
    assert len(thinned.prices) <= 64 < len(exact.prices)
    gap = thinned.value_at(weights, at) - exact.value_at(weights, at)
    assert (gap >= -1e-12).all()
    assert (gap < 2e-3).all()


@settings(max_examples=50, deadline=None)
@given(small(), st.lists(st.floats(0, 45), min_size=1, max_size=3))
def test_hulls_of_many_rows_are_those_of_each(table: Table, at: list[float]) -> None:
    values, costs = table
    found = blind_at(values, costs, np.tile(at, (len(values), 1)))
    for row, (v, c) in enumerate(zip(values, costs, strict=True)):
        points = list(zip(c.tolist(), v.tolist(), strict=True))
        for column, cost in enumerate(at):
            assert found[row, column] == pytest.approx(hull_at(points, cost), abs=1e-9, nan_ok=True)


@given(small())
def test_corners_of_a_hull_rise_and_flatten(table: Table) -> None:
    hulls = Hulls.of(*table)
    for cost, value, n in zip(hulls.costs, hulls.values, hulls.n_corners, strict=True):
        run, rise = np.diff(cost[:n]), np.diff(value[:n])
        assert (run > 0).all()
        assert (rise > 0).all()
        assert (np.diff(rise / run) < 0).all()
        assert np.isinf(cost[n:]).all()


def test_options_of_one_cost_leave_the_best_of_them() -> None:
    values, costs, at = np.array([[0.2, 0.6, 0.4]]), np.zeros((1, 3)), np.array([[0.0, 1.0]])
    assert blind_at(values, costs, at).tolist() == [[0.6, 0.6]]
    assert hull_prices(values, costs).tolist() == [0.0]


def test_prices_are_slopes_of_the_hull() -> None:
    values, costs = np.array([[0.0, 0.5, 0.5, 1.0]]), np.array([[1.0, 2.0, 3.0, 6.0]])
    assert hull_prices(values, costs).tolist() == pytest.approx([0.0, 0.125, 0.5])


def test_efficiency_is_the_share_of_what_hindsight_wins() -> None:
    found = efficiency(np.array([0.7, 0.5, 0.4, 0.5]), np.array([0.5] * 4), np.array([0.9, 0.9, 0.9, 0.5]))
    assert found == pytest.approx([0.5, 0.0, -0.25, np.nan], nan_ok=True)


def test_a_plan_that_is_scored_on_itself_is_the_oracle() -> None:
    rng = np.random.default_rng(1)
    values, costs = rng.random((30, 3)), np.cumsum(rng.random((30, 3)), axis=1)
    planned = Planned.of([(values, costs, values, costs)], n_prices=10_000)
    assert planned is not None
    weights, at = np.ones((1, 30)), np.array([[0.6, 1.0, 1.4]])
    assert planned.value_at(weights, at) == pytest.approx(Oracle.of(values, costs).value_at(weights, at), abs=1e-9)


def test_a_plan_by_noise_wins_nothing() -> None:
    rng = np.random.default_rng(2)
    costs = np.tile([1.0, 2.0, 4.0], (4000, 1))
    chooser, judge = (rng.integers(0, 2, (4000, 3)).astype(float) for _ in range(2))
    planned = Planned.of([(chooser, costs, judge, costs)])
    assert planned is not None
    weights, at = np.ones((1, 4000)), np.array([[2.0]])
    assert Oracle.of(chooser, costs).value_at(weights, at)[0, 0] > 0.8
    assert planned.value_at(weights, at)[0, 0] == pytest.approx(0.5, abs=0.03)


def test_no_halves_no_plan() -> None:
    assert Planned.of([]) is None
