"""The axes of compute: what each attempt costs alone, and what the run that made it really spent.

*Alone* is what a point would cost if one ran only it: prompt, thinking up to the cut and answer. *Spent* is what the
run used: a trace that serves several budgets was made once, an answer past a natural end was given once, and what an
engine took from its cache was not computed again. A mean cost is a sum over a sum, and one unknown part makes it
unknown: a mean over the known part would flatter.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import numpy as np

from thinkcurve.analysis.basis.grid import Floats, Grid, grids_of

if TYPE_CHECKING:
    import pandas as pd

AXES = ("thinking_tokens", "generated_tokens", "total_tokens", "flops", "wall_s", "joules", "usd")
"""Measures of compute (DESIGN section 10), as columns of the attempts table."""


def costs_of(grid: Grid, axis: str) -> Floats:
    """The cost of each attempt alone on one of `AXES`, of shape (P, B, S).

    NaN where there is no attempt or its cost is unknown. Raises `ValueError` for an axis that is none.
    """
    if axis not in AXES:
        raise ValueError(f"axis {axis!r} is not one of {', '.join(AXES)}")
    if axis not in grid.attempts:
        return np.full(grid.rows.shape, np.nan)
    return grid.column(axis)


class BudgetCosts(msgspec.Struct, frozen=True):
    """One budget: its accuracy, and for each of `AXES` the mean cost of an attempt alone, ``None`` where unknown.

    ``accuracy`` is the mean over problems of the mean over samples, ``None`` where no attempt came about.
    """

    budget: int | None
    effort: str | None
    n_attempts: int
    accuracy: float | None
    alone: dict[str, float | None]


class Spending(msgspec.Struct, frozen=True):
    """What all attempts of a curve cost on one axis: each ``alone``, and what was really ``spent``.

    ``traces`` and ``answers`` are the parts of the latter; where one generation held thinking and answer, all that was
    not counted apart is with the traces. ``ratio`` is spent / alone: below 1 is what sharing saved. ``None`` is
    unknown. Requests that failed are in neither.
    """

    axis: str
    alone: float | None
    traces: float | None
    answers: float | None
    spent: float | None
    ratio: float | None


class Ledger(msgspec.Struct, frozen=True):
    """The costs of one curve: alone by budget, and spent in all."""

    model: str
    task: str
    control: str
    n_problems: int
    budgets: tuple[BudgetCosts, ...]
    spending: tuple[Spending, ...]


SPENT = {"generated_tokens": "generated_spent", "flops": "flops_spent", "usd": "usd_spent"}
"""Axes whose spending is recorded, and its column in the tables of attempts and traces."""


def ledgers_of(attempts: pd.DataFrame, traces: pd.DataFrame) -> list[Ledger]:
    """A ledger for each (model, task, control) of one run, in the table's order.

    ``traces`` are those of the run, whose columns are the fields of `thinkcurve.store.Trace`: a run has one control,
    so its traces are told apart by model and task.
    """
    return [_ledger(grid, traces) for grid in grids_of(attempts)]


def _ledger(grid: Grid, traces: pd.DataFrame) -> Ledger:
    own = traces[(traces["model"] == grid.model) & (traces["task"] == grid.task)]
    costs = {axis: costs_of(grid, axis) for axis in AXES}
    budgets = tuple(
        BudgetCosts(
            budget,
            grid.efforts[b],
            int(grid.drawn[:, b].sum()),
            _mean(grid.means[:, b]),
            {axis: _alone_mean(grid, costs[axis], b) for axis in AXES},
        )
        for b, budget in enumerate(grid.budgets)
    )
    spending = [_recorded(grid, own, axis, column) for axis, column in SPENT.items()]
    return Ledger(
        *grid.name, len(grid.problems), budgets, (*spending, _measured(grid, own, "wall_s"), _joules(grid, own))
    )


def _mean(means: Floats) -> float | None:
    known = means[~np.isnan(means)]
    return float(known.mean()) if len(known) else None


def _alone_mean(grid: Grid, costs: Floats, b: int) -> float | None:
    """The mean over all attempts at a budget: a sum over a sum, unknown where a part of it is."""
    drawn = costs[:, b][grid.is_drawn[:, b]]
    return float(drawn.mean()) if len(drawn) and not np.isnan(drawn).any() else None


def _recorded(grid: Grid, traces: pd.DataFrame, axis: str, column: str) -> Spending:
    alone = _total(costs_of(grid, axis)[grid.is_drawn])
    return _spending(axis, alone, _column_total(traces, column), _column_total(grid.attempts, column))


def _measured(grid: Grid, traces: pd.DataFrame, axis: str) -> Spending:
    """Seconds (or joules) of requests: those of traces are recorded, an answer's are its attempt's less its part of the
    trace.

    That part is by tokens, as `thinkcurve.pipeline.attempt_of` adds it; an answer that is shared was waited for once.
    Requests overlap, so seconds are not how long the run took.
    """
    alone = _total(costs_of(grid, axis)[grid.is_drawn])
    if not len(traces):
        return _spending(axis, alone, None, None)
    whole, of_trace = _with_traces(grid.attempts, traces, axis)
    answers = np.maximum(whole - of_trace, 0.0)[~grid.attempts["is_shared_answer"].to_numpy(dtype=bool)]
    return _spending(axis, alone, _column_total(traces, axis), _total(answers))


def _joules(grid: Grid, traces: pd.DataFrame) -> Spending:
    """Joules where they are measured: by the traces where these have them, or of attempts that share nothing.

    Where a trace serves several attempts and has no joules of its own, what was spent on it is not known.
    """
    if "joules" in grid.attempts and "joules" in traces:
        return _measured(grid, traces, "joules")
    alone = _total(costs_of(grid, "joules")[grid.is_drawn])
    if alone is None or not _is_each_alone(grid.attempts, traces):
        return _spending("joules", alone, None, None)
    return Spending("joules", alone, None, None, alone, 1.0 if alone else None)


def _is_each_alone(attempts: pd.DataFrame, traces: pd.DataFrame) -> bool:
    """Whether no two attempts share an answer or a trace."""
    if attempts["is_shared_answer"].any():
        return False
    one = ["problem", "sample"]
    shared = traces.loc[traces["budget"].isna(), one]
    several = attempts[attempts.duplicated(one, keep=False)]
    return several.merge(shared, on=one).empty or _own_traces(several, traces)


def _own_traces(attempts: pd.DataFrame, traces: pd.DataFrame) -> bool:
    """Whether each of these attempts has a trace at its very budget."""
    keys = ["problem", "sample", "budget"]
    mine, theirs = (table[keys].astype({"budget": float}).fillna({"budget": -1.0}) for table in (attempts, traces))
    return len(mine.merge(theirs.drop_duplicates(), on=keys)) == len(mine)


def _with_traces(attempts: pd.DataFrame, traces: pd.DataFrame, axis: str) -> tuple[Floats, Floats]:
    """The cost of each attempt, and that of its trace's part in it; a trace of its own counts before a shared one."""
    one = ["problem", "sample"]
    figures = ["budget", axis, "thinking_tokens"]
    mine, theirs = (table[[*one, *figures]].astype(dict.fromkeys(figures, float)) for table in (attempts, traces))
    keys = [*one, "budget"]
    own = mine.fillna({"budget": -1.0}).merge(
        theirs.fillna({"budget": -1.0}), on=keys, how="left", suffixes=("", "_trace"), indicator=True
    )
    shared = mine.merge(theirs[theirs["budget"].isna()], on=one, how="left", suffixes=("", "_trace"))
    has_own = (own["_merge"] == "both").to_numpy()
    seconds, tokens = (
        np.where(has_own, own[f"{name}_trace"], shared[f"{name}_trace"]) for name in (axis, "thinking_tokens")
    )
    kept = own["thinking_tokens"].to_numpy()
    share = np.divide(kept, tokens, out=np.ones_like(kept), where=tokens > 0)
    return own[axis].to_numpy(), share * seconds


def _column_total(table: pd.DataFrame, column: str) -> float | None:
    if column not in table or not len(table):
        return None
    return _total(table[column].to_numpy(dtype=float, na_value=np.nan))


def _total(costs: Floats) -> float | None:
    return float(costs.sum()) if len(costs) and not np.isnan(costs).any() else None


def _spending(axis: str, alone: float | None, traces: float | None, answers: float | None) -> Spending:
    spent = None if traces is None or answers is None else traces + answers
    ratio = spent / alone if spent is not None and alone else None
    return Spending(axis, alone, traces, answers, spent, ratio)
