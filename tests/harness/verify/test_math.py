"""Verdicts on mathematics that need no parser: tables of (gold, answer, equal)."""

from __future__ import annotations

import time
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from thinkcurve.verify.math import compare
from thinkcurve.verify.number import number

EQUAL = [
    ("5", "5."),
    ("5", "5.0"),
    ("5", "+5"),
    ("5", "$5$"),
    ("5", r"\(5\)"),
    ("5", r"5\text{ cm}"),
    ("5", "x = 5"),
    ("x=5", "5"),
    ("5", "5=5"),
    ("0", "-0"),
    ("4", "004"),
    ("1000", "1,000"),
    ("1000", r"1{,}000"),
    ("1000", r"1\,000"),
    ("15000", r"\$15,\!000"),
    ("0.5", "1/2"),
    ("1/2", "0.5"),
    ("1/2", ".5"),
    (r"\frac{1}{2}", r"\frac12"),
    (r"\frac{1}{2}", r"\dfrac{1}{2}"),
    (r"-\frac{1}{2}", r"\frac{-1}{2}"),
    (r"\frac32", r"1\frac12"),
    ("3/2", "1 1/2"),
    ("120000", r"1.2 \times 10^{5}"),
    ("1.5e3", "1500"),
    ("50%", "0.5"),
    (r"50\%", "50"),
    ("36^\\circ", "36"),
    ("1/6", r"0.1\overline{6}"),
    ("(1, 2)", r"\left(1,\, 2\right)"),
    ("(x,y)=(1,2)", "(1,2)"),
    (r"\{1,2\}", "2, 1"),
    ("1,2", r"1 \text{ and } 2"),
    ("east", r"\text{East}"),
    ("\u22125", "-5"),
]
DIFFERENT = [
    ("1/3", "0.333"),
    ("0.333", "1/3"),
    ("42", "41=42"),
    ("42", "42=41"),
    ("41", "41=42"),
    ("(1,100)", "(12,1200)"),
    ("(12,1200)", "(1,100)"),
    ("(50,0.5)", "(0.5,50)"),
    ("50", "0.5"),
    ("0.5", "50"),
    ("(10000,10001)", "(10001,10000)"),
    ("(1,100)", "1100"),
    ("1100", "(1,100)"),
    ("1100", "1, 100"),
    ("1000", "1,00"),
    ("1000", "100"),
    ("5", "-5"),
    ("5", "50"),
    ("5", "5.01"),
    ("5", "55"),
    ("5", "x = 6"),
    ("5", "4, 5"),
    ("5", "(5, 6)"),
    ("5", "5, 5"),
    ("42", r"42 \text{ or } 43"),
    ("1/2", "2/1"),
    ("1/2", "-1/2"),
    (r"\frac{1}{2}", r"\frac13"),
    (r"\frac32", r"1\frac13"),
    ("12", "1 2/1"),
    ("12", "[1,2]"),
    ("(1,2)", "[1,2]"),
    ("(1,2)", "(2,1)"),
    ("(1,2,3)", "(1,2)"),
    (r"\{1,2\}", r"\{1,1\}"),
    (r"\{1,2\}", r"\{1,2,3\}"),
    ("1.5e3", "1.5e4"),
    ("50%", "5"),
    ("east", "west"),
    ("5", "five hundred"),
    ("east", "5"),
    ("0.1", "0.10000000000000000000000000001"),
    ("100000000000000000000", "100000000000000000001"),
    ("9" * 50, "9" * 100_000),
    ("9" * 100_000, "9" * 99_999 + "8"),
]


@pytest.mark.parametrize(("gold", "answer"), EQUAL)
def test_equal_without_a_parser(gold: str, answer: str) -> None:
    assert compare(gold, answer).equal is True


@pytest.mark.parametrize(("gold", "answer"), DIFFERENT)
def test_different_without_a_parser(gold: str, answer: str) -> None:
    assert compare(gold, answer).equal is False


@pytest.mark.parametrize(
    "answer",
    [
        "9^9^9^9^9^" + "9^" * 30 + "9",
        "5" + "!" * 50,
        "{" * 10_000 + "}" * 10_000,
        "(" * 500 + "1" + ")" * 500,
        r"\frac{1}{" * 300 + "2" + "}" * 300,
        r"\sum_{k=1}^{\infty} 1/k^2",
        "1+2+\\ldots",
        "x+" * 4000 + "1",
        "\u0665\u0665" * 3000 + "+1",
    ],
)
def test_what_no_honest_answer_holds_is_not_tried(answer: str) -> None:
    started_s = time.process_time()
    assert compare("5", answer)[:3] == (None, "plain", "too_complex")
    assert time.process_time() - started_s < 0.5


@pytest.mark.parametrize(
    "text", ["1e999", "1e-9999", "1/0", "0/0", "", ".", "-", "9" * 5000, "\u0665", "1__0", "0x10", "inf", "nan"]
)
def test_what_is_no_bounded_number_is_none(text: str) -> None:
    assert number(text) is None


@given(st.integers())
def test_every_integer_equals_itself(value: int) -> None:
    assert compare(str(value), f"${value:,}$").equal is True
    assert compare(str(value), str(value + 1)).equal is False


@given(st.fractions(), st.fractions())
def test_fractions_are_equal_exactly_when_their_values_are(left: Fraction, right: Fraction) -> None:
    written = rf"\dfrac{{{right.numerator}}}{{{right.denominator}}}"
    assert compare(f"{left.numerator}/{left.denominator}", written).equal is (left == right)


@given(st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**12), max_value=10**12, places=6))
def test_a_decimal_is_its_fraction(value: object) -> None:
    exact = Fraction(str(value))
    assert compare(f"{value:f}", f"{exact.numerator}/{exact.denominator}").equal is True


@given(st.text(max_size=60), st.text(max_size=60))
def test_any_text_is_compared_without_an_exception(gold: str, answer: str) -> None:
    compare(gold, answer)
