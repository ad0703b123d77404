"""Two curves brought in line: pairing of samples, groups, what is left out, and odd tables, counted by hand."""

from __future__ import annotations

from typing import Any

import msgspec
import numpy as np
import pandas as pd
import pytest

from thinkcurve.analysis.basis.grid import Grid, grids_of
from thinkcurve.analysis.comparison.contrast import Contrast, contrast
from thinkcurve.analysis.comparison.sides import sides_of
from thinkcurve.cli.compare import lines_of

QUICK: dict[str, Any] = {"n_resamples": 100, "n_flips": 999}


def grid_of(
    right: Any, *, budgets: tuple[int | None, ...] = (16, 32), samples: tuple[int, ...] | None = None, **columns: Any
) -> Grid:
    """A grid of answers of shape (P, B, S), NaN where there is none; costs are the budgets."""
    cells = np.asarray(right, dtype=float)
    names = samples or tuple(range(cells.shape[2]))
    rows = [
        {
            "model": "m",
            "task": "t",
            "control": columns.get("control", "truncate"),
            "problem": f"p{p}",
            "sample": names[s],
            "budget": budgets[b],
            "verdict": "correct" if cells[p, b, s] else "incorrect",
            "thinking_tokens": columns.get("tokens", budgets[b] or 0),
            "answer": str(cells[p, b, s]),
            "group": columns["group"][p] if "group" in columns else None,
        }
        for p, b, s in np.argwhere(~np.isnan(cells)).tolist()
    ]
    table = pd.DataFrame(rows).astype({"budget": "Int64"})
    return grids_of(table)[0]


def ladder(low: Any, high: Any) -> Any:
    """Single answers at two budgets, of shape (P, 2, 1)."""
    return np.stack([low, high], axis=1)[:, :, None]


def quick(base: Grid, new: Grid, **options: Any) -> Contrast:
    found = contrast(base, new, **QUICK, **options)
    assert b"NaN" not in msgspec.json.encode(found)
    assert list(lines_of(found))
    return found


def test_samples_of_one_seed_are_paired_where_one_run_lost_some_of_them() -> None:
    # sample 0 of new failed everywhere; it is wrong in base, and sample 1 is right in both
    base = np.stack([np.zeros((10, 1)), np.ones((10, 1))], axis=2)
    new = np.ones((10, 1, 1))
    sides = grid_of(base, budgets=(16,)), grid_of(new, budgets=(16,), samples=(1,))
    paired, apart = quick(*sides, is_same_seed=True), quick(*sides)
    assert (paired.is_sample_paired, paired.points[0].difference, paired.n_unpaired, paired.n_dropped) == (
        True,
        0.0,
        10,
        0,
    )
    assert (apart.is_sample_paired, apart.points[0].difference, apart.n_unpaired) == (False, 0.5, 0)


def test_pairs_are_those_of_a_count_by_hand() -> None:
    rng = np.random.default_rng(4)
    base, new = (np.where(rng.random((12, 2, k)) < 0.2, np.nan, rng.random((12, 2, k)) < 0.5) for k in (3, 4))
    names = (0, 2, 5), (5, 2, 7, 9)
    found = sides_of(grid_of(base, samples=names[0]), grid_of(new, samples=names[1]), is_same_seed=True)
    n_dropped = 0
    for p in range(12):
        for b in range(2):
            pairs = [(base[p, b, names[0].index(s)], new[p, b, names[1].index(s)]) for s in (2, 5)]
            whole = [pair for pair in pairs if not np.isnan(pair).any()]
            n_dropped += sum(int(np.isnan(pair).sum() == 1) for pair in pairs)
            want = np.array(whole).mean(axis=0) if whole else np.array([np.nan, np.nan])
            place = found.problems.index(f"p{p}")
            assert np.array([means[place, b] for means in found.means]) == pytest.approx(want, nan_ok=True)
    rest = [np.isin(n, (2, 5), invert=True) for n in names]
    n_unpaired = sum(int((~np.isnan(cells[:, :, left])).sum()) for cells, left in zip((base, new), rest, strict=True))
    assert (found.n_dropped, found.n_unpaired) == (n_dropped, n_unpaired)


def test_runs_of_one_seed_without_a_sample_in_common_are_not_paired() -> None:
    sides = grid_of(np.ones((3, 2, 1)), samples=(0,)), grid_of(np.ones((3, 2, 1)), samples=(1,))
    assert not quick(*sides, is_same_seed=True).is_sample_paired


