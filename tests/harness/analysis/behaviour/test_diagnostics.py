"""Diagnostics of attempts and traces: what is counted where, and what is not known."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from msgspec.structs import replace

from records import a_trace
from strata_grids import a_grid
from thinkcurve.analysis.basis.grid import MISSING, NO_ANSWER, UNVERIFIED, Grid
from thinkcurve.analysis.behaviour.diagnostics import Diagnostics, diagnostics_of, first_settled, form_of
from thinkcurve.analysis.behaviour.thinking import thinking_of
from thinkcurve.backend import Visibility
from thinkcurve.store import Trace


def attempts(verdicts: np.ndarray, said: np.ndarray | None = None, control: str = "truncate", **more: object) -> Grid:
    """A grid whose attempts say ``said`` (P, B, S) and have the columns that diagnostics read."""
    shape = verdicts.shape
    columns: dict[str, Any] = {
        "extracted": np.full(shape, "7", dtype=object) if said is None else said,
        "rung": "number/boxed",
        "is_forced": False,
        "is_truncated_answer": False,
        "thinking_tokens": np.broadcast_to(10.0 * 2 ** np.arange(shape[1])[None, :, None], shape),
        "control": control,
        **more,
    }
    return a_grid(verdicts, **columns)


def traces(*rows: Trace) -> pd.DataFrame:
    return pd.DataFrame({name: [getattr(row, name) for row in rows] for name in Trace.__struct_fields__})


def said(*rows: str) -> np.ndarray:
    """One sample a problem; a letter for what is said at each budget, a blank for nothing."""
    return np.array([[[None if letter == " " else letter] for letter in row] for row in rows], dtype=object)


def test_an_answer_settles_where_it_stays_to_the_end() -> None:
    words = said("abb", "aba", "aaa", "ab ", "ab ")
    verdicts = np.zeros((5, 3, 1), dtype=int)
    verdicts[3, 2] = NO_ANSWER
    verdicts[4, 2] = MISSING
    grid = attempts(verdicts, words)
    assert first_settled(grid)[:, 0].tolist() == [1, 2, 0, -1, -2]
    found = diagnostics_of(grid)
    assert [point.settled for point in found.points] == [1, 2, 3]
    assert found.settling is not None
    assert (found.settling.n, found.settling.n_early, found.settling.n_early_right) == (3, 2, 0)
    assert (found.settling.n_unsettled, found.settling.n_incomplete) == (1, 1)
    assert found.settling.tokens_after == pytest.approx((20 + 0 + 30) / 3)
    assert found.settling.share_after == pytest.approx(50 / 120)


def test_right_answers_are_the_same_in_whatever_form() -> None:
    grid = attempts(np.array([[[0], [1], [1]]]), said("abc"))
    assert first_settled(grid).tolist() == [[1]]


def test_wrong_answers_are_the_same_where_the_verifier_holds_them_to_be() -> None:
    words = np.array([[["1/2"], ["0.5"], ["\\frac{1}{2}"]], [["1/2"], ["0.51"], ["0.5"]]], dtype=object)
    assert first_settled(attempts(np.zeros((2, 3, 1), dtype=int), words))[:, 0].tolist() == [0, 2]


def test_programs_are_the_same_only_by_their_text() -> None:
    words = np.array([[["f(1/2)"], ["f(1/2)"], ["f(0.5)"]], [["0.5"], ["1/2"], ["1/2"]]], dtype=object)
    grid = attempts(np.zeros((2, 3, 1), dtype=int), words, rung="sandbox/fence")
    assert first_settled(grid)[:, 0].tolist() == [2, 1]


def test_one_budget_has_nothing_to_settle() -> None:
    assert diagnostics_of(attempts(np.ones((3, 1, 1), dtype=int))).settling is None


def test_counts_are_of_attempts_at_each_budget() -> None:
    verdicts = np.array([[[1, NO_ANSWER], [UNVERIFIED, 1]], [[MISSING, MISSING], [0, MISSING]]])
    rungs = np.array(
        [[["number/boxed", ""], ["text/last", "a/announced"]], [["", ""], ["custom/x/boxed", ""]]], dtype=object
    )
    forced = np.zeros(verdicts.shape, dtype=bool)
    forced[:, 0] = True
    first, last = diagnostics_of(attempts(verdicts, rung=rungs, is_forced=forced)).points
    assert (first.n_attempts, first.forced, first.no_answer, first.marked) == (2, 2, 1, 1)
    assert (last.n_attempts, last.forced, last.unverified) == (3, 0, 1)
    assert (last.marked, last.announced, last.found, last.unknown) == (0, 1, 1, 1)


@pytest.mark.parametrize(
    ("rung", "form"),
    [
        ("identical/boxed", "marked"),
        ("sandbox/fence", "marked"),
        ("sandbox/closed/continued", "marked"),
        ("choice/announced", "announced"),
        ("number/last", "found"),
        ("sandbox/lines", "found"),
        ("custom/ifeval/boxed", "unknown"),
        ("boxed", "unknown"),
        ("", "unknown"),
    ],
)
def test_the_rung_tells_the_form(rung: str, form: str) -> None:
    assert form_of(rung) == form


def test_what_a_provider_does_not_tell_is_not_known() -> None:
    tokens = np.full((2, 2, 1), np.nan)
    tokens[:, 1] = 5
    verdicts = np.ones((2, 2, 1), dtype=int)
    points = diagnostics_of(attempts(verdicts, control="native", thinking_tokens=tokens)).points
    assert [point.forced for point in points] == [None, 0]
    found = diagnostics_of(attempts(verdicts, thinking_tokens=tokens))
    assert found.points[0].forced == 0
    assert found.settling is not None
    assert (found.settling.tokens_after, found.settling.share_after) == (None, None)


def test_traces_that_show_nothing_are_counted_and_not_judged() -> None:
    hidden = [replace(a_trace(i, text="Wait, no."), visibility=Visibility.SUMMARY) for i in range(2)]
    (found,) = thinking_of(traces(*hidden, replace(a_trace(2, text="Wait, 7."), thinking_tokens=500)))
    assert (found.n_traces, found.n_shown, found.markers["doubt"]) == (3, 1, 1)
    assert found.markers_per_1k is not None
    assert (found.markers_per_1k.value, found.markers_per_1k.ci_low) == (2, None)
    (found,) = thinking_of(traces(*hidden))
    assert (found.n_shown, found.markers_per_1k, found.home_script, found.repeat_share) == (0, None, None, None)


def test_the_words_that_we_wrote_are_not_the_models() -> None:
    (found,) = thinking_of(traces(replace(a_trace(text="4. Wait, so 5. Wait, 6."), waits=(2,))))
    assert found.markers["doubt"] == 1


def test_the_rate_is_sums_over_sums_and_unknown_lengths_are_left_out() -> None:
    rows = [
        replace(a_trace(0, text="Wait, a."), thinking_tokens=100),
        replace(a_trace(1, text="Hmm. Hmm. Hmm."), thinking_tokens=900),
        replace(a_trace(2, text="Wait. Wait."), thinking_tokens=None),
    ]
    (found,) = thinking_of(traces(*rows))
    assert found.markers_per_1k is not None
    assert found.markers_per_1k.value == pytest.approx(4.0)
    assert (found.n_shown, found.n_counted, found.thinking_tokens) == (3, 2, 1000)


def test_traces_of_their_own_are_told_apart_by_budget() -> None:
    rows = [replace(a_trace(i), budget=budget) for i in range(2) for budget in (8, 16)]
    assert [(found.budget, found.is_shared, found.n_traces) for found in thinking_of(traces(*rows))] == [
        (8, False, 2),
        (16, False, 2),
    ]


def test_a_trace_in_two_scripts_is_mixed_and_in_its_own_is_not() -> None:
    latin = "therefore the number of these must be even and so on " * 3
    rows = [
        a_trace(0, text=latin),
        a_trace(1, text=latin + "所以这个数字一定是偶数"),
        a_trace(2, text=latin + "α β 数"),
    ]
    (found,) = thinking_of(traces(*rows))
    assert (found.home_script, found.n_mixed) == ("Latin", 1)


def test_only_the_traces_of_its_model_and_task_count() -> None:
    rows = [a_trace(0), replace(a_trace(1), model="other"), replace(a_trace(2), task="u")]
    found: Diagnostics = diagnostics_of(attempts(np.ones((1, 2, 1), dtype=int)), traces(*rows))
    assert [thinking.n_traces for thinking in found.thinking] == [1]
