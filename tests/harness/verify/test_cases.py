"""What a code reference expects, read as plain checks: never an exception, and numbers of every type held to it."""

from __future__ import annotations

import ast
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from thinkcurve.problem import Case, FunctionTests
from thinkcurve.verify.cases import Check, checks


def of_test(test: str) -> list[tuple[str, str, object]] | None:
    found = checks(FunctionTests("f", test=test))
    return None if found is None else [(check.args, check.rule, check.expected) for check in found]


@pytest.mark.parametrize(
    "assertion",
    [
        "f(1) is EXPECTED",
        "f(1) is -2",
        "f(1) is 2",
        "f(1) is ''",
        "f(1) is ...",
        "f(1) is f(1)",
        "abs() < 1",
        "abs(*x) < 1",
        "abs(f(1)) < 1",
        "abs(f(1) - 2, 3) < 1",
        "abs(f(1) - 2) < 10**400",
        "abs(f(1) - 2) < 1" + "0" * 400,
        "abs(f(1) - 2) < 1j",
        "abs(f(1) - 2) < '1'",
        "abs(f(1) - x) < 1",
        "f(1) == x",
        "f(x) == 1",
        "f(x=1) == 1",
        "f(1) == 1 == 1",
        "f(1) != 1",
        "f(1) == 1" + "0" * 5000,
        "f(" + "-" * 100_000 + "1)",
        "f(1) == " + "[" * 300 + "]" * 300,
        "f(1",
        "f({[]: 1})",
        "f(1) == {[1]}",
        "f('\\0') == '\0'",
        "",
    ],
)
def test_what_is_no_plain_check_is_none_and_no_exception(assertion: str) -> None:
    assert of_test(f"assert {assertion}") is None
    assert of_test(f"def check(f):\n    assert {assertion}") is None


@pytest.mark.parametrize("value", ["None", "True", "False"])
def test_is_may_be_asked_of_the_three_constants(value: str) -> None:
    assert of_test(f"assert f(1) is {value}") == [("[1]", "is", ast.literal_eval(value))]


ATOMS = st.sampled_from(
    [
        *("1", "-2", "1.5", "1e999", "1j", "10**400", "1" + "0" * 400, "None", "True", "...", "'a'", "b'a'", "x", "f"),
        *("[]", "()", "{}", "{1}", "{[]}", "{[]: 1}", "*x", "**x", "f(1)", "abs()", "f()", "lambda: 1", "\ud800", "\0"),
    ]
)
OPERATORS = st.sampled_from(["==", "is", "<", "<=", "-", "+", "!=", "in", "and", "@", ":="])
EXPRESSIONS = st.recursive(
    ATOMS,
    lambda inner: st.one_of(
        st.builds("{}({})".format, st.sampled_from(["f", "abs", "g", "f.g", "check"]), inner),
        st.builds("{}({}, {})".format, st.sampled_from(["f", "abs"]), inner, inner),
        st.builds("{} {} {}".format, inner, OPERATORS, inner),
        st.builds("{}{}".format, st.sampled_from(["not ", "-", "~", "(", "await "]), inner),
        st.builds("[{}, {}]".format, inner, inner),
        st.builds("{{{}: {}}}".format, inner, inner),
    ),
    max_leaves=6,
)
STATEMENTS = st.one_of(
    st.builds("{} {}".format, st.sampled_from(["assert", "", "return", "METADATA =", "x.y =", "x, y ="]), EXPRESSIONS),
    st.just("pass"),
)
HEADS = st.sampled_from(["", "def check():\n ", "def check(c):\n ", "def check(*f):\n ", "async def check(f):\n "])


@given(st.lists(st.builds("{}{}".format, HEADS, STATEMENTS), max_size=3), EXPRESSIONS, EXPRESSIONS)
def test_no_text_makes_it_raise(lines: list[str], args: str, expected: str) -> None:
    for reference in (FunctionTests("f", test="\n".join(lines)), FunctionTests("f", (Case(args, expected),))):
        found = checks(reference)
        for check in found or ():
            assert isinstance(ast.literal_eval(check.args), list | tuple)
            for got in (check.expected, Decimal("sNaN"), Fraction(1, 3), "a"):
                check.holds(got)


NAN, INF = float("nan"), float("inf")


@pytest.mark.parametrize(
    ("got", "expected", "tolerance", "holds"),
    [
        (Fraction(1, 3), 0.333333, 1e-5, True),
        (Fraction(1, 3), 0.333333, 1e-9, False),
        (Fraction(7, 2), 3, 0.5, True),
        (Fraction(10**30 + 5), 10**30, 1, False),
        (Fraction(10**400), 1.0, 1e-6, False),
        (Fraction(1, 3), 1 / 3 + 0j, 1e-6, True),
        (Decimal("0.3"), 0.1 + 0.2, 1e-9, True),
        (Decimal("0.4"), 0.1 + 0.2, 1e-9, False),
        (Decimal("2.5"), 2, 0.5, True),
        (Decimal("2.5"), 2.5 + 0j, 1e-9, True),
        (Decimal("1E+999999"), 1, 1e-6, False),
        (Decimal("-1E+999999999999999999"), 1, 1e-6, False),
        (Decimal("1E+999999999999999999"), 1.0, 1e-6, False),
        (Decimal("NaN"), 1.0, 1e-6, False),
        (Decimal("NaN"), 1, 1e-6, False),
        (Decimal("sNaN"), 1.0, 1e-6, False),
        (Decimal("sNaN"), 1, 1e-6, False),
        ([Decimal("sNaN")], [1.0], 1e-6, False),
        ([Fraction(1, 2), (Decimal("0.1"),)], [0.5, (0.1,)], 1e-9, True),
        ({"a": Decimal("0.1")}, {"a": 0.1}, 1e-9, True),
        ({0.1 + 0.2}, {0.3}, 1e-6, False),  # a set is exact
        ({0.1 + 0.2: 1}, {0.3: 1}, 1e-6, False),  # and so are the keys of a dict
        ({0.3}, {0.3}, 1e-6, True),
        (10**400, 1.0, 1e-6, False),
        (NAN, 1.0, 1e-6, False),
        (INF, INF, 1e-6, True),
        (INF, 1.0, 1e-6, False),
        ("0.3", 0.3, 1e-6, False),
        (None, 0.3, 1e-6, False),
        ([0.3], (0.3,), 1e-6, False),
        ([0.3], 0.3, 1e-6, False),
    ],
)
def test_numbers_of_every_type_are_held_to_a_tolerance(
    got: object, expected: object, tolerance: float, holds: bool
) -> None:
    assert Check("[]", "equal", expected, tolerance).holds(got) is holds


@pytest.mark.parametrize("rule", ["equal", "is", "true", "false"])
def test_nan_that_signals_passes_nothing_that_is_told_of_a_value(rule: str) -> None:
    assert Check("[]", rule, 1).holds(Decimal("sNaN")) is (rule == "true")
