"""Best-of-k and the weighted vote against every subset."""

from fractions import Fraction
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from thinkcurve.analysis.parallel.best_of import best_of_k, weighted_vote_at_k, weights_of
from thinkcurve.analysis.parallel.estimators import majority_at_k

Sample = tuple[int, bool]


def best(samples: list[Sample], k: int) -> float:
    """The share of subsets whose top score is right, an even part of each tie."""
    shares = []
    for subset in combinations(samples, k):
        top = [is_right for score, is_right in subset if score == max(score for score, _ in subset)]
        shares.append(Fraction(sum(top), len(top)))
    return float(sum(shares, Fraction(0)) / len(shares))


def elected(samples: list[tuple[int, int]], k: int) -> float:
    """The share of subsets in which class 0 has the largest sum of (class, weight), an even part of each tie."""
    shares = []
    for subset in combinations(samples, k):
        sums: dict[int, int] = {}
        for place, weight in subset:
            if place >= 0 and weight:
                sums[place] = sums.get(place, 0) + weight
        top = [place for place, total in sums.items() if total == max(sums.values())]
        shares.append(Fraction(int(0 in top), max(len(top), 1)))
    return float(sum(shares, Fraction(0)) / len(shares))


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(st.integers(-3, 3), st.booleans()), min_size=1, max_size=8), st.randoms())
def test_best_agrees_with_every_subset(samples: list[Sample], random) -> None:  # type: ignore[no-untyped-def]
    ks = list(range(1, len(samples) + 1))
    row: list[Sample | None] = [*samples, None, None]
    random.shuffle(row)
    scores = [[np.nan if sample is None else float(sample[0]) for sample in row]]
    is_right = [[sample is not None and sample[1] for sample in row]]
    found = best_of_k(scores, is_right, [[sample is not None for sample in row]], [*ks, len(ks) + 1])[0]
    assert found[:-1] == pytest.approx([best(samples, k) for k in ks], abs=1e-13)
    assert np.isnan(found[-1])


def test_a_perfect_score_is_pass_at_k_and_the_first_k_do_not_matter() -> None:
    is_right = np.array([[False, False, False, True]])
    found = best_of_k(is_right.astype(float), is_right, np.ones((1, 4), dtype=bool), [1, 2, 3, 4])
    assert found[0] == pytest.approx([1 / 4, 1 / 2, 3 / 4, 1])


def test_a_score_that_is_not_known_makes_its_cell_unknown_alone() -> None:
    scores = [[1.0, np.nan], [1.0, 2.0]]
    found = best_of_k(scores, [[True, False], [True, False]], np.ones((2, 2), dtype=bool), [1, 2])
    assert np.isnan(found[0]).all()
    assert found[1] == pytest.approx([1 / 2, 0])


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(st.integers(-1, 3), st.integers(0, 4)), min_size=1, max_size=7))
def test_the_weighted_vote_agrees_with_every_subset(samples: list[tuple[int, int]]) -> None:
    ks = list(range(1, len(samples) + 1))
    classes, weights = np.array(samples).T
    found = weighted_vote_at_k(
        classes[None].astype(np.int32), weights[None], np.ones((1, len(samples)), dtype=bool), ks
    )
    assert found.is_exact.all()
    assert found.chances[0] == pytest.approx([elected(samples, k) for k in ks], abs=1e-13)


def test_equal_weights_are_the_plain_vote_within_what_drawing_subsets_allows() -> None:
    rng = np.random.default_rng(0)
    classes = rng.integers(0, 4, size=(300, 20)).astype(np.int32)
    counts = (classes[:, :, None] == np.arange(4)).sum(axis=1)
    ks = [1, 2, 9, 20]
    found = weighted_vote_at_k(classes, np.full(classes.shape, 0.1), np.ones(classes.shape, dtype=bool), ks)
    exact = majority_at_k(counts, ks)
    assert found.is_exact.tolist() == [True, True, False, True]
    assert found.chances[:, [0, 1, 3]] == pytest.approx(exact[:, [0, 1, 3]], abs=1e-12)
    assert found.chances[:, 2].mean() == pytest.approx(exact[:, 2].mean(), abs=0.01)


def test_the_same_seed_draws_the_same_subsets() -> None:
    rng = np.random.default_rng(0)
    classes, weights = rng.integers(0, 3, size=(5, 30)).astype(np.int32), rng.random((5, 30))
    drawn = np.ones((5, 30), dtype=bool)
    first, second, other = (weighted_vote_at_k(classes, weights, drawn, [15], seed=seed).chances for seed in (0, 0, 1))
    assert (first == second).all()
    assert (first != other).any()


def test_a_vote_or_weight_that_is_not_known_makes_its_cell_unknown() -> None:
    classes = np.array([[0, -2], [0, 1], [0, 1]], dtype=np.int32)
    weights = np.array([[1.0, 1.0], [1.0, np.nan], [1.0, 2.0]])
    found = weighted_vote_at_k(classes, weights, np.ones((3, 2), dtype=bool), [2]).chances[:, 0]
    assert np.isnan(found).tolist() == [True, True, False]
    assert found[2] == 0


def test_weights_are_probabilities_of_log_probabilities_and_else_the_score() -> None:
    scores = np.array([[-1.0, -2.0, np.nan], [-900.0, -901.0, -9000.0]])
    found = weights_of(scores, "mean_logprob")
    assert found[0, 0] / found[0, 1] == pytest.approx(np.e)
    assert found[1, 0] / found[1, 1] == pytest.approx(np.e)
    assert np.isnan(found[0, 2])
    assert found[1, 2] > 0
    assert weights_of(np.array([[2.0, -1.0]]), "reward").tolist()[0][0] == 2.0
    assert np.isnan(weights_of(np.array([[2.0, -1.0]]), "reward")[0, 1])
