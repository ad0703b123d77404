"""Nonlinear least squares, many at once: a form fitted to the curve and to each of its resamples in one go."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from thinkcurve.analysis.basis.grid import Floats
from thinkcurve.analysis.fitting.forms import Form

MOST_STEPS = 150
GRADIENT_TOLERANCE = 1e-6
"""Cosine of the angle between residuals and each derivative at a minimum, as MINPACK's gtol (More 1978)."""
SMALLEST = 1e-12
"""Root mean square of residuals, by their weights, that counts as a perfect fit."""


class Solution(NamedTuple):
    """Parameters of shape (R, p), weighted sums of squares (R,), and whether each converged (R,)."""

    theta: Floats
    rss: Floats
    is_converged: NDArray[np.bool_]


def solve(form: Form, u: Floats, target: Floats, weight: Floats, start: Floats, *, is_log: bool = False) -> Solution:
    """Minimise sum of ``weight * (target - form(u))^2`` for R problems: Levenberg-Marquardt within the form's bounds.

    ``u``, ``target`` and ``weight`` have shape (R, n), ``start`` (R, p). With ``is_log`` the target is a logarithm, and
    so is what is compared with it. A parameter at its bound whose gradient points outside is held there (Bertsekas
    1982, SIAM J. Control Optim. 20:221-246). Rows that hold NaN do not converge.
    """
    theta = np.clip(start, form.low, form.high)
    n_rows = len(theta)
    rss, is_converged = np.full(n_rows, np.nan), np.zeros(n_rows, dtype=bool)
    damping = np.full(n_rows, 1e-3)
    is_finite = np.isfinite(target).all(axis=1) & np.isfinite(u).all(axis=1)
    rows = np.flatnonzero(is_finite)
    rss[rows] = _rss(form, u[rows], target[rows], weight[rows], theta[rows], is_log)
    for _ in range(MOST_STEPS):
        if not rows.size:
            break
        at, us, ys, ws = theta[rows], u[rows], target[rows], weight[rows]
        gradient, curvature, is_free, is_flat = _derivatives(form, us, ys, ws, at, is_log)
        is_converged[rows] = is_flat
        new = np.clip(at + _step(gradient, curvature, is_free, damping[rows]), form.low, form.high)
        found = _rss(form, us, ys, ws, new, is_log)
        is_better = found <= rss[rows]
        is_stuck = is_better & np.all(np.abs(new - at) <= 1e-13 * (1 + np.abs(at)), axis=1)
        theta[rows] = np.where(is_better[:, None], new, at)
        rss[rows] = np.where(is_better, found, rss[rows])
        is_converged[rows] |= rss[rows] <= SMALLEST**2 * ws.sum(axis=1)
        damping[rows] *= np.where(is_better, 0.2, 5.0)
        rows = rows[~(is_converged[rows] | is_stuck) & (damping[rows] < 1e12)]
        damping = np.maximum(damping, 1e-12)
    return Solution(theta, rss, is_converged)


def solve_once(form: Form, u: Floats, target: Floats, weight: Floats, *, is_log: bool = False) -> Solution:
    """The best fit from all starts of a form, for one curve of n points; R = 1. Not converged where none did."""
    starts = form.starts(u, np.exp(target) if is_log else target)
    us, targets, weights = (np.broadcast_to(v, (len(starts), len(u))) for v in (u, target, weight))
    found = solve(form, us, targets, weights, starts, is_log=is_log)
    worth = np.where(found.is_converged, found.rss, np.inf)
    best = int(np.argmin(worth if np.isfinite(worth).any() else np.nan_to_num(found.rss, nan=np.inf)))
    return Solution(found.theta[best][None], found.rss[best][None], found.is_converged[best][None])


def is_singular(form: Form, u: Floats, weight: Floats, theta: Floats, *, limit: float = 1e7) -> bool:
    """Whether the data leave some direction of the parameters open: the condition of the scaled Jacobian at a fit."""
    jacobian = form.jacobian(u, theta) * np.sqrt(weight)[:, None]
    lengths = np.linalg.norm(jacobian, axis=0)
    if not (np.isfinite(lengths).all() and (lengths > 0).all()):
        return True
    sizes = np.linalg.svd(jacobian / lengths, compute_uv=False)
    return bool(sizes[-1] * limit < sizes[0])


def _values(form: Form, u: Floats, theta: Floats, is_log: bool) -> Floats:
    value = form.value(u, theta)
    return np.log(np.maximum(value, 1e-300)) if is_log else value


def _rss(form: Form, u: Floats, target: Floats, weight: Floats, theta: Floats, is_log: bool) -> Floats:
    return (weight * (target - _values(form, u, theta, is_log)) ** 2).sum(axis=1)


def _derivatives(
    form: Form, u: Floats, target: Floats, weight: Floats, theta: Floats, is_log: bool
) -> tuple[Floats, Floats, NDArray[np.bool_], NDArray[np.bool_]]:
    """Downhill gradient, curvature, which parameters are free, and which rows are at a minimum."""
    residual = target - _values(form, u, theta, is_log)
    jacobian = form.jacobian(u, theta)
    if is_log:
        jacobian = jacobian / np.maximum(form.value(u, theta), 1e-300)[..., None]
    weighted = weight[..., None] * jacobian
    gradient = (weighted * residual[..., None]).sum(axis=1)
    curvature = np.swapaxes(weighted, 1, 2) @ jacobian
    is_held = ((theta <= form.low) & (gradient < 0)) | ((theta >= form.high) & (gradient > 0))
    lengths = np.sqrt(np.diagonal(curvature, axis1=1, axis2=2))
    size = np.sqrt((weight * residual**2).sum(axis=1))[:, None]
    is_flat = (is_held | (np.abs(gradient) <= GRADIENT_TOLERANCE * lengths * size)).all(axis=1)
    return gradient, curvature, ~is_held, is_flat


def _step(gradient: Floats, curvature: Floats, is_free: NDArray[np.bool_], damping: Floats) -> Floats:
    n = gradient.shape[1]
    diagonal = np.maximum(np.diagonal(curvature, axis1=1, axis2=2), 1e-20)
    both = is_free[:, :, None] & is_free[:, None, :]
    scale = 1 / np.sqrt(diagonal)  # Marquardt's: correlations instead of covariances
    matrix = np.where(both, curvature * scale[:, :, None] * scale[:, None, :], 0)
    matrix[:, range(n), range(n)] = 1 + damping[:, None]
    side = np.where(is_free, gradient * scale, 0)
    return np.linalg.solve(matrix, side[..., None])[..., 0] * scale
