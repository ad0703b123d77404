"""Sums over sums with intervals, as records: tokens over tokens, problems over problems."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from thinkcurve.analysis.basis.grid import Floats
from thinkcurve.analysis.basis.interval import Interval, n_units, share_interval
from thinkcurve.analysis.basis.resample import RESAMPLES, bootstrap, ratio_over


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
    found = bootstrap(
        lambda weights: ratio_over(weights, above, below), n_problems, groups=groups, n_resamples=n_resamples, seed=seed
    )
    counted = (np.nan_to_num(below) > 0) & ~np.isnan(above)
    flat = [
        share_interval(value, low, high, n_units(int(has.sum()), None if groups is None else groups[has]))
        for value, low, high, has in zip(found.value, found.low, found.high, counted.T, strict=True)
    ]
    named = {}
    for name, (a, _) in parts.items():
        named[name], flat = flat[: a.shape[1]], flat[a.shape[1] :]
    return named
