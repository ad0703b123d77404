"""Fits of forms, against truth, against scipy's own optimiser, and where there is nothing to be told."""

from dataclasses import replace
from math import exp

import numpy as np
import pytest
from scipy.optimize import curve_fit

from thinkcurve.analysis.basis.resample import draws, mean_over
from thinkcurve.analysis.fitting.fits import Fits, FormFit, fit_forms
from thinkcurve.analysis.fitting.forms import (
    ACCURACY_FORMS,
    COVERAGE_FORMS,
    EXPONENTIATED,
    LOG_LINEAR,
    POWER,
    POWER_FLOOR,
    SATURATING,
    Form,
)
from thinkcurve.analysis.fitting.scatter import fitted, scatter_of
from thinkcurve.analysis.fitting.series import Series, spread_of
from thinkcurve.analysis.fitting.weights import aicc, akaike_weights

X = np.array([32.0, 64.0, 128.0, 256.0, 512.0, 1024.0, 2048.0, 4096.0])


def simulated(
    truth: np.ndarray, x: np.ndarray = X, n_problems: int = 400, seed: int = 0, n_resamples: int = 200
) -> Series:
    """A series of one sample a problem: a problem is solved from a difficulty on, so its points are correlated."""
    rng = np.random.default_rng(seed)
    values = (rng.random((n_problems, 1)) < truth).astype(float)
    found = [mean_over(w, values) for w in draws(n_problems, n_resamples=n_resamples, seed=seed)]
    y_draws = np.concatenate(found)
    x_draws = np.broadcast_to(x, y_draws.shape)
    return Series(x, values.mean(axis=0), spread_of(values), x_draws, y_draws, n_problems)


def exact(y: np.ndarray, x: np.ndarray = X, variance: float = 1e-4, n_resamples: int = 40) -> Series:
    """Points without error, and resamples with a little."""
    noise = np.random.default_rng(1).normal(0, variance**0.5, (n_resamples, len(x)))
    return Series(x, y, np.full(len(x), variance), np.broadcast_to(x, noise.shape), y + noise, 100)


def of(found: Fits, form: Form) -> FormFit:
    (fit,) = [fit for fit in found.forms if fit.form == form.name]
    return fit


def values(fit: FormFit) -> list[float]:
    return [p.value for p in fit.parameters if p.value is not None]


TRUTHS = [
    (LOG_LINEAR, [-0.2, 0.08], -0.2 + 0.08 * np.log2(X)),
    (POWER, [3.0, 0.4], 1 - 3 * X**-0.4),
    (POWER_FLOOR, [8.0, 0.7, 0.15], 1 - 0.15 - 8 * X**-0.7),
    (SATURATING, [0.85, 0.7, 300.0], 0.85 - 0.7 * np.exp(-X / 300)),
    (EXPONENTIATED, [-8.0, -0.35], np.exp(-8 * X**-0.35)),
]


@pytest.mark.parametrize(("form", "natural", "truth"), TRUTHS)
def test_known_parameters_are_found_exactly_from_exact_points(
    form: Form, natural: list[float], truth: np.ndarray
) -> None:
    (fit,) = fit_forms(exact(truth), [form]).forms
    assert values(fit) == pytest.approx(natural, rel=1e-4)
    assert fit.reason is None
    assert fit.n_failed == 0
    assert fit.largest_miss == pytest.approx(0, abs=1e-6)


WRITTEN = {
    LOG_LINEAR: (lambda x, a, b: a + b * np.log2(x), [0.0, 0.1]),
    POWER: (lambda x, a, b: 1 - a * x**-b, [2.0, 0.3]),
    POWER_FLOOR: (lambda x, a, b, c: 1 - c - a * x**-b, [5.0, 0.6, 0.1]),
    SATURATING: (lambda x, c, d, tau: c - d * np.exp(-x / tau), [0.8, 0.6, 250.0]),
    EXPONENTIATED: (lambda x, a, b: np.exp(a * x**b), [-5.0, -0.3]),
}


