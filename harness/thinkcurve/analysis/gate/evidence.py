"""What the problems of two runs say of how much worse the new one is: an estimate, one-sided bounds and p-values.

Bounds and p-values are two readings of one thing: the p-value of "worse than d" is at most alpha exactly where the
lower bound at 1 - alpha is d or more, and so is that of "not worse than d" where the upper bound is d or less.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, logit, ndtr, ndtri, stdtr, stdtrit

from thinkcurve.analysis.basis.grid import Floats
from thinkcurve.analysis.basis.interval import FEWEST_UNITS
from thinkcurve.analysis.basis.paired import FEW_PROBLEMS, paired_difference
from thinkcurve.analysis.basis.proportions import bonett_price

CERTAIN = 1e9
"""Degrees of freedom of a normal."""


class Evidence(Protocol):
    """How much worse new is, on the scale that it is tested on (costs: the logarithm of their ratio)."""

    @property
    def estimate(self) -> float:
        """What was measured; infinite where only one of the two reaches an accuracy at all."""
        ...

    @property
    def se(self) -> float:
        """Its standard error."""
        ...

    def p_worse(self, than: float) -> float:
        """The chance of such evidence, or stronger, were new no worse than this."""
        ...

    def p_fine(self, than: float) -> float:
        """The chance of such evidence, or stronger, were new worse than this."""
        ...

    def least(self, alpha: float) -> float:
        """The lower bound at 1 - alpha."""
        ...

    def most(self, alpha: float) -> float:
        """The upper bound at 1 - alpha."""
        ...


@dataclass(frozen=True)
class Normal:
    """A mean with a standard error of ``df`` degrees of freedom about ``centre`` (Bonett and Price's is not the
    estimate itself)."""

    estimate: float
    centre: float
    se: float
    df: float

    def p_worse(self, than: float) -> float:
        """See `Evidence`."""
        return float(stdtr(self.df, -(self.centre - than) / self.se))

    def p_fine(self, than: float) -> float:
        """See `Evidence`."""
        return float(stdtr(self.df, (self.centre - than) / self.se))

    def least(self, alpha: float) -> float:
        """See `Evidence`."""
        return self.centre - float(stdtrit(self.df, 1 - alpha)) * self.se

    def most(self, alpha: float) -> float:
        """See `Evidence`."""
        return self.centre + float(stdtrit(self.df, 1 - alpha)) * self.se


@dataclass(frozen=True, eq=False)
class Resampled:
    """A statistic with its values in resamples over ``n_units`` problems or groups, of shape (R,); NaN is not defined.

    Bounds are percentiles, set out for small samples by sqrt(n/(n-1)) and t (Hesterberg 2015, American Statistician
    69:371-386). A value that is not defined speaks for neither side.
    """

    estimate: float
    values: Floats
    n_units: int

    @property
    def se(self) -> float:
        """The standard deviation of the finite values."""
        finite = self.values[np.isfinite(self.values)]
        return float(finite.std(ddof=1)) if len(finite) > 1 else math.nan

    def p_worse(self, than: float) -> float:
        """See `Evidence`."""
        return self._p(int((~(self.values > than)).sum()))

    def p_fine(self, than: float) -> float:
        """See `Evidence`."""
        return self._p(int((~(self.values <= than)).sum()))

    def least(self, alpha: float) -> float:
        """See `Evidence`."""
        place = self._place(alpha)
        ordered = np.sort(np.where(np.isnan(self.values), -np.inf, self.values))
        return float(ordered[place]) if place >= 0 else -math.inf

    def most(self, alpha: float) -> float:
        """See `Evidence`."""
        place = self._place(alpha)
        ordered = np.sort(np.where(np.isnan(self.values), np.inf, self.values))
        return float(ordered[-1 - place]) if place >= 0 else math.inf

    def _p(self, against: int) -> float:
        share = (1 + against) / (len(self.values) + 1)
        z = float(ndtri(min(share, 1 - 1e-12)))
        return float(stdtr(self.n_units - 1, z / math.sqrt(self.n_units / (self.n_units - 1))))

    def _place(self, alpha: float) -> int:
        out = float(stdtrit(self.n_units - 1, alpha)) * math.sqrt(self.n_units / (self.n_units - 1))
        return math.floor(float(ndtr(out)) * (len(self.values) + 1) - 1 + 1e-9)


@dataclass(frozen=True)
class FromNothing:
    """A cost that base never had and new has at ``n_units`` problems or groups: infinitely many per cent more.

    What chance does to that: of two rare events whose rates stand as 1 to r all n fall to one side with the chance
    (r / (1 + r))^n (the conditional test of two Poisson rates, Przyborowski and Wilenski 1940, Biometrika 31:313-323).
    """

    n_units: int
    estimate: float = math.inf
    se: float = math.nan

    def p_worse(self, than: float) -> float:
        """See `Evidence`."""
        return float(expit(than)) ** self.n_units

    def p_fine(self, than: float) -> float:
        """Nothing speaks for that: see `Evidence`."""
        return 1.0

    def least(self, alpha: float) -> float:
        """See `Evidence`."""
        return float(logit(alpha ** (1 / self.n_units)))

    def most(self, alpha: float) -> float:
        """There is none: see `Evidence`."""
        return math.inf


def paired_evidence(worse: Floats, groups: NDArray[Any] | None, *, is_single: bool = False) -> Normal | None:
    """Evidence of worsenings of shape (P,), NaN left out, as `paired_difference` sees them; ``None`` where a single
    problem, or group, cannot tell."""
    found = paired_difference(worse, groups=groups, is_single=is_single)
    if found.se is None or found.df is None or found.n_units < FEWEST_UNITS:
        return None
    if is_single and groups is None and found.n_problems < FEW_PROBLEMS:
        low, high = bonett_price(int((worse > 0).sum()), int((worse < 0).sum()), found.n_problems)
        return Normal(found.difference, (low + high) / 2, (high - low) / 2 / float(ndtri(0.975)), CERTAIN)
    return Normal(found.difference, found.difference, found.se, found.df)
