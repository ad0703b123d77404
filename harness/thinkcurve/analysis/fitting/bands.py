"""Fitted forms as lines with bands, and the ends of what refitted resamples say."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from thinkcurve.analysis.basis.grid import Floats
from thinkcurve.analysis.basis.percentiles import expanded
from thinkcurve.analysis.basis.resample import FEWEST
from thinkcurve.analysis.fitting.scatter import Fitted

AS_GOOD = 0.05
"""The weight from which a form has a say in how far an extrapolation may be off."""
N_INSIDE, N_BEYOND = 33, 17
"""Points at which a band is given, within the measured range and beyond it."""


class Band(msgspec.Struct, frozen=True):
    """A fitted form as a line with its band, for a figure; all of one length, y within 0..1.

    What is extrapolated is to be drawn dashed: there the band also covers the bands of all other forms that fit the
    points about as well (AICc weight from `AS_GOOD`). Where resamples say nothing the band is 0 to 1.
    """

    x: tuple[float, ...]
    y: tuple[float, ...]
    ci_low: tuple[float, ...]
    ci_high: tuple[float, ...]
    is_extrapolated: tuple[bool, ...]


def bands(made: Sequence[Fitted], weights: Floats, level: float, extrapolate_to: float | None) -> list[Band | None]:
    """The band of each fit over the measured range, and to ``extrapolate_to``; ``None`` of what was not fitted."""
    lines = [_line(part, level, extrapolate_to) if part.is_fitted else None for part in made]
    rivals = [line for line, weight in zip(lines, weights, strict=True) if line is not None and weight >= AS_GOOD]
    return [None if line is None else _band(line, rivals) for line in lines]


def ends(values: Floats, part: Fitted, level: float) -> tuple[Floats, Floats]:
    """Ends of an interval from values of shape (r, ...) of the r resamples that converged, by percentiles.

    The percentiles are set out for small samples (`thinkcurve.analysis.basis.percentiles.expanded`). NaN where fewer
    than `FEWEST` of the resamples converged, and where resamples are all the same.
    """
    if len(values) < max(2, FEWEST * len(part.good)) or not part.series.has_spread:
        return np.full(values.shape[1:], np.nan), np.full(values.shape[1:], np.nan)
    tail = expanded(level, part.series.n_units)
    low, high = np.quantile(values, [tail, 1 - tail], axis=0)
    return low, high


class _Line(NamedTuple):
    x: Floats
    y: Floats
    low: Floats
    high: Floats
    is_beyond: NDArray[np.bool_]


def _line(part: Fitted, level: float, extrapolate_to: float | None) -> _Line:
    first, last = part.series.x.min(), part.series.x.max()
    x = np.geomspace(first, last, N_INSIDE)
    if extrapolate_to is not None:
        x = np.concatenate([x, np.geomspace(last, extrapolate_to, N_BEYOND)[1:]])
    low, high = ends(part.lines(x), part, level)
    low, high = np.nan_to_num(low, nan=0.0), np.nan_to_num(high, nan=1.0)
    is_beyond = np.arange(len(x)) >= N_INSIDE
    return _Line(x, np.clip(part.values(x), 0, 1), np.clip(low, 0, 1), np.clip(high, 0, 1), is_beyond)


def _band(line: _Line, rivals: Sequence[_Line]) -> Band:
    low, high = line.low, line.high
    for rival in rivals:
        low = np.where(line.is_beyond, np.minimum(low, rival.low), low)
        high = np.where(line.is_beyond, np.maximum(high, rival.high), high)
    x, y, lows, highs = (tuple(part.tolist()) for part in (line.x, line.y, low, high))
    return Band(x, y, lows, highs, tuple(line.is_beyond.tolist()))
