"""Forms of a curve: derivatives against differences, and the parameters a reader sees against the written formula."""

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from thinkcurve.analysis.fitting.forms import (
    EXPONENTIATED,
    LOG_LINEAR,
    POWER,
    POWER_FLOOR,
    SATURATING,
    Form,
)

X = np.array([20.0, 70.0, 200.0, 900.0, 4000.0])
WRITTEN: dict[str, Callable[..., NDArray[np.float64]]] = {
    "a + b log2 x": lambda x, a, b: a + b * np.log2(x),
    "1 - a x^-b": lambda x, a, b: 1 - a * x**-b,
    "1 - c - a x^-b": lambda x, a, b, c: 1 - c - a * x**-b,
    "c - d exp(-x/tau)": lambda x, c, d, tau: c - d * np.exp(-x / tau),
    "exp(a x^b)": lambda x, a, b: np.exp(a * x**b),
}
INSIDE = [
    (LOG_LINEAR, [0.4, 0.07]),
    (POWER, [0.5, 0.3]),
    (POWER, [0.5, -0.1]),
    (POWER_FLOOR, [0.4, 0.7, 0.1]),
    (SATURATING, [0.9, 0.6, np.log(12.0)]),
    (SATURATING, [0.3, -0.5, np.log(2.0)]),
    (EXPONENTIATED, [-0.5, -0.35]),
]


@pytest.mark.parametrize(("form", "theta"), INSIDE)
def test_natural_parameters_put_into_the_written_formula_give_the_same_curve(form: Form, theta: list[float]) -> None:
    inside, x_ref = np.array(theta), form.reference(X)
    natural = form.natural(inside, x_ref)
    assert form.value(X / x_ref, inside) == pytest.approx(WRITTEN[form.formula](X, *natural), rel=1e-12)
    assert len(natural) == len(form.parameters) == form.n_parameters


@pytest.mark.parametrize(("form", "theta"), INSIDE)
def test_jacobian_is_the_difference_quotient(form: Form, theta: list[float]) -> None:
    inside, u, h = np.array(theta), X / form.reference(X), 1e-6
    steps = h * np.eye(len(theta))
    quotients = [(form.value(u, inside + step) - form.value(u, inside - step)) / (2 * h) for step in steps]
    assert form.jacobian(u, inside) == pytest.approx(np.stack(quotients, axis=1), abs=1e-8)


@pytest.mark.parametrize(("form", "theta"), INSIDE)
def test_many_at_once_is_each_alone(form: Form, theta: list[float]) -> None:
    thetas = np.array(theta) * np.array([[1.0], [0.9], [1.1]])
    xs = X * np.array([[1.0], [1.2], [0.8]])
    us = xs / form.reference(xs)[:, None]
    for i in range(3):
        u = xs[i] / form.reference(xs[i])
        assert form.value(us, thetas)[i] == pytest.approx(form.value(u, thetas[i]))
        assert form.jacobian(us, thetas)[i] == pytest.approx(form.jacobian(u, thetas[i]))
    assert form.natural(thetas, form.reference(xs)).shape == (3, form.n_parameters)


@pytest.mark.parametrize(("form", "theta"), [pair for pair in INSIDE if pair[0].reach])
def test_reach_is_where_the_curve_is_within_the_tolerance_of_its_ceiling(form: Form, theta: list[float]) -> None:
    inside, x_ref = np.array(theta), form.reference(X)
    assert form.reach is not None
    assert form.ceiling is not None
    x = np.array([form.reach(inside, x_ref, 0.02)])
    assert abs(form.ceiling(inside) - form.value(x / x_ref, inside)[0]) == pytest.approx(0.02)
    assert form.value(np.array([1e9]), inside)[0] == pytest.approx(form.ceiling(inside), abs=1e-5)


@pytest.mark.parametrize("form", [LOG_LINEAR, POWER, POWER_FLOOR, SATURATING, EXPONENTIATED])
def test_starts_lie_within_the_bounds_or_at_them(form: Form) -> None:
    for y in (np.linspace(0.1, 0.9, 5), np.linspace(0.9, 0.1, 5), np.zeros(5), np.ones(5)):
        starts = np.clip(form.starts(X / form.reference(X), y), form.low, form.high)
        assert np.isfinite(starts).all()
        assert starts.shape[1] == form.n_parameters
