"""How small a difference a comparison can see, and what it would take to see a smaller one.

Miller 2024 (arXiv 2411.00640, section 5): the variance of a mean paired difference over n problems is
(omega^2 + sigma_base^2 / K_base + sigma_new^2 / K_new) / n, where omega^2 is how much the true difference varies from
problem to problem, sigma^2 the mean variance of one attempt at a given problem, and K the samples of each. More samples
take the second part away, never the first.
"""

from __future__ import annotations

import math
from statistics import NormalDist

import msgspec
import numpy as np
from numpy.typing import NDArray
from scipy.stats import t

from thinkcurve.analysis.basis.grid import Floats
from thinkcurve.analysis.basis.paired import ALIKE, least_pull

POWER = 0.8
"""The chance of seeing a difference that a design is asked for (Cohen 1988, section 2.4)."""
ALPHA = 0.05
FEWEST_PROBLEMS = 10
"""No fewer are ever said to be enough: what fewer tell of their own spread is too little to plan by."""
ROUNDING = 1e-12


class Variance(msgspec.Struct, frozen=True):
    """Where the variance of a difference lies, for one problem.

    ``total`` is that of the difference of a problem's means, ``between`` (omega^2) what no number of samples takes
    away, ``within`` what one sample of each model adds to it. The two are ``None`` where no problem has two
    samples of both.
    """

    total: float
    between: float | None
    within: float | None


def variance_with(
    *, between: float, within_base: float = 0.0, within_new: float = 0.0, k_base: int = 1, k_new: int = 1
) -> float:
    """The variance of one problem's difference, K samples of each model (Miller 2024, section 5)."""
    return between + within_base / k_base + within_new / k_new


def detectable_difference(n: int, variance: float, *, alpha: float = ALPHA, power: float = POWER) -> float:
    """The smallest difference that ``n`` problems of this ``variance`` each show with the wanted power, two-sided.

    Miller 2024, equation 9 solved for the difference; shares between 0 and 1, not points.
    """
    return _quantiles(alpha, power) * math.sqrt(variance / n)


def problems_needed(difference: float, variance: float, *, alpha: float = ALPHA, power: float = POWER) -> float:
    """How many problems show a ``difference`` with the wanted power; not rounded (Miller 2024, equation 9).

    By normal quantiles, so too few where they are few: `problems_enough` is what a study should have.
    """
    return _quantiles(alpha, power) ** 2 * variance / difference**2


def problems_enough(difference: float, variance: float, *, alpha: float = ALPHA, power: float = POWER) -> int:
    """The fewest problems, `FEWEST_PROBLEMS` at least, that show a ``difference`` with the wanted power by t.

    However small the ``variance``, the standard error of n problems is no less than
    `thinkcurve.analysis.basis.paired.least_pull`.
    """
    n = max(FEWEST_PROBLEMS, math.ceil(problems_needed(difference, variance, alpha=alpha, power=power)))
    n = max(n, math.ceil(_quantiles(alpha, power) / difference) - ALIKE)
    while detectable_with(max(math.sqrt(variance / n), least_pull(n)), n - 1, alpha=alpha, power=power) > difference * (
        1 + ROUNDING
    ):
        n += 1
    return n


def samples_needed(
    difference: float, n: int, *, between: float, within: float, alpha: float = ALPHA, power: float = POWER
) -> float | None:
    """How many samples of each model at each of ``n`` problems show a ``difference`` with the wanted power.

    Not rounded, at least 1, and by t with n - 1 degrees of freedom. ``within`` is the variance that one sample of each
    adds (sigma_base^2 + sigma_new^2 where they are independent). ``None`` where no number is enough: the problems
    themselves differ too much.
    """
    left = n * (difference / detectable_with(1.0, max(n - 1, 1), alpha=alpha, power=power)) ** 2 - between
    return None if left <= 0 else max(1.0, within / left)


def detectable_with(se: float, df: float, *, alpha: float = ALPHA, power: float = POWER) -> float:
    """The smallest difference that a comparison with this standard error could have seen with the wanted power.

    With t-quantiles on the ``df`` degrees of freedom of the standard error: for few problems, or few that differ, the
    normal ones of Miller promise too much.
    """
    return float(t.ppf(1 - alpha / 2, df) + t.ppf(power, df)) * se


def variance_of(
    total: float,
    correct: tuple[NDArray[np.bool_], NDArray[np.bool_]],
    drawn: tuple[NDArray[np.bool_], NDArray[np.bool_]],
    *,
    is_paired: bool,
) -> Variance:
    """Where the variance of the differences lies.

    ``total`` is that of a problem's difference (`PairedDifference.spread`), clustered or not; ``correct`` and ``drawn``
    say of base and new, each of shape (P, S), which attempts were right and which there are. With ``is_paired`` sample
    s of both had the same seed: what one sample adds is then the variance of their differences, not the sum of
    variances.
    """
    is_both = drawn[0].any(axis=1) & drawn[1].any(axis=1)
    if is_paired:
        together = drawn[0] & drawn[1]
        differences = correct[1].astype(float) - correct[0].astype(float)
        added, noise = _spread(differences, together)
    else:
        parts = [_spread(c.astype(float), d) for c, d in zip(correct, drawn, strict=True)]
        added, noise = parts[0][0] + parts[1][0], parts[0][1] + parts[1][1]
    is_told = is_both & ~np.isnan(noise)
    if not is_told.any():
        return Variance(total, None, None)
    return Variance(total, max(0.0, total - float(noise[is_told].mean())), float(added[is_told].mean()))


def _spread(values: Floats, is_drawn: NDArray[np.bool_]) -> tuple[Floats, Floats]:
    """The variance of one sample of each problem, and that of their mean, of shape (P,); NaN for fewer than two."""
    k = is_drawn.sum(axis=1)
    mean = np.where(is_drawn, values, 0.0).sum(axis=1) / np.maximum(k, 1)
    squares = (np.where(is_drawn, values - mean[:, None], 0.0) ** 2).sum(axis=1)
    variance = np.where(k > 1, squares / np.maximum(k - 1, 1), np.nan)
    return variance, variance / np.maximum(k, 1)


def _quantiles(alpha: float, power: float) -> float:
    normal = NormalDist()
    return normal.inv_cdf(1 - alpha / 2) + normal.inv_cdf(power)
