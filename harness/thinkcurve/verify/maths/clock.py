"""Times of day and dates, for tasks whose gold is one: read by regular expressions, compared as numbers."""

from __future__ import annotations

import re
from typing import NamedTuple

from thinkcurve.verify.maths.scalar import Found

_MONTHS = {
    name: place + 1
    for place, name in enumerate(("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"))
}
_MARKS = re.compile(r"\\(?:text|mathrm|textbf|mbox)\s*\{([^{}]*)\}|\$|\\[ ,;:!]|~|\\(?=[()])")
_TIME = re.compile(
    r"\(?([0-9]{1,2})(?:\s*(?:[:.]|h)\s*([0-9]{2})(?::([0-9]{2}))?)?\s*(?:o'?clock)?\s*(?:([ap])\.?\s?m\b\.?|(hours|hrs|h)\b)?"
    r"(?:\s*in the (morning|afternoon|evening))?\)?\.?",
    re.IGNORECASE,
)
_NAMED_TIMES = {"noon": 720, "midday": 720, "12 noon": 720, "midnight": 0, "12 midnight": 0}
_WEEKDAY = re.compile(r"^(?:on\s+)?(?:mon|tues?|wed(?:nes)?|thu(?:rs)?|fri|sat(?:ur)?|sun)(?:day)?,?\s+", re.IGNORECASE)
_MONTH = r"(jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]{0,6}\.?"
_DAY = r"([0-9]{1,2})(?:st|nd|rd|th)?"
_DAY_MONTH = re.compile(rf"(?:the\s+)?{_DAY}\s+(?:of\s+)?{_MONTH}(?:,?\s+([0-9]{{4}}))?", re.IGNORECASE)
_MONTH_DAY = re.compile(rf"{_MONTH}\s+{_DAY}(?:,?\s+([0-9]{{4}}))?", re.IGNORECASE)
_ISO = re.compile(r"([0-9]{4})[-/.]([0-9]{1,2})[-/.]([0-9]{1,2})")
_NUMBERS = re.compile(r"([0-9]{1,2})[-/.]([0-9]{1,2})[-/.]([0-9]{4})")


class _Date(NamedTuple):
    day: int
    month: int
    year: int | None


def same_time(gold: str, answer: str) -> Found | None:
    """Whether two times of day are one; ``None`` where one cannot be read. Without a.m. or p.m. it may be either."""
    left, right = _times(gold), _times(answer)
    return Found(bool(left & right), "time") if left and right else None


def same_date(gold: str, answer: str) -> Found | None:
    """Whether two dates are one; ``None`` where one cannot be read. A gold without a year leaves it open.

    ``4/5/2024`` against ``4 May 2024`` cannot be told; two dates in figures are taken to be in one order.
    """
    left, right = _dates(gold), _dates(answer)
    if not left or not right:
        return None
    if len(left) == len(right):
        agree = [_is_same(one, other) for one, other in zip(left, right, strict=True)]
    else:
        agree = [_is_same(one, other) for one in left for other in right]
    return Found(None if any(agree) and not all(agree) else all(agree), "date")


def _is_same(gold: _Date, answer: _Date) -> bool:
    return gold[:2] == answer[:2] and gold.year in (None, answer.year)


def _plain(text: str) -> str:
    return " ".join(_MARKS.sub(lambda match: match[1] or " ", text).split()).strip(" .,")


def _times(text: str) -> set[int]:
    """The seconds of the day that ``text`` may mean: two for ``3:30``."""
    text = _plain(text)
    if (named := _NAMED_TIMES.get(text.casefold())) is not None:
        return {named * 60}
    match = _TIME.fullmatch(text)
    if match is None or not (match[2] or match[4] or match[5] or match[6] or "clock" in text.casefold()):
        return set()
    hour, minute, second = int(match[1]), int(match[2] or 0), int(match[3] or 0)
    if hour > 24 or minute > 59 or second > 59:
        return set()
    half = (match[4] or {"m": "a", "a": "p", "e": "p"}.get((match[6] or " ")[0].lower(), "")).lower()
    if half:
        if not 1 <= hour <= 12:
            return {hour * 3600 + minute * 60 + second} if half == "p" and 12 < hour < 24 else set()
        hour = hour % 12 + (12 if half == "p" else 0)
    seconds = (hour % 24) * 3600 + minute * 60 + second
    is_open = not half and 1 <= hour <= 12 and not match[1].startswith("0") and not match[5]
    return {seconds, (seconds + 43200) % 86400} if is_open else {seconds}


def _dates(text: str) -> list[_Date]:
    """The dates that ``text`` may mean."""
    text = _WEEKDAY.sub("", _plain(text))
    if match := _ISO.fullmatch(text):
        return _valid(int(match[3]), int(match[2]), int(match[1]))
    if match := _DAY_MONTH.fullmatch(text):
        return _valid(int(match[1]), _MONTHS[match[2].lower()], int(match[3]) if match[3] else None)
    if match := _MONTH_DAY.fullmatch(text):
        return _valid(int(match[2]), _MONTHS[match[1].lower()], int(match[3]) if match[3] else None)
    if match := _NUMBERS.fullmatch(text):
        first, second, year = (int(group) for group in match.groups())
        both = _valid(first, second, year) + _valid(second, first, year)
        return both[:1] if first == second else both
    return []


def _valid(day: int, month: int, year: int | None) -> list[_Date]:
    return [_Date(day, month, year)] if 1 <= month <= 12 and 1 <= day <= 31 else []
