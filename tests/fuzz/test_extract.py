"""The extractors: a span inside the answer that holds the text, no exception, and time in proportion to the length."""

import textwrap
from collections.abc import Callable

import pytest
from hammer import Hammer
from hypothesis import strategies as st
from strategies import answers

from thinkcurve.verify.extract import Extracted, Missing, choice_answer, letter_answer, math_answer
from thinkcurve.verify.extract_code import program
from thinkcurve.verify.math import judge_text


def linear(answer: str) -> float:
    """CPU seconds for one reading: 20 µs a character, ten times what the slowest honest answer takes."""
    return 0.1 + 20e-6 * len(answer)


def holds(found: Extracted | Missing | None, answer: str) -> None:
    if not isinstance(found, Extracted):
        assert found is None or found.reason
        return
    start, end = found.span
    assert 0 <= start <= end <= len(answer), found
    assert found.rule
    inside = answer[start:end]
    if found.rule == "last" or len(found.text) == 1:  # a letter is given in upper case, and may lead what was found
        assert found.text.casefold() in inside.casefold(), found
    else:
        assert found.text == inside, found


def check_math(answer: str) -> None:
    found = math_answer(answer)
    holds(found, answer)
    if isinstance(found, Extracted):
        assert found.text.strip()


def check_choice(answer: str) -> None:
    holds(choice_answer(answer), answer)
    holds(letter_answer(answer), answer)


def check_code(asked: tuple[str, str, bool]) -> None:
    answer, entry_point, has_prompt = asked
    found = program(answer, entry_point, has_prompt=has_prompt)
    if isinstance(found, Missing):
        assert found.reason
    elif answer[slice(*found.found.span)] != found.found.text:  # set in by a list item: the same, moved to the left
        inside = answer[slice(*found.found.span)]
        is_joined = found.found.rule == "fences"  # blocks, and what stands between them left out
        assert is_joined or textwrap.dedent(inside) == found.found.text
    else:
        holds(found.found, answer)


def check_reading(asked: tuple[str, str]) -> None:
    """The whole way from an answer to a comparison, for a gold that is a number, a letter or words."""
    gold, answer = asked
    reading = judge_text(gold, answer)
    if not isinstance(reading, Missing):
        holds(reading.found, answer)


@pytest.mark.parametrize("check", [check_math, check_choice])
def test_extract(hammer: Callable[..., Hammer], check: Callable[[str], None]) -> None:
    hammer(check, answers(), cpu_s=linear).run()


def test_extract_code(hammer: Callable[..., Hammer]) -> None:
    names = st.sampled_from(("", "add", "a.b", "f(")) | st.text(max_size=8)
    asked = st.tuples(answers(), names, st.booleans())
    hammer(check_code, asked, cpu_s=lambda asked: linear(asked[0])).run()


def test_read_and_compare(hammer: Callable[..., Hammer]) -> None:
    golds = st.sampled_from(("5", "B", r"\text{(C)}", "east", r"\text{no solution}", r"\frac{1}{2}", r"\{1,2\}", "x=3"))
    hammer(check_reading, st.tuples(golds, answers()), cpu_s=lambda asked: 2 + linear(asked[1])).run()
