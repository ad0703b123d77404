"""What a router chooses from: steps, each a model with a budget asked k times, as arrays over problems and trials.

A step with k > 1 answers by plurality and says how many of its k votes agree. All samples of a problem are used alike:
trial t takes samples t, t + 1, ..., t + k - 1, counted round.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec
import numpy as np
from numpy.typing import NDArray

from thinkcurve.analysis.allocation.needs import AXIS
from thinkcurve.analysis.basis.axes import costs_of
from thinkcurve.analysis.basis.grid import Floats, Grid, groups_among, groups_of, known_of
from thinkcurve.analysis.parallel.votes import UNKNOWN, classes_of
from thinkcurve.budget import Control

AGREEMENT, LOG_PROBABILITY, ENDED, LEVEL = SIGNALS = ("agreement", "logprob", "ended", "level")
"""What a router can look at. ``agreement``: the share of a step's k votes that its answer has (Yue et al. 2024, arXiv
2310.03094). ``logprob``: the mean log-probability of its tokens. ``ended``: whether the model ended its thinking by
itself. ``level``: the level of the problem, before anything is spent."""
LOGPROB_COLUMNS = ("mean_logprob", "logprob")
"""Columns of attempts that may hold the mean log-probability."""
KEPT_AXES = ("thinking_tokens", "generated_tokens")
"""Axes on which thinking that is there already costs nothing again."""
MOST_TRIALS = 16
"""Trials of a problem with more samples than that: they start at samples spread evenly."""


class Step(msgspec.Struct, frozen=True):
    """One thing a router can do: ask this model at this budget ``k`` times. ``curve`` is its grid's place.

    ``effort`` is the name of a budget that is a level of effort.
    """

    curve: int
    model: str
    control: str
    budget: int | None
    effort: str | None = None
    k: int = 1


@dataclass(frozen=True, eq=False)
class Menu:
    """n steps by ascending mean cost over P problems and T trials: arrays of shape (P, T, n).

    ``value`` is the probability that the step's answer is right (a tied plurality is drawn by lot), ``cost`` that of
    its k attempts alone, ``signal`` what it shows before anybody knows the truth; NaN where it shows nothing.
    ``levels`` and ``groups``, of shape (P,), are those of the problems. ``n_left_out`` problems, of those that any
    curve has, lack an attempt of one of them, or its cost. ``thinking``, of shape (P, T, n, k), is how much of the cost
    of each vote a later step of its curve need not pay; 0 where that starts anew.
    """

    signal_name: str
    axis: str
    steps: tuple[Step, ...]
    problems: tuple[str, ...]
    value: Floats
    cost: Floats
    signal: Floats
    levels: NDArray[np.object_] | None
    groups: NDArray[np.int64] | None
    n_left_out: int
    thinking: Floats


def _is_recorded(grid: Grid, column: str) -> bool:
    return column in grid.attempts and bool(grid.attempts[column].notna().any())


def menu_of(grids: Sequence[Grid], *, signal: str, k: int = 1, axis: str = AXIS, goes_on: bool = False) -> Menu | None:
    """The steps of one or more grids of a task on the problems that all of them have.

    Every budget of every grid is a step with one attempt; with ``k`` > 1 it is one with k votes too. ``None`` where the
    signal is not there: no column of log-probabilities, no levels, ``k`` of 1 for agreement; or where no problem has
    all that is needed. With ``goes_on`` a later step of the same model goes on from the thinking of the earlier, where
    one trace serves all budgets (`thinkcurve.budget.Control.shares_trace`) and ``axis`` counts tokens of thinking;
    without, each step starts anew. Raises `ValueError` for a signal that is not in `SIGNALS`.
    """
    if signal not in SIGNALS:
        raise ValueError(f"{signal!r} is no signal; there are {', '.join(SIGNALS)}")
    common = _common(grids)
    column = next((name for name in LOGPROB_COLUMNS if all(_is_recorded(grid, name) for grid in grids)), None)
    levels = known_of([grid.levels for grid in common]) if common and common[0].problems else None
    if (
        not common
        or not common[0].problems
        or (signal == AGREEMENT and k < 2)
        or (signal == LOG_PROBABILITY and column is None)
        or (signal == LEVEL and levels is None)
    ):
        return None
    n_trials = min(max(len(grid.samples) for grid in common), MOST_TRIALS)
    steps: list[Step] = []
    parts = []
    for number, grid in enumerate(common):
        source = _Source.of(grid, signal, column, axis, has_votes=k > 1, goes_on=goes_on)
        for times in dict.fromkeys((1, k)):
            if times > len(grid.samples):
                continue
            for place, budget in enumerate(grid.budgets):
                steps.append(Step(number, grid.model, grid.control, budget, grid.efforts[place], times))
                parts.append(_step(source, place, times, n_trials, k))
    value, cost, shown, thinking = (np.stack([part[i] for part in parts], axis=2) for i in range(4))
    is_whole = np.asarray(~(np.isnan(cost) | np.isnan(value)).any(axis=(1, 2)))
    if not is_whole.any():
        return None
    order = np.argsort(cost[is_whole].mean(axis=(0, 1)), kind="stable")
    return Menu(
        signal_name=signal,
        axis=axis,
        steps=tuple(steps[i] for i in order),
        problems=tuple(np.array(common[0].problems, dtype=object)[is_whole]),
        value=value[is_whole][:, :, order],
        cost=cost[is_whole][:, :, order],
        signal=shown[is_whole][:, :, order],
        levels=None if levels is None else levels[is_whole],
        groups=groups_among(groups_of(common), is_whole),
        n_left_out=len({name for grid in grids for name in grid.problems}) - int(is_whole.sum()),
        thinking=thinking[is_whole][:, :, order],
    )


def _common(grids: Sequence[Grid]) -> list[Grid]:
    """The grids on the problems that all have, in one order."""
    if not grids:
        return []
    shared = set(grids[0].problems).intersection(*(grid.problems for grid in grids[1:]))
    names = [name for name in grids[0].problems if name in shared]
    found = []
    for grid in grids:
        places = {name: i for i, name in enumerate(grid.problems)}
        found.append(grid.only(np.array([places[name] for name in names], dtype=np.int64)))
    return found


@dataclass(frozen=True, eq=False)
class _Source:
    """What the steps of one grid are made of, all of shape (P, B, S)."""

    is_drawn: NDArray[np.bool_]
    right: Floats
    cost: Floats
    votes: Floats
    shown: Floats
    thinking: Floats

    @classmethod
    def of(cls, grid: Grid, signal: str, column: str | None, axis: str, *, has_votes: bool, goes_on: bool) -> _Source:
        """``votes`` are all NaN without ``has_votes``; ``shown`` is NaN where an attempt alone shows nothing;
        ``thinking`` is 0 where nothing can be gone on from."""
        nothing = np.full(grid.rows.shape, np.nan)
        shown = nothing
        if signal == LOG_PROBABILITY and column is not None:
            shown = grid.column(column)
        elif signal == ENDED:
            shown = np.where(grid.is_drawn, ~grid.flags("is_forced"), np.nan)
        votes = _votes(grid) if has_votes else nothing
        thinking = np.zeros(grid.rows.shape)
        if goes_on and Control(grid.control).shares_trace and axis in KEPT_AXES:
            # samples are in line only where the same ones are drawn at all budgets
            is_even = (grid.is_drawn == grid.is_drawn[:, :1]).all(axis=(1, 2), keepdims=True)
            thinking = np.where(is_even, np.nan_to_num(grid.column("thinking_tokens")), 0.0)
        return cls(grid.is_drawn, grid.is_correct.astype(float), costs_of(grid, axis), votes, shown, thinking)


def _votes(grid: Grid) -> Floats:
    """The class of each attempt's answer, of shape (P, B, S).

    A vote for nobody knows what agrees with no other. Where that is so of all answers of a problem (code), no two of
    them can be compared, and its votes are NaN.
    """
    classes = classes_of(grid)
    alone = np.arange(classes[0].size).reshape(classes.shape[1:]) + classes.max(initial=0) + 1
    votes = np.where(classes == UNKNOWN, alone, classes).astype(float)
    is_dumb = (classes == UNKNOWN).any(axis=(1, 2)) & (classes < 0).all(axis=(1, 2))
    return np.where(is_dumb[:, None, None], np.nan, votes)


def _step(source: _Source, place: int, k: int, n_trials: int, width: int) -> tuple[Floats, Floats, Floats, Floats]:
    """Value, cost and signal of one step in each trial, all (P, T), and the thinking of its votes, (P, T, width).

    NaN for a problem with fewer than k samples.
    """
    is_drawn = source.is_drawn[:, place]
    drawn = is_drawn.sum(axis=1)
    order = np.argsort(~is_drawn, axis=1, kind="stable")
    first = np.arange(n_trials) * max(is_drawn.shape[1] // n_trials, 1)
    turns = (first[:, None] + np.arange(k)).reshape(1, -1)
    picked = np.take_along_axis(order, turns % np.maximum(drawn, 1)[:, None], axis=1)

    def take(values: Floats) -> Floats:
        found = np.take_along_axis(values[:, place], picked, axis=1).reshape(len(drawn), n_trials, k)
        return np.where((drawn >= k)[:, None, None], found, np.nan)

    cost, shown = take(source.cost).sum(axis=2), take(source.shown).mean(axis=2)
    thinking = np.pad(take(source.thinking), ((0, 0), (0, 0), (0, width - k)))
    if k == 1:
        return take(source.right)[:, :, 0], cost, shown, thinking
    value, agreement = plurality(take(source.votes))
    return value, cost, agreement if np.isnan(source.shown).all() else shown, thinking


def plurality(votes: Floats) -> tuple[Floats, Floats]:
    """Probability that the plurality is right, and the share of all votes that it has, for classes of shape (..., k).

    Class 0 is right, below 0 is no vote, NaN makes both NaN. Of tied classes one is drawn by lot. The share depends on
    who agrees with whom, never on which class is right.
    """
    is_vote = votes >= 0
    counts = ((votes[..., :, None] == votes[..., None, :]) & is_vote[..., :, None]).sum(axis=-1)
    top = counts.max(axis=-1)
    n_tied = ((counts == top[..., None]) & is_vote).sum(axis=-1) / np.maximum(top, 1)
    is_right = (((votes == 0).sum(axis=-1) == top) & (top > 0)).astype(float)
    value = np.divide(is_right, n_tied, out=np.zeros(top.shape), where=n_tied > 0)
    is_known = ~np.isnan(votes).any(axis=-1)
    return np.where(is_known, value, np.nan), np.where(is_known, top / votes.shape[-1], np.nan)
