"""Intervals of strata: those of the same figure elsewhere, by outer groups where problems lie in some."""

import numpy as np
import pytest
from scipy.special import expit, logit

from strata_grids import a_grid, table
from thinkcurve.analysis.basis.accuracy import Accuracy, accuracy
from thinkcurve.analysis.basis.grid import Grid
from thinkcurve.analysis.items.levels import levels_of
from thinkcurve.analysis.items.strata import Cell, strata_by, strata_of

CONTESTS = np.repeat(np.arange(12), np.arange(1, 13) + 3)
NAMED = np.array([f"contest {c}" for c in CONTESTS], dtype=object)


def by_contest(rng: np.random.Generator, level: np.ndarray | None = None, spread: float = 1.0) -> Grid:
    chances = expit(rng.normal(0, spread, 12)[CONTESTS] + rng.normal(0, 1, len(CONTESTS)))
    verdicts = (rng.random((len(CONTESTS), 1, 4)) < chances[:, None, None]).astype(int)
    return a_grid(verdicts, group=NAMED, level=np.ones(len(CONTESTS)) if level is None else level)


def cells(grid: Grid, by: str) -> list[Cell]:
    found = strata_by(grid, by)  # type: ignore[arg-type]  # a literal, which a parameter forgets
    assert found is not None
    return [cell for stratum in found.strata if (cell := stratum.cells[0]) is not None]


def same(cell: Cell, expected: Accuracy) -> bool:
    own = (cell.accuracy.value, cell.accuracy.ci_low, cell.accuracy.ci_high, cell.se)
    return own == pytest.approx((expected.mean, expected.ci_low, expected.ci_high, expected.se))


def test_one_level_that_is_all_problems_has_the_interval_of_the_curve() -> None:
    grid = by_contest(np.random.default_rng(0))
    (cell,) = cells(grid, "level")
    assert same(cell, accuracy(grid.right[:, 0], grid.drawn[:, 0], groups=grid.groups))
    assert not same(cell, accuracy(grid.right[:, 0], grid.drawn[:, 0]))


def test_a_level_that_lies_in_a_few_contests_is_still_clustered_by_them() -> None:
    level = np.where(CONTESTS < 7, 1, 2)
    grid = by_contest(np.random.default_rng(1), level)
    first, _ = cells(grid, "level")
    is_in = level == 1
    assert same(first, accuracy(grid.right[is_in, 0], grid.drawn[is_in, 0], groups=CONTESTS[is_in]))


def test_within_a_contest_its_problems_are_the_clusters() -> None:
    grid = by_contest(np.random.default_rng(2))
    found = strata_by(grid, "group")
    assert found is not None
    for stratum in found.strata:
        is_in = stratum.name == NAMED
        cell = stratum.cells[0]
        assert cell is not None
        assert same(cell, accuracy(grid.right[is_in, 0], grid.drawn[is_in, 0]))


def test_levels_hold_the_truth_where_contests_differ() -> None:
    rng = np.random.default_rng(3)
    level = np.arange(len(CONTESTS)) % 2
    truth = expit(rng.normal(0, 1, (1000, 1000)) + rng.normal(0, 1, (1000, 1))).mean()
    held: list[bool] = []
    by_problem: list[bool] = []
    for _ in range(120):
        grid = by_contest(rng, level)
        held += [_holds(cell, truth) for cell in cells(grid, "level")]
        ends = (accuracy(grid.right[level == one, 0], grid.drawn[level == one, 0]) for one in (0, 1))
        by_problem += [end.ci_low <= truth <= end.ci_high for end in ends]
    assert 0.92 < np.mean(held) < 0.985
    assert np.mean(by_problem) < 0.85


def _holds(cell: Cell, truth: float) -> bool:
    share = cell.accuracy
    return share.ci_low is not None and share.ci_high is not None and share.ci_low <= truth <= share.ci_high


def test_small_strata_of_repeated_samples_hold_the_truth() -> None:
    rng = np.random.default_rng(4)
    held: list[bool] = []
    for _ in range(15):  # of 30 levels each, of 10 problems
        chances = rng.beta(2, 3, 300)
        verdicts = (rng.random((300, 1, 8)) < chances[:, None, None]).astype(int)
        held += [_holds(cell, 0.4) for cell in cells(a_grid(verdicts, level=np.arange(300) % 30), "level")]
    assert 0.93 < np.mean(held) < 0.98


def test_fifths_are_clustered_by_contest() -> None:
    rng = np.random.default_rng(5)
    contests = np.repeat(np.arange(12), 10)
    chances = expit(logit(np.linspace(0.05, 0.95, 12))[contests])
    verdicts = (rng.random((120, 1, 4)) < chances[:, None, None]).astype(int)
    grids = [a_grid(verdicts, group=group) for group in (contests.astype(str).astype(object), None)]
    with_groups, without = (strata_of(grid)[-1] for grid in grids)
    width = [
        [cell.accuracy.ci_high - cell.accuracy.ci_low for s in found.strata if (cell := s.cells[0]) is not None]  # type: ignore[operator]  # all known
        for found in (with_groups, without)
    ]
    assert np.mean(width[0]) > 1.3 * np.mean(width[1])


def test_where_all_are_right_every_kind_of_stratum_has_a_width() -> None:
    grid = a_grid(np.ones((20, 1, 3), dtype=int), level=np.arange(20) % 4, group=np.array(["a", "b"] * 10))
    for found in strata_of(grid):
        for stratum in found.strata:
            cell = stratum.cells[0]
            assert cell is not None
            assert (cell.accuracy.value, cell.accuracy.ci_high) == (1, 1)
            assert cell.accuracy.ci_low is not None
            assert 0.3 < cell.accuracy.ci_low < 0.9


def test_levels_that_are_words_are_taken_as_they_are() -> None:
    level = np.array(["hard", "easy", "easy", None], dtype=object)
    (found,) = levels_of(table(np.array([[[0]], [[1]], [[0]], [[1]]]), (8,), level=level))
    assert [(one.level, one.n_problems, one.accuracies) for one in found.levels] == [
        ("easy", 2, (0.5,)),
        ("hard", 1, (0.0,)),
    ]
    (found,) = levels_of(table(np.array([[[0]], [[1]]]), (8,), level=np.array([3.0, 1.0])))
    assert [one.level for one in found.levels] == [1, 3]
