"""Coverage of what the package says of whole curves: each study is a run or two, handed to the public functions."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from typing import Any

import numpy as np
from ladders import many, true_curves, two_models
from rows import Ends, Interval, of_panel

from thinkcurve.analysis.allocation.headroom import headroom_of
from thinkcurve.analysis.allocation.oracle import Oracle
from thinkcurve.analysis.comparison.exchange import over_compute
from thinkcurve.analysis.comparison.sides import Side
from thinkcurve.analysis.fitting.gains import gains_of
from thinkcurve.analysis.fitting.saturation import saturation_of
from thinkcurve.analysis.frontiers.frontier import on_axis
from thinkcurve.analysis.frontiers.points import Entry, points_of
from thinkcurve.analysis.parallel.estimators import pass_at_k
from thinkcurve.analysis.parallel.surface import surface_of

RESAMPLES = 500
"""Resamples of a study, where the package takes 2,000: the ends of intervals are a little less steady."""
AXIS = "thinking_tokens"
COST, TARGET = 200.0, 0.4
"""A cost and an accuracy between points of the ladder."""
ALLOWANCE = 1024.0
LONG = (256, 1024, 4096, 16384, 65536)
"""A ladder on which the model saturates: the gain from 4,096 on is three points, from 16,384 on a third of a point."""


def ends(figure: Any) -> Ends:
    """The ends of a record's interval; of no record none."""
    return (None, None) if figure is None else (figure.ci_low, figure.ci_high)


# two curves


def compared(rng: np.random.Generator, n: int, n_samples: int) -> Mapping[str, Ends]:
    """`over_compute`: the area between two curves and the ratio of compute."""
    sides = [Side(grid, grid.is_drawn) for grid in (model.grid() for model in two_models(rng, n, n_samples))]
    area, ratio = over_compute(*sides, AXIS, n_resamples=RESAMPLES)
    return {"area": ends(area), "ratio": ends(ratio)}


@cache
def true_area(_: int = 1) -> float:
    """The mean gap between the true curves over log2 of the compute that both spent."""
    first, second = ((np.log2(x), y) for x, y in true_curves())
    at = np.linspace(max(first[0][0], second[0][0]), min(first[0][-1], second[0][-1]), 100_001)
    return float((np.interp(at, *second) - np.interp(at, *first)).mean())


@cache
def true_ratio(_: int = 1) -> float:
    """The geometric mean of the true ratios of compute at equal accuracy."""
    first, second = ((y, np.log2(x)) for x, y in true_curves())
    at = np.linspace(max(first[0][0], second[0][0]), min(first[0][-1], second[0][-1]), 100_001)
    return float(2 ** (np.interp(at, *second) - np.interp(at, *first)).mean())


# one curve among several


def frontier(rng: np.random.Generator, n: int, n_samples: int) -> Mapping[str, Ends]:
    """`on_axis`: accuracy of a point and at a cost, and the cost of an accuracy."""
    points = points_of([Entry(model.grid(str(i))) for i, model in enumerate(two_models(rng, n, n_samples))])
    found = on_axis(points, AXIS, costs=[COST], targets=[TARGET], n_resamples=RESAMPLES)
    low, high = ends(next(reach.cost for reach in found.to_reach if reach.entry == 0))
    high = np.inf if low is not None and high is None else high  # an end that is open: perhaps never
    point = next(point for point in found.points if (point.entry, point.budget) == (0, 1024))
    at = next(at for at in found.at_cost if at.entry == 0)
    return {"point": ends(point.accuracy), "at cost": ends(at.accuracy), "to reach": (low, high)}


def _at_cost(_: int) -> float:
    x, y = true_curves()[0]
    return float(np.interp(np.log2(COST), np.log2(x), y))


def _to_reach(_: int) -> float:
    x, y = true_curves()[0]
    return float(2 ** np.interp(TARGET, y, np.log2(x)))


# allocation


def allocated(rng: np.random.Generator, n: int, n_samples: int) -> Mapping[str, Ends]:
    """`headroom_of` at 256 tokens, the second budget."""
    grid = two_models(rng, n, n_samples)[0].grid()
    point = headroom_of(grid, axis=AXIS, n_resamples=RESAMPLES, n_splits=4).points[1]
    return {"oracle": ends(point.oracle), "gain": ends(point.gain), "saving": ends(point.saving)}


@cache
def _room(n_samples: int) -> tuple[float, float, float]:
    """Accuracy of the oracle of very many problems at the mean cost of 256 tokens, its gain, and its saving."""
    model = many(n_samples)[0]
    means, costs = model.means[:100_000], model.costs[:100_000]
    oracle, everyone = Oracle.of(means, costs), np.ones((1, len(means)))
    uniform, at = means[:, 1].mean(), costs[:, 1].mean()
    best = float(oracle.value_at(everyone, np.array([[at]]))[0, 0])
    least = float(oracle.cost_at(everyone, np.array([[uniform]]))[0, 0])
    return best, float(best - uniform), float(1 - least / at)


# several samples


