"""What a router chooses from, by hand."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis.allocation.menus import NAN, grid_of
from thinkcurve.analysis.allocation.menu import menu_of, plurality
from thinkcurve.analysis.basis.grid import grids_of
from thinkcurve.budget import EFFORTS


@given(st.lists(st.integers(-1, 3), min_size=1, max_size=6))
def test_a_plurality_is_what_counting_finds(votes: list[int]) -> None:
    value, agreement = plurality(np.array(votes, dtype=float))
    counts = Counter(vote for vote in votes if vote >= 0)
    most = max(counts.values(), default=0)
    tied = [vote for vote, n in counts.items() if n == most]
    assert value == pytest.approx((0 in tied) / len(tied) if tied else 0.0)
    assert agreement == pytest.approx(most / len(votes))


@given(st.lists(st.integers(0, 3), min_size=1, max_size=6), st.permutations(range(4)))
def test_agreement_does_not_know_which_answer_is_right(votes: list[int], names: list[int]) -> None:
    _, plain = plurality(np.array(votes, dtype=float))
    _, renamed = plurality(np.array([names[vote] for vote in votes], dtype=float))
    assert plain == renamed


def test_an_unknown_vote_makes_the_plurality_unknown() -> None:
    value, agreement = plurality(np.array([0.0, NAN]))
    assert np.isnan(value)
    assert np.isnan(agreement)


def test_steps_of_a_menu_by_hand() -> None:
    found = menu_of([grid_of({"a": [["2", "1"], ["2", "1"], ["3", "1"]]})], signal="agreement", k=2)
    assert found is not None
    assert [(step.budget, step.k) for step in found.steps] == [(0, 1), (0, 2), (64, 1), (64, 2)]
    assert found.cost[0, 0].tolist() == [10, 20, 74, 148]
    # trials take samples 0 and 1, 1 and 2, 2 and 0
    assert found.signal[0, :, 1].tolist() == [1.0, 0.5, 0.5]
    assert found.signal[0, :, 3].tolist() == [1.0, 1.0, 1.0]
    assert found.value[0].tolist() == [[0, 0, 1, 1]] * 3
    assert np.isnan(found.signal[0, :, 0]).all()


def test_a_tie_with_the_right_answer_is_drawn_by_lot() -> None:
    found = menu_of([grid_of({"a": [["1"], ["2"]]})], signal="agreement", k=2)
    assert found is not None
    assert found.value[0, :, 1].tolist() == [0.5, 0.5]


def test_problems_that_lack_a_step_are_left_out_and_counted() -> None:
    answers = {"a": [["1", "1"], ["1", "1"]], "b": [["1", ""], ["1", ""]], "c": [["1", "1"], ["", "1"]]}
    alone = menu_of([grid_of(answers)], signal="ended")
    assert alone is not None
    assert (alone.problems, alone.n_left_out) == (("a", "c"), 1)
    voting = menu_of([grid_of(answers)], signal="agreement", k=2)
    assert voting is not None
    assert (voting.problems, voting.n_left_out) == (("a",), 2)


def test_what_any_curve_has_and_another_lacks_is_left_out_and_counted() -> None:
    one, other = (grid_of({name: [["1"], ["1"]] for name in names}) for names in ("abc", "bcde"))
    for grids in ([one, other], [other, one]):
        found = menu_of(grids, signal="ended")
        assert found is not None
        assert (found.problems, found.n_left_out) == (("b", "c"), 3)


@pytest.mark.parametrize(("signal", "k"), [("agreement", 1), ("logprob", 1), ("level", 1)])
def test_a_signal_that_is_not_there_makes_no_menu(signal: str, k: int) -> None:
    assert menu_of([grid_of({"a": [["1", "1"]]}, level=None)], signal=signal, k=k) is None


def test_a_signal_of_another_name_is_refused() -> None:
    with pytest.raises(ValueError, match="agreement, logprob, ended, level"):
        menu_of([grid_of({"a": [["1"]]})], signal="mood")


def test_unknown_costs_and_code_make_no_menu() -> None:
    assert menu_of([grid_of({"a": [["1"]]}, generated_tokens=NAN)], signal="ended") is None
    code = grid_of({"a": [["1"], ["1"]]}, rung="sandbox/function")
    assert menu_of([code], signal="agreement", k=2) is None


def test_log_probabilities_and_natural_ends_are_signals() -> None:
    grid = grid_of({"a": [["2", "1", "1"]]}, mean_logprob=[-0.5, -0.2, -0.1])
    by_logprob, by_end = (menu_of([grid], signal=name) for name in ("logprob", "ended"))
    assert by_logprob is not None
    assert by_end is not None
    assert by_logprob.signal[0, 0].tolist() == [-0.5, -0.2, -0.1]
    assert by_end.signal[0, 0].tolist() == [0, 0, 1]


def test_two_models_share_the_problems_that_both_have() -> None:
    one = grid_of({"a": [["1"]], "b": [["2"]]})
    other = grid_of({"c": [["1"]], "b": [["1"]]}, model="n", generated_tokens=5.0)
    found = menu_of([one, other], signal="ended")
    assert found is not None
    assert found.problems == ("b",)
    assert [(step.curve, step.model) for step in found.steps] == [(1, "n"), (0, "m")]
    assert found.value[0, 0].tolist() == [1, 0]


def test_levels_of_effort_are_named() -> None:
    grid = grid_of({"a": [["2", "1"]]}, control="effort")
    bounded = grid.attempts.assign(budget=pd.array([1, 3], dtype="Int64"))
    found = menu_of(grids_of(bounded), signal="ended")
    assert found is not None
    assert [step.effort for step in found.steps] == [EFFORTS[1], EFFORTS[3]]
