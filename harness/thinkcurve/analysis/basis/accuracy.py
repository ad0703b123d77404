"""Accuracy and its interval, with the problem as the unit: repeats of a problem are a cluster, never more data.

Everything here works on the mean over samples of each problem, a share between 0 and 1, so that it serves pass@k and
maj@k as well as accuracy: `share` of one set of problems, `shares` of many at once. Which interval is the default, and
why, is measured: docs/statistics.md, made by `tests/statistics/coverage_study.py`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import msgspec
import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import stdtrit

from thinkcurve.analysis.basis.grid import Floats, units_of
from thinkcurve.analysis.basis.proportions import PROPORTIONS, t_interval, wilson

Method = Literal["auto", "wilson", "t", "clopper_pearson", "jeffreys"]
MANY_CLUSTERS = 300
"""From here on ``auto`` takes t: below, Wilson holds its level better near 0 and 1 (Brown, Cai and DasGupta 2001)."""
MANY_OF_EACH = 40.0
"""So many effective right and wrong ones must there be for t too: nearer to 0 or 1 a symmetric interval misses."""
MADE_UP = 1
"""Problems that are made up, half right, where the spread of problems is counted. Where 1 to 5 in 100 are never solved
and the others nearly always, 30 to 200 problems of 4 to 16 samples have intervals that hold the truth 78 to 88 times in
100 with none, 86 to 97 with half of one, 96 to 97 with this one; its price is 98.6 for 30 of Beta(9, 1)."""


class Accuracy(msgspec.Struct, frozen=True):
    """An accuracy with its interval. ``se`` is ``None`` for a single cluster.

    ``method`` is the interval that was taken, ``n_effective`` how many independent trials would be as certain, and
    ``n_clusters`` how many problems or outer groups the standard error rests on.
    """

    mean: float
    se: float | None
    ci_low: float
    ci_high: float
    method: str = "wilson"
    n_effective: float | None = None
    n_clusters: int | None = None


@dataclass(frozen=True, eq=False)
class Shares:
    """Means of shares with their intervals: arrays of one shape; NaN where no problem has a share (``se``: or one)."""

    mean: Floats
    se: Floats
    low: Floats
    high: Floats
    n_effective: Floats
    n_clusters: NDArray[np.int64]
    is_t: NDArray[np.bool_]


def accuracy(
    right: ArrayLike,
    drawn: ArrayLike,
    *,
    level: float = 0.95,
    groups: ArrayLike | None = None,
    method: Method = "auto",
) -> Accuracy:
    """Mean over problems of the mean over samples, with its interval.

    ``right`` and ``drawn`` are arrays of shape (problems,): correct and all samples of each; a problem of which none
    were drawn is left out. ``groups``, of the same shape, names the outer group of each problem (a contest): problems
    of a group then count as one cluster. Raises `ValueError` where no samples were drawn at all.

    The standard error is clustered (Miller 2024, arXiv 2411.00640, section 2.2). It and the interval are those of
    `shares`.
    """
    n_right = np.asarray(right, dtype=float)
    n_drawn = np.asarray(drawn, dtype=float)
    if not n_drawn.sum() > 0:
        raise ValueError("accuracy of no problems is not defined")
    means = np.divide(n_right, n_drawn, out=np.full(n_right.shape, np.nan), where=n_drawn > 0)
    return share(means, level=level, groups=groups, method=method, most=float(n_drawn.sum()))


def share(
    means: ArrayLike,
    *,
    level: float = 0.95,
    groups: ArrayLike | None = None,
    method: Method = "auto",
    most: float | None = None,
) -> Accuracy:
    """One set of problems: the mean of ``means``, of shape (problems,), with its interval; else as `shares`."""
    values = np.asarray(means, dtype=float)
    if np.isnan(values).all():
        raise ValueError("a mean over no problems is not defined")
    found = shares(values, level=level, groups=groups, method=method, most=most)
    se = float(found.se)
    taken = method if method != "auto" else "t" if bool(found.is_t) else "wilson"
    return Accuracy(
        float(found.mean),
        None if np.isnan(se) else se,
        float(found.low),
        float(found.high),
        taken,
        float(found.n_effective),
        int(found.n_clusters),
    )


def shares(
    means: Floats,
    *,
    level: float = 0.95,
    groups: ArrayLike | None = None,
    method: Method = "auto",
    most: ArrayLike | None = None,
) -> Shares:
    """Means over problems of values between 0 and 1, with intervals: ``means`` of shape (..., P), the result (...).

    NaN is a problem without a value, and left out. ``groups`` of shape (P,) are outer clusters. ``most``, of shape
    (...), is how many trials there were at most, all the samples; without it n has no upper bound.

    The standard error is clustered: by problem that of any mean; by group CR2, which is G/(G-1) on the squares where
    groups are of one size, with Bell and McCaffrey's degrees of freedom, then G-1 (Survey Methodology 28 (2002)
    169-181; Imbens and Kolesár 2016, Review of Economics and Statistics 98:701-712).
    Where sizes differ, G-1 is too many.

    ``wilson``, ``clopper_pearson`` and ``jeffreys`` are those intervals of a proportion of n independent trials, with
    n = p(1-p)/se^2 times (t[most-1]/t[df])^2 for the uncertainty of se itself (Korn and Graubard 1998, Survey
    Methodology 24:193-201; Dean and Pagano 2015, J. Survey Statistics and Methodology 3:484-503), no more than
    ``most`` and, without groups, no fewer than the problems. They stay within 0 and 1 and have a width where all or
    none are right: there n is the number of clusters, as if samples of one were all alike. ``t`` is the mean ± t[df]
    standard errors, cut at 0 and 1, and 0 to 1 where there is one cluster only. ``auto`` is Wilson below
    `MANY_CLUSTERS` clusters and where the effective right or wrong ones are fewer than `MANY_OF_EACH`, else t.
    """
    of = _clustered(means, groups)
    samples = np.full(of.mean.shape, np.inf) if most is None else np.asarray(most, dtype=float)
    n = _effective(of, samples, level)
    is_t = np.full(of.mean.shape, method == "t")
    if method == "auto":
        is_t = (of.n_clusters >= MANY_CLUSTERS) & (np.minimum(of.mean, 1 - of.mean) * n >= MANY_OF_EACH)
    low, high = PROPORTIONS.get(method, wilson)(of.mean, n, level=level)
    if is_t.any():
        of_t = t_interval(of.mean, of.se, of.df, level=level)
        low, high = np.where(is_t, of_t[0], low), np.where(is_t, of_t[1], high)
    return Shares(of.mean, of.se, low, high, n, of.n_clusters.astype(np.int64), is_t)


@dataclass(frozen=True, eq=False)
class Clusters:
    """A mean, and what its clusters say of its error: arrays of shape (...), ``pulls`` of shape (..., clusters).

    ``pulls`` are sums of residuals, set out so that the root of the sum of their squares over ``n_problems`` is the
    standard error; ``df`` are its degrees of freedom. A cluster without a known value pulls nothing.
    """

    mean: Floats
    pulls: Floats
    df: Floats
    n_problems: Floats
    n_clusters: Floats


@dataclass(frozen=True, eq=False)
class _Clustered:
    """Mean, standard error and its degrees of freedom, problems and clusters: each of shape (...).

    ``trials`` is how many independent ones would be as certain, before the uncertainty of that. By problem it is
    counted with `MADE_UP` problems more, half right: where all problems but one are sure, the spread of what was drawn
    says little of the problems that were not. By group it is
    no more than by problem.
    """

    mean: Floats
    se: Floats
    df: Floats
    n_problems: Floats
    n_clusters: Floats
    trials: Floats


def clusters_of(values: Floats, groups: ArrayLike | None) -> Clusters:
    """The mean of ``values`` of shape (..., P), NaN left out, and how far each cluster pulls it: see `shares`.

    ``groups`` of shape (P,) are outer clusters; without them each problem is one. Serves differences between -1 and 1
    as well as shares.
    """
    is_known = ~np.isnan(values)
    n = np.asarray(is_known.sum(axis=-1), dtype=float)
    mean = np.divide(np.nansum(values, axis=-1), n, out=np.full(n.shape, np.nan), where=n > 0)
    off = np.where(is_known, values - mean[..., None], 0.0)
    if groups is None:
        return Clusters(mean, off * np.sqrt(n / np.maximum(n - 1, 1))[..., None], n - 1, n, n)
    named = units_of(values.shape[-1], np.asarray(groups))
    order = np.argsort(named, kind="stable")
    starts = np.flatnonzero(np.diff(named[order], prepend=-1))
    sizes = np.add.reduceat(is_known[..., order].astype(float), starts, axis=-1)
    n_clusters = np.asarray((sizes > 0).sum(axis=-1), dtype=float)
    pulls, df = _of_groups(np.add.reduceat(off[..., order], starts, axis=-1), sizes, n)
    return Clusters(mean, pulls, df, n, n_clusters)


def _clustered(means: Floats, groups: ArrayLike | None) -> _Clustered:
    of = clusters_of(means, groups)
    mean, n, n_clusters = of.mean, of.n_problems, of.n_clusters
    squares = (of.pulls**2).sum(axis=-1)
    se = np.divide(np.sqrt(squares), n, out=np.full(n.shape, np.nan), where=n_clusters > 1)
    centre = (np.nansum(means, axis=-1) + MADE_UP / 2) / (n + MADE_UP)
    spread = (np.where(np.isnan(means), 0.0, means - centre[..., None]) ** 2).sum(axis=-1)
    spread += MADE_UP / 2 * (centre**2 + (1 - centre) ** 2)
    by_problem = centre * (1 - centre) * (n + MADE_UP) ** 2 / spread
    variance = mean * (1 - mean)
    by_group = np.divide(variance, se**2, out=np.full(n.shape, np.inf), where=(variance > 0) & (se > 0))
    trials = np.where(n_clusters == n, by_problem, np.minimum(by_problem, by_group))
    return _Clustered(mean, se, of.df, n, n_clusters, trials)


def _of_groups(sums: Floats, sizes: Floats, n: Floats) -> tuple[Floats, Floats]:
    """CR2's pulls, of shape (..., G), and Bell and McCaffrey's degrees of freedom for a mean, of shape (...).

    ``sums`` and ``sizes`` of shape (..., G) are each group's sum of residuals and its problems. A group's leverage is
    its share of the problems; the degrees of freedom are Satterthwaite's where residuals are independent.
    """
    others = np.maximum(n[..., None] - sizes, 0.0)  # 0: all are of one group, and there is no standard error
    leverage = np.divide(n[..., None], others, out=np.zeros_like(sizes), where=others > 0)
    b = sizes**2 * leverage
    off_diagonal = (b.sum(axis=-1) ** 2 - (b**2).sum(axis=-1)) / np.maximum(n, 1) ** 2
    df = np.divide(n**2, (sizes**2).sum(axis=-1) + off_diagonal, out=np.zeros_like(n), where=n > 0)
    return sums * np.sqrt(leverage), np.asarray(df)


def _effective(of: _Clustered, most: Floats, level: float) -> Floats:
    """How many independent trials are as certain as the standard error; the clusters where it says nothing."""
    of_most, of_se = (stdtrit(np.maximum(df, 1), (1 + level) / 2) for df in (most - 1, of.df))
    n = of.trials * np.asarray(of_most / of_se) ** 2
    is_told = (of.mean * (1 - of.mean) > 0) & (of.se > 0 if np.isinf(most).any() else of.n_clusters > 1)
    least = np.where(of.n_clusters == of.n_problems, of.n_problems, 0.0)  # groups can be less certain than problems
    n = np.clip(n, least, np.maximum(most, least))
    return np.where(is_told, n, np.maximum(of.n_clusters, 1))
