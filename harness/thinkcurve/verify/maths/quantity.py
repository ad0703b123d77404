"""Values with something written behind them: percent, degrees, units, a base; and the policy for each.

A sign that only one side wrote is taken as left out (``74^\\circ`` is 74, ``25\\%`` is 0.25 and 25), but two units that
differ are converted, and are different where they measure different things.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from fractions import Fraction

from thinkcurve.verify.maths.scalar import Found, near_value, same_value
from thinkcurve.verify.maths.tree import Node, const, has, num
from thinkcurve.verify.maths.units import LETTERS, size

HEADS = ("percent", "degree", "unit", "based")
Comparer = Callable[[Node, Node], Found]
_MAGNITUDES = {"hundred": 10**2, "thousand": 10**3, "million": 10**6, "billion": 10**9, "trillion": 10**12}


def same_quantity(gold: Node, answer: Node) -> Found:
    """Compare two scalars that may carry a percent sign, a degree sign, a unit or a base, or a tolerance (the gold)."""
    if gold.head == "near":
        return _quantities(gold.args[0], answer, functools.partial(near_value, gold.value or Fraction(0)))
    return _quantities(gold, answer, same_value)


def _quantities(gold: Node, answer: Node, compared: Comparer) -> Found:
    """The answer is brought to the gold's unit, where a tolerance is meant in it."""
    if not has(gold, *HEADS) and not has(answer, *HEADS):
        return compared(gold, answer)
    (left, sign, unit), (right, other, other_unit) = _taken_apart(gold), _taken_apart(answer)
    if sign == "unit" and not other:
        right, other, other_unit = _with_letters(right)
    if other == "unit" and not sign:
        left, sign, unit = _with_letters(left)
    if unit.startswith("mod ") or other_unit.startswith("mod "):
        return _residues(left, unit, right, other_unit)
    if sign == other == "unit":
        return _units(left, unit, right, other_unit, compared)
    if sign == "based" or other == "based":
        return _bases(gold, answer, sign, other)
    if sign != other and "percent" in (sign, other):
        factor = num(100) if sign == "percent" else num(Fraction(1, 100))
        hundredth = compared(left, Node("mul", (right, factor)))
        return hundredth if hundredth.equal else compared(left, right)
    if sign != other and "degree" in (sign, other):
        found = compared(left, right)
        if not found.equal and has(right if sign == "degree" else left, "const"):
            turn = (num(180), const("pi")) if sign == "degree" else (const("pi"), num(180))
            return compared(left, Node("mul", (right, Node("div", turn))))
        return found
    return compared(left, right)


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
    if node.head in ("mul", "div") and has(node, "unit"):
        return _with_letters(node)
    return node, "based" if node.head == "based" else "", ""


def _with_letters(node: Node) -> tuple[Node, str, str]:
    """``15 m/s`` against a value with a unit: letters and units in a product or a quotient are the unit."""
    values: list[Node] = []
    units: list[str] = []
    for factor, power in _factors(node, 1):
        if factor.head == "sym" and factor.name in LETTERS:
            units.append(f"{factor.name.lower()}^{power}")
        elif factor.head == "unit" and power == 1:
            values.append(factor.args[0])
            units.append(factor.name)
        elif has(factor, "unit", "sym"):
            return node, "", ""
        else:
            values.append(factor if power == 1 else Node("pow", (factor, num(power))))
    if not units or not values:
        return node, "", ""
    return values[0] if len(values) == 1 else Node("mul", tuple(values)), "unit", " ".join(units)


def _factors(node: Node, power: int) -> list[tuple[Node, int]]:
    if node.head in ("mul", "div"):
        right = power if node.head == "mul" else -power
        return _factors(node.args[0], power) + [item for arg in node.args[1:] for item in _factors(arg, right)]
    if node.head == "pow" and node.args[0].head == "sym" and (exponent := _small(node.args[1])):
        return [(node.args[0], power * exponent)]
    return [(node, power)]


def _small(node: Node) -> int:
    """A small whole exponent; else 0."""
    value = node.value if node.head == "num" else -(node.args[0].value or 0) if node.head == "neg" else None
    return int(value) if value is not None and value.denominator == 1 and abs(int(value)) < 10 else 0


def _units(left: Node, unit: str, right: Node, other: str, compared: Comparer) -> Found:
    if unit == other:
        return compared(left, right)
    if {unit, other} == {"am", "pm"}:
        return Found(False, "unit")
    one, two = size(unit), size(other)
    if one is None or two is None:
        return compared(left, right)
    if one.kind != two.kind:
        return Found(False, "unit")
    return compared(left, Node("mul", (right, num(two.scale / one.scale))) if one.scale != two.scale else right)


def _residues(left: Node, unit: str, right: Node, other: str) -> Found:
    """``17 \\bmod 5`` is 2: a whole number with a modulus is its remainder, a bare one itself."""
    if unit and other and unit != other:
        return Found(False, "unit")
    sides = []
    for node, modulus in ((left, unit), (right, other)):
        value = node.value if node.head == "num" else None
        if value is None or value.denominator != 1 or not modulus:
            sides.append(node)
        else:
            sides.append(num(value.numerator % int(modulus.removeprefix("mod "))))
    found = same_value(sides[0], sides[1])
    return found if found.equal else same_value(left, right)


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