@pytest.mark.parametrize("form", list(WRITTEN), ids=lambda form: form.name)
def test_fit_and_every_resample_agree_with_scipy(form: Form) -> None:
    function, start = WRITTEN[form]
    series = simulated(function(X, *start), n_resamples=15)
    weighted = replace(series, variance=series.variance + scatter_of([form], series))
    found = fit_forms(series, [form])
    sigma = np.sqrt(weighted.variance)
    ours = [values(found.forms[0])]
    theirs = [curve_fit(function, X, series.y, p0=start, sigma=sigma, maxfev=20000)[0]]
    part = fitted(form, series, "weighted", scatter_of([form], series))
    ours += list(form.natural(part.thetas, part.x_ref[part.good]))
    theirs += [curve_fit(function, X, y, p0=start, sigma=sigma, maxfev=20000)[0] for y in series.y_draws[part.good]]
    assert part.good.all()
    for mine, scipys in zip(ours, theirs, strict=True):
        assert function(X, *mine) == pytest.approx(function(X, *scipys), abs=2e-5)


@pytest.mark.parametrize(("form", "natural", "truth"), TRUTHS)
def test_the_true_form_is_among_those_that_fit_and_its_intervals_hold_the_truth(
    form: Form, natural: list[float], truth: np.ndarray
) -> None:
    series = simulated(truth, n_problems=4000, seed=7)
    forms = ACCURACY_FORMS if form is not EXPONENTIATED else COVERAGE_FORMS
    found = fit_forms(series, forms)
    fit = of(found, form)
    assert found.scatter == 0
    assert fit.weight is not None
    assert fit.weight > 0.05
    assert fit.reason is None
    for parameter, true in zip(fit.parameters, natural, strict=True):
        assert parameter.ci_low is not None
        assert parameter.ci_high is not None
        assert parameter.ci_low - 0.02 * abs(true) <= true <= parameter.ci_high + 0.02 * abs(true)


def test_a_line_is_told_from_a_curve_that_saturates() -> None:
    straight = fit_forms(simulated(TRUTHS[0][2], n_problems=20_000, n_resamples=50))
    bent = fit_forms(simulated(TRUTHS[3][2], n_problems=20_000, n_resamples=50))
    assert (straight.best, bent.best) == ("log-linear", "saturating")
    best_in = [fit.best_in for fit in bent.forms if fit.best_in is not None]
    assert sum(best_in) == pytest.approx(1)
    assert of(bent, LOG_LINEAR).weight == pytest.approx(0, abs=1e-3)
    assert bent.scatter == 0


def test_aicc_by_hand_and_weights() -> None:
    # n = 6, p = 2: 3 + 4 + 2*2*3/3; p = 3: 1 + 6 + 2*3*4/2
    assert aicc(np.array([3.0]), LOG_LINEAR, 6)[0] == 11
    assert aicc(np.array([1.0]), SATURATING, 6)[0] == 19
    assert np.isnan(aicc(np.array([1.0]), SATURATING, 4)[0])
    first = 1 / (1 + exp(-4))
    weights = akaike_weights(np.array([11.0, 19.0, np.nan]))
    assert weights[:2].tolist() == pytest.approx([first, 1 - first])
    assert np.isnan(weights[2])


@pytest.mark.parametrize(
    ("n", "reasons"),
    [
        (0, ["0 points for 2 parameters", "0 points for 3 parameters"]),
        (1, ["1 point for 2 parameters", "1 point for 3 parameters"]),
        (2, ["2 points for 2 parameters", "2 points for 3 parameters"]),
        (3, [None, "3 points for 3 parameters"]),
    ],
)
def test_too_few_points_are_said(n: int, reasons: list[str | None]) -> None:
    series = exact(-0.2 + 0.08 * np.log2(X)).only(np.arange(n))
    found = fit_forms(series, [LOG_LINEAR, SATURATING])
    assert [fit.reason for fit in found.forms] == reasons
    assert all(fit.weight is None for fit in found.forms)
    assert found.best is None


@pytest.mark.parametrize("level", [0.0, 0.4, 1.0])
def test_constant_accuracy_tells_no_parameter(level: float) -> None:
    flat = exact(np.full(8, level), variance=1e-3)
    found = fit_forms(replace(flat, y_draws=np.broadcast_to(flat.y, flat.y_draws.shape)))
    assert {fit.reason for fit in found.forms} == {"accuracy is the same at every point"}
    assert found.best is None
    assert not any(p.is_identifiable or p.value is not None for fit in found.forms for p in fit.parameters)


