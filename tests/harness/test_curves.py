"""Curves of an effort ladder, and what they say of thinking that somebody else counted."""

import msgspec
import pandas as pd
from msgspec.structs import replace

from records import a_failure, a_trace, an_attempt
from thinkcurve.analysis.curve import Curve, curves_of
from thinkcurve.analysis.items.levels import levels_of
from thinkcurve.backend import Visibility
from thinkcurve.problem import Verdict
from thinkcurve.store import Attempt, Failure, Trace


def table(rows: list[Attempt] | list[Failure] | list[Trace], kind: type[msgspec.Struct]) -> pd.DataFrame:
    return pd.DataFrame({name: [getattr(row, name) for row in rows] for name in kind.__struct_fields__})


def curves(attempts: list[Attempt], failures: list[Failure] = [], traces: list[Trace] | None = None) -> list[Curve]:  # noqa: B006 - never changed
    shown = None if traces is None else table(traces, Trace)
    return curves_of(table(attempts, Attempt), table(failures, Failure), shown)


def effort(index: int, budget: int, name: str, **more: object) -> Attempt:
    return replace(an_attempt(index, budget), control="effort", effort=name, thinking_source="provider", **more)


LADDER = [effort(0, 4, "high"), effort(0, 2, "low", verdict=Verdict.INCORRECT), effort(0, 3, "medium")]


def test_points_stand_in_the_order_of_their_levels_and_bear_their_names() -> None:
    (curve,) = curves(LADDER)
    assert [(p.budget, p.effort, p.accuracy) for p in curve.points] == [(2, "low", 0), (3, "medium", 1), (4, "high", 1)]
    (levels,) = levels_of(table([replace(row, level=1) for row in LADDER], Attempt))
    assert (levels.budgets, levels.efforts) == ((2, 3, 4), ("low", "medium", "high"))


def test_a_level_at_which_all_failed_has_its_name() -> None:
    failed = replace(a_failure(0, 5), control="effort")
    (curve,) = curves(LADDER, [failed])
    assert (curve.points[-1].effort, curve.points[-1].failures) == ("xhigh", 1)


def test_budgets_of_two_kinds_are_never_pooled() -> None:
    tokens = [an_attempt(0, 2), an_attempt(0, 3)]
    told, cut = curves([*LADDER, *tokens])
    assert (told.control, cut.control) == ("effort", "truncate")
    assert [p.effort for p in cut.points] == [None, None]
    assert [p.n_attempts for p in cut.points] == [1, 1]
    (levels,) = levels_of(table([replace(row, level=1) for row in tokens], Attempt))
    assert levels.efforts is None


def test_who_counted_and_how_much_was_shown_is_counted() -> None:
    traces = [replace(a_trace(i), budget=2, visibility=Visibility.SUMMARY) for i in range(2)]
    traces += [replace(a_trace(2), budget=2, visibility=Visibility.HIDDEN)]
    (curve,) = curves([*LADDER, replace(effort(1, 2, "low"), thinking_source="unknown")], traces=traces)
    assert curve.thinking_source == {"provider": 3, "unknown": 1}
    assert curve.visibility == {"summary": 2, "hidden": 1}
    (curve,) = curves(LADDER)
    assert curve.visibility == {}


def test_thinking_that_nobody_counted_is_unknown_and_no_zero() -> None:
    (curve,) = curves([effort(0, 2, "low", thinking_tokens=None), effort(1, 2, "low", thinking_tokens=5)])
    assert curve.points[0].thinking_tokens is None
