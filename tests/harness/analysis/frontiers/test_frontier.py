"""The frontier of simulated models, whose truth is known."""

import numpy as np
import pytest

from analysis.simulated import LADDER, a_family, a_run
from thinkcurve.analysis.basis.grid import grids_of
from thinkcurve.analysis.basis.interval import UNKNOWN, Interval
from thinkcurve.analysis.basis.proportions import wilson
from thinkcurve.analysis.curve import curves_of
from thinkcurve.analysis.frontiers.frontier import MOST_PAIRS, OnAxis, on_axis, round_costs, round_targets
from thinkcurve.analysis.frontiers.points import Entry, Points, points_of
from thinkcurve.run import Run


def points(runs: list[Run]) -> Points:
    found = []
    for run in runs:
        info = run.manifest.models[0].info
        found += [
            Entry(grid, run.path.name, info["name"], info.get("active_parameters")) for grid in grids_of(run.attempts)
        ]
    return points_of(found)


def frontier(runs: list[Run], axis: str = "flops", **how: object) -> OnAxis:
    return on_axis(points(runs), axis, n_resamples=300, **how)  # type: ignore[arg-type]


def test_a_dominated_model_is_not_on_the_frontier() -> None:
    good = a_run("good", (0.4, 0.6, 0.7, 0.8), parameters=10**9, n=200)
    bad = a_run("bad", (0.1, 0.2, 0.3, 0.4), parameters=2 * 10**9, n=200)
    found = frontier([good, bad])
    chance = {(p.entry, p.budget): p.resample_share for p in found.points}
    assert [p.is_on_frontier for p in found.points] == [True] * 4 + [False] * 4
    assert all(chance[0, budget] == 1 for budget in LADDER)
    assert all(chance[1, budget] == 0 for budget in LADDER)


def test_twins_share_the_frontier_by_halves() -> None:
    shares = []
    for seed in range(8):
        twins = [a_run(name, (0.5,), budgets=(64,), n=100, samples=4, seed=2 * seed + i) for i, name in enumerate("ab")]
        on = frontier(twins, "total_tokens").points
        assert sum(p.is_on_frontier for p in on) >= 1
        shares.append(on[0].resample_share or 0.0)
    assert 0.2 < np.mean(shares) < 0.8


def test_the_interval_at_a_cost_is_about_that_of_the_point_itself() -> None:
    run = a_run("m", (0.2, 0.5, 0.8), budgets=(0, 64, 256), n=150, parameters=1)
    run.attempts["flops"] = run.attempts["budget"].map({0: 1.0, 64: 10.0, 256: 100.0})  # whatever the problem
    found = frontier([run], costs=[10.0, 1000.0], targets=[0.3])
    point = found.points[1]
    at, out = found.at_cost
    assert at.accuracy.value == pytest.approx(point.accuracy.value)
    assert at.accuracy.ci_low == pytest.approx(point.accuracy.ci_low, abs=0.03)
    assert at.accuracy.ci_high == pytest.approx(point.accuracy.ci_high, abs=0.03)
    assert out.accuracy == UNKNOWN


def test_a_target_that_is_never_reached_has_no_cost_and_one_often_reached_has_an_open_interval() -> None:
    run = a_run("m", (0.4, 0.5, 0.6), budgets=(0, 64, 256), n=60)
    top = max(p.accuracy.value or 0 for p in frontier([run], "total_tokens").points)
    low, near, never = frontier([run], "total_tokens", targets=[0.05, top + 0.01, 1.0]).to_reach
    assert (low.is_at_most, low.not_reached) == (True, pytest.approx(0, abs=0.2))
    assert (near.cost.value, near.cost.ci_high) == (None, None)
    assert near.cost.ci_low is not None
    assert 0.2 < (near.not_reached or 0) < 0.8
    assert (never.cost, never.not_reached) == (UNKNOWN, 1.0)


