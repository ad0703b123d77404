"""Solutions with a whole number in them: ``\\frac{\\pi}{4} + k\\pi, k \\in \\mathbb{Z}``, by any letter, in any order.

Families that are linear in their number are compared as sets: two of them are one when their steps are and their
starts lie whole steps apart. Others are compared form by form.
"""

from __future__ import annotations

import re
from typing import Any, NamedTuple

from thinkcurve.verify.maths.numeric import CannotError, evaluate, library
from thinkcurve.verify.maths.relations import named
from thinkcurve.verify.maths.scalar import UNKNOWN, Found, free_bound, same_value
from thinkcurve.verify.maths.tree import Node, const, has, symbols, walk

_DOMAIN = re.compile(
    r"(?:,|;|\\[ ,;:!]|\\q?quad(?![a-z])|\\text\s*\{\s*,?\s*(?:where|for|with|for any integer|for all)?\s*\}"
    r"|\bwhere\b|\bfor\b|\s)*\(?\s*"
    r"\\?(?:forall\s*)?([a-zN])\s*(?:\\in\s*(?:\\(?:mathbb|mathbf|mathrm|Bbb|bf)\s*)?\{?\s*\\?([ZN])\s*\}?"
    r"|\\text\s*\{\s*(?:is )?(?:an |any )?integers?\s*\.?\}|(?:is )?(?:an |any )?integers?)\s*\)?\s*\.?\s*\$?\s*\Z"
)
_LETTERS = frozenset("knmlptN")
_COUNTING = frozenset("knm")
_NUMBER = Node("sym", (), None, "bound 1")


class Family(NamedTuple):
    """Values with a whole number in them, and the set it is from."""

    values: tuple[Node, ...]
    domain: str


def domain(text: str) -> tuple[str, str, str] | None:
    """``text`` without what its end says of a whole number: the rest, the letter and the set."""
    if "in" not in text:
        return None
    match = _DOMAIN.search(text[-120:])
    start = len(text) - len(text[-120:]) + match.start() if match else 0
    return (text[:start], match[1], match[2] or "Z") if match and text[:start].strip() else None


def same_families(gold: Node, answer: Node) -> Found | None:
    """``None`` where neither is a family; a single letter that may stand for a whole number makes one of the other."""
    if gold.head != "family" and answer.head != "family" and not _are_angles(gold, answer):
        return None
    left, right = _family(gold), _family(answer)
    if left is None or right is None:
        return Found(False, "structure") if not symbols(gold) or not symbols(answer) else UNKNOWN
    if left.domain != right.domain or len(left.values) != len(right.values):
        return UNKNOWN
    rest, rung = list(right.values), "form"
    for value in left.values:
        found = [_same_member(value, other, left.domain) for other in rest]
        match = next((place for place, result in enumerate(found) if result.equal), None)
        if match is None:
            is_single = len(left.values) == 1 and found[0].equal is False
            return found[0] if is_single else UNKNOWN
        rung = found[match].rung
        del rest[match]
    return Found(True, rung)


def _are_angles(gold: Node, answer: Node) -> bool:
    """Whether both are multiples of pi in one counting letter each, and not the same one."""
    letters = symbols(gold), symbols(answer)
    is_counted = letters[0] != letters[1] and all(len(names) == 1 and names <= _COUNTING for names in letters)
    return is_counted and all(const("pi") in walk(side) for side in (gold, answer))


def _family(node: Node) -> Family | None:
    if node.head == "family":
        inner, where = node.args[0], node.name
    else:
        letters = symbols(node) & _LETTERS
        if len(letters) != 1:
            return None
        inner, where = _with_number(node, next(iter(letters))), "Z"
    known = named(inner)
    inner = known.value if known else inner
    values = inner.args if inner.head == "group" and inner.name in (",", "and", "or", "{}") else (inner,)
    return Family(tuple(item.value if (item := named(value)) else value for value in values), where)


def _with_number(node: Node, letter: str) -> Node:
    if node.head == "sym" and node.name == letter:
        return Node("bound", (), None, "1")
    return node._replace(args=tuple(_with_number(arg, letter) for arg in node.args)) if node.args else node


def _same_member(left: Node, right: Node, where: str) -> Found:
    if left == right:
        return Found(True, "form")
    if has(left, "group", "rel") or has(right, "group", "rel"):
        return UNKNOWN
    one, other = free_bound(left), free_bound(right)
    if (found := same_value(one, other)).equal:
        return found
    if where != "Z" or symbols(one) != {_NUMBER.name} or symbols(other) != {_NUMBER.name}:
        return UNKNOWN
    try:
        return Found(_is_one_lattice(one, other), "numeric")
    except CannotError:
        return UNKNOWN


def _is_one_lattice(left: Node, right: Node) -> bool:
    """Whether two linear families hold the same numbers."""
    mpmath = library()
    (start, step), (other, stride) = _line(left), _line(right)
    if abs(abs(step) - abs(stride)) > abs(step) * 1e-40:
        return False
    between = (start - other) / step
    return bool(abs(between - mpmath.nint(mpmath.re(between))) < 1e-40)


def _line(node: Node) -> tuple[Any, Any]:
    """Start and step; ``CannotError`` where it is no line."""
    mpmath = library()
    with mpmath.workdps(60):
        at = [evaluate(node, 60, {_NUMBER.name: mpmath.mpf(place)}) for place in (0, 1, 2, 5)]
        step = at[1] - at[0]
        if not step or any(
            abs(at[0] + step * place - at[i]) > 1e-45 * (1 + abs(at[i])) for i, place in ((2, 2), (3, 5))
        ):
            raise CannotError("not linear")
        return at[0], step
