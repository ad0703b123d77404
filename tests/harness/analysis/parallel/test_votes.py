"""Which answers are one vote: by value and meaning, never by spelling."""

import gc
import weakref

import numpy as np
import pandas as pd
import pytest

from thinkcurve.analysis.basis.grid import Grid, grids_of
from thinkcurve.analysis.parallel.estimators import majority_of
from thinkcurve.analysis.parallel.votes import ABSTAINED, UNKNOWN, classes_of, tally, votes_of

Said = tuple[str, str | None]


def grid(*problems: list[list[Said]], rung: str = "number/boxed") -> Grid:
    """A grid of problems, each a list of budgets with (verdict, extracted) of their samples."""
    rows = [
        {
            "model": "m",
            "task": "t",
            "control": "truncate",
            "problem": f"p{p}",
            "budget": 8 << b,
            "sample": s,
            "verdict": verdict,
            "extracted": extracted,
            "rung": rung,
        }
        for p, budgets in enumerate(problems)
        for b, samples in enumerate(budgets)
        for s, (verdict, extracted) in enumerate(samples)
    ]
    return grids_of(pd.DataFrame(rows))[0]


def wrong(*texts: str, rung: str = "number/boxed") -> list[int]:
    """Classes of wrong answers to one problem."""
    found = votes_of(grid([[("incorrect", text) for text in texts]], rung=rung)).classes[0, 0]
    return [int(place) for place in found]


SAME = [
    ("0.5", r"\frac12", "1/2", "$0.50$", r"x = \frac{1}{2}", r"\frac{\sqrt{4}}{4}"),
    (r"\frac{\sqrt{2}}{2}", r"\frac{1}{\sqrt2}", "2^{-1/2}"),
    ("1+x", "x + 1", r"y = x+1", r"\frac{x^2-1}{x-1}"),
    ("1,000", "1000", "10^3", r"1000\text{ cm}"),
    ("(1, 2)", r"\left(1,2\right)", "(1.0, 2)"),
    ("No Solution", "no solution"),
    ("x > 3", "3 < x"),
    ("1+2i", "2i + 1"),
]


@pytest.mark.parametrize("texts", SAME)
def test_the_same_answer_is_one_vote_however_it_is_written(texts: tuple[str, ...]) -> None:
    assert wrong(*texts) == [1] * len(texts)


UNLIKE = [
    ("12", "21", "1.2", "-12", "1/12"),
    ("(1, 2)", "(2, 1)", "(1, 2, 3)"),
    ("x+1", "x-1", "x", "y+2"),
    (r"\sqrt{2}", "1.414", r"\sqrt{3}"),
    ("x > 3", "x < 3", r"x \ge 4"),
    ("red", "blue", "7"),
    ("3.1415926", r"\pi", "22/7"),
]


@pytest.mark.parametrize("texts", UNLIKE)
def test_unlike_answers_are_votes_of_their_own(texts: tuple[str, ...]) -> None:
    assert sorted(wrong(*texts)) == list(range(1, len(texts) + 1))


def test_letters_of_a_choice_are_letters() -> None:
    assert wrong("B", "(b)", "C", "B.", "i", rung="choice/boxed") == [1, 1, 2, 1, 3]


def test_correct_is_class_0_and_what_says_nothing_abstains() -> None:
    found = votes_of(
        grid([[("correct", "4"), ("correct", "2+2"), ("no_answer", None), ("incorrect", "5"), ("unverified", "6")]])
    )
    assert found.classes[0, 0].tolist() == [0, 0, ABSTAINED, 1, 2]


def test_classes_hold_over_budgets_and_the_most_frequent_is_the_first() -> None:
    found = votes_of(grid([[("incorrect", "5"), ("incorrect", "6")], [("incorrect", "6.0"), ("incorrect", "6")]]))
    assert found.classes[0].tolist() == [[2, 1], [1, 1]]
    assert found.representatives == (("6", "5"),)


def test_problems_have_classes_of_their_own_and_missing_attempts_no_vote() -> None:
    found = votes_of(grid([[("incorrect", "5"), ("incorrect", "6")]], [[("incorrect", "6")]])).classes
    assert found.tolist() == [[[1, 2]], [[1, ABSTAINED]]]


