"""A small model that thinks long against a large one that thinks short, at equal cost."""

from __future__ import annotations

import msgspec
import numpy as np

from thinkcurve.analysis.basis.between import accuracy_at
from thinkcurve.analysis.basis.grid import Floats
from thinkcurve.analysis.basis.interval import FEWEST_UNITS, UNKNOWN, Interval, difference_intervals, intervals, known
from thinkcurve.analysis.basis.percentiles import percentiles
from thinkcurve.analysis.basis.resample import FEWEST

N_COSTS = 33
"""Places at which two curves are compared, evenly over the logarithm of cost."""


class AtCost(msgspec.Struct, frozen=True):
    """Two models at one cost: the larger's accuracy less the smaller's, and the share of resamples in which the larger
    is better (equal ones half). No interval, and ``None``, where too few resamples reach that cost, or there is one
    problem (or outer group) only."""

    cost: float
    difference: Interval
    p_larger_better: float | None


class Extremes(msgspec.Struct, frozen=True):
    """The smaller model's dearest point and the larger's cheapest, and the share of resamples in which the larger's is
    more accurate. ``difference`` is larger less smaller."""

    small_cost: float
    large_cost: float
    small_accuracy: float
    large_accuracy: float
    difference: Interval
    p_larger_better: float | None


class Versus(msgspec.Struct, frozen=True):
    """A smaller and a larger model on one axis.

    ``low`` to ``high`` are the costs that both have, ``None`` where there is none: then only `Extremes` tells. ``at``
    compares them over these. ``larger_from`` is the cost from which on the larger is better up to ``high``; ``None``
    where at ``high`` it is not. It is ``low`` itself where the larger is better throughout. Its interval is of the
    resamples, ``None`` standing for "never"; ``p_larger_at_end`` is the share of them in which the larger is better
    at ``high``, ``None`` where there is one problem only and nothing is known of others.
    """

    low: float | None
    high: float | None
    at: tuple[AtCost, ...]
    larger_from: Interval
    p_larger_at_end: float | None
    extremes: Extremes


Curve = tuple[Floats, Floats]
"""Costs and accuracies, each of shape (R, B)."""


def compare_sizes(
    small: Curve, large: Curve, small_draws: Curve, large_draws: Curve, *, units: int, level: float = 0.95
) -> Versus:
    """A smaller and a larger model compared; each curve is (costs, accuracies).

    The first two are of the data, of shape (1, B) each with B of its own, the others of the same R resamples of their
    common problems, of shape (R, B), and ``units`` is how many were drawn: problems, or outer groups. Nothing may be
    unknown (NaN). Costs, like accuracies, are those of the resample; intervals are
    `thinkcurve.analysis.basis.percentiles`.
    """
    ends = [(curve[0].min(), curve[0].max()) for curve in (small, large)]
    low, high = max(end[0] for end in ends), min(end[1] for end in ends)
    extremes = _extremes(small, large, small_draws, large_draws, units, level)
    if low > high or high <= 0:
        return Versus(None, None, (), UNKNOWN, None, extremes)
    costs = _places(low, high, np.concatenate([small[0][0], large[0][0]]))
    value = (accuracy_at(*large, costs) - accuracy_at(*small, costs))[0]
    draws = accuracy_at(*large_draws, costs) - accuracy_at(*small_draws, costs)
    gaps = difference_intervals(percentiles(value, draws, units, level=level), units)
    at = tuple(
        AtCost(float(c), gap, _share_above(draws[:, k], units))
        for k, (c, gap) in enumerate(zip(costs, gaps, strict=True))
    )
    over = takeover_cost(costs, draws)
    (larger_from,) = intervals(percentiles(takeover_cost(costs, value[None])[0], over, units, level=level), units)
    p_end = float(np.isfinite(over).mean()) if units >= FEWEST_UNITS else None
    return Versus(float(low), float(high), at, larger_from, p_end, extremes)


def takeover_cost(costs: Floats, differences: Floats) -> Floats:
    """From which cost on a difference stays above 0, up to the last cost at which it is known.

    ``costs`` (K,) ascend, ``differences`` are of shape (R, K), NaN where unknown (such ends are passed over). Between
    two costs it is taken to run straight over the logarithm of cost, or over cost next to 0. The first of ``costs``
    where it is above 0 wherever it is known, infinite where the last known is not above 0, and where none is known.
    """
    known = ~np.isnan(differences)
    is_over = np.where(known, differences > 0, True)
    stays = np.flip(np.logical_and.accumulate(np.flip(is_over, axis=1), axis=1), axis=1) & known
    first = stays.argmax(axis=1)
    rows = np.arange(len(differences))
    before = np.maximum(first - 1, 0)
    under, over = differences[rows, before], differences[rows, first]
    has_before = (first > 0) & known[rows, before]
    gap = np.where(has_before, over - np.where(has_before, under, 0.0), 1.0)
    part = np.where(has_before, -np.where(has_before, under, 0.0) / np.where(gap > 0, gap, 1.0), 1.0)
    x0, x1 = costs[before], costs[first]
    is_log = x0 > 0
    ratio = np.divide(x1, x0, out=np.ones_like(x0), where=is_log)
    cross = np.where(is_log, x0 * ratio ** np.clip(part, 0, 1), x0 + np.clip(part, 0, 1) * (x1 - x0))
    return np.where(stays.any(axis=1), np.where(has_before, cross, costs[0]), np.inf)


def _places(low: float, high: float, points: Floats) -> Floats:
    """Costs from ``low`` to ``high``: even steps, and the points' own between them."""
    start = low if low > 0 else min((p for p in points if low < p <= high), default=high)
    steps = np.geomspace(start, high, N_COSTS)
    steps[0], steps[-1] = start, high
    own = points[(points >= low) & (points <= high)]
    return np.unique(np.concatenate([steps, own, [low]]))


def _extremes(small: Curve, large: Curve, small_draws: Curve, large_draws: Curve, units: int, level: float) -> Extremes:
    long, short = int(small[0][0].argmax()), int(large[0][0].argmin())
    draws = large_draws[1][:, short] - small_draws[1][:, long]
    a, b = float(small[1][0, long]), float(large[1][0, short])
    (gap,) = difference_intervals(percentiles(np.asarray(b - a), draws, units, level=level), units)
    costs = float(small[0][0, long]), float(large[0][0, short])
    return Extremes(*costs, a, b, gap, _share_above(draws, units))


def _share_above(differences: Floats, units: int) -> float | None:
    """The share of known differences above 0, equal ones half."""
    there = differences[~np.isnan(differences)]
    if units < FEWEST_UNITS or len(there) < FEWEST * len(differences):
        return None
    return known((there > 0).mean() + 0.5 * (there == 0).mean())
