"""Exact arithmetic: a closed tree as a fraction, its size bounded before anything is computed.

What is too large to write out (``9^{9^9}``) is compared modulo four primes of 61 to 107 bits. That they differ is
certain; that they agree is not a proof, but no honest pair of answers agrees by chance.
"""

from __future__ import annotations

import math
from fractions import Fraction

from thinkcurve.verify.maths.tree import Node

MAX_BITS = 2_000_000  # 2^{1000000} is written out; 4^{5000000} is not
MAX_BITS_BELOW = 100_000  # of all denominators of a sum: each step takes a greatest common divisor
MAX_FACTORIAL = 20_000
_PRIMES = (2**61 - 1, 2**89 - 1, 2305843009213693921, 2**107 - 1)


class TooLargeError(Exception):
    """A value that is not written out."""


def exact(node: Node) -> Fraction | None:
    """The rational that ``node`` is, or ``None`` where it is not one or not seen to be; may raise TooLargeError."""
    head, args = node.head, node.args
    if head in ("num", "based"):
        return node.value
    if head == "neg":
        inner = exact(args[0])
        return None if inner is None else -inner
    if head not in ("add", "mul", "div", "pow", "fn", "group"):
        return None
    if head == "group" and not (node.name == "[]" and len(args) == 1):
        return None
    values: list[Fraction] = []
    bits = below = 0
    for arg in args:
        value = exact(arg)
        if value is None:
            return None
        values.append(value)
        bits += _bits(value)
        below += value.denominator.bit_length() - 1
        if bits > MAX_BITS or below > MAX_BITS_BELOW:
            raise TooLargeError
    return _function(node.name, values) if head == "fn" else values[0] if head == "group" else _arithmetic(head, values)


def _arithmetic(head: str, values: list[Fraction]) -> Fraction | None:
    if sum(map(_bits, values)) > MAX_BITS:
        raise TooLargeError
    if head == "add":
        return sum(values, Fraction(0))
    if head == "mul":
        return math.prod(values, start=Fraction(1))
    if head == "div":
        return values[0] / values[1] if values[1] else None
    return _power(values[0], values[1])


def _power(base: Fraction, exponent: Fraction) -> Fraction | None:
    if exponent.denominator != 1:
        return _rooted(base, exponent)
    power = exponent.numerator
    if not base and power <= 0:
        return None
    if abs(base) != 1 and base and _bits(base) * abs(power) > MAX_BITS:
        raise TooLargeError
    return base ** (power if abs(base) != 1 else power % 2)


def _rooted(base: Fraction, exponent: Fraction) -> Fraction | None:
    """``4^{3/2}`` is 8; an irrational root is ``None``."""
    degree = exponent.denominator
    if degree > 64 or _bits(base) > 4096:
        return None
    if base < 0:  # the real root, as schoolbooks take it; even roots are not rational
        root = _rooted(-base, exponent) if degree % 2 else None
        return None if root is None else root * (-1) ** exponent.numerator
    over, under = _root(base.numerator, degree), _root(base.denominator, degree)
    if over is None or under is None:
        return None
    return _power(Fraction(over, under), Fraction(exponent.numerator))


def _root(value: int, degree: int) -> int | None:
    if value < 2:
        return value
    low, high = 1, 1 << (value.bit_length() // degree + 1)
    while low < high:
        middle = (low + high + 1) // 2
        if middle**degree <= value:
            low = middle
        else:
            high = middle - 1
    return low if low**degree == value else None


def _function(name: str, values: list[Fraction]) -> Fraction | None:
    first = values[0]
    if name == "sqrt" and len(values) == 1:
        return _rooted(first, Fraction(1, 2))
    if name == "abs" and len(values) == 1:
        return abs(first)
    if name in ("floor", "ceil") and len(values) == 1:
        return Fraction(math.floor(first) if name == "floor" else math.ceil(first))
    if name in ("max", "min"):
        return max(values) if name == "max" else min(values)
    if any(value.denominator != 1 for value in values):
        return None
    whole = [value.numerator for value in values]
    if name == "factorial" and len(values) == 1:
        return Fraction(math.factorial(_small(whole[0]))) if whole[0] >= 0 else None
    if name == "binom" and len(whole) == 2:
        return Fraction(math.comb(_small(whole[0]), whole[1])) if min(whole) >= 0 else None
    if name in ("gcd", "lcm"):
        return Fraction(math.gcd(*whole) if name == "gcd" else math.lcm(*whole))
    return None


def _small(value: int) -> int:
    if value > MAX_FACTORIAL:
        raise TooLargeError
    return value


def _bits(value: Fraction) -> int:
    return max(value.numerator.bit_length(), value.denominator.bit_length())


def same_residues(left: Node, right: Node) -> bool | None:
    """Whether two integers that are too large to write out agree modulo four primes; ``None``: not such integers."""
    for prime in _PRIMES:
        residues = _residue(left, prime), _residue(right, prime)
        if residues[0] is None or residues[1] is None:
            return None
        if residues[0] != residues[1]:
            return False
    return True


def _residue(node: Node, prime: int) -> int | None:
    """The value modulo ``prime``, for what sums, products, quotients and whole powers are made of."""
    if node.head == "pow":
        base, power = _residue(node.args[0], prime), _whole(node.args[1])
        if base is None or power is None or (not base and power <= 0):
            return None
        return pow(base, power % (prime - 1) if base else 1, prime)  # Fermat's little theorem
    if node.head in ("num", "based") and node.value is not None:
        under = node.value.denominator % prime
        return node.value.numerator * pow(under, -1, prime) % prime if under else None
    if node.head not in ("add", "mul", "neg", "div"):
        return None
    values = [_residue(arg, prime) for arg in node.args]
    total = values[0]
    if total is None:
        return None
    for value in values[1:]:
        if value is None or (node.head == "div" and not value):
            return None
        total = (
            total + value if node.head == "add" else total * (pow(value, -1, prime) if node.head == "div" else value)
        )
    return (-total if node.head == "neg" else total) % prime


def _whole(node: Node) -> int | None:
    value = exact(node)
    return value.numerator if value is not None and value.denominator == 1 else None
