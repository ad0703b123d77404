"""Where the tokens of a curve went, against counting by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from thinkcurve.analysis.allocation.halves import halves
from thinkcurve.analysis.allocation.uses import Allocation, allocation_of
from thinkcurve.analysis.basis.axes import ledgers_of
from thinkcurve.analysis.basis.grid import Grid, grids_of
from thinkcurve.analysis.basis.interval import Interval
from thinkcurve.analysis.basis.ratios import ratios
from thinkcurve.budget import EFFORTS

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


FIVE = {"a": ["111"], "b": ["011"], "c": ["101"], "d": ["000"], "e": ["010"]}
"""Costs are 10, 20 and 30 tokens. b* is 0, 1, 2, never, never."""


def five(**columns: Any) -> Allocation:
    return allocation_of(grid_of(FIVE, budgets=(0, 16, None), **columns))


def test_the_figures_of_five_problems_by_hand() -> None:
    found = five()
    assert found.never.value == pytest.approx(1 / 5)
    assert found.lapsed.value == pytest.approx(1 / 5)
    assert found.regressed.value == pytest.approx(1 / 5)
    assert [s.needed.value for s in found.budgets] == pytest.approx([1 / 5, 1 / 5, 1 / 5])
    assert [s.cost for s in found.budgets] == [10, 20, 30]
    assert [s.overthinking.value for s in found.budgets] == pytest.approx([0, 10 / 100, (20 + 10) / 150])
    assert [s.futile.value for s in found.budgets] == pytest.approx([1 / 5, 1 / 5, 1 / 5])
    assert [s.lapsed.value for s in found.budgets] == pytest.approx([1 / 5, 1 / 5, 1 / 5])
    assert [s.short.value for s in found.budgets] == pytest.approx([(10 + 10) / 50, 20 / 100, 0])
    assert [s.starved.value for s in found.budgets] == pytest.approx([2 / 5, 1 / 5, 0])
    assert [s.lost.value for s in found.budgets] == [None, pytest.approx(1 / 5), pytest.approx(1 / 5)]
    assert [s.gained.value for s in found.budgets] == [None, pytest.approx(2 / 5), pytest.approx(1 / 5)]
    assert [s.lost_of_right.value for s in found.budgets] == [None, pytest.approx(1 / 2), pytest.approx(1 / 3)]


def test_tokens_are_sums_over_sums_as_in_the_ledger_of_the_run() -> None:
    # one sample of a problem, and three of another that take ten times as many tokens
    grid = grid_of({"a": ["01"], "b": ["11", "11", "11"]}, budgets=(0, 16))
    grid.attempts["generated_tokens"] = [10.0, 20.0] + [100.0, 200.0] * 3
    for name in ("thinking_tokens", "flops", "usd", "wall_s"):
        grid.attempts[name] = NAN
    found = allocation_of(grid)
    assert [use.cost for use in found.budgets] == [310 / 4, 620 / 4]
    assert found.budgets[1].overthinking.value == pytest.approx(300 / 620)
    assert found.budgets[0].short.value == pytest.approx(10 / 310)
    (ledger,) = ledgers_of(grid.attempts, pd.DataFrame(columns=["model", "task", "generated_tokens"]))
    assert [one.alone["generated_tokens"] for one in ledger.budgets] == [use.cost for use in found.budgets]


def test_problems_without_an_attempt_at_every_budget_are_left_out_and_counted() -> None:
    lines = {"a": ["011"], "b": ["1x1"], "c": ["00x"], "d": ["001"]}
    found = allocation_of(grid_of(lines, budgets=(0, 16, None)))
    assert (found.n_problems, found.n_left_out) == (2, 2)
    whole = allocation_of(grid_of({"a": ["011"], "d": ["001"]}, budgets=(0, 16, None)))
    assert found.budgets == whole.budgets


def test_where_no_problem_is_whole_nothing_is_known() -> None:
    found = allocation_of(grid_of({"a": ["1x"], "b": ["x1"]}, budgets=(0, 16)))
    assert (found.n_problems, found.n_left_out) == (0, 2)
    assert found.never == found.budgets[0].needed == found.budgets[1].starved == Interval(None, None, None)
    assert found.budgets[0].cost is None


def test_a_level_of_effort_has_its_name() -> None:
    found = allocation_of(grid_of({"a": ["01"], "b": ["11"]}, budgets=(0, 2), control="effort"))
    assert [use.effort for use in found.budgets] == [EFFORTS[0], EFFORTS[2]]


def test_groups_are_drawn_whole() -> None:
    # twelve contests of five problems, all of a contest alike: as uncertain as twelve problems, not as sixty
    lines = {f"{g}/{i}": ["01" if g % 2 else "11"] for g in range(12) for i in range(5)}
    grouped = grid_of(lines, budgets=(0, 16))
    grouped.attempts["group"] = [name.partition("/")[0] for name in grouped.attempts["problem"]]
    apart = allocation_of(grid_of(lines, budgets=(0, 16)))
    together = allocation_of(grids_of(grouped.attempts)[0])
    for name in ("starved", "overthinking"):
        place = 0 if name == "starved" else 1
        wide, narrow = (getattr(one.budgets[place], name) for one in (together, apart))
        assert wide.value == pytest.approx(narrow.value)
        assert wide.ci_high - wide.ci_low > 1.7 * (narrow.ci_high - narrow.ci_low)


def test_one_sample_has_no_other_half() -> None:
    assert five().crossfit is None


def test_flips_are_in_line_only_where_a_trace_is_shared() -> None:
    assert five().is_in_line
    assert not five(control="server").is_in_line


def test_an_unknown_cost_leaves_the_tokens_unknown_and_the_answers_known() -> None:
    found = five(generated_tokens=NAN)
    assert [s.cost for s in found.budgets] == [None] * 3
    assert [s.overthinking for s in found.budgets] == [Interval(None, None, None)] * 3
    assert found.budgets[1].starved.value == pytest.approx(1 / 5)


def test_a_cost_unknown_at_one_budget_leaves_the_smaller_ones_known() -> None:
    costs = [10.0, 20.0, 30.0] * 5
    costs[4] = NAN
    assert [s.cost for s in five(generated_tokens=costs).budgets] == [10, None, None]


def test_one_problem_has_figures_and_no_interval() -> None:
    found = allocation_of(grid_of({"a": ["01"]}, budgets=(0, None)))
    assert found.budgets[0].starved == Interval(1.0, 1.0, 1.0) or found.budgets[0].starved.ci_low is None
    assert found.budgets[1].gained == Interval(1.0, None, None)


def test_what_no_problem_has_may_still_be() -> None:
    found = allocation_of(grid_of({str(i): ["11"] for i in range(30)}, budgets=(0, None)))
    assert found.never.value == 0.0
    assert found.never.ci_high == pytest.approx(0.1135, abs=1e-3)  # Wilson for 0 of 30
    assert found.budgets[1].lost.ci_high == pytest.approx(0.1135, abs=1e-3)
    assert found.budgets[0].overthinking == Interval(0.0, 0.0, 0.0)  # by definition


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
    for one, held in zip(found.budgets, found.crossfit.overthinking, strict=True):
        assert held.value == pytest.approx(one.overthinking.value)
    for one, held in zip(found.budgets, found.crossfit.futile, strict=True):
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
    for one in found.budgets:
        for interval in (one.overthinking, one.futile, one.short, one.starved, one.lost, one.gained):
            assert interval.value is None or 0 <= interval.value <= 1
