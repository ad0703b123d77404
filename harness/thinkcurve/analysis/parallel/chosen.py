"""Intervals of what is chosen anew in each resample: the best accuracy at an allowance, and the gain of the mix.

The BCa interval alone does not do. Where two cells are nearly tied the choice is noise, the resamples are biased
upwards, and BCa takes off too much for it; and where all but one or two problems are sure, no resample shows what other
problems might. So an interval here is no narrower than those that know nothing of the choice. In 300 simulated studies
each of 60 problems x 4 samples and of 200 x 8, in a world of ordinary problems, one that is nearly always and one that
is nearly never solved, 95 % intervals by BCa held the true gain in 82.3 % at the least and the true best in 91.0 %;
these hold them in 90.7 and 93.7 %, and the gain in nearly all studies where next to no problem changes.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.special import stdtrit

from thinkcurve.analysis.basis.interval import FEWEST_UNITS, Interval, known
from thinkcurve.analysis.basis.proportions import bonett_price
from thinkcurve.analysis.basis.resample import Estimate


def best_intervals(found: Estimate, of_cells: Sequence[Interval | None], units: int) -> list[Interval]:
    """The best accuracies of ``found``, of shape (N,), each no narrower than the interval of the cell that was chosen.

    ``of_cells`` are those intervals, ``None`` where no cell was; ``units`` is how many problems or groups were
    resampled. A single one has no interval.
    """
    rows = zip(found.value.tolist(), found.low.tolist(), found.high.tolist(), of_cells, strict=True)
    return [
        _around(value, low, high, cell) if units >= FEWEST_UNITS else _bare(value) for value, low, high, cell in rows
    ]


def gain_intervals(found: Estimate, units: int, *, level: float = 0.95) -> list[Interval]:
    """The gains of ``found``, of shape (N,): of the best among more cells over the best among some of them.

    No narrower than t times the spread of the resamples to both sides, nor than Bonett and Price's interval for
    ``units`` of which none changed; and not below 0, as no gain is.
    """
    if units < FEWEST_UNITS:
        return [_bare(value) for value in found.value.tolist()]
    least = float(bonett_price(0, 0, units)[1])
    out = float(np.sqrt(units / (units - 1)) * stdtrit(units - 1, (1 + level) / 2))
    half = np.maximum(out * found.se, least)
    low, high = np.maximum(np.minimum(found.low, found.value - half), 0.0), np.maximum(found.high, found.value + half)
    ends = zip(found.value.tolist(), low.tolist(), np.minimum(high, 1.0).tolist(), strict=True)
    return [Interval(known(value), known(below), known(above)) for value, below, above in ends]


def _around(value: float, low: float, high: float, cell: Interval | None) -> Interval:
    if cell is None or cell.ci_low is None or cell.ci_high is None:
        return _bare(value)
    if np.isnan(low + high):  # in many resamples the allowance pays for nothing: what is left is the cell itself
        return Interval(known(value), cell.ci_low, cell.ci_high)
    return Interval(known(value), known(min(low, cell.ci_low)), known(max(high, cell.ci_high)))


def _bare(value: float) -> Interval:
    return Interval(known(value), None, None)
