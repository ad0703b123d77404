"""Surfaces against enumeration of all subsets, the curve of the same attempts, and what may go wrong in a run."""

import json
from collections import Counter
from collections.abc import Iterator
from fractions import Fraction
from itertools import combinations
from typing import Any

import msgspec
import numpy as np
import pandas as pd
import pytest

from thinkcurve.analysis.basis.grid import grids_of
from thinkcurve.analysis.basis.interval import Interval
from thinkcurve.analysis.curve import curves_of
from thinkcurve.analysis.parallel.measures import measures_of
from thinkcurve.analysis.parallel.surface import Cell, Choice, Surface, Uses, ks_up_to, surface_of

KNOWN = {"model": "m", "task": "t", "control": "truncate", "group": None, "level": None, "rung": "number"}
FAST = {"n_resamples": 100, "n_splits": 4}


def table(
    answers: dict[tuple[int, int | None], str], *, tokens: float | None = None, **columns: object
) -> pd.DataFrame:
    """Attempts from what the samples of (problem, budget) answer, a letter each: ``r`` is right, ``-`` is missing."""
    rows = []
    for (problem, budget), letters in answers.items():
        for sample, letter in enumerate(letters):
            if letter == "-":
                continue
            spent = (budget or 100) + sample + problem if tokens is None else tokens
            costs = {"thinking_tokens": spent, "generated_tokens": spent + 5, "total_tokens": spent + 25}
            rest = dict.fromkeys(("answer_tokens", "flops", "wall_s", "joules", "usd"), np.nan)
            flags = dict.fromkeys(("is_forced", "is_truncated_answer"), False)
            verdict = "correct" if letter == "r" else "incorrect"
            row = {"problem": f"p{problem}", "budget": budget, "sample": sample, "verdict": verdict}
            rows.append({**KNOWN, **row, "extracted": str(ord(letter)), "reason": "", **costs, **rest, **flags})
    return pd.DataFrame(rows).assign(**columns)


def the_surface(attempts: pd.DataFrame, **more: Any) -> Surface:
    (grid,) = grids_of(attempts)
    return surface_of(grid, **{**FAST, **more})


def at(surface: Surface, budget: int | None, k: int) -> Cell:
    (cell,) = [cell for cell in surface.cells if (cell.budget, cell.k) == (budget, k)]
    return cell


def voted(letters: tuple[str, ...]) -> Fraction:
    counts = Counter(letters)
    top = [letter for letter, n in counts.items() if n == max(counts.values())]
    return Fraction("r" in top, len(top))


ANSWERS = {
    (0, 8): "raab",
    (1, 8): "abcr",
    (2, 8): "rrrc",
    (3, 8): "aaaa",
    (0, 32): "rrab",
    (1, 32): "rrrr",
    (2, 32): "rbca",
    (3, 32): "abrb",
}


@pytest.mark.parametrize("budget", [8, 32])
@pytest.mark.parametrize("k", [1, 2, 3, 4])
def test_cells_are_means_over_all_subsets(budget: int, k: int) -> None:
    cell = at(the_surface(table(ANSWERS)), budget, k)
    of_budget = [letters for (_, b), letters in ANSWERS.items() if b == budget]
    subsets = [list(combinations(letters, k)) for letters in of_budget]
    passed = [Fraction(sum("r" in s for s in of), len(of)) for of in subsets]
    majority = [sum(map(voted, of)) / len(of) for of in subsets]
    assert cell.accuracy["pass@k"].value == pytest.approx(float(sum(passed) / 4))
    assert cell.accuracy["maj@k"].value == pytest.approx(float(sum(majority) / 4))


def test_the_best_by_a_score_is_the_highest_of_each_subset() -> None:
    attempts = table(ANSWERS)
    attempts["reward"] = np.random.default_rng(0).random(len(attempts))
    cell = at(the_surface(attempts), 32, 2)
    chances = []
    for _, rows in attempts[attempts["budget"] == 32].groupby("problem"):
        pairs = list(combinations(zip(rows["reward"], rows["verdict"] == "correct", strict=True), 2))
        chances.append(sum(max(pair)[1] for pair in pairs) / len(pairs))
    assert cell.accuracy["best-of-k by reward"].value == pytest.approx(np.mean(chances))


