"""Values with something written behind them: percent, degrees, units, a base; and the policy for each.

A sign that only one side wrote is taken as left out (``74^\\circ`` is 74, ``25\\%`` is 0.25 and 25), but two units that
differ are converted, and are different where they measure different things.
"""

from __future__ import annotations

from fractions import Fraction

from thinkcurve.verify.maths.scalar import Found, same_value
from thinkcurve.verify.maths.tree import Node, const, has, num
from thinkcurve.verify.maths.units import size

HEADS = ("percent", "degree", "unit", "based")
_MAGNITUDES = {"hundred": 10**2, "thousand": 10**3, "million": 10**6, "billion": 10**9, "trillion": 10**12}


def same_quantity(gold: Node, answer: Node) -> Found:
    """Compare two scalars that may carry a percent sign, a degree sign, a unit or a base."""
    if has(gold, *HEADS) or has(answer, *HEADS):
        (left, sign, unit), (right, other, other_unit) = _taken_apart(gold), _taken_apart(answer)
        if sign == "unit" and not other:
            right, other, other_unit = _lettered(right)
        if other == "unit" and not sign:
            left, sign, unit = _lettered(left)
        if sign == other == "unit":
            return _units(left, unit, right, other_unit)
        if sign == "based" or other == "based":
            return _bases(gold, answer, sign, other)
        if sign == other:
            return same_value(left, right)
        if sign == "percent" or other == "percent":
            return _percent(left, right) if sign == "percent" else _percent(right, left)
        if sign == "degree" or other == "degree":
            return _degrees(left, right) if sign == "degree" else _degrees(right, left)
        return same_value(left, right)
    return same_value(gold, answer)


def _taken_apart(node: Node) -> tuple[Node, str, str]:
    """The bare value, what kind of thing stood behind it, and the unit's name."""
    if node.head == "neg" and node.args[0].head in HEADS[:3]:
        inner, sign, unit = _taken_apart(node.args[0])
        return Node("neg", (inner,)), sign, unit
    if node.head == "unit":
        first, _, rest = node.name.partition(" ")
        if first in _MAGNITUDES:
            value = Node("mul", (node.args[0], num(_MAGNITUDES[first])))
            return value, "unit" if rest else "", rest
        return node.args[0], "unit", node.name
    if node.head in ("percent", "degree"):
        return node.args[0], node.head, ""
    return node, "based" if node.head == "based" else "", ""


def _lettered(node: Node) -> tuple[Node, str, str]:
    """``1 m`` against ``100 cm``: the letter behind the value is a unit in this light."""
    if node.head == "mul" and node.args[1].head == "sym" and node.args[1].name in ("m", "s", "g", "h", "l", "L"):
        return node.args[0], "unit", node.args[1].name
    return node, "", ""


def _units(left: Node, unit: str, right: Node, other: str) -> Found:
    if unit == other:
        return same_value(left, right)
    if unit.startswith("mod ") and other.startswith("mod "):
        return Found(False, "unit")
    if {unit, other} == {"am", "pm"}:
        return Found(False, "unit")
    one, two = size(unit), size(other)
    if one is None or two is None:
        return same_value(left, right)
    if one[0] != two[0]:
        return Found(False, "unit")
    return same_value(_times(left, one[1]), _times(right, two[1]))


def _times(node: Node, factor: Fraction) -> Node:
    return Node("mul", (node, num(factor)))


def _percent(inner: Node, other: Node) -> Found:
    hundredth = same_value(_times(inner, Fraction(1, 100)), other)
    return hundredth if hundredth.equal else same_value(inner, other)


def _degrees(inner: Node, other: Node) -> Found:
    found = same_value(inner, other)
    if not found.equal and has(other, "const"):
        return same_value(Node("mul", (inner, Node("div", (const("pi"), num(180))))), other)
    return found


def _bases(gold: Node, answer: Node, sign: str, other: str) -> Found:
    """The same digits in the same base, or one of the two without its base: its value or its digits."""
    if sign == other:
        return Found(gold.name == answer.name, "base")
    based, bare = (gold, answer) if sign == "based" else (answer, gold)
    if bare.head != "num":
        return same_value(num(based.value or 0), bare)
    digits = based.name.partition("_")[0]
    is_suffix_dropped = sign == "based" and str(bare.value) == digits
    return Found(bare.value == based.value or is_suffix_dropped, "base")
