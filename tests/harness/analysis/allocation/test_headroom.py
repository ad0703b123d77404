"""What allocation could win on one curve, by hand and against every assignment."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pandas as pd
import pytest

from thinkcurve.analysis.allocation.headroom import headroom_of
from thinkcurve.analysis.allocation.oracle import Oracle
from thinkcurve.analysis.basis.accuracy import accuracy
from thinkcurve.analysis.basis.grid import Grid, grids_of
from thinkcurve.analysis.basis.interval import Interval

COSTS = (10.0, 20.0, 40.0)
UNKNOWN = Interval(None, None, None)


def grid_of(answers: dict[str, list[str]], **columns: Any) -> Grid:
    """Problems as strings, one a sample, one letter a budget: 1 right, 0 wrong, x no attempt; costs are `COSTS`."""
    cells = [
        (problem, sample, place, letter)
        for problem, lines in answers.items()
        for sample, line in enumerate(lines)
        for place, letter in enumerate(line)
        if letter != "x"
    ]
    table = pd.DataFrame(
        {
            "model": "m",
            "task": "t",
            "control": "truncate",
            "problem": [p for p, *_ in cells],
            "sample": [s for _, s, *_ in cells],
            "budget": pd.array([place for *_, place, _ in cells], dtype="Int64"),
            "verdict": ["correct" if letter == "1" else "incorrect" for *_, letter in cells],
            "generated_tokens": [COSTS[place] for *_, place, _ in cells],
            **columns,
        }
    )
    return grids_of(table)[0]


def test_every_assignment_confirms_oracle_gain_and_saving() -> None:
    answers = {"a": ["111"], "b": ["011"], "c": ["001"], "d": ["000"], "e": ["010"]}
    found = headroom_of(grid_of(answers), n_resamples=50)
    lines = [[letter == "1" for letter in line] for (line,) in answers.values()]
    ways = [
        (np.mean([COSTS[i] for i in way]), np.mean([line[i] for line, i in zip(lines, way, strict=True)]))
        for way in itertools.product(range(3), repeat=5)
    ]
    for place, point in enumerate(found.points):
        uniform = np.mean([line[place] for line in lines])
        assert point.cost_per_problem == COSTS[place]
        assert point.uniform.value == pytest.approx(uniform)
        lots = [v for c, v in ways if c <= COSTS[place]]
        lots += [
            v1 + (COSTS[place] - c1) / (c2 - c1) * (v2 - v1)
            for (c1, v1), (c2, v2) in itertools.product(set(ways), repeat=2)
            if c1 <= COSTS[place] < c2
        ]
        assert point.oracle.value == pytest.approx(max(lots))
        assert point.gain.value == pytest.approx(max(lots) - uniform)
        cheapest = min(
            [c for c, v in ways if v >= uniform - 1e-9]
            + [
                c1 + (uniform - v1) / (v2 - v1) * (c2 - c1)
                for (c1, v1), (c2, v2) in itertools.product(set(ways), repeat=2)
                if v1 < uniform <= v2
            ]
        )
        assert point.saving.value == pytest.approx(1 - cheapest / COSTS[place])
        assert (point.planned, point.planned_gain) == (UNKNOWN, UNKNOWN)


def test_certain_samples_plan_as_well_as_hindsight() -> None:
    answers = {str(i): [line] * 4 for i, line in enumerate(["111", "011", "001", "000"] * 5)}
    found = headroom_of(grid_of(answers), n_resamples=50)
    assert found.n_planned == 20
    for point in found.points:
        assert point.planned.value == pytest.approx(point.oracle.value)
        assert point.planned_gain.value == pytest.approx(point.gain.value, abs=1e-9)


def test_a_gain_of_luck_is_not_there_on_held_out_samples() -> None:
    rng = np.random.default_rng(0)
    answers = {str(i): ["".join(rng.choice(["0", "1"], 3)) for _ in range(2)] for i in range(1000)}
    point = headroom_of(grid_of(answers), n_resamples=50).points[1]
    assert point.gain.value is not None
    assert point.gain.value > 0.15
    assert point.planned_gain.value == pytest.approx(0.0, abs=0.05)  # four standard errors


def test_problems_with_holes_are_left_out_and_counted() -> None:
    found = headroom_of(grid_of({"a": ["011"], "b": ["0x1"], "c": ["111"]}), n_resamples=50)
    assert (found.n_problems, found.n_left_out) == (2, 1)
    assert found.points[0].uniform.value == 0.5


def test_where_no_problem_is_whole_or_costs_are_unknown_there_are_no_points() -> None:
    assert headroom_of(grid_of({"a": ["01x"], "b": ["x11"]})).points == ()
    assert headroom_of(grid_of({"a": ["011"]}, generated_tokens=np.nan)).points == ()


def test_one_problem_has_figures_and_no_interval() -> None:
    (first, *_, last) = headroom_of(grid_of({"a": ["011"]}), n_resamples=50).points
    assert first.uniform == Interval(0.0, None, None)
    assert last.saving == Interval(0.5, None, None)


def width(one: Interval) -> float:
    assert one.ci_low is not None
    assert one.ci_high is not None
    return one.ci_high - one.ci_low


def test_what_no_resample_has_seen_may_still_be() -> None:
    first, *_, last = headroom_of(grid_of({str(i): ["111"] for i in range(30)}), n_resamples=50).points
    for point in (first, last):
        for figure in (point.uniform, point.oracle):
            assert figure.value == 1.0
            assert figure.ci_low == pytest.approx(0.8865, abs=1e-4)  # Wilson for 30 of 30
    # the dearest budget may have something to win, and others may not spare what all of these do
    assert last.gain.ci_low == 0
    assert width(last.gain) > 0.05
    assert last.saving == Interval(0.75, None, None)
    # nothing can be won or spared where every problem has its cheapest
    assert first.gain == first.saving == Interval(0.0, 0.0, 0.0)


@pytest.mark.parametrize("has_groups", [False, True])
def test_one_budget_for_all_has_the_interval_of_the_curve(has_groups: bool) -> None:
    rng = np.random.default_rng(0)
    answers = {str(i): ["".join(rng.choice(["0", "1"], 3)) for _ in range(2)] for i in range(48)}
    grid = grid_of(answers, group=None)
    if has_groups:
        grid.attempts["group"] = [int(problem) // 4 for problem in grid.attempts["problem"]]
        (grid,) = grids_of(grid.attempts)
    assert (grid.groups is not None) == has_groups
    for place, point in enumerate(headroom_of(grid, n_resamples=50).points):
        curve = accuracy(grid.right[:, place], grid.drawn[:, place], groups=grid.groups)
        one = point.uniform
        assert (one.value, one.ci_low, one.ci_high) == pytest.approx((curve.mean, curve.ci_low, curve.ci_high))


def test_problems_weigh_alike_in_what_a_plan_costs() -> None:
    answers = {"a": ["01x"], "b": ["01x", "01x", "01x"]}
    grid = grid_of({name: [line.replace("x", "1") for line in lines] for name, lines in answers.items()})
    grid.attempts["generated_tokens"] = [10.0, 20.0, 30.0] + [40.0, 50.0, 60.0] * 3
    points = headroom_of(grid, n_resamples=50).points
    assert [point.cost_per_problem for point in points] == [25, 35, 45]


def test_tokens_of_nothing_are_no_error() -> None:
    answers = {str(i): ["011"] for i in range(12)}
    point = headroom_of(grid_of(answers, generated_tokens=0.0), n_resamples=50).points[0]
    assert point.saving.value is None
    assert point.oracle.value == 1.0


@pytest.mark.slow
def test_intervals_of_the_oracle_hold_what_these_answers_would_give_for_many() -> None:
    # the oracle of one sample a problem has a truth of its own: that of very many problems
    def simulated(n: int, seed: int) -> np.ndarray:
        rng = np.random.default_rng(seed)
        return rng.random((n, 3)) < rng.beta(2, 3, n)[:, None] * [0.5, 0.8, 1.0]

    many = simulated(200_000, 1).astype(float)
    ones, at, uniform = np.ones((1, len(many))), COSTS[1], many[:, 1].mean()
    best = Oracle.of(many, np.tile(COSTS, (len(many), 1)))
    value = best.value_at(ones, np.array([[at]]))[0, 0]
    saving = 1 - best.cost_at(ones, np.array([[uniform]]))[0, 0] / at
    truth = {"uniform": uniform, "oracle": value, "gain": value - uniform, "saving": saving}
    held = dict.fromkeys(truth, 0)
    n_studies = 400
    for seed in range(n_studies):
        rows = simulated(100, 1000 + seed)
        answers = {str(i): ["".join("1" if r else "0" for r in row)] for i, row in enumerate(rows)}
        point = headroom_of(grid_of(answers), n_resamples=400).points[1]
        for name, true in truth.items():
            one = getattr(point, name)
            held[name] += one.ci_low <= true <= one.ci_high
    for name, n in held.items():
        assert 0.917 <= n / n_studies <= 0.983, (name, n)  # 95 % and three standard errors