def test_one_sample_is_the_curve() -> None:
    attempts = table({**ANSWERS, (2, 8): "rc", (0, 32): "rrab-r"})
    surface = the_surface(attempts)
    (curve,) = curves_of(attempts, attempts.iloc[:0])
    for point in curve.points:
        cell = at(surface, point.budget, 1)
        assert cell.accuracy["pass@k"].value == pytest.approx(point.accuracy)
        assert cell.accuracy["maj@k"] == cell.accuracy["pass@k"]
        assert (cell.accuracy["pass@k"].ci_low, cell.accuracy["pass@k"].ci_high) == (point.ci_low, point.ci_high)
        assert cell.costs["thinking_tokens"] == pytest.approx(point.thinking_tokens)
        assert cell.costs["usd"] is None


def test_k_samples_cost_k_times_one() -> None:
    surface = the_surface(table(ANSWERS))
    for axis in ("thinking_tokens", "generated_tokens", "total_tokens"):
        one = at(surface, 8, 1).costs[axis]
        assert one
        assert at(surface, 8, 4).costs[axis] == pytest.approx(4 * one)


def test_k_ends_at_the_fewest_samples_of_a_budget() -> None:
    surface = the_surface(table({**ANSWERS, (2, 8): "rc--"}))
    assert [cell.k for cell in surface.cells if cell.budget == 8] == [1, 2]
    assert [cell.k for cell in surface.cells if cell.budget == 32] == [1, 2, 3, 4]
    assert surface.n_samples == 4


def test_allowances_rest_on_problems_that_every_budget_has() -> None:
    whole, holed = the_surface(table(ANSWERS)), the_surface(table({**ANSWERS, (1, 32): "----"}))
    assert {uses.n_problems for uses in whole.uses} == {4}
    assert {uses.n_problems for uses in holed.uses} == {3}
    assert at(holed, 32, 1).n_problems == 3
    assert at(holed, 8, 1).n_problems == 4


def test_a_budget_without_an_attempt_has_no_cell() -> None:
    surface = the_surface(table({**ANSWERS, **{(p, 16): "----" for p in range(4)}}))
    assert {cell.budget for cell in surface.cells} == {8, 32}
    assert all(uses.n_problems == 4 for uses in surface.uses)


def test_problems_that_share_no_budget_have_no_allowance() -> None:
    surface = the_surface(table({(0, 8): "ra", (1, 32): "rr"}))
    assert all(uses.n_problems == 0 and not uses.allowances for uses in surface.uses)


def test_code_cannot_be_voted_on_but_one_program_is_right_or_not() -> None:
    surface = the_surface(table(ANSWERS, rung="sandbox"))
    assert {uses.way for uses in surface.uses} == {"pass@k"}
    for cell in surface.cells:
        assert ("maj@k" in cell.accuracy) == (cell.k == 1)
    assert at(surface, 8, 1).accuracy["maj@k"] == at(surface, 8, 1).accuracy["pass@k"]


def test_one_sample_leaves_nothing_to_choose() -> None:
    surface = the_surface(table({(p, b): "r" if p < b else "a" for p in range(3) for b in (1, 2)}))
    assert surface.n_samples == 1
    assert surface.uses == ()


def test_all_right_has_a_width_and_one_problem_no_interval() -> None:
    right = at(the_surface(table({(p, 8): "rr" for p in range(30)})), 8, 2).accuracy["pass@k"]
    assert right.value == right.ci_high == 1.0
    assert 0.85 < (right.ci_low or 0) < 0.95  # Wilson's for 30 of 30
    alone = at(the_surface(table({(0, 8): "ra"})), 8, 1).accuracy["pass@k"]
    assert (alone.value, alone.ci_low, alone.ci_high) == (0.5, None, None)


