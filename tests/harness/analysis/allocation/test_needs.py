"""b*, where the tokens went and flips, against counting by hand and by loops."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from thinkcurve.analysis.allocation.halves import halves
from thinkcurve.analysis.allocation.needs import (
    Allocation,
    allocation_of,
    flips,
    ledger,
    mean_costs,
    regressed,
    starved,
    sufficient,
)
from thinkcurve.analysis.basis.grid import Grid, grids_of
from thinkcurve.analysis.basis.interval import Interval
from thinkcurve.analysis.basis.ratios import ratios

NAN = np.nan


def grid_of(
    answers: dict[str, list[str]], *, budgets: tuple[int | None, ...], control: str = "truncate", **columns: Any
) -> Grid:
    """A grid of problems as strings, one a sample, one letter a budget: 1 right, 0 wrong, x no attempt."""
    cells = [
        (problem, sample, budget, letter, place)
        for problem, lines in answers.items()
        for sample, line in enumerate(lines)
        for place, (budget, letter) in enumerate(zip(budgets, line, strict=True))
        if letter != "x"
    ]
    table = pd.DataFrame(
        {
            "model": "m",
            "task": "t",
            "control": control,
            "problem": [p for p, *_ in cells],
            "sample": [s for _, s, *_ in cells],
            "budget": pd.array([b for _, _, b, _, _ in cells], dtype="Int64"),
            "verdict": ["correct" if letter == "1" else "incorrect" for *_, letter, _ in cells],
            "generated_tokens": [10.0 * (place + 1) for *_, place in cells],
            **columns,
        }
    )
    (found,) = grids_of(table)
    return found


shares = st.sampled_from([0.0, 0.25, 0.5, 0.75, 1.0, NAN])
tables = hnp.arrays(float, st.tuples(st.integers(1, 6), st.integers(1, 5)), elements=shares)


@pytest.mark.parametrize(
    ("means", "first", "lasting"),
    [
        ([0, 0, 1], 2, 2),
        ([1, 0, 1], 0, 2),
        ([1, 1, 1], 0, 0),
        ([0, 1, 0], 1, 3),
        ([0, 0, 0], 3, 3),
        ([0.4, 0.5, 0.6], 1, 1),
        ([NAN, 1, NAN], 1, 1),
        ([1, NAN, 0], 0, 3),
        ([NAN, NAN, NAN], 3, 3),
    ],
)
def test_b_star_of_one_problem(means: list[float], first: int, lasting: int) -> None:
    table = np.array([means], dtype=float)
    assert sufficient(table).tolist() == [first]
    assert sufficient(table, lasting=True).tolist() == [lasting]


@given(tables, st.sampled_from([0.25, 0.5, 1.0]))
def test_b_star_is_what_a_search_finds(means: np.ndarray, threshold: float) -> None:
    n = means.shape[1]
    for row, first, lasting in zip(
        means, sufficient(means, threshold=threshold), sufficient(means, threshold=threshold, lasting=True), strict=True
    ):
        right = [j for j in range(n) if row[j] >= threshold]
        wrong = [j for j in range(n) if row[j] < threshold]
        assert first == min(right, default=n)
        assert lasting == min((j for j in right if all(w < j for w in wrong)), default=n)
        assert first <= lasting


@given(tables, st.integers(0, 9))
def test_the_ledger_accounts_for_every_token(means: np.ndarray, seed: int) -> None:
    costs = np.where(np.isnan(means), NAN, np.random.default_rng(seed).integers(0, 50, means.shape))
    places = sufficient(means)
    parts = ledger(costs, places)
    for p, b in itertools.product(*map(range, means.shape)):
        if np.isnan(costs[p, b]):
            assert all(np.isnan(part[p, b]) for part in parts.values())
            continue
        star = places[p]
        expected = dict.fromkeys(("overthinking", "short", "futile"), 0.0)
        if star == means.shape[1]:
            expected["futile"] = costs[p, b]
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


FIVE = {"a": ["111"], "b": ["011"], "c": ["101"], "d": ["000"], "e": ["010"]}
"""Costs are 10, 20 and 30 tokens. b* is 0, 1, 0, never, 1; lasting 0, 1, 2, never, never."""


def five(**columns: Any) -> Allocation:
    return allocation_of(grid_of(FIVE, budgets=(0, 16, None), **columns))


def test_the_figures_of_five_problems_by_hand() -> None:
    found = five()
    assert found.never_first.value == pytest.approx(1 / 5)
    assert found.never_lasting.value == pytest.approx(2 / 5)
    assert found.regressed.value == pytest.approx(1 / 5)
    assert [s.needed_first for s in found.spending] == pytest.approx([2 / 5, 2 / 5, 0])
    assert [s.needed_lasting for s in found.spending] == pytest.approx([1 / 5, 1 / 5, 1 / 5])
    assert [s.tokens for s in found.spending] == [10, 20, 30]
    assert [s.overthinking.value for s in found.spending] == pytest.approx([0, 20 / 100, (20 + 10 + 20 + 10) / 150])
    assert [s.futile.value for s in found.spending] == pytest.approx([1 / 5, 1 / 5, 1 / 5])
    assert [s.short.value for s in found.spending] == pytest.approx([2 / 5, 0, 0])
    assert [s.starved.value for s in found.spending] == pytest.approx([2 / 5, 1 / 5, 0])
    assert [s.lost.value for s in found.spending] == [None, pytest.approx(1 / 5), pytest.approx(1 / 5)]
    assert [s.gained.value for s in found.spending] == [None, pytest.approx(2 / 5), pytest.approx(1 / 5)]
    assert [s.lost_of_right.value for s in found.spending] == [None, pytest.approx(1 / 2), pytest.approx(1 / 3)]


def test_one_sample_has_no_other_half() -> None:
    assert five().crossfit is None


def test_flips_are_in_line_only_where_a_trace_is_shared() -> None:
    assert five().is_in_line
    assert not five(control="server").is_in_line


def test_an_unknown_cost_leaves_the_tokens_unknown_and_the_answers_known() -> None:
    found = five(generated_tokens=NAN)
    assert [s.tokens for s in found.spending] == [None] * 3
    assert [s.overthinking for s in found.spending] == [Interval(None, None, None)] * 3
    assert found.spending[1].starved.value == pytest.approx(1 / 5)


def test_a_cost_unknown_at_one_budget_leaves_the_smaller_ones_known() -> None:
    costs = [10.0, 20.0, 30.0] * 5
    costs[4] = NAN
    assert [s.tokens for s in five(generated_tokens=costs).spending] == [10, None, None]


def test_one_problem_has_figures_and_no_interval() -> None:
    found = allocation_of(grid_of({"a": ["01"]}, budgets=(0, None)))
    assert found.spending[0].starved == Interval(1.0, 1.0, 1.0) or found.spending[0].starved.ci_low is None
    assert found.spending[1].gained == Interval(1.0, None, None)


def test_what_no_problem_has_may_still_be() -> None:
    found = allocation_of(grid_of({str(i): ["11"] for i in range(30)}, budgets=(0, None)))
    assert found.never_first.value == 0.0
    assert found.never_first.ci_high == pytest.approx(0.1135, abs=1e-3)  # Wilson for 0 of 30
    assert found.spending[1].lost.ci_high == pytest.approx(0.1135, abs=1e-3)
    assert found.spending[0].overthinking == Interval(0.0, 0.0, 0.0)  # by definition


def test_ratios_are_sums_over_sums() -> None:
    above, below = np.array([[1.0], [NAN], [3.0]]), np.array([[2.0], [5.0], [10.0]])
    assert ratios({"x": (above, below)})["x"][0].value == pytest.approx(4 / 12)


def test_b_star_by_luck_does_not_hold_on_other_samples() -> None:
    # all answers are fair coins: of two samples the chooser is right at b*, the judge half the time
    rng = np.random.default_rng(3)
    lines = {str(p): ["".join(rng.choice(["0", "1"], 6)) for _ in range(2)] for p in range(2000)}
    found = allocation_of(grid_of(lines, budgets=(0, 1, 2, 3, 4, None)), n_resamples=200)
    assert found.crossfit is not None
    assert found.crossfit.n_splits == 1
    assert found.crossfit.right_at_chosen.value == 1.0
    assert found.crossfit.right_at_held_out.value == pytest.approx(0.5, abs=0.04)  # four standard errors


def test_b_star_that_is_certain_holds_on_other_samples() -> None:
    lines = {"a": ["011"] * 4, "b": ["001"] * 4, "c": ["000"] * 4}
    found = allocation_of(grid_of(lines, budgets=(0, 16, None)))
    assert found.crossfit is not None
    assert found.crossfit.right_at_held_out.value == 1.0
    for one, held in zip(found.spending, found.crossfit.overthinking, strict=True):
        assert held.value == pytest.approx(one.overthinking.value)
    for one, held in zip(found.spending, found.crossfit.futile, strict=True):
        assert held.value == pytest.approx(one.futile.value)


def test_only_what_the_other_half_confirms_is_overthinking() -> None:
    # the first sample chooses 0, where the second is wrong; the second chooses 16, where the first is right
    found = allocation_of(grid_of({"a": ["111", "011"]}, budgets=(0, 16, None))).crossfit
    assert found is not None
    assert [one.value for one in found.overthinking] == pytest.approx([0, 0, (30 - 20) / (30 + 30)])
    assert found.right_at_held_out.value == pytest.approx(1 / 2)


def test_only_what_the_other_half_never_solves_is_futile() -> None:
    found = allocation_of(grid_of({"a": ["00", "01"], "b": ["00", "00"]}, budgets=(0, None))).crossfit
    assert found is not None
    assert [one.value for one in found.futile] == pytest.approx([1 / 2, 1 / 2])


def test_each_half_chooses_once_and_judges_once() -> None:
    (one, two), (three, four) = halves(grid_of({"a": ["01", "11"]}, budgets=(0, None)), "generated_tokens")
    assert one.means.tolist() == four.means.tolist()
    assert two.means.tolist() == three.means.tolist()
    assert one.means.tolist() != two.means.tolist()


@pytest.mark.parametrize(
    "lines",
    [
        {"a": ["1"]},
        {"a": ["1", "x"], "b": ["x", "0"]},
        {"a": ["1x", "x0"], "b": ["x1", "xx"]},
        {"a": ["111", "11x"], "b": ["x11", "111"]},
        {"a": ["000", "000"], "b": ["000", "000"]},
    ],
)
def test_what_is_ragged_or_alike_is_no_error(lines: dict[str, list[str]]) -> None:
    budgets: tuple[int | None, ...] = (0, 16, None)[: len(next(iter(lines.values()))[0])]
    found = allocation_of(grid_of(lines, budgets=budgets), n_resamples=50)
    for one in found.spending:
        for interval in (one.overthinking, one.futile, one.short, one.starved, one.lost, one.gained):
            assert interval.value is None or 0 <= interval.value <= 1
