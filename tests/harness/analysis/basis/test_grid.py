"""Attempts as arrays, against the table itself."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from thinkcurve.analysis.basis.grid import CODES, MISSING, Grid, grids_of

Row = tuple[int, int, int | None, str]


def table(rows: list[Row], **columns: object) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "model": ["m"] * len(rows),
            "task": ["t"] * len(rows),
            "control": ["truncate"] * len(rows),
            "problem": [f"t/test/{problem}" for problem, *_ in rows],
            "sample": [sample for _, sample, *_ in rows],
            "budget": pd.array([budget for _, _, budget, _ in rows], dtype="Int64"),
            "verdict": [verdict for *_, verdict in rows],
            "thinking_tokens": [float(index) for index in range(len(rows))],
            **columns,
        }
    )


def grid(rows: list[Row], **columns: object) -> Grid:
    (found,) = grids_of(table(rows, **columns))
    return found


cells = st.tuples(st.integers(0, 4), st.integers(0, 3), st.sampled_from([0, 16, 256, None]))
ragged = st.dictionaries(cells, st.sampled_from(sorted(CODES)), min_size=1).map(
    lambda drawn: [(*cell, verdict) for cell, verdict in drawn.items()]
)


@given(ragged)
def test_every_attempt_has_its_cell_and_nothing_else_has(rows: list[Row]) -> None:
    found = grid(rows)
    for index, (problem, sample, budget, verdict) in enumerate(rows):
        cell = (
            found.problems.index(f"t/test/{problem}"),
            found.at(budget),
            found.samples.index(sample),
        )
        assert found.verdicts[cell] == CODES[verdict]
        assert found.rows[cell] == index
        assert found.column("thinking_tokens")[cell] == index
    assert (found.verdicts != MISSING).sum() == len(rows)
    assert np.isnan(found.column("thinking_tokens")).sum() == found.verdicts.size - len(rows)


@given(ragged)
def test_means_are_those_of_the_table(rows: list[Row]) -> None:
    found, data = grid(rows), table(rows)
    for i, problem in enumerate(found.problems):
        for j, budget in enumerate(found.budgets):
            is_at = data["budget"].isna() if budget is None else (data["budget"] == budget).fillna(False)
            verdicts = data.loc[(data["problem"] == problem) & is_at, "verdict"]
            assert found.drawn[i, j] == len(verdicts)
            assert found.right[i, j] == (verdicts == "correct").sum()
            expected = (verdicts == "correct").mean() if len(verdicts) else np.nan
            assert found.means[i, j] == pytest.approx(expected, nan_ok=True)


def test_budgets_ascend_and_the_natural_end_is_last() -> None:
    found = grid([(0, 0, None, "correct"), (0, 0, 256, "correct"), (0, 0, 0, "incorrect"), (0, 0, 16, "correct")])
    assert found.budgets == (0, 16, 256, None)


def test_a_problem_without_a_group_is_a_group_of_its_own() -> None:
    rows: list[Row] = [(index, 0, 0, "correct") for index in range(14)]
    assert grid(rows).groups is None
    assert grid(rows, group=[None] * 14).groups is None
    groups = grid(rows, group=["a", None, "a", None, *"bcdefghijk"]).groups
    assert groups is not None
    assert groups[0] == groups[2]
    assert len(set(groups)) == 13


def test_a_few_groups_are_strata_and_no_clusters() -> None:
    rows: list[Row] = [(index, 0, 0, "correct") for index in range(30)]
    few = grid(rows, group=["I", "II"] * 15)
    assert few.groups is None
    assert few.named_groups is not None
    assert few.named_groups.tolist() == ["I", "II"] * 15
    assert grid(rows, group=[str(index % 10) for index in range(30)]).groups is not None


def test_some_problems_of_a_grid_are_a_grid() -> None:
    found = grid([(0, 0, 0, "correct"), (1, 0, 0, "incorrect"), (2, 0, 0, "correct")], level=[1, 2, 3])
    some = found.only(np.array([True, False, True]))
    assert some.problems == ("t/test/0", "t/test/2")
    assert some.means.tolist() == [[1.0], [1.0]]
    assert some.levels is not None
    assert some.levels.tolist() == [1, 3]


def test_each_model_task_and_control_has_a_grid_in_the_order_of_the_table() -> None:
    rows: list[Row] = [(0, 0, 0, "correct"), (0, 0, 16, "incorrect")]
    names = [("b", "t", "native"), ("a", "t", "truncate"), ("b", "s", "native")]
    parts = [table(rows).assign(model=model, task=task, control=control) for model, task, control in names]
    found = grids_of(pd.concat(parts, ignore_index=True))
    assert [one.name for one in found] == names
    assert all(one.right.tolist() == [[1, 0]] for one in found)
