"""pass@k, pass^k and maj@k against every subset, published figures and simulation."""

import csv
import os
from collections import Counter
from fractions import Fraction
from itertools import combinations
from math import comb
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from thinkcurve.analysis.parallel.estimators import majority_at_k, pass_at_k, pass_hat_k

DATA = os.environ.get("THINKCURVE_DATA")


def plurality(votes: list[int], k: int) -> Fraction:
    """The chance that class 0 wins, over every k-subset; a vote of -1 is none."""
    won = Fraction(0)
    for subset in combinations(votes, k):
        counts = Counter(vote for vote in subset if vote >= 0)
        most = max(counts.values(), default=0)
        if most and counts[0] == most:
            won += Fraction(1, sum(count == most for count in counts.values()))
    return won / comb(len(votes), k)


def majority(votes: list[int], ks: list[int]) -> np.ndarray:
    counts = [[votes.count(i) for i in range(max([0, *votes]) + 1)]]
    return majority_at_k(counts, ks, [votes.count(-1)])[0]


@settings(deadline=None)
@given(st.integers(1, 9).flatmap(lambda n: st.tuples(st.just(n), st.integers(0, n))))
def test_pass_agrees_with_every_subset(cell: tuple[int, int]) -> None:
    n, right = cell
    samples = [True] * right + [False] * (n - right)
    ks = list(range(1, n + 1))
    subsets = {k: list(combinations(samples, k)) for k in ks}
    some = [float(Fraction(sum(map(any, subsets[k])), len(subsets[k]))) for k in ks]
    all_of_them = [float(Fraction(sum(map(all, subsets[k])), len(subsets[k]))) for k in ks]
    assert pass_at_k(right, n, ks) == pytest.approx(some, abs=1e-14)
    assert pass_hat_k(right, n, ks) == pytest.approx(all_of_them, abs=1e-14)


@pytest.mark.parametrize(("right", "n", "k"), [(1, 10_000, 5000), (3, 10_000, 1), (40, 9_999, 200), (9_999, 10_000, 2)])
def test_pass_is_stable_for_many_samples(right: int, n: int, k: int) -> None:
    exact = float(1 - Fraction(comb(n - right, k), comb(n, k)))
    assert pass_at_k(right, n, [k])[0] == pytest.approx(exact, rel=1e-10)
    assert pass_hat_k(right, n, [k])[0] == pytest.approx(float(Fraction(comb(right, k), comb(n, k))), rel=1e-10)


def test_more_than_was_drawn_is_not_known() -> None:
    found = pass_at_k([[1, 0], [2, 0]], [[2, 3], [4, 0]], [1, 3])
    assert found.shape == (2, 2, 2)
    assert np.isnan(found).tolist() == [[[False, True], [False, False]], [[False, False], [True, True]]]
    assert np.isnan(pass_hat_k(1, 2, [3])).all()
    assert np.isnan(majority_at_k([[1, 1]], [3])).all()


@pytest.mark.parametrize("figure", [pass_at_k, lambda right, drawn, ks: majority_at_k([[right, drawn - right]], ks)])
def test_no_sample_is_no_k(figure) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(ValueError, match="at least 1"):
        figure(1, 2, [0])


@pytest.mark.skipif(not DATA, reason="THINKCURVE_DATA is not set: no local copies of data")
def test_pass_of_codegen_on_humaneval_is_the_published() -> None:
    with (Path(DATA or "") / "golden" / "codegen16b_humaneval_counts.csv").open() as file:
        rows = [(int(row["c"]), int(row["n"])) for row in csv.DictReader(file)]
    right, drawn = np.array(rows).T
    assert len(rows) == 164
    assert 100 * pass_at_k(right, drawn, [1, 10, 100]).mean(axis=0) == pytest.approx([22.12, 50.38, 73.78], abs=5e-3)


@settings(max_examples=150, deadline=None)
@given(st.lists(st.integers(-1, 4), min_size=1, max_size=9))
def test_majority_agrees_with_every_subset(votes: list[int]) -> None:
    ks = list(range(1, len(votes) + 1))
    assert majority(votes, ks) == pytest.approx([float(plurality(votes, k)) for k in ks], abs=1e-13)


def test_majority_of_one_is_accuracy_and_of_all_is_the_vote() -> None:
    found = majority_at_k([[3, 2, 2, 1], [2, 2, 0, 0], [0, 5, 1, 0], [8, 0, 0, 0]], [1, 4, 8], [0, 4, 2, 0])
    assert found[:, 0] == pytest.approx([3 / 8, 2 / 8, 0, 1])
    assert found[:, 2] == pytest.approx([1, 1 / 2, 0, 1])


def test_all_abstaining_is_wrong() -> None:
    assert majority([-1, -1, -1], [1, 2, 3]) == pytest.approx([0, 0, 0])
    assert majority([-1, -1, 0], [1, 2, 3]) == pytest.approx([1 / 3, 2 / 3, 1])


def test_classes_that_no_sample_is_in_and_their_order_change_nothing() -> None:
    ks = np.arange(1, 10)
    plain = majority_at_k([[3, 4, 2]], ks)
    assert (majority_at_k([[3, 0, 2, 0, 4]], ks) == plain).all()


def test_majority_of_64_agrees_with_drawn_subsets() -> None:
    rng = np.random.default_rng(3)
    votes = np.repeat([0, 1, 2, 3, 4, -1], [18, 16, 12, 6, 4, 8])
    ks = [2, 5, 16, 33, 60]
    found = majority(votes.tolist(), ks)
    n_drawn = 20_000
    places = np.argsort(rng.random((n_drawn, votes.size)), axis=1)
    for k, chance in zip(ks, found, strict=True):
        drawn = votes[places[:, :k]]
        counts = (drawn[:, :, None] == np.arange(5)).sum(axis=1)
        is_top = counts == counts.max(axis=1, keepdims=True)
        seen = (is_top[:, 0] / is_top.sum(axis=1) * (counts.max(axis=1) > 0)).mean()
        assert seen == pytest.approx(chance, abs=4 * np.sqrt(0.25 / n_drawn))


def test_majority_does_not_depend_on_how_it_is_scaled(monkeypatch: pytest.MonkeyPatch) -> None:
    from thinkcurve.analysis.parallel import majority as module

    cells = np.array([[20, 18, 9, 1], [3, 30, 0, 0], [11, 11, 11, 11]])
    ks = np.arange(1, 45)
    whole = majority_at_k(cells, ks, [2, 4, 0])
    monkeypatch.setattr(module, "WHOLE", 0)
    assert majority_at_k(cells, ks, [2, 4, 0]) == pytest.approx(whole, abs=1e-12, nan_ok=True)


def test_thousands_of_votes_do_not_overflow() -> None:
    # two classes: the sum over subsets is a hypergeometric tail, in whole numbers
    right, wrong, k = 700, 650, 7
    ways = sum(comb(right, m) * comb(wrong, k - m) for m in range(4, 8))
    assert majority_at_k([[right, wrong]], [k])[0, 0] == pytest.approx(ways / comb(right + wrong, k), rel=1e-9)


def test_no_cell_and_no_k_have_no_figure() -> None:
    assert majority_at_k(np.empty((0, 3), dtype=int), [1, 2]).shape == (0, 2)
    assert majority_at_k([[1, 1]], []).shape == (1, 0)