def test_cost_to_reach_covers_the_truth() -> None:
    """The truth is linear in log cost: 0.2 at 10 and 0.8 at 1000, so 0.5 at 100."""
    hits, n = 0, 60
    for seed in range(n):
        run = a_run("m", (0.0, 0.0), budgets=(10, 1000), n=100)
        luck = np.random.default_rng(seed).random(100)
        table = run.attempts
        table["flops"] = table["budget"].astype(float)
        chance = table["budget"].map({10: 0.2, 1000: 0.8})
        table["verdict"] = np.where(np.repeat(luck, 2) < chance, "correct", "incorrect")
        (found,) = frontier([run], costs=[], targets=[0.5]).to_reach
        assert found.cost.ci_low is not None
        assert found.cost.ci_high is not None
        hits += found.cost.ci_low <= 100 <= found.cost.ci_high
    assert hits / n > 0.87  # 0.95 less three standard errors


def test_small_and_large_are_paired_once_and_by_size() -> None:
    found = frontier(a_family()[:3])
    assert [(pair.small, pair.large) for pair in found.sizes] == [(0, 1), (0, 2), (1, 2)]
    turned = frontier(a_family()[2::-1])
    assert {(pair.small, pair.large) for pair in turned.sizes} == {(2, 1), (2, 0), (1, 0)}


def test_models_of_one_size_or_unknown_size_or_other_control_are_no_pair() -> None:
    one, same = (a_run(name, (0.3, 0.5), budgets=(0, 64), parameters=10**9) for name in "ab")
    assert not frontier([one, same, a_run("c", (0.3, 0.5), budgets=(0, 64))]).sizes
    effort = a_run("d", (0.3, 0.5), budgets=(0, 3), parameters=10**10, control="effort")
    assert not frontier([one, effort]).sizes


def test_an_entry_of_unknown_cost_is_named_and_left_out() -> None:
    found = frontier(a_family())
    assert found.entries_unknown == (3,)
    assert {p.entry for p in found.points if p.cost is None} == {3}
    assert not any(p.is_on_frontier or p.resample_share for p in found.points if p.cost is None)
    assert {a.entry for a in found.at_cost} == {r.entry for r in found.to_reach} == {0, 1, 2}


@pytest.mark.parametrize("right", [(0.0, 0.0), (1.1, 1.1)])
@pytest.mark.parametrize("n", [1, 2, 5])
def test_none_or_all_right_and_few_problems_are_no_crash(right: tuple[float, float], n: int) -> None:
    runs = [a_run(name, right, budgets=(0, None), n=n, parameters=p) for name, p in (("a", 5), ("b", 50))]
    found = frontier(runs)
    assert len(found.points) == 4
    assert [p.resample_share for p in found.points if p.is_on_frontier] == [1.0 if n > 1 else None]
    assert found.to_reach == ()


def test_one_point_alone_is_its_frontier() -> None:
    (point,) = frontier([a_run("m", (0.5,), budgets=(None,), n=2, control="native")], "wall_s").points
    assert (point.is_on_frontier, point.resample_share, point.budget) == (True, 1.0, None)


def test_levels_of_effort_have_their_names() -> None:
    run = a_run("m", (0.3, 0.5), budgets=(2, 4), control="effort")
    assert [p.effort for p in frontier([run], "total_tokens").points] == ["low", "high"]


@pytest.mark.parametrize(("right", "end"), [(1.1, 1.0), (0.0, 0.0)])
def test_all_or_none_right_has_the_width_of_the_problems_drawn(right: float, end: float) -> None:
    run = a_run("m", (right, right), budgets=(0, 64), n=30, parameters=1)
    run.attempts["flops"] = run.attempts["budget"] + 1.0
    (at,) = frontier([run], costs=[8.0]).at_cost
    low, high = wilson(end, 30)
    assert (at.accuracy.value, at.accuracy.ci_low, at.accuracy.ci_high) == (
        end,
        pytest.approx(low),
        pytest.approx(high),
    )


def test_one_problem_has_figures_and_no_intervals() -> None:
    run = a_run("m", (0.0, 1.1), budgets=(0, 64), n=1, parameters=1)
    run.attempts["flops"] = run.attempts["budget"] + 1.0
    found = frontier([run], costs=[65.0], targets=[0.5])
    assert found.at_cost[0].accuracy == Interval(1.0, None, None)
    (reached,) = found.to_reach
    assert reached.cost.value == pytest.approx(65**0.5)
    assert (reached.cost.ci_low, reached.cost.ci_high) == (None, None)
    assert (reached.not_reached, reached.is_at_most) == (None, False)
    assert {p.resample_share for p in found.points} == {None}