def surface(rng: np.random.Generator, n: int, n_samples: int) -> Mapping[str, Ends]:
    """`surface_of`: cells, and the gain of the best mix at an allowance."""
    found = surface_of(two_models(rng, n, n_samples)[0].grid(), axes=(AXIS,), n_resamples=RESAMPLES, n_splits=2)
    cells = {(cell.budget, cell.k): cell.accuracy for cell in found.cells}
    uses = next(use for use in found.uses if (use.way, use.axis) == ("pass@k", AXIS))
    at = next((use for use in uses.allowances if use.cost == ALLOWANCE), None)
    return {
        "pass@4": ends(cells[256, 4]["pass@k"]),
        "pass@8": ends(cells[4096, 8]["pass@k"]),
        "best": ends(at and at.mix and at.mix.best),
        "gain": ends(at and at.gain),
    }


@cache
def _cells(n_samples: int) -> np.ndarray:
    """The true pass@k at each budget, of shape (budgets, k)."""
    right = many(n_samples)[0].right.sum(axis=2)
    chances = pass_at_k(np.arange(n_samples + 1), np.full(n_samples + 1, n_samples), np.arange(1, n_samples + 1))
    return np.stack([chances[column].mean(axis=0) for column in right.T])


def _true_best(n_samples: int) -> tuple[float, float]:
    """The accuracy of the best cell that the allowance pays for, and what it has over the best of one sample."""
    cells = _cells(n_samples)
    prices = true_curves()[0][0][:, None] * np.arange(1, n_samples + 1)
    fits = np.where(prices <= ALLOWANCE, cells, 0.0)
    return float(fits.max()), float(fits.max() - fits[:, 0].max())


# the steps of a ladder


def steps(rng: np.random.Generator, n: int, n_samples: int) -> Mapping[str, Ends]:
    """`gains_of` and `saturation_of`."""
    grid = two_models(rng, n, n_samples, LONG)[0].grid(budgets=LONG)
    gain = gains_of(grid, n_resamples=RESAMPLES)[1]
    point = saturation_of(grid, n_resamples=RESAMPLES)
    place = {budget: i for i, budget in enumerate(LONG)} | {None: len(LONG) - 1}
    between = (None, None)
    if point is not None and point.has_interval:
        between = place[point.ci_low], place[point.ci_high]
    return {"gain": ends(gain.gain), "per doubling": ends(gain.per_doubling), "saturation": between}


@cache
def _true_steps() -> tuple[float, float]:
    parts = (two_models(np.random.default_rng((8, i)), 50_000, 1, LONG)[0] for i in range(8))
    x, y = np.mean([(part.costs.mean(axis=0), part.means.mean(axis=0)) for part in parts], axis=0)
    return float(y[2] - y[1]), float((y[2] - y[1]) / np.log2(x[2] / x[1]))


FIGURES: dict[str, tuple[Callable[..., Mapping[str, Ends]], int, str, Sequence[tuple[str, str, str, Any]]]] = {
    "compared": (compared, 1, "over_compute", [
        ("area between curves", "area", "bootstrap", true_area),
        ("compute ratio at equal accuracy", "ratio", "bootstrap", true_ratio),
    ]),
    "frontier": (frontier, 1, "on_axis", [
        ("accuracy of a point, among several runs", "point", "shares", lambda _: float(true_curves()[0][1][2])),
        ("accuracy at a cost", "at cost", "bootstrap", _at_cost),
        ("cost of an accuracy", "to reach", "bootstrap", _to_reach),
    ]),
    "allocated": (allocated, 1, "headroom_of", [
        ("accuracy of the oracle", "oracle", "bootstrap", lambda k: _room(k)[0]),
        ("gain of the oracle", "gain", "bootstrap", lambda k: _room(k)[1]),
        ("saving of the oracle", "saving", "bootstrap", lambda k: _room(k)[2]),
    ]),
    "surface": (surface, 8, "surface_of", [
        ("cell of the surface, pass@4", "pass@4", "shares", lambda k: float(_cells(k)[1, 3])),
        ("cell of the surface, pass@8", "pass@8", "shares", lambda k: float(_cells(k)[3, 7])),
        ("accuracy of the best use", "best", "bootstrap", lambda k: _true_best(k)[0]),
            ("gain of the best use", "gain", "bootstrap", lambda k: _true_best(k)[1]),
    ]),
    "steps": (steps, 1, "gains_of, saturation_of", [
        ("gain of a step", "gain", "paired", lambda _: _true_steps()[0]),
        ("gain of a doubling", "per doubling", "bootstrap", lambda _: _true_steps()[1]),
        ("saturation", "saturation", "inverted tests", lambda _: 3.0),
    ]),
}  # fmt: skip
"""Panels: how a study is made, the samples it needs, the function, and its figures: estimate, name, interval, truth."""


def of_curves() -> Iterator[Interval]:
    """What the package prints of curves."""
    for panel, (study, least, _, figures) in FIGURES.items():
        for estimate, name, by, true in figures:
            yield Interval(estimate, by, "ladders", of_panel(study, name, true), least, panel=panel)
