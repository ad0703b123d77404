"""Intervals of what is chosen anew: their width where resamples have none, and how often they hold a known truth."""

from collections.abc import Callable

import numpy as np
import pytest

from thinkcurve.analysis.basis.interval import Interval
from thinkcurve.analysis.basis.means import mean_intervals
from thinkcurve.analysis.basis.resample import Estimate
from thinkcurve.analysis.parallel.allowance import Scored, best_uses, part_of
from thinkcurve.analysis.parallel.chosen import best_intervals, gain_intervals
from thinkcurve.analysis.parallel.estimators import pass_at_k

PRICES = np.array([100.0, 200, 400])
Draw = Callable[[np.random.Generator, int], np.ndarray]


def estimate(value: float, low: float, high: float, se: float) -> Estimate:
    ends = (np.array([figure]) for figure in (value, low, high, se))
    return Estimate(*ends, n_undefined=np.zeros(1, dtype=np.int64))


def test_a_best_is_no_narrower_than_its_cell() -> None:
    found = estimate(0.99, 0.975, 1.0, 0.005)
    (wider,) = best_intervals(found, [Interval(0.99, 0.94, 0.998)], 60)
    assert (wider.value, wider.ci_low, wider.ci_high) == (0.99, 0.94, 1.0)
    (own,) = best_intervals(found, [Interval(0.99, 0.98, 0.995)], 60)
    assert (own.ci_low, own.ci_high) == (0.975, 1.0)


def test_a_gain_is_no_narrower_than_its_spread_and_never_below_none() -> None:
    (symmetric,) = gain_intervals(estimate(0.2, 0.01, 0.21, 0.05), 61)
    assert symmetric.ci_low == pytest.approx(0.01)
    assert symmetric.ci_high == pytest.approx(0.2 + 2.0003 * 0.05 * np.sqrt(61 / 60), abs=1e-4)  # t of 60: 2.0003
    (skewed,) = gain_intervals(estimate(0.02, 0.01, 0.4, 0.05), 61)
    assert (skewed.ci_low, skewed.ci_high) == (0, 0.4)


@pytest.mark.parametrize(("units", "at_most"), [(30, 0.09), (200, 0.015), (1000, 0.003)])
def test_a_gain_of_no_spread_has_a_width_that_ends_with_many_problems(units: int, at_most: float) -> None:
    (gain,) = gain_intervals(estimate(0.0, 0.0, 0.0, 0.0), units)
    assert (gain.value, gain.ci_low) == (0, 0)
    assert at_most / 3 < (gain.ci_high or 0) < at_most


def test_one_unit_or_no_cell_has_no_interval() -> None:
    nothing = estimate(np.nan, np.nan, np.nan, np.nan)
    assert best_intervals(nothing, [None], 30) == gain_intervals(nothing, 30) == [Interval(None, None, None)]
    one = estimate(0.5, 0.5, 0.5, 0.0)
    assert best_intervals(one, [Interval(0.5, None, None)], 1) == gain_intervals(one, 1) == [Interval(0.5, None, None)]


def ordinary(rng: np.random.Generator, n: int) -> np.ndarray:
    """How likely each of ``n`` problems is to be solved at three budgets, of shape (n, 3)."""
    return 1 / (1 + np.exp(-rng.normal(scale=1.5, size=(n, 1)) - np.array([-0.4, 0.0, 0.6])))


def easy(rng: np.random.Generator, n: int) -> np.ndarray:
    """Two in a hundred never solved, the others nearly always."""
    return np.where(rng.random((n, 1)) < 0.02, 0.0, [0.97, 0.99, 0.995])


def hard(rng: np.random.Generator, n: int) -> np.ndarray:
    """Five in a hundred nearly always solved, the others nearly never."""
    return np.where(rng.random((n, 1)) < 0.05, 0.9, [0.01, 0.02, 0.03])


@pytest.mark.slow
@pytest.mark.parametrize("world", [ordinary, easy, hard])
@pytest.mark.parametrize(("n", "k"), [(60, 4), (200, 8)])
def test_they_hold_the_truth_as_often_as_their_module_says(world: Draw, n: int, k: int) -> None:
    ks = np.arange(1, k + 1)
    chances = world(np.random.default_rng(99), 200_000)
    true = np.stack([1 - (1 - chances) ** k for k in ks], axis=2).mean(axis=0)
    studies = []
    for seed in range(200):
        rng = np.random.default_rng(seed)
        scores = pass_at_k(rng.binomial(k, world(rng, n)), k, ks)
        (use,) = best_uses(Scored(scores, ks, {"flops": PRICES}), n_resamples=500, n_splits=2)
        gains, held = gain_intervals(use.gain, n), []
        for a, allowance in enumerate(use.allowances):
            fits = PRICES[:, None] * ks <= allowance
            best, alone = true[fits].max(), true[:, 0][fits[:, 0]].max()
            b, i = use.cells[a, 2]
            cells = mean_intervals(scores[:, b, [i]], n * k)
            (found,) = best_intervals(part_of(use.best, (slice(a, a + 1), 2)), cells, n)
            held.append([holds(found, best), holds(gains[a], best - alone)])
        studies.append(held)
    of_best, of_gain = np.mean(studies, axis=0).min(axis=0)
    assert of_best > 0.902  # two standard errors below .937
    assert of_gain > 0.866  # and below .907


def holds(found: Interval, truth: float) -> bool:
    assert found.ci_low is not None
    assert found.ci_high is not None
    return found.ci_low - 1e-9 <= truth <= found.ci_high + 1e-9
