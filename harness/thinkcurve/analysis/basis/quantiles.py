"""Quantiles over attempts with intervals over problems.

A value is in the interval where the share of attempts at or below it is not told apart from the share that is asked
for: the interval of a share (`thinkcurve.analysis.basis.means`) is inverted (Woodruff 1952, JASA 47:635-646).
Resampling does not do: of 30 attempts none may lie beyond the 95th percentile, so that no resample shows what does.
Then the upper end is open here; by BCa such intervals held 83 of 100 times.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from thinkcurve.analysis.basis.grid import Floats
from thinkcurve.analysis.basis.interval import Interval
from thinkcurve.analysis.basis.means import mean_intervals

MOST_VALUES = 1000
"""Different values that a quantile is looked for among."""
_SLACK = 1e-9


def quantile_intervals(
    values: Floats, is_drawn: NDArray[np.bool_], shares: tuple[float, ...], *, groups: NDArray[Any] | None = None
) -> list[Interval]:
    """The smallest value that so large a share of attempts does not exceed, for each of ``shares``.

    ``values`` and ``is_drawn`` are of shape (P, S), every problem with an attempt; ``groups`` of shape (P,) are outer
    groups. The value is the inverse of the empirical distribution (Hyndman and Fan 1996, definition 1); an end that
    the data do not tell is ``None``.
    """
    found, below = counts_below(values, is_drawn)
    drawn = is_drawn.sum(axis=1)
    reached = below.sum(axis=0) / drawn.sum()
    of_share = mean_intervals(below / drawn[:, None], int(drawn.sum()), groups=groups)
    lows = np.array([np.nan if one.ci_low is None else one.ci_low for one in of_share])
    highs = np.array([np.nan if one.ci_high is None else one.ci_high for one in of_share])
    return [
        _around(_first(found, reached >= share - _SLACK), _first(found, highs >= share), _first(found, lows >= share))
        for share in shares
    ]


def _around(value: float | None, low: float | None, high: float | None) -> Interval:
    """An interval that holds its value: where problems have more and fewer attempts a share of them is not a mean of
    problems."""
    if value is None:
        return Interval(None, low, high)
    return Interval(value, None if low is None else min(low, value), None if high is None else max(high, value))


def _first(values: Floats, is_there: NDArray[np.bool_]) -> float | None:
    places = np.flatnonzero(is_there)
    return float(values[places[0]]) if places.size else None


def counts_below(values: Floats, is_drawn: NDArray[np.bool_]) -> tuple[Floats, Floats]:
    """Samples by their value: values, ascending (V,), and how many of each problem are at or below each (P, V).

    ``values`` and ``is_drawn`` are of shape (P, S). Of more than `MOST_VALUES` different ones, so many are
    taken by rank.
    """
    found = np.unique(values[is_drawn])
    if len(found) > MOST_VALUES:
        found = found[np.linspace(0, len(found) - 1, MOST_VALUES).round().astype(int)]
    problem = np.nonzero(is_drawn)[0]
    counts = np.zeros((len(values), len(found)))
    np.add.at(counts, (problem, np.searchsorted(found, values[is_drawn])), 1.0)
    return found, np.cumsum(counts, axis=1)
