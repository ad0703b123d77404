"""What allocation could win on one curve, by hand and against every assignment."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pandas as pd
import pytest

from thinkcurve.analysis.allocation.headroom import headroom_of
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
        assert point.cost == COSTS[place]
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
