"""Paired differences between two sets of attempts at the same problems: their mean and its interval.

The unit is the problem, or the outer group that problems lie in. A difference is the mean over samples of the new
minus that of the base, so that what makes a problem easy for both is gone from it (Miller 2024, arXiv 2411.00640,
section 4.2). Where both drew their samples by the same seeds the differences hold that too: a mean of differences
is the difference of means, so pairing samples changes no estimate, only where its variance lies (`power`).
"""

from __future__ import annotations

from typing import Any

import msgspec
import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import t

from thinkcurve.analysis.basis.accuracy import clusters_of
from thinkcurve.analysis.basis.proportions import bonett_price

FEW_PROBLEMS = 300
"""Below this many problems the interval of single right-or-wrong attempts is adjusted ("a few hundred")."""
ALIKE = 8
"""Problems that are counted on top where hardly any differ. Were the base always right, and did the new one lose 1 to 5
in 100 problems altogether and 1 in 100 answers to the others, intervals of 30 to 200 problems of 4 or 8 samples would
hold the truth 57 to 93 times in 100 by a plain t; so they do 92 to 100 times. With 0 for it that would be 93 at the
least, but 99 instead of 97 to 98 for 30 problems of 8 samples of Beta(9, 1)."""


class PairedDifference(msgspec.Struct, frozen=True):
    """A mean difference, new minus base. ``se`` and the interval are ``None`` where a single unit cannot tell.

    ``n_units`` is the number of independent units: problems, or the outer groups that they lie in; ``df`` are the
    degrees of freedom of the standard error, of which there are fewer where few units carry the spread. ``spread`` is
    the variance of one problem's difference as these problems have it, with nothing made up.
    """

    difference: float
    se: float | None
    ci_low: float | None
    ci_high: float | None
    n_problems: int
    n_units: int
    df: float | None = None
    spread: float | None = None


def paired_difference(
    differences: ArrayLike, *, level: float = 0.95, groups: NDArray[Any] | None = None, is_single: bool = False
) -> PairedDifference:
    """The mean of differences of shape (P,), NaN left out, with a clustered standard error and a t-interval.

    The standard error is clustered as that of an accuracy (`thinkcurve.analysis.basis.accuracy.clusters_of`): by
    problem that of a sample mean, by ``groups`` of shape (P,) CR2. It is never less than one problem of n + `ALIKE`
    would give that had changed altogether: where nearly all differences are nothing, or small, the spread of those
    drawn says little of the problems that were not. The degrees of freedom of t are those that the spread has by the
    kurtosis of the clusters' shares in it (Satterthwaite 1946): few where one problem carries most of it; by groups
    Bell and McCaffrey's if they are fewer.

    ``is_single`` says that every difference is of one attempt each, so -1, 0 or 1: below `FEW_PROBLEMS` problems
    without groups the interval is then that of Bonett and Price 2012 (J. Educ. Behav. Stat. 37:479-488), which adds one
    problem to each side. Raises `ValueError` where every difference is NaN.
    """
    d = np.asarray(differences, dtype=float)
    of = clusters_of(d, groups)
    n, n_units = int(of.n_problems), int(of.n_clusters)
    if n == 0:
        raise ValueError("a mean difference over no problem is not defined")
    mean = float(of.mean)
    if n_units < 2:
        return PairedDifference(mean, None, None, None, n, n_units)
    drawn, fourths = float((of.pulls**2).sum()), float((of.pulls**4).sum())
    squares, df = filled(drawn, fourths, (n * least_pull(n)) ** 2, n_units)
    df = min(df, float(of.df))
    se = float(np.sqrt(squares)) / n
    if is_single and groups is None and n < FEW_PROBLEMS:
        low, high = bonett_price(int((d > 0).sum()), int((d < 0).sum()), n, level=level)
    else:
        half = float(t.ppf((1 + level) / 2, df)) * se
        low, high = mean - half, mean + half
    return PairedDifference(mean, se, max(-1.0, low), min(1.0, high), n, n_units, df, drawn / n)


def least_pull(n: int) -> float:
    """What one problem that changed altogether moves a mean over ``n`` by, `ALIKE` problems being counted on top.

    It changed altogether where one of the two never solves it and the other always does, at every budget that the mean
    is over.
    """
    return 1 / (n + ALIKE)


def filled(squares: float, fourths: float, least: float, n_units: int) -> tuple[float, float]:
    """A variance that is a sum of ``squares``, ``least`` at least, and its degrees of freedom (`freedom`).

    Where it is too small two units that are made up fill it, each with half of what is missing. ``fourths`` is the sum
    of the fourth powers of what ``squares`` are made of.
    """
    made_up = max(0.0, least - squares) / 2
    return squares + 2 * made_up, freedom(squares + 2 * made_up, fourths + 2 * made_up**2, n_units)


def freedom(squares: float, fourths: float, n_units: int) -> float:
    """The degrees of freedom, between 1 and ``n_units`` - 1, of a variance that is a sum of ``squares``.

    2n/(k-1) with kurtosis k, two units that are made up being counted in it (Satterthwaite 1946).
    """
    kurtosis = (n_units + 2) * fourths / squares**2
    return max(1.0, min(2 * n_units / max(kurtosis - 1, 1e-9), n_units - 1.0))