def width(of: Interval) -> float:
    assert of.ci_low is not None
    assert of.ci_high is not None
    return of.ci_high - of.ci_low


def test_intervals_are_of_groups_where_there_are_enough() -> None:
    answers = {(p, 8): "rr" if p < 30 else "aa" for p in range(60)}
    one, grouped = (the_surface(t) for t in (table(answers), table(answers).assign(group=of_five)))
    assert width(at(grouped, 8, 1).accuracy["pass@k"]) > 1.5 * width(at(one, 8, 1).accuracy["pass@k"])
    of_one, of_grouped = (surface.uses[0].allowances[-1].mix for surface in (one, grouped))
    assert of_one is not None
    assert of_grouped is not None
    assert width(of_grouped.best) > 1.5 * width(of_one.best)


def of_five(attempts: pd.DataFrame) -> pd.Series:
    return attempts["problem"].str[1:].astype(int) // 5


def test_cells_have_the_intervals_that_the_measures_have() -> None:
    attempts = table({(p, b): "rrab"[p % 3 :] + "bra"[p % 2 :] for p in range(60) for b in (8, 64)})
    is_whole = (attempts["budget"] == 8) | (attempts["problem"].str[1:].astype(int) > 4)
    for one in (attempts, attempts.assign(group=of_five), attempts.assign(group=of_five)[is_whole]):
        (grid,) = grids_of(one)
        surface, measures = surface_of(grid, **FAST), measures_of(grid)  # type: ignore[arg-type]
        for of_budget in measures.budgets:
            assert of_budget.n_samples > 2
            for name in ("pass@k", "maj@k"):
                for k, share in of_budget.chances[name].items():
                    cell = at(surface, of_budget.budget, int(k)).accuracy[name]
                    assert msgspec.structs.astuple(cell) == pytest.approx(msgspec.structs.astuple(share))


def choices(surface: Surface) -> Iterator[tuple[Uses, Choice]]:
    for uses in surface.uses:
        for row in uses.allowances:
            for choice in (row.sequential, row.parallel, row.mix):
                if choice is not None:
                    yield uses, choice


def test_a_choice_has_the_interval_of_its_cell() -> None:
    surface = the_surface(table({(p, b): "rab" if (p + b) % 3 else "rrb" for p in range(12) for b in (2, 9, 40)}))
    found = list(choices(surface))
    assert len(found) > 20
    for uses, choice in found:
        cell = at(surface, choice.budget, choice.k)
        assert choice.accuracy == cell.accuracy[uses.way]
        assert choice.best.value == pytest.approx(choice.accuracy.value)
        assert (choice.best.ci_low or 0) <= (choice.accuracy.ci_low or 0)
        assert (choice.best.ci_high or 0) >= (choice.accuracy.ci_high or 0)
        assert choice.cost == pytest.approx(cell.costs[uses.axis])


def test_holes_leave_problems_out_of_what_is_compared() -> None:
    holed = the_surface(table({**{(p, b): "ra" for p in range(9) for b in (8, 32)}, (9, 8): "rr", (9, 32): "--"}))
    assert {(uses.n_problems, uses.n_left_out) for uses in holed.uses} == {(9, 1)}
    assert at(holed, 8, 1).accuracy["pass@k"].value == pytest.approx(0.55)
    assert {choice.accuracy.value for uses, choice in choices(holed) if choice.k == 1} == {0.5}


def test_parallel_is_samples_of_the_largest_budget() -> None:
    surface = the_surface(table({(p, b): "rab" for p in range(4) for b in (8, 64, None)}, tokens=None))
    rows = [row for uses in surface.uses for row in uses.allowances]
    assert {row.parallel.budget for row in rows if row.parallel} == {None}
    price = at(surface, None, 1).costs["thinking_tokens"] or 0
    for row in next(uses for uses in surface.uses if uses.axis == "thinking_tokens").allowances:
        assert (row.parallel is None) == (row.cost < price)


