"""Rankings at equal compute: ties are the problems' doing, and chance claims no order."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose

from analysis.simulated import a_family, a_run
from thinkcurve.analysis.basis.between import accuracy_at
from thinkcurve.analysis.basis.paired import paired_difference
from thinkcurve.analysis.frontiers.frontier import on_axis
from thinkcurve.analysis.frontiers.points import Entry, points_of
from thinkcurve.analysis.ranking.counts import Counts, counts_of
from thinkcurve.analysis.ranking.standing import differences, ranking, rankings, told_apart, within


def drawn(
    chances: list[float], *, n: int = 60, samples: int = 4, seed: int = 0, noise: float = 0.2, tokens: float = 100.0
) -> Counts:
    """A curve over doubling costs whose problems are right with given chances, harder and easier ones among them."""
    rng, hardness = np.random.default_rng(seed), np.random.default_rng(99).normal(0, 0.2, n)
    chance = np.clip(np.array(chances)[None, :] + hardness[:, None], 0, 1)
    right = rng.binomial(samples, chance)
    costs = samples * tokens * 2.0 ** np.arange(len(chances)) * (1 + noise * rng.random((n, len(chances))))
    return Counts(
        tuple(f"t/test/{i}" for i in range(n)),
        tuple(100 * 2**b for b in range(len(chances))),
        tuple(map(tuple, right.tolist())),
        tuple(map(tuple, np.full(right.shape, samples).tolist())),
        {"thinking_tokens": tuple(map(tuple, costs.tolist()))},
    )


def test_the_accuracy_is_that_of_the_curve_at_the_cost() -> None:
    one = drawn([0.2, 0.5, 0.7])
    found = within(one, "thinking_tokens", 150.0)
    assert found is not None
    costs, means = one.at("thinking_tokens"), one.means.mean(axis=0)
    assert_allclose(found.accuracy, accuracy_at(costs[None], means[None], np.array([150.0]))[0, 0])
    assert_allclose([found.means.mean(), found.pulls.mean()], found.accuracy)


def test_a_ladder_that_ends_below_stands_by_its_last_point() -> None:
    one = drawn([0.2, 0.5, 0.7])
    found = within(one, "thinking_tokens", 1e6)
    assert found is not None
    assert_allclose(found.accuracy, one.means[:, -1].mean())
    assert_allclose(found.cost, one.at("thinking_tokens")[-1])


def test_a_ladder_that_begins_above_takes_no_part() -> None:
    assert within(drawn([0.2, 0.5]), "thinking_tokens", 50.0) is None
    found = ranking([drawn([0.2, 0.5]), drawn([0.2, 0.5], tokens=10)], "thinking_tokens", 50.0)
    assert [s.entry for s in found.standings] == [1]
    assert found.n_out == 1


def test_unknown_costs_are_no_cost() -> None:
    one = drawn([0.2, 0.5])
    assert within(one, "usd", 1.0) is None
    assert rankings([one], "usd") == []


def test_p_values_are_those_of_a_paired_comparison() -> None:
    rng = np.random.default_rng(3)
    values = rng.choice([-0.5, 0.0, 0.25, 1.0], (6, 40))
    values[0] = 0.0
    values[1, 3:9] = np.nan
    for groups in (None, rng.integers(0, 12, 40)):
        means, p = differences(values, groups)
        for row, mean, found in zip(values, means, p, strict=True):
            one = paired_difference(row, groups=groups)
            assert_allclose(mean, one.difference)
            assert one.ci_low is not None
            assert one.ci_high is not None
            alike = paired_difference(row, groups=groups, level=1 - float(found)) if 0 < found < 1 else one
            ends = (alike.ci_low or 0.0, alike.ci_high or 0.0)
            assert found == 1 or min(map(abs, ends)) < 1e-6


def test_what_is_far_apart_is_told_apart() -> None:
    found = ranking([drawn([0.1, 0.2]), drawn([0.5, 0.6], seed=1), drawn([0.8, 0.9], seed=2)], "thinking_tokens", 150.0)
    assert [(s.entry, s.rank_low, s.rank_high) for s in found.standings] == [(2, 1, 1), (1, 2, 2), (0, 3, 3)]


def test_the_same_answers_tie() -> None:
    found = ranking([drawn([0.4, 0.6])] * 3, "thinking_tokens", 150.0)
    assert {(s.rank_low, s.rank_high) for s in found.standings} == {(1, 3)}


def test_runs_without_a_common_problem_are_never_told_apart() -> None:
    good, bad = drawn([0.9, 0.95]), drawn([0.1, 0.1], seed=1)
    other = Counts(tuple(f"o/{i}" for i in range(60)), bad.budgets, bad.right, bad.drawn, bad.costs)
    assert {s.rank_high for s in ranking([good, other], "thinking_tokens", 150.0).standings} == {2}


def test_one_problem_tells_nothing() -> None:
    found = ranking([drawn([0.9], n=1), drawn([0.1], n=1, seed=1)], "thinking_tokens", 500.0)
    assert {(s.rank_low, s.rank_high) for s in found.standings} == {(1, 2)}
    assert all((s.ci_low, s.ci_high) == (0.0, 1.0) for s in found.standings)


def test_chance_claims_an_order_in_one_table_of_twenty_at_most() -> None:
    n_tables, claimed = 200, 0
    for table in range(n_tables):
        models = [drawn([0.3, 0.5, 0.6], samples=2, seed=1000 + 8 * table + m, noise=0.5) for m in range(6)]
        held = [(m, found.pulls) for m in models if (found := within(m, "thinking_tokens", 180.0)) is not None]
        claimed += bool(told_apart(held).any())
    assert claimed <= 0.05 * n_tables + 2 * np.sqrt(0.05 * 0.95 * n_tables)


def test_costs_that_vary_are_part_of_the_error() -> None:
    """What cost does to the accuracy at a cost is counted: the spread over fresh draws is that which is told."""
    found, told = [], []
    for seed in range(150):
        one = drawn([0.1, 0.9], samples=1, seed=seed, noise=4.0)
        at = within(one, "thinking_tokens", 500.0)
        assert at is not None
        found.append(at.accuracy)
        told.append(at.pulls.std(ddof=1) / np.sqrt(len(at.pulls)))
    assert np.mean(told) >= 0.9 * np.std(found)


def test_counts_are_those_of_the_grid() -> None:
    for run in a_family():
        for grid, curve in zip(run.grids, run.curves(), strict=True):
            counts = counts_of(grid)
            assert_allclose(np.nanmean(counts.means, axis=0), [p.accuracy for p in curve.points])
            assert_allclose(counts.at("thinking_tokens"), [p.thinking_tokens for p in curve.points])
            assert "usd" not in counts.costs


def test_failures_leave_gaps() -> None:
    (grid,) = a_run("m", (0.1, 0.4, 0.6, 0.8), fail=[(0, 64), (1, 1024)]).grids
    counts = counts_of(grid)
    assert int(np.isnan(counts.means).sum()) == 2
    assert within(counts, "thinking_tokens", 100.0) is not None


@pytest.mark.parametrize("axis", ["thinking_tokens", "flops"])
def test_allowances_are_round_and_few(axis: str) -> None:
    found = rankings([counts_of(g) for run in a_family() for g in run.grids], axis)
    assert 1 <= len(found) <= 4
    assert all(one.allowance == float(f"{one.allowance:.1e}") for one in found)


def test_intervals_are_those_of_a_bootstrap() -> None:
    """Within a few points of the section ``frontier``, which draws problems with their costs (BCa)."""
    for run in a_family(n=150):
        (grid,) = run.grids
        (made,) = on_axis(points_of([Entry(grid)]), "thinking_tokens", costs=[200.0], n_resamples=1000).at_cost
        (one,) = ranking([counts_of(grid)], "thinking_tokens", 200.0).standings
        assert made.accuracy.ci_low is not None
        assert made.accuracy.ci_high is not None
        assert made.accuracy.value == pytest.approx(one.accuracy)
        assert_allclose([one.ci_low, one.ci_high], [made.accuracy.ci_low, made.accuracy.ci_high], atol=0.03)
