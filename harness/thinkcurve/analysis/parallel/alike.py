"""When two wrong answers are the same: a key that equal ones share, found once for each text, and a comparison.

Numbers, expressions and equations for one letter (``x = 5``) have a value, and share a key where it agrees: as a
fraction, or to 25 digits, at two points where there are variables. Lists, sets, relations and words are read by the
verifier's parser and compared in pairs by its rules. Both run in this process with every size bounded, and evaluate
numbers, never text. A unit is dropped, as the verifier drops one that a side left out; a per cent is a hundredth.
"""

from __future__ import annotations

import zlib
from collections.abc import Hashable
from fractions import Fraction
from functools import lru_cache
from typing import NamedTuple

from thinkcurve.verify.maths.tree import Node

DIGITS, POINTS = 25, 2
"""Digits that must agree, and points at which."""
LARGEST_DENOMINATOR = 10**6
"""Of a fraction that a value to 25 digits is taken for."""
_UNITS = ("unit", "degree")


class Key(NamedTuple):
    """What equal answers share; ``is_value`` says that unequal keys are unequal answers."""

    key: Hashable
    is_value: bool


@lru_cache(maxsize=1 << 17)
def key_of(text: str) -> Key:
    """The key of an extracted answer: its value, or else its form, or else its text."""
    from thinkcurve.verify.math import MAX_CHARS, is_heavy, is_too_complex
    from thinkcurve.verify.maths.parse import parse
    from thinkcurve.verify.maths.tree import ParseError
    from thinkcurve.verify.notation import normal
    from thinkcurve.verify.number import number

    if len(text) > MAX_CHARS:
        return Key(text.strip(), False)
    plain = normal(text)
    if (value := number(plain)) is not None:
        return Key(_ratio(value.value / 100 if value.unit else value.value), True)
    if is_too_complex(plain) or is_too_complex(text):
        return Key(plain, False)
    try:
        tree = parse(text)
        found = None if is_heavy(tree) else _value(tree)
    except (ParseError, RecursionError):
        return Key(plain.casefold(), False)
    return Key(tree, False) if found is None else Key(found, True)


def _ratio(value: Fraction) -> tuple[int, int]:
    """A fraction as two numbers: what hashes fast."""
    return value.numerator, value.denominator


def choice_key(text: str) -> Key:
    """A letter without its brackets and case, or an option's words."""
    bare = text.strip().strip("().").casefold()
    return Key(bare if len(bare) == 1 else " ".join(text.casefold().split()), True)


def compared(one: str, other: str) -> bool | None:
    """What the verifier says of two answers without a worker; ``None`` where it cannot tell."""
    from thinkcurve.verify.math import MAX_CHARS, compare, is_too_complex

    if max(len(one), len(other)) > MAX_CHARS or is_too_complex(one) or is_too_complex(other):
        return None
    try:
        return compare(one, other).equal
    except Exception:  # as in the judge: a fault of ours on what a model wrote must not end an analysis
        return None


def _value(tree: Node) -> Hashable | None:
    """A fraction, or the names of the variables and 25 digits at each point; ``None`` for what has no one value."""
    from thinkcurve.verify.maths.numeric import CannotError
    from thinkcurve.verify.maths.tree import symbols, walk

    while tree.head in _UNITS or _is_named(tree):
        tree = tree.args[-1] if _is_named(tree) else tree.args[0]
    if any(node.head not in _ARITHMETIC or node.name.startswith("dots") for node in walk(tree)):
        return None
    names = tuple(sorted(symbols(tree)))
    try:
        found = [_digits(tree, names, point) for point in range(POINTS if names else 1)]
    except (CannotError, ArithmeticError, ValueError):
        return None
    return _ratio(found[0]) if isinstance(found[0], Fraction) and not names else (names, *found)


_ARITHMETIC = ("num", "sym", "const", "add", "mul", "neg", "div", "pow", "fn", "percent")


def _is_named(tree: Node) -> bool:
    return tree.head == "rel" and tree.name == "=" and len(tree.args) == 2 and tree.args[0].head == "sym"


def _digits(tree: Node, names: tuple[str, ...], point: int) -> Hashable:
    """The value with each variable at a place of its own between 1 and 2."""
    from thinkcurve.verify.maths.numeric import evaluate, library

    mpmath = library()
    at = {name: 1 + mpmath.mpf(zlib.crc32(f"{point} {name}".encode())) / 2**32 for name in names}
    value = evaluate(tree, DIGITS + 15, at)
    if abs(mpmath.im(value)) > abs(value) * mpmath.mpf(10) ** -DIGITS:
        return (mpmath.nstr(mpmath.re(value), DIGITS), mpmath.nstr(mpmath.im(value), DIGITS))
    text = mpmath.nstr(mpmath.re(value), DIGITS)
    whole = Fraction(mpmath.nstr(mpmath.re(value), DIGITS + 10))
    near = whole.limit_denominator(LARGEST_DENOMINATOR)
    return near if abs(near - whole) <= abs(whole) / 10**DIGITS else text