def test_where_all_problems_but_one_are_sure_the_interval_at_a_cost_allows_for_others() -> None:
    run = a_run("m", (1.1, 1.1), budgets=(0, 64), n=60, samples=4, parameters=1)
    run.attempts["flops"] = run.attempts["budget"] + 1.0
    run.attempts.loc[run.attempts.index[:2], "verdict"] = "incorrect"  # one attempt at each budget
    found = frontier([run], costs=[8.0])
    (at,), point = found.at_cost, found.points[0]
    assert at.accuracy.value == pytest.approx(239 / 240)
    assert at.accuracy.ci_low == pytest.approx(point.accuracy.ci_low, abs=1e-3)
    assert (at.accuracy.ci_low or 1) < 0.96


def test_of_many_sizes_those_near_the_frontier_and_next_to_each_other_are_compared() -> None:
    right = {1: (0.2, 0.4), 2: (0.3, 0.5), 3: (0.05, 0.06), 4: (0.5, 0.7), 5: (0.6, 0.9)}
    runs = [a_run(f"m{size}", chance, budgets=(0, 64), n=60, parameters=size) for size, chance in right.items()]
    found = frontier(runs)
    near = {p.entry for p in found.points if p.is_on_frontier}
    assert 2 not in near  # dearer and worse than two smaller ones
    assert (found.n_pairs, len(found.sizes)) == (10, MOST_PAIRS)
    pairs = [(pair.small, pair.large) for pair in found.sizes]
    assert sum(2 in pair for pair in pairs) == 2
    assert pairs == sorted(pairs)


def test_groups_are_drawn_whole() -> None:
    run = a_run("m", (0.5,), budgets=(64,), n=40)
    run.attempts["verdict"] = np.where(np.arange(40) < 20, "correct", "incorrect")
    alone = frontier([run], "wall_s", costs=[0.1]).at_cost[0]
    run = a_run("m", (0.5,), budgets=(64,), n=40)
    run.attempts["verdict"] = np.where(np.arange(40) < 20, "correct", "incorrect")
    run.attempts["group"] = [f"contest {index // 4}" for index in range(40)]  # five all right, five all wrong
    grouped = frontier([run], "wall_s", costs=[0.1]).at_cost[0]
    assert alone.accuracy.ci_low is not None
    assert grouped.accuracy.ci_low is not None
    assert grouped.accuracy.ci_low < alone.accuracy.ci_low - 0.1


def test_the_same_seed_gives_the_same_and_another_does_not() -> None:
    runs = a_family()[:2]
    assert frontier(runs) == frontier(runs)
    assert frontier(runs) != frontier(runs, seed=1)


def test_what_cannot_be_compared_is_refused() -> None:
    with pytest.raises(ValueError, match="'tokens' is not one of thinking_tokens"):
        frontier(a_family(), "tokens")
    with pytest.raises(ValueError, match="no problem in common"):
        frontier([a_run("m", (0.5,), budgets=(0,), n=3), a_run("n", (0.5,), budgets=(0,), n=6, skip=(0, 1, 2))])


def test_chosen_costs_and_targets_are_round_and_within() -> None:
    costs = round_costs(np.array([0.0, np.nan, 120e9, 12.1e12]))
    assert costs == (3.0e11, 7.6e11, 1.9e12, 4.8e12)
    assert round_costs(np.array([0.0, np.nan])) == ()
    assert round_costs(np.array([7.0])) == (7.0,)
    assert round_targets(np.array([0.03, 0.98])) == (0.2, 0.4, 0.6, 0.8)
    assert round_targets(np.array([0.5, 0.5])) == round_targets(np.array([])) == ()
    assert all(0.5 < target <= 0.503 for target in round_targets(np.array([0.5, 0.503])))


def test_a_point_has_the_interval_that_the_curve_has() -> None:
    run = a_run("m", (0.4, 0.7), budgets=(16, 64), n=60)
    run.attempts["group"] = [f"contest {index // 5}" for index in run.attempts["index"]]
    (curve,) = curves_of(run.attempts, run.failures)
    shown = {p.budget: (p.accuracy.ci_low, p.accuracy.ci_high) for p in frontier([run], "total_tokens").points}
    assert curve.points[0].n_groups == 12
    assert shown == {point.budget: (point.ci_low, point.ci_high) for point in curve.points}
