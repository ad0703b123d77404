"""Strata of parts of problems: the same as shares where all is whole, and uncertain by where the borders lie."""

from itertools import pairwise

import numpy as np
import pytest
from scipy.stats import betabinom

from thinkcurve.analysis.basis.accuracy import shares
from thinkcurve.analysis.basis.grid import Floats
from thinkcurve.analysis.items.difficulty import borders, fifths, moved
from thinkcurve.analysis.items.parts import Parts, parts

CONTESTS = np.repeat(np.arange(10), [1, 2, 3, 4, 5, 6, 7, 8, 2, 2])


@pytest.mark.parametrize("groups", [None, CONTESTS])
def test_whole_problems_have_the_interval_of_all_other_shares(groups: np.ndarray | None) -> None:
    rng = np.random.default_rng(0)
    weights = np.eye(3)[rng.integers(0, 3, 40)]
    means = rng.integers(0, 5, 40) / 4
    n_attempts = 4 * weights.sum(axis=0)
    found = parts(weights * means[:, None], weights, n_attempts, groups=groups)
    expected = shares(np.where(weights > 0, means[:, None], np.nan).T, groups=groups, most=n_attempts)
    for name in ("mean", "se", "low", "high", "n_effective"):
        assert getattr(found, name) == pytest.approx(getattr(expected, name))


def test_a_stratum_of_nothing_has_no_figure_and_one_problem_no_standard_error() -> None:
    weights = np.array([[1.0, 0.0], [0.0, 0.0]])
    found = parts(weights, weights, np.array([1.0, 0.0]))
    assert np.isnan(found.mean).tolist() == [False, True]
    assert np.isnan(found.se).all()
    assert 0 < found.low[0] < found.high[0] == 1


def simulated(n_problems: int, n_samples: int, rng: np.random.Generator, *, with_borders: bool = True) -> Parts:
    """Fifths by the other samples of problems most of which are nearly never or nearly always solved."""
    answers = (rng.random((n_problems, n_samples)) < rng.beta(0.3, 0.3, size=n_problems)[:, None]).astype(float)
    ease = (answers.sum(axis=1, keepdims=True) - answers) / (n_samples - 1)
    membership = np.stack([fifths(column) for column in ease.T], axis=1)
    near = np.stack([borders(column) for column in ease.T], axis=1)
    weights, sums = membership.mean(axis=1), (membership * answers[:, :, None]).mean(axis=1)
    at_borders = (near * answers[:, :, None]).sum(axis=(0, 1)) / near.sum(axis=(0, 1))
    by_border = moved(sums, weights, at_borders) if with_borders else None
    return parts(sums, weights, membership.sum(axis=(0, 1)), moved=by_border)


def exact_fifths(n_samples: int) -> Floats:
    """Fifths of problems without end: a problem with k right of the other samples is right with (k + a) / (n + a + b),
    and so many problems there are of each k (Beta-binomial)."""
    right, n = np.arange(n_samples), n_samples - 1
    share = betabinom(n, 0.3, 0.3).pmf(right)
    chance = (right + 0.3) / (n + 0.6)
    edges = np.concatenate([[0], np.cumsum(share)])
    overlap = [[min(b, (j + 1) / 5) - max(a, j / 5) for a, b in pairwise(edges)] for j in range(5)]
    inside = np.clip(overlap, 0, None)
    return np.asarray(inside @ chance / inside.sum(axis=1))


def test_fifths_hold_the_truth_where_a_border_may_lie_to_either_side_of_a_cliff() -> None:
    truth, held = exact_fifths(8), {}
    for with_borders in (True, False):
        rng = np.random.default_rng(1)
        found = [simulated(200, 8, rng, with_borders=with_borders) for _ in range(150)]
        held[with_borders] = np.mean([(each.low <= truth) & (truth <= each.high) for each in found], axis=0)
    assert (held[True] > 0.90).all()
    assert held[False].min() < 0.75


def test_the_standard_error_of_fifths_is_their_spread_over_studies() -> None:
    rng = np.random.default_rng(2)
    found = [simulated(300, 6, rng) for _ in range(150)]
    spread = np.std([each.mean for each in found], axis=0)
    # at the ends whole fifths lie within the problems that are always, or never, solved: little is left to spread
    assert np.mean([each.se for each in found], axis=0)[1:4] == pytest.approx(spread[1:4], rel=0.2)


def test_what_problems_move_adds_up_to_nothing_and_is_nothing_where_fifths_are_alike() -> None:
    rng = np.random.default_rng(3)
    weights = fifths(rng.random(50))
    sums = weights * rng.random((50, 1))
    assert moved(sums, weights, rng.random(4)).sum(axis=0) == pytest.approx(np.zeros(5))
    assert moved(weights * 0.4, weights, np.full(4, 0.4)) == pytest.approx(np.zeros((50, 5)))
