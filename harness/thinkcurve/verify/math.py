"""Is this text the same mathematics as the gold? Extraction in the light of the gold, then a ladder of rungs.

``judge_text`` reads the answer and ``compare`` compares: plain numbers by one regular expression, all else as trees
(``maths``), both in this process and with every size bounded beforehand. What cannot be read or told goes as LaTeX to
the killable worker (``worker``). It follows the gold: ``(1,100)`` is a pair and not a number.
"""

from __future__ import annotations

import functools
import re
from typing import NamedTuple

from thinkcurve.verify.extract import Extracted, Missing, box_contents, letter_answer, math_answer
from thinkcurve.verify.maths.parse import parse
from thinkcurve.verify.maths.same import same
from thinkcurve.verify.maths.tokens import LONG_DECIMAL
from thinkcurve.verify.maths.tree import Node, ParseError
from thinkcurve.verify.maths.units import words
from thinkcurve.verify.notation import PLAIN, normal
from thinkcurve.verify.number import MAX_DIGITS, Number, number

MAX_CHARS = 10_000  # an extracted answer; beyond it only digits are compared
MAX_BOXES = 10  # joined in one answer
MAX_WORKER_CHARS, MAX_WORKER_DEPTH, MAX_WORKER_DIGITS = 1000, 40, 400


class Comparison(NamedTuple):
    """``equal`` as far as this process can tell (``None``: not at all), and the ``rung`` that told.

    With ``None`` and no ``reason``, the worker is to compare ``gold`` and ``answer`` piece by piece, in this order
    or (``is_ordered`` false) in any; with a ``reason``, nobody can.
    """

    equal: bool | None
    rung: str
    reason: str = ""
    gold: tuple[str, ...] = ()
    answer: tuple[str, ...] = ()
    is_ordered: bool = True


class Reading(NamedTuple):
    """What was read as the answer, and how it compares."""

    found: Extracted
    compared: Comparison


_LETTER = re.compile(r"\W*(?:\\text(?:bf)?\{\W*)?\(?([A-J])\)?\W*")


_LABEL = re.compile(r"\A\s*\\text(?:bf)?\{\s*\([A-J]\)\s*\}(?:\\ |\s|~)*(?=[^\s}$.])")  # "(C) 12" is 12


def judge_text(gold: str, answer: str) -> Reading | Missing:
    """Read ``answer`` and compare it with ``gold``; a text that is the gold, sign by sign, needs no reading."""
    whole = answer.strip()
    if whole and whole == gold.strip() and len(whole) <= MAX_CHARS:
        start = answer.index(whole)
        return Reading(Extracted(whole, "whole", (start, start + len(whole))), Comparison(True, "identical"))
    if 2 < len(whole) < 200 and (tree := _gold(gold).tree) and tree.head == "words" and words(whole) == tree.name:
        start = answer.index(whole)
        return Reading(Extracted(whole, "whole", (start, start + len(whole))), Comparison(True, "words"))
    found = math_answer(answer)
    reading = found if isinstance(found, Missing) else Reading(found, compare(gold, found.text))
    letter = _LETTER.fullmatch(gold) if len(gold) < 32 else None
    if letter is None or (isinstance(reading, Reading) and reading.compared.equal):
        return reading
    chosen = letter_answer(answer)
    return Reading(chosen, Comparison(chosen.text == letter[1], "letter")) if chosen else reading


def compare(gold: str, answer: str) -> Comparison:
    """Compare the extracted ``answer`` with ``gold``, both as written."""
    if len(answer) > MAX_CHARS:
        return _compare_long(_gold(gold).normal, answer)
    left = _gold(gold)
    boxes = box_contents(answer) if "boxed" in answer else []
    if len(boxes) > 1 and all(compare(gold, box).equal for box in boxes[:MAX_BOXES]):
        return compare(gold, boxes[-1])  # one value twice, in two forms
    right_text = _LABEL.sub("", ", ".join(boxes) or answer)
    right = normal(right_text)
    if not left.normal or not right:
        return Comparison(None, "plain", "empty")
    if left.normal == right and not (left.has_unit and _UNIT.search(right_text)):
        return Comparison(True, "identical")
    if left.number is not None and not left.has_unit and (settled := _compare_numbers(left, right)) is not None:
        return settled
    if is_too_complex(right) or is_too_complex(left.normal):
        return Comparison(None, "plain", "too_complex")
    return _compare_trees(left, right_text, right)


class _Gold(NamedTuple):
    """A gold answer, read once."""

    text: str
    normal: str
    number: Number | None
    has_unit: bool
    tree: Node | None


