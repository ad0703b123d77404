"""The accuracy of each respondent over all problems: what it answered, and what is expected where it was not asked."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri, stdtrit

from thinkcurve.analysis.basis.accuracy import share
from thinkcurve.analysis.basis.grid import Floats
from thinkcurve.analysis.basis.interval import Interval
from thinkcurve.analysis.basis.proportions import wilson
from thinkcurve.analysis.items.irt import Fit, Replicates, jackknife_df, jackknife_se

LEVEL = 0.95


def expected_accuracies(
    responses: Floats,
    n_attempts: Floats,
    found: Fit,
    *,
    groups: NDArray[Any] | None = None,
    without: Replicates | None = None,
) -> list[Interval]:
    """The mean over all problems of each respondent, with its interval over problems, or outer groups (J,).

    ``responses`` (I, J) are answers, NaN where there is none; those are counted as ``found`` has them. Who was asked
    everything has the accuracy that was measured, with its own interval (`accuracy.share`; ``n_attempts`` (I,) are at
    most so many trials). For the others the standard error is the largest of three: that of the problems as they were
    drawn, in which the answer to one also moves what is expected of those not asked (linearised); what the posterior of
    the ability leaves open of these; and, if given, that of fits ``without`` each block, which knows that parameters of
    problems are estimates too. The interval is Wilson's of as many trials as are as certain, never more than by the
    first of the three.
    """
    chances = found.chances()
    expected = found.completed(responses).mean(axis=1)
    by_blocks, of_t = np.zeros(len(expected)), float(ndtri((1 + LEVEL) / 2))
    if without is not None:
        by_blocks = jackknife_se(expected, without.expected, without.share)
        of_t = float(stdtrit(jackknife_df(without.share), (1 + LEVEL) / 2))
    figures = []
    for i, row in enumerate(responses):
        if not np.isnan(row).any():
            own = share(row, groups=groups, most=float(n_attempts[i]))
            figures.append(Interval(own.mean, own.ci_low, own.ci_high))
            continue
        values, left_open = _linearised(row, chances[i], found.slope, float(found.se[i]))
        own = share(values, groups=groups)
        mean, se = float(expected[i]), max(own.se or 0.0, left_open, float(by_blocks[i]))
        trials = mean * (1 - mean) / se**2 * (float(ndtri((1 + LEVEL) / 2)) / of_t) ** 2
        low, high = wilson(mean, min(trials, own.n_effective or trials), level=LEVEL)
        figures.append(Interval(mean, float(low), float(high)))
    return figures


def _linearised(row: Floats, chances: Floats, slope: Floats, se: float) -> tuple[Floats, float]:
    """Values of the problems (J,) whose mean is the expected accuracy and whose spread is its error, and what an
    ability that is known to ``se`` leaves open of it.

    An answer that is better than expected moves the ability by its score over the information, and with it the chances
    at the problems that were not asked.
    """
    is_asked = ~np.isnan(row)
    noise = chances * (1 - chances)
    growth = float((slope * noise)[~is_asked].sum())
    information = 1 + float((slope**2 * noise)[is_asked].sum())
    moved = np.where(is_asked, growth * slope * (np.nan_to_num(row) - chances) / information, 0.0)
    return np.where(is_asked, row, chances) + moved - moved.mean(), growth / len(row) * se
