"""Exact numbers from normalised text, as fractions: no rounding, no evaluation, bounded size."""

from __future__ import annotations

import re
from fractions import Fraction
from typing import NamedTuple

MAX_DIGITS = 4000  # int() itself refuses beyond 4300
MAX_EXPONENT = 400


class Number(NamedTuple):
    """An exact number and the sign that followed it: a percent sign, or nothing."""

    value: Fraction
    unit: str


_DECIMAL = re.compile(
    r"([-+]?)\$?([0-9]{1,3}(?:,[0-9]{3})+|[0-9]{1,3}(?: [0-9]{3})+|[0-9]*)(?:\.([0-9]*))?"
    r"(?:[eE]([-+]?[0-9]{1,4})|(?: ?(?:\\times|\\cdot|\*|x) ?10\^(?:\{([-+]?[0-9]{1,4})\}|([-+]?[0-9]{1,4}))))? ?(%?)"
)
_RATIO = re.compile(
    r"([-+]?)(?:([0-9]+) ?(?=\\frac)|([0-9]+) (?=[0-9]))?(?:\\frac\{([-+]?[0-9.]+)\}\{([-+]?[0-9.]+)\}"
    r"|([0-9.]+)/(-?[0-9.]+)) ?(%?)"
)

_REPEATING = re.compile(r"([-+]?)([0-9]*)\.([0-9]*)\\overline\{([0-9]+)\}(%?)")


def number(text: str) -> Number | None:
    """The exact number that normalised ``text`` is, or ``None``: no rounding, no evaluation, bounded size.

    Integers, decimals, thousands separators, scientific notation, fractions and mixed numbers, and percent.
    """
    if len(text) > MAX_DIGITS:
        return None
    if match := _DECIMAL.fullmatch(text):
        return _decimal(match)
    if match := _RATIO.fullmatch(text):
        return _ratio(match)
    if match := _REPEATING.fullmatch(text):
        return _repeating(match)
    return None


def _decimal(match: re.Match[str]) -> Number | None:
    sign, whole, rest = match[1], match[2].replace(" ", ""), match[3] or ""
    if whole.startswith("0,"):  # no thousands begin with a nought: a decimal comma
        if rest or whole.count(",") > 1:
            return None
        whole, _, rest = whole.partition(",")
    whole = whole.replace(",", "")
    if not whole and not rest:
        return None
    exponent = int(match[4] or match[5] or match[6] or 0)
    if abs(exponent) > MAX_EXPONENT:
        return None
    value = int(whole + rest) if sign != "-" else -int(whole + rest)
    shift = exponent - len(rest)
    scaled = Fraction(value * 10**shift) if shift >= 0 else Fraction(value, 10**-shift)
    return Number(scaled, match[7])


def _ratio(match: re.Match[str]) -> Number | None:
    over, under = number(match[4] or match[6]), number(match[5] or match[7])
    if over is None or under is None or not under.value:
        return None
    value = over.value / under.value
    if mixed := match[2] or match[3]:
        if value < 0:
            return None
        value += int(mixed)
    return Number(-value if match[1] == "-" else value, match[8])


def _repeating(match: re.Match[str]) -> Number:
    """``0.1\\overline{6}`` is 1/6."""
    head, tail = match[3] or "", match[4]
    value = int((match[2] or "0") + head) + Fraction(int(tail), 10 ** len(tail) - 1)
    value /= 10 ** len(head)
    return Number(-value if match[1] == "-" else value, match[5])
