"""What a point of a curve says of the verifier's gaps, of groups, and of several samples."""

from __future__ import annotations

from itertools import combinations
from typing import Any

import msgspec
import numpy as np
import pandas as pd
import pytest
from msgspec.structs import replace

from records import a_failure, an_attempt
from thinkcurve.analysis import curve
from thinkcurve.analysis.basis.accuracy import accuracy
from thinkcurve.analysis.curve import Point, curves_of, votes_at
from thinkcurve.problem import Verdict
from thinkcurve.store import Attempt, Failure

LETTERS = {"c": Verdict.CORRECT, "i": Verdict.INCORRECT, "n": Verdict.NO_ANSWER, "u": Verdict.UNVERIFIED}


def table(rows: list[Any], kind: type[msgspec.Struct]) -> pd.DataFrame:
    return pd.DataFrame({name: [getattr(row, name) for row in rows] for name in kind.__struct_fields__})


def attempts_of(*problems: str, budget: int | None = 8, **more: Any) -> list[Attempt]:
    """One problem a word, one sample a letter: c, i, n or u."""
    return [
        replace(an_attempt(p, budget, LETTERS[letter], sample), extracted="4" if letter == "c" else "9", **more)
        for p, word in enumerate(problems)
        for sample, letter in enumerate(word)
    ]


def points(rows: list[Attempt], failures: list[Failure] = [], **options: Any) -> tuple[Point, ...]:  # noqa: B006 - never changed
    (found,) = curves_of(table(rows, Attempt), table(failures, Failure), **options)
    return found.points


def test_unverified_attempts_are_shown_both_ways() -> None:
    (point,) = points(attempts_of("cu", "iu", "cc", "uu"))
    assert point.bounds is not None
    assert (point.accuracy, point.unverified) == (3 / 8, 4)
    assert (point.bounds.low, point.bounds.high) == (3 / 8, 7 / 8)
    assert point.bounds.excluded == pytest.approx((1 + 0 + 1) / 3)
    assert point.bounds.ci_low == point.ci_low
    assert point.bounds.ci_high == accuracy([2, 1, 2, 2], [2] * 4).ci_high


def test_without_unverified_attempts_the_bounds_agree() -> None:
    (point,) = points(attempts_of("ci", "in"))
    assert point.bounds is not None
    assert {point.bounds.low, point.bounds.high, point.bounds.excluded} == {point.accuracy}
    assert (point.bounds.ci_low, point.bounds.ci_high) == (point.ci_low, point.ci_high)


def test_nothing_verified_leaves_the_accuracy_open() -> None:
    (point,) = points(attempts_of("u", "u"))
    assert point.bounds is not None
    assert (point.bounds.low, point.bounds.high, point.bounds.excluded) == (0, 1, None)


def test_many_groups_are_clusters_and_few_are_not() -> None:
    rows = attempts_of(*("cc", "ii") * 12)
    many = [replace(row, group=f"contest {int(row.problem[7:]) // 2}") for row in rows]
    few = [replace(row, group=f"subject {int(row.problem[7:]) % 3}") for row in rows]
    (clustered,), (plain,), (stratified,) = points(many), points(rows), points(few)
    assert (clustered.n_groups, plain.n_groups, stratified.n_groups) == (12, None, None)
    assert clustered.se == pytest.approx(0)  # in each contest one of two is right
    assert stratified.se == plain.se
    assert plain.se == pytest.approx(np.std([1, 0] * 12, ddof=1) / 24**0.5)


def test_a_vote_counts_every_subset_and_splits_ties() -> None:
    words = ["cci", "cii", "cin", "iii"]
    (point,) = points(attempts_of(*words))

    def vote(subset: tuple[str, ...]) -> float:
        right, wrong = subset.count("c"), subset.count("i")
        return 0.0 if right < wrong or not right else 0.5 if right == wrong else 1.0

    for k in (1, 2, 3):
        by_problem = [np.mean([vote(s) for s in combinations(word, k)]) for word in words]
        assert point.maj_at[str(k)] == pytest.approx(np.mean(by_problem))
        assert point.pass_at[str(k)] == pytest.approx(
            np.mean([np.mean(["c" in s for s in combinations(w, k)]) for w in words])
        )


def test_programs_cast_no_votes() -> None:
    (point,) = points(attempts_of("cci", "iii", rung="sandbox"))
    assert set(point.maj_at) == {"1"}
    assert set(point.pass_at) == {"1", "2", "3"}


def test_many_attempts_are_voted_on_only_when_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(curve, "MOST_VOTED", 5)
    rows = attempts_of("cci", "iii")
    assert set(points(rows)[0].maj_at) == {"1"}
    assert set(points(rows, has_votes=True)[0].maj_at) == {"1", "2", "3"}


def test_a_vote_is_over_as_many_as_every_problem_has() -> None:
    first, second = points([*attempts_of("cc", "ccc"), *attempts_of("ccc", budget=16)])
    assert (set(first.maj_at), set(first.pass_at)) == ({"1", "2"}, {"1", "2"})
    assert (set(second.maj_at), second.n_problems) == ({"1", "2", "3"}, 1)
    assert set(second.maj_at.values()) == {1.0}


def test_votes_are_at_every_small_k_and_then_at_powers_of_two() -> None:
    assert votes_at(1) == [1]
    assert votes_at(5) == [1, 2, 3, 4, 5]
    assert votes_at(100) == [*range(1, 17), 32, 64, 100]


def test_failures_are_counted_and_never_scored() -> None:
    rows = attempts_of("c", "c")
    (point, failed) = points(rows, [a_failure(2), a_failure(3), a_failure(0, 16)])
    assert (point.accuracy, point.failures, point.n_problems) == (1.0, 2, 2)
    assert (failed.accuracy, failed.bounds, failed.failures, failed.maj_at) == (None, None, 1, {})


def test_a_run_of_failures_alone_is_a_curve_without_figures() -> None:
    (found,) = curves_of(table([], Attempt), table([a_failure(), a_failure(budget=None)], Failure))
    assert [(p.budget, p.accuracy, p.failures) for p in found.points] == [(8, None, 1), (None, None, 1)]


def test_costs_are_means_over_the_attempts_of_their_budget() -> None:
    rows = [replace(row, usd=float(i)) for i, row in enumerate([*attempts_of("ci"), *attempts_of("cc", budget=None)])]
    low, natural = points(rows)
    assert (low.usd, natural.usd, low.joules) == (0.5, 2.5, None)


def test_two_models_have_a_curve_each() -> None:
    rows = attempts_of("c", "i")
    other = [replace(row, model="other", verdict=Verdict.CORRECT) for row in rows]
    found = curves_of(table([*other, *rows], Attempt), table([], Failure))
    assert [(c.model, c.points[0].accuracy) for c in found] == [("other", 1.0), ("m", 0.5)]
