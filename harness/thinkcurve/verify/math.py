"""Is this text the same mathematics as the gold? What exact numbers and plain structure can settle, in microseconds.

``compare`` never evaluates: it strips notation, reads numbers as exact fractions within size limits, and takes
tuples, sets and equations apart. What it cannot settle it hands on as pieces of LaTeX for the killable worker
(``worker``), bounded in length, depth and digits. It follows the gold: ``(1,100)`` is a pair and not a number.
"""

from __future__ import annotations

import functools
import re
from itertools import pairwise
from typing import NamedTuple

from thinkcurve.verify.extract import Extracted, math_answer
from thinkcurve.verify.notation import PLAIN, normal
from thinkcurve.verify.number import MAX_DIGITS, Number, number

MAX_CHARS = 10_000  # an extracted answer; beyond it only digits are compared
MAX_WORKER_CHARS, MAX_WORKER_DEPTH, MAX_WORKER_DIGITS = 1000, 40, 400


class Comparison(NamedTuple):
    """``equal`` as far as plain rules can tell (``None``: not at all), and the ``rung`` that told.

    With ``None`` and no ``reason``, the worker is to compare ``gold`` and ``answer`` piece by piece, in this order
    or (``is_ordered`` false) in any; with a ``reason``, nobody can.
    """

    equal: bool | None
    rung: str
    reason: str = ""
    gold: tuple[str, ...] = ()
    answer: tuple[str, ...] = ()
    is_ordered: bool = True


def compare(gold: str, answer: str) -> Comparison:
    """Compare the extracted ``answer`` with ``gold``, both as written."""
    if len(answer) > MAX_CHARS:
        return _compare_long(_gold(gold), answer)
    left, right = _gold(gold), normal(answer)
    if not left or not right:
        return Comparison(None, "plain", "empty")
    return _compare(left, right, 0)


def _compare_long(gold: str, answer: str) -> Comparison:
    """Digits can be compared at any length, and nothing else."""
    if PLAIN.fullmatch(answer) and PLAIN.fullmatch(gold):
        return Comparison(_digits(answer) == _digits(gold), "digits")
    return Comparison(None, "plain", "too_complex")


@functools.lru_cache(maxsize=8192)
def _gold(gold: str) -> str:
    """A gold is normalised once; one written with a box is what the box holds."""
    found = math_answer(gold) if "\\boxed" in gold else None
    return normal(found.text if isinstance(found, Extracted) else gold)


def _compare(gold: str, answer: str, depth: int) -> Comparison:
    if gold == answer:
        return Comparison(True, "identical")
    if (settled := _compare_numbers(gold, answer)) is not None:
        return settled
    if depth < 3 and (parts := _compare_equations(gold, answer, depth) or _compare_parts(gold, answer, depth)):
        return parts
    if (settled := _compare_words(gold, answer)) is not None:
        return settled
    if _is_too_complex(answer) or _is_too_complex(gold):
        return Comparison(None, "plain", "too_complex")
    return Comparison(None, "worker", "", (gold,), (answer,))


def _compare_numbers(gold: str, answer: str) -> Comparison | None:
    left = _gold_number(gold)
    if left is None:
        return None
    right = number(answer)
    if right is not None:
        return Comparison(_same(left, right), "number")
    if len(answer) > MAX_DIGITS and PLAIN.fullmatch(answer):
        return Comparison(_digits(answer) == _digits(gold), "digits")
    return None


_gold_number = functools.lru_cache(maxsize=8192)(lambda text: number(text))


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


# Structure --------------------------------------------------------------------------------------------------

_OPENING = ("(", "[", "{", r"\lbrace")
_OPENS, _CLOSES = re.compile(r"[(\[]|\\lbrace ?"), re.compile(r"(?:[)\]]|\\rbrace)\Z")
_SPLIT = re.compile(r"\\lbrace ?|\\rbrace|[()\[\]{}]|,")
_NAME = re.compile(r"(?:[A-Za-z](?:_\{?[A-Za-z0-9]\}?)?(?:\([A-Za-z]\))?|\\[a-z]+) ?|\([A-Za-z](?:, ?[A-Za-z])*\)")
_MEMBER = re.compile(r"^(?:[A-Za-z]|\\[a-z]+) ?\\in(?![A-Za-z]) ?")
_RELATION = re.compile(r"[<>]|\\(?:le|ge|ne|neq|leq|geq|lt|gt)(?![A-Za-z])|\\begin")


class Parts(NamedTuple):
    """A list as written: its brackets (empty for a bare one) and its members."""

    opening: str
    members: tuple[str, ...]
    closing: str


def parts(text: str) -> Parts | None:
    """The members of a tuple, set, interval or bare list; ``None`` for what is no list or not well formed."""
    depth, first_close, commas = 0, -1, []
    for token in _SPLIT.finditer(text):
        mark = token[0].strip()
        if mark == ",":
            commas.append((depth, token.start()))
        elif mark in _OPENING:
            depth += 1
        else:
            depth -= 1
            if depth == 0 and first_close < 0:
                first_close = token.end()
        if depth < 0:
            return None
    opening = _OPENS.match(text) if first_close == len(text) else None
    level = 1 if opening else 0
    at = [position for comma_depth, position in commas if comma_depth == level]
    return None if depth or not (opening or at) else _cut(text, opening.end() if opening else 0, at)


def _cut(text: str, start: int, commas: list[int]) -> Parts:
    closing = _CLOSES.search(text) if start else None
    bounds = [start - 1, *commas, closing.start() if closing else len(text)]
    members = tuple(text[a + 1 : b].strip() for a, b in pairwise(bounds))
    return Parts(text[:start].strip(), members, closing[0].strip() if closing else "")


