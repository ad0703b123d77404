"""Items: patterns, b*, flags and discrimination; and models ranked where they were asked different problems."""

from typing import Any

import numpy as np
import pytest

from strata_grids import a_grid
from thinkcurve.analysis.basis.accuracy import accuracy
from thinkcurve.analysis.basis.grid import MISSING, NO_ANSWER, UNVERIFIED
from thinkcurve.analysis.items import irt
from thinkcurve.analysis.items.abilities import abilities_of
from thinkcurve.analysis.items.items import Item, items_of


def item(verdicts: list[list[int]], budgets: tuple[int | None, ...] | None = None) -> Item:
    """The item of one problem, a list of samples for each budget."""
    (found,) = items_of(a_grid(np.array([verdicts]), budgets)).items
    return found


def test_a_pattern_has_a_sign_for_each_budget() -> None:
    codes = [[0, 0], [NO_ANSWER, NO_ANSWER], [UNVERIFIED, UNVERIFIED], [MISSING, MISSING], [1, 0], [1, MISSING], [1, 1]]
    found = item(codes)
    assert found.pattern == "x.!5✓✓"  # a budget at which nobody has an attempt is none of the ladder
    assert item([[0, NO_ANSWER], [0, 0]]).pattern == "xx"
    assert found.n_attempts == 11


@pytest.mark.parametrize(
    ("means", "is_solved", "budget", "flags"),
    [
        ("011", True, 2, ()),
        ("101", True, 4, ()),
        ("110", False, None, ("right_then_wrong",)),
        ("000", False, None, ("never_right",)),
        ("111", True, 1, ("always_right",)),
    ],
)
def test_b_star_is_where_it_stays_right(
    means: str, is_solved: bool, budget: int | None, flags: tuple[str, ...]
) -> None:
    found = item([[int(mean)] for mean in means])
    assert (found.is_solved, found.sufficient_budget, found.flags) == (is_solved, budget, flags)


def test_solved_at_the_natural_end_alone_is_solved() -> None:
    found = item([[0], [1]], (8, None))
    assert (found.is_solved, found.sufficient_budget) == (True, None)


def test_a_problem_that_is_lost_again_has_the_later_b_star_and_one_definition() -> None:
    means = (np.random.default_rng(6).random((60, 5, 3)) < 0.5).astype(int)
    means[:9, 2] = MISSING
    grid = a_grid(means)
    for found in items_of(grid).items:
        known = [(b, mean) for b, mean in zip(grid.budgets, found.accuracies, strict=True) if mean is not None]
        stays = [b for b, _ in known if all(mean >= 0.5 for later, mean in known if later >= b)]
        assert found.sufficient_budget == (stays[0] if stays else None)


def test_a_level_of_effort_is_named() -> None:
    (found,) = items_of(a_grid(np.array([[[0], [1]]]), (0, 3), control="effort")).items
    assert (found.sufficient_budget, found.sufficient_effort) == (3, "medium")
    assert item([[0], [1]]).sufficient_effort is None


def test_falls_and_rises_are_between_any_two_budgets_in_order() -> None:
    found = item([[1, 1, 0, 0], [1, 1, 1, 0], [1, 0, 0, 0], [1, 1, 0, 0]])
    assert (found.fall, found.rise) == (0.5, 0.25)


def test_the_most_telling_come_first() -> None:
    verdicts = np.array([[[1], [1]], [[0], [1]], [[1], [0]], [[0], [0]]])
    assert [found.problem for found in items_of(a_grid(verdicts)).items][:2] == ["t/test/2", "t/test/1"]


def test_levels_groups_and_other_models_are_told() -> None:
    mine = np.random.default_rng(2).integers(0, 2, (8, 2, 1))
    groups = np.array(["a", None, "[bold]b"] + ["c"] * 5, dtype=object)
    grid = a_grid(mine, level=np.array([1.0, np.nan] + [3] * 6), group=groups)
    found = items_of(grid, [grid, a_grid(mine, model="other")])
    by_name = {each.problem: each for each in found.items}
    assert (by_name["t/test/0"].level, by_name["t/test/1"].level, by_name["t/test/2"].group) == ("1", None, "[bold]b")
    assert found.n_respondents == 2  # a sample is one respondent at all budgets


