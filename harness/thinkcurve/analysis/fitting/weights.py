"""How well forms that were fitted to the same points fit them, against each other: AICc, its weights, and resamples."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from thinkcurve.analysis.basis.grid import Floats
from thinkcurve.analysis.fitting.forms import Form
from thinkcurve.analysis.fitting.scatter import Fitted


def aicc(chi2: Floats, form: Form, n_points: int) -> Floats:
    """AICc of sums of squares by the variances of n points: chi^2 + 2k + 2k(k+1)/(n-k-1); NaN where n < k + 2.

    Hurvich and Tsai 1989 (Biometrika 76:297-307). k counts the form's parameters. The variances, scatter beyond
    sampling error among them (`scatter.scatter_of`), are the same for all forms, so that the rest of the likelihood is
    too, and count for none: were scatter a parameter where it came out above 0, k would differ between curves alike.
    """
    k = form.n_parameters
    left = n_points - k - 1
    return chi2 + 2 * k + 2 * k * (k + 1) / left if left > 0 else np.full(chi2.shape, np.nan)


def akaike_weights(aiccs: Floats) -> Floats:
    """exp(-difference / 2) over their sum (Burnham and Anderson 2002, section 2.9); NaN for what has no AICc."""
    if not np.isfinite(aiccs).any():
        return np.full(aiccs.shape, np.nan)
    likelihoods = np.exp(-(aiccs - np.nanmin(aiccs)) / 2)
    return likelihoods / np.nansum(likelihoods)


def criteria(made: Sequence[Fitted]) -> Floats:
    """AICc of each fit that converged, of shape (forms,); NaN for the others."""
    found = [
        aicc(part.fit.rss, part.form, len(part.series.x))[0] if part.fit and part.is_fitted else np.nan for part in made
    ]
    return np.array(found, dtype=float)


def best_in(made: Sequence[Fitted], aiccs: Floats) -> Floats:
    """The share of resamples in which each form has the smallest AICc; NaN where it has none, or none differs."""
    table = np.full((len(made[0].series.y_draws), len(made)), np.inf) if made else np.empty((0, 0))
    for i, (part, known) in enumerate(zip(made, np.isfinite(aiccs), strict=True)):
        if known and part.draws is not None:
            found = aicc(part.draws.rss, part.form, len(part.series.x))
            table[:, i] = np.where(part.good, found, np.inf)
    table = table[np.isfinite(table).any(axis=1)]
    if not len(table) or not made[0].series.has_spread:
        return np.full(len(made), np.nan)
    shares = np.bincount(np.argmin(table, axis=1), minlength=len(made)) / len(table)
    return np.where(np.isfinite(aiccs), shares, np.nan)
