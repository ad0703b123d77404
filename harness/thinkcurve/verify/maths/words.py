"""Numbers in words: ``twenty-five``, ``three hundred``, ``2.5 million``, ``two thirds``, ``3rd``."""

from __future__ import annotations

import re
from fractions import Fraction

_NAMES = (
    *("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"),
    *("thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen"),
)
_SMALL = {word: value for value, word in enumerate(_NAMES)}
_TEN_NAMES = ("twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")
_TENS = {word: 10 * (place + 2) for place, word in enumerate(_TEN_NAMES)}
_ORDINALS = {
    "first": "one", "second": "two", "third": "three", "fifth": "five", "eighth": "eight", "ninth": "nine",
    "twelfth": "twelve", "twentieth": "twenty", "thirtieth": "thirty", "fortieth": "forty", "fiftieth": "fifty",
}  # fmt: skip
_PARTS = {
    "half": 2, "halves": 2, "quarter": 4, "quarters": 4, "third": 3, "thirds": 3, "fifth": 5, "fifths": 5, "sixth": 6,
    "sixths": 6, "eighth": 8, "eighths": 8, "tenth": 10, "tenths": 10,
}  # fmt: skip
MAGNITUDES = {"hundred": 100, "thousand": 1000, "million": 10**6, "billion": 10**9, "trillion": 10**12}
_ORDINAL = re.compile(r"([0-9]{1,6})(?:\^?\{?(?:\\(?:text|mathrm|textrm)\{)?(?:st|nd|rd|th)\}?\}?)")
_COUNTED = re.compile(r"([0-9][0-9,]*(?:\.[0-9]+)?) ?(hundred|thousand|million|billion|trillion)s?")
MAX_CHARS = 80


def worded_number(text: str) -> Fraction | None:
    """The number that ``text`` says in words, all of it; an ordinal is its number."""
    if len(text) > MAX_CHARS:
        return None
    text = text.strip().casefold()
    if match := _ORDINAL.fullmatch(text):
        return Fraction(match[1])
    if match := _COUNTED.fullmatch(text):
        return Fraction(match[1].replace(",", "")) * MAGNITUDES[match[2]]
    words = text.replace("-", " ").split()
    sign = 1
    if words[:1] in (["minus"], ["negative"]):
        sign, words = -1, words[1:]
    if len(words) == 2 and words[1] in _PARTS and words[0] in (*_SMALL, "a"):
        return sign * Fraction(_SMALL.get(words[0], 1), _PARTS[words[1]])
    value = _counted(words)
    return None if value is None else Fraction(sign * value)


def _counted(words: list[str]) -> int | None:
    """``two hundred and five``: parts below a hundred, hundreds, then thousands and up."""
    if not words:
        return None
    last = words[-1]
    words = [
        *words[:-1],
        _ORDINALS.get(last) or (last.removesuffix("th") if last.removesuffix("th") in _SMALL else last),
    ]
    total = part = 0
    below = 1000  # the size of what may still come
    for place, word in enumerate(words):
        if word == "and" and 0 < place < len(words) - 1:
            continue
        if word == "a" and place == 0 and len(words) > 1:
            part = 1
        elif word in _SMALL and (below > 10 or (below == 10 and 0 < _SMALL[word] < 10)):
            part, below = part + _SMALL[word], 1
        elif word in _TENS and below > 10:
            part, below = part + _TENS[word], 10
        elif word == "hundred" and 0 < part < 100:
            part, below = part * 100, 100
        elif word in MAGNITUDES and word != "hundred" and part:
            total, part, below = total + part * MAGNITUDES[word], 0, 1000
        else:
            return None
    return total + part