_UNIT = re.compile(r"\\(?:text|mathrm|mbox|textbf|textrm)|[A-Za-z]{2}")


@functools.lru_cache(maxsize=8192)
def _gold(gold: str) -> _Gold:
    """A gold written with boxes is what the boxes hold, or what a full text of an answer comes to."""
    found = math_answer(gold) if "boxed" in gold else None
    text = _unboxed(found.text if isinstance(found, Extracted) else gold)
    plain = normal(text)
    return _Gold(text, plain, number(plain), bool(_UNIT.search(text)), _tree(text))


def _unboxed(text: str) -> str:
    return ", ".join(box_contents(text)) or text if "boxed" in text else text


def _tree(text: str) -> Node | None:
    try:
        return parse(text)
    except ParseError:
        return None


def _compare_numbers(gold: _Gold, answer: str) -> Comparison | None:
    if gold.number is None:
        return None
    right = number(answer)
    if right is not None:
        is_same = _same(gold.number, right)
        is_rounding = not is_same and (_is_long_decimal(answer) or _is_long_decimal(gold.normal))
        return None if is_rounding else Comparison(is_same, "number")
    if len(answer) > MAX_DIGITS and PLAIN.fullmatch(answer):
        return Comparison(_digits(answer) == _digits(gold.normal), "digits")
    return None


def _is_long_decimal(text: str) -> bool:
    """Whether it has the digits to stand for a fraction that never ends; the tree's rung decides."""
    return "." in text and LONG_DECIMAL < len(text) <= MAX_WORKER_DIGITS


def _compare_trees(gold: _Gold, text: str, plain: str) -> Comparison:
    tree = _tree(text)
    if gold.tree is not None and tree is not None:
        found = same(gold.tree, tree)
        if found.equal is not None:
            return Comparison(found.equal, found.rung)
    elif (settled := _compare_words(gold.normal, plain)) is not None:
        return settled
    if _DOTS.search(gold.normal) or _DOTS.search(plain):
        return Comparison(None, "plain", "too_complex")
    return Comparison(None, "worker", "", (gold.normal,), (plain,))


def _compare_long(gold: str, answer: str) -> Comparison:
    """Digits can be compared at any length, and nothing else."""
    if PLAIN.fullmatch(answer) and PLAIN.fullmatch(gold):
        return Comparison(_digits(answer) == _digits(gold), "digits")
    return Comparison(None, "plain", "too_complex")


def _same(left: Number, right: Number) -> bool:
    """Equal values. Where just one side has a percent sign, 50% is both 0.5 and a 50 whose sign was left out."""
    if left.unit == right.unit:
        return left.value == right.value
    percent, bare = (left, right) if left.unit else (right, left)
    return bare.value in (percent.value / 100, percent.value)


def _digits(text: str) -> tuple[bool, str, str]:
    """A plain decimal of any length as sign and digits without idle zeros."""
    whole, _, rest = text.lstrip("+-").partition(".")
    return text.startswith("-"), whole.lstrip("0"), rest.rstrip("0")


# Words and limits -------------------------------------------------------------------------------------------

_WORDS = re.compile(r"[^\W\d_]+(?:[\s'-]+[^\W\d_]+)*")
_HARD = re.compile(r"\\(?:int|sum|prod|lim)(?![A-Za-z])")
_DOTS = re.compile(r"\\[lcv]?dots|\.\.\.")  # "and so on" is not mathematics that a worker could settle
_LONG_DIGITS = re.compile(rf"[0-9]{{{MAX_WORKER_DIGITS},}}")


def _compare_words(gold: str, answer: str) -> Comparison | None:
    """Words that are no expression to us, without regard to case; and words against a number."""
    left, right = _WORDS.fullmatch(gold), _WORDS.fullmatch(answer)
    if left and right:
        return Comparison(gold.casefold() == answer.casefold(), "words")
    is_word = re.compile(r"[^\W\d_]{3,}").search
    is_plain = (right and is_word(answer) and number(gold)) or (left and is_word(gold) and number(answer))
    return Comparison(False, "words") if is_plain else None


def is_too_complex(text: str) -> bool:
    """What is not even tried: sizes that no honest answer has, and sums and integrals that need evaluation."""
    if len(text) > MAX_WORKER_CHARS or _LONG_DIGITS.search(text) or _HARD.search(text):
        return True
    depth = deepest = 0
    for mark in text:
        depth += (mark in "({[") - (mark in ")}]")
        deepest = max(deepest, depth)
    return deepest > MAX_WORKER_DEPTH or text.count("^") > 20 or text.count("!") > 5
