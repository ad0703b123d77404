"""Is this text the same mathematics as the gold? Extraction in the light of the gold, then a ladder of rungs.

``judge_text`` reads the answer and ``compare`` compares: plain numbers by one regular expression, all else as trees
(``maths``), both in this process and with every size bounded beforehand. What cannot be read or told goes as LaTeX to
the killable worker (``worker``). It follows the gold: ``(1,100)`` is a pair and not a number.
"""

from __future__ import annotations

import functools
import re
from fractions import Fraction
from typing import NamedTuple

from thinkcurve.problem import MathAnswer
from thinkcurve.verify.extract import Extracted, Missing, box_contents, letter_answer, math_answer, worded_answer
from thinkcurve.verify.maths.parse import parse
from thinkcurve.verify.maths.rules import is_plain, same_by_rules
from thinkcurve.verify.maths.same import same
from thinkcurve.verify.maths.tokens import LONG_DECIMAL
from thinkcurve.verify.maths.tree import Node, ParseError, const, has, replaced, symbols, walk
from thinkcurve.verify.maths.units import words
from thinkcurve.verify.notation import PLAIN, normal
from thinkcurve.verify.number import MAX_DIGITS, Number, local_number, number

MAX_CHARS = 10_000  # an extracted answer; beyond it only digits are compared
MAX_BOXES = 10  # joined in one answer
MAX_WORKER_CHARS, MAX_WORKER_DEPTH, MAX_WORKER_DIGITS = 1000, 40, 400


class Comparison(NamedTuple):
    """``equal`` as far as this process can tell (``None``: not at all), and the ``rung`` that told.

    With ``None`` and no ``reason``, the worker is to compare ``gold`` and ``answer`` piece by piece; with a
    ``reason``, nobody can. Where it is not ``is_trusted`` (relations and lists), only the worker's "no" counts.
    """

    equal: bool | None
    rung: str
    reason: str = ""
    gold: tuple[str, ...] = ()
    answer: tuple[str, ...] = ()
    is_trusted: bool = True


class Reading(NamedTuple):
    """What was read as the answer, and how it compares."""

    found: Extracted
    compared: Comparison


_LETTER = re.compile(r"\W*(?:\\text(?:bf)?\{\W*)?\(?([A-J])\)?\W*")


_OPTION = re.compile(
    r"(?:\\(?:text|textbf|mathrm|mathbf)\{\s*\(([A-J])\)\s*\}|\(([A-J])\)\s)(?:\\ |\\[,;:]|\s|~|\\qquad|\\quad)*(\S.*)",
    re.DOTALL,
)
_LABEL = re.compile(r"\A\s*\\text(?:bf)?\{\s*\([A-J]\)\s*\}(?:\\ |\s|~)*(?=[^\s}$.])")  # "(C) 12" is 12


def judge_text(gold: str, answer: str, rules: MathAnswer | None = None) -> Reading | Missing:
    """Read ``answer`` and compare it with ``gold``, by ``rules`` where a task states any.

    A text that is the gold, sign by sign, needs no reading.
    """
    whole = answer.strip()
    if whole and whole == gold.strip() and len(whole) <= MAX_CHARS:
        start = answer.index(whole)
        return Reading(Extracted(whole, "whole", (start, start + len(whole))), Comparison(True, "identical"))
    if rules is not None and not is_plain(rules):
        found = math_answer(answer) if rules.form == "expression" else worded_answer(answer)
        return found if isinstance(found, Missing) else Reading(found, _compare_by(rules, found.text))
    if 2 < len(whole) < 200 and not PLAIN.fullmatch(gold) and _is_worded(_gold(gold), whole):
        start = answer.index(whole)
        return Reading(Extracted(whole, "whole", (start, start + len(whole))), Comparison(True, "words"))
    if option := _OPTION.fullmatch(gold.strip()):
        return _judge_option(option[1] or option[2], option[3], answer)
    found = math_answer(answer)
    reading = found if isinstance(found, Missing) else Reading(found, compare(gold, found.text))
    letter = _LETTER.fullmatch(gold) if len(gold) < 32 else None
    if letter is None or (isinstance(reading, Reading) and reading.compared.equal):
        return reading
    chosen = letter_answer(answer)
    return Reading(chosen, Comparison(chosen.text == letter[1], "letter")) if chosen else reading


