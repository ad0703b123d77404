"""Where a trace is cut: against brute force, and ladders that are refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from thinkcurve.budget import Budget, Ending, check_ladder, covers, cut, parse_budget
from thinkcurve.errors import UsageError

CLOSE = -1
BUDGETS = st.one_of(st.none(), st.integers(0, 40))


def generate(model: list[int], budget: int | None) -> tuple[list[int], bool]:
    """Brute force: a model that thinks token by token until it closes or the budget is used up."""
    thought: list[int] = []
    for token in [*model, CLOSE]:
        if token == CLOSE:
            return thought, False
        if budget is not None and len(thought) == budget:
            return thought, True
        thought.append(token)
    raise AssertionError("a model always closes")


@given(model=st.lists(st.integers(0, 9), max_size=30), top=BUDGETS, budget=BUDGETS)
def test_a_cut_of_one_long_trace_equals_a_run_of_its_own(model: list[int], top: int | None, budget: int | None) -> None:
    trace, was_cut = generate(model, top)
    ending = Ending.BUDGET if was_cut else Ending.CLOSED
    if not covers(len(trace), ending, budget):
        with pytest.raises(ValueError, match="cannot serve"):
            cut(trace, ending, budget)
        return
    made = cut(trace, ending, budget)
    assert (list(made.thinking_ids), made.is_forced) == generate(model, budget)


def test_a_natural_end_at_exactly_the_budget_is_not_forced() -> None:
    assert not cut([1, 2, 3], Ending.CLOSED, 3).is_forced
    assert cut([1, 2, 3], Ending.CLOSED, 2).is_forced


def test_a_full_context_is_forced_at_any_budget() -> None:
    assert cut([1, 2, 3], Ending.CONTEXT, None).is_forced
    assert cut([1, 2, 3], Ending.CONTEXT, 10).is_forced


def ladder_of(text: str) -> tuple[Budget, ...]:
    return check_ladder([parse_budget(part) for part in text.split(",")])


def test_ladders_are_read_from_text() -> None:
    assert ladder_of("0, 64,256,none") == (0, 64, 256, None)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("64,0", "0 follows 64"),
        ("0,64,64", "64 stands twice"),
        ("none,64", "64 follows none"),
        ("none,none", "none stands twice"),
        ("-1", "'-1' is not a whole number"),
        ("0,1e3", "'1e3' is not a whole number"),
        ("", "'' is not a whole number"),
        ("0,٦٤", "is not a whole number"),
    ],
)
def test_a_wrong_ladder_is_refused_with_the_step_that_is_wrong(text: str, complaint: str) -> None:
    with pytest.raises(UsageError, match=complaint):
        ladder_of(text)


@given(st.lists(st.integers(0, 1000), min_size=1, unique=True))
def test_any_ascending_ladder_is_accepted(budgets: list[int]) -> None:
    assert check_ladder([*sorted(budgets), None]) == (*sorted(budgets), None)
