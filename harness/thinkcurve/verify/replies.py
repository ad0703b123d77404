"""What a task's bytes amount to: a pass, or the reason why not. The first case that failed decides."""

from __future__ import annotations

import re
from fractions import Fraction

import msgspec

from thinkcurve.verify.cases import Check
from thinkcurve.verify.inside import wire
from thinkcurve.verify.process import Reply

OUT_OF_MEMORY = 71  # the exit code of ``inside.task``
_NUMBER = re.compile(r"[-+]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]{1,3})?")  # float() would read 1_1 as 11
MAX_DIGITS = 4000  # of a number that is compared with a tolerance, exactly
LONG_BYTES = 1 << 18  # beyond this, reading takes long enough to be done beside the event loop


def function_reason(reply: Reply, nonce: bytes, wanted: tuple[Check, ...]) -> str:
    """Empty for a pass; else why not."""
    lines = reply.payload.split(b"\n")[:-1]
    for index, check in enumerate(wanted):
        if index >= len(lines):
            return ending(reply) or "error"
        tag, value = _result(lines[index], nonce, index)
        if tag != "v":
            return {"m": "memory", "o": "output_limit"}.get(tag, "error")
        if not check.holds(value):
            return "wrong"
    return ending(reply) or ("" if len(lines) == len(wanted) else "error")


def _result(line: bytes, nonce: bytes, index: int) -> tuple[str, object]:
    """The tag and the value of one line; what is malformed or out of order counts as an error of the answer."""
    try:
        number, tag, value = msgspec.json.decode(line.removeprefix(nonce), type=tuple[int, str, object])
        if tag != "v":
            return tag, None
        if number != index or not line.startswith(nonce):
            return "e", None
        return tag, wire.decode(value)
    except (ValueError, TypeError, ArithmeticError, RecursionError):
        return "e", None


def stdio_reason(reply: Reply, expected: str, tolerance: float | None = None) -> str:
    """Empty for a pass; else why not."""
    if reason := ending(reply):
        return reason
    if code := reply.number("code"):
        return "memory" if code == OUT_OF_MEMORY else "error"
    printed = _tidy(reply.payload.decode("utf-8", "replace"))
    if printed == _tidy(expected):
        return ""
    return "wrong" if tolerance is None or not _is_near(printed, _tidy(expected), tolerance) else ""


def _tidy(text: str) -> str:
    """Without blanks at the ends of lines and empty lines at the end, as competitive judges compare.

    A line ends in ``\\n`` and nothing else: ``str.splitlines`` would take a dozen characters for its end.
    """
    return "\n".join(line.rstrip(" \t\r") for line in text.split("\n")).rstrip("\n")


def _is_near(printed: str, expected: str, tolerance: float) -> bool:
    """The same words line by line, where two numbers may differ by ``tolerance``."""
    lines, wanted = printed.split("\n"), expected.split("\n")
    if len(lines) != len(wanted):
        return False
    for line, want in zip(lines, wanted, strict=True):
        words, others = line.split(), want.split()
        if len(words) != len(others):
            return False
        if not all(_is_near_word(word, other, tolerance) for word, other in zip(words, others, strict=True)):
            return False
    return True


def _is_near_word(word: str, other: str, tolerance: float) -> bool:
    if word == other:
        return True
    if not (_NUMBER.fullmatch(word) and _NUMBER.fullmatch(other)) or max(len(word), len(other)) > MAX_DIGITS:
        return False
    return abs(Fraction(word) - Fraction(other)) <= Fraction(tolerance)


def ending(reply: Reply) -> str:
    """How the task was ended, empty when it ended by itself; a reply that does not say so is a fault of ours."""
    end = reply.text("end")
    return "" if end == "exit" else end or "sandbox"
