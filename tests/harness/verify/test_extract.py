"""What is read as the answer: tables of (answer text, text read, rule)."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from thinkcurve.verify.extract import MAX_CHARS, Extracted, Missing, choice_answer, math_answer

MATH = [
    (r"so \boxed{5}", "5", "boxed"),
    (r"\boxed{\frac{1}{2}}", r"\frac{1}{2}", "boxed"),
    (r"first \boxed{3}, no: \boxed{4}.", "4", "boxed"),
    (r"\boxed{3} and then some text after it, 17 words.", "3", "boxed"),
    (r"\boxed{\boxed{7}}", "7", "boxed"),
    (r"\fbox{12}", "12", "boxed"),
    (r"\boxed {12}", "12", "boxed"),
    (r"\boxed 9", "9", "boxed"),
    (r"\boxed{\{1, 2\}}", r"\{1, 2\}", "boxed"),
    (r"\boxed{1} but \boxed{2", "1", "boxed"),
    ("The final answer is $5$. Check: 5*2 = 10.", "5", "announced"),
    ("The answer is 5. Check: 5*2 = 10.", "5", "announced"),
    ("**Final Answer:** 42", "42", "announced"),
    ("Final Answer: \n\n\\(\\frac{3}{4}\\)", r"\frac{3}{4}", "announced"),
    ("There are 3 + 2 = 5 apples.\n#### 5", "5", "announced"),
    ("The answer is 5 apples.", "5", "announced"),
    ("42", "42", "whole"),
    (" 5.\n", "5", "whole"),
    ("x = 5", "x = 5", "whole"),
    ("sqrt(3)/2", "sqrt(3)/2", "whole"),
    (r"\text{(B)}", r"\text{(B)}", "whole"),
    ("We get 3 and then 12 apples", "12", "last"),
    ("We get $x^2$ from 3", "3", "last"),
    ("From 3 we get $x^2$", "x^2", "last"),
    ("Costs 1,234.50 dollars", "1,234.50", "last"),
    ("east", "east", "text"),
]


@pytest.mark.parametrize(("answer", "text", "rule"), MATH)
def test_maths_answer_is_found(answer: str, text: str, rule: str) -> None:
    found = math_answer(answer)
    assert isinstance(found, Extracted)
    assert (found.text, found.rule) == (text, rule)
    assert answer[found.span[0] : found.span[1]] == text


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        ("", "empty"),
        (" \n\t", "empty"),
        (r"\boxed{}", "empty"),
        (r"so \boxed{\frac{1}{2}", "unclosed"),
        (r"\boxed{12 and the 5 is", "unclosed"),
        ("a long sentence without a single figure in it, " * 3, "nothing"),
        ("9" * (MAX_CHARS + 1), "too_long"),
    ],
)
def test_no_answer_says_why(answer: str, reason: str) -> None:
    assert math_answer(answer) == Missing(reason)


@pytest.mark.parametrize(
    "piece", ["{", r"\boxed{", r"\(", r"\[", "$", " ", "answer ", "\n", "9,", "((", r"\text{", "*"]
)
def test_hostile_repetition_takes_no_time(piece: str) -> None:
    text = piece * (200_000 // len(piece))
    started_s = time.process_time()
    for hostile in (text, "answer" + text, text + "x", r"\boxed{1}" + text):
        math_answer(hostile)
        choice_answer(hostile)
    assert time.process_time() - started_s < 5


@given(st.text(alphabet=st.sampled_from("\\boxedfinal answer is{}$()[]0123456789.,*-/`#\nABdef:x "), max_size=200))
def test_spans_lie_in_the_answer(answer: str) -> None:
    for found in (math_answer(answer),):
        if isinstance(found, Extracted):
            assert answer[found.span[0] : found.span[1]] == found.text


CHOICE = [
    ("B", "B"),
    ("(b)", "B"),
    ("B) because it is so", "B"),
    ("The answer is (C).", "C"),
    (r"\boxed{D}", "D"),
    (r"\boxed{\text{(A)}}", "A"),
    ("First (A) seems right, but it is (C) after all", "C"),
    ("**B** it is", "B"),
    ("A cat sat on a mat", "A cat sat on a mat"),
]


@pytest.mark.parametrize(("answer", "text"), CHOICE)
def test_choice_is_found(answer: str, text: str) -> None:
    found = choice_answer(answer)
    assert isinstance(found, Extracted)
    assert found.text == text
