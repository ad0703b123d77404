"""Empirical difficulty in fifths, cross-fitted: never from the attempts that are then scored.

Problems that happened to go wrong look hard, and go wrong again less often: fifths made of the same attempts that are
scored in them are too far apart (regression to the mean). So each sample is scored in the fifth that *others* give:

- ``samples``: the problem's other samples, over all budgets. Samples are drawn apart from each other, and a whole
  sample is left out, as all budgets of it may share one trace.
- ``models``: other models' attempts at the same problems. The way where there is one sample a problem.
- Other *budgets* of the same sample are not used: where they share a trace they share its luck.

With one sample of one model there is no way.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy.stats import rankdata

from thinkcurve.analysis.basis.grid import Floats, Grid

FIFTHS = 5
FEWEST_PROBLEMS = 2 * FIFTHS
NEAR = 0.05
"""Of the problems, on each side of a border, tell how accurate those at the border are."""
Source = Literal["samples", "models"]


@dataclass(frozen=True, eq=False)
class Difficulty:
    """How far each sample of each problem belongs to each fifth, hardest first: ``membership`` (P, S, 5).

    Rows sum to 1, or to 0 where nothing else tells (``n_unplaced`` problems). Problems that tie at the border of two
    fifths belong to both by share, so that no order of problems decides. ``near`` (P, S, 4) is how far each lies at
    each border.
    """

    source: Source
    membership: Floats
    near: Floats
    n_unplaced: int


def difficulty_of(grid: Grid, others: Sequence[Grid] = ()) -> Difficulty | None:
    """The cross-fitted fifths of a grid, or ``None`` where there is no way, or fewer than 10 problems are placed.

    ``others`` are grids of other models on the same task. By samples, unless other models place more problems.
    """
    found: list[tuple[Source, Floats]] = [("samples", _by_samples(grid))]
    if rates := _by_models(grid, others):
        found.append(("models", np.repeat(rates[0][:, None], len(grid.samples), axis=1)))
    source, ease = max(found, key=lambda each: (~np.isnan(each[1])).any(axis=1).sum())
    is_placed = (~np.isnan(ease)).any(axis=1)
    if is_placed.sum() < FEWEST_PROBLEMS:
        return None
    membership, near = (np.stack([each(column) for column in ease.T], axis=1) for each in (fifths, borders))
    return Difficulty(source, membership, near, int((~is_placed).sum()))


def fifths(ease: Floats) -> Floats:
    """The share of each problem (P,) in each fifth, lowest ``ease`` first, (P, 5); NaN belongs to none."""
    edges = np.arange(FIFTHS + 1) * (~np.isnan(ease)).sum() / FIFTHS
    return _overlap(ease, np.stack([edges[:-1], edges[1:]]))


def borders(ease: Floats) -> Floats:
    """As `fifths`, the share of each problem within `NEAR` of each of the four borders, (P, 4)."""
    n = (~np.isnan(ease)).sum()
    edges = np.arange(1, FIFTHS) * n / FIFTHS
    return _overlap(ease, np.stack([edges - NEAR * n, edges + NEAR * n]))


def moved(sums: Floats, weights: Floats, at_borders: Floats) -> Floats:
    """What each problem takes from the sum of each fifth by where it lies, (P, 5): one more hard problem moves every
    border, and the easiest of each fifth go over to the next.

    ``sums`` and ``weights`` (P, 5) are those of `parts`, ``at_borders`` (4,) the accuracy at each border. The influence
    of a problem on a mean between two quantiles (Serfling 1980, Approximation Theorems, chapter 8), less its own part.
    """
    placed = weights.sum(axis=1)
    total = weights.sum(axis=0)
    means = np.divide(sums.sum(axis=0), total, out=np.zeros(FIFTHS), where=total > 0)
    below = np.cumsum(weights, axis=1) - np.outer(placed, np.cumsum(total)) / max(placed.sum(), 1e-9)
    through = below[:, :-1] * at_borders
    taken = np.zeros(weights.shape)
    taken[:, :-1] += through
    taken[:, 1:] -= through
    return taken - means * np.diff(below, axis=1, prepend=0.0)


def _overlap(ease: Floats, edges: Floats) -> Floats:
    """The share of each problem (P,) that lies between edges (2, E) on the ranks 0 to n of ``ease``, (P, E)."""
    shares = np.zeros((len(ease), edges.shape[1]))
    known = ~np.isnan(ease)
    rounded = np.round(ease[known], 9)
    low, high = rankdata(rounded, method="min") - 1, rankdata(rounded, method="max")
    overlap = np.minimum(high[:, None], edges[1]) - np.maximum(low[:, None], edges[0])
    shares[known] = np.clip(overlap, 0, None) / (high - low)[:, None]
    return shares


def _excess(grid: Grid) -> tuple[Floats, Floats]:
    """By sample, how much more often right than all are at each budget, and at how many budgets; both (P, S).

    Against the budget's mean, so that a problem whose hard budgets failed does not look easy.
    """
    drawn = grid.is_drawn
    at_budget = drawn.sum(axis=(0, 2))
    means = np.divide(grid.is_correct.sum(axis=(0, 2)), at_budget, out=np.zeros(len(at_budget)), where=at_budget > 0)
    excess = np.where(drawn, grid.is_correct - means[None, :, None], 0.0)
    return excess.sum(axis=1), drawn.sum(axis=1).astype(float)


def _ratio(above: Floats, below: Floats) -> Floats:
    return np.divide(above, below, out=np.full(above.shape, np.nan), where=below > 0)


def _by_samples(grid: Grid) -> Floats:
    """The ease of each problem by the samples other than each, (P, S)."""
    excess, n = _excess(grid)
    rest = _ratio(excess.sum(axis=1, keepdims=True) - excess, n.sum(axis=1, keepdims=True) - n)
    return np.where(n > 0, rest, np.nan)


def _by_models(grid: Grid, others: Sequence[Grid]) -> list[Floats]:
    """The ease of each problem by other models: the mean over them of each one's mean, (P,); empty without any."""
    place = {name: i for i, name in enumerate(grid.problems)}
    found = []
    for other in others:
        if other.model == grid.model or other.task != grid.task:
            continue
        excess, n = _excess(other)
        ease = np.full(len(grid.problems), np.nan)
        common = [(place[name], i) for i, name in enumerate(other.problems) if name in place]
        if common:
            ours, theirs = np.array(common).T
            ease[ours] = _ratio(excess.sum(axis=1), n.sum(axis=1))[theirs]
            found.append(ease)
    if not found:
        return []
    table = np.array(found)
    known = ~np.isnan(table)
    return [_ratio(np.where(known, table, 0.0).sum(axis=0), known.sum(axis=0).astype(float))]