def test_models_are_ranked_by_what_they_were_asked_in_common() -> None:
    rng = np.random.default_rng(3)
    chances = np.linspace(0.95, 0.1, 120)[:, None, None]
    grids = []
    for model, gain, asked in (("weak", -0.08, slice(0, 80)), ("strong", 0.08, slice(40, 120))):
        verdicts = np.full((120, 3, 4), MISSING)
        p = np.clip(chances + gain + np.array([-0.1, 0, 0.1])[:, None], 0.02, 0.98)
        verdicts[asked] = (rng.random((120, 3, 4)) < p)[asked]
        grids.append(a_grid(verdicts, model=model))
    found = abilities_of(grids)
    assert (found.fitted, found.n_problems, found.n_common, found.reason) == ("2pl", 120, 40, None)
    best, worst = found.ranking[0], found.ranking[-1]
    assert (best.model, best.budget, worst.model, worst.budget) == ("strong", 4, "weak", 1)
    top = {(each.model, each.budget): each for each in found.ranking}
    assert top["weak", 4].raw > top["strong", 4].raw
    assert top["weak", 4].expected.value < top["strong", 4].expected.value
    assert all(0 < x.ci_low < x.value < x.ci_high < 1 for x in (each.expected for each in found.ranking))
    assert worst.better_than_next is None


@pytest.mark.parametrize("has_groups", [False, True])
def test_who_was_asked_everything_is_expected_to_do_what_it_did(has_groups: bool) -> None:
    rng = np.random.default_rng(7)
    named = {"group": np.repeat(np.arange(12), 5).astype(str).astype(object)} if has_groups else {}
    right = (rng.random((4, 60, 1, 2)) < np.array([0.999, 0.7, 0.3, 0.05])[:, None, None, None]).astype(int)
    grids = [a_grid(rows, model=str(i), **named) for i, rows in enumerate(right)]
    for found in abilities_of(grids).ranking:
        grid = grids[int(found.model)]
        own = accuracy(grid.right[:, 0], grid.drawn[:, 0], groups=grid.groups)
        assert found.expected.value == pytest.approx(found.raw)
        figures = (found.expected.value, found.expected.ci_low, found.expected.ci_high)
        assert figures == pytest.approx((own.mean, own.ci_low, own.ci_high))


def test_answers_count_as_they_are_and_the_model_for_those_not_asked() -> None:
    """The weak one was asked easy problems only: it keeps what it got there, and is expected to lose on the others."""
    rng = np.random.default_rng(8)
    chances = np.where(np.arange(80) < 40, 0.9, 0.2)[:, None, None]
    right = [(rng.random((80, 1, 4)) < np.clip(chances + gain, 0, 1)).astype(int) for gain in (0.05, 0.0, -0.1)]
    widths = []
    for asked in (40, 8):
        right[2][asked:] = MISSING
        ranking = abilities_of([a_grid(rows, model=str(i)) for i, rows in enumerate(right)]).ranking
        (weak,) = (one for one in ranking if one.model == "2")
        assert weak.n_problems == asked
        value, low, high = (x or 0.0 for x in (weak.expected.value, weak.expected.ci_low, weak.expected.ci_high))
        if asked == 40:
            assert 0.05 < 2 * value - weak.raw < 0.2  # the mean of the other half
        assert low < 0.45 < high
        widths.append(high - low)
    assert widths[1] > 1.2 * widths[0]


def test_blocks_that_are_left_out_are_of_whole_contests(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(5)
    contests = np.repeat(np.arange(12), np.arange(1, 13))
    kept: list[np.ndarray] = []
    fit = irt.fit

    def watched(responses: np.ndarray, **more: Any) -> irt.Fit:
        if more.get("weights") is not None:
            kept.append(more["weights"])
        return fit(responses, model="1pl")

    monkeypatch.setattr(irt, "fit", watched)
    for groups in (contests.astype(str).astype(object), None):
        kept.clear()
        grids = [
            a_grid(rng.integers(0, 2, (78, 1, 2)), model=name, **({} if groups is None else {"group": groups}))
            for name in "ab"
        ]
        abilities_of(grids)
        is_whole = [len(set(weights[contests == c])) == 1 for weights in kept for c in range(12)]
        assert all(is_whole) == (groups is not None)
        assert len(kept) == (20 if groups is None else 12)
        assert (np.array(kept) == 0).sum(axis=0).tolist() == [1] * 78


def test_of_two_that_are_all_right_neither_is_said_to_be_better() -> None:
    rng = np.random.default_rng(4)
    many = np.ones((80, 3, 1), dtype=int)
    many[:, 0, 0], many[:, 1, 0] = rng.integers(0, 2, 80), rng.integers(0, 3, 80) > 0
    few = many.copy()
    few[25:] = MISSING
    found = abilities_of([a_grid(many), a_grid(few, model="few")])
    assert {each.budget for each in found.ranking[:2]} == {4}
    assert found.ranking[0].better_than_next is None
    assert found.ranking[1].better_than_next is not None


def test_models_without_common_problems_are_not_ranked() -> None:
    halves = np.full((2, 40, 1, 1), MISSING)
    halves[0, :20] = halves[1, 20:] = 1
    found = abilities_of([a_grid(halves[0]), a_grid(halves[1], model="other")])
    assert found.ranking == ()
    assert found.reason is not None
    assert "not identifiable" in found.reason
