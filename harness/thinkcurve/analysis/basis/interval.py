"""One figure with its interval, as it stands in a record: `Interval`, and how estimates become some."""

from __future__ import annotations

from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from thinkcurve.analysis.basis.grid import Floats
from thinkcurve.analysis.basis.proportions import bonett_price, wilson
from thinkcurve.analysis.basis.resample import Estimate

FEWEST_UNITS = 2
"""Problems (or outer groups) below which there is nothing to resample, and no interval."""
ROUNDING = 1e-12
"""What differences of equal sums leave behind: nearer to 0 or 1 a figure is that, and a spread of so little is none."""


class Interval(msgspec.Struct, frozen=True):
    """A figure with its 95 % interval; ``None`` is not known, or not defined."""

    value: float | None
    ci_low: float | None
    ci_high: float | None


UNKNOWN = Interval(None, None, None)


def known(value: float | np.floating[Any] | Floats) -> float | None:
    """A number as it stands in a record: ``None`` for NaN and infinity, 0 for what rounding left of it."""
    if not np.isfinite(value):
        return None
    figure = float(value)
    return 0.0 if abs(figure) < ROUNDING else figure


def n_units(n_problems: int, groups: NDArray[Any] | None) -> int:
    """How many units a bootstrap draws: outer groups where there are any, else problems."""
    return n_problems if groups is None else len(np.unique(groups))


def intervals(found: Estimate, units: int) -> list[Interval]:
    """The entries of an estimate, flat. Below `FEWEST_UNITS` units there is a value and no interval."""
    return [_interval(*ends, units) for ends in _entries(found)]


def share_intervals(found: Estimate, units: int) -> list[Interval]:
    """As `intervals`, of shares between 0 and 1, with Wilson's interval on the units where all resamples are 0, or 1.

    A bootstrap cannot know what it has never seen.
    """
    return [_share(*ends, units) for ends in _entries(found)]


def difference_intervals(found: Estimate, units: int) -> list[Interval]:
    """As `intervals`, of differences between two shares of the same units. Where no resample differs the interval is
    Bonett and Price's for units of which none changed, about the value."""
    return [_difference(*ends, units) for ends in _entries(found)]


def share_interval(value: float, low: float, high: float, units: int) -> Interval:
    """One share with the ends that resamples gave it; else as `share_intervals`."""
    return _share(value, low, high, units)


def _entries(found: Estimate) -> zip[tuple[float, float, float]]:
    return zip(*(np.asarray(part).ravel().tolist() for part in (found.value, found.low, found.high)), strict=True)


def _interval(value: float, low: float, high: float, units: int) -> Interval:
    if units < FEWEST_UNITS:
        return Interval(known(value), None, None)
    return Interval(known(value), known(low), known(high))


def _share(value: float, low: float, high: float, units: int) -> Interval:
    has_no_width = abs(value - low) <= ROUNDING and abs(high - value) <= ROUNDING
    if units >= FEWEST_UNITS and has_no_width and min(abs(value), abs(1 - value)) <= ROUNDING:
        value = float(round(value))
        low, high = (float(end) for end in wilson(value, units))
    return _interval(value, low, high, units)


def _difference(value: float, low: float, high: float, units: int) -> Interval:
    if units >= FEWEST_UNITS and abs(value - low) <= ROUNDING and abs(high - value) <= ROUNDING:
        low, high = (value + end for end in bonett_price(0, 0, units))
        low, high = max(low, -1.0), min(high, 1.0)
    return _interval(value, low, high, units)
