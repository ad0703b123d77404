"""One form fitted to the points of a series and to each of its resamples: what `fits` makes its records of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from thinkcurve.analysis.basis.grid import Floats
from thinkcurve.analysis.fitting.forms import Form
from thinkcurve.analysis.fitting.series import Series
from thinkcurve.analysis.fitting.solver import Solution, is_singular, solve, solve_once

Loss = Literal["weighted", "plain", "log"]
"""``weighted``: by the variance of each point; ``plain``: all points alike; ``log``: the difference of logarithms, all
points alike, which is what Brown et al. 2024 (arXiv 2407.21787) minimise for coverage."""
MOST_RETRIED = 100
"""Resamples that are fitted again from all starts of a form, where warm starts failed."""
HALVINGS = 14
"""Steps of bisection for the scatter: as a standard deviation, to some fiftieth of the largest miss."""


@dataclass(frozen=True, eq=False)
class Fitted:
    """A form, the points, the fit to them and the fits to their resamples (with the ``x_ref`` of each).

    ``fit`` and ``draws`` are ``None`` where there are too few points to try; ``reason`` says why a form is not
    identifiable from the points alone, ``None`` where it is as far as they tell.
    """

    form: Form
    series: Series
    weight: Floats
    fit: Solution | None
    draws: Solution | None
    x_ref: Floats
    reason: str | None

    @property
    def is_fitted(self) -> bool:
        """Whether there is a fit that converged."""
        return self.fit is not None and bool(self.fit.is_converged[0])

    @property
    def good(self) -> NDArray[np.bool_]:
        """Which resamples have a fit that converged, of shape (R,)."""
        return np.zeros(len(self.series.y_draws), dtype=bool) if self.draws is None else self.draws.is_converged

    @property
    def theta(self) -> Floats:
        """The parameters of the fit to the points, of shape (p,), as the form has them inside."""
        return np.full(self.form.n_parameters, np.nan) if self.fit is None else self.fit.theta[0]

    @property
    def thetas(self) -> Floats:
        """Those of the fits to resamples that converged, of shape (r, p)."""
        return np.empty((0, self.form.n_parameters)) if self.draws is None else self.draws.theta[self.good]

    def values(self, x: Floats) -> Floats:
        """The fitted line at x of shape (m,)."""
        return self.form.value(x / self.form.reference(self.series.x), self.theta)

    def lines(self, x: Floats) -> Floats:
        """The lines of resamples that converged, of shape (r, m)."""
        return self.form.value(x / self.x_ref[self.good, None], self.thetas)

    def is_at_bound(self, theta: Floats) -> NDArray[np.bool_]:
        """Which parameters of theta (..., p) lie at an end of what the form allows."""
        return (theta <= self.form.low) | (theta >= self.form.high)


def fitted(form: Form, series: Series, loss: Loss, scatter: float = 0.0) -> Fitted:
    """Fit a form to a series and its resamples, from all starts and then from where the first fit ended.

    ``scatter`` is a variance that is added to those of the points (`scatter_of`).
    """
    weight = 1 / (series.variance + scatter) if loss == "weighted" else np.ones(len(series.x))
    reason = too_little(form, series)
    if reason is not None:
        return Fitted(form, series, weight, None, None, np.empty(0), reason)
    is_log = loss == "log"
    u = series.x / form.reference(series.x)
    fit = solve_once(form, u, _target(series.y, is_log), weight, is_log=is_log)
    draws, x_ref = _resamples(form, series, weight, fit, is_log)
    made = Fitted(form, series, weight, fit, draws, x_ref, None)
    return Fitted(form, series, weight, fit, draws, x_ref, _reason(made, u))


def too_little(form: Form, series: Series) -> str | None:
    """Why there is nothing to fit, in words; ``None`` where there is."""
    n, p = len(np.unique(series.x)), form.n_parameters
    if n <= p:
        return f"{n} point{'' if n == 1 else 's'} for {p} parameters"
    if np.ptp(series.y) <= 1e-12:
        return "accuracy is the same at every point"
    return None


def scatter_of(forms: Sequence[Form], series: Series) -> float:
    """How much the points scatter about the best form beyond their own variances, as a variance; 0 where they do not.

    No form is true. The smallest variance that, added to that of every point, brings chi^2 of some form down to its
    degrees of freedom, as Mandel and Paule do for one mean (1970, Anal. Chem. 42:1194). Without it a point at 100 %,
    whose own variance is next to nothing, would draw every line to itself, and weights of forms that all miss the
    points would be 0 and 1.
    """
    tried = [form for form in forms if too_little(form, series) is None]
    found = [_needed(form, series) for form in tried]
    return min((scatter for scatter in found if scatter is not None), default=0.0)


def _needed(form: Form, series: Series) -> float | None:
    u = series.x / form.reference(series.x)
    freedom = len(series.x) - form.n_parameters
    found = solve_once(form, u, series.y, 1 / series.variance)
    if not found.is_converged[0]:
        return None
    if found.rss[0] <= freedom:
        return 0.0
    off = series.y - form.value(u, found.theta[0])
    low, high = 0.0, float(len(off) * (off**2).max())  # with which chi^2 of this very line is at most 1
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        weight = 1 / (series.variance + middle)
        found = solve(form, u[None], series.y[None], weight[None], found.theta)
        low, high = (low, middle) if found.rss[0] <= freedom else (middle, high)
    return high


def _reason(made: Fitted, u: Floats) -> str | None:
    if not made.is_fitted:
        return "no start converged"
    names = np.array(made.form.parameters)[made.is_at_bound(made.theta)]
    if names.size:
        return f"{' and '.join(names)} at the end of what the form allows"
    if is_singular(made.form, u, made.weight, made.theta):
        return "the points leave a direction of the parameters open"
    return None


def _target(y: Floats, is_log: bool) -> Floats:
    return np.log(np.where(y > 0, y, np.nan)) if is_log else y


def _resamples(form: Form, series: Series, weight: Floats, fit: Solution, is_log: bool) -> tuple[Solution, Floats]:
    ys = _target(series.y_draws, is_log)
    is_whole = np.all(np.isfinite(ys) & (series.x_draws > 0), axis=1)[:, None]
    xs = np.where(is_whole, series.x_draws, series.x)
    ys = np.where(is_whole, ys, np.nan)
    x_ref = form.reference(xs)
    us, weights = xs / x_ref[:, None], np.broadcast_to(weight, ys.shape)
    start = np.broadcast_to(fit.theta, (len(ys), form.n_parameters))
    found = solve(form, us, ys, weights, start, is_log=is_log)
    theta, rss, is_converged = found.theta.copy(), found.rss.copy(), found.is_converged.copy()
    for row in np.flatnonzero(~is_converged & is_whole.reshape(-1))[:MOST_RETRIED]:
        again = solve_once(form, us[row], ys[row], weight, is_log=is_log)
        theta[row], rss[row], is_converged[row] = again.theta[0], again.rss[0], again.is_converged[0]
    return Solution(theta, rss, is_converged), x_ref
