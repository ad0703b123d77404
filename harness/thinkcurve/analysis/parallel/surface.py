"""The surface: accuracy and cost of k samples at each budget, and the best use of an allowance of compute.

All of it comes from the samples of one run, after the fact. What k samples score depends on how they become one
answer: ``pass@k`` (an oracle finds a correct one if there is one; real verifiers fall short of it), ``maj@k``
(plurality vote), ``best-of-k`` (the sample with the highest score). Each is exact over all k-subsets
(`thinkcurve.analysis.parallel.estimators`, `thinkcurve.analysis.parallel.best_of`).

Their cost is k times the mean cost alone at that budget: costs alone add up. So the prompt counts k times, in FLOPs as
in tokens, although an engine that shares it between samples computes it once; and seconds are those of a device that
makes one sample after the other, not the latency of k at once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from thinkcurve.analysis.basis.axes import AXES, costs_of
from thinkcurve.analysis.basis.grid import Counts, Floats, Grid, outer_groups
from thinkcurve.analysis.basis.proportions import wilson
from thinkcurve.analysis.basis.resample import RESAMPLES, Estimate, bootstrap, mean_over
from thinkcurve.analysis.parallel.allowance import SPLITS, STRATEGIES, BestUse, Scored, best_uses
from thinkcurve.analysis.parallel.best_of import best_of_k
from thinkcurve.analysis.parallel.estimators import majority_of, pass_at_k
from thinkcurve.analysis.parallel.measures import SCORES

EVERY_K = 64
"""Up to here every k has a cell; beyond, powers of two and the largest."""
_SAME = 1e-12
"""A spread of resamples that is rounding."""


class Figure(msgspec.Struct, frozen=True):
    """An accuracy, or a difference of two, with its 95 % interval; ``None`` is not known."""

    mean: float
    ci_low: float | None
    ci_high: float | None
    se: float | None


class Cell(msgspec.Struct, frozen=True):
    """k samples at one budget: what they score by each way of making one answer of them, and what they cost.

    ``costs`` holds k times the mean cost alone, by axis; ``None`` where any attempt's is unknown.
    """

    budget: int | None
    effort: str | None
    k: int
    n_problems: int
    accuracy: dict[str, Figure]
    costs: dict[str, float | None]


class Choice(msgspec.Struct, frozen=True):
    """The best cell that fits an allowance. ``held_out`` is its accuracy when one half of the problems chooses and the
    other scores, so that it is not flattered by the choice."""

    budget: int | None
    effort: str | None
    k: int
    cost: float
    accuracy: Figure
    held_out: float | None


class Allowance(msgspec.Struct, frozen=True):
    """The best use of at most ``cost`` a problem by each strategy; ``None`` where nothing fits.

    ``gain`` is the mix less the sequential, ``held_out_gain`` the same from held-out halves.
    """

    cost: float
    sequential: Choice | None
    parallel: Choice | None
    mix: Choice | None
    gain: Figure | None
    held_out_gain: float | None


class Uses(msgspec.Struct, frozen=True):
    """Allowances on one axis, for one way of making one answer of k. They rest on the ``n_problems`` that have
    attempts at every budget."""

    way: str
    axis: str
    n_problems: int
    allowances: tuple[Allowance, ...]


class Surface(msgspec.Struct, frozen=True):
    """One (model, task, control): cells by budget and k, and the best uses of allowances.

    ``n_samples`` is the largest k of any cell. With one sample there is nothing to choose: ``uses`` is empty.
    """

    model: str
    task: str
    control: str
    n_samples: int
    ways: tuple[str, ...]
    cells: tuple[Cell, ...]
    uses: tuple[Uses, ...]


@dataclass(frozen=True, eq=False)
class _Scores:
    """What each problem scores: for each way an array (P, B, K), NaN where a problem has no attempt, and for all
    problems where it is unknown for one that has. ``deepest``, of shape (B,), is the fewest samples of any problem with
    an attempt at a budget: there is no larger k."""

    ks: Counts
    deepest: Counts
    ways: Mapping[str, Floats]


def surface_of(
    grid: Grid,
    *,
    scores: Sequence[str] | None = None,
    n_resamples: int = RESAMPLES,
    n_splits: int = SPLITS,
    seed: int = 0,
) -> Surface:
    """The surface of a grid. ``scores`` name numeric columns by which the best of k is chosen (highest first): those of
    `thinkcurve.analysis.parallel.measures.SCORES` that are there where none are named.

    k goes up to the fewest samples that a problem with any attempt has at a budget, so that all cells of a budget rest
    on the same problems. Intervals are BCa over problems (or groups, by the rule of `outer_groups`), joint over all
    cells; where all resamples agree (all right, say), Wilson's on the number of problems; none for a single one.
    """
    found = _scores(grid, scores)
    cells = _cells(grid, found, _mean_costs(grid), n_resamples, seed)
    uses: list[Uses] = []
    if found.ks[-1] > 1:
        for way in found.ways:
            uses += _uses(grid, found, way, n_resamples, n_splits, seed)
    return Surface(*grid.name, int(found.ks[-1]), tuple(found.ways), cells, tuple(uses))


def ks_up_to(n: int) -> Counts:
    """The ks of a surface of n samples: every one up to `EVERY_K`, then powers of two, and n."""
    more = [2**i for i in range(EVERY_K.bit_length(), n.bit_length()) if 2**i < n]
    return np.array([*range(1, min(n, EVERY_K) + 1), *more, *([n] if n > EVERY_K else [])], dtype=np.int64)


def _scores(grid: Grid, columns: Sequence[str] | None) -> _Scores:
    fewest = np.where(grid.drawn > 0, grid.drawn, np.iinfo(np.int64).max).min(axis=0)
    deepest = np.where((grid.drawn > 0).any(axis=0), fewest, 0)
    ks = ks_up_to(max(1, int(deepest.max())))
    ways = {"pass@k": pass_at_k(grid.right, grid.drawn, ks), "maj@k": majority_of(grid, ks)}
    if columns is None:
        columns = [name for name in SCORES if name in grid.attempts]
    ways |= {f"best-of-k by {name}": _best_of(grid, name, ks) for name in columns}
    is_there = (grid.drawn > 0)[:, :, None]
    for values in ways.values():
        values[..., 0] = np.where(
            np.isnan(values[..., 0]), np.nan, grid.means
        )  # one sample, by any way, to the last bit
        values[:, (np.isnan(values) & is_there).any(axis=0)] = np.nan
    return _Scores(ks, deepest, {way: values for way, values in ways.items() if not np.isnan(values).all()})


def _best_of(grid: Grid, score: str, ks: Counts) -> Floats:
    if score not in grid.attempts:
        raise ValueError(f"the attempts have no column {score!r} to choose the best of k by")
    flat = (-1, grid.rows.shape[2])
    chances = best_of_k(
        grid.column(score).reshape(flat), grid.is_correct.reshape(flat), grid.is_drawn.reshape(flat), ks
    )
    return chances.reshape(*grid.drawn.shape, -1)


def _mean_costs(grid: Grid) -> dict[str, Floats]:
    """Mean cost of one attempt alone at each budget by axis, of shape (B,); NaN where any of it is unknown."""
    found = {}
    for axis in AXES:
        sums, n = _spent(grid, axis).sum(axis=0), grid.drawn.sum(axis=0)
        found[axis] = np.divide(sums, n, out=np.full(n.shape, np.nan), where=n > 0)
    return found


def _spent(grid: Grid, axis: str) -> Floats:
    """The summed cost of each problem at each budget, of shape (P, B); NaN where any of it is unknown."""
    return np.where(grid.is_drawn, costs_of(grid, axis), 0.0).sum(axis=2)


def _cells(grid: Grid, scores: _Scores, costs: Mapping[str, Floats], n_resamples: int, seed: int) -> tuple[Cell, ...]:
    places = [(b, i) for b in range(len(grid.budgets)) for i, k in enumerate(scores.ks) if k <= scores.deepest[b]]
    if not places:
        return ()
    at = tuple(np.array(places).T)
    values = np.stack([of_way[:, *at] for of_way in scores.ways.values()], axis=1)  # (P, ways, cells)
    estimate = bootstrap(
        lambda weights: mean_over(weights, values),
        len(values),
        groups=outer_groups(grid.groups),
        n_resamples=n_resamples,
        seed=seed,
    )
    n_problems = (grid.drawn > 0).sum(axis=0)
    n_units = _units_at(grid)
    cells = []
    for place, (b, i) in enumerate(places):
        k = int(scores.ks[i])
        cells.append(
            Cell(
                grid.budgets[b],
                grid.efforts[b],
                k,
                int(n_problems[b]),
                {
                    way: _share(estimate, (w, place), int(n_units[b]))
                    for w, way in enumerate(scores.ways)
                    if not np.isnan(estimate.value[w, place])
                },
                {axis: _known(k * mean[b]) for axis, mean in costs.items()},
            )
        )
    return tuple(cells)


def _units_at(grid: Grid) -> Counts:
    """How many problems (groups) have an attempt at each budget, of shape (B,)."""
    is_there, groups = grid.drawn > 0, outer_groups(grid.groups)
    if groups is None:
        return is_there.sum(axis=0)
    return np.array([len(np.unique(groups[of_budget])) for of_budget in is_there.T], dtype=np.int64)


def _uses(grid: Grid, scores: _Scores, way: str, n_resamples: int, n_splits: int, seed: int) -> list[Uses]:
    live = np.flatnonzero(scores.deepest > 0)
    problems = np.flatnonzero((grid.drawn[:, live] > 0).all(axis=1))
    if not problems.size:
        return [Uses(way, axis, 0, ()) for axis in AXES]
    there = np.ix_(problems, live)
    groups = outer_groups(None if grid.groups is None else grid.groups[problems])
    scored = Scored(
        scores.ways[way][there],
        scores.ks,
        {axis: _spent(grid, axis)[there] for axis in AXES},
        grid.drawn[there],
        groups,
    )
    n_units = len(problems) if groups is None else len(np.unique(groups))
    found = best_uses(scored, n_resamples=n_resamples, n_splits=n_splits, seed=seed)
    uses = []
    for axis, use in zip(AXES, found, strict=True):
        prices = scored.costs(np.ones((1, len(problems))), axis)[0]
        allowances = (_allowance(grid, use, a, live, scores.ks, prices, n_units) for a in range(len(use.allowances)))
        uses.append(Uses(way, axis, len(problems), tuple(allowances)))
    return uses


def _allowance(
    grid: Grid, use: BestUse, a: int, live: NDArray[Any], ks: Counts, prices: Floats, n_units: int
) -> Allowance:
    def choice(strategy: str) -> Choice | None:
        place = STRATEGIES.index(strategy)
        b, i = use.cells[a, place]
        if b < 0:
            return None
        budget, k = int(live[b]), int(ks[i])
        accuracy, held_out = _share(use.accuracy, (a, place), n_units), _known(use.held_out[a, place])
        return Choice(grid.budgets[budget], grid.efforts[budget], k, float(prices[b] * k), accuracy, held_out)

    return Allowance(
        cost=float(use.allowances[a]),
        sequential=choice("sequential"),
        parallel=choice("parallel"),
        mix=choice("mix"),
        gain=_difference(use.gain, a, n_units),
        held_out_gain=_known(use.held_out_gain[a]),
    )


def _difference(estimate: Estimate, at: int, n_units: int) -> Figure | None:
    value = _known(estimate.value[at])
    if value is None or n_units > 1:
        return None if value is None else _figure(estimate, at)
    return Figure(value, None, None, None)


def _share(estimate: Estimate, at: Any, n_units: int) -> Figure:
    """An accuracy; where its resamples all agree, with Wilson's interval on the number of units."""
    mean = float(np.clip(estimate.value[at], 0.0, 1.0))
    if n_units < 2:
        return Figure(mean, None, None, None)
    if estimate.se[at] < _SAME:
        low, high = wilson(mean, n_units)
        return Figure(mean, float(low), float(high), 0.0)
    return _figure(estimate, at)


def _figure(estimate: Estimate, at: Any) -> Figure:
    low, high, se = (_known(values[at]) for values in (estimate.low, estimate.high, estimate.se))
    return Figure(float(estimate.value[at]), low, high, se)


def _known(value: Any) -> float | None:
    return None if np.isnan(value) else float(value)