def _compare_parts(gold: str, answer: str, depth: int) -> Comparison | None:
    """Lists member by member: in order in brackets, in any order in braces and bare lists."""
    gold, answer = _MEMBER.sub("", gold), _MEMBER.sub("", answer)
    left, right = parts(gold), parts(answer)
    if left is None and right is None:
        return None
    if left is None or right is None or r"\cup" in gold + answer:
        return _unlike(gold, answer, left, right)
    kinds = {(p.opening, p.closing) for p in (left, right)}
    is_set = kinds <= {("", ""), (r"\lbrace", r"\rbrace")}
    if len(left.members) != len(right.members) or (len(kinds) > 1 and not is_set):
        return Comparison(False, "structure")
    if is_set:
        return _compare_sets(left.members, right.members)
    return _all([_compare(g, a, depth + 1) for g, a in zip(left.members, right.members, strict=True)])


def _unlike(gold: str, answer: str, left: Parts | None, right: Parts | None) -> Comparison | None:
    """A list against what is none: different, unless it is one thing in brackets or needs a parser."""
    if r"\cup" in gold + answer or _RELATION.search(gold + answer):
        return None
    one = left or right
    if one is not None and len(one.members) > 1 and not _FUNCTION.search(gold + answer):
        return Comparison(False, "structure")
    return None


_FUNCTION = re.compile(r"\\(?:pm|max|min|gcd|in|setminus|cap|mathbb|emptyset)(?![A-Za-z])")


def _compare_sets(gold: tuple[str, ...], answer: tuple[str, ...]) -> Comparison:
    if sorted(gold) == sorted(answer):
        return Comparison(True, "identical")
    left, right = [number(g) for g in gold], [number(a) for a in answer]
    if None not in left and None not in right:
        values = [sorted((n.value, n.unit) for n in side if n) for side in (left, right)]
        return Comparison(values[0] == values[1], "number")
    if any(_is_too_complex(text) for text in gold + answer):
        return Comparison(None, "plain", "too_complex")
    return Comparison(None, "worker", "", gold, answer, is_ordered=False)


def _compare_equations(gold: str, answer: str, depth: int) -> Comparison | None:
    """``x = 5`` is 5; in a chain ``2+3=5`` every part must equal the gold; ``41=42`` is not 42."""
    left, right = gold.split("="), answer.split("=")
    if (len(left) == 1 and len(right) == 1) or _RELATION.search(gold + answer) or parts(answer.partition("=")[2]):
        return _compare_named(left, right, depth) if len(left) == 2 or len(right) == 2 else None
    if len(left) <= 2 and len(right) <= 2 and (named := _compare_named(left, right, depth)):
        return named
    if len(left) == 1 and len(right) <= 6 and all(right):
        rest = right[1:] if _NAME.fullmatch(right[0]) and not _NAME.fullmatch(gold) else right
        return _all([_compare(gold, part, depth + 1) for part in rest])
    return None


def _compare_named(left: list[str], right: list[str], depth: int) -> Comparison | None:
    """Drop ``x =`` where it only names the value; two different names stay as they are."""
    names = [side[0].strip() if len(side) == 2 and _NAME.fullmatch(side[0].strip()) else "" for side in (left, right)]
    is_one_sided = any(names) and min(len(left), len(right)) == 1
    if is_one_sided or (names[0] and names[0] == names[1]):
        return _compare(left[-1].strip(), right[-1].strip(), depth + 1)
    return None


def _all(results: list[Comparison]) -> Comparison:
    """Equal when every member is; what is open goes to the worker together."""
    if any(result.equal is False for result in results):
        return Comparison(False, next(r.rung for r in results if r.equal is False))
    open_ = [result for result in results if result.equal is None]
    if not open_:
        return Comparison(True, results[0].rung)
    if len(open_) == 1 or any(r.reason for r in open_):
        return next((r for r in open_ if r.reason), open_[0])
    if not all(r.is_ordered for r in open_):
        return Comparison(None, "plain", "too_complex")
    gold, answer = tuple(g for r in open_ for g in r.gold), tuple(a for r in open_ for a in r.answer)
    return Comparison(None, "worker", "", gold, answer)


# Words and limits -------------------------------------------------------------------------------------------

_WORDS = re.compile(r"[^\W\d_]+(?:[\s'-]+[^\W\d_]+)*")
_HARD = re.compile(r"\\(?:ldots|cdots|dots|int|sum|prod|lim)(?![A-Za-z])")
_LONG_DIGITS = re.compile(rf"[0-9]{{{MAX_WORKER_DIGITS},}}")


def _compare_words(gold: str, answer: str) -> Comparison | None:
    """Text answers without regard to case; letters in another order may be a product, so those stay open."""
    left, right = _WORDS.fullmatch(gold), _WORDS.fullmatch(answer)
    if left and right:
        same = len(gold) > 1 and gold.casefold() == answer.casefold()
        return Comparison(same, "words") if same or sorted(gold) != sorted(answer) else None
    is_word = re.compile(r"[^\W\d_]{3,}").search
    is_plain = (right and is_word(answer) and _gold_number(gold)) or (left and is_word(gold) and number(answer))
    return Comparison(False, "words") if is_plain else None


def _is_too_complex(text: str) -> bool:
    """What is not even tried: sizes that no honest answer has, lists with dots, and sums that need evaluation."""
    if len(text) > MAX_WORKER_CHARS or _LONG_DIGITS.search(text) or _HARD.search(text):
        return True
    depth = deepest = 0
    for mark in text:
        depth += (mark in "({[") - (mark in ")}]")
        deepest = max(deepest, depth)
    return deepest > MAX_WORKER_DEPTH or text.count("^") > 20 or text.count("!") > 5