def test_a_straight_rise_tells_no_ceiling_and_no_time_constant() -> None:
    found = fit_forms(simulated(0.1 + 0.0001 * X, n_problems=300), [SATURATING])
    (fit,) = found.forms
    assert fit.reason is not None
    assert not any(p.is_identifiable for p in fit.parameters)
    assert fit.saturates_at is not None
    assert not fit.saturates_at.is_identifiable


def test_noise_about_a_level_tells_no_time_constant() -> None:
    rng = np.random.default_rng(5)
    y = 0.5 + rng.normal(0, 0.02, 8)
    series = replace(exact(y, variance=4e-4), y_draws=y + rng.normal(0, 0.02, (60, 8)))
    series = replace(series, x_draws=np.broadcast_to(X, series.y_draws.shape))
    found = fit_forms(series)
    assert of(found, SATURATING).reason is not None
    assert of(found, POWER_FLOOR).reason is not None
    slope = of(found, LOG_LINEAR).parameters[1]
    assert slope.ci_low is not None
    assert slope.ci_high is not None
    assert slope.ci_low < 0 < slope.ci_high


def test_what_all_forms_miss_is_scatter_and_spreads_the_weights() -> None:
    zigzag = exact(0.5 + 0.1 * (-1.0) ** np.arange(8), variance=1e-6)
    found = fit_forms(zigzag)
    assert found.scatter > 0.05
    assert max(fit.weight or 0 for fit in found.forms) < 0.99
    assert scatter_of(ACCURACY_FORMS, exact(TRUTHS[0][2])) == 0


def test_scatter_costs_no_parameter() -> None:
    """Five points that no form describes: k is that of the form, as it is where the points do not scatter."""
    zigzag = exact(np.array([0.5, 0.3, 0.6, 0.35, 0.7]), X[:5], variance=1e-6)
    found = fit_forms(zigzag)
    assert found.scatter > 0
    assert all(fit.weight is not None for fit in found.forms)
    line = of(found, LOG_LINEAR)
    assert min(fit.aicc for fit in found.forms if fit.aicc is not None) == pytest.approx(3 + 4 + 6, abs=0.01)
    assert line.best_in is not None


def test_problems_that_are_alike_tell_no_interval() -> None:
    """Every problem right from 256 on: all resamples are that, and none says what other problems would be."""
    flat = exact((X >= 256) * 1.0)
    found = fit_forms(replace(flat, y_draws=np.broadcast_to(flat.y, flat.y_draws.shape)), [LOG_LINEAR, POWER])
    for fit in found.forms:
        assert fit.reason == "no problem differs from another: nothing says how sure"
        assert [(p.ci_low, p.ci_high, p.is_identifiable) for p in fit.parameters] == [(None, None, False)] * 2
        assert fit.band is not None
        assert (set(fit.band.ci_low), set(fit.band.ci_high)) == ({0.0}, {1.0})
    assert found.best is None
    (alone,) = fit_forms(replace(simulated(TRUTHS[0][2]), n_units=1), [LOG_LINEAR]).forms
    assert alone.reason == "one problem or group says nothing of others"
    assert (alone.parameters[1].ci_low, alone.best_in) == (None, None)


def test_ends_are_set_out_for_few_problems() -> None:
    """The same resamples, of 10 problems and of many: t with 9 degrees of freedom is 2.26, and sqrt(10/9) more."""
    series = simulated(TRUTHS[0][2], n_resamples=4000)
    widths = []
    for n in (10, 10_000):
        (fit,) = fit_forms(replace(series, n_units=n), [LOG_LINEAR]).forms
        slope = fit.parameters[1]
        widths.append((slope.ci_high or 0) - (slope.ci_low or 0))
    assert widths[0] / widths[1] == pytest.approx(2.262 * (10 / 9) ** 0.5 / 1.96, rel=0.05)


def test_resamples_of_a_level_converge() -> None:
    """All right at every point of a resample: what is left of the line is rounding, and that is a fit."""
    series = exact(np.array([0.98, 0.99, 1.0, 1.0]), X[:4], variance=1e-5, n_resamples=60)
    y_draws = series.y_draws.copy()
    y_draws[:30] = 1.0
    (fit,) = fit_forms(replace(series, y_draws=y_draws), [LOG_LINEAR]).forms
    assert fit.n_failed == 0


