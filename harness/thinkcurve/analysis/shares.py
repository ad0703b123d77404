"""Sums over sums with intervals, as records: tokens over tokens, problems over problems."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from thinkcurve.analysis.accuracy import wilson
from thinkcurve.analysis.grid import Floats
from thinkcurve.analysis.resample import RESAMPLES, Estimate, bootstrap, ratio_over

FEWEST_UNITS = 2
"""Problems (or outer groups) below which there is nothing to resample."""
ROUNDING = 1e-13
"""What differences of equal sums leave behind."""


class Interval(msgspec.Struct, frozen=True):
    """A figure with its 95 % interval; ``None`` is not known, or not defined."""

    value: float | None
    ci_low: float | None
    ci_high: float | None


UNKNOWN = Interval(None, None, None)


def n_units(n_problems: int, groups: NDArray[Any] | None) -> int:
    """How many units a bootstrap draws: outer groups where there are any, else problems."""
    return n_problems if groups is None else len(np.unique(groups))


def intervals(found: Estimate, units: int) -> list[Interval]:
    """The entries of an estimate, flat. Below `FEWEST_UNITS` units there is a value and no interval."""
    flat = zip(found.value.ravel(), found.low.ravel(), found.high.ravel(), strict=True)
    has_interval = units >= FEWEST_UNITS
    return [
        Interval(_known(v), _known(low) if has_interval else None, _known(high) if has_interval else None)
        for v, low, high in flat
    ]


def ratios(
    parts: Mapping[str, tuple[Floats, Floats]],
    *,
    groups: NDArray[Any] | None = None,
    n_resamples: int = RESAMPLES,
    seed: int = 0,
) -> dict[str, list[Interval]]:
    """Sum of the first over sum of the second, both of shape (P, K) and NaN where left out, K intervals a name.

    BCa bootstrap over problems or groups, the same resamples for all names. A share of which no resample differs (no
    problem has it, or all have) gets Wilson's interval on the units that have a part below: a bootstrap cannot know
    what it has never seen.
    """
    above = np.concatenate([a for a, _ in parts.values()], axis=1)
    below = np.concatenate([b for _, b in parts.values()], axis=1)
    n_problems = len(above)
    units = n_units(n_problems, groups)
    found = bootstrap(
        lambda weights: ratio_over(weights, above, below), n_problems, groups=groups, n_resamples=n_resamples, seed=seed
    )
    counted = (np.nan_to_num(below) > 0) & ~np.isnan(above)
    flat = [
        _widened(one, n_units(int(has.sum()), None if groups is None else groups[has]))
        for one, has in zip(intervals(found, units), counted.T, strict=True)
    ]
    named = {}
    for name, (a, _) in parts.items():
        named[name], flat = flat[: a.shape[1]], flat[a.shape[1] :]
    return named


def _widened(one: Interval, units: int) -> Interval:
    if one.value is None or units < FEWEST_UNITS or not one.value == one.ci_low == one.ci_high:
        return one
    if one.value not in (0.0, 1.0):
        return one
    low, high = wilson(one.value, units)
    return Interval(one.value, float(low), float(high))


def _known(value: float) -> float | None:
    if np.isnan(value):
        return None
    return 0.0 if abs(value) < ROUNDING else float(value)
