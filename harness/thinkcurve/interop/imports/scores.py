"""From a score of another tool to a verdict: 1 is right, 0 is not, and nothing between is rounded unasked."""

from __future__ import annotations

import math

from thinkcurve.errors import UsageError
from thinkcurve.problem import Verdict

LETTERS = {"C": 1.0, "I": 0.0, "P": 0.5, "N": 0.0}
"""inspect's grades: correct, incorrect, partly, no answer."""
WORDS = {"yes": 1.0, "true": 1.0, "no": 0.0, "false": 0.0}


def verdict_of(value: object, where: str, right_from: float | None = None) -> Verdict:
    """The verdict that a score comes to; from ``right_from`` on (inclusive) a number is right.

    ``NaN`` and no score at all are ``unverified``: the scorer gave up. Raises `UsageError` for a score between 0 and 1,
    or beyond them, where no ``right_from`` says what it means, and for what is no score.

    >>> verdict_of("C", "log"), verdict_of(0, "log"), verdict_of(0.7, "log", right_from=0.5)
    (<Verdict.CORRECT: 'correct'>, <Verdict.INCORRECT: 'incorrect'>, <Verdict.CORRECT: 'correct'>)
    """
    if value == "N":
        return Verdict.NO_ANSWER
    number = _number(value, where)
    if number is None or math.isnan(number):
        return Verdict.UNVERIFIED
    if right_from is not None:
        return Verdict.CORRECT if number >= right_from else Verdict.INCORRECT
    if number not in (0.0, 1.0):
        raise UsageError(
            f"{where}: score {value!r:.40} is neither right (1) nor wrong (0); "
            "--right-from X says from where on it is right"
        )
    return Verdict.CORRECT if number else Verdict.INCORRECT


def _number(value: object, where: str) -> float | None:
    """A score as a number; ``None`` where there is none."""
    if isinstance(value, list) and len(value) == 1:
        value = value[0]
    if value is None or isinstance(value, int | float):
        return value
    if isinstance(value, str):
        word = LETTERS.get(value, WORDS.get(value.strip().lower()))
        if word is not None:
            return word
        try:
            return float(value)
        except ValueError:
            pass
    if isinstance(value, dict):
        parts = ", ".join(sorted(map(str, value)))[:120]
        raise UsageError(f"{where}: its score has parts ({parts}); choose one with --metric SCORER.PART")
    raise UsageError(f"{where}: score {value!r:.60} is no number, and none of C, I, P, N, yes, no, true, false")
