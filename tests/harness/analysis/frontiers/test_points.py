"""Points of several runs: what they have in common, and that they are drawn together."""

from collections.abc import Sequence
from itertools import product

import numpy as np
import pytest

from analysis.simulated import a_run
from thinkcurve.analysis.basis.grid import grids_of
from thinkcurve.analysis.frontiers.points import Entry, Points, points_of
from thinkcurve.run import Run


def points(runs: Sequence[Run]) -> Points:
    return points_of([Entry(grid, run.path.name) for run in runs for grid in grids_of(run.attempts)])


def mean(run: Run, budget: int, problems: Sequence[str], column: str) -> float:
    rows = run.attempts[run.attempts["problem"].isin(problems) & (run.attempts["budget"] == budget)]
    return float(rows[column].mean())


ONE = a_run("one", (0.2, 0.6), budgets=(0, 256), n=12, skip=(3,), parameters=10)
TWO = a_run("two", (0.3, 0.7, 0.8), budgets=(0, 64, 256), n=10, parameters=20, seed=5, fail=[(4, 64)], samples=2)


def test_points_rest_on_the_problems_that_all_have() -> None:
    found = points([ONE, TWO])
    assert sorted(found.problems) == sorted(f"t/test/{i}" for i in range(10) if i not in (3, 4))
    assert (found.n_problems, len(found), found.empty) == (12, 5, ())
    for entry in found.entries:
        assert entry.grid.problems == found.problems


def test_figures_are_those_of_the_tables() -> None:
    found = points([ONE, TWO])
    once = found.everything
    costs, accuracies = found.cost(once, "flops")[0], found.accuracy(once)[0]
    named = [(ONE, 0), (ONE, 256), (TWO, 0), (TWO, 64), (TWO, 256)]
    for n, (run, budget) in enumerate(named):
        assert costs[n] == pytest.approx(mean(run, budget, found.problems, "flops"))
        rows = run.attempts[run.attempts["problem"].isin(found.problems) & (run.attempts["budget"] == budget)]
        by_problem = (rows["verdict"] == "correct").groupby(rows["problem"]).mean()
        assert accuracies[n] == pytest.approx(by_problem.mean())


def test_a_resample_is_the_same_problems_for_all_and_its_costs_are_sums_over_sums() -> None:
    found = points([ONE, TWO])
    weights = np.arange(len(found.problems), dtype=float)[None]
    repeated = [p for p, w in zip(found.problems, weights[0], strict=True) for _ in range(int(w))]
    for n, (run, budget) in enumerate([(ONE, 0), (ONE, 256), (TWO, 0), (TWO, 64), (TWO, 256)]):
        rows = run.attempts[run.attempts["budget"] == budget].set_index("problem")
        drawn = [cost for problem in repeated for cost in rows.loc[[problem], "thinking_tokens"]]
        assert found.cost(weights, "thinking_tokens")[0, n] == pytest.approx(sum(drawn) / len(drawn))


def test_ragged_samples_weigh_by_attempt_in_costs_and_by_problem_in_accuracy() -> None:
    run = a_run("m", (0.5,), budgets=(256,), n=6, samples=3)
    table = run.attempts.drop(index=[1, 2, 4])
    found = points_of([Entry(grid) for grid in grids_of(table)])
    assert found.cost(found.everything, "thinking_tokens")[0, 0] == pytest.approx(table["thinking_tokens"].mean())
    by_problem = (table["verdict"] == "correct").groupby(table["problem"]).mean()
    assert found.accuracy(found.everything)[0, 0] == pytest.approx(by_problem.mean())


def test_a_cost_that_is_not_known_throughout_is_not_known() -> None:
    run = a_run("m", (0.5, 0.5), budgets=(0, 64), n=5, parameters=10)
    run.attempts.loc[3, "flops"] = np.nan
    found = points([run])
    assert np.isnan(found.cost(found.everything, "flops")[0]).tolist() == [False, True]
    assert np.isnan(found.cost(np.ones((2, 5)), "joules")).all()


def test_a_budget_at_which_all_failed_is_left_out_and_named() -> None:
    run = a_run("m", (0.5, 0.5), budgets=(0, 64), n=3, fail=list(product(range(3), [64])))
    other = a_run("n", (0.5, 0.5), budgets=(0, 64), n=3)
    run.attempts.loc[len(run.attempts)] = run.attempts.iloc[0].to_dict() | {"problem": "t/test/9", "budget": 64}
    found = points([run, other])
    assert found.problems == ()  # the one attempt there is on no problem of the others
    assert found.empty == ()
    found = points([a_run("m", (0.5, 0.5), budgets=(0, 64), n=3, fail=list(product(range(3), [64]))), other])
    assert len(found.problems) == 3


def test_no_common_problem_and_no_entries_are_no_points_to_compare() -> None:
    none = points([a_run("m", (0.5,), budgets=(0,), n=3), a_run("n", (0.5,), budgets=(0,), n=6, skip=(0, 1, 2))])
    assert (none.problems, none.groups, none.n_problems) == ((), None, 6)
    assert points_of([]).problems == ()


def test_points_of_two_tasks_are_refused() -> None:
    with pytest.raises(ValueError, match="several tasks"):
        points([a_run("m", (0.5,), budgets=(0,)), a_run("m", (0.5,), budgets=(0,), task="other")])
