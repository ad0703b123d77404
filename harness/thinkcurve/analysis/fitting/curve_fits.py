"""All that is said of the form of one curve: fits over compute and over samples, saturation, gains, s1's figures."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from thinkcurve.analysis.basis.grid import Grid, grids_of, outer_groups
from thinkcurve.analysis.fitting.beyond import Beyond
from thinkcurve.analysis.fitting.fits import Fits, fit_forms
from thinkcurve.analysis.fitting.forms import COVERAGE_FORMS
from thinkcurve.analysis.fitting.gains import Gain, gains_of
from thinkcurve.analysis.fitting.s1 import S1, s1_of
from thinkcurve.analysis.fitting.saturation import Saturation, saturation_of
from thinkcurve.analysis.fitting.series import FIT_RESAMPLES, accuracy_series, complete, coverage_series, places_of

if TYPE_CHECKING:
    import pandas as pd

FEWEST_SAMPLES = 4
"""Samples of each problem from which pass@k has three points: k = 1, 2, 4."""


class CurveFits(msgspec.Struct, frozen=True):
    """One (model, task, control): ``accuracy`` over ``axis``, and ``coverage``, pass@k over k at ``coverage_budget``.

    Where budgets are compared only the ``n_problems`` with attempts at every budget count, ``n_left_out`` do not; a
    gain counts those at both ends of its step, coverage those at its budget. ``coverage_effort`` is the name of that
    budget under control ``effort``.

    ``coverage`` is ``None`` where problems have fewer than `FEWEST_SAMPLES` samples at the largest budget. ``gains``
    and ``saturation`` are along the ladder, with budget 0 in it.
    """

    model: str
    task: str
    control: str
    axis: str
    n_problems: int
    n_left_out: int
    accuracy: Fits
    coverage: Fits | None
    coverage_budget: int | None
    coverage_effort: str | None
    saturation: Saturation | None
    gains: tuple[Gain, ...]
    s1: S1


def curve_fits_of(
    attempts: pd.DataFrame,
    axis: str = "thinking_tokens",
    *,
    extrapolate_to: float | Beyond | None = None,
    n_resamples: int = FIT_RESAMPLES,
    seed: int = 0,
) -> list[CurveFits]:
    """The fits of each (model, task, control) of an attempts table, in the table's order.

    Lines of accuracy end with the measured range unless ``extrapolate_to`` is beyond it: a cost on the axis, for which
    `ValueError` is raised where it is not, or a `Beyond`, which those curves follow that it is beyond.
    """
    return [
        curve_fits(grid, axis, extrapolate_to=extrapolate_to, n_resamples=n_resamples, seed=seed)
        for grid in grids_of(attempts)
    ]


def curve_fits(
    grid: Grid,
    axis: str = "thinking_tokens",
    *,
    extrapolate_to: float | Beyond | None = None,
    n_resamples: int = FIT_RESAMPLES,
    seed: int = 0,
) -> CurveFits:
    """The fits of one grid, else as `curve_fits_of`."""
    series = accuracy_series(grid, axis, n_resamples=n_resamples, seed=seed)
    if isinstance(extrapolate_to, Beyond):
        extrapolate_to = extrapolate_to.of(float(series.x.max(initial=0)))
    last = int(places_of(grid)[-1])
    coverage = _coverage(grid, last, n_resamples, seed)
    n_problems = len(complete(grid).problems)
    return CurveFits(
        *grid.name,
        axis,
        n_problems,
        len(grid.problems) - n_problems,
        fit_forms(series, extrapolate_to=extrapolate_to),
        coverage,
        grid.budgets[last] if coverage else None,
        grid.efforts[last] if coverage else None,
        saturation_of(grid, n_resamples=n_resamples, seed=seed),
        gains_of(grid, axis, n_resamples=n_resamples, seed=seed),
        s1_of(grid, n_resamples=n_resamples, seed=seed),
    )


def _coverage(grid: Grid, place: int, n_resamples: int, seed: int) -> Fits | None:
    """The forms of pass@k over k at a budget; ``None`` where problems have too few samples there."""
    has_any = grid.drawn[:, place] > 0
    right, drawn = grid.right[has_any, place], grid.drawn[has_any, place]
    if drawn.min() < FEWEST_SAMPLES:
        return None
    groups = None if grid.groups is None else outer_groups(grid.groups[has_any])
    series = coverage_series(right, drawn, groups=groups, n_resamples=n_resamples, seed=seed)
    return fit_forms(series, COVERAGE_FORMS)