def _is_worded(gold: _Gold, answer: str) -> bool:
    """Whether an answer is a gold in words, in the same words."""
    tree = _gold_tree(gold.text)
    return tree is not None and tree.head == "words" and words(answer) == tree.name


def _judge_option(letter: str, content: str, answer: str) -> Reading | Missing:
    """A gold that is an option, ``\\textbf{(C)}\\ 12``: its letter, what it says, or both."""
    found = math_answer(answer)
    if isinstance(found, Missing):
        return found
    if chosen := _LETTER.fullmatch(found.text):
        return Reading(found, Comparison(chosen[1] == letter, "letter"))
    label = _LABEL.match(found.text)
    if label and f"({letter})" not in label[0]:
        return Reading(found, Comparison(False, "letter"))
    return Reading(found, compare(content, found.text))


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
    if (
        left.number is not None
        and not left.has_unit
        and (settled := _compare_numbers(left, right, bool(_AND.search(right_text)))) is not None
    ):
        return settled
    if left.number is None and (settled := _compare_local(left, right)) is not None:
        return settled
    if is_too_complex(right) or is_too_complex(left.normal):
        return Comparison(None, "plain", "too_complex")
    return _compare_trees(left, right_text, right)


def _compare_by(rules: MathAnswer, answer: str) -> Comparison:
    """Rules of a task are read by our own parser only: what it cannot read is not told."""
    if len(answer) > MAX_CHARS or is_too_complex(answer):
        return Comparison(None, "plain", "too_complex")
    try:
        found = same_by_rules(rules, _gold(rules.answer).text, ", ".join(box_contents(answer)) or answer)
    except RecursionError:  # read, but too deep to be worked out
        return Comparison(None, "plain", "too_complex")
    return Comparison(found.equal, found.rung, "parse" if found.equal is None else "")


class _Gold(NamedTuple):
    """A gold answer, read once."""

    text: str
    normal: str
    number: Number | None
    has_unit: bool


_UNIT = re.compile(r"\\(?:text|mathrm|mbox|textbf|textrm)|[A-Za-z]{2}")
_LETTERS = re.compile(r"[A-Za-z]{2}")


@functools.lru_cache(maxsize=8192)
def _gold(gold: str) -> _Gold:
    """A gold written with boxes is what the boxes hold, or what a full text of an answer comes to."""
    found = math_answer(gold) if "boxed" in gold else None
    text = _unboxed(found.text if isinstance(found, Extracted) else gold)
    plain = normal(text)
    value = number(plain)
    has_unit = bool(_UNIT.search(text)) and (value is None or not _LETTERS.search(plain))  # not the words of a number
    return _Gold(text, plain, value, has_unit)


@functools.lru_cache(maxsize=8192)
def _gold_tree(text: str) -> Node | None:
    """The tree of a gold, read once, and not where numbers alone decide."""
    return _tree(text)


def _unboxed(text: str) -> str:
    return ", ".join(box_contents(text)) or text if "boxed" in text else text


def _tree(text: str) -> Node | None:
    try:
        return parse(text)
    except ParseError:
        return None


def _compare_numbers(gold: _Gold, answer: str, is_joined: bool) -> Comparison | None:
    if gold.number is None:
        return None
    right = number(answer) or (None if is_joined else local_number(answer))
    if right is not None:
        is_same = _same(gold.number, right)
        is_rounding = not is_same and (_is_long_decimal(answer) or _is_long_decimal(gold.normal))
        return None if is_rounding else Comparison(is_same, "number")
    if len(answer) > MAX_DIGITS and PLAIN.fullmatch(answer):
        return Comparison(_digits(answer) == _digits(gold.normal), "digits")
    return None


def _compare_local(gold: _Gold, answer: str) -> Comparison | None:
    """A gold with a decimal comma against a number; ``3,5`` may be a list too; ``0,5`` may not."""
    left = local_number(gold.normal)
    right = number(answer) if left is not None else None
    if left is None or right is None or not _same(left, right):
        return None
    is_list = gold.normal.count(",") == 1 and gold.normal[:2] != "0," and not set(gold.normal) & {".", " ", "'", "_"}
    return Comparison(None, "plain", "ambiguous") if is_list else Comparison(True, "number")


