"""Forms fitted to a curve: parameters with intervals, weights over forms, bands, and "not identifiable" said aloud.

The fit is weighted nonlinear least squares on the points of a curve. Points of one curve rest on the same problems
and, of a shared trace, on the same thinking, so their errors are correlated: every interval and band comes from
refitting resamples over problems, never from the fit's own covariance.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import numpy as np

from thinkcurve.analysis.basis.interval import FEWEST_UNITS, Interval, known
from thinkcurve.analysis.basis.resample import FEWEST
from thinkcurve.analysis.fitting.bands import Band, bands, ends
from thinkcurve.analysis.fitting.forms import ACCURACY_FORMS, Form
from thinkcurve.analysis.fitting.scatter import Fitted, Loss, fitted, scatter_of
from thinkcurve.analysis.fitting.series import Series
from thinkcurve.analysis.fitting.weights import akaike_weights, best_in, criteria

TOLERANCE = 0.02
"""Accuracy that is as good as the end: two points of a hundred."""
WIDEST_RATIO = 100.0
"""An interval of two orders of magnitude says that the data do not tell the parameter."""
WIDEST_SHARE = 0.5
"""The same for a ceiling or floor, which lies between 0 and 1."""
MOST_AT_BOUND = 0.05
"""The share of resamples that may end at a bound of a parameter."""


class Parameter(Interval, frozen=True):
    """A figure of a fit with its interval. Where it is not identifiable ``value`` is only where the fit stopped."""

    name: str = ""
    is_identifiable: bool = False


class Extrapolated(Interval, frozen=True):
    """Accuracy at an ``x`` beyond all points, if the form went on: the end of its band, which no point has tested.

    The interval is that of `bands.Band`: of this form by resamples, and of all others that fit about as well.
    """

    x: float = 0.0


class FormFit(msgspec.Struct, frozen=True):
    """One form fitted to the points of a curve.

    ``aicc`` is chi^2 + 2k + 2k(k+1)/(n-k-1) with n the number of points (not of attempts: attempts at one budget are
    one point of the form), k the parameters of the form, and chi^2 by the variances of the points with what they
    scatter beyond (`Fits`); ``weight`` is its Akaike weight among the forms that have one
    (Burnham and Anderson 2002, section 2.9). Both are ``None`` where n < k + 2 or under another loss than ``weighted``.
    They take points as independent, which those of one shared trace are not: ``best_in``, the share of resamples in
    which the form had the smallest AICc, does not. ``largest_miss`` is the largest distance of a point from the line.
    ``n_failed`` of ``n_resamples`` did not converge and are in no interval. ``reason`` says why the form is not
    identifiable.
    ``ceiling`` is where accuracy ends as compute grows, ``saturates_at`` the x from which it is within ``TOLERANCE``
    of that; its value or high end is ``None`` beyond the points, which would be an extrapolation. ``extrapolated`` is
    there only where one was asked for, of a form that is identifiable.
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
    extrapolated: Extrapolated | None = None


class Fits(msgspec.Struct, frozen=True):
    """Forms fitted to the same points (``x``, ``y``, left to right). ``scatter`` is how far these lie off the best form
    beyond their sampling error, as a standard deviation of accuracy (`fitting.scatter.scatter_of`): weights hold for
    that scatter. ``left_out`` says which points and problems of the curve are not among
    them; ``best`` is the identifiable form of the
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
    aiccs = criteria(made) if loss == "weighted" else np.full(len(made), np.nan)
    weights = akaike_weights(aiccs)
    shares = best_in(made, aiccs)
    lines = bands(made, weights, level, extrapolate_to)
    found = tuple(
        _form_fit(part, criterion, weight, share, band, level)
        for part, criterion, weight, share, band in zip(made, aiccs, weights, shares, lines, strict=True)
    )
    told = [fit for fit in found if fit.weight is not None and fit.reason is None]
    best = max(told, key=lambda fit: fit.weight or 0.0, default=None)
    return Fits(
        tuple(series.x.tolist()),
        tuple(series.y.tolist()),
        found,
        float(np.sqrt(scatter)),
        best.form if best else None,
        series.left_out,
    )


def _form_fit(part: Fitted, criterion: float, weight: float, share: float, band: Band | None, level: float) -> FormFit:
    n_resamples = len(part.good)
    n_failed = 0 if part.fit is None else int((~part.good).sum())
    parameters = _parameters(part, level)
    reason = part.reason or _open(part, parameters, n_failed)
    return FormFit(
        form=part.form.name,
        formula=part.form.formula,
        parameters=parameters,
        aicc=known(criterion),
        weight=known(weight),
        best_in=known(share),
        largest_miss=float(np.abs(part.series.y - part.values(part.series.x)).max()) if part.is_fitted else None,
        n_points=len(part.series.x),
        n_resamples=n_resamples,
        n_failed=n_failed,
        reason=reason,
        ceiling=_ceiling(part, level),
        saturates_at=_saturates_at(part, level),
        band=band,
        extrapolated=_extrapolated(band) if reason is None else None,
    )


def _extrapolated(band: Band | None) -> Extrapolated | None:
    if band is None or not band.is_extrapolated[-1]:
        return None
    return Extrapolated(band.y[-1], band.ci_low[-1], band.ci_high[-1], band.x[-1])


def _open(part: Fitted, parameters: Sequence[Parameter], n_failed: int) -> str | None:
    n_resamples = len(part.good)
    if n_failed > (1 - FEWEST) * n_resamples:
        return f"{n_failed} of {n_resamples} resamples did not converge"
    if not part.series.has_spread:
        units = "one problem or group says nothing of others"
        return units if part.series.n_units < FEWEST_UNITS else "no problem differs from another: nothing says how sure"
    names = [parameter.name for parameter in parameters if not parameter.is_identifiable]
    return f"the points do not tell {' or '.join(names)}" if names else None


def _parameters(part: Fitted, level: float) -> tuple[Parameter, ...]:
    form = part.form
    if not part.is_fitted:
        return tuple(Parameter(None, None, None, name) for name in form.parameters)
    value = form.natural(part.theta, form.reference(part.series.x))
    lows, highs = ends(form.natural(part.thetas, part.x_ref[part.good]), part, level)
    is_at = part.is_at_bound(part.thetas)
    is_at[:, list(form.may_bind)] = False
    is_open = part.reason is not None or bool(is_at.any(axis=1).sum() > MOST_AT_BOUND * len(is_at))
    return tuple(
        Parameter(
            known(value[i]),
            known(lows[i]),
            known(highs[i]),
            name,
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
    low, high = ends(part.form.ceiling(part.thetas), part, level)
    is_told = part.reason is None and _is_told(float(low), float(high), is_share=True)
    return Parameter(known(part.form.ceiling(part.theta)), known(low), known(high), "ceiling", is_told)


def _saturates_at(part: Fitted, level: float) -> Parameter | None:
    form, last = part.form, part.series.x.max(initial=0)
    if form.reach is None or not part.is_fitted:
        return None
    value = form.reach(part.theta, form.reference(part.series.x), TOLERANCE)
    low, high = ends(form.reach(part.thetas, part.x_ref[part.good], TOLERANCE), part, level)
    at, first, end = (known(figure) if figure <= last else None for figure in (value, low, high))
    return Parameter(at, first, end, "saturates at", part.reason is None and at is not None and first is not None)