def test_a_saturating_curve_says_where_it_ends() -> None:
    (fit,) = fit_forms(exact(TRUTHS[3][2]), [SATURATING]).forms
    assert fit.ceiling is not None
    assert fit.ceiling.value == pytest.approx(0.85)
    assert fit.saturates_at is not None
    assert fit.saturates_at.value == pytest.approx(300 * np.log(0.7 / 0.02), rel=1e-4)
    short = exact(TRUTHS[3][2]).only(X <= 600)
    (fit,) = fit_forms(short, [SATURATING]).forms
    assert fit.saturates_at is not None
    assert fit.saturates_at.value is None  # an extrapolation, and nobody asked


def test_the_line_ends_with_the_points_unless_more_is_asked() -> None:
    series = simulated(TRUTHS[1][2], n_problems=100, n_resamples=50)
    for fit in fit_forms(series).forms:
        assert fit.band is not None
        assert fit.band.x[0] == pytest.approx(X[0])
        assert fit.band.x[-1] == pytest.approx(X[-1])
        assert not any(fit.band.is_extrapolated)
    far = fit_forms(series, extrapolate_to=65536)
    for fit in far.forms:
        band = fit.band
        assert band is not None
        assert band.x[-1] == pytest.approx(65536)
        assert [x > X[-1] * (1 + 1e-9) for x in band.x] == list(band.is_extrapolated)
        assert len(band.x) == len(band.y) == len(band.ci_low) == len(band.ci_high)
        assert all(0 <= low <= high <= 1 for low, high in zip(band.ci_low, band.ci_high, strict=True))
    # beyond the points every band covers those of all forms that fit about as well
    rivals = [fit.band for fit in far.forms if fit.band and (fit.weight or 0) >= 0.05]
    assert len(rivals) > 1
    assert len({(rival.ci_low[-1], rival.ci_high[-1]) for rival in rivals}) == 1
    for form in (LOG_LINEAR, POWER):
        (alone,) = fit_forms(series, [form], extrapolate_to=65536).forms
        wide, narrow = of(far, form).band, alone.band
        assert wide is not None
        assert narrow is not None
        assert wide.ci_low[:33] == pytest.approx(narrow.ci_low[:33], abs=0.02)
        assert wide.ci_low[-1] - 0.02 <= narrow.ci_low[-1] <= narrow.ci_high[-1] <= wide.ci_high[-1] + 0.02
        assert wide.ci_high[-1] - wide.ci_low[-1] > narrow.ci_high[-1] - narrow.ci_low[-1] + 0.01
    with pytest.raises(ValueError, match="not beyond the largest x"):
        fit_forms(series, extrapolate_to=100)


def test_resamples_without_a_value_are_counted_and_make_no_interval() -> None:
    series = simulated(TRUTHS[0][2], n_resamples=100)
    y_draws = series.y_draws.copy()
    y_draws[:30, 2] = np.nan
    (fit,) = fit_forms(replace(series, y_draws=y_draws), [LOG_LINEAR]).forms
    assert fit.n_failed == 30
    assert fit.reason == "30 of 100 resamples did not converge"
    assert fit.parameters[0].ci_low is None
    assert fit.band is not None
    assert set(fit.band.ci_low) == {0.0}


def test_the_same_seed_gives_the_same_fit() -> None:
    first, second = (fit_forms(simulated(TRUTHS[2][2], seed=4, n_resamples=30)) for _ in range(2))
    assert first == second


def test_logarithms_leave_out_points_at_zero_and_say_so() -> None:
    y = np.concatenate([[0.0], np.exp(-8 * X[1:] ** -0.35)])
    found = fit_forms(exact(y, variance=1e-8), [EXPONENTIATED], loss="log")
    assert values(found.forms[0]) == pytest.approx([-8, -0.35], rel=1e-4)
    assert found.left_out == ("points at 0 left out: they have no logarithm",)
    assert found.forms[0].weight is None


def test_more_compute_that_hurts_is_fitted_too() -> None:
    falling = fit_forms(simulated(0.9 - 0.05 * np.log2(X / 32), n_problems=3000))
    line = of(falling, LOG_LINEAR)
    assert line.parameters[1].value == pytest.approx(-0.05, abs=0.01)
    assert line.reason is None