def test_programs_and_answers_that_were_not_kept_are_no_known_vote() -> None:
    code = grid([[("correct", "def f"), ("incorrect", "def f"), ("no_answer", None)]], rung="sandbox/fence")
    assert votes_of(code).classes[0, 0].tolist() == [UNKNOWN, UNKNOWN, ABSTAINED]
    one, more = majority_of(code, [1, 2])[0, 0]
    assert one == pytest.approx(1 / 3)  # one program is right or not, whatever the others are
    assert np.isnan(more)
    lost = grid([[("incorrect", None), ("correct", None)]], [[("correct", None), ("correct", None)]])
    assert np.isnan(majority_of(lost, [1, 2])[:, 0]).tolist() == [[False, True], [False, False]]


def test_the_slow_verifier_is_asked_only_what_the_fast_one_cannot_tell() -> None:
    asked = []

    def same(one: str, other: str) -> bool:
        asked.append((one, other))
        return True

    hard = r"\int_0^1 \frac{\sin x}{x}\,dx", r"\int_0^1 \frac{\sin t}{t}\,dt + \int_1^1 t\,dt", "(1, 2)", "(2, 1)", "7"
    texts = [[("incorrect", text) for text in hard]]
    alone, helped = votes_of(grid(texts)), votes_of(grid(texts), same=same)
    assert alone.n_unsettled >= 1
    assert alone.classes[0, 0, 0] != alone.classes[0, 0, 1]
    assert helped.classes[0, 0, 0] == helped.classes[0, 0, 1]
    assert helped.n_unsettled == 0
    assert not {("(1, 2)", "(2, 1)"), ("(1, 2)", "7")} & set(asked)


def test_a_limit_of_comparisons_is_kept_and_said() -> None:
    texts = [[("incorrect", f"({i}, 2)") for i in range(8)]]
    free, bounded = votes_of(grid(texts, texts)), votes_of(grid(texts, texts), max_pairs=9, max_comparisons=12)
    assert (free.n_compared, free.n_uncompared) == (56, 0)
    assert bounded.n_compared <= 12
    assert bounded.n_compared + bounded.n_uncompared == 56
    assert (bounded.classes == free.classes).all()


@pytest.mark.parametrize(
    "text",
    ["9" * 5000, "(" * 300, "9!!!!!!", "10^{10^{10^{10}}}", "__import__('os')", "\x00", r"\frac{1}{0}", "{" * 50],
)
def test_hostile_text_is_only_a_vote(text: str) -> None:
    assert wrong(text, "1", text) == [1, 2, 1]


def test_counts_have_the_correct_class_first_and_leave_out_who_was_never_asked() -> None:
    classes = np.array([[0, 5, 5, 2, -1, 0], [3, 3, -1, -1, -1, -1], [0, -2, 1, 1, -1, -1]], dtype=np.int32)
    counts, silent, is_known = tally(classes, np.array([6, 3, 4]))
    assert counts.tolist() == [[2, 2, 1], [0, 2, 0], [1, 2, 0]]
    assert silent.tolist() == [1, 1, 0]
    assert is_known.tolist() == [True, True, False]


def test_a_table_without_answers_knows_no_votes() -> None:
    bare = grid([[("incorrect", "5"), ("correct", "6")]])
    table = bare.attempts.drop(columns=["extracted", "rung"])
    assert votes_of(grids_of(table)[0]).classes[0, 0].tolist() == [UNKNOWN, 0]


def test_votes_of_a_grid_are_found_once_and_kept_no_longer_than_it() -> None:
    of = grid([[("incorrect", "(1, 2)"), ("incorrect", "(2, 1)")]])
    kept = votes_of(of)
    assert votes_of(of) is kept
    assert classes_of(of) is kept.classes
    assert votes_of(of, max_pairs=0) is not kept
    assert votes_of(of, same=lambda one, other: True) is not kept
    with pytest.raises(ValueError, match="read-only"):
        kept.classes[0, 0, 0] = 0
    there = weakref.ref(kept)
    del of, kept
    gc.collect()
    assert there() is None
