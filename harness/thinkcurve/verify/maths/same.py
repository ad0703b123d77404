"""Two trees, the same mathematics or not: names dropped, lists matched, sets and relations solved, values compared.

The comparison follows the gold. Every rule is symmetric except where a side without its base, unit or name is read
in the light of the other one.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from thinkcurve.verify.maths import relations
from thinkcurve.verify.maths.families import same_families
from thinkcurve.verify.maths.matrices import in_components, matrix, shape
from thinkcurve.verify.maths.numeric import CannotError
from thinkcurve.verify.maths.piecewise import same_cases
from thinkcurve.verify.maths.quantity import same_quantity
from thinkcurve.verify.maths.realset import real_set, same_set
from thinkcurve.verify.maths.scalar import UNKNOWN, Found
from thinkcurve.verify.maths.tree import Node, ParseError, const, has, num, symbols

LISTS = (",", "and", "or", "{}")
BRACKETS = ("()", "[]", "(]", "[)")
MAX_PAIRS = 900
_ARITHMETIC = ("add", "mul", "div", "pow", "neg", "num")  # what is no set, whatever its letters stand for
_NOT_SCALAR = ("group", "rel", "cup", "cap", "minus", "matrix", "words", "ratio")
_DIFFERENT = Found(False, "structure")


def same(gold: Node, answer: Node, depth: int = 0) -> Found:
    """Whether ``answer`` is ``gold``, and the rung that told."""
    if gold == answer:
        return Found(True, "form")
    if depth > 6:
        return UNKNOWN
    if (found := _words(gold, answer)) is not None:
        return found
    if (found := same_families(gold, answer)) is not None:
        return found
    if (found := _relations(gold, answer, depth)) is not None:
        return found
    if "cases" in (gold.head, answer.head):
        return _cases(gold, answer)
    if (found := _sets(gold, answer)) is not None:
        return found
    gold, answer = _spread(_unlabelled(gold, answer)), _spread(_unlabelled(answer, gold))
    gold, answer = in_components(gold, answer), in_components(answer, gold)
    if gold.head == "group" or answer.head == "group":
        return _groups(gold, answer, depth)
    if has(gold, "matrix") or has(answer, "matrix"):
        return _matrices(gold, answer, depth)
    if gold.head == "ratio" or answer.head == "ratio":
        return _ratios(gold, answer, depth)
    if const("dots") in (gold, answer):
        return _DIFFERENT
    if any(side.head in _NOT_SCALAR for side in (gold, answer)):
        return UNKNOWN
    return same_quantity(gold, answer)


def _words(gold: Node, answer: Node) -> Found | None:
    """Words are only words; a single letter is one too (``\\text{(B)}`` is B)."""
    sides = [gold, answer]
    if not has(gold, "words") and not has(answer, "words"):
        return None
    if all(side.head != "words" for side in sides) and not all(_word_list(side) for side in sides):
        return None
    lists = [_word_list(side) for side in sides]
    if all(lists) and max(map(len, lists)) > 1:
        return Found(sorted(lists[0]) == sorted(lists[1]), "words")
    if const("R") in sides:
        return Found(any(side.name in _ALL_REALS for side in sides), "words")
    folded = [
        _SYNONYMS.get(side.name.casefold(), side.name.casefold()) if side.head in ("words", "sym") else ""
        for side in sides
    ]
    if any(side.head == "const" and side.name == "empty" for side in sides):
        none = ("no solution", "no solutions", "none", "no real solution", "no real solutions", "empty set")
        return Found(any(word in none for word in folded), "words")
    if folded[0] and folded[0] == folded[1]:
        return Found(True, "words")
    if any(has(side, "words") and side.head != "words" for side in sides):
        return UNKNOWN
    return Found(False, "words")


def _cases(gold: Node, answer: Node) -> Found:
    """Functions by cases; the same pieces in another order are the same form."""
    if any(side.head in _NOT_SCALAR for side in (gold, answer)):
        return _DIFFERENT
    if gold.head == answer.head and {*_pairs(gold)} == {*_pairs(answer)} and const("else") not in gold.args:
        return Found(True, "form")
    return same_cases(gold, answer)


def _pairs(node: Node) -> list[tuple[Node, Node]]:
    return list(zip(node.args[::2], node.args[1::2], strict=True))


_SYNONYMS = {"dne": "does not exist"}
_ALL_REALS = ("all real numbers", "all reals", "real numbers", "the real numbers", "any real number", "all real values")
_AND = re.compile(r"\s*,\s*(?:and\s+)?|\s+and\s+")


def _word_list(node: Node) -> list[str]:
    """The words of a list, in one piece (``\\text{Ann, Bob}``) or several; nothing for anything else."""
    if node.head == "words":
        return _AND.split(node.name)
    is_list = node.head == "group" and node.name in LISTS
    return (
        [word for arg in node.args for word in _word_list(arg)]
        if is_list and all(a.head == "words" for a in node.args)
        else []
    )


# Relations ---------------------------------------------------------------------------------------------------


def _relations(gold: Node, answer: Node, depth: int) -> Found | None:
    """``None`` where no relation is involved."""
    if not has(gold, "rel") and not has(answer, "rel"):
        return None
    if "cases" in (gold.head, answer.head) and "rel" not in (gold.head, answer.head):
        return None
    left, right = relations.named(gold), relations.named(answer)
    if left and right:
        return _named(gold, answer, left, right, depth)
    if left is None or right is None:
        folded = relations.without_indices(gold), relations.without_indices(answer)
        if (folded[0] == gold) != (folded[1] == answer) and any(relations.named(side) for side in folded):
            return same(*folded, depth + 1)
    if left and answer.head == "rel" and not symbols(answer):
        return _chain(left.value, answer, depth)
    if left and answer.head != "rel" and (not has(answer, "rel") or answer.head == "cases"):
        return same(left.value, answer, depth + 1)
    if right and gold.head != "rel" and (not has(gold, "rel") or gold.head == "cases"):
        return same(gold, right.value, depth + 1)
    if right and right.name.head == "group" and gold.head == "group":
        return _named_lists(gold, right.value, depth) or _DIFFERENT
    if left and left.name.head == "group" and answer.head == "group":
        return _named_lists(left.value, answer, depth) or _DIFFERENT
    if gold.head == "group" and answer.head == "group":
        listed = _named_lists(gold, answer, depth)
        if listed is not None:
            return listed
    if (settled := _as_real_sets(gold, answer)) is not None:
        return settled
    if gold.head == "group" or answer.head == "group":
        return None
    if gold.head == answer.head == "rel":
        return relations.same_relation(gold, answer)
    if gold.head == "rel":
        return _DIFFERENT
    return _chain(gold, answer, depth)


def _chain(gold: Node, answer: Node, depth: int) -> Found:
    """``2 + 3 = 5`` is 5 because every part of it is; ``41 = 42`` is neither."""
    if set(answer.name.split()) - {"=", "~"}:
        return _DIFFERENT
    signs = answer.name.split()
    stated = answer.args[: signs.index("~") + 1] if "~" in signs else answer.args  # "= 19/6 ~ 3.17" states 19/6
    found = UNKNOWN
    for part in stated:
        found = same(gold, part, depth + 1)
        if not found.equal:
            return found
    return found


def _named(gold: Node, answer: Node, left: relations.Named, right: relations.Named, depth: int) -> Found:
    if (renamed := relations.same_name(left, right)) is not None:
        return same(left.value, renamed.value, depth + 1)
    if gold.head == answer.head == "rel" and gold.name == answer.name == "=" and symbols(gold, answer):
        return relations.same_relation(gold, answer)
    return _DIFFERENT


def _named_lists(gold: Node, answer: Node, depth: int) -> Found | None:
    """``x = 3, y = 4`` against ``(3, 4)`` or ``3, 4``: in the order of the names, or as they stand in a list."""
    sides = []
    for side, other in ((gold, answer), (answer, gold)):
        found = [relations.named(arg) for arg in side.args]
        if all(found) and not has(other, "rel"):
            pairs = [item for item in found if item]
            if other.name == "()":
                pairs.sort(key=lambda item: str(item.name))
            sides.append(Node("group", tuple(item.value for item in pairs), None, "()"))
        else:
            sides.append(side)
    if sides == [gold, answer] or len(sides[0].args) != len(sides[1].args):
        return None
    return _all([same(g, a, depth + 1) for g, a in zip(sides[0].args, sides[1].args, strict=True)])


def _as_real_sets(gold: Node, answer: Node) -> Found | None:
    """A relation in one variable against a set of numbers or another such relation."""
    gold, answer = relations.with_plain_variable(gold), relations.with_plain_variable(answer)
    sides = (gold, answer)
    if any(side.head not in ("rel", "group", "cup", "cap", "minus", "const") for side in sides):
        return None
    if any(side.head == "rel" and set(side.name.split()) == {"="} for side in sides):
        return None
    names = [relations.variable(side) for side in sides]
    if None not in names and names[0] != names[1]:
        return None
    return _compared_sets(gold, answer)


def _compared_sets(gold: Node, answer: Node) -> Found | None:
    try:
        return Found(same_set(real_set(gold), real_set(answer)), "set")
    except CannotError:
        return None


def _sets(gold: Node, answer: Node) -> Found | None:
    """Sets that need working out; ``None`` where there are none, or the two are plain intervals."""
    sides = (gold, answer)
    if all(side.head not in ("cup", "cap", "minus") and side not in (const("R"), const("empty")) for side in sides):
        return None
    if gold.head == answer.head == "const" and "inf" not in (gold.name, answer.name):
        return Found(gold == answer, "set")
    if (found := _compared_sets(gold, answer)) is not None:
        return found
    if gold.head == answer.head and gold.head in ("cup", "cap", "minus"):
        return _symbolic_sets(gold, answer)
    return _DIFFERENT if any(side.head in _ARITHMETIC for side in sides) else UNKNOWN


def _symbolic_sets(gold: Node, answer: Node) -> Found:
    left, right = _operands(gold), _operands(answer)
    found = _matched(left, right, 3) if gold.head != "minus" else _ordered(left, right, 3)
    return found if found.equal else UNKNOWN


def _operands(node: Node) -> tuple[Node, ...]:
    if node.head == "minus":
        return node.args
    return tuple(item for arg in node.args for item in (_operands(arg) if arg.head == node.head else (arg,)))


def _unlabelled(node: Node, other: Node) -> Node:
    """``A(3,-2)`` is the point."""
    is_point = node.head == "mul" and len(node.args) == 2 and node.args[1].head == "group" and node.args[1].name == "()"
    is_named = is_point and node.args[0].head == "sym" and node.args[0].name[:1].isupper()
    return node.args[1] if is_named and other.head == "group" else node


# Lists -------------------------------------------------------------------------------------------------------


def _spread(node: Node) -> Node:
    """Each plus-minus as two members of a list."""
    if not has(node, "pm", "mp"):
        return node
    if node.head == "group" and node.name in LISTS:
        items = [item for arg in node.args for item in _both(arg)]
        return node._replace(args=tuple(items))
    if node.head == "group":
        return node
    return Node("group", tuple(_both(node)), None, ",")


def _both(node: Node) -> list[Node]:
    if not has(node, "pm", "mp"):
        return [node]
    return [_signed(node, True), _signed(node, False)]


def _signed(node: Node, is_plus: bool) -> Node:
    args = tuple(_signed(arg, is_plus) for arg in node.args)
    if node.head in ("pm", "mp"):
        return args[0] if is_plus == (node.head == "pm") else Node("neg", args)
    return node._replace(args=args)


def _groups(gold: Node, answer: Node, depth: int) -> Found:
    if gold.head != "group" or answer.head != "group":
        return _one_group(gold, answer, depth)
    if gold.name in LISTS and answer.name in LISTS:
        if const("dots") in gold.args + answer.args:
            return _ordered(gold.args, answer.args, depth)
        return _matched(gold.args, answer.args, depth)
    if gold.name != answer.name:
        return _one_group(gold, answer, depth)
    return _ordered(gold.args, answer.args, depth)


def _one_group(gold: Node, answer: Node, depth: int) -> Found:
    """A list against what is none: a set of one is its member, a column is a tuple; else they differ."""
    for group, other, is_gold in ((gold, answer, True), (answer, gold, False)):
        if group.head == "group" and group.name == "{}" and len(group.args) == 1:
            return same(group.args[0], other, depth + 1) if is_gold else same(other, group.args[0], depth + 1)
        if group.head == "group" and group.name in ("()", "[]") and other.head == "matrix" and 1 in shape(other):
            return _ordered(*((group.args, other.args) if is_gold else (other.args, group.args)), depth)
    if "matrix" in (gold.head, answer.head):
        left, right = _rows(gold), _rows(answer)
        return same(left, right, depth + 1) if left and right else _DIFFERENT
    if any(side.head == "const" and side.name == "empty" for side in (gold, answer)):
        return Found(any(side.head == "group" and not side.args for side in (gold, answer)), "set")
    return _DIFFERENT


def _rows(node: Node) -> Node | None:
    """A matrix from a list of rows (``[[1, 0], [0, 1]]``); a matrix as it is; ``None`` for anything else."""
    if node.head == "matrix":
        return node
    rows = [row.args for row in node.args if row.head == "group" and row.name == node.name]
    if not rows or len(rows) < len(node.args) or len({len(row) for row in rows}) > 1:
        return None
    return Node("matrix", tuple(cell for row in rows for cell in row), None, f"{len(rows)}x{len(rows[0])}")


def _ordered(gold: Sequence[Node], answer: Sequence[Node], depth: int) -> Found:
    if len(gold) != len(answer):
        return _DIFFERENT
    return _all([same(g, a, depth + 1) for g, a in zip(gold, answer, strict=True)])


def _matched(gold: Sequence[Node], answer: Sequence[Node], depth: int) -> Found:
    """In any order, each member once."""
    if len(gold) != len(answer):
        return _DIFFERENT
    if len(gold) * len(answer) > MAX_PAIRS:
        return _ordered(gold, answer, depth)._replace(equal=None)
    rest, is_open, rung = list(answer), False, "form"
    for item in gold:
        found = [same(item, other, depth + 1) for other in rest]
        match = next((i for i, result in enumerate(found) if result.equal), None)
        if match is None:
            if all(result.equal is False for result in found):
                return found[0] if found else _DIFFERENT
            is_open = True
            continue
        rung = found[match].rung if found[match].rung != "form" else rung
        del rest[match]
    return UNKNOWN if is_open else Found(True, rung)


def _all(results: list[Found]) -> Found:
    for result in results:
        if result.equal is False:
            return result
    if any(result.equal is None for result in results):
        return UNKNOWN
    return next((result for result in results if result.rung != "form"), Found(True, "form"))


# Matrices and ratios -----------------------------------------------------------------------------------------


def _matrices(gold: Node, answer: Node, depth: int) -> Found:
    try:
        left, right = matrix(gold), matrix(answer)
    except ParseError:
        return UNKNOWN
    if left is None or right is None:
        if _is_identity(left, answer) or _is_identity(right, gold):
            return Found(True, "structure")
        return UNKNOWN if has(gold, "fn") or has(answer, "fn") else _DIFFERENT
    if left.name != right.name:
        return _DIFFERENT
    return _ordered(left.args, right.args, depth)


def _is_identity(node: Node | None, other: Node) -> bool:
    """Whether one is the letter I and the other that matrix."""
    if node is None or other.head != "sym" or other.name != "I":
        return False
    rows, columns = shape(node)
    entries = [num(int(row == column)) for row in range(rows) for column in range(columns)]
    return rows == columns and list(node.args) == entries


def _ratios(gold: Node, answer: Node, depth: int) -> Found:
    """Part by part, else in proportion; a ratio of two is also their quotient; a time of day only itself."""
    if gold.head != "ratio" or answer.head != "ratio":
        ratio, other = (gold, answer) if gold.head == "ratio" else (answer, gold)
        if len(ratio.args) != 2 or has(ratio, "unit"):
            return _DIFFERENT
        quotient = Node("div", ratio.args)
        return same(quotient, other, depth + 1) if ratio is gold else same(other, quotient, depth + 1)
    if len(gold.args) != len(answer.args):
        return _DIFFERENT
    found = _ordered(gold.args, answer.args, depth)
    if found.equal or has(gold, "unit") or has(answer, "unit") or num(0) in gold.args + answer.args:
        return found
    left = [Node("mul", (arg, answer.args[0])) for arg in gold.args[1:]]
    right = [Node("mul", (arg, gold.args[0])) for arg in answer.args[1:]]
    return _ordered(left, right, depth)
