"""Twelve contests, of which four lose their complete problems: with eight left, problems are the unit again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
import numpy as np
import pandas as pd
import pytest

from thinkcurve.analysis.allocation.demand import project
from thinkcurve.analysis.allocation.headroom import headroom_of
from thinkcurve.analysis.allocation.menu import menu_of
from thinkcurve.analysis.allocation.router import route
from thinkcurve.analysis.basis.grid import Grid, grids_of, groups_among
from thinkcurve.analysis.comparison.contrast import contrast
from thinkcurve.analysis.comparison.exchange import over_compute
from thinkcurve.analysis.comparison.sides import Side
from thinkcurve.analysis.fitting.gains import gains_of

N, EACH, LOST = 12, 5, 4
"""Contests, the problems of each, and contests whose attempts at the larger budget all failed."""
QUICK: dict[str, Any] = {"n_resamples": 100}


def attempts(*, has_groups: bool, n_lost: int = LOST, seed: int = 0) -> pd.DataFrame:
    """Contests differ a lot, so that by contest an interval is far wider than by problem."""
    rng = np.random.default_rng(seed)
    rows = []
    for p in range(N * EACH):
        contest = p // EACH
        for budget, chance in ((64, 0.25), (256, 0.6)):
            if budget == 256 and contest < n_lost:
                continue
            is_right = rng.random() < chance + (0.2 if contest % 2 else -0.2)
            tokens = budget * (0.6 + 0.1 * (contest % 4))
            rows.append((f"p{p}", budget, "correct" if is_right else "incorrect", tokens, f"c{contest}"))
    problem, budgets, verdict, spent, group = zip(*rows, strict=True)
    return pd.DataFrame(
        {
            "model": "m",
            "task": "t",
            "control": "truncate",
            "problem": problem,
            "sample": 0,
            "budget": pd.array(budgets, dtype="Int64"),
            "verdict": verdict,
            "thinking_tokens": spent,
            "generated_tokens": np.array(spent) + 10,
            "total_tokens": np.array(spent) + 60,
            "is_forced": False,
            "answer": "1",
            "group": list(group) if has_groups else None,
        }
    )


def grid_of(**which: Any) -> Grid:
    (found,) = grids_of(attempts(**which))
    return found


def compared(**which: Any) -> Any:
    sides = [Side(grid, grid.is_drawn) for grid in (grid_of(seed=seed, **which) for seed in (0, 1))]
    return over_compute(sides[0], sides[1], "thinking_tokens", groups=sides[0].grid.groups, **QUICK)


def routed(**which: Any) -> Any:
    menu = menu_of([grid_of(**which)], signal="ended")
    assert menu is not None
    return route(menu, n_repeats=1, **QUICK)


SAME = {
    "over_compute": compared,
    "mean over budgets": lambda **which: contrast(grid_of(**which), grid_of(seed=1, **which), n_flips=99, **QUICK).mean,
    "router": routed,
    "demand": lambda **which: project(grid_of(**which), volume=10, **QUICK)[1],
    "gains": lambda **which: gains_of(grid_of(**which), **QUICK),
    "headroom": lambda **which: headroom_of(grid_of(**which), n_splits=1, **QUICK),
}
"""Analyses of the problems that are complete."""


@pytest.mark.parametrize("analysis", SAME.values(), ids=SAME)
def test_with_eight_contests_left_problems_are_the_unit(analysis: Callable[..., Any]) -> None:
    by_contest, by_problem = (msgspec.to_builtins(analysis(has_groups=named)) for named in (True, False))
    assert by_contest == by_problem


@pytest.mark.parametrize("analysis", SAME.values(), ids=SAME)
def test_with_all_contests_left_contests_are(analysis: Callable[..., Any]) -> None:
    by_contest, by_problem = (msgspec.to_builtins(analysis(has_groups=named, n_lost=0)) for named in (True, False))
    assert by_contest != by_problem


def test_the_rule_itself() -> None:
    groups = np.repeat(np.arange(N), EACH)
    assert groups_among(None, np.ones(N * EACH, dtype=bool)) is None
    assert groups_among(groups, groups >= LOST) is None
    left = groups_among(groups, np.flatnonzero(groups >= 2))
    assert left is not None
    assert len(np.unique(left)) == N - 2
