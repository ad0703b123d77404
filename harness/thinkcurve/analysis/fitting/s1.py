"""s1's three figures of a way to control thinking: Control, Scaling and Performance.

Muennighoff et al. 2025 (arXiv 2501.19393), section 3.2. What their Table 3 holds, found from their published points:
Control is the share of settings whose mean thinking lies within what was asked; Scaling is the mean over all pairs of
points of the slope on **log2** of mean thinking tokens, in points of a hundred per doubling (the formula as printed
has the slope per token, which gives thousandths); Performance is the largest accuracy. The -35 of rejection sampling
leaves out its shortest setting, which its Performance counts.
"""

from __future__ import annotations

import msgspec
import numpy as np
from numpy.typing import ArrayLike

from thinkcurve.analysis.basis.grid import Floats, Grid
from thinkcurve.analysis.basis.interval import ROUNDING, UNKNOWN, Interval, intervals, n_units
from thinkcurve.analysis.basis.resample import RESAMPLES, bootstrap, mean_over, ratio_over
from thinkcurve.analysis.fitting.series import SAME_X, complete, places_of
from thinkcurve.budget import Control


class S1(msgspec.Struct, frozen=True):
    """s1's figures of one curve, of the problems that have attempts at all of its budgets; ``n_left_out`` have not.

    ``control`` is the share of budgets whose mean thinking is within what was asked, ``control_attempts`` the share of
    attempts; both ``None`` where no number of tokens was asked or none is known. Scaling is in accuracy (0..1) per
    thinking token, as printed in the paper, and per doubling, as in its Table 3 there times 100; budgets without
    thinking are not in the second. Both are means of slopes, so they are ruled by the pairs of points that lie closest.
    Their intervals are BCa over problems, unknown where no problem differs from another. ``performance`` is the largest
    accuracy, of ``performance_budget`` (under control ``effort`` ``performance_effort`` is its name): the largest of
    several noisy figures, so it flatters.
    """

    control: float | None
    control_attempts: float | None
    scaling_per_token: Interval
    scaling_per_doubling: Interval
    performance: float | None
    performance_budget: int | None
    performance_effort: str | None
    n_problems: int
    n_left_out: int


def control_share(spent: ArrayLike, most: ArrayLike, least: ArrayLike = 0.0) -> float:
    """Control: the share of ``spent`` tokens within what was asked, ``least`` to ``most``; arrays of one shape (n,).

    Raises `ValueError` for none, or where one is NaN.
    """
    tokens = np.asarray(spent, dtype=float)
    if tokens.size == 0 or np.isnan(tokens).any():
        raise ValueError("Control needs the tokens of at least one setting, and all of them known")
    return float(((tokens >= np.asarray(least)) & (tokens <= np.asarray(most))).mean())


def scaling(x: ArrayLike, y: ArrayLike) -> Floats:
    """Scaling: the mean slope over all pairs of points, of shape (...,) for x and y of shape (..., n).

    Per unit of x: give log2 of tokens for a slope per doubling. Pairs with the same x have no slope and are left out;
    NaN where no pair is left.
    """
    xs, ys = np.broadcast_arrays(np.asarray(x, dtype=float), np.asarray(y, dtype=float))
    first, second = np.triu_indices(xs.shape[-1], k=1)
    run, rise = xs[..., second] - xs[..., first], ys[..., second] - ys[..., first]
    size = np.maximum(np.abs(xs[..., second]), np.abs(xs[..., first]))
    has_slope = np.isfinite(run) & np.isfinite(rise) & (np.abs(run) > SAME_X * size)
    slopes = np.divide(rise, run, out=np.zeros(run.shape), where=has_slope)
    n = has_slope.sum(axis=-1)
    return np.divide(slopes.sum(axis=-1), n, out=np.full(n.shape, np.nan), where=n > 0)


def performance(y: ArrayLike) -> float:
    """Performance: the largest accuracy, of shape (n,). Raises `ValueError` for none."""
    return float(np.nanmax(np.asarray(y, dtype=float)))


def s1_of(grid: Grid, *, n_resamples: int = RESAMPLES, seed: int = 0) -> S1:
    """s1's figures of a grid. Scaling is ``None`` where the thinking of some attempt is not known."""
    whole = complete(grid)
    n_left_out = len(grid.problems) - len(whole.problems)
    if not whole.problems:
        return S1(None, None, UNKNOWN, UNKNOWN, None, None, None, 0, n_left_out)
    tokens = whole.column("thinking_tokens")
    by_token, by_doubling = _scalings(whole, tokens, n_resamples, seed)
    y = mean_over(np.ones((1, len(whole.problems))), whole.means)[0]
    best = int(np.nanargmax(y))
    return S1(
        *_control(whole, tokens),
        by_token,
        by_doubling,
        performance(y),
        grid.budgets[best],
        grid.efforts[best],
        len(whole.problems),
        n_left_out,
    )


def _control(grid: Grid, tokens: Floats) -> tuple[float | None, float | None]:
    asked = [place for place in places_of(grid) if grid.budgets[place] is not None]
    spent = tokens[:, asked]
    is_drawn = grid.is_drawn[:, asked]
    if grid.control == Control.EFFORT or not asked or np.isnan(spent[is_drawn]).any():
        return None, None
    most = np.array([grid.budgets[i] for i in asked], dtype=float)
    means = np.where(is_drawn, np.nan_to_num(spent), 0).sum(axis=(0, 2)) / is_drawn.sum(axis=(0, 2))
    every = np.broadcast_to(most[:, None], spent.shape)
    return control_share(means, most), control_share(spent[is_drawn], every[is_drawn])


def _scalings(grid: Grid, tokens: Floats, n_resamples: int, seed: int) -> tuple[Interval, Interval]:
    if np.isnan(tokens[grid.is_drawn]).any():
        return UNKNOWN, UNKNOWN
    sums, n = np.nan_to_num(tokens).sum(axis=2), grid.drawn.astype(float)

    def statistic(weights: Floats) -> Floats:
        x, y = ratio_over(weights, sums, n), mean_over(weights, grid.means)
        doublings = np.log2(np.where(x > 0, x, np.nan))
        return np.stack([scaling(x, y), scaling(doublings, y)], axis=1)

    found = bootstrap(statistic, len(grid.problems), groups=grid.groups, n_resamples=n_resamples, seed=seed)
    first, second = (_told(figure) for figure in intervals(found, n_units(len(grid.problems), grid.groups)))
    return first, second


def _told(figure: Interval) -> Interval:
    """Without ends that lie on the figure itself: resamples that do not differ say nothing of its error."""
    if figure.value is None or figure.ci_low is None or figure.ci_high is None:
        return figure
    has_width = figure.ci_high - figure.ci_low > ROUNDING * max(abs(figure.value), 1.0)
    return figure if has_width else Interval(figure.value, None, None)
