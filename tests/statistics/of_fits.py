"""Coverage of fits: in each world a form is the truth, and its parameters and its line are looked for."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from ladders import line
from of_curves import RESAMPLES, ends
from rows import Ends, Interval, of_panel
from worlds import Floats

from thinkcurve.analysis.fitting.fits import fit_forms
from thinkcurve.analysis.fitting.forms import LOG_LINEAR, POWER, POWER_FLOOR, SATURATING, Form
from thinkcurve.analysis.fitting.series import accuracy_series

BUDGETS = (64, 128, 256, 512, 1024, 2048)
X = np.array(BUDGETS, dtype=float)
MIDDLE = float(np.sqrt(X[0] * X[-1]))
"""Where the line is looked at."""


@dataclass(frozen=True)
class Curve:
    """A form with its true parameters. ``chances`` are those of problems whose parts (n, 1) are drawn from -1 to 1: of
    what enters the form linearly, so that the mean over problems has the form too."""

    form: Form
    parameters: dict[str, float]
    chances: Callable[[Floats, Floats, Floats], Floats]

    def value(self, x: float) -> float:
        """The true accuracy at x."""
        none = np.zeros((1, 1))
        return float(self.chances(np.array([x]), none, none)[0, 0])


CURVES = (
    Curve(LOG_LINEAR, {"a": -0.22, "b": 0.07}, lambda x, u, v: -0.22 + 0.15 * u + 0.07 * np.log2(x)),
    Curve(POWER, {"a": 4.2, "b": 0.4}, lambda x, u, v: 1 - 4.2 * (1 + 0.2 * u) * x**-0.4),
    Curve(
        POWER_FLOOR,
        {"a": 7.5, "b": 0.6, "c": 0.2},
        lambda x, u, v: 1 - 0.2 - 0.1 * v - 7.5 * (1 + 0.1 * u) * x**-0.6,
    ),
    Curve(
        SATURATING,
        {"c": 0.8, "d": 0.6, "tau": 400.0},
        lambda x, u, v: 0.8 + 0.1 * v - 0.6 * (1 + 0.1 * u) * np.exp(-x / 400),
    ),
)


def fitted(curve: Curve) -> Callable[[np.random.Generator, int, int], Mapping[str, Ends]]:
    """`fit_forms` of the true form: its parameters, where it says that the points tell them, and the band."""

    def study(rng: np.random.Generator, n: int, n_samples: int) -> Mapping[str, Ends]:
        u, v = rng.uniform(-1, 1, (2, n, 1))
        grid = line(rng, n, n_samples, curve.chances(X, u, v), BUDGETS).grid(budgets=BUDGETS)
        fit = fit_forms(accuracy_series(grid, n_resamples=RESAMPLES), (curve.form,)).forms[0]
        found = {p.name: ends(p) for p in fit.parameters if p.is_identifiable}
        if fit.band is not None:
            at = int(np.argmin(np.abs(np.log(np.array(fit.band.x) / MIDDLE))))
            found["band"] = fit.band.ci_low[at], fit.band.ci_high[at]
        return found

    return study


def of_fits() -> Iterator[Interval]:
    """The parameters of the forms of accuracy, and their bands."""
    for curve in CURVES:
        panel, name = fitted(curve), curve.form.name
        true = {**curve.parameters, "band": curve.value(MIDDLE)}
        for figure, value in true.items():
            estimate = f"{name}: {'band in the middle' if figure == 'band' else figure}"
            study = of_panel(panel, figure, lambda _, value=value: value)
            yield Interval(estimate, "resamples", curve.form.formula, study, panel=name)
