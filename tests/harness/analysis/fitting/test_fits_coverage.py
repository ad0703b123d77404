"""Intervals and bands hold the truth as often as they say: many simulated studies whose truth is known."""

from collections.abc import Callable

import numpy as np
import pytest

from thinkcurve.analysis.basis.resample import draws, mean_over
from thinkcurve.analysis.fitting.fits import fit_forms
from thinkcurve.analysis.fitting.forms import EXPONENTIATED, LOG_LINEAR, POWER, SATURATING, Form
from thinkcurve.analysis.fitting.series import Series, coverage_series, spread_of

X = np.array([32.0, 64.0, 128.0, 256.0, 512.0, 1024.0, 2048.0, 4096.0])
STUDIES, RESAMPLES, PROBLEMS = 400, 300, 300
TRUTHS: list[tuple[Form, list[float], Callable[[np.ndarray], np.ndarray]]] = [
    (LOG_LINEAR, [-0.2, 0.08], lambda x: -0.2 + 0.08 * np.log2(x)),
    (POWER, [3.0, 0.4], lambda x: 1 - 3 * x**-0.4),
    (SATURATING, [0.85, 0.7, 300.0], lambda x: 0.85 - 0.7 * np.exp(-x / 300)),
]


def study(truth: np.ndarray, seed: int) -> Series:
    """A problem is solved from a point on, as on one shared trace: the points of a study are correlated."""
    values = (np.random.default_rng(seed).random((PROBLEMS, 1)) < truth).astype(float)
    y_draws = np.concatenate([mean_over(w, values) for w in draws(PROBLEMS, n_resamples=RESAMPLES, seed=seed)])
    x_draws = np.broadcast_to(X, y_draws.shape)
    return Series(X, values.mean(axis=0), spread_of(values), x_draws, y_draws, PROBLEMS)


@pytest.mark.slow
@pytest.mark.parametrize(("form", "natural", "truth"), TRUTHS, ids=lambda value: getattr(value, "name", ""))
def test_parameters_and_bands_cover_the_truth(
    form: Form, natural: list[float], truth: Callable[[np.ndarray], np.ndarray]
) -> None:
    parameters, band, n_failed = np.zeros(len(natural)), np.zeros(33), 0
    for seed in range(STUDIES):
        (fit,) = fit_forms(study(truth(X), seed), [form]).forms
        assert fit.band is not None
        for i, (parameter, true) in enumerate(zip(fit.parameters, natural, strict=True)):
            assert parameter.ci_low is not None
            assert parameter.ci_high is not None
            parameters[i] += parameter.ci_low <= true <= parameter.ci_high
        line = truth(np.array(fit.band.x))
        band += (np.array(fit.band.ci_low) <= line) & (line <= np.array(fit.band.ci_high))
        n_failed += fit.n_failed
    # three standard errors of a share of 400 studies are 3.3 points; the percentile interval itself gives away one
    assert (parameters / STUDIES > 0.905).all(), parameters / STUDIES
    assert (parameters / STUDIES < 0.985).all(), parameters / STUDIES
    assert 0.905 < band.mean() / STUDIES < 0.985
    assert n_failed < 0.01 * STUDIES * RESAMPLES


@pytest.mark.slow
def test_a_band_of_coverage_holds_what_endless_samples_would_give() -> None:
    """Chances of problems so distributed that coverage is exp(a k^b) nearly: the truth is the best fit to it."""
    rng = np.random.default_rng(0)
    ks = np.array([1, 2, 4, 8, 16, 32, 64])
    population = rng.beta(0.35, 2.5, 200_000)
    means = np.array([(1 - (1 - population) ** k).mean() for k in ks])
    exact = Series(ks.astype(float), means, np.full(7, 1e-4), np.tile(ks * 1.0, (2, 1)), np.tile(means, (2, 1)), 100)
    (truth,) = fit_forms(exact, [EXPONENTIATED], loss="plain").forms
    inside = np.zeros(2)
    for seed in range(STUDIES):
        chances = np.random.default_rng(seed).choice(population, PROBLEMS)
        right = np.random.default_rng(seed).binomial(64, chances)
        series = coverage_series(right, np.full(PROBLEMS, 64), ks, n_resamples=RESAMPLES, seed=seed)
        (fit,) = fit_forms(series, [EXPONENTIATED], loss="plain").forms
        for i, (parameter, true) in enumerate(zip(fit.parameters, truth.parameters, strict=True)):
            assert parameter.ci_low is not None
            assert parameter.ci_high is not None
            assert true.value is not None
            inside[i] += parameter.ci_low <= true.value <= parameter.ci_high
    assert ((inside / STUDIES > 0.905) & (inside / STUDIES < 0.985)).all(), inside / STUDIES