def test_groups_have_no_test_that_takes_problems_for_the_unit() -> None:
    group = [f"c{i // 5}" for i in range(60)]
    base, new = np.zeros((60, 1, 1)), np.zeros((60, 1, 1))
    new[:10] = 1  # two contests of twelve
    by_group = quick(grid_of(base, budgets=(16,), group=group), grid_of(new, budgets=(16,), group=group))
    assert (by_group.n_units, by_group.points[0].p, by_group.points[0].p_mcnemar) == (12, 0.5, None)
    by_problem = quick(grid_of(base, budgets=(16,)), grid_of(new, budgets=(16,))).points[0]
    assert by_problem.p == by_problem.p_mcnemar == 2 / 2**10
    narrow = np.subtract(by_problem.ci_high or 0, by_problem.ci_low or 0)
    wide = np.subtract(by_group.points[0].ci_high or 0, by_group.points[0].ci_low or 0)
    assert wide > 1.5 * narrow


def test_groups_that_one_run_alone_names_are_groups_of_both() -> None:
    group = [f"c{i // 5}" for i in range(60)]
    base, new = np.zeros((60, 1, 1)), np.zeros((60, 1, 1))
    new[:10] = 1
    bare, named = ({"budgets": (16,)}, {"budgets": (16,), "group": group})
    ways = [quick(grid_of(base, **a), grid_of(new, **b)) for a, b in ((named, named), (named, bare), (bare, named))]
    assert {(way.n_units, way.points[0].p, way.points[0].ci_low) for way in ways} == {
        (12, 0.5, ways[0].points[0].ci_low)
    }


def test_points_of_different_problems_are_not_compared_over_compute() -> None:
    # nothing changes; the hard half of new fails at the larger budget
    low, high = np.repeat([1.0, 0.0], 10), np.repeat([1.0, 1.0, 0.0], [10, 5, 5])
    lost = np.where(np.arange(20) >= 10, np.nan, high)
    found = quick(grid_of(ladder(low, high)), grid_of(ladder(low, lost)))
    assert (found.area.value, found.area.n_left_out, found.ratio.n_left_out) == (0.0, 10, 10)
    assert found.mean is not None
    assert found.mean.n_problems == 10
    none = np.full(20, np.nan)
    none[:10], high[:10] = 1, np.nan
    without = quick(grid_of(ladder(low, high)), grid_of(ladder(low, none)))
    assert (without.area.value, without.area.n_left_out) == (None, 20)
    assert "no problem has attempts of both at all budgets" in str(without.ratio.why)


def test_levels_of_effort_have_their_names_beside_them() -> None:
    base = grid_of(np.ones((4, 3, 1)), budgets=(0, 2, 3), control="effort")
    new = grid_of(np.ones((4, 2, 1)), budgets=(0, 4), control="effort")
    found = quick(base, new)
    assert [point.effort for point in found.points] == ["none"]
    assert (found.only_base_budgets, found.only_base_efforts) == ((2, 3), ("low", "medium"))
    assert (found.only_new_budgets, found.only_new_efforts) == ((4,), ("high",))


def test_a_level_of_effort_is_no_number_of_tokens() -> None:
    found = quick(
        grid_of(np.ones((4, 2, 1)), control="effort", budgets=(1, 2)), grid_of(np.ones((4, 2, 1)), budgets=(1, 2))
    )
    assert (found.points, found.p_curve, found.only_new_efforts) == ((), None, (None, None))


@pytest.mark.parametrize("shape", [(1, 1, 1), (1, 2, 3), (2, 1, 1), (5, 2, 1)])
@pytest.mark.parametrize("value", [0.0, 1.0])
def test_all_wrong_and_all_right_and_one_of_each_break_nothing(shape: tuple[int, int, int], value: float) -> None:
    budgets = (None,) if shape[1] == 1 else (0, None)
    same = grid_of(np.full(shape, value), budgets=budgets)
    found = quick(same, same, is_same_seed=True)
    for point in found.points:
        assert point.difference == 0
        assert (point.ci_low is None) == (shape[0] == 1)
        assert (point.detectable is None) == (shape[0] == 1)


def test_a_difference_that_no_problem_showed_could_still_be_there() -> None:
    sure = grid_of(np.ones((60, 1, 4)), budgets=(16,))
    point = quick(sure, sure).points[0]
    assert point.ci_low is not None
    assert -0.08 < point.ci_low < -0.03
    assert point.detectable is not None
    assert point.detectable > 0.04
    assert point.problems_needed is not None
    assert min(point.problems_needed.values()) >= 10
