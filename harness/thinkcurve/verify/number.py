"""Exact numbers from normalised text, as fractions: no rounding, no evaluation, bounded size."""

from __future__ import annotations

import re
from fractions import Fraction
from typing import NamedTuple

from thinkcurve.verify.maths.words import worded_number

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
_LOCAL = re.compile(
    r"([-+]?)([0-9]{1,3}(?:[.][0-9]{3})+|[0-9]{1,3}(?: [0-9]{3})+|[0-9]+),([0-9]+) ?(%?)"  # 1.234,5  1 234,5  12,5
    r"|([-+]?)([0-9]{1,3}(?:(?:'[0-9]{3})+|(?:_[0-9]{3})+)|[0-9]{1,2}(?:,[0-9]{2})+,[0-9]{3})(\.[0-9]+)? ?(%?)"
)  # and 1'234.5, 1_234, 12,34,567
_GROUP = re.compile(r"[1-9][0-9]{0,2},[0-9]{3}%?")
_HAS_WORD = re.compile(r"[A-Za-z]{2}")


def number(text: str) -> Number | None:
    """The exact number that normalised ``text`` is, or ``None``: no rounding, no evaluation, bounded size.

    Integers, decimals, thousands separators, scientific notation, fractions, mixed numbers, percent and words.
    """
    if len(text) > MAX_DIGITS:
        return None
    if match := _DECIMAL.fullmatch(text):
        return _decimal(match)
    if match := _RATIO.fullmatch(text):
        return _ratio(match)
    if match := _REPEATING.fullmatch(text):
        return _repeating(match)
    if _HAS_WORD.search(text) and (value := worded_number(text)) is not None:
        return Number(value, "")
    return None


def local_number(text: str) -> Number | None:
    """The number that ``text`` is in another country's way of writing: to be asked where the other side is a number.

    A decimal comma (not before three digits: ``1,234`` has thousands), points, apostrophes or spaces for thousands.
    """
    match = _LOCAL.fullmatch(text) if len(text) < 60 and not _GROUP.fullmatch(text.lstrip("+-")) else None
    if match is None:
        return None
    whole = re.sub("[., '_]", "", match[2] or match[6])
    rest = match[3] or (match[7] or ".")[1:]
    value = Fraction(int(whole + rest), 10 ** len(rest))
    return Number(-value if "-" in (match[1], match[5]) else value, match[4] or match[8] or "")


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
