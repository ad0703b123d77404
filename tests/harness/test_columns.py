"""Tables that stay on disk: column by column they are what the whole table is, and so is what is computed on them."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from records import a_trace, an_attempt
from thinkcurve.analysis.basis.axes import ledgers_of
from thinkcurve.analysis.basis.grid import grids_of
from thinkcurve.columns import Columns, digests_of, rows_of
from thinkcurve.errors import UsageError
from thinkcurve.frames import frame_of, read_frame
from thinkcurve.problem import Verdict
from thinkcurve.store import Attempt, Trace
from thinkcurve.tables import attempts_path, traces_path, write_table

KNOWN = st.one_of(st.none(), st.integers(0, 3))
ATTEMPTS = st.builds(
    lambda index, sample, budget, verdict, model, task, answer, level, tokens: replace(
        an_attempt(index, budget, verdict, sample=sample),
        model=model,
        task=task,
        problem=f"{task}/{index}",
        answer=answer,
        level=level,
        group=None if level is None else f"g{level}",
        thinking_tokens=tokens,
    ),
    st.integers(0, 4),
    st.integers(0, 2),
    st.sampled_from([None, 0, 8, 64]),
    st.sampled_from(list(Verdict)),
    st.sampled_from(["m", "n"]),
    st.sampled_from(["t/a", "t/b"]),
    st.sampled_from(["", "a", "b", "é\u2028"]),
    KNOWN,
    KNOWN,
)
"""Attempts of few keys, so that some come twice."""


def same(column: pd.Series, whole: pd.Series) -> bool:
    """Whether two columns hold the same values, whatever their types."""
    values = [None if value != value else value for value in column.astype(object)]
    return values == [None if value != value else value for value in whole.astype(object)]


@given(st.lists(ATTEMPTS, max_size=30))
@settings(max_examples=15, deadline=None)
def test_columns_are_those_of_the_whole_table(tmp_path_factory: pytest.TempPathFactory, rows: list[Attempt]) -> None:
    path = attempts_path(tmp_path_factory.mktemp("run"))
    write_table(path, rows, Attempt)
    whole, columns = read_frame(path, Attempt), Columns(path, Attempt)
    assert len(columns) == len(whole) == len({row.key for row in rows})
    assert list(columns) == list(whole)
    for name in set(whole) - {"answer_ids"}:
        assert same(columns[name], whole[name]), name
    some = ["sample", "problem"]
    assert columns[some].astype(object).to_numpy().tolist() == whole[some].to_numpy().tolist()
    mask = (whole["verdict"] == "correct").to_numpy()
    assert same(columns[mask]["answer"], whole["answer"][mask])
    assert same(rows_of(columns, np.flatnonzero(mask)[::-1])["problem"], whole["problem"][mask][::-1])
    texts = whole["answer"].to_numpy()
    digests = digests_of(columns, "answer")
    assert digests.tolist() == digests_of(whole, "answer").tolist()
    assert ((digests[:, None] == digests) == (texts[:, None] == texts)).all()


@given(st.lists(ATTEMPTS, min_size=1, max_size=30))
@settings(max_examples=15, deadline=None)
def test_grids_are_those_of_the_records(tmp_path_factory: pytest.TempPathFactory, rows: list[Attempt]) -> None:
    path = attempts_path(tmp_path_factory.mktemp("run"))
    write_table(path, rows, Attempt)
    last = {row.key: row for row in rows}
    grids = grids_of(Columns(path, Attempt))
    assert {(grid.model, grid.task) for grid in grids} == {(row.model, row.task) for row in last.values()}
    n_found = 0
    for grid in grids:
        tokens, levels = grid.column("thinking_tokens"), grid.levels
        for p, b, s in np.argwhere(grid.is_drawn):
            row = last[grid.model, grid.problems[p], grid.samples[s], grid.budgets[b]]
            assert row.task == grid.task
            assert bool(grid.is_correct[p, b, s]) == (row.verdict == Verdict.CORRECT)
            assert np.array_equal(tokens[p, b, s], np.nan if row.thinking_tokens is None else row.thinking_tokens, True)
            n_found += 1
        assert levels is None or len(levels) == len(grid.problems)
    assert n_found == len(last)


def test_a_column_that_an_earlier_version_did_not_write_has_its_default(tmp_path: Path) -> None:
    path = attempts_path(tmp_path)
    write_table(path, [an_attempt(0), an_attempt(1)], Attempt)
    import pyarrow.parquet as pq

    pq.write_table(pq.read_table(path).drop_columns(["thinking_source", "usd_spent"]), path)
    columns = Columns(path, Attempt)
    assert columns["thinking_source"].tolist() == ["ids", "ids"]
    assert columns["usd_spent"].isna().all()


def test_a_table_that_is_not_there_is_empty(tmp_path: Path) -> None:
    columns = Columns(traces_path(tmp_path), Trace)
    assert len(columns) == 0
    assert columns["visibility"].empty
    assert columns[["problem", "sample"]].empty
    assert len(columns[np.zeros(0, dtype=bool)]) == 0
    with pytest.raises(KeyError):
        columns["no such"]


def test_a_damaged_column_is_said(tmp_path: Path) -> None:
    path = attempts_path(tmp_path)
    write_table(path, [an_attempt(i) for i in range(50)], Attempt)
    columns = Columns(path, Attempt)
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(UsageError, match="cannot read"):
        columns["verdict"]


@pytest.mark.parametrize("is_separate", [False, True])
def test_the_traces_part_of_a_cost_is_that_of_brute_force(is_separate: bool) -> None:
    random = np.random.default_rng(3)
    traces, attempts, expected = [], [], 0.0
    for index in range(6):
        for sample in range(2):
            whole = replace(a_trace(index), sample=sample, thinking_tokens=64, wall_s=float(random.uniform(1, 2)))
            of_budget = {
                budget: replace(whole, budget=budget, thinking_tokens=budget, wall_s=float(random.uniform(1, 2)))
                for budget in (8, 16)
                if is_separate and (index, budget) != (1, 16)  # that one thinks on the shared trace
            }
            traces += [whole, *of_budget.values()]
            for budget in (8, 16, None):
                trace = of_budget.get(budget, whole)
                tokens = 64 if budget is None else budget
                part = trace.wall_s * tokens / trace.thinking_tokens
                answer = float(random.uniform(0.1, 0.2))
                is_shared = budget is None and index == 2
                attempts.append(
                    replace(
                        an_attempt(index, budget, sample=sample),
                        thinking_tokens=tokens,
                        wall_s=part + answer,
                        is_shared_answer=is_shared,
                    )
                )
                expected += 0.0 if is_shared else answer
    order = random.permutation(len(traces))
    ledger = ledgers_of(frame_of(attempts, Attempt), frame_of([traces[i] for i in order], Trace))[0]
    seconds = next(one for one in ledger.spending if one.axis == "wall_s")
    assert seconds.answers == pytest.approx(expected, rel=1e-12)
    assert seconds.traces == pytest.approx(sum(trace.wall_s for trace in traces), rel=1e-12)
