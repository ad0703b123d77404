"""A task's own rules for what counts as right, as changes to the two trees before they are compared.

A tolerance becomes part of the gold: each of its numbers is wrapped in a ``near`` node that other numbers may differ
from by so much.
"""

from __future__ import annotations

import re
from fractions import Fraction

from thinkcurve.problem import MathAnswer
from thinkcurve.verify.maths.clock import same_date, same_time
from thinkcurve.verify.maths.parse import parse
from thinkcurve.verify.maths.same import same
from thinkcurve.verify.maths.scalar import UNKNOWN, Found
from thinkcurve.verify.maths.tree import Node, ParseError, const, num, walk
from thinkcurve.verify.maths.units import LETTERS, is_same_unit

_NO_VALUES = ("group", "rel", "cup", "cap", "minus", "matrix", "words", "ratio", "pm", "mp", "sym")
_RADIANS = frozenset(("rad", "rads", "radian", "radians"))
_DIGITS = re.compile(r"\s*\$?\s*(?:0[bBoOxX])?([0-9A-Za-z]+)\s*\$?\s*")
_LITERAL = re.compile(r"([0-9]+)(?:\.([0-9]*))?(?:[eE]([-+]?[0-9]{1,3}))?")


def is_plain(rules: MathAnswer) -> bool:
    """Whether a reference states no rules of its own."""
    return rules == MathAnswer(rules.answer)


def same_by_rules(rules: MathAnswer, gold: str, answer: str) -> Found:
    """Compare two texts as ``rules`` say."""
    if rules.form != "expression":
        found = (same_time if rules.form == "time" else same_date)(gold, answer)
        if found is not None:
            return found
    try:
        left, right = (parse(_with_base(text, rules.base)) for text in (gold, answer))
    except ParseError:
        is_digits = rules.base is not None and _DIGITS.fullmatch(gold) and _DIGITS.fullmatch(answer)
        return Found(False, "base") if is_digits else UNKNOWN
    if rules.units == "required" and not _has_its_units(left, right):
        return Found(False, "unit")
    left, right = _ruled(left, rules), _ruled(right, rules)
    if rules.tolerance is not None or rules.is_rounded:
        left = _near(left, rules, _written(gold) if rules.is_rounded else {})
    return same(left, right)


def _with_base(text: str, base: int | None) -> str:
    match = _DIGITS.fullmatch(text) if base is not None else None
    return f"{match[1].upper()}_{{{base}}}" if match else text


def _ruled(node: Node, rules: MathAnswer) -> Node:
    """``node`` with its percent signs, degrees and brackets as ``rules`` read them; arguments of functions stay."""
    if node.head == "fn":
        return node
    args = tuple(_ruled(arg, rules) for arg in node.args)
    if node.head == "percent" and rules.percent == "exact":
        return Node("div", (args[0], num(100)))
    if rules.angles != "either" and (node.head == "degree" or (node.head == "unit" and node.name in _RADIANS)):
        is_bare = (node.head == "degree") == (rules.angles == "degrees")
        turn = Node("div", (const("pi"), num(180)) if node.head == "degree" else (num(180), const("pi")))
        return args[0] if is_bare else Node("mul", (args[0], turn))
    if node.head == "group" and rules.order != "gold" and len(args) > 1:
        is_open = node.name in (",", "and", "or", "{}")
        if rules.order == "exact" and is_open:
            return Node("group", args, None, "()")
        if rules.order == "any" and node.name in ("()", "[]"):
            return Node("group", args, None, ",")
    return node._replace(args=args)


def _has_its_units(gold: Node, answer: Node) -> bool:
    """Whether each unit that the gold writes is written in the answer, or one of the same kind."""
    wanted, given = _unit_names(gold), _unit_names(answer)
    return all(any(is_same_unit(unit, other) for other in given) for unit in wanted)


def _unit_names(node: Node) -> set[str]:
    """The units in it; a letter behind a value is one too (``5 m``)."""
    found = {"degree" if item.head == "degree" else item.name for item in walk(node) if item.head in ("unit", "degree")}
    return found | {item.name for item in walk(node) if item.head == "sym" and item.name in LETTERS}


def _near(node: Node, rules: MathAnswer, written: dict[Fraction, Fraction]) -> Node:
    """``node`` with its values wrapped, each with the difference that counts as none."""
    if node.head in _NO_VALUES:
        if node.head in ("sym", "words"):
            return node
        return node._replace(args=tuple(_near(arg, rules, written) for arg in node.args))
    allowed = Fraction(repr(rules.tolerance)) if rules.tolerance is not None else Fraction(0)
    literal = next((item.value for item in walk(node) if item.head == "num" and item.value in written), None)
    if literal is not None:
        allowed = max(allowed, written[literal])
    return Node("near", (node,), allowed)


def _written(text: str) -> dict[Fraction, Fraction]:
    """Half of the last decimal place of each number as it is written in ``text``."""
    found = {}
    for whole, rest, exponent in _LITERAL.findall(text.replace("{,}", "").replace(",\\!", "")):
        scale = Fraction(10) ** int(exponent or 0)
        place = scale / 10 ** len(rest)
        found[Fraction(int(whole + rest)) * place] = place / 2
    return found
