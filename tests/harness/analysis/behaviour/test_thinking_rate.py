"""The rate of self-correction and its interval: by problems, by contests, and where no such word was seen."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
import pytest
from msgspec.structs import replace
from scipy.stats import poisson

from records import a_trace, an_attempt
from thinkcurve.analysis.basis.grid import grids_of
from thinkcurve.analysis.basis.interval import Interval
from thinkcurve.analysis.behaviour.diagnostics import diagnostics_of
from thinkcurve.analysis.behaviour.thinking import thinking_of
from thinkcurve.store import Attempt, Trace


def traces(words: Sequence[int], tokens: Sequence[int | None]) -> pd.DataFrame:
    """One trace a problem, with so many words of doubt."""
    rows = [
        replace(a_trace(i, text="Wait. " * n + "so 4"), thinking_tokens=size)
        for i, (n, size) in enumerate(zip(words, tokens, strict=True))
    ]
    return pd.DataFrame({name: [getattr(row, name) for row in rows] for name in Trace.__struct_fields__})


def rate(words: Sequence[int], tokens: Sequence[int | None], groups: list[str] | None = None) -> Interval:
    named = None if groups is None else {f"t/test/{i}": name for i, name in enumerate(groups)}
    (found,) = thinking_of(traces(words, tokens), named)
    assert found.markers_per_1k is not None
    return found.markers_per_1k


def test_a_rate_of_none_seen_has_the_exact_upper_end() -> None:
    found = rate([0] * 20, [50] * 20)
    assert (found.value, found.ci_low) == (0, 0)
    assert found.ci_high is not None
    assert poisson.pmf(0, found.ci_high / 1000 * 20 * 50) == pytest.approx(0.025)


def test_more_to_read_narrows_a_rate_of_none_seen() -> None:
    short, long = rate([0] * 20, [50] * 20), rate([0] * 20, [500] * 20)
    assert short.ci_high == pytest.approx(10 * (long.ci_high or 0))


def test_one_problem_has_a_rate_and_no_interval() -> None:
    assert rate([0], [100]) == Interval(0.0, None, None)
    assert rate([3], [100]) == Interval(30.0, None, None)


def test_tokens_of_one_problem_only_give_a_rate() -> None:
    assert rate([2, 0], [100, 0]).value == 20


def test_without_tokens_there_is_no_rate() -> None:
    (found,) = thinking_of(traces([1, 2], [None, None]))
    assert found.markers_per_1k is None


def test_a_contest_counts_as_one_problem_with_all_its_words_and_tokens() -> None:
    rng = np.random.default_rng(3)
    words, tokens = rng.poisson(3, size=(12, 4)), rng.integers(200, 900, size=(12, 4))
    groups = [f"contest {i // 4}" for i in range(48)]
    by_contest = rate(words.ravel().tolist(), tokens.ravel().tolist(), groups)
    summed = rate(words.sum(axis=1).tolist(), tokens.sum(axis=1).tolist())
    for end in ("value", "ci_low", "ci_high"):
        assert getattr(by_contest, end) == pytest.approx(getattr(summed, end))


def test_contests_that_differ_widen_the_interval() -> None:
    words, tokens = [8 * (i // 5 % 2) for i in range(60)], [400] * 60
    by_contest, by_problem = rate(words, tokens, [str(i // 5) for i in range(60)]), rate(words, tokens)
    widths = [(found.ci_high or 0) - (found.ci_low or 0) for found in (by_contest, by_problem)]
    assert widths[0] > 1.8 * widths[1]


def test_few_groups_are_strata_and_change_nothing() -> None:
    words, tokens = [i % 7 for i in range(30)], [300 + i for i in range(30)]
    assert rate(words, tokens, [str(i % 3) for i in range(30)]) == rate(words, tokens)


def test_the_contests_of_the_attempts_reach_the_traces() -> None:
    words, tokens = [8 * (i // 5 % 2) for i in range(60)], [400] * 60
    rows = [replace(an_attempt(i), group=f"contest {i // 5}") for i in range(60)]
    table = pd.DataFrame({name: [getattr(row, name) for row in rows] for name in Attempt.__struct_fields__})
    (found,) = diagnostics_of(grids_of(table)[0], traces(words, tokens)).thinking
    assert found.markers_per_1k == rate(words, tokens, [str(i // 5) for i in range(60)])


@pytest.mark.parametrize(("expected", "n"), [(1, 40), (20, 40)])
def test_the_interval_holds_the_true_rate(expected: float, n: int) -> None:
    """Words come at a constant rate in traces of uneven length: 95 in 100 intervals hold it, or more where few come."""
    rng = np.random.default_rng(5)
    held = 0
    for _ in range(60):
        tokens = rng.lognormal(5, 0.5, n).astype(int) + 1
        found = rate(rng.poisson(expected / (n * 170) * tokens).tolist(), tokens.tolist())
        held += (found.ci_low or 0) <= 1000 * expected / (n * 170) <= (found.ci_high or 0)
    assert held >= 53