def test_no_interval_of_a_gain_or_a_best_lacks_a_width() -> None:
    surface = the_surface(table({(p, b): "rrr" for p in range(12) for b in (4, 16)}))
    rows = [row for uses in surface.uses for row in uses.allowances]
    gains = [row.gain for row in rows if row.gain is not None]
    assert gains
    assert all(gain.value == gain.ci_low == 0 and width(gain) > 0.05 for gain in gains)
    for _, choice in choices(surface):
        assert choice.accuracy.value == choice.best.value == 1
        assert width(choice.best) > 0.05


def test_where_one_sample_is_all_there_is_no_gain() -> None:
    surface = the_surface(table({(p, 8): "ra" for p in range(5)}, tokens=8))
    first, *_, last = next(uses for uses in surface.uses if uses.axis == "thinking_tokens").allowances
    assert (first.cost, first.gain, first.held_out_gain) == (8, None, None)
    assert last.gain is not None
    assert last.gain.value == pytest.approx(0.5)


def test_what_a_sample_costs_is_a_sum_over_sums() -> None:
    attempts = table({(0, 8): "r", (1, 8): "raa"})
    attempts["thinking_tokens"] = [100.0, 10, 10, 10]
    assert at(the_surface(attempts), 8, 1).costs["thinking_tokens"] == pytest.approx(130 / 4)  # not (100 + 10) / 2


def test_allowances_can_be_asked_for_on_one_axis() -> None:
    attempts = table(ANSWERS)
    every, one = the_surface(attempts), the_surface(attempts, axes=("total_tokens",))
    assert one.uses == tuple(uses for uses in every.uses if uses.axis == "total_tokens")
    assert one.cells == every.cells


@pytest.mark.parametrize(
    "attempts",
    [
        table(ANSWERS),
        table({(0, 8): "ra"}),
        table({(0, 8): "r"}),
        table({(p, b): "rr" for p in range(3) for b in (0, 4)}),
        table({(p, b): "aaa" for p in range(3) for b in (0, 4)}),
        table({(p, b): "rab" for p in range(4) for b in (0, 64, None)}),
        table({(p, b): "rab" for p in range(4) for b in (1, 3)}, control="effort"),
        table({(p, b): "rab" for p in range(4) for b in (1, None)}, control="native", thinking_tokens=None),
        table({(p, b): "rab" for p in range(4) for b in (1, 2)}, tokens=0),
        table({(p, b): "rab" for p in range(4) for b in (1, 2)}, verdict="no_answer", extracted=None),
        table({(p, b): "rab" for p in range(4) for b in (1, 2)}).drop(columns=["joules", "usd", "extracted"]),
    ],
)
def test_what_is_unknown_is_null(attempts: pd.DataFrame) -> None:
    surface = the_surface(attempts)
    text = msgspec.json.encode(surface).decode()
    assert "NaN" not in text
    assert json.loads(text)["cells"]
    for cell in surface.cells:
        for figure in cell.accuracy.values():
            assert figure.value is not None
            assert 0 <= figure.value <= 1
            assert figure.ci_low is None or (figure.ci_high or 0) >= figure.ci_low >= 0


def test_each_model_has_a_surface_of_its_own() -> None:
    both = pd.concat([table(ANSWERS), table({(0, 8): "ra"}, model="other")], ignore_index=True)
    assert [surface_of(grid, **FAST).model for grid in grids_of(both)] == ["m", "other"]  # type: ignore[arg-type]


def test_ks_are_every_one_up_to_64_and_powers_of_two_beyond() -> None:
    assert ks_up_to(5).tolist() == [1, 2, 3, 4, 5]
    assert ks_up_to(64).tolist() == list(range(1, 65))
    assert ks_up_to(65).tolist() == list(range(1, 66))
    assert ks_up_to(300).tolist()[63:] == [64, 128, 256, 300]
    assert ks_up_to(10_000).tolist()[-3:] == [4096, 8192, 10_000]