def _is_long_decimal(text: str) -> bool:
    """Whether it has the digits to stand for a fraction that never ends; the tree's rung decides."""
    return "." in text and LONG_DECIMAL < len(text) <= MAX_WORKER_DIGITS


def _compare_trees(gold: _Gold, text: str, plain: str) -> Comparison:
    left, tree = _gold_tree(gold.text), _tree(text)
    if left is not None and tree is not None:
        found = same(left, _with_small_i(left, tree))
        if found.equal is not None:
            return Comparison(found.equal, found.rung)
        if is_heavy(left) or is_heavy(tree):
            return Comparison(None, "parsed", "too_complex")
    elif (settled := _compare_words(gold.normal, plain)) is not None:
        return settled
    if gold.has_unit and _UNIT.search(text):  # without their units, which the worker does not see, they may seem equal
        return Comparison(None, "parsed", "parse")
    if any(_DOTS.search(side) or _HARD.search(side) for side in (gold.normal, plain)):
        return Comparison(None, "plain", "too_complex")
    is_trusted = not any(_STRUCTURE.search(side) for side in (gold.normal, plain))
    return Comparison(None, "worker", "", (gold.normal,), (plain,), is_trusted)


_BIG_I, _SMALL_I = Node("sym", (), None, "I"), const("i")


def _with_small_i(gold: Node, tree: Node) -> Node:
    """``2*I`` is sympy's way of writing 2i: read so where the gold is complex and has no I of its own."""
    if _BIG_I.name not in symbols(tree) or _BIG_I.name in symbols(gold) or _SMALL_I not in walk(gold):
        return tree
    return replaced(tree, _BIG_I, _SMALL_I)


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
_STRUCTURE = re.compile(
    r"[=<>,;]|\\(?:[gl]eq?|in|cup|cap|text|pm|begin)(?![a-z])"
)  # where math-verify says yes too often
_AND = re.compile(r"\b(?:and|or)\b")
_DOTS = re.compile(r"\\[lcv]?dots|\.\.\.")  # "and so on", sums and integrals: nothing that a worker could settle
_LONG_DIGITS = re.compile(rf"[0-9]{{{MAX_WORKER_DIGITS},}}")


def _compare_words(gold: str, answer: str) -> Comparison | None:
    """Words that are no expression to us, without regard to case; and words against a number."""
    left, right = _WORDS.fullmatch(gold), _WORDS.fullmatch(answer)
    if left and right:
        return Comparison(gold.casefold() == answer.casefold(), "words")
    is_word = re.compile(r"[^\W\d_]{3,}").search
    is_plain = (right and is_word(answer) and number(gold)) or (left and is_word(gold) and number(answer))
    return Comparison(False, "words") if is_plain else None


def is_heavy(tree: Node) -> bool:
    """Whether the worker would only run into its limits: towers, factorials of what is large, powers of long sums."""
    for node in walk(tree):
        if node.head == "pow" and not symbols(node.args[1]):
            most = 20 if has(node.args[0], "add") else 1000
            if has(node.args[1], "pow", "fn") or any(_size(part) > most for part in walk(node.args[1])):
                return True
        if (
            node.head == "fn"
            and node.name in ("factorial", "binom")
            and any(not symbols(arg) and (arg.value is None or _size(arg) > 1000) for arg in node.args)
        ):
            return True
    return False


def _size(node: Node) -> Fraction:
    return abs(node.value or Fraction(0))


def is_too_complex(text: str) -> bool:
    """What is not even tried: sizes that no honest answer has."""
    if len(text) > MAX_WORKER_CHARS or _LONG_DIGITS.search(text):
        return True
    depth = deepest = 0
    for mark in text:
        depth += (mark in "({[") - (mark in ")}]")
        deepest = max(deepest, depth)
    return deepest > MAX_WORKER_DEPTH or text.count("^") > 20 or text.count("!") > 5
