"""Forms of a curve: how accuracy might depend on compute, with derivatives, starts and bounds.

A form is written in ``u = x / x_ref`` and in parameters that are all of order one, so that a fit is well conditioned
on tokens and on FLOPs alike; `Form.natural` turns these into the parameters of the formula that a reader knows.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from thinkcurve.analysis.basis.grid import Floats

STEEPEST = 5.0
"""Bound of exponents: a power of 5 is a step, whatever its exact value."""
MOST_DOUBLINGS_OF_TAU = 17.0
"""Bound of the log of a time constant: beyond e^17 times the first point the form is a straight line."""
SLOWEST_FLOOR = 0.01
"""Bound of the exponent of a power law with floor: below, floor and height trade off without limit."""


@dataclass(frozen=True)
class Form:
    """A form of accuracy y over compute x > 0.

    ``value`` and ``jacobian`` take ``u`` of shape (..., n) and parameters of shape (..., p) and give (..., n) and
    (..., n, p). ``natural`` takes parameters (..., p) and ``x_ref`` (...) and gives those of ``formula``, named
    ``parameters``. ``starts`` gives (K, p) first guesses for points u, y of shape (n,). ``low`` and ``high`` bound
    the parameters (in the order of their names); one at its bound is not identifiable. Resamples
    may end there for those of ``may_bind``, floors and ceilings. ``ceiling`` gives where y ends as x grows, ``reach``
    the x at which y is within a tolerance of it; both where the form has one.
    """

    name: str
    formula: str
    parameters: tuple[str, ...]
    value: Callable[[Floats, Floats], Floats]
    jacobian: Callable[[Floats, Floats], Floats]
    natural: Callable[[Floats, Floats], Floats]
    starts: Callable[[Floats, Floats], Floats]
    low: tuple[float, ...]
    high: tuple[float, ...]
    may_bind: tuple[int, ...] = ()
    refers_to_first: bool = False
    ceiling: Callable[[Floats], Floats] | None = None
    reach: Callable[[Floats, Floats, float], Floats] | None = None

    @property
    def n_parameters(self) -> int:
        """p, how many parameters it has."""
        return len(self.low)

    def reference(self, x: Floats) -> Floats:
        """``x_ref`` of points of shape (..., n): their geometric mean, or the first of them."""
        return x.min(axis=-1) if self.refers_to_first else np.exp(np.log(x).mean(axis=-1))


def _parts(theta: Floats) -> tuple[Floats, ...]:
    """The parameters one by one, each of shape (..., 1), against u of shape (..., n)."""
    return tuple(theta[..., i, None] for i in range(theta.shape[-1]))


def _stack(*columns: Floats) -> Floats:
    return np.stack(np.broadcast_arrays(*columns), axis=-1)


def _power(u: Floats, b: Floats) -> Floats:
    return np.exp(np.clip(-b * np.log(u), -60, 60))


# y = a + b log2 x; inside: the level at x_ref, and b


def _line(u: Floats, theta: Floats) -> Floats:
    level, slope = _parts(theta)
    return level + slope * np.log2(u)


def _line_jacobian(u: Floats, theta: Floats) -> Floats:
    return _stack(np.ones_like(u), np.log2(u) + 0 * theta[..., :1])


def _line_natural(theta: Floats, x_ref: Floats) -> Floats:
    return _stack(theta[..., 0] - theta[..., 1] * np.log2(x_ref), theta[..., 1])


def _line_starts(u: Floats, y: Floats) -> Floats:
    return np.array([[y.mean(), 0.0]])


# y = 1 - c - a x^-b; inside: the error above its floor at x_ref, b, and c (0 in the form without floor)


def _error(u: Floats, theta: Floats) -> Floats:
    height, b, *floor = _parts(theta)
    return 1 - height * _power(u, b) - (floor[0] if floor else 0)


def _error_jacobian(u: Floats, theta: Floats) -> Floats:
    height, b, *floor = _parts(theta)
    power = _power(u, b)
    return _stack(-power, height * np.log(u) * power, *(-np.ones_like(power) for _ in floor))


def _error_natural(theta: Floats, x_ref: Floats) -> Floats:
    a = theta[..., 0] * np.exp(theta[..., 1] * np.log(x_ref))
    return _stack(a, *(theta[..., i] for i in range(1, theta.shape[-1])))


def _error_starts(u: Floats, y: Floats) -> Floats:
    error = 1 - y.mean()
    return np.array([[error, b] for b in (0.1, 0.3, 1.0, 2.0, -0.2)])


def _floor_starts(u: Floats, y: Floats) -> Floats:
    floors = (0.0, 0.5 * (1 - y.max()), 0.95 * (1 - y.max()))
    return np.array([[1 - c - y.mean(), b, c] for c in floors for b in (0.2, 0.7, 1.5, 3.0)])


def _error_reach(theta: Floats, x_ref: Floats, tolerance: float) -> Floats:
    return x_ref * (np.maximum(np.abs(theta[..., 0]), tolerance) / tolerance) ** (1 / theta[..., 1])


# y = c - d exp(-x/tau); inside: c, the gap to it at the first point, and the log of tau over the first point


def _approach(u: Floats, theta: Floats) -> Floats:
    c, gap, log_tau = _parts(theta)
    return c - gap * np.exp(-(u - 1) * np.exp(-log_tau))


def _approach_jacobian(u: Floats, theta: Floats) -> Floats:
    _, gap, log_tau = _parts(theta)
    along = (u - 1) * np.exp(-log_tau)
    left = np.exp(-along)
    return _stack(np.ones_like(left), -left, -gap * left * along)


def _approach_natural(theta: Floats, x_ref: Floats) -> Floats:
    tau = np.exp(theta[..., 2])
    return _stack(theta[..., 0], theta[..., 1] * np.exp(1 / tau), tau * x_ref)


def _approach_starts(u: Floats, y: Floats) -> Floats:
    first, top = y[np.argmin(u)], y.max()
    spans = np.geomspace(0.5, 2 * u.max(), 6)
    return np.array([[c, c - first, np.log(span)] for c in (top, (1 + top) / 2) for span in spans])


def _approach_reach(theta: Floats, x_ref: Floats, tolerance: float) -> Floats:
    gap = np.maximum(np.abs(theta[..., 1]), tolerance)
    return x_ref * (1 + np.exp(theta[..., 2]) * np.log(gap / tolerance))


# y = exp(a x^b); inside: the log of -a x_ref^b, and b


def _exponentiated(u: Floats, theta: Floats) -> Floats:
    s, b = _parts(theta)
    return np.exp(-np.exp(np.clip(s + b * np.log(u), -60, 6)))


def _exponentiated_jacobian(u: Floats, theta: Floats) -> Floats:
    s, b = _parts(theta)
    exponent = np.exp(np.clip(s + b * np.log(u), -60, 6))
    by_s = -exponent * np.exp(-exponent)
    return _stack(by_s, by_s * np.log(u))


def _exponentiated_natural(theta: Floats, x_ref: Floats) -> Floats:
    b = theta[..., 1]
    return _stack(-np.exp(theta[..., 0] - b * np.log(x_ref)), b)


def _exponentiated_starts(u: Floats, y: Floats) -> Floats:
    s = np.log(-np.log(np.clip(y.mean(), 1e-6, 1 - 1e-6)))
    return np.array([[s, b] for b in (-0.1, -0.3, -1.0, 0.2)])


LOG_LINEAR = Form(
    "log-linear", "a + b log2 x", ("a", "b"), _line, _line_jacobian, _line_natural, _line_starts,
    (-np.inf, -np.inf), (np.inf, np.inf),
)  # fmt: skip
POWER = Form(
    "power law", "1 - a x^-b", ("a", "b"), _error, _error_jacobian, _error_natural, _error_starts,
    (0, -STEEPEST), (3, STEEPEST),
)  # fmt: skip
POWER_FLOOR = Form(
    "power law with floor", "1 - c - a x^-b", ("a", "b", "c"), _error, _error_jacobian, _error_natural, _floor_starts,
    (-2, SLOWEST_FLOOR, 0), (2, STEEPEST, 1), (2,),
    ceiling=lambda theta: 1 - theta[..., 2], reach=_error_reach,
)  # fmt: skip
SATURATING = Form(
    "saturating", "c - d exp(-x/tau)", ("c", "d", "tau"), _approach, _approach_jacobian, _approach_natural,
    _approach_starts, (0, -2, np.log(0.05)), (1, 2, MOST_DOUBLINGS_OF_TAU), (0,), True,
    ceiling=lambda theta: theta[..., 0], reach=_approach_reach,
)  # fmt: skip
EXPONENTIATED = Form(
    "exponentiated power", "exp(a x^b)", ("a", "b"), _exponentiated, _exponentiated_jacobian, _exponentiated_natural,
    _exponentiated_starts, (-20, -STEEPEST), (5, STEEPEST),
)  # fmt: skip
ACCURACY_FORMS = (LOG_LINEAR, POWER, POWER_FLOOR, SATURATING)
"""Forms of accuracy over compute: issue and DESIGN section 8."""
COVERAGE_FORMS = (EXPONENTIATED, LOG_LINEAR, POWER, POWER_FLOOR)
"""Forms of pass@k over k; the first is that of Brown et al. 2024 (arXiv 2407.21787, section 3.1)."""
