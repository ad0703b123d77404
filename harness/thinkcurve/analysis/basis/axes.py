"""The axes of compute: what each attempt costs alone, and what the run that made it really spent.

*Alone* is what a point would cost if one ran only it: prompt, thinking up to the cut and answer. *Spent* is what the
run used: a trace that serves several budgets was made once, an answer past a natural end was given once, and what an
engine took from its cache was not computed again. A mean cost is a sum over a sum, and one unknown part makes it
unknown: a mean over the known part would flatter.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import msgspec
import numpy as np
from numpy.typing import NDArray

from thinkcurve.analysis.basis.grid import Counts, Floats, Grid, grids_of

if TYPE_CHECKING:
    from thinkcurve.columns import Table

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


def ledgers_of(attempts: Table, traces: Table, grids: Sequence[Grid] | None = None) -> list[Ledger]:
    """A ledger for each (model, task, control) of one run, in the table's order.

    ``traces`` are those of the run, whose columns are the fields of `thinkcurve.store.Trace`: a run has one control,
    so its traces are told apart by model and task. ``grids`` are those of the attempts, where they have been made.
    """
    return [_ledger(grid, traces) for grid in (grids_of(attempts) if grids is None else grids)]


def _ledger(grid: Grid, traces: Table) -> Ledger:
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


def _recorded(grid: Grid, traces: Table, axis: str, column: str) -> Spending:
    alone = _total(costs_of(grid, axis)[grid.is_drawn])
    return _spending(axis, alone, _column_total(traces, column), _column_total(grid.attempts, column))


def _measured(grid: Grid, traces: Table, axis: str) -> Spending:
    """Seconds (or joules) of requests: those of traces are recorded, an answer's are its attempt's less its part of the
    trace.

    That part is by tokens, as `thinkcurve.pipeline.attempt_of` adds it; an answer that is shared was waited for once.
    Requests overlap, so seconds are not how long the run took.
    """
    alone = _total(costs_of(grid, axis)[grid.is_drawn])
    if not len(traces):
        return _spending(axis, alone, None, None)
    answers = np.maximum(costs_of(grid, axis) - _of_traces(grid, traces, axis), 0.0)
    return _spending(
        axis, alone, _column_total(traces, axis), _total(_by_row(grid, answers)[~_is_shared_answer(grid.attempts)])
    )


def _joules(grid: Grid, traces: Table) -> Spending:
    """Joules where they are measured: by the traces where these have them, or of attempts that share nothing.

    Where a trace serves several attempts and has no joules of its own, what was spent on it is not known.
    """
    if "joules" in grid.attempts and "joules" in traces:
        return _measured(grid, traces, "joules")
    alone = _total(costs_of(grid, "joules")[grid.is_drawn])
    if alone is None or not _is_each_alone(grid, traces):
        return _spending("joules", alone, None, None)
    return Spending("joules", alone, None, None, alone, 1.0 if alone else None)


def _is_shared_answer(attempts: Table) -> NDArray[np.bool_]:
    return attempts["is_shared_answer"].to_numpy(dtype=bool)


def _is_each_alone(grid: Grid, traces: Table) -> bool:
    """Whether no two attempts share an answer or a trace."""
    if _is_shared_answer(grid.attempts).any():
        return False
    own, shared = _places(grid, traces)
    has_several = grid.is_drawn.sum(axis=1) > 1
    is_alone = (own >= 0) | ~(grid.is_drawn & has_several[:, None])
    return bool(not (has_several & (shared >= 0)).any() or is_alone.all())


def _of_traces(grid: Grid, traces: Table, axis: str) -> Floats:
    """The part of its trace in the cost of each attempt, of shape (P, B, S); one of its own counts before a shared."""
    own, shared = _places(grid, traces)
    place = np.where(own >= 0, own, shared[:, None])
    seconds, tokens = (
        np.where(place >= 0, traces[name].to_numpy(dtype=float, na_value=np.nan)[place], np.nan)
        for name in (axis, "thinking_tokens")
    )
    kept = grid.column("thinking_tokens")
    return np.divide(kept, tokens, out=np.ones_like(kept), where=tokens > 0) * seconds


def _places(grid: Grid, traces: Table) -> tuple[Counts, Counts]:
    """Where the trace at the very budget of each attempt stands, of shape (P, B, S), and that without a budget, of
    shape (P, S); -1 where there is none. One without a budget is that of the natural end too."""
    import pandas as pd

    code, problems = pd.factorize(traces["problem"])
    problem = pd.Index(grid.problems).get_indexer(pd.Index(problems, dtype=object))[code]
    sample = pd.Index(grid.samples).get_indexer(pd.Index(traces["sample"]))
    budgets = traces["budget"].to_numpy(dtype=float, na_value=np.nan)
    is_known = (problem >= 0) & (sample >= 0)
    own = np.full(grid.rows.shape, -1, dtype=np.int64)
    shared = np.full((len(grid.problems), len(grid.samples)), -1, dtype=np.int64)
    for i, budget in enumerate((*grid.budgets, None)):
        at = np.flatnonzero(is_known & (np.isnan(budgets) if budget is None else budgets == budget))
        (own[:, i] if i < len(grid.budgets) else shared)[problem[at], sample[at]] = at
    return own, shared


def _by_row(grid: Grid, values: Floats) -> Floats:
    """Values of attempts, of shape (P, B, S), in the order of their table."""
    found = np.full(len(grid.attempts), np.nan)
    found[grid.rows[grid.is_drawn]] = values[grid.is_drawn]
    return found


def _column_total(table: Table, column: str) -> float | None:
    if column not in table or not len(table):
        return None
    return _total(table[column].to_numpy(dtype=float, na_value=np.nan))


def _total(costs: Floats) -> float | None:
    return float(costs.sum()) if len(costs) and not np.isnan(costs).any() else None


def _spending(axis: str, alone: float | None, traces: float | None, answers: float | None) -> Spending:
    spent = None if traces is None or answers is None else traces + answers
    ratio = spent / alone if spent is not None and alone else None
    return Spending(axis, alone, traces, answers, spent, ratio)
