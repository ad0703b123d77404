"""A small model that thinks long against a large one that thinks short, at equal cost."""

from __future__ import annotations

import msgspec
import numpy as np

from thinkcurve.analysis.basis.grid import Floats
from thinkcurve.analysis.basis.resample import FEWEST
from thinkcurve.analysis.frontiers.reach import accuracy_at

N_COSTS = 33
"""Places at which two curves are compared, evenly over the logarithm of cost."""


class AtCost(msgspec.Struct, frozen=True):
    """Two models at one cost: the larger's accuracy less the smaller's, its percentile interval, and the share of
    resamples in which the larger is better (equal ones half). ``None`` where too few resamples reach that cost."""

    cost: float
    difference: float
    ci_low: float | None
    ci_high: float | None
    p_larger_better: float | None


class Extremes(msgspec.Struct, frozen=True):
    """The smaller model's dearest point and the larger's cheapest, and the share of resamples in which the larger's is
    more accurate. ``difference`` is larger less smaller."""

    small_cost: float
    large_cost: float
    small_accuracy: float
    large_accuracy: float
    difference: float
    ci_low: float
    ci_high: float
    p_larger_better: float


class Versus(msgspec.Struct, frozen=True):
    """A smaller and a larger model on one axis.

    ``low`` to ``high`` are the costs that both have, ``None`` where there is none: then only `Extremes` tells. ``at``
    compares them over these. ``larger_from`` is the cost from which on the larger is better up to ``high``; ``None``
    where at ``high`` it is not. It is ``low`` itself where the larger is better throughout. Its interval is of the
    resamples, ``None`` standing for "never"; ``p_larger_at_end`` is the share of them in which the larger is better
    at ``high``.
    """

    low: float | None
    high: float | None
    at: tuple[AtCost, ...]
    larger_from: float | None
    larger_from_low: float | None
    larger_from_high: float | None
    p_larger_at_end: float | None
    extremes: Extremes


def compare_sizes(
    small: tuple[Floats, Floats],
    large: tuple[Floats, Floats],
    small_draws: tuple[Floats, Floats],
    large_draws: tuple[Floats, Floats],
    *,
    level: float = 0.95,
) -> Versus:
    """A smaller and a larger model compared; each argument is (costs, accuracies).

    The first two are of the data, of shape (1, B) each with B of its own, the others of the same R resamples of their
    common problems, of shape (R, B). Nothing may be unknown (NaN). Costs, like accuracies, are those of the resample.
    """
    ends = [(curve[0].min(), curve[0].max()) for curve in (small, large)]
    low, high = max(end[0] for end in ends), min(end[1] for end in ends)
    extremes = _extremes(small, large, small_draws, large_draws, level)
    if low > high or high <= 0:
        return Versus(None, None, (), None, None, None, None, extremes)
    costs = _places(low, high, np.concatenate([small[0][0], large[0][0]]))
    value = (accuracy_at(*large, costs) - accuracy_at(*small, costs))[0]
    draws = accuracy_at(*large_draws, costs) - accuracy_at(*small_draws, costs)
    at = tuple(_at(cost, v, draws[:, k], level) for k, (cost, v) in enumerate(zip(costs, value, strict=True)))
    takeover = takeover_cost(costs, value[None])[0]
    over = takeover_cost(costs, draws)
    ends_at = [_finite(np.quantile(over, q, method="inverted_cdf")) for q in ((1 - level) / 2, (1 + level) / 2)]
    p_end = float(np.isfinite(over).mean())
    return Versus(float(low), float(high), at, _finite(takeover), ends_at[0], ends_at[1], p_end, extremes)


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


def _at(cost: float, value: float, draws: Floats, level: float) -> AtCost:
    known = draws[~np.isnan(draws)]
    if len(known) < FEWEST * len(draws):
        return AtCost(float(cost), float(value), None, None, None)
    low, high = np.quantile(known, [(1 - level) / 2, (1 + level) / 2])
    return AtCost(float(cost), float(value), float(low), float(high), _share_above(known))


def _extremes(
    small: tuple[Floats, Floats],
    large: tuple[Floats, Floats],
    small_draws: tuple[Floats, Floats],
    large_draws: tuple[Floats, Floats],
    level: float,
) -> Extremes:
    long, short = int(small[0][0].argmax()), int(large[0][0].argmin())
    draws = large_draws[1][:, short] - small_draws[1][:, long]
    low, high = np.quantile(draws, [(1 - level) / 2, (1 + level) / 2])
    a, b = float(small[1][0, long]), float(large[1][0, short])
    costs = float(small[0][0, long]), float(large[0][0, short])
    return Extremes(*costs, a, b, b - a, float(low), float(high), _share_above(draws))


def _share_above(differences: Floats) -> float:
    return float((differences > 0).mean() + 0.5 * (differences == 0).mean())


def _finite(cost: float) -> float | None:
    return float(cost) if np.isfinite(cost) else None
