"""Expressions with a value that is known without the code under test: exact rationals, surds, polynomials, lists.

Each is a text and a key; two texts are the same mathematics exactly where their keys are equal. Keys are built beside
the text, by Python's own fractions, so that a wrong "equal" can be proved.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from fractions import Fraction
from math import isqrt
from typing import NamedTuple

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy


class Valued(NamedTuple):
    """``text``, and the ``key`` that stands for its value."""

    text: str
    key: Hashable


Rational = tuple[str, Fraction]
MAX_BITS = 400


def _decimal(value: int, places: int) -> Rational:
    digits = f"{abs(value):0{places + 1}d}"
    text = f"{digits[:-places]}.{digits[-places:]}" if places else digits
    return ("-" if value < 0 else "") + text, Fraction(value, 10**places)


def _plain() -> SearchStrategy[Rational]:
    whole = st.one_of(st.integers(-20, 20), st.integers(-(10**6), 10**6), st.integers(-(10**40), 10**40))
    ratio = st.tuples(whole, st.integers(1, 60), st.sampled_from((r"\frac{%d}{%d}", r"\dfrac{%d}{%d}", "%d/%d")))
    return st.one_of(
        whole.map(lambda n: (str(n), Fraction(n))),
        whole.map(lambda n: (f"{n:,}".replace(",", "{,}"), Fraction(n))),
        ratio.map(lambda r: (r[2] % r[:2], Fraction(r[0], r[1]))),
        st.builds(_decimal, st.integers(-(10**6), 10**6), st.integers(0, 5)),
        st.builds(
            lambda w, over, under: (rf"{w}\frac{{{over % under}}}{{{under}}}", w + Fraction(over % under, under)),
            st.integers(1, 50),
            st.integers(0, 100),
            st.integers(2, 30),
        ),
        st.builds(
            lambda n, k: (rf"{n} \times 10^{{{k}}}", n * Fraction(10) ** k), st.integers(1, 99), st.integers(-9, 9)
        ),
    )


def _binary(left: Rational, right: Rational, sign: str) -> Rational:
    (a, x), (b, y) = left, right
    if sign == "+":
        return rf"\left({a}\right)+\left({b}\right)", x + y
    if sign == "-":
        return f"({a}) - ({b})", x - y
    if sign == "*":
        return rf"({a}) \cdot ({b})", x * y
    if sign == "over":
        return (rf"\frac{{{a}}}{{{b}}}", x / y) if y else (a, x)
    if sign == "/":
        return (f"({a})/({b})", x / y) if y else (a, x)
    power = abs(y.numerator) % 5 + 1
    return f"({a})^{{{power}}}", x**power


def rationals(leaves: int = 5) -> SearchStrategy[Rational]:
    """Closed expressions with their rational values."""
    signs = st.sampled_from(("+", "-", "*", "over", "/", "^"))
    grown = st.recursive(_plain(), lambda inner: st.builds(_binary, inner, inner, signs), max_leaves=leaves)
    return grown.filter(lambda found: found[1].numerator.bit_length() + found[1].denominator.bit_length() < MAX_BITS)


def _surd(a: Rational, b: Rational, root: int, shape: str) -> Valued:
    """``a + b sqrt(root)``; the key holds the square-free root."""
    square = max(k for k in range(1, isqrt(root) + 1) if root % (k * k) == 0)
    rest = root // (square * square)
    key = (a[1] + b[1] * square, Fraction(0), 1) if rest == 1 else (a[1], b[1] * square, rest)
    key = (key[0], Fraction(0), 1) if not key[1] else key
    return Valued(shape.replace("A", a[0]).replace("B", b[0]).replace("R", str(root)), ("surd", *key))


def surds() -> SearchStrategy[Valued]:
    """Rationals and square roots."""
    shapes = st.sampled_from(
        (r"A + (B)\sqrt{R}", r"(B) \cdot R^{1/2} + A", "(A) + (B)*sqrt(R)", r"\sqrt{R} \left(B\right) + A")
    )
    return st.builds(_surd, rationals(2), rationals(2), st.integers(2, 60), shapes)


def numbers() -> SearchStrategy[Valued]:
    """Rationals, alone and as multiples of pi."""
    times_pi = st.builds(
        lambda r, how: Valued(how % r[0], ("pi", r[1])),
        rationals(2).filter(lambda r: r[1] != 0),
        st.sampled_from((r"(%s)\pi", r"\pi \cdot (%s)", "(%s) pi")),
    )
    return rationals().map(lambda r: Valued(r[0], ("surd", r[1], Fraction(0), 1))) | times_pi | surds()


def towers() -> SearchStrategy[Valued]:
    """Powers and factorials around the size that is no longer written out; keyed by base, power and what is added."""
    return st.builds(
        lambda base, power, extra: Valued(f"{base}^{{{power}}} + {extra}", ("tower", base, power, extra)),
        st.sampled_from((3, 7, 10, 11)),  # no two have a power in common
        st.integers(2, 10**7),
        st.integers(0, 3),
    )


Polynomial = tuple[str, tuple[int, ...]]


def _times(left: tuple[int, ...], right: tuple[int, ...]) -> tuple[int, ...]:
    found = [0] * (len(left) + len(right) - 1)
    for i, a in enumerate(left):
        for j, b in enumerate(right):
            found[i + j] += a * b
    return tuple(found)


def _written(coefficients: tuple[int, ...]) -> str:
    terms = [f"{c:+d}x^{{{power}}}" if power else f"{c:+d}" for power, c in enumerate(coefficients) if c]
    return "".join(terms).lstrip("+") or "0"


def _product(factors: list[tuple[int, ...]], is_expanded: bool, change: int) -> Valued:
    product: tuple[int, ...] = (1,)
    for factor in factors:
        product = _times(product, factor)
    product = (product[0] + change, *product[1:])
    while len(product) > 1 and not product[-1]:
        product = product[:-1]
    text = _written(product) if is_expanded else "".join(f"({_written(f)})" for f in factors) + f"{change:+d}"
    return Valued(text, ("polynomial", product))


def polynomials() -> SearchStrategy[Valued]:
    """Products of small polynomials in x, as products or multiplied out, some of them off by a little."""
    factor = st.lists(st.integers(-9, 9), min_size=1, max_size=3).map(tuple)
    factors = st.lists(factor, min_size=1, max_size=3)
    return st.builds(_product, factors, st.booleans(), st.sampled_from((0, 0, 0, 1, -1)))


def lists() -> SearchStrategy[Valued]:
    """Tuples, intervals and sets of rationals."""

    def build(items: list[Rational], shape: str) -> Valued:
        inner, values = ", ".join(text for text, _ in items), [value for _, value in items]
        if shape == "set":
            return Valued(rf"\left\{{{inner}\right\}}", ("set", tuple(sorted(values))))
        return Valued(f"({inner})", ("tuple", *values))

    return st.builds(build, st.lists(rationals(1), min_size=2, max_size=4), st.sampled_from(("set", "tuple")))


def _again(found: Rational, places: int, is_off: bool) -> tuple[Valued, Valued]:
    """A rational beside its lowest terms, or beside what is off by one in some decimal place."""
    text, value = found
    other = value + is_off * Fraction(1, 10**places)
    written = rf"\frac{{{other.numerator}}}{{{other.denominator}}}"
    return Valued(text, value), Valued(written, other)


def rewritten() -> SearchStrategy[tuple[Valued, Valued]]:
    """Rationals a hair apart, or the same in other words."""
    return st.builds(_again, rationals(), st.integers(0, 60), st.booleans())


def _both(family: SearchStrategy[Valued]) -> SearchStrategy[tuple[Valued, Valued]]:
    return st.tuples(family, family)


FAMILIES: dict[str, Callable[[], SearchStrategy[tuple[Valued, Valued]]]] = {
    "rewritten": rewritten,
    "numbers": lambda: _both(numbers()),
    "towers": lambda: _both(towers()),
    "polynomials": lambda: _both(polynomials()),
    "lists": lambda: _both(lists()),
}
