"""Forms fitted to a curve: parameters with intervals, weights over forms, bands, and "not identifiable" said aloud.

The fit is weighted nonlinear least squares on the points of a curve. Points of one curve rest on the same problems
and, of a shared trace, on the same thinking, so their errors are correlated: every interval and band comes from
refitting resamples over problems, never from the fit's own covariance.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from thinkcurve.analysis.basis.grid import Floats
from thinkcurve.analysis.basis.resample import FEWEST
from thinkcurve.analysis.fitting.forms import ACCURACY_FORMS, Form
from thinkcurve.analysis.fitting.scatter import Fitted, Loss, fitted, scatter_of
from thinkcurve.analysis.fitting.series import Series

TOLERANCE = 0.02
"""Accuracy that is as good as the end: two points of a hundred."""
WIDEST_RATIO = 100.0
"""An interval of two orders of magnitude says that the data do not tell the parameter."""
WIDEST_SHARE = 0.5
"""The same for a ceiling or floor, which lies between 0 and 1."""
MOST_AT_BOUND = 0.05
"""The share of resamples that may end at a bound of a parameter."""
AS_GOOD = 0.05
"""The weight from which a form has a say in how far an extrapolation may be off."""
N_INSIDE, N_BEYOND = 33, 17
"""Points at which a band is given, within the measured range and beyond it."""


class Parameter(msgspec.Struct, frozen=True):
    """A figure of a fit with its interval. Where it is not identifiable ``value`` is only where the fit stopped."""

    name: str
    value: float | None
    low: float | None
    high: float | None
    is_identifiable: bool


class Band(msgspec.Struct, frozen=True):
    """A fitted form as a line with its band, for a figure; all of one length, y within 0..1.

    What is extrapolated is to be drawn dashed: there the band also covers the bands of all other forms that fit the
    points about as well (AICc weight from `AS_GOOD`).
    """

    x: tuple[float, ...]
    y: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]
    is_extrapolated: tuple[bool, ...]


class FormFit(msgspec.Struct, frozen=True):
    """One form fitted to the points of a curve.

    ``aicc`` is chi^2 + 2p + 2p(p+1)/(n-p-1) with n the number of points (not of attempts: attempts at one budget are
    one point of the form) and chi^2 by the variances of the points; ``weight`` is its Akaike weight (Burnham and
    Anderson 2002, section 2.9), both ``None`` where n < p + 2 or under another loss than ``weighted``. They take points
    as independent, which those of one shared trace are not: ``best_in``, the share of resamples in which the form had
    the smallest AICc, does not. ``largest_miss`` is the largest distance of a point from the line. ``n_failed`` of
    ``n_resamples`` did not converge and are in no interval. ``reason`` says why the form is not identifiable.
    ``ceiling`` is where accuracy ends as compute grows, ``saturates_at`` the x from which it is within ``TOLERANCE``
    of that; its value or high end is ``None`` beyond the points, which would be an extrapolation.
    """

    form: str
    formula: str
    parameters: tuple[Parameter, ...]
    aicc: float | None
    weight: float | None
    best_in: float | None
    largest_miss: float | None
    n_points: int
    n_resamples: int
    n_failed: int
    reason: str | None
    ceiling: Parameter | None
    saturates_at: Parameter | None
    band: Band | None


class Fits(msgspec.Struct, frozen=True):
    """Forms fitted to the same points (``x``, ``y``, left to right). ``scatter`` is how far these lie off the best form
    beyond their sampling error, as a standard deviation of accuracy (`fitting.scatter.scatter_of`): the weights allow
    for it. ``left_out`` says which points of the curve are not among them; ``best`` is the identifiable form of the
    largest weight, ``None`` where there is none."""

    x: tuple[float, ...]
    y: tuple[float, ...]
    forms: tuple[FormFit, ...]
    scatter: float
    best: str | None
    left_out: tuple[str, ...]


def fit_forms(
    series: Series,
    forms: Sequence[Form] = ACCURACY_FORMS,
    *,
    loss: Loss = "weighted",
    level: float = 0.95,
    extrapolate_to: float | None = None,
) -> Fits:
    """Fit each form to the points of a series and to each of its resamples.

    Every form is fitted to the same points, else their weights could not be compared. The line ends with the
    measured range unless ``extrapolate_to`` is given, an x beyond it. Raises `ValueError` for one that is not.
    """
    if loss == "log" and not (series.y > 0).all():
        series = series.only(series.y > 0, "points at 0 left out: they have no logarithm")
    if extrapolate_to is not None and not extrapolate_to > series.x.max(initial=0):
        raise ValueError(f"extrapolate_to is {extrapolate_to}, which is not beyond the largest x")
    scatter = scatter_of(forms, series) if loss == "weighted" else 0.0
    made = [fitted(form, series, loss, scatter) for form in forms]
    n = len(series.x)
    aiccs = np.array([aicc(part.fit.rss, part.form, n)[0] if part.fit and part.is_fitted else np.nan for part in made])
    aiccs = aiccs if loss == "weighted" else np.full(aiccs.shape, np.nan)
    weights = akaike_weights(aiccs)
    shares = _best_in(made, aiccs)
    bands = _bands(made, weights, level, extrapolate_to)
    found = tuple(
        _form_fit(part, criterion, weight, share, band, level)
        for part, criterion, weight, share, band in zip(made, aiccs, weights, shares, bands, strict=True)
    )
    known = [fit for fit in found if fit.weight is not None and fit.reason is None]
    best = max(known, key=lambda fit: fit.weight or 0.0, default=None)
    return Fits(
        tuple(series.x.tolist()),
        tuple(series.y.tolist()),
        found,
        float(np.sqrt(scatter)),
        best.form if best else None,
        series.left_out,
    )


def aicc(chi2: Floats, form: Form, n_points: int) -> Floats:
    """AICc of sums of squares over known variances: chi^2 + 2p + 2p(p+1)/(n-p-1); NaN where n < p + 2.

    Hurvich and Tsai 1989 (Biometrika 76:297-307); p counts no variance, which is known.
    """
    p, left = form.n_parameters, n_points - form.n_parameters - 1
    return chi2 + 2 * p + 2 * p * (p + 1) / left if left > 0 else np.full(chi2.shape, np.nan)


def akaike_weights(aiccs: Floats) -> Floats:
    """exp(-difference / 2) over their sum (Burnham and Anderson 2002, section 2.9); NaN for what has no AICc."""
    if not np.isfinite(aiccs).any():
        return np.full(aiccs.shape, np.nan)
    likelihoods = np.exp(-(aiccs - np.nanmin(aiccs)) / 2)
    return likelihoods / np.nansum(likelihoods)


def _best_in(made: Sequence[Fitted], aiccs: Floats) -> Floats:
    """The share of resamples in which each form has the smallest AICc; NaN where it has none."""
    table = np.full((len(made[0].series.y_draws), len(made)), np.inf) if made else np.empty((0, 0))
    for i, (part, known) in enumerate(zip(made, np.isfinite(aiccs), strict=True)):
        if known and part.draws is not None:
            table[:, i] = np.where(part.good, aicc(part.draws.rss, part.form, len(part.series.x)), np.inf)
    table = table[np.isfinite(table).any(axis=1)]
    if not len(table):
        return np.full(len(made), np.nan)
    shares = np.bincount(np.argmin(table, axis=1), minlength=len(made)) / len(table)
    return np.where(np.isfinite(aiccs), shares, np.nan)


def _bands(made: Sequence[Fitted], weights: Floats, level: float, extrapolate_to: float | None) -> list[Band | None]:
    lines = [_line(part, level, extrapolate_to) if part.is_fitted else None for part in made]
    rivals = [line for line, weight in zip(lines, weights, strict=True) if line is not None and weight >= AS_GOOD]
    return [None if line is None else _band(line, rivals) for line in lines]


def _band(line: _Line, rivals: Sequence[_Line]) -> Band:
    low, high = line.low, line.high
    for rival in rivals:
        low = np.where(line.is_beyond, np.minimum(low, rival.low), low)
        high = np.where(line.is_beyond, np.maximum(high, rival.high), high)
    x, y, lows, highs = (tuple(part.tolist()) for part in (line.x, line.y, low, high))
    return Band(x, y, lows, highs, tuple(line.is_beyond.tolist()))


class _Line(NamedTuple):
    x: Floats
    y: Floats
    low: Floats
    high: Floats
    is_beyond: NDArray[np.bool_]


def _line(part: Fitted, level: float, extrapolate_to: float | None) -> _Line:
    first, last = part.series.x.min(), part.series.x.max()
    x = np.geomspace(first, last, N_INSIDE)
    if extrapolate_to is not None:
        x = np.concatenate([x, np.geomspace(last, extrapolate_to, N_BEYOND)[1:]])
    low, high = _ends(part.lines(x), level, len(part.good))
    # where too few resamples converged there is no band: all that is known is 0 to 1
    low, high = np.nan_to_num(low, nan=0.0), np.nan_to_num(high, nan=1.0)
    is_beyond = np.arange(len(x)) >= N_INSIDE
    return _Line(x, np.clip(part.values(x), 0, 1), np.clip(low, 0, 1), np.clip(high, 0, 1), is_beyond)


def _ends(values: Floats, level: float, n: int) -> tuple[Floats, Floats]:
    """Percentile ends of values of shape (r, ...), r of n resamples; NaN where fewer than `FEWEST` are there."""
    if len(values) < max(2, FEWEST * n):
        return np.full(values.shape[1:], np.nan), np.full(values.shape[1:], np.nan)
    low, high = np.quantile(values, [(1 - level) / 2, (1 + level) / 2], axis=0)
    return low, high


def _form_fit(part: Fitted, criterion: float, weight: float, share: float, band: Band | None, level: float) -> FormFit:
    n_resamples = len(part.good)
    n_failed = 0 if part.fit is None else int((~part.good).sum())
    parameters = _parameters(part, level)
    return FormFit(
        form=part.form.name,
        formula=part.form.formula,
        parameters=parameters,
        aicc=_known(criterion),
        weight=_known(weight),
        best_in=_known(share),
        largest_miss=float(np.abs(part.series.y - part.values(part.series.x)).max()) if part.is_fitted else None,
        n_points=len(part.series.x),
        n_resamples=n_resamples,
        n_failed=n_failed,
        reason=part.reason or _open(parameters, n_failed, n_resamples),
        ceiling=_ceiling(part, level),
        saturates_at=_saturates_at(part, level),
        band=band,
    )


def _open(parameters: Sequence[Parameter], n_failed: int, n_resamples: int) -> str | None:
    if n_failed > (1 - FEWEST) * n_resamples:
        return f"{n_failed} of {n_resamples} resamples did not converge"
    names = [parameter.name for parameter in parameters if not parameter.is_identifiable]
    return f"the points do not tell {' or '.join(names)}" if names else None


def _parameters(part: Fitted, level: float) -> tuple[Parameter, ...]:
    form = part.form
    if not part.is_fitted:
        return tuple(Parameter(name, None, None, None, False) for name in form.parameters)
    value = form.natural(part.theta, form.reference(part.series.x))
    lows, highs = _ends(form.natural(part.thetas, part.x_ref[part.good]), level, len(part.good))
    is_at = part.is_at_bound(part.thetas)
    is_at[:, list(form.may_bind)] = False
    is_open = part.reason is not None or bool(is_at.any(axis=1).sum() > MOST_AT_BOUND * len(is_at))
    return tuple(
        Parameter(
            name,
            _known(value[i]),
            _known(lows[i]),
            _known(highs[i]),
            not is_open and _is_told(float(lows[i]), float(highs[i]), is_share=name == "c"),
        )
        for i, name in enumerate(form.parameters)
    )


def _is_told(low: float, high: float, *, is_share: bool) -> bool:
    """Whether an interval says anything of a parameter: there is one, and it does not span orders of magnitude."""
    if not (np.isfinite(low) and np.isfinite(high)):
        return False
    if is_share:
        return bool(high - low <= WIDEST_SHARE)
    ends = sorted((abs(low), abs(high)))
    return bool(low * high <= 0 or ends[1] <= WIDEST_RATIO * ends[0])


def _ceiling(part: Fitted, level: float) -> Parameter | None:
    if part.form.ceiling is None or not part.is_fitted:
        return None
    low, high = _ends(part.form.ceiling(part.thetas), level, len(part.good))
    is_told = part.reason is None and _is_told(float(low), float(high), is_share=True)
    return Parameter("ceiling", _known(part.form.ceiling(part.theta)), _known(low), _known(high), is_told)


def _saturates_at(part: Fitted, level: float) -> Parameter | None:
    form, last = part.form, part.series.x.max(initial=0)
    if form.reach is None or not part.is_fitted:
        return None
    value = form.reach(part.theta, form.reference(part.series.x), TOLERANCE)
    low, high = _ends(form.reach(part.thetas, part.x_ref[part.good], TOLERANCE), level, len(part.good))
    at, first, end = (_known(figure) if figure <= last else None for figure in (value, low, high))
    return Parameter("saturates at", at, first, end, part.reason is None and at is not None and first is not None)


def _known(value: float | np.floating[Any] | Floats) -> float | None:
    return float(value) if np.isfinite(value) else None
